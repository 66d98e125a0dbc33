//! Every reported change is true, and no change of a single fact is missing.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::domain::agency::AgencyClass;
use crate::domain::charge::{ChargeStatus, ConvictionAge};
use crate::domain::detainer::WarrantKind;
use crate::domain::determination::{LawAction, LawView, Ruling};
use crate::domain::facts::{Assertions, Judge, Offence};
use crate::domain::statute::{Paragraph, Reading};
use crate::policy::load::PolicySet;
use crate::policy::tests::samples::{any_facts, facts, with_law};

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| Arc::new(Engine::new(PolicySet::embedded().unwrap())));

const PACKS: [&str; 10] =
    ["us-ca", "us-co", "us-fl", "us-il", "us-nj", "us-ny", "us-ny-nyc", "us-tx", "us-wa", "us-none"];

/// What the engine rules when the gate asks it.
fn ruling(law: &LawView, about: RulingSubject) -> Ruling {
    match about {
        RulingSubject::Act(LawAction::Hold) => law.hold.ruling,
        RulingSubject::Act(LawAction::Notify) => law.notify.ruling,
        RulingSubject::Act(LawAction::Transfer) => law.transfer.ruling,
        RulingSubject::Act(LawAction::Disclose | LawAction::Interview) => panic!("not of a view"),
        RulingSubject::Field(class) if law.disclosable.contains(class) => Ruling::May,
        RulingSubject::Field(class) if law.review.contains(class) => Ruling::Review,
        RulingSubject::Field(_) => Ruling::MustNot,
    }
}

/// How a ruling on a class shows in a view: must as may, and what depends on a claim as must not.
fn like(said: &Determination, about: RulingSubject) -> Ruling {
    match (said.ruling, about) {
        (Ruling::Must, RulingSubject::Field(_)) => Ruling::May,
        (Ruling::Review, RulingSubject::Field(_)) if said.unverified => Ruling::MustNot,
        (ruling, _) => ruling,
    }
}

/// Facts that a request can carry.
fn possible() -> impl Strategy<Value = CaseFacts> {
    any_facts().prop_map(|mut facts| {
        facts.asks_for_hold = facts.form.asks_for_hold();
        possibly(&mut facts.record);
        possibly(&mut facts.asserted);
        facts
    })
}

/// Restricts assertions to those that one side can make.
fn possibly(said: &mut Assertions) {
    said.criminal_warrant &= said.judge != Judge::None;
    let offences = std::mem::take(&mut said.offences).into_iter().map(|mut offence| {
        offence.age = match (offence.status, offence.age) {
            (ChargeStatus::Convicted, ConvictionAge::None) => ConvictionAge::Unknown,
            (ChargeStatus::Convicted, age) => age,
            _ => ConvictionAge::None,
        };
        // For an offence in the table, the paragraphs that list it are another fact: see
        // a_listing_is_a_fact_of_its_own.
        offence.listed.clear();
        if offence.reading == Reading::Ungraded {
            offence.reading = Reading::Listed;
        }
        offence
    });
    said.offences = offences.collect();
    said.sealed = said.offences.iter().any(|offence| offence.status.is_sealed());
}

/// One side's charges, with one of them as in the other case.
fn crossed_charges(one: &Assertions, from: &Assertions, at: prop::sample::Index) -> Assertions {
    let (own, others): (Vec<_>, Vec<_>) = (one.offences.iter().collect(), from.offences.iter().collect());
    let mut offences = one.offences.clone();
    match (own.get(at.index(own.len().max(1))), others.get(at.index(others.len().max(1))), at.index(3)) {
        (Some(own), _, 0) => _ = offences.remove(*own),
        (Some(own), Some(other), 1) => {
            offences.remove(*own);
            offences.insert(Offence { severity: other.severity, ..(*own).clone() });
        }
        (Some(own), Some(other), 2) => {
            offences.remove(*own);
            let (status, age) = (other.status, other.age);
            offences.insert(Offence { status, age, ..(*own).clone() });
        }
        (_, Some(other), _) => _ = offences.insert((*other).clone()),
        _ => {}
    }
    let sealed = offences.iter().any(|offence| offence.status.is_sealed());
    Assertions { offences, sealed, ..one.clone() }
}

