//! A custody as it is stored: one stay of one person in one facility system.

mod after_command;
mod clocks;
pub(in crate::domain) mod eligibility;
mod handing_on;
mod hold_latch;
mod move_offer;
mod reported_claims;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use clocks::CustodyClocks;
pub use eligibility::{ReleaseEligibility, ReleaseEligibilityKind};
pub use hold_latch::{HoldEnd, HoldLatch, LatchedHold};
pub use move_offer::{MoveAcceptance, MoveDeclineReason, MoveOffer, MoveOfferState, MoveProposal, Standing};
pub use reported_claims::ReportedClaims;

use crate::domain::charge::Charge;
use crate::domain::ids::{AgencyId, CaseName, FacilityCode};
pub use crate::domain::release::{
    ActualRelease, Closing, ClosingReason, ReleaseDateBasis, ReleaseReason, ReleaseRecipient, ScheduledRelease,
};
use crate::domain::safeguards::Safeguards;
use crate::domain::subject::{Flags, Subject};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The state of a custody. Its life cycle is the table in docs/lifecycle.md.
    pub enum CustodyState {
        /// Held.
        Held = "held",
        /// Held, with a release expected.
        ReleaseScheduled = "release-scheduled",
        /// Released.
        Released = "released",
        /// Ended without a release.
        Closed = "closed",
        /// Handed on to another agency: the record of whoever held the person before.
        MovedOn = "moved-on",
    }
}

vocabulary! {
    /// What kind of movement.
    pub enum MovementKind {
        /// To another facility of the same custodian, or back to one.
        Facility = "facility",
        /// To a hospital, in custody.
        Hospital = "hospital",
        /// To court, in custody.
        Court = "court",
        /// To another custodian of the jurisdiction.
        Agency = "agency",
    }
}

/// Where a person was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// Where to.
    pub to: Destination,
    /// When, as whoever holds the person now says.
    pub occurred_at: Option<Timestamp>,
}

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// A facility of the same custodian.
    Facility(FacilityCode),
    /// A hospital.
    Hospital,
    /// A court.
    Court,
    /// Another custodian, and its facility where the person is now.
    Agency(AgencyId, FacilityCode),
}

impl Movement {
    /// The agency that the person was handed on to, if another one holds them since.
    pub fn handed_on_to(&self) -> Option<&AgencyId> {
        match &self.to {
            Destination::Agency(next, _) => Some(next),
            Destination::Facility(_) | Destination::Hospital | Destination::Court => None,
        }
    }
}

/// Where to, within the same custodian's custody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// One of its facilities.
    Facility(FacilityCode),
    /// A hospital.
    Hospital,
    /// A court.
    Court,
}

impl From<Place> for Destination {
    fn from(place: Place) -> Self {
        match place {
            Place::Facility(facility) => Self::Facility(facility),
            Place::Hospital => Self::Hospital,
            Place::Court => Self::Court,
        }
    }
}

impl Destination {
    /// The kind of movement.
    pub fn kind(&self) -> MovementKind {
        match self {
            Self::Facility(_) => MovementKind::Facility,
            Self::Hospital => MovementKind::Hospital,
            Self::Court => MovementKind::Court,
            Self::Agency(..) => MovementKind::Agency,
        }
    }
}

/// Another ground than a detainer to hold the person on, as an officer cites it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherGround {
    /// The law or order, as a citation.
    pub citation: String,
    /// SHA-256 of the document.
    pub document_sha256: [u8; 32],
}

