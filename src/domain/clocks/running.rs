//! A clock that runs, and the firing that it comes to.

use jiff::Timestamp;

use crate::domain::agenda::{Item, ItemKind};
use crate::domain::determination::HoldClock;
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What a clock counts down to.
    pub enum ClockKind {
        /// The custodian should have answered.
        AnswerDue = "answer-due",
        /// The issuer should be told of an expected release.
        NoticeDue = "notice-due",
        /// A window that was offered or accepted has closed, and nobody says that the person changed hands.
        WindowClosed = "window-closed",
        /// A claim to citizenship should have been reviewed.
        CitizenshipReviewDue = "citizenship-review-due",
        /// The longest that the law lets the person be held has passed: they are to be released. Repeats until they are.
        OverHold = "over-hold",
        /// What the law leaves to a person should have been decided.
        ReviewDue = "review-due",
    }
}

impl ClockKind {
    /// What its entry names in place of a method.
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
    /// The detainer or custody it is of.
    pub case: CaseName,
    /// What it counted down to.
    pub clock: ClockKind,
    /// Which of this kind in its case: a version, a transfer, a time.
    pub about: String,
    /// When it was due.
    pub due_at: Timestamp,
    /// How many times it has fired, this one included.
    pub times: u32,
    /// Which clock bounded the hold.
    pub hold_clock: Option<HoldClock>,
}

/// A clock that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Down to what.
    pub clock: ClockKind,
    /// Which of this kind in its case.
    pub about: String,
    /// When it fires next.
    pub due_at: Timestamp,
    /// How many times it will then have fired.
    pub times: u32,
    /// Which clock bounds the hold.
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

    /// As it stands in the agenda, which is in the clear: to the minute, since the second of a release would be a mark of
    /// the person. Looked at up to a minute early, it fires when it is due.
    pub fn item(&self, holder: Option<AgencyId>) -> Item {
        let due_at = Timestamp::from_second(minute(self.due_at).saturating_mul(60)).unwrap_or(self.due_at);
        Item { kind: ItemKind::Clock, key: self.key(), due_at, holder }
    }

    /// As it fires.
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
