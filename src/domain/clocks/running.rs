//! A running clock, and its firing.

use jiff::Timestamp;

use crate::domain::agenda::{Item, ItemKind};
use crate::domain::determination::HoldClock;
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The kinds of clock.
    pub enum ClockKind {
        /// The custodian should have answered.
        AnswerDue = "answer-due",
        /// The issuer should have notice of an expected release.
        NoticeDue = "notice-due",
        /// An offered or accepted window has closed, and nobody reported that the person changed hands.
        WindowClosed = "window-closed",
        /// A claim to citizenship should have been reviewed.
        CitizenshipReviewDue = "citizenship-review-due",
        /// The longest lawful hold has passed: the person must be released. Repeats until the person is.
        OverHold = "over-hold",
        /// What the law leaves to a person should have been decided.
        ReviewDue = "review-due",
    }
}

impl ClockKind {
    /// The name that its log entry carries in place of a method.
    pub fn rpc(self) -> &'static str {
        match self {
            Self::AnswerDue => "Clock/AnswerDue",
            Self::NoticeDue => "Clock/NoticeDue",
            Self::WindowClosed => "Clock/WindowClosed",
            Self::CitizenshipReviewDue => "Clock/CitizenshipReviewDue",
            Self::OverHold => "Clock/OverHold",
            Self::ReviewDue => "Clock/ReviewDue",
        }
    }
}

/// A clock that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// The detainer or custody that the clock belongs to.
    pub case: CaseName,
    /// The kind of clock.
    pub clock: ClockKind,
    /// Which of this kind in its case: a version, a transfer, a time.
    pub about: String,
    /// When it was due.
    pub due_at: Timestamp,
    /// How many times it has fired, this firing included.
    pub times: u32,
    /// The clock that bounded the hold.
    pub hold_clock: Option<HoldClock>,
}

/// A running clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The kind of clock.
    pub clock: ClockKind,
    /// Which of this kind in its case.
    pub about: String,
    /// When it fires next.
    pub due_at: Timestamp,
    /// How many times it will have fired by then.
    pub times: u32,
    /// The clock that bounds the hold.
    pub hold_clock: Option<HoldClock>,
}

impl Running {
    pub(in crate::domain) fn once(clock: ClockKind, about: String, due_at: Timestamp) -> Self {
        Self { clock, about, due_at, times: 1, hold_clock: None }
    }

    /// Its key in the agenda.
    pub fn key(&self) -> String {
        key(self.clock, &self.about)
    }

    /// Its item in the agenda. The agenda is stored unencrypted, and the second of a release would identify the person,
    /// so the due time is rounded down to the minute. The clock is looked at up to a minute early, and fires when it is
    /// due.
    pub fn item(&self, holder: Option<AgencyId>) -> Item {
        let due_at = Timestamp::from_second(minute(self.due_at).saturating_mul(60)).unwrap_or(self.due_at);
        Item { kind: ItemKind::Clock, key: self.key(), due_at, holder }
    }

    /// Its firing.
    pub fn firing(self, case: CaseName) -> Firing {
        let Self { clock, about, due_at, times, hold_clock } = self;
        Firing { case, clock, about, due_at, times, hold_clock }
    }
}

/// Minutes since 1970.
pub(in crate::domain) fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

pub(in crate::domain) fn key(clock: ClockKind, about: &str) -> String {
    format!("{}/{about}", clock.word())
}
