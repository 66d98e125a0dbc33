//! What a custodian is to decide and what it owes, in every state: the ways there, and the command of each column.

use std::sync::Arc;

use comity::domain::claim::ClaimOutcome;
use comity::domain::command::CaseCommand;
use comity::domain::detainer::{AnswerKind, Finding};
use comity::domain::determination::{Determination, FieldClasses, LawView, Obligation, OnReceipt, Ruling};
use comity::domain::ids::CaseName;
use comity::domain::obligation::ObligationName;
use comity::domain::review::{ReviewDecision, ReviewMatter, ReviewName, ReviewState};

use crate::lifecycle::state_of;
use crate::lifecycle::table::Outcome;
use crate::lifecycle::ways::{CUSTODIAN, ISSUER, NEXT, answered, entered, found, matched, release, withdraw};
use crate::sample;
use crate::world::World;

pub(super) const REVIEW_ROWS: [&str; 7] =
    ["none yet", "open", "open, of a claim", "permitted", "refused", "moot", "released-undecided"];

pub(super) const REVIEW_COLUMNS: [&str; 15] = [
    "ResolveReview: permit",
    "ResolveReview: refuse",
    "Match",
    "Part",
    "Answer: notify only",
    "Answer: decline",
    "Answer: pending review",
    "Charges change",
    "Charges change: other policies leave it open",
    "Charges change: the law decides",
    "Amend",
    "Move to another agency",
    "Withdraw",
    "Release of the person",
    "Resolve the claim",
];

pub(super) const OBLIGATION_ROWS: [&str; 3] = ["none yet", "owed", "met"];

pub(super) const OBLIGATION_COLUMNS: [&str; 7] = [
    "Answer: notify only",
    "Amend, and answer anew",
    "Serve a copy",
    "MeetObligation",
    "Move to another agency",
    "Withdraw",
    "Release of the person",
];

/// A law that leaves holding and notice to a person, by a policy.
fn leaving(policy: &str) -> LawView {
    let law = sample::law(Ruling::Review, Ruling::Review, FieldClasses::NONE);
    let notify = Determination { policies: vec![policy.to_owned()], ..(*law.notify).clone() };
    LawView { notify: Arc::new(notify), ..law }
}

fn allowing() -> LawView {
    sample::law(Ruling::May, Ruling::May, FieldClasses::all())
}

/// The review that a row is about.
fn reviewed(row: &str) -> ReviewMatter {
    if row.ends_with("of a claim") { ReviewMatter::CitizenshipClaim } else { ReviewMatter::Notify }
}

pub(super) fn resolve(detainer: &CaseName, matter: ReviewMatter, decision: ReviewDecision) -> CaseCommand {
    let review = ReviewName { detainer: detainer.clone(), matter };
    CaseCommand::ResolveReview { review, decision, ground: sample::ground() }
}

pub(super) fn meet(detainer: &CaseName) -> CaseCommand {
    let obligation = ObligationName { detainer: detainer.clone(), obligation: Obligation::ServeCopy };
    CaseCommand::MeetObligation { obligation, evidence: sample::evidence() }
}

fn amend(detainer: &CaseName) -> CaseCommand {
    CaseCommand::AmendDetainer { detainer: detainer.clone(), request: Box::new(sample::request(None)) }
}

/// A detainer, a custody it may stand on, and the review of a row, reached by commands.
fn review_in(row: &str) -> (World, CaseName, CaseName) {
    let (mut world, law) = (World::new(), leaving("sample.notify"));
    let custody = world.pass(CUSTODIAN, CaseCommand::OpenCustody(sample::intake()), &law);
    let detainer = world.pass(ISSUER, CaseCommand::LodgeDetainer(sample::request(Some(CUSTODIAN))), &law);
    if row != "none yet" {
        world.pass(CUSTODIAN, matched(&detainer, &custody), &law);
    }
    let resolve = |decision| resolve(&detainer, ReviewMatter::Notify, decision);
    let way = match row {
        "none yet" | "open" => None,
        "open, of a claim" => {
            let claim = sample::claim();
            Some((CaseCommand::RaiseCitizenshipClaim { detainer: detainer.clone(), claim }, law))
        }
        "permitted" => Some((resolve(ReviewDecision::Permit), law)),
        "refused" => Some((resolve(ReviewDecision::Refuse), law)),
        "moot" => Some((entered("UpdateCharges", &custody), allowing())),
        "released-undecided" => Some((release(&custody), law)),
        unknown => panic!("no way to a review {unknown}"),
    };
    if let Some((command, law)) = way {
        world.pass(CUSTODIAN, command, &law);
    }
    let state = world.detainer(&detainer).unwrap().review(reviewed(row)).map(|review| review.state);
    assert_eq!(state.map_or("none yet", ReviewState::word), state_of(row));
    (world, detainer, custody)
}

