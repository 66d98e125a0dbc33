//! Whoever may be a minor by either record is one, whether a flag says so or not: no machine holds them.

use comity::wire::v1;
use tonic::Code;

use crate::harness::World;
use crate::harness::changes::{birth_date_in, correction};
use crate::harness::requests::{answer_to, detainer_for, intake_at, match_of, reasoned_answer_to, request_id};

const JAIL: &str = "us-tx-harris-jail";

/// A detainer and a custody whose records give these births, and the answer of a machine that would hold.
async fn held_by_a_machine(world: &World, asked: &str, held: &str) -> (String, bool) {
    let mut lodging = detainer_for(JAIL);
    let detainer = lodging.detainer.as_mut().unwrap();
    detainer.flags = None;
    born(detainer.subject.as_mut().unwrap(), asked);
    let mut intake = intake_at(JAIL);
    let custody = intake.custody.as_mut().unwrap();
    custody.flags = None;
    born(custody.subject.as_mut().unwrap(), held);
    let system = world.system(JAIL);
    let custody = system.open(intake).await.accepted().custody.unwrap().name;
    let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    system.acknowledge(match_of(&detainer, &custody)).await.accepted();
    let answer = system.answer(answer_to(&detainer, v1::AnswerKind::HonorHold)).await;
    let held = answer.0.is_ok();
    if !held {
        answer.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    }
    (detainer, held)
}

fn born(subject: &mut v1::Subject, on: &str) {
    on.clone_into(&mut subject.birth_date);
}

/// The clock of the tests stands on 1 February 2026.
#[tokio::test]
async fn a_child_by_any_birth_date_on_record_is_held_by_no_machine() {
    let world = World::start();
    for (born, adult) in [
        ("2016-06-01", false),
        ("2016", false),
        // The youngest reading counts.
        ("2008", false),
        ("2008-02", false),
        ("2008-02-02", false),
        ("2008-02-01", true),
        ("2008-01", true),
        ("2007", true),
    ] {
        for (asked, held) in [(born, born), (born, ""), ("", born), (born, "1980-02-03"), ("1980-02-03", born)] {
            let (detainer, by_machine) = held_by_a_machine(&world, asked, held).await;
            assert_eq!(by_machine, adult, "asked for somebody born {asked:?}, held {held:?}");
            let kept = world.ice().detainer(&detainer).await.accepted().subject.unwrap().birth_date;
            assert_eq!(kept, asked, "kept as given");
            if !by_machine {
                let reasoned = reasoned_answer_to(&detainer, v1::AnswerKind::HonorHold);
                world.officer(JAIL).answer(reasoned).await.accepted();
            }
        }
    }
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn a_birth_is_taken_as_far_as_it_is_known_and_no_further() {
    let world = World::start();
    for (on, taken) in [
        ("1993", true),
        ("1993-05", true),
        ("1993-05-31", true),
        ("", true),
        ("1993-00-00", false),
        ("1993-05-00", false),
        ("1993-13", false),
        ("93", false),
    ] {
        let mut lodging = detainer_for(JAIL);
        born(lodging.detainer.as_mut().unwrap().subject.as_mut().unwrap(), on);
        let outcome = world.ice().lodge(lodging).await;
        if taken {
            assert_eq!(outcome.accepted().detainer.unwrap().subject.unwrap().birth_date, on);
        } else {
            outcome.refused(Code::InvalidArgument, "INVALID_FIELD");
        }
    }
}

#[tokio::test]
async fn no_machine_takes_a_minors_birth_date_from_the_record() {
    let world = World::start();
    let mut intake = intake_at(JAIL);
    "2012-05-05".clone_into(&mut intake.custody.as_mut().unwrap().subject.as_mut().unwrap().birth_date);
    let custody = world.system(JAIL).open(intake).await.accepted().custody.unwrap().name;
    for born in ["", "1990-05-05"] {
        let mut correction = birth_date_in(&custody);
        born.clone_into(&mut correction.subject.as_mut().unwrap().birth_date);
        let refused = world.system(JAIL).correct_identity(correction.clone()).await;
        refused.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        if !born.is_empty() {
            correction.request_id = request_id();
            world.officer(JAIL).correct_identity(correction).await.accepted();
        }
    }
}

/// A record that calls somebody a citizen is a claim, whoever flagged it or not.
#[tokio::test]
async fn whom_a_record_calls_a_citizen_no_machine_holds() {
    let world = World::under_plain_law();
    let mut intake = intake_at(JAIL);
    "USA".clone_into(&mut intake.custody.as_mut().unwrap().subject.as_mut().unwrap().citizenship);
    let custody = world.system(JAIL).open(intake).await.accepted().custody.unwrap().name;
    let detainer = world.ice().lodge(detainer_for(JAIL)).await.accepted().detainer.unwrap().name;
    world.system(JAIL).acknowledge(match_of(&detainer, &custody)).await.accepted();
    let honored = world.system(JAIL).answer(answer_to(&detainer, v1::AnswerKind::HonorHold)).await;
    honored.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
}

/// What guards somebody goes with the match. A machine that could part it could have the person matched to a record that
/// says nothing of it.
#[tokio::test]
async fn no_machine_takes_from_a_match_whom_the_custody_guards() {
    let guarded: [fn(&mut v1::Custody); 6] = [
        |custody| custody.flags = Some(v1::Flags { citizenship_claim: true, ..Default::default() }),
        |custody| custody.flags = Some(v1::Flags { citizen: true, ..Default::default() }),
        |custody| custody.flags = Some(v1::Flags { juvenile: true, ..Default::default() }),
        |custody| custody.flags = Some(v1::Flags { protected_program: true, ..Default::default() }),
        |custody| born(custody.subject.as_mut().unwrap(), "2010"),
        |custody| custody.charges[0].status = v1::ChargeStatus::Sealed.into(),
    ];
    let world = World::start();
    let (system, officer) = (world.system(JAIL), world.officer(JAIL));
    let plain: fn(&mut v1::Custody) = |custody| custody.flags = None;
    for (guard, by_machine) in guarded.into_iter().map(|guard| (guard, false)).chain([(plain, true)]) {
        let mut intake = intake_at(JAIL);
        let custody = intake.custody.as_mut().unwrap();
        custody.flags = None;
        guard(custody);
        let custody = system.open(intake).await.accepted().custody.unwrap().name;
        let mut lodging = detainer_for(JAIL);
        lodging.detainer.as_mut().unwrap().flags = None;
        let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
        system.acknowledge(match_of(&detainer, &custody)).await.accepted();
        let parting = || {
            let mut parted = match_of(&detainer, "");
            let found = parted.acknowledgement.as_mut().unwrap();
            *found = v1::Acknowledgement { finding: v1::Finding::IdentityMismatch.into(), ..Default::default() };
            parted.correction = Some(correction());
            parted
        };
        if by_machine {
            system.acknowledge(parting()).await.accepted();
        } else {
            system.acknowledge(parting()).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
            officer.acknowledge(parting()).await.accepted();
        }
    }
}
