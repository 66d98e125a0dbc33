//! What the solver is asked: is there a possible case in which one ruling reaches a level and another does not?

use crate::domain::determination::{Determination, LawAction, Ruling};
use crate::policy::prove::law::{Claims, Law};

/// How far a ruling goes. Each level holds wherever a higher one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Every policy on the act can be evaluated.
    Judged,
    /// Not forbidden: review, may or must.
    Review,
    /// Allowed: may or must.
    May,
    /// A duty.
    Must,
}

impl Level {
    /// Whether a ruling reaches it.
    pub(super) fn reached_by(self, said: &Determination) -> bool {
        let reached = match said.ruling {
            Ruling::MustNot => Self::Judged,
            Ruling::Review => Self::Review,
            Ruling::May => Self::May,
            Ruling::Must => Self::Must,
        };
        !said.failed && reached >= self
    }

    /// What a table of cases would expect of a ruling that must not reach this level.
    pub(super) fn below(self) -> &'static str {
        match self {
            // No ruling fits: the law must be corrected first.
            Self::Judged => "must or may or review or must not",
            Self::Review => "must not",
            Self::May => "review or must not",
            Self::Must => "may or review or must not",
        }
    }

    /// What a table of cases would expect of a ruling that must reach this level.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Judged => "must or may or review or must not",
            Self::Review => "must or may or review",
            Self::May => "must or may",
            Self::Must => "must",
        }
    }
}

/// The condition that a law's ruling on an act reaches a level.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReachesLevel<'a> {
    pub(super) law: &'a Law,
    pub(super) act: LawAction,
    pub(super) level: Level,
    pub(super) claims: Claims,
}

impl Law {
    /// The condition that its ruling on an act reaches a level, with the requester's claims heard.
    pub(super) fn at(&self, act: LawAction, level: Level) -> ReachesLevel<'_> {
        ReachesLevel { law: self, act, level, claims: Claims::Heard }
    }
}

/// A counterexample is a possible case in which `given` holds, `reaches` holds and `unless` does not.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    /// A Cedar condition on the requester, the field class and the facts.
    pub(super) given: String,
    /// None: always.
    pub(super) reaches: Option<ReachesLevel<'a>>,
    /// None: never.
    pub(super) unless: Option<ReachesLevel<'a>>,
}

impl<'a> Question<'a> {
    /// A ruling never reaches a level under a condition.
    pub(super) fn never(given: &str, reaches: ReachesLevel<'a>) -> Self {
        Self { given: given.to_owned(), reaches: Some(reaches), unless: None }
    }

    /// A ruling always reaches a level under a condition.
    pub(super) fn always(given: &str, unless: ReachesLevel<'a>) -> Self {
        Self { given: given.to_owned(), reaches: None, unless: Some(unless) }
    }

    /// Where one ruling reaches its level, another does too.
    pub(super) fn implies(given: &str, reaches: ReachesLevel<'a>, unless: ReachesLevel<'a>) -> Self {
        Self { given: given.to_owned(), reaches: Some(reaches), unless: Some(unless) }
    }
}
