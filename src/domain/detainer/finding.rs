//! What the custodian found when it looked for the person.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::detainer::DetainerState;
use crate::domain::ids::CaseName;
use crate::domain::subject::MatchMethod;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What the custodian found when it looked for the person.
    pub enum Finding {
        /// Found: the person is in a custody of ours.
        MatchedCustody = "matched-custody",
        /// Nobody of that description.
        NoSuchPerson = "no-such-person",
        /// Somebody, but not the person meant.
        IdentityMismatch = "identity-mismatch",
        /// Another detainer of the same issuer asks for the same person, and stands.
        Duplicate = "duplicate",
        /// Nobody of that description now. The custodian is asked again when it takes somebody in.
        NotInCustody = "not-in-custody",
        /// Nobody of that description by the day that the custodian gave. Only the gateway records it.
        NotFoundInTime = "not-found-in-time",
    }
}

impl Finding {
    /// The state of a detainer with this finding.
    pub fn state(self) -> DetainerState {
        match self {
            Self::MatchedCustody => DetainerState::Matched,
            Self::NoSuchPerson => DetainerState::NoSuchPerson,
            Self::IdentityMismatch => DetainerState::IdentityMismatch,
            Self::Duplicate => DetainerState::Duplicate,
            Self::NotInCustody => DetainerState::NotInCustody,
            Self::NotFoundInTime => DetainerState::NotFoundInTime,
        }
    }
}

/// What the custodian found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The finding.
    pub finding: Finding,
    /// The custody, where the person was found.
    pub custody: Option<CaseName>,
    /// How the match was made.
    pub method: Option<MatchMethod>,
    /// How sure, in per cent.
    pub confidence_percent: Option<u32>,
    /// When, as the custodian says.
    pub occurred_at: Option<Timestamp>,
    /// Why an officer vouches for a match that the records do not support. May be personal: stays with the custodian.
    #[serde(default)]
    pub reason: Option<String>,
    /// The other detainer of the same issuer, if this one is its duplicate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<CaseName>,
    /// The last day on which the custodian is asked again, if it does not hold the person now. Stays with the custodian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_again_until: Option<Date>,
}

/// A match that turned out to be a mistake. The person in that custody keeps its safeguards: what was disclosed of them
/// may still only be narrowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MistakenMatch {
    /// The custody that it was matched to. `None`: no longer kept.
    pub custody: Option<CaseName>,
    /// Entries of the exchange log before this index were written while the match stood, or earlier.
    pub before: u64,
}
