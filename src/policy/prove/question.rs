//! What is asked of a solver: is there a possible case in which one ruling reaches a level and another does not?

use crate::domain::determination::{Determination, LawAction, Ruling};
use crate::policy::prove::law::{Claims, Law};

/// How far a ruling goes, in order. Each holds wherever a higher one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Every policy that speaks to it has a value.
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

    /// What a table of cases would expect instead, where a ruling must not reach it.
    pub(super) fn below(self) -> &'static str {
        match self {
            // No ruling at all would do: the law has to be mended first.
            Self::Judged => "must or may or review or must not",
            Self::Review => "must not",
            Self::May => "review or must not",
            Self::Must => "may or review or must not",
        }
    }

    /// What a table of cases would expect, where a ruling must reach it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Judged => "must or may or review or must not",
            Self::Review => "must or may or review",
            Self::May => "must or may",
            Self::Must => "must",
        }
    }
}

/// That a law's ruling on an act reaches a level.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReachesLevel<'a> {
    pub(super) law: &'a Law,
    pub(super) act: LawAction,
    pub(super) level: Level,
    pub(super) claims: Claims,
}

impl Law {
    /// That its ruling on an act reaches a level, with the requester's claims heard.
    pub(super) fn at(&self, act: LawAction, level: Level) -> ReachesLevel<'_> {
        ReachesLevel { law: self, act, level, claims: Claims::Heard }
    }
}

/// A counterexample is a possible case in which `given` holds, `reaches` does and `unless` does not.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    /// A condition in Cedar on who asks, on the class of fields, and on the facts.
    pub(super) given: String,
    /// None: always.
    pub(super) reaches: Option<ReachesLevel<'a>>,
    /// None: never.
    pub(super) unless: Option<ReachesLevel<'a>>,
}

impl<'a> Question<'a> {
    /// That a ruling never reaches a level under a condition.
    pub(super) fn never(given: &str, reaches: ReachesLevel<'a>) -> Self {
        Self { given: given.to_owned(), reaches: Some(reaches), unless: None }
    }

    /// That a ruling always reaches a level under a condition.
    pub(super) fn always(given: &str, unless: ReachesLevel<'a>) -> Self {
        Self { given: given.to_owned(), reaches: None, unless: Some(unless) }
    }

    /// That where one ruling reaches its level, another does.
    pub(super) fn implies(given: &str, reaches: ReachesLevel<'a>, unless: ReachesLevel<'a>) -> Self {
        Self { given: given.to_owned(), reaches: Some(reaches), unless: Some(unless) }
    }
}