/// The first case with one fact as in the other. Written independently of the code that enumerates the alternatives.
fn crossed(one: &CaseFacts, from: &CaseFacts, fact: Fact, at: prop::sample::Index) -> CaseFacts {
    let mut to = one.clone();
    match fact {
        Fact::On => {}
        Fact::Stage => to.stage = from.stage,
        Fact::AskedBy => to.requester_kind = from.requester_kind,
        Fact::Custodian => to.custodian_class = from.custodian_class,
        Fact::Form => (to.form, to.asks_for_hold) = (from.form, from.asks_for_hold),
        Fact::Basis => {
            let basis = crate::domain::detainer::DetainerBasis::ALL;
            let turned = basis[at.index(basis.len())];
            if !to.basis.remove(&turned) {
                to.basis.insert(turned);
            }
        }
        Fact::Warrant => {
            to.warrant = from.warrant;
            (to.record.judge, to.record.criminal_warrant) = (from.record.judge, from.record.criminal_warrant);
            if to.record.judge != Judge::None {
                to.warrant = WarrantKind::None;
            }
        }
        Fact::TerroristListMatch => to.record.terrorist_list_match = from.record.terrorist_list_match,
        Fact::Charges => to.record = crossed_charges(&one.record, &from.record, at),
        Fact::CitizenshipClaim => to.record.citizenship_claim = from.record.citizenship_claim,
        Fact::Citizen => to.record.citizen = from.record.citizen,
        Fact::LawfulStatus => to.record.lawful_status = from.record.lawful_status,
        Fact::FinalOrder => to.final_order = from.final_order,
        Fact::Juvenile => to.record.juvenile = from.record.juvenile,
        Fact::Protected => to.record.protected = from.record.protected,
        Fact::Asserted => {
            let said = &mut to.asserted;
            match at.index(6) {
                0 => (said.judge, said.criminal_warrant) = (from.asserted.judge, from.asserted.criminal_warrant),
                1 => said.terrorist_list_match = from.asserted.terrorist_list_match,
                2 => said.citizenship_claim = from.asserted.citizenship_claim,
                3 => said.citizen = from.asserted.citizen,
                4 => said.juvenile = from.asserted.juvenile,
                _ => said.protected = from.asserted.protected,
            }
        }
        Fact::AssertedCharges => to.asserted = crossed_charges(&one.asserted, &from.asserted, at),
        Fact::DatePublic => to.date_public = from.date_public,
        Fact::MatchDisputed => to.match_disputed = from.match_disputed,
    }
    to
}

