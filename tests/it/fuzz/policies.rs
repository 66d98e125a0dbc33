//! Policy texts: whatever they nest or chain, they are refused before Cedar's parser overflows a stack; and a set that is
//! accepted can be asked.

use std::collections::BTreeMap;
use std::path::Path;

use comity::domain::determination::{FieldClass, Ruling};
use comity::domain::disclosure::DisclosableClasses;
use comity::domain::facts::{CaseFacts, Stage};
use comity::policy::engine::Engine;
use comity::policy::load::{PolicyError, PolicySet};

use crate::fuzz::Target;
use crate::mutate::Kind;
use crate::sample;

/// Bytes of a file that a set may hold, and what no text may come near without being refused.
const FILE_LEN_MAX: usize = 256 * 1_024;

const WORDS: [&[u8]; 22] = [
    b"((((((((((((((((((((((((((((((((((((((((",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: ",
    b"!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
    b"----------------------------------------",
    b"if true then true else if true then true else ",
    b"true && true || true && true || ",
    b"1 + 1 * 1 - ",
    b".a.a.a.a.a.a.a.a.a.a",
    b"A::B::C::D::E::",
    b"\"",
    b"\\u{10ffff}",
    b"//",
    b"when { ",
    b"unless { ",
    b" };",
    b"@cite(\"c\")",
    b"@id(\"x\")",
    b"permit (principal, action == Action::\"hold\", resource)",
    b"forbid (principal, action in [Action::\"hold\", Action::\"notify\"], resource)",
    b"context.now < datetime(\"2026-01-01\")",
    b"context has x && context.x",
];

/// Two packs of the repository's: more would take long to read, and say nothing more.
fn files() -> BTreeMap<String, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let names = ["access.cedar", "comity.cedarschema", "law/_safeguards.cedar", "law/us-ny.cedar", "law/us-tx.cedar"];
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let mut switches: toml::Table = read("law/switches.toml").parse().unwrap();
    switches.retain(|name, _| name.starts_with("us-ny."));
    // Bears New York's switches, which a made-up law of New York need not.
    let bearing = switches.keys().map(|switch| {
        format!("@id(\"us-zz.{switch}\") @cite(\"c\") @switch(\"{switch}\") forbid (principal, action == Action::\"hold\", resource);\n")
    });
    let own = [("law/us-zz.cedar", bearing.collect()), ("law/switches.toml", switches.to_string())];
    let files = names.map(|name| (name, read(name))).into_iter().chain(own);
    files.map(|(name, text)| (name.to_owned(), text)).collect()
}

fn facts(stage: Stage) -> CaseFacts {
    CaseFacts { stage, ..sample::facts() }
}

/// Asks an accepted set at the smallest stack that a thread of ours has.
fn ask(set: PolicySet) {
    let digest = set.digest();
    let engine = Engine::new(set);
    assert_eq!(engine.digest(), digest);
    for stage in [Stage::Lodge, Stage::Release] {
        let view = engine.law(&sample::jurisdiction(), &facts(stage), sample::start());
        assert_eq!(view.policy_digest, digest);
        let known = FieldClass::ALL.iter().copied().filter(|class| view.disclosable.contains(*class));
        assert_eq!(view.disclosable, DisclosableClasses::by_law(known.collect()));
        // Whatever a pack says, where a safeguard stands a person decides at least.
        let guarded: [fn(&mut CaseFacts); 4] = [
            |facts| facts.record.citizenship_claim = true,
            |facts| facts.record.juvenile = true,
            |facts| facts.asserted.sealed = true,
            |facts| facts.match_disputed = true,
        ];
        for guard in guarded {
            let mut facts = facts(stage);
            guard(&mut facts);
            let view = engine.law(&sample::jurisdiction(), &facts, sample::start());
            for determination in [&view.hold, &view.notify] {
                assert!(matches!(determination.ruling, Ruling::Review | Ruling::MustNot), "{determination:?}");
            }
        }
    }
}

fn reason(error: &PolicyError) -> String {
    let told = error.to_string();
    // It names the file at fault: the one that was changed, or one that an id was taken from.
    assert!(files().keys().any(|name| told.contains(name)), "{told}");
    assert!(told.len() < 4 * FILE_LEN_MAX);
    match error {
        PolicyError::Excess { excess, .. } => excess.to_string(),
        PolicyError::Invalid { .. } => "Cedar refuses it".to_owned(),
        PolicyError::Rule { broken, .. } => format!("a rule of ours/{broken}"),
        PolicyError::Switches(_) => "its switches are not those listed".to_owned(),
        PolicyError::List { .. } => "a list that is not there".to_owned(),
        PolicyError::Unreadable { .. }
        | PolicyError::Offences { .. }
        | PolicyError::TooMany
        | PolicyError::Missing { .. }
        | PolicyError::Altered { .. }
        | PolicyError::Misnamed { .. }
        | PolicyError::Vocabulary(_) => panic!("{error}"),
    }
}

fn check(name: &'static str, target: &str, runs: usize) {
    let files = files();
    let unchanged = PolicySet::from_files(&files).unwrap().digest();
    let seeds = [name, "law/us-tx.cedar", "law/us-ny.cedar"].map(|name| files[name].clone().into_bytes()).into();
    let target = Target { name: target, kind: Kind::Text, seeds, words: &WORDS, runs, grows: false };
    target.fuzz(|bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return "not a text".to_owned() };
        let mut changed = files.clone();
        changed.insert(name.to_owned(), text.to_owned());
        match PolicySet::from_files(&changed) {
            Ok(set) => {
                assert!(text.len() <= FILE_LEN_MAX);
                assert_eq!(set.digest() == unchanged, text == files[name]);
                ask(set);
                "accepted".to_owned()
            }
            Err(error) => reason(&error),
        }
    });
}

#[test]
fn a_law_is_refused_with_a_reason_or_can_be_asked() {
    check("law/us-ny.cedar", "policy-law", 100);
}

#[test]
fn access_rules_are_refused_with_a_reason_or_can_be_asked() {
    check("access.cedar", "policy-access", 50);
}
