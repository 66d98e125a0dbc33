//! What the custodian found when it looked for the person.

use jiff::Timestamp;
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
    }
}

impl Finding {
    /// Where a detainer stands on which this was found.
    pub fn state(self) -> DetainerState {
        match self {
            Self::MatchedCustody => DetainerState::Matched,
            Self::NoSuchPerson => DetainerState::NoSuchPerson,
            Self::IdentityMismatch => DetainerState::IdentityMismatch,
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
    /// Why, where an officer vouches for a match that the records do not bear out. May be personal: stays with the
    /// custodian.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A match that turned out to be a mistake. Whoever was matched keeps the safeguards of their own custody: what was told
/// of them may still only become less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MistakenMatch {
    /// The custody that the detainer stood on. `None`: which it was is no longer kept.
    pub custody: Option<CaseName>,
    /// Entries of the exchange log before this index were written while it did, or earlier.
    pub before: u64,
}
