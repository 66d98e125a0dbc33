//! Asks a pack about the facts of a case, and holds what it says against what the case expects.

use std::collections::BTreeMap;

use cedar_policy as cedar;
use jiff::Timestamp;

use crate::domain::determination::{Determination, FieldClass, FieldClasses, LawAction, Ruling};
use crate::domain::facts::CaseFacts;
use crate::policy::cases::table::{About, Expected};
use crate::policy::load::PolicySet;
use crate::policy::slice::Slice;
use crate::policy::switches::Settings;
use crate::policy::vocabulary::{Vocabulary, milliseconds};

/// Shown in every case of every pack, so that nothing can be told from them.
const ALWAYS: [FieldClass; 4] = [FieldClass::Count, FieldClass::Request, FieldClass::Answer, FieldClass::Contact];
const ACTS: [LawAction; 3] = [LawAction::Hold, LawAction::Notify, LawAction::Transfer];

/// A pack with its switches set one way.
pub(super) struct Rulebook<'a> {
    vocabulary: &'a Vocabulary,
    slice: Slice,
}

/// What a pack says of each act and each class of fields.
pub(super) type Rulings = BTreeMap<About, Determination>;

impl<'a> Rulebook<'a> {
    pub(super) fn new(set: &'a PolicySet, pack: &[cedar::Policy], settings: &Settings) -> Result<Self, String> {
        let slice = Slice::new(0, set.law_with(pack, settings)?);
        Ok(Self { vocabulary: &set.vocabulary, slice })
    }

    pub(super) fn ask(&self, facts: &CaseFacts, now: Timestamp) -> Rulings {
        let asking = self.slice.asking(self.vocabulary, facts.requester_kind);
        let context = self.vocabulary.facts(facts, milliseconds(now));
        let acts = ACTS.iter().map(|act| (About::Act(*act), asking.act(*act, context.as_ref())));
        let fields =
            FieldClass::ALL.iter().map(|class| (About::Field(*class), asking.disclose(*class, context.as_ref())));
        acts.chain(fields).collect()
    }
}

/// Everything that is not as expected, with what the law said instead.
pub(super) fn check(expected: &Expected, rulings: &Rulings) -> Vec<(String, Option<Determination>)> {
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, problem: String, said: Option<&Determination>| {
        if !holds {
            wrong.push((problem, said.cloned()));
        }
    };
    for (about, said) in rulings {
        expect(!said.failed, format!("{about}: cannot be judged"), Some(said));
    }
    for (act, allowed) in &expected.acts {
        let said = rulings.get(&About::Act(*act));
        let words: Vec<String> = allowed.iter().map(|ruling| ruling.word().replace('-', " ")).collect();
        let problem = format!("{}: expected {}", act.word(), words.join(" or "));
        expect(said.is_some_and(|said| allowed.contains(&said.ruling)), problem, said);
    }
    for (about, text) in &expected.cites {
        let said = rulings.get(about);
        let cited = said.is_some_and(|said| said.citations.iter().any(|citation| citation.contains(text)));
        expect(cited, format!("{about}: expected the citation {text:?}"), said);
    }
    for (act, obligations) in &expected.obligations {
        let said = rulings.get(&About::Act(*act));
        let words: Vec<&str> = obligations.iter().map(|obligation| obligation.word()).collect();
        let found: Vec<&str> =
            said.into_iter().flat_map(|said| &said.obligations).map(|obligation| obligation.word()).collect();
        let problem = format!("{}: expected the obligations {words:?}, not {found:?}", act.word());
        expect(said.is_some_and(|said| said.obligations == *obligations), problem, said);
    }
    if let Some(clock) = expected.clock {
        let said = rulings.get(&About::Act(LawAction::Hold));
        let problem = format!("hold: expected the clock {}", clock.word());
        expect(said.is_some_and(|said| said.clock == Some(clock)), problem, said);
    }
    wrong.extend(check_fields(expected, rulings));
    wrong
}

/// The same, class by class; classes of which the same is wrong for the same reason stand together.
fn check_fields(expected: &Expected, rulings: &Rulings) -> Vec<(String, Option<Determination>)> {
    let mut wrong: Vec<(Vec<&str>, &str, &Determination)> = Vec::new();
    for class in FieldClass::ALL {
        let Some(said) = rulings.get(&About::Field(*class)) else { continue };
        let Some(problem) = wrong_of(*class, expected, said.ruling) else { continue };
        match wrong.iter_mut().find(|(_, known, because)| *known == problem && *because == said) {
            Some((classes, ..)) => classes.push(class.word()),
            None => wrong.push((vec![class.word()], problem, said)),
        }
    }
    let told = |(classes, problem, said): (Vec<&str>, &str, &Determination)| {
        (format!("{}: {problem}", classes.join(", ")), Some(said.clone()))
    };
    wrong.into_iter().map(told).collect()
}

/// What is wrong with the ruling on a class.
fn wrong_of(class: FieldClass, expected: &Expected, ruling: Ruling) -> Option<&'static str> {
    let is_shown = matches!(ruling, Ruling::Must | Ruling::May);
    let always = ALWAYS.contains(&class);
    let listed = |classes: Option<FieldClasses>| classes.map(|classes| classes.contains(class));
    if always && !is_shown {
        return Some("not shown, where it is in every other case: its absence would tell something");
    }
    if listed(expected.withheld) == Some(true) && ruling != Ruling::MustNot {
        return Some("expected that it must not be shown");
    }
    match listed(expected.review) {
        Some(true) if ruling != Ruling::Review => return Some("expected to be left to a person"),
        Some(false) if ruling == Ruling::Review => return Some("expected not to be left to a person"),
        Some(_) | None => {}
    }
    match listed(expected.shown) {
        Some(true) if !is_shown => Some("expected to be shown"),
        Some(false) if is_shown && !always => Some("expected not to be shown"),
        Some(_) | None => None,
    }
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Act(act) => f.write_str(act.word()),
            Self::Field(class) => f.write_str(class.word()),
        }
    }
}
