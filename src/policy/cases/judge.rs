//! Asks a pack about the facts of a case, and compares the rulings with what the case expects.

use std::collections::BTreeSet;

use cedar_policy as cedar;
use jiff::Timestamp;

use crate::domain::determination::{Determination, FieldClass, FieldClasses, LawAction, Obligation, Ruling};
use crate::domain::facts::CaseFacts;
use crate::policy::cases::table::Expected;
use crate::policy::jurisdiction_law::JurisdictionLaw;
use crate::policy::load::PolicySet;
use crate::policy::rulings::{RulingSubject, Rulings};
use crate::policy::switches::Settings;
use crate::policy::vocabulary::Vocabulary;

/// Shown in every case of every pack, so that their presence reveals nothing.
const ALWAYS: [FieldClass; 4] = [FieldClass::Count, FieldClass::Request, FieldClass::Answer, FieldClass::Contact];

/// A pack's law under one setting of its switches.
pub(super) struct PackLaw<'a> {
    vocabulary: &'a Vocabulary,
    law: JurisdictionLaw,
}

impl<'a> PackLaw<'a> {
    pub(super) fn new(set: &'a PolicySet, pack: &[cedar::Policy], settings: &Settings) -> Result<Self, String> {
        let law = JurisdictionLaw::new(0, set.law_with(pack, settings)?);
        Ok(Self { vocabulary: &set.vocabulary, law })
    }

    pub(super) fn ask(&self, facts: &CaseFacts, now: Timestamp) -> Rulings {
        self.law.rulings(self.vocabulary, facts, now)
    }
}

/// Every difference from what is expected, with what the law said instead.
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
        let said = rulings.get(&RulingSubject::Act(*act));
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
        let said = rulings.get(&RulingSubject::Act(*act));
        let words: Vec<&str> = obligations.iter().map(|obligation| obligation.word()).collect();
        let found: Vec<&str> =
            said.into_iter().flat_map(|said| &said.obligations).map(|obligation| obligation.word()).collect();
        let problem = format!("{}: expected the obligations {words:?}, not {found:?}", act.word());
        expect(said.is_some_and(|said| said.obligations == *obligations), problem, said);
    }
    if let Some(owed) = &expected.on_receipt {
        let found: BTreeSet<Obligation> =
            rulings.values().flat_map(|said| &said.on_receipt).map(|owed| owed.obligation).collect();
        let words = |set: &BTreeSet<Obligation>| set.iter().map(|one| one.word()).collect::<Vec<_>>().join(", ");
        let problem = format!("on receipt: expected [{}] owed, not [{}]", words(owed), words(&found));
        expect(found == *owed, problem, None);
    }
    if let Some(clock) = expected.clock {
        let said = rulings.get(&RulingSubject::Act(LawAction::Hold));
        let problem = format!("hold: expected the clock {}", clock.word());
        expect(said.is_some_and(|said| said.clock == Some(clock)), problem, said);
    }
    wrong.extend(check_fields(expected, rulings));
    wrong
}

/// The same for field classes. Classes with the same difference for the same reason are reported together.
fn check_fields(expected: &Expected, rulings: &Rulings) -> Vec<(String, Option<Determination>)> {
    let mut wrong: Vec<(Vec<&str>, &str, &Determination)> = Vec::new();
    for class in FieldClass::ALL {
        let Some(said) = rulings.get(&RulingSubject::Field(*class)) else { continue };
        let Some(problem) = wrong_of(*class, expected, said.ruling) else { continue };
        match wrong.iter_mut().find(|(_, known, because)| *known == problem && *because == said) {
            Some((classes, ..)) => classes.push(class.word()),
            None => wrong.push((vec![class.word()], problem, said)),
        }
    }
    let report = |(classes, problem, said): (Vec<&str>, &str, &Determination)| {
        (format!("{}: {problem}", classes.join(", ")), Some(said.clone()))
    };
    wrong.into_iter().map(report).collect()
}

/// The difference in the ruling on one class, if there is one.
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
