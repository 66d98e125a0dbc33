//! What the example laws say, as tables of cases: both sides of every condition.

use std::sync::LazyLock;

use crate::domain::agency::AgencyClass;
use crate::domain::detainer::{DetainerForm, IssuingAuthority, WarrantKind};
use crate::domain::determination::{FieldClass, FieldClasses, HoldClock, LawView, Obligation, Ruling};
use crate::domain::facts::CaseFacts;
use crate::policy::engine::Engine;
use crate::policy::load::PolicySet;
use crate::policy::samples::{facts, with_law};

const BEFORE_THE_ACTS: &str = "2026-05-27T03:59:59.999Z";
const FROM_THE_ACTS: &str = "2026-05-27T04:00:00Z";
const LATER: &str = "2027-01-01T00:00:00Z";

/// A change to the ordinary case.
type Change = fn(&mut CaseFacts);

const ORDINARY: Change = |_| {};
const NOTIFY_ONLY_FORM: Change = |facts| (facts.form, facts.asks_for_hold) = (DetainerForm::I247g, false);
const IN_STATE_PRISON: Change = |facts| facts.custodian_class = Some(AgencyClass::StatePrison);
const IN_COUNTY_JAIL: Change = |facts| facts.custodian_class = Some(AgencyClass::CountyJail);
const IN_CITY_JAIL: Change = |facts| facts.custodian_class = Some(AgencyClass::CityJail);
const ON_PROBATION: Change = |facts| facts.custodian_class = Some(AgencyClass::Probation);
const A_JUDGE_SIGNED: Change = |facts| {
    facts.warrant = WarrantKind::Judicial;
    facts.issuing_authority = IssuingAuthority::FederalJudge;
    facts.judicial_warrant = true;
};
const A_CITIZENSHIP_CLAIM: Change = |facts| facts.citizenship_claim = true;
const PROOF_OF_STATUS: Change = |facts| facts.proof_of_status = true;
const A_JUVENILE: Change = |facts| facts.juvenile = true;
const A_SEALED_RECORD: Change = |facts| facts.sealed = true;
const PROTECTED: Change = |facts| facts.protected = true;

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

fn check_acts(jurisdiction: &str, at: &str, changes: &[Change], hold: Ruling, notify: Ruling) {
    let view = law(jurisdiction, at, changes);
    assert_eq!((view.hold.ruling, view.notify.ruling), (hold, notify), "{jurisdiction} at {at}: {view:?}");
}

#[test]
fn new_york_holds_under_a_judicial_warrant_only_and_mostly_leaves_notice_to_a_person() {
    use Ruling::{May, MustNot, Review};
    for at in ["2018-11-14T00:00:00Z", BEFORE_THE_ACTS, FROM_THE_ACTS, LATER] {
        check_acts("us-ny", at, &[ORDINARY], MustNot, Review);
        check_acts("us-ny", at, &[IN_COUNTY_JAIL], MustNot, Review);
        check_acts("us-ny", at, &[IN_CITY_JAIL], MustNot, Review);
        check_acts("us-ny", at, &[ON_PROBATION], MustNot, Review);
        check_acts("us-ny", at, &[IN_STATE_PRISON], MustNot, May);
        check_acts("us-ny", at, &[A_JUDGE_SIGNED], May, May);
        check_acts("us-ny", at, &[A_JUDGE_SIGNED, IN_COUNTY_JAIL], May, May);
        check_acts("us-ny", at, &[A_JUDGE_SIGNED, IN_STATE_PRISON], May, May);
        check_acts("us-ny", at, &[A_JUDGE_SIGNED, NOTIFY_ONLY_FORM], MustNot, May);
        check_acts("us-ny", at, &[NOTIFY_ONLY_FORM], MustNot, Review);
        check_acts("us-ny", at, &[PROOF_OF_STATUS], MustNot, Review);
        check_acts("us-ny", at, &[PROTECTED, A_JUDGE_SIGNED], May, May);
    }
}

#[test]
fn texas_must_hold_and_notify_unless_status_is_proven() {
    use Ruling::{Must, MustNot, Review};
    for at in [BEFORE_THE_ACTS, FROM_THE_ACTS] {
        check_acts("us-tx", at, &[ORDINARY], Must, Must);
        check_acts("us-tx", at, &[IN_COUNTY_JAIL], Must, Must);
        check_acts("us-tx", at, &[A_JUDGE_SIGNED], Must, Must);
        check_acts("us-tx", at, &[NOTIFY_ONLY_FORM], MustNot, Must);
        check_acts("us-tx", at, &[PROOF_OF_STATUS], MustNot, Review);
        check_acts("us-tx", at, &[PROOF_OF_STATUS, A_JUDGE_SIGNED], MustNot, Review);
        check_acts("us-tx", at, &[PROTECTED], Must, Must);
    }
}

