//! What the tables of cases in `policies/law` cannot express: which policies decide and which do not, the last
//! millisecond before an act takes effect, and the law where none is written.

use std::sync::LazyLock;

use crate::domain::agency::AgencyClass;
use crate::domain::detainer::{DetainerForm, WarrantKind};
use crate::domain::determination::{FieldClass, FieldClasses, HoldClock, LawView, Obligation, Ruling};
use crate::domain::disclosure::DisclosableClasses;
use crate::domain::facts::{CaseFacts, Judge};
use crate::policy::engine::Engine;
use crate::policy::load::PolicySet;
use crate::policy::tests::samples::{facts, with_law};

const BEFORE_THE_ACTS: &str = "2026-05-27T03:59:59.999Z";
const FROM_THE_ACTS: &str = "2026-05-27T04:00:00Z";
const LATER: &str = "2027-01-01T00:00:00Z";

/// A change to the ordinary case.
type Change = fn(&mut CaseFacts);

const ORDINARY: Change = |_| {};
const NOTIFY_ONLY_FORM: Change = |facts| (facts.form, facts.asks_for_hold) = (DetainerForm::I247g, false);
const IN_STATE_PRISON: Change = |facts| facts.custodian_class = Some(AgencyClass::StatePrison);
const IN_COUNTY_JAIL: Change = |facts| facts.custodian_class = Some(AgencyClass::CountyJail);
const A_JUDGE_SIGNED: Change = |facts| {
    facts.warrant = WarrantKind::None;
    facts.record.judge = Judge::Federal;
};
const A_CITIZENSHIP_CLAIM: Change = |facts| facts.record.citizenship_claim = true;
const LAWFUL_STATUS: Change = |facts| facts.record.lawful_status = true;
const A_CITIZEN: Change = |facts| facts.record.citizen = true;
const A_JUVENILE: Change = |facts| facts.record.juvenile = true;
const A_SEALED_RECORD: Change = |facts| facts.record.sealed = true;
const PROTECTED: Change = |facts| facts.record.protected = true;

static EMBEDDED: LazyLock<Engine> = LazyLock::new(|| Engine::new(PolicySet::embedded().unwrap()));

fn law(jurisdiction: &str, at: &str, changes: &[Change]) -> LawView {
    let mut case = facts();
    for change in changes {
        change(&mut case);
    }
    let view = EMBEDDED.law(&jurisdiction.parse().unwrap(), &case, at.parse().unwrap());
    assert!(![&view.hold, &view.notify].into_iter().chain(&view.disclosure).any(|ruled| ruled.failed));
    view
}

#[test]
fn every_ruling_says_what_it_rests_on() {
    let before = law("us-ny", BEFORE_THE_ACTS, &[IN_STATE_PRISON]);
    assert_eq!(before.hold.policies, ["us-ny.hold-without-judicial-warrant"]);
    assert_eq!(before.hold.citations, ["People ex rel. Wells v. DeMarco, 168 A.D.3d 31 (2d Dept 2018)"]);
    assert_eq!(before.notify.policies, ["us-ny.notify-under-order-170"]);
    assert_eq!(before.notify.citations, ["Executive Order 170"]);
    // The order binds only the state's own officers. Before the acts no policy is about jails.
    assert!(law("us-ny", BEFORE_THE_ACTS, &[IN_COUNTY_JAIL]).notify.policies.is_empty());
    for held in [IN_COUNTY_JAIL, IN_STATE_PRISON] {
        let after = law("us-ny", FROM_THE_ACTS, &[held]);
        assert_eq!(after.notify.policies, ["us-ny.notify-under-acts-of-2026"]);
        assert_eq!(after.notify.citations, ["Exec. Law 319-a(2); GML 996-a(2)"]);
        assert_eq!(after.notify.reviews.len(), 1);
    }

    let texas = law("us-tx", LATER, &[IN_COUNTY_JAIL]);
    assert_eq!(texas.hold.obligations, [Obligation::TellTheSubject]);
    assert!(texas.hold.reviews.is_empty());
    let not_asked = law("us-tx", LATER, &[NOTIFY_ONLY_FORM]);
    assert_eq!(not_asked.hold.policies, ["safeguard.no-hold-requested"]);
    assert_eq!(not_asked.hold.citations, ["no hold was requested"]);
    // A prohibition decides alone: a review beside it cannot lift it.
    let proven = law("us-tx", LATER, &[LAWFUL_STATUS, A_CITIZEN]);
    assert_eq!(proven.hold.policies, ["safeguard.citizen"]);
    assert!(proven.hold.reviews.is_empty());
    let both = law("us-tx", LATER, &[A_SEALED_RECORD, A_JUVENILE]);
    assert_eq!(both.hold.policies, ["safeguard.juvenile", "safeguard.sealed"]);
    assert_eq!(both.hold.reviews, ["a sealed record is among the charges", "the person is a juvenile"]);
}

