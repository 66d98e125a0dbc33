//! Why the gate does not let a command pass.

use std::sync::Arc;

use crate::domain::determination::{Determination, LawAction};
use crate::domain::matching::Disagreement;
use crate::domain::times::Impossible;

/// Why the gate does not let a command pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No rule of the set that judges admits this kind of caller to this method, whatever the door said.
    #[error("no policy lets this caller call this method")]
    NotAdmitted,
    /// No such case, or none of the caller's. Both read the same from outside.
    #[error("there is no such case")]
    NotFound,
    /// The jurisdiction is not one the caller takes part in.
    #[error("there is no such jurisdiction")]
    NoSuchJurisdiction,
    /// Nobody in particular acts: a write needs a token.
    #[error("a write needs a token that names who acts")]
    Unattributed,
    /// The detainer is addressed to no custodian of the jurisdiction.
    #[error("the addressee is not a custodian of the jurisdiction")]
    NotACustodian,
    /// The addressee of a detainer stays: another is another detainer.
    #[error("the addressee of a detainer stays")]
    AddresseeFixed,
    /// The person cannot be moved to such an agency.
    #[error("not another custodian of the jurisdiction")]
    NoSuchCustodian,
    /// The records do not bear a match out, and no officer vouches for it with a reason.
    #[error("the records do not agree in what the match was made by: an officer must vouch for it and give a reason")]
    MatchDisputed(Vec<Disagreement>),
    /// Times or days that cannot be.
    #[error("one or more fields are at fault")]
    Impossible(Vec<Impossible>),
    /// A person must act, and a machine did.
    #[error("the law leaves it to a person: an officer must decide and give a reason")]
    OfficerRequired,
    /// The law forbids it.
    #[error("the law of the jurisdiction forbids it")]
    Forbidden {
        /// What it forbids.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
    /// The law leaves it to a person, and none spoke, or without a reason.
    #[error("the law leaves it to a person: an officer must decide and give a reason")]
    ReviewRequired {
        /// What it leaves open.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
    /// The law forbids it but for what the requester alone says.
    #[error("the law turns on a claim that nobody has verified: verify it first")]
    VerificationRequired {
        /// What it leaves open.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
    /// The law did not allow handing the person over, and no officer says why it was done.
    #[error("the law did not allow handing the person over: an officer must record it and give a reason")]
    HandOverUnexplained {
        /// On what ground. `None`: no detainer asks for the person.
        determination: Option<Arc<Determination>>,
    },
    /// The law makes it a duty, and no reason was given for departing from it.
    #[error("the law makes it a duty: departing from it needs a reason")]
    ReasonRequired {
        /// What it asks.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
}
