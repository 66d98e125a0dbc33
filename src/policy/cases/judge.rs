//! Asks a pack about the facts of a case, and holds what it says against what the case expects.

use cedar_policy as cedar;
use jiff::Timestamp;

use crate::domain::determination::{Determination, FieldClass, FieldClasses, LawAction, Ruling};
use crate::domain::facts::CaseFacts;
use crate::policy::cases::table::Expected;
use crate::policy::load::PolicySet;
use crate::policy::rulings::{About, Rulings};
use crate::policy::slice::Slice;
use crate::policy::switches::Settings;
use crate::policy::vocabulary::Vocabulary;

/// Shown in every case of every pack, so that nothing can be told from them.
const ALWAYS: [FieldClass; 4] = [FieldClass::Count, FieldClass::Request, FieldClass::Answer, FieldClass::Contact];
/// Shown in no case of any pack.
const NEVER: [FieldClass; 3] = [FieldClass::Safeguard, FieldClass::Restricted, FieldClass::Determination];

/// A pack with its switches set.
pub(super) struct Rulebook<'a> {
    vocabulary: &'a Vocabulary,
    slice: Slice,
}

impl<'a> Rulebook<'a> {
    pub(super) fn new(set: &'a PolicySet, pack: &[cedar::Policy], settings: &Settings) -> Option<Self> {
        let slice = Slice::new(0, set.law_with(pack, settings)?);
        Some(Self { vocabulary: &set.vocabulary, slice })
    }

    pub(super) fn ask(&self, facts: &CaseFacts, now: Timestamp) -> Rulings {
        self.slice.rulings(self.vocabulary, facts, now)
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
        expect(!said.failed, format!("{about} could be judged"), Some(said));
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

fn check_fields(expected: &Expected, rulings: &Rulings) -> Vec<(String, Option<Determination>)> {
    let mut wrong = Vec::new();
    for class in FieldClass::ALL {
        let Some(said) = rulings.get(&About::Field(*class)) else { continue };
        let word = class.word();
        let is_shown = matches!(said.ruling, Ruling::Must | Ruling::May);
        let mut expect = |holds: bool, problem: String| {
            if !holds {
                wrong.push((problem, Some(said.clone())));
            }
        };
        let (always, never) = (ALWAYS.contains(class), NEVER.contains(class));
        expect(!always || is_shown, format!("{word}: shown in every case, or its absence would tell something"));
        expect(!never || !is_shown, format!("{word}: shown in no case, since a safeguard must not show"));
        let says = |classes: Option<FieldClasses>| classes.map(|classes| classes.contains(*class));
        if let Some(shown) = says(expected.shown).filter(|_| !always && !never) {
            let wanted = if shown { "shown" } else { "not shown" };
            expect(shown == is_shown, format!("{word}: expected to be {wanted}"));
        }
        if let Some(review) = says(expected.review) {
            let wanted = if review { "left to a person" } else { "not left to a person" };
            expect(review == (said.ruling == Ruling::Review), format!("{word}: expected to be {wanted}"));
        }
        if says(expected.withheld) == Some(true) {
            expect(said.ruling == Ruling::MustNot, format!("{word}: expected that it must not be shown"));
        }
    }
    wrong
}