fn classes(words: &str) -> FieldClasses {
    words.split_whitespace().map(|word| word.parse::<FieldClass>().unwrap()).collect()
}

#[test]
fn rulings_on_disclosure_are_gathered_by_ruling() {
    let view = law("us-ny", LATER, &[IN_STATE_PRISON]);
    let rulings: Vec<Ruling> = view.disclosure.iter().map(|ruled| ruled.ruling).collect();
    assert_eq!(rulings, [Ruling::May, Ruling::Review, Ruling::MustNot]);
    let [may, review, must_not] = view.disclosure.as_slice() else { panic!("three rulings") };
    assert_eq!(may.policies, ["us-ny.disclose-citizenship", "us-ny.disclose-request-and-answer"]);
    assert_eq!(review.policies, ["us-ny.disclose-under-acts-of-2026"]);
    assert!(review.reviews.iter().any(|why| why == "no policy speaks to this"), "{:?}", review.reviews);
    assert_eq!(must_not.policies, ["safeguard.restricted"]);
}

#[test]
fn where_no_law_is_written_a_person_decides_and_nothing_is_shown() {
    let view = law("us-zz", LATER, &[A_JUDGE_SIGNED, IN_STATE_PRISON]);
    for act in [&view.hold, &view.notify] {
        assert_eq!((act.ruling, act.policies.len()), (Ruling::Review, 0));
        assert_eq!(act.reviews, ["no policy speaks to this"]);
    }
    assert_eq!(view.disclosable, DisclosableClasses::default());
    assert_eq!(view.review, FieldClasses::all().without(classes("safeguard restricted determination")));
}

