//! What is proved of each pack, and the questions that prove it.

use std::fmt;

use crate::domain::determination::LawAction;
use crate::domain::ids::JurisdictionId;
use crate::policy::load::PolicySet;
use crate::policy::prove::law::Law;
use crate::policy::prove::question::{Claims, Level, Question, Reaches};
use crate::policy::rulings::ACTS;

/// A property that a pack is to have in every possible case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// Every rule can be evaluated.
    NoError,
    /// No claim of the requester's moves a ruling to may or must.
    ClaimsOpenNothing,
    /// What stands in every jurisdiction: under a safeguard nothing is done or shown without a person, and nobody is held
    /// whom no form asks to hold.
    Safeguards,
    /// The classes that are shown in no case are shown in none.
    NeverShown,
    /// The classes that are shown in every case are shown in each.
    AlwaysShown,
    /// No class of a release is shown where its notice is not allowed.
    ReleaseNeedsNotice,
    /// Nothing goes further than under the law of a wider jurisdiction.
    Within(JurisdictionId),
    /// Nothing is allowed, and nothing is a duty, that is not under the law in force.
    PermitsNoMore,
    /// How else the candidate differs from the law in force. Told, and nothing stands in its way.
    Differs,
}

impl Property {
    /// Whether a counterexample is told and no more.
    pub(super) fn is_only_told(&self) -> bool {
        *self == Self::Differs
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoError => f.write_str("no rule can err"),
            Self::ClaimsOpenNothing => f.write_str("no claim opens"),
            Self::Safeguards => f.write_str("the safeguards stand"),
            Self::NeverShown => f.write_str("never shown"),
            Self::AlwaysShown => f.write_str("always shown"),
            Self::ReleaseNeedsNotice => f.write_str("no release shown without notice"),
            Self::Within(outer) => write!(f, "within {outer}"),
            Self::PermitsNoMore => f.write_str("permits no more than the law in force"),
            Self::Differs => f.write_str("otherwise as the law in force"),
        }
    }
}

/// A pack that is to have the properties.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) law: Law,
    pub(super) setting: Option<String>,
    pub(super) within: Option<Law>,
    pub(super) against: Option<Law>,
    pub(super) of: &'a PolicySet,
}

/// A property of a pack, and what to ask.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) place: usize,
    pub(super) jurisdiction: &'a JurisdictionId,
    pub(super) setting: Option<&'a str>,
    pub(super) property: Property,
    pub(super) questions: Vec<Question<'a>>,
}

/// Everything that a law is asked: the acts upon the person, and showing.
const ASKED: [LawAction; 4] = LawAction::ALL_OF_LAW;
