//! Why the gate does not let a command pass.

use std::sync::Arc;

use crate::domain::determination::{Determination, LawAction};
use crate::domain::matching::Disagreement;
use crate::domain::times::ImpossibleTime;

/// Why the gate does not let a command pass. Each variant is worded for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The policy set in force admits no such caller to this method. Another set may have admitted it when the call
    /// arrived.
    #[error("no policy lets this caller call this method")]
    NotAdmitted,
    /// There is no such case, or it is not the caller's. The caller cannot tell these apart.
    #[error("there is no such case")]
    NotFound,
    /// The caller takes part in no such jurisdiction.
    #[error("there is no such jurisdiction")]
    NoSuchJurisdiction,
    /// No token names who acts. A write needs one.
    #[error("a write needs a token that names who acts")]
    Unattributed,
    /// The addressee is not a custodian of the jurisdiction.
    #[error("the addressee is not a custodian of the jurisdiction")]
    NotACustodian,
    /// The addressee of a detainer cannot change: lodge another detainer instead.
    #[error("the addressee of a detainer stays")]
    AddresseeFixed,
    /// The person cannot be moved to this agency.
    #[error("not another custodian of the jurisdiction")]
    NoSuchCustodian,
    /// The records contradict the match, and no officer vouches for it with a reason.
    #[error("the records do not agree in what the match was made by: an officer must vouch for it and give a reason")]
    MatchDisputed(Vec<Disagreement>),
    /// Some times or dates are not possible.
    #[error("one or more fields are at fault")]
    ImpossibleTime(Vec<ImpossibleTime>),
    /// An officer must act, and a system did.
    #[error("the law leaves it to a person: an officer must decide and give a reason")]
    OfficerRequired,
    /// The law forbids it.
    #[error("the law of the jurisdiction forbids it")]
    Forbidden {
        /// What the law forbids.
        action: LawAction,
        /// Why.
        determination: Arc<Determination>,
    },
    /// The law leaves it to a person. No officer decided, or no reason was given.
    #[error("the law leaves it to a person: an officer must decide and give a reason")]
    ReviewRequired {
        /// What the law leaves open.
        action: LawAction,
        /// Why.
        determination: Arc<Determination>,
    },
    /// The law turns on a claim that only the requester makes.
    #[error("the law turns on a claim that nobody has verified: verify it first")]
    VerificationRequired {
        /// What the law leaves open.
        action: LawAction,
        /// Why.
        determination: Arc<Determination>,
    },
    /// The law did not allow handing the person over, and no officer explains why it was done.
    #[error("the law did not allow handing the person over: an officer must record it and give a reason")]
    HandOverUnexplained {
        /// Why. `None`: no detainer asks for the person.
        determination: Option<Arc<Determination>>,
    },
    /// The law makes it a duty, and no reason was given for departing from it.
    #[error("the law makes it a duty: departing from it needs a reason")]
    ReasonRequired {
        /// What the law demands.
        action: LawAction,
        /// Why.
        determination: Arc<Determination>,
    },
}
