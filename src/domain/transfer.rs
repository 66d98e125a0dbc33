//! A transfer, or pick-up: the custodian hands the person to the agency that lodged the detainer.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::claim::Side;
use crate::domain::ids::{CaseKind, CaseName, FacilityCode, InvalidId, uuid};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The state of a transfer. Its life cycle is the table in docs/lifecycle.md.
    pub enum TransferState {
        /// A window was offered.
        Offered = "offered",
        /// The window was accepted.
        Accepted = "accepted",
        /// The window was declined.
        Declined = "declined",
        /// The custodian says that it handed the person over.
        HandedOver = "handed-over",
        /// The requester says that it took the person over.
        TakenOver = "taken-over",
        /// Both say so.
        Completed = "completed",
        /// It failed.
        Failed = "failed",
        /// The requester named another window.
        Proposed = "proposed",
        /// The release is now expected before the window.
        Reopened = "reopened",
        /// One side withdrew the window, or the person was released before it was over.
        Withdrawn = "withdrawn",
    }
}

vocabulary! {
    /// Why a requester declined a window, or one side withdrew it.
    pub enum WindowDeclineReason {
        /// Nobody was available to send.
        Resources = "resources",
        /// Not at that time.
        Time = "time",
        /// Not at that place.
        Place = "place",
        /// The person is no longer sought.
        NoLongerSought = "no-longer-sought",
        /// Another reason.
        Other = "other",
    }
}

vocabulary! {
    /// Why a window no longer holds. None of these is a failure of the transfer.
    pub enum WindowChange {
        /// The custodian named another.
        RevisedByCustodian = "revised-by-custodian",
        /// The requester named another.
        RevisedByRequester = "revised-by-requester",
        /// The release was advanced, or took place, before the window.
        ReleaseAdvanced = "release-advanced",
        /// The custodian withdrew it.
        WithdrawnByCustodian = "withdrawn-by-custodian",
        /// The requester withdrew it.
        WithdrawnByRequester = "withdrawn-by-requester",
    }
}

vocabulary! {
    /// Why a transfer failed.
    pub enum TransferFailureCause {
        /// Nobody came while the window was open.
        NoShow = "no-show",
        /// Nobody was available to send, or to hand the person over.
        Resources = "resources",
        /// One side refused on the spot.
        Refused = "refused",
        /// The custodian did not bring the person.
        NotProduced = "not-produced",
        /// Another cause.
        Other = "other",
    }
}

impl TransferState {
    /// Whether it may still take place.
    pub fn is_open(self) -> bool {
        match self {
            Self::Offered | Self::Proposed | Self::Reopened | Self::Accepted | Self::HandedOver | Self::TakenOver => {
                true
            }
            Self::Declined | Self::Completed | Self::Failed | Self::Withdrawn => false,
        }
    }
}

/// When and where the person can be picked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferWindow {
    /// From when on.
    pub opens_at: Timestamp,
    /// Until when; after `opens_at`.
    pub closes_at: Timestamp,
    /// Where.
    pub facility: FacilityCode,
}

/// A transfer. It belongs to its detainer, and is between the detainer's two parties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Last part of its name.
    pub id: Uuid,
    /// The state.
    pub state: TransferState,
    /// What was offered.
    pub window: TransferWindow,
    /// Why the window was declined or withdrawn.
    pub decline_reason: Option<WindowDeclineReason>,
    /// Why it failed.
    pub failure_cause: Option<TransferFailureCause>,
    /// When the person changed hands, as the custodian says.
    pub handed_over_at: Option<Timestamp>,
    /// When the person changed hands, as the requester says.
    pub taken_over_at: Option<Timestamp>,
    /// Why the window that stood before no longer holds. `None` once both sides agree on a window again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_change: Option<WindowChange>,
    /// How many times another window was named.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revisions: u64,
    /// What the receiving agency must know of the person's health.
    #[serde(default)]
    pub medical_note: Option<String>,
    /// It was about somebody else: the detainer was matched by mistake.
    #[serde(default, rename = "parted")]
    pub is_mistaken: bool,
    /// When it was offered, by our clock.
    pub offered_at: Timestamp,
    /// When it last changed, by our clock.
    pub updated_at: Timestamp,
    /// Counts every change.
    pub version: u64,
}

impl Transfer {
    /// Whether the custodian handed the person over. Only its own confirmation counts: an issuer's alone excuses
    /// nobody, and a failed transfer did not take place.
    pub fn is_handed_over(&self) -> bool {
        let took_place = matches!(self.state, TransferState::HandedOver | TransferState::Completed);
        took_place && self.handed_over_at.is_some() && !self.is_mistaken
    }

    /// A transfer as offered.
    pub fn offered(id: Uuid, window: TransferWindow, now: Timestamp) -> Self {
        Self {
            id,
            state: TransferState::Offered,
            window,
            decline_reason: None,
            failure_cause: None,
            window_change: None,
            revisions: 0,
            handed_over_at: None,
            taken_over_at: None,
            medical_note: None,
            is_mistaken: false,
            offered_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// Whether a side has confirmed that the person changed hands.
    pub fn confirmed_by(&self, side: Side) -> bool {
        match side {
            Side::Issuer => self.taken_over_at.is_some(),
            Side::Custodian => self.handed_over_at.is_some(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// `jurisdictions/us-ny/detainers/{uuid}/transfers/{uuid}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferName {
    /// Of which detainer.
    pub detainer: CaseName,
    /// Which of its transfers.
    pub id: Uuid,
}

impl fmt::Display for TransferName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/transfers/{}", self.detainer, self.id)
    }
}

impl FromStr for TransferName {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const EXPECTED: InvalidId = InvalidId { expected: "jurisdictions/{id}/detainers/{uuid}/transfers/{uuid}" };
        let (detainer, id) = text.split_once("/transfers/").ok_or(EXPECTED)?;
        let detainer: CaseName = detainer.parse().map_err(|_| EXPECTED)?;
        let name = Self { detainer, id: uuid(id).map_err(|_| EXPECTED)? };
        if name.detainer.kind == CaseKind::Detainer { Ok(name) } else { Err(EXPECTED) }
    }
}