#[test]
fn no_pack_can_weaken_a_safeguard() {
    let law = "@id(\"us-zz.everything\") @cite(\"c\") @duty(\"must\")
        permit (principal, action in [Action::\"hold\", Action::\"notify\", Action::\"disclose\"], resource);";
    let engine = Engine::new(with_law("us-zz", law).unwrap());
    let view = |change: Change| {
        let mut case = facts();
        change(&mut case);
        engine.law(&"us-zz".parse().unwrap(), &case, LATER.parse().unwrap())
    };
    let everything = FieldClasses::all().without(classes("safeguard restricted determination"));
    assert_eq!(view(ORDINARY).disclosable, DisclosableClasses::by_law(everything));
    assert_eq!(view(ORDINARY).hold.ruling, Ruling::Must);
    for safeguard in [A_CITIZENSHIP_CLAIM, A_JUVENILE, A_SEALED_RECORD] {
        let guarded = view(safeguard);
        assert_eq!((guarded.hold.ruling, guarded.notify.ruling), (Ruling::Review, Ruling::Review));
        assert_eq!(guarded.disclosable, DisclosableClasses::by_law(classes("count request answer contact")));
    }
    assert_eq!(view(NOTIFY_ONLY_FORM).hold.ruling, Ruling::MustNot);
}

#[test]
fn the_clock_that_ends_first_bounds_a_hold_and_obligations_add_up() {
    let law = r#"
        @id("us-zz.any") @cite("c") @obligation("tell-counsel, serve-copy")
        permit (principal, action == Action::"hold", resource);
        @id("us-zz.flat") @cite("c") @clock("flat-48h") @obligation("serve-copy,annual-count")
        permit (principal, action == Action::"hold", resource) when { context.judicial_warrant };
        @id("us-zz.same-day") @cite("c") @clock("same-day")
        permit (principal, action == Action::"hold", resource) when { context.lawful_status };
        @id("us-zz.by-regulation") @cite("c") @clock("8-cfr-287-7-d")
        permit (principal, action in [Action::"hold"], resource) when { context.protected };
    "#;
    let engine = Engine::new(with_law("us-zz", law).unwrap());
    let check = |changes: &[Change], clock: Option<HoldClock>, obligations: &[Obligation]| {
        let mut case = facts();
        for change in changes {
            change(&mut case);
        }
        let hold = engine.law(&"us-zz".parse().unwrap(), &case, LATER.parse().unwrap()).hold;
        assert_eq!((hold.clock, hold.obligations.as_slice()), (clock, obligations), "{hold:?}");
    };
    let both = [Obligation::ServeCopy, Obligation::TellCounsel];
    check(&[], None, &both);
    check(&[PROTECTED], Some(HoldClock::Cfr), &both);
    check(&[PROTECTED, LAWFUL_STATUS], Some(HoldClock::SameDay), &both);
    let all = [Obligation::ServeCopy, Obligation::TellCounsel, Obligation::AnnualCount];
    check(&[A_JUDGE_SIGNED, PROTECTED], Some(HoldClock::Flat48h), &all);
    check(&[A_JUDGE_SIGNED, PROTECTED, LAWFUL_STATUS], Some(HoldClock::SameDay), &all);
}

#[test]
fn what_is_owed_on_receipt_is_owed_whatever_decides() {
    use Obligation::{AnnualCount, RecordInFile, ServeCopy, TellCounsel};

    let law = r#"
        @id("us-zz.any") @cite("a") @obligation("serve-copy, annual-count") @owed("receipt")
        permit (principal, action == Action::"hold", resource);
        @id("us-zz.none") @cite("b") @obligation("serve-copy, tell-counsel") @owed("receipt")
        forbid (principal, action in [Action::"hold", Action::"notify"], resource) when { context.protected };
        @id("us-zz.act") @cite("c") @obligation("record-in-file")
        permit (principal, action == Action::"hold", resource);
    "#;
    let engine = Engine::new(with_law("us-zz", law).unwrap());
    let check = |changes: &[Change], acts: &[Obligation], expected: &[(Obligation, &[&str])]| {
        let mut case = facts();
        for change in changes {
            change(&mut case);
        }
        let hold = engine.law(&"us-zz".parse().unwrap(), &case, LATER.parse().unwrap()).hold;
        let owed: Vec<(Obligation, Vec<&str>)> = hold
            .on_receipt
            .iter()
            .map(|owed| (owed.obligation, owed.citations.iter().map(String::as_str).collect()))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(owed, citations)| (*owed, citations.to_vec())).collect();
        assert_eq!((hold.obligations.as_slice(), owed), (acts, expected), "{hold:?}");
    };
    check(&[], &[RecordInFile], &[(ServeCopy, &["a"]), (AnnualCount, &["a"])]);
    // A safeguard decides, but the permit beside it still says what is owed.
    check(&[A_JUVENILE], &[], &[(ServeCopy, &["a"]), (AnnualCount, &["a"])]);
    check(&[PROTECTED], &[], &[(ServeCopy, &["a", "b"]), (TellCounsel, &["b"]), (AnnualCount, &["a"])]);
}

/// Release classes are shown only where notice is allowed, under every switch setting of the three packs with tables.
#[test]
fn no_release_is_shown_where_notice_is_not_allowed() {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use crate::policy::rulings::RulingSubject;

    let packs = ["us-ca", "us-nj", "us-ny-nyc"];
    let set = PolicySet::embedded().unwrap();
    let names: Vec<String> = set.switches().settings().into_keys().collect();
    let cases = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    let off = subsequence(names.clone(), 0..=names.len());
    proptest!(cases, |(given in crate::policy::tests::samples::any_facts(), pack in select(packs.to_vec()), off in off, seed in any::<u64>())| {
        let jurisdiction = pack.parse().unwrap();
        let paragraphs: Vec<_> = set.statutes(&jurisdiction).unwrap().paragraphs().into_iter().cloned().collect();
        let mut case = given;
        for said in [&mut case.record, &mut case.asserted] {
            said.offences = std::mem::take(&mut said.offences).into_iter().zip(seed..).map(|(mut offence, number)| {
                if offence.reading != crate::domain::statute::Reading::Unlisted {
                    let count = u64::try_from(paragraphs.len()).unwrap();
                    let at = usize::try_from(number % count).unwrap();
                    offence.listed = [paragraphs[at].clone()].into();
                }
                offence
            }).collect();
        }
        let settings = names.iter().map(|name| (name.clone(), !off.contains(name))).collect();
        let law = set.law_with(&set.written[&jurisdiction], &settings).unwrap();
        let rulings = crate::policy::jurisdiction_law::JurisdictionLaw::new(0, law).rulings(&set.vocabulary, &case, LATER.parse().unwrap());
        let allowed = |about| matches!(rulings[&about].ruling, Ruling::May | Ruling::Must);
        for class in [FieldClass::ReleaseDate, FieldClass::ReleasePlace, FieldClass::ReleaseDetail] {
            let shown = allowed(RulingSubject::Field(class));
            prop_assert!(!shown || allowed(RulingSubject::Act(crate::domain::determination::LawAction::Notify)), "{class:?}");
        }
    });
}
