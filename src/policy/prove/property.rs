//! What is proved of each pack, and the questions that prove it.

use std::fmt;

use crate::domain::determination::LawAction;
use crate::domain::ids::JurisdictionId;
use crate::policy::prove::law::{Claims, Law};
use crate::policy::prove::question::{Level, Question, ReachesLevel};
use crate::policy::rulings::ACTS;

/// A property that a pack must have in every possible case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// Every rule can be evaluated.
    NoError,
    /// No claim of the requester's moves a ruling to may or must.
    ClaimsOpenNothing,
    /// The safeguards that hold in every jurisdiction. Under one, nothing is done or shown without a person; nothing at
    /// all is done to a citizen; nobody is held unless the form asks for a hold.
    Safeguards,
    /// The classes that must never be shown are shown in no case.
    NeverShown,
    /// The classes that must always be shown are shown in every case.
    AlwaysShown,
    /// No class of a release is shown where notice of it is not allowed.
    ReleaseNeedsNotice,
    /// Nothing goes further than under the law of a wider jurisdiction.
    Within(JurisdictionId),
    /// Nothing is allowed or made a duty that is not so under the law in force.
    PermitsNoMore,
    /// How else the candidate differs from the law in force. Reported only.
    Differs,
}

impl Property {
    /// Whether a counterexample is only reported, and no failure.
    pub(super) fn is_report_only(&self) -> bool {
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

/// A pack that must have the properties.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) law: Law,
    pub(super) setting: Option<String>,
    pub(super) within: Option<Law>,
    pub(super) against: Option<Law>,
}

/// A property of a pack, and the questions that prove it.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) number: usize,
    pub(super) law: &'a Law,
    pub(super) setting: Option<&'a str>,
    pub(super) property: Property,
    pub(super) questions: Vec<Question<'a>>,
}

/// Facts that put a case under a safeguard, whoever asserts them.
const SAFEGUARDED: &str = "context.citizenship_claim || context.asserted.citizenship_claim || context.citizen \
                           || context.asserted.citizen || context.juvenile || context.asserted.juvenile \
                           || context.sealed || context.asserted.sealed || context.match_disputed";
/// The person is a citizen.
const CITIZEN: &str = "context.citizen || context.asserted.citizen";
/// The classes that must always be shown.
const ALWAYS: &str =
    r#"[FieldClass::"request", FieldClass::"answer", FieldClass::"count", FieldClass::"contact"].contains(resource)"#;
/// The classes that must never be shown.
const NEVER: &str =
    r#"[FieldClass::"restricted", FieldClass::"safeguard", FieldClass::"determination"].contains(resource)"#;
/// The classes of a release.
const RELEASE: &str =
    r#"[FieldClass::"release-date", FieldClass::"release-place", FieldClass::"release-detail"].contains(resource)"#;
const ANY_CASE: &str = "true";

impl Subject {
    /// Every property that the pack must have, with its questions.
    pub(super) fn tasks(&self) -> Vec<Task<'_>> {
        let mut tasks = vec![
            self.task(Property::NoError, self.no_error()),
            self.task(Property::ClaimsOpenNothing, self.claims_open_nothing()),
            self.task(Property::Safeguards, self.safeguards()),
            self.task(Property::NeverShown, vec![Question::never(NEVER, self.shown())]),
            self.task(Property::AlwaysShown, vec![Question::always(ALWAYS, self.shown())]),
            self.task(Property::ReleaseNeedsNotice, vec![self.release_needs_notice()]),
        ];
        if let Some(outer) = &self.within {
            tasks.push(self.task(Property::Within(outer.jurisdiction.clone()), self.within(outer)));
        }
        if let Some(force) = &self.against {
            tasks.push(self.task(Property::PermitsNoMore, self.permits_no_more(force)));
            tasks.push(self.task(Property::Differs, self.differs(force)));
        }
        tasks
    }

    fn task<'a>(&'a self, property: Property, questions: Vec<Question<'a>>) -> Task<'a> {
        let setting = self.setting.as_deref();
        Task { number: 0, law: &self.law, setting, property, questions }
    }

    fn at(&self, act: LawAction, level: Level) -> ReachesLevel<'_> {
        self.law.at(act, level)
    }

    fn shown(&self) -> ReachesLevel<'_> {
        self.at(LawAction::Disclose, Level::May)
    }

    fn no_error(&self) -> Vec<Question<'_>> {
        LawAction::ALL.iter().map(|act| Question::always(ANY_CASE, self.at(*act, Level::Judged))).collect()
    }

    fn claims_open_nothing(&self) -> Vec<Question<'_>> {
        let of_act = |act: &LawAction| {
            [Level::May, Level::Must].map(|level| {
                let reaches = |claims| ReachesLevel { claims, ..self.at(*act, level) };
                Question::implies(ANY_CASE, reaches(Claims::TakenForFacts), reaches(Claims::Unheard))
            })
        };
        LawAction::ALL.iter().flat_map(of_act).collect()
    }

    fn safeguards(&self) -> Vec<Question<'_>> {
        let reaches = |given: &str, level: Level| -> Vec<Question<'_>> {
            ACTS.iter().map(|act| Question::never(given, self.at(*act, level))).collect()
        };
        let mut questions = reaches(SAFEGUARDED, Level::May);
        questions.extend(reaches(CITIZEN, Level::Review));
        questions.push(Question::never(&format!("({SAFEGUARDED}) && !{ALWAYS}"), self.shown()));
        questions.push(Question::never("!context.asks_for_hold", self.at(LawAction::Hold, Level::Review)));
        questions
    }

    fn release_needs_notice(&self) -> Question<'_> {
        Question::implies(RELEASE, self.shown(), self.at(LawAction::Notify, Level::May))
    }

    /// The order of rulings: must not, review, may or must.
    fn within<'a>(&'a self, outer: &'a Law) -> Vec<Question<'a>> {
        let of_act = |act: &LawAction| {
            let reaches = |law: &'a Law, level| law.at(*act, level);
            [Level::Review, Level::May]
                .map(|level| Question::implies(ANY_CASE, reaches(&self.law, level), reaches(outer, level)))
        };
        LawAction::ALL.iter().flat_map(of_act).collect()
    }

    fn permits_no_more<'a>(&'a self, force: &'a Law) -> Vec<Question<'a>> {
        beyond(&self.law, force, &[Level::May, Level::Must])
    }

    /// What was forbidden and is now left to a person, and everything that the candidate takes away.
    fn differs<'a>(&'a self, force: &'a Law) -> Vec<Question<'a>> {
        let mut questions = beyond(&self.law, force, &[Level::Review]);
        questions.extend(beyond(force, &self.law, &[Level::Review, Level::May, Level::Must]));
        questions
    }
}

/// Where one law goes further than the other. No questions if both have the same policies.
fn beyond<'a>(one: &'a Law, other: &'a Law, levels: &[Level]) -> Vec<Question<'a>> {
    if one.policies == other.policies {
        return Vec::new();
    }
    let of_act = |act: &LawAction| {
        levels.iter().map(|level| Question::implies(ANY_CASE, one.at(*act, *level), other.at(*act, *level))).collect()
    };
    LawAction::ALL.iter().flat_map::<Vec<Question<'a>>, _>(of_act).collect()
}