fn moments() -> impl Strategy<Value = Timestamp> {
    let moments = ["2018-01-01T00:00:00Z", "2026-05-27T03:59:59.999Z", "2026-05-27T04:00:00Z", "2030-01-01T00:00:00Z"];
    select(moments.map(|at| at.parse().unwrap()).to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_change_is_true_and_none_is_missing(
        one in possible(),
        others in vec((possible(), any::<prop::sample::Index>()), 8),
        now in moments(),
        jurisdiction in select(PACKS.to_vec()),
    ) {
        let jurisdiction: JurisdictionId = jurisdiction.parse().unwrap();
        let law = |facts: &CaseFacts, now| ENGINE.law(&jurisdiction, facts, now);
        let before = law(&one, now);
        let explanation = ENGINE.explain(&jurisdiction, &one, now);
        for explained in explanation.rulings.iter().filter(|one| one.about != RulingSubject::Act(LawAction::Interview)) {
            prop_assert_eq!(like(&explained.said, explained.about), ruling(&before, explained.about));
        }
        let known: BTreeMap<_, _> =
            alternatives(&one, &ENGINE.statutes(&jurisdiction).paragraphs()).into_iter().map(|other| ((other.fact, other.value), other.facts)).collect();
        for change in &explanation.changes {
            for value in &change.values {
                let after = if change.fact == Fact::On { law(&one, value.parse().unwrap()) } else { law(&known[&(change.fact, value.clone())], now) };
                for (about, said) in change.becomes.iter().filter(|(of, _)| *of != RulingSubject::Act(LawAction::Interview)) {
                    prop_assert_eq!(like(said, *about), ruling(&after, *about), "{:?} {}", change.fact, value);
                }
            }
        }
        // The other way round: changes made independently, and their effects.
        for (fact, (from, at)) in Fact::ALL.iter().flat_map(|fact| others.iter().map(move |other| (*fact, other))) {
            let other = crossed(&one, from, fact, *at);
            let after = law(&other, now);
            for ExplainedRuling { about, .. } in &explanation.rulings {
                if *about == RulingSubject::Act(LawAction::Interview) {
                    continue;
                }
                let (was, is) = (ruling(&before, *about), ruling(&after, *about));
                let told = explanation.changes.iter().filter(|change| change.fact == fact).flat_map(|change| &change.becomes);
                let told = told.into_iter().any(|(of, said)| of == about && like(said, *of) == is);
                prop_assert!(was == is || told, "{fact:?} makes {about} {is:?}, and nobody said so: {other:?}");
            }
        }
    }
}

#[test]
fn a_listing_is_a_fact_of_its_own() {
    let paragraph: Paragraph = "1(a)".parse().unwrap();
    let one = facts();
    let others = alternatives(&one, &[&paragraph].into());
    let values = |start: &str, end: &str| {
        let of_record = others.iter().filter(|other| other.fact == Fact::Charges);
        of_record.filter(|other| other.value.starts_with(start) && other.value.ends_with(end)).count()
    };
    assert_eq!(values("assault felony pending listed by 1(a) instead of ", "assault felony pending"), 1);
    assert_eq!(values("also other felony convicted older", "listed by 1(a)"), 1);
    assert_eq!(values("also drugs felony convicted older", "listed by nothing"), 1);
    assert_eq!(values("also other felony pending", "of unknown grade 1(a)"), 1);
    let without = alternatives(&one, &[].into());
    assert!(without.iter().all(|other| !other.value.contains("listed by")), "a law without a table turns on none");
}

/// The changes to the ruling on an act, as text.
fn changes(engine: &Arc<Engine>, jurisdiction: &str, facts: &CaseFacts, now: &str, act: LawAction) -> Vec<String> {
    let explanation = engine.explain(&jurisdiction.parse().unwrap(), facts, now.parse().unwrap());
    let mut found = Vec::new();
    for change in &explanation.changes {
        let becomes = change.becomes.iter().filter(|(about, _)| *about == RulingSubject::Act(act));
        for (_, said) in becomes {
            found.extend(
                change.values.iter().map(|value| format!("{} = {value}: {}", change.fact.word(), said.ruling.word())),
            );
        }
    }
    found.sort();
    found
}

#[test]
fn what_would_open_and_what_would_close_a_hold() {
    let county = CaseFacts { custodian_class: Some(AgencyClass::CountyJail), ..facts() };
    let now = "2026-06-01T00:00:00Z";
    let by_judge = |authority: &str| {
        ["", ", criminal_warrant"].map(|more| format!("warrant = judicial, signed_by {authority}{more}: may"))
    };
    // A claimed warrant opens nothing: an officer must see it first.
    let claimed =
        |judge: &str| ["", ", criminal_warrant"].map(|more| format!("asserted = signed_by {judge}{more}: review"));
    let mut expected =
        [by_judge("federal-judge"), by_judge("state-judge"), claimed("federal"), claimed("state")].concat();
    expected.sort();
    assert_eq!(changes(&ENGINE, "us-ny", &county, now, LawAction::Hold), expected);

    let texas = changes(&ENGINE, "us-tx", &county, now, LawAction::Hold);
    for expected in [
        "citizen = true: must-not",
        "lawful_status = true: review",
        "juvenile = true: review",
        "form = i-247g: must-not",
    ] {
        assert!(texas.iter().any(|change| change == expected), "{expected} is not among {texas:#?}");
    }
    let sealed = "charges = also drugs felony sealed: review".to_owned();
    assert!(texas.contains(&sealed), "{texas:#?}");
    // The duty binds only agencies that hold people in cells. For others the law read nothing else.
    assert!(texas.iter().any(|change| change == "custodian = probation: review"), "{texas:#?}");
    assert!(!texas.iter().any(|change| change.starts_with("custodian = state-prison")), "{texas:#?}");
}

#[test]
fn the_next_date_that_changes_a_ruling_is_told_and_no_other() {
    let law = r#"
        @id("us-zz.first") @cite("c") permit (principal, action == Action::"hold", resource)
        when { context.now >= datetime("2026-03-01") && context.now < datetime("2026-05-01") };
        @id("us-zz.second") @cite("c") permit (principal, action == Action::"notify", resource)
        when { context.now > datetime("2026-04-01") };
        @id("us-zz.later") @cite("c") forbid (principal, action == Action::"hold", resource)
        when { context.now >= datetime("2027-01-01") };
    "#;
    let engine = Arc::new(Engine::new(with_law("us-zz", law).unwrap()));
    let check = |now: &str, act, expected: &[&str]| {
        let found = changes(&engine, "us-zz", &facts(), now, act);
        let dates: Vec<&str> =
            found.iter().filter(|change| change.starts_with("on = ")).map(|change| &change[5..]).collect();
        assert_eq!(dates, expected, "{act:?} after {now}");
    };
    check("2026-01-01T00:00:00Z", LawAction::Hold, &["2026-03-01T00:00:00Z: may"]);
    check("2026-01-01T00:00:00Z", LawAction::Notify, &["2026-04-01T00:00:00.001Z: may"]);
    check("2026-03-01T00:00:00Z", LawAction::Hold, &["2026-05-01T00:00:00Z: review"]);
    check("2026-05-01T00:00:00Z", LawAction::Hold, &["2027-01-01T00:00:00Z: must-not"]);
    check("2027-01-01T00:00:00Z", LawAction::Hold, &[]);
    check("2027-01-01T00:00:00Z", LawAction::Transfer, &[]);
}

#[test]
fn a_ruling_says_which_facts_it_was_read_from() {
    let law = r#"
        @id("us-zz.one") @cite("c") permit (principal == AgencyKind::"federal", action == Action::"hold", resource)
        when { context.judicial_warrant || context has custodian_class };
        @id("us-zz.two") @cite("c") permit (principal, action == Action::"notify", resource)
        when { context.now > datetime("2020-01-01") && context.charges.isEmpty() };
        @id("us-zz.not-deciding") @cite("c") permit (principal, action == Action::"hold", resource)
        when { context.juvenile };
    "#;
    let engine = Arc::new(Engine::new(with_law("us-zz", law).unwrap()));
    let judged = CaseFacts { record: Assertions { judge: Judge::Federal, ..Assertions::default() }, ..facts() };
    let explanation = engine.explain(&"us-zz".parse().unwrap(), &judged, "2026-01-01T00:00:00Z".parse().unwrap());
    let reads = |act| {
        let found = explanation.rulings.iter().find(|explained| explained.about == RulingSubject::Act(act));
        found.unwrap().reads.join(" ")
    };
    assert_eq!(reads(LawAction::Hold), "asked_by custodian_class judicial_warrant");
    assert_eq!(reads(LawAction::Notify), "charges now");
    assert_eq!(reads(LawAction::Transfer), "");
}
