//! One person of the roster: who it is, what is asked, and how it ends.

use std::fmt;

use crate::demo::calendar::Step;
use crate::domain::charge::{ChargeStatus, OffenceCategory};
use crate::domain::custody::{ReleaseDateBasis, ReleaseReason, ReleaseRecipient};
use crate::domain::detainer::{DetainerBasis, DetainerForm, LiftReason, WarrantKind};
use crate::domain::subject::{Flags, Sex};

/// One person with one detainer.
#[derive(Clone, PartialEq)]
pub(super) struct Person {
    /// Place in the roster; makes the person's numbers unique.
    pub(super) number: u32,
    /// Who holds the person, or is thought to.
    pub(super) custodian: &'static str,
    /// Given and family name.
    pub(super) name: (String, String),
    /// As YYYY-MM-DD.
    pub(super) birth_date: String,
    pub(super) sex: Sex,
    pub(super) citizenship: &'static str,
    /// Whether the custodian has the A-number too; else it matches by name and birth date.
    pub(super) number_on_file: bool,
    pub(super) offence: OffenceCategory,
    pub(super) status: ChargeStatus,
    /// A lesser charge beside the leading one.
    pub(super) second_charge: bool,
    pub(super) flags: Flags,
    pub(super) form: DetainerForm,
    pub(super) bases: Vec<DetainerBasis>,
    pub(super) warrant: WarrantKind,
    pub(super) intake: Step,
    pub(super) lodged: Step,
    /// Steps from the acknowledgement to the answer.
    pub(super) answer_after: Step,
    pub(super) decision: Decision,
    /// If a person decides: steps from "pending review" to the decision.
    pub(super) decided_after: Step,
    pub(super) outcome: Outcome,
    /// Steps from being told of a release to lifting the detainer, if the requester does.
    pub(super) lifted_after: Option<Step>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Person({})", self.number)
    }
}

/// How it ends.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// Held beyond the year; a date after it may already be entered at a step.
    Outstanding { scheduled: Option<(Step, Step)> },
    /// Released.
    Released(Release),
    /// The custodian holds nobody of that description.
    NoSuchPerson,
    /// The custodian holds somebody of that name with another number.
    IdentityMismatch,
    /// The requester lifts its detainer for a reason of its own while the person is held.
    Lifted(Step, LiftReason),
}

/// A release, as it will be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Release {
    /// Recorded at this step.
    pub(super) recorded: Step,
    /// So many minutes before.
    pub(super) minutes_before: u32,
    pub(super) reason: ReleaseReason,
    pub(super) basis: ReleaseDateBasis,
    /// At which step the date is entered ahead, if it is.
    pub(super) scheduled: Option<Step>,
    pub(super) recipient: ReleaseRecipient,
    /// Whether the requesting agency comes, if the person is held for it.
    pub(super) picked_up_if_held: bool,
    /// Whether it comes, if it had notice.
    pub(super) picked_up_if_noticed: bool,
}

/// What an officer does with what the law leaves to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decision {
    /// Holds or notifies as the law allows.
    Grant,
    /// Declines.
    Decline,
    /// Does not come to it in the year.
    None,
}