#[test]
fn the_person_is_handed_over_where_the_requester_may_be_told_and_else_as_a_person_decides() {
    use Ruling::{May, Must, MustNot, Review};
    fn check(jurisdiction: &str, changes: &[Change], transfer: Ruling) {
        assert_eq!(law(jurisdiction, LATER, changes).transfer.ruling, transfer, "{jurisdiction}");
    }
    check("us-ny", &[ORDINARY], Review);
    check("us-ny", &[IN_COUNTY_JAIL], Review);
    check("us-ny", &[IN_STATE_PRISON], May);
    check("us-ny", &[A_JUDGE_SIGNED, IN_COUNTY_JAIL], May);
    check("us-tx", &[ORDINARY], Must);
    check("us-tx", &[PROOF_OF_STATUS], MustNot);
    for safeguard in [A_CITIZENSHIP_CLAIM, A_JUVENILE, A_SEALED_RECORD] {
        check("us-ny", &[safeguard, IN_STATE_PRISON], Review);
        check("us-tx", &[safeguard], Review);
    }
}

#[test]
fn a_safeguard_brings_a_person_in_whatever_the_law_says_but_lifts_no_prohibition() {
    use Ruling::{MustNot, Review};
    for safeguard in [A_CITIZENSHIP_CLAIM, A_JUVENILE, A_SEALED_RECORD] {
        check_acts("us-tx", LATER, &[safeguard], Review, Review);
        check_acts("us-tx", LATER, &[safeguard, PROOF_OF_STATUS], MustNot, Review);
        check_acts("us-ny", LATER, &[safeguard, A_JUDGE_SIGNED], Review, Review);
        check_acts("us-ny", LATER, &[safeguard, IN_STATE_PRISON], MustNot, Review);
        check_acts("us-ny", LATER, &[safeguard], MustNot, Review);
        check_acts("us-zz", LATER, &[safeguard], Review, Review);
    }
}

#[test]
fn every_ruling_says_what_it_rests_on() {
    let before = law("us-ny", BEFORE_THE_ACTS, &[IN_COUNTY_JAIL]);
    assert_eq!(before.hold.policies, ["us-ny.hold-without-judicial-warrant"]);
    assert_eq!(before.hold.citations, ["People ex rel. Wells v. DeMarco, 168 A.D.3d 31 (2d Dept 2018)"]);
    assert_eq!(before.notify.policies, ["us-ny.notify-under-order-170"]);
    assert_eq!(before.notify.citations, ["Executive Order 170"]);
    let after = law("us-ny", FROM_THE_ACTS, &[IN_COUNTY_JAIL]);
    assert_eq!(after.notify.policies, ["us-ny.notify-under-acts-of-2026"]);
    assert_eq!(after.notify.citations, ["Exec. Law 319-a(2); GML 996-a(2)"]);
    assert_eq!(after.notify.reviews.len(), 1);

    let texas = law("us-tx", LATER, &[ORDINARY]);
    assert_eq!(texas.hold.obligations, [Obligation::TellTheSubject]);
    assert!(texas.hold.reviews.is_empty());
    let not_asked = law("us-tx", LATER, &[NOTIFY_ONLY_FORM]);
    assert_eq!(not_asked.hold.policies, ["safeguard.no-hold-requested"]);
    assert_eq!(not_asked.hold.citations, ["no hold was requested"]);
    // A prohibition decides alone: the review beside it cannot lift it.
    let proven = law("us-tx", LATER, &[PROOF_OF_STATUS, A_JUVENILE]);
    assert_eq!(proven.hold.policies, ["us-tx.no-hold-on-proof-of-status"]);
    assert!(proven.hold.reviews.is_empty());
    let both = law("us-tx", LATER, &[A_SEALED_RECORD, A_JUVENILE]);
    assert_eq!(both.hold.policies, ["safeguard.juvenile", "safeguard.sealed"]);
    assert_eq!(both.hold.reviews, ["a sealed record is among the charges", "the person is a juvenile"]);
}

fn classes(words: &str) -> FieldClasses {
    words.split_whitespace().map(|word| word.parse::<FieldClass>().unwrap()).collect()
}

fn check_fields(jurisdiction: &str, changes: &[Change], disclosable: &str, review: &str) {
    let view = law(jurisdiction, LATER, changes);
    let words = |set: FieldClasses| set.iter().map(FieldClass::word).collect::<Vec<_>>();
    assert_eq!(words(view.disclosable), words(classes(disclosable)), "{jurisdiction}: {view:?}");
    assert_eq!(words(view.review), words(classes(review)), "{jurisdiction}: {view:?}");
}