pub(super) fn run_review(row: &str, column: &str, _: &LawView) -> Outcome {
    let (mut world, detainer, custody) = review_in(row);
    let matter = reviewed(row);
    let before = world.clone();
    let law = match column {
        "Charges change: other policies leave it open" => leaving("sample.notify-too"),
        "Charges change: the law decides" => allowing(),
        _ => leaving("sample.notify"),
    };
    let (caller, command) = match column {
        "ResolveReview: permit" => (CUSTODIAN, resolve(&detainer, matter, ReviewDecision::Permit)),
        "ResolveReview: refuse" => (CUSTODIAN, resolve(&detainer, matter, ReviewDecision::Refuse)),
        "Match" => (CUSTODIAN, matched(&detainer, &custody)),
        "Part" => {
            let CaseCommand::AcknowledgeDetainer { detainer, acknowledgement, .. } =
                found(&detainer, Finding::IdentityMismatch, None)
            else {
                panic!("a finding is an acknowledgement")
            };
            let correction = Some(sample::correction());
            (CUSTODIAN, CaseCommand::AcknowledgeDetainer { detainer, acknowledgement, correction })
        }
        "Answer: notify only" => (CUSTODIAN, answered(&detainer, AnswerKind::NotifyOnly)),
        "Answer: decline" => (CUSTODIAN, answered(&detainer, AnswerKind::Decline)),
        "Answer: pending review" => (CUSTODIAN, answered(&detainer, AnswerKind::PendingReview)),
        "Amend" => (ISSUER, amend(&detainer)),
        "Move to another agency" => {
            let _offered = world.give(CUSTODIAN, entered("MoveCustody: agency", &custody), &law);
            (NEXT, entered("AcceptMove", &custody))
        }
        "Withdraw" => (ISSUER, withdraw(&detainer)),
        "Release of the person" => (CUSTODIAN, release(&custody)),
        "Resolve the claim" => {
            let (detainer, outcome, reason) = (detainer.clone(), ClaimOutcome::NotConfirmed, "no papers".to_owned());
            (CUSTODIAN, CaseCommand::ResolveCitizenshipClaim { detainer, outcome, reason })
        }
        changed => {
            assert!(changed.starts_with("Charges change"), "no command {changed}");
            (CUSTODIAN, entered("UpdateCharges", &custody))
        }
    };
    if let Err(refusal) = world.give(caller, command, &law) {
        assert_eq!(world.cases, before.cases, "a refusal changes nothing");
        return Outcome::Refused(refusal);
    }
    let reviews = [&before, &world].map(|world| world.detainer(&detainer).unwrap().review(matter));
    match reviews {
        [before, after] if before == after => Outcome::AsBefore,
        [_, after] => Outcome::Becomes(after.unwrap().state.word().to_owned()),
    }
}

pub(super) fn run_obligation(row: &str, column: &str, _: &LawView) -> Outcome {
    let (mut world, law) = (World::new(), allowing());
    let custody = world.pass(CUSTODIAN, CaseCommand::OpenCustody(sample::intake()), &law);
    let detainer = world.pass(ISSUER, CaseCommand::LodgeDetainer(sample::request(Some(CUSTODIAN))), &law);
    world.pass(CUSTODIAN, matched(&detainer, &custody), &law);
    let promise = || answered(&detainer, AnswerKind::NotifyOnly);
    let way = match row {
        "none yet" => vec![],
        "owed" => vec![promise()],
        "met" => vec![promise(), meet(&detainer)],
        unknown => panic!("no way to an obligation {unknown}"),
    };
    for command in way {
        world.pass(CUSTODIAN, command, &law);
    }
    let (caller, command) = match column {
        "Answer: notify only" => (CUSTODIAN, promise()),
        "Amend, and answer anew" => {
            world.pass(ISSUER, amend(&detainer), &law);
            (CUSTODIAN, promise())
        }
        "Serve a copy" => {
            let (detainer, service) = (detainer.clone(), sample::service());
            (CUSTODIAN, CaseCommand::RecordServiceOfCopy { detainer, service, correction: None })
        }
        "MeetObligation" => (CUSTODIAN, meet(&detainer)),
        "Move to another agency" => {
            let _offered = world.give(CUSTODIAN, entered("MoveCustody: agency", &custody), &law);
            (NEXT, entered("AcceptMove", &custody))
        }
        "Withdraw" => (ISSUER, withdraw(&detainer)),
        "Release of the person" => (CUSTODIAN, release(&custody)),
        unknown => panic!("no command {unknown}"),
    };
    let before = world.clone();
    if let Err(refusal) = world.give(caller, command, &law) {
        assert_eq!(world.cases, before.cases, "a refusal changes nothing");
        return Outcome::Refused(refusal);
    }
    let owed = |world: &World| {
        let detainer = world.detainer(&detainer).unwrap();
        let owed = detainer.owed(Obligation::ServeCopy)?;
        let custodian = detainer.custodian.as_ref() == Some(&owed.custodian);
        assert!(custodian || !owed.is_open(), "what is still owed goes with the person");
        Some(if owed.is_open() { "owed" } else { "met" })
    };
    match [owed(&before), owed(&world)] {
        [before, after] if before == after => Outcome::AsBefore,
        [_, after] => Outcome::Becomes(after.unwrap().to_owned()),
    }
}

