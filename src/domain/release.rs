//! How a custody ends: an expected release, a release, or another end.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What a release date rests on.
    pub enum ReleaseDateBasis {
        /// `j:IncarcerationProjectedReleaseDate`.
        Projected = "projected",
        /// Earliest possible.
        EarliestPossible = "earliest-possible",
        /// `j:IncarcerationParoleEligibilityDate`.
        ParoleEligibility = "parole-eligibility",
        /// `j:SupervisionReleaseEligibilityDate`.
        ConditionalRelease = "conditional-release",
        /// Maximum expiry of the sentence.
        MaximumExpiry = "maximum-expiry",
    }
}

vocabulary! {
    /// Why a person was released.
    pub enum ReleaseReason {
        /// Bail posted.
        Bail = "bail",
        /// On own recognizance.
        Recognizance = "recognizance",
        /// Charges dismissed.
        Dismissed = "dismissed",
        /// Acquitted.
        Acquitted = "acquitted",
        /// Sentence served.
        SentenceServed = "sentence-served",
        /// Paroled.
        Parole = "parole",
        /// By order of a court.
        CourtOrder = "court-order",
        /// Pardoned.
        Pardon = "pardon",
    }
}

vocabulary! {
    /// To whom a person was released (`nc:ReleaseRecipient`).
    pub enum ReleaseRecipient {
        /// The community.
        Community = "community",
        /// Another agency.
        OtherAgency = "other-agency",
        /// A hospital.
        Hospital = "hospital",
        /// The agency that lodged the detainer.
        RequestingAgency = "requesting-agency",
    }
}

vocabulary! {
    /// Why a custody ended without a release.
    pub enum ClosingReason {
        /// The person died.
        Death = "death",
        /// The person escaped.
        Escape = "escape",
        /// Handed to another jurisdiction. A detainer does not follow the person there.
        LeftJurisdiction = "left-jurisdiction",
        /// Another reason.
        Other = "other",
    }
}

/// How a custody ended without a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Why.
    pub reason: ClosingReason,
    /// When, as the custodian says.
    pub occurred_at: Timestamp,
}

/// An expected release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledRelease {
    /// When it is expected.
    pub expected_at: Timestamp,
    /// The basis of the date.
    pub basis: ReleaseDateBasis,
    /// When the date was calculated, as the custodian says.
    pub as_of: Option<Timestamp>,
    /// The custodian says that the date is open to the public.
    #[serde(default)]
    pub date_public: bool,
    /// Where, as the custodian says.
    #[serde(default)]
    pub place: Option<String>,
}

/// A release that took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActualRelease {
    /// When (`j:SupervisionReleaseDate`), as the custodian says.
    pub released_at: Timestamp,
    /// Why.
    pub reason: ReleaseReason,
    /// To whom.
    pub recipient: ReleaseRecipient,
    /// By whose order: a court, a parole board, a statute.
    pub ordered_by: String,
    /// The custodian says that the date is open to the public.
    #[serde(default)]
    pub date_public: bool,
    /// Where, as the custodian says.
    #[serde(default)]
    pub place: Option<String>,
}
