//! One person of the roster: who it is, what is requested, and the outcome.

use std::fmt;

use crate::demo::calendar::Step;
use crate::domain::charge::{ChargeStatus, OffenceCategory};
use crate::domain::custody::{ReleaseDateBasis, ReleaseReason, ReleaseRecipient};
use crate::domain::detainer::{DetainerBasis, DetainerForm, LiftReason, WarrantKind};
use crate::domain::subject::{Flags, Sex};

/// One person with one detainer.
#[derive(Clone, PartialEq)]
pub(super) struct Person {
    /// The place in the roster, which makes the person's numbers unique.
    pub(super) number: u32,
    /// The agency that holds the person, or is believed to.
    pub(super) custodian: &'static str,
    /// The given and the family name.
    pub(super) name: (String, String),
    /// As YYYY-MM-DD.
    pub(super) birth_date: String,
    pub(super) sex: Sex,
    pub(super) citizenship: &'static str,
    /// Whether the custodian also has the A-number. Otherwise it matches by name and birth date.
    pub(super) number_on_file: bool,
    pub(super) offence: OffenceCategory,
    pub(super) status: ChargeStatus,
    /// Whether there is a lesser charge beside the leading one.
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
    /// Steps from "pending review" to the decision, if a person decides.
    pub(super) decided_after: Step,
    pub(super) outcome: Outcome,
    /// Steps from the news of a release until the requester lifts the detainer, if it does.
    pub(super) lifted_after: Option<Step>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Person({})", self.number)
    }
}

/// The outcome of a detainer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// Held beyond the year. At a step, a date after the year may be entered.
    Outstanding { scheduled: Option<(Step, Step)> },
    /// Released.
    Released(Release),
    /// The custodian holds nobody who fits.
    NoSuchPerson,
    /// The custodian holds somebody of that name with another number.
    IdentityMismatch,
    /// The requester lifts the detainer for its own reasons while the person is held.
    Lifted(Step, LiftReason),
}

/// A release, as planned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Release {
    /// The step at which it is recorded.
    pub(super) recorded: Step,
    /// How many minutes before that step it took place.
    pub(super) minutes_before: u32,
    pub(super) reason: ReleaseReason,
    pub(super) basis: ReleaseDateBasis,
    /// The step at which the date is entered in advance, if it is.
    pub(super) scheduled: Option<Step>,
    pub(super) recipient: ReleaseRecipient,
    /// Whether the requesting agency comes if the person is held for it.
    pub(super) picked_up_if_held: bool,
    /// Whether it comes if it had notice.
    pub(super) picked_up_if_noticed: bool,
}

/// What an officer decides where the law leaves it to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decision {
    /// Holds or notifies, as the law allows.
    Grant,
    /// Declines.
    Decline,
    /// Does not decide within the year.
    None,
}