/// What waited for an officer goes out with the decision, in the log of both sides, and looks as it would have looked without
/// one; a refusal keeps it.
#[test]
fn a_permit_lets_the_notice_go_and_a_refusal_keeps_it() {
    use comity::domain::event::Event;

    let law = leaving("sample.notify");
    let told = |law: &LawView, decision: Option<ReviewDecision>| {
        let (mut world, detainer, custody) = review_in("open");
        let kept = world.give(CUSTODIAN, entered("ScheduleRelease", &custody), law).unwrap();
        assert!(!kept.iter().any(|record| matches!(record.event, Event::ReleaseNoticed { .. })));
        let Some(decision) = decision else { return false };
        let records = world.give(CUSTODIAN, resolve(&detainer, ReviewMatter::Notify, decision), law).unwrap();
        records.iter().any(|record| matches!(record.event, Event::ReleaseNoticed { .. }))
    };
    let classes = [comity::domain::determination::FieldClass::ReleaseDate].into_iter().collect();
    let law = LawView { review: classes, ..law };
    assert!(!told(&law, None));
    assert!(told(&law, Some(ReviewDecision::Permit)));
    assert!(!told(&law, Some(ReviewDecision::Refuse)));
}

/// A law that asks for a copy and a count of whoever receives a request.
fn owing_on_receipt() -> LawView {
    let law = sample::law(Ruling::MustNot, Ruling::MustNot, FieldClasses::NONE);
    let on_receipt = [Obligation::ServeCopy, Obligation::AnnualCount]
        .map(|obligation| OnReceipt { obligation, citations: vec!["a statute".to_owned()] });
    let hold = Determination { obligations: Vec::new(), on_receipt: on_receipt.to_vec(), ..(*law.hold).clone() };
    LawView { hold: Arc::new(hold), ..law }
}

/// From the lodging on, whatever is answered or not; to a person who is not there nothing is owed.
#[test]
fn what_is_owed_on_receipt_is_owed_from_the_lodging_on() {
    let law = owing_on_receipt();
    let owed = |world: &World, detainer: &CaseName, obligation| {
        world
            .detainer(detainer)
            .unwrap()
            .owed(obligation)
            .map(|owed| (owed.custodian.to_string(), owed.since, owed.is_open()))
    };
    let mut world = World::new();
    let detainer = world.pass(ISSUER, CaseCommand::LodgeDetainer(sample::request(Some(CUSTODIAN))), &law);
    let lodged = world.now;
    let holder = sample::officer(CUSTODIAN).agency.id.to_string();
    let due = Some((holder.clone(), lodged, true));
    assert_eq!(owed(&world, &detainer, Obligation::ServeCopy), due);
    assert_eq!(owed(&world, &detainer, Obligation::AnnualCount), due);
    let custody = world.pass(CUSTODIAN, CaseCommand::OpenCustody(sample::intake()), &law);
    world.pass(CUSTODIAN, found(&detainer, Finding::NoSuchPerson, None), &law);
    assert_eq!(owed(&world, &detainer, Obligation::ServeCopy), None, "there is nobody to serve");
    assert_eq!(owed(&world, &detainer, Obligation::AnnualCount), due, "it is counted all the same");
    let mut instead = matched(&detainer, &custody);
    if let CaseCommand::AcknowledgeDetainer { correction, .. } = &mut instead {
        *correction = Some(sample::correction());
    }
    world.pass(CUSTODIAN, instead, &law);
    assert_eq!(owed(&world, &detainer, Obligation::ServeCopy), due, "since the receipt, not since the match");
    world.pass(CUSTODIAN, meet(&detainer), &law);
    world.pass(CUSTODIAN, answered(&detainer, AnswerKind::Decline), &law);
    assert_eq!(owed(&world, &detainer, Obligation::ServeCopy), Some((holder.clone(), lodged, false)));

    // Of one to the whole jurisdiction, by whoever takes it on, from then.
    let detainer = world.pass(ISSUER, CaseCommand::LodgeDetainer(sample::request(None)), &law);
    assert_eq!(owed(&world, &detainer, Obligation::ServeCopy), None);
    let custody = world.pass(CUSTODIAN, CaseCommand::OpenCustody(sample::intake()), &law);
    world.pass(CUSTODIAN, matched(&detainer, &custody), &law);
    assert_eq!(owed(&world, &detainer, Obligation::ServeCopy), Some((holder, world.now, true)));
}