impl OtherGround {
    /// Whether it cites the detainer's own ground: its form, its warrant, or the law of removal. The list holds common
    /// spellings and is no reading of law: the officer answers for the rest.
    pub fn is_the_detainers(&self) -> bool {
        const CITED: [&str; 28] = [
            "dhshold",
            "alien",
            "immigrationhold",
            "gov752053",
            "detainer",
            "i247",
            "i200",
            "i205",
            "8cfr",
            "title8",
            "8usc1182",
            "8usc1225",
            "8usc1226",
            "8usc1227",
            "8usc1231",
            "8usc1357",
            "8uscode1182",
            "8uscode1225",
            "8uscode1226",
            "8uscode1227",
            "8uscode1231",
            "8uscode1357",
            "ina236",
            "ina241",
            "ina287",
            "immigrationandnationalityact",
            "warrantofremoval",
            "administrativewarrant",
        ];
        let plain: String =
            self.citation.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        // 18 USC 1226 is not 8 USC 1226, and section 12261 is not section 1226.
        let stands_alone = |at: usize, cited: &str| {
            let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
            let before = digit(plain[..at].chars().next_back()) && digit(cited.chars().next());
            let after = digit(plain[at + cited.len()..].chars().next()) && digit(cited.chars().next_back());
            !before && !after
        };
        CITED.iter().any(|cited| plain.match_indices(cited).any(|(at, _)| stands_alone(at, cited)))
    }
}

/// The person's identity and flags as the custodian now knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The person.
    pub subject: Subject,
    /// Flags. A citizenship claim is not among them: commands of its own raise and resolve it.
    pub flags: Flags,
}

/// What the custodian enters at intake and keeps up to date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intake {
    /// Where the person is.
    pub facility: FacilityCode,
    /// The person, as the custodian knows them.
    pub subject: Subject,
    /// Charges.
    pub charges: Vec<Charge>,
    /// Safeguards.
    pub flags: Flags,
    /// When the person was taken in, as the custodian says.
    pub occurred_at: Option<Timestamp>,
    /// What the next agency must know of the person's health.
    #[serde(default)]
    pub medical_note: Option<String>,
    /// How to reach a victim or witness who must be told of the release. Restricted.
    #[serde(default)]
    pub victim_contact: Option<String>,
}

/// A custody. Only its jurisdiction and its oversight may know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Custody {
    /// Its name.
    pub name: CaseName,
    /// Who holds the person.
    pub custodian: AgencyId,
    /// What was entered at intake, as last updated.
    pub intake: Intake,
    /// The last movement.
    pub movement: Option<Movement>,
    /// The last offer to hand the person on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<MoveOffer>,
    /// What the agencies that held the person before keep of it, at most one record each. Nothing changes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handed_on: Vec<Custody>,
    /// Detainers that the custodian linked to it, including those that have ended.
    pub detainers: Vec<CaseName>,
    /// The expected release.
    pub scheduled: Option<ScheduledRelease>,
    /// When the person becomes eligible for a release: the last of each kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub eligibilities: Vec<ReleaseEligibility>,
    /// The release.
    pub released: Option<ActualRelease>,
    /// How it ended, if not by a release.
    pub closing: Option<Closing>,
    /// Its state.
    pub state: CustodyState,
    /// What requesters have claimed of the person.
    #[serde(default, rename = "heard", skip_serializing_if = "ReportedClaims::is_nothing")]
    pub reported_claims: ReportedClaims,
    /// Agencies whose detainer was matched to it by mistake. Only an officer may match another of theirs.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub not_of: BTreeSet<AgencyId>,
    /// What its clocks need besides the rest.
    #[serde(default)]
    pub clocks: CustodyClocks,
    /// When it was opened, by our clock.
    pub opened_at: Timestamp,
    /// When it last changed, by our clock.
    pub updated_at: Timestamp,
    /// Counts every change.
    pub version: u64,
}

impl Custody {
    /// A custody as opened: no detainers, and no release expected.
    pub fn opened(name: CaseName, custodian: AgencyId, intake: Intake, now: Timestamp) -> Self {
        Self {
            name,
            custodian,
            intake,
            movement: None,
            offer: None,
            handed_on: Vec::new(),
            detainers: Vec::new(),
            scheduled: None,
            eligibilities: Vec::new(),
            released: None,
            closing: None,
            state: CustodyState::Held,
            reported_claims: ReportedClaims::default(),
            not_of: BTreeSet::new(),
            clocks: CustodyClocks::default(),
            opened_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// The safeguards in the custodian's own record.
    pub fn safeguards(&self, today: Date) -> Safeguards {
        Safeguards::of(self.intake.flags, &self.intake.subject, &self.intake.charges, today)
    }
}