#[test]
fn new_york_shows_what_a_state_prison_may_tell_and_leaves_the_jails_to_a_person() {
    let always = "count request answer contact citizenship";
    let jail = "identity identifiers charges custody release-date release-detail release-place address medical";
    check_fields("us-ny", &[ORDINARY], always, jail);
    check_fields("us-ny", &[IN_COUNTY_JAIL], always, jail);
    check_fields("us-ny", &[IN_CITY_JAIL], always, jail);
    check_fields("us-ny", &[ON_PROBATION], always, jail);
    let prison = format!("{always} identity charges custody release-date release-detail release-place");
    let to_a_person = "identifiers address medical";
    check_fields("us-ny", &[IN_STATE_PRISON], &prison, to_a_person);
    check_fields("us-ny", &[IN_STATE_PRISON, PROTECTED], &prison, to_a_person);
    check_fields("us-ny", &[IN_STATE_PRISON, A_JUDGE_SIGNED], &prison, to_a_person);
    let warrant = format!("{always} custody release-date release-detail release-place");
    let to_a_person = "identity identifiers charges address medical";
    check_fields("us-ny", &[IN_COUNTY_JAIL, A_JUDGE_SIGNED], &warrant, to_a_person);
}

#[test]
fn texas_shows_everything_but_safeguards_and_restricted_fields() {
    let shown = "count request answer contact citizenship identity identifiers charges custody release-date \
                 release-detail release-place";
    check_fields("us-tx", &[ORDINARY], shown, "address medical");
    check_fields("us-tx", &[PROOF_OF_STATUS], shown, "address medical");
}

#[test]
fn a_safeguard_leaves_personal_fields_to_a_person_and_does_not_show() {
    // The counts are shown as without one: were they withheld, that would say that there is a safeguard.
    let guarded = "citizenship identity identifiers charges custody release-date release-detail release-place address \
                   medical";
    for safeguard in [A_CITIZENSHIP_CLAIM, A_JUVENILE, A_SEALED_RECORD] {
        check_fields("us-tx", &[safeguard], "count request answer contact", guarded);
        check_fields("us-ny", &[safeguard, IN_STATE_PRISON], "count request answer contact", guarded);
        check_fields("us-ny", &[safeguard, A_JUDGE_SIGNED], "count request answer contact", guarded);
    }
}

#[test]
fn rulings_on_disclosure_are_gathered_by_ruling() {
    let view = law("us-ny", LATER, &[IN_STATE_PRISON]);
    let rulings: Vec<Ruling> = view.disclosure.iter().map(|ruled| ruled.ruling).collect();
    assert_eq!(rulings, [Ruling::May, Ruling::Review, Ruling::MustNot]);
    let [may, review, must_not] = view.disclosure.as_slice() else { panic!("three rulings") };
    assert_eq!(
        may.policies,
        ["us-ny.disclose-citizenship", "us-ny.disclose-from-state-prison", "us-ny.disclose-request-and-answer"]
    );
    assert_eq!(review.reviews, ["no policy speaks to this"]);
    assert_eq!(must_not.policies, ["safeguard.restricted", "us-ny.never-disclose-safeguards"]);
}

#[test]
fn where_no_law_is_written_a_person_decides_and_nothing_is_shown() {
    let view = law("us-zz", LATER, &[A_JUDGE_SIGNED, IN_STATE_PRISON]);
    for act in [&view.hold, &view.notify] {
        assert_eq!((act.ruling, act.policies.len()), (Ruling::Review, 0));
        assert_eq!(act.reviews, ["no policy speaks to this"]);
    }
    assert_eq!(view.disclosable, FieldClasses::NONE);
    assert_eq!(view.review, FieldClasses::all().without(classes("restricted determination")));
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
    assert_eq!(view(ORDINARY).disclosable, FieldClasses::all().without(classes("restricted determination")));
    assert_eq!(view(ORDINARY).hold.ruling, Ruling::Must);
    for safeguard in [A_CITIZENSHIP_CLAIM, A_JUVENILE, A_SEALED_RECORD] {
        let guarded = view(safeguard);
        assert_eq!((guarded.hold.ruling, guarded.notify.ruling), (Ruling::Review, Ruling::Review));
        assert_eq!(guarded.disclosable, classes("count request answer contact"));
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
        permit (principal, action == Action::"hold", resource) when { context.proof_of_status };
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
    check(&[PROTECTED, PROOF_OF_STATUS], Some(HoldClock::SameDay), &both);
    let all = [Obligation::ServeCopy, Obligation::TellCounsel, Obligation::AnnualCount];
    check(&[A_JUDGE_SIGNED, PROTECTED], Some(HoldClock::Flat48h), &all);
    check(&[A_JUDGE_SIGNED, PROTECTED, PROOF_OF_STATUS], Some(HoldClock::SameDay), &all);
}
