//! What guards somebody does not lapse: not by a decision of something else, by asking anew, by another hand, nor by the way.

use comity::wire::v1::{self, AnswerKind::HonorHold, Flags};
use tonic::Code;

use crate::harness::changes::{
    acceptance_of, amendment_of, birth_date_in, claim_on, correction, escape_from, failure_of, handover_in,
    resolution_of, window_under,
};
use crate::harness::duties::decision_on;
use crate::harness::requests::{
    NY_EXCHANGE, REASON, answer_to, at, charge, detainer_for, intake_at, match_of, reasoned_answer_to, release_of,
    request_id, schedule_of, withdrawal_of,
};
use crate::harness::story::Matched;
use crate::harness::{Party, World};

const JAIL: &str = "us-tx-harris-jail";
const ERIE: &str = "us-ny-erie-jail";

/// A request and a custody without a circumstance to mind, but for what is changed.
async fn matched(world: &World, ask: impl FnOnce(&mut v1::Detainer), hold: impl FnOnce(&mut v1::Custody)) -> Matched {
    let mut intake = intake_at(JAIL);
    let custody = intake.custody.as_mut().unwrap();
    custody.flags = None;
    hold(custody);
    let custody = world.system(JAIL).open(intake).await.accepted().custody.unwrap().name;
    Matched { detainer: asked_of(world, &custody, ask).await, custody }
}

/// Another request, matched to the same custody by a machine.
async fn asked_of(world: &World, custody: &str, ask: impl FnOnce(&mut v1::Detainer)) -> String {
    let mut lodging = detainer_for(JAIL);
    let detainer = lodging.detainer.as_mut().unwrap();
    detainer.flags = None;
    ask(detainer);
    let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    world.system(JAIL).acknowledge(match_of(&detainer, custody)).await.accepted();
    detainer
}

async fn is_left_to_a_person(world: &World, detainer: &str) {
    let by_machine = world.system(JAIL).answer(answer_to(detainer, HonorHold)).await;
    by_machine.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
}

async fn permits(officer: &Party, detainer: &str, matters: &[&str]) {
    for matter in matters {
        officer.decide(decision_on(detainer, matter, v1::ReviewDecision::Permit)).await.accepted();
    }
}

fn to_the_requester(custody: &str) -> v1::RecordReleaseRequest {
    let mut released = release_of(custody);
    released.release.as_mut().unwrap().recipient = v1::ReleaseRecipient::RequestingAgency.into();
    released
}

fn parting(detainer: &str) -> v1::AcknowledgeDetainerRequest {
    let found = v1::Acknowledgement { finding: v1::Finding::IdentityMismatch.into(), ..Default::default() };
    let correction = Some(correction());
    v1::AcknowledgeDetainerRequest { acknowledgement: Some(found), correction, ..match_of(detainer, "") }
}

#[tokio::test]
async fn what_was_decided_of_one_safeguard_is_not_decided_of_the_next() {
    let world = World::start();
    let (system, officer) = (world.system(JAIL), world.officer(JAIL));
    // The issuer's claim, then the custodian's, then another of the custodian's.
    let claimed = |asked: &mut v1::Detainer| asked.flags = Some(Flags { citizenship_claim: true, ..Flags::default() });
    let one = matched(&world, claimed, |_| ()).await;
    permits(&officer, &one.detainer, &["hold", "notify"]).await;
    system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
    let resolved = resolution_of(&one.detainer, v1::ClaimOutcome::NotConfirmed);
    world.officer("us-ice").resolve(resolved.clone()).await.accepted();
    for _ in 0..2 {
        system.claim(claim_on(&one.detainer)).await.accepted();
        is_left_to_a_person(&world, &one.detainer).await;
        system.release(to_the_requester(&one.custody)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        permits(&officer, &one.detainer, &["hold", "notify"]).await;
        system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
        let resolved = v1::ResolveCitizenshipClaimRequest { request_id: request_id(), ..resolved.clone() };
        officer.resolve(resolved).await.accepted();
    }
    // A sealed record and a minority that the requester named, and then the custodian's own record has it.
    let sealed = |asked: &mut v1::Detainer| asked.charges[0].status = v1::ChargeStatus::Sealed.into();
    let one = matched(&world, sealed, |_| ()).await;
    permits(&officer, &one.detainer, &["hold", "notify"]).await;
    system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
    let of_youth = v1::Charge { status: v1::ChargeStatus::YouthfulOffender.into(), ..charge() };
    let update = v1::UpdateChargesRequest {
        name: one.custody.clone(),
        charges: vec![of_youth],
        request_id: request_id(),
        ..Default::default()
    };
    system.update_charges(update).await.accepted();
    is_left_to_a_person(&world, &one.detainer).await;
}

/// What one requester said, another detainer does not read; nor is the law asked differently of it in its issuer's sight.
#[tokio::test]
async fn an_issuer_reads_of_its_request_what_it_wrote_and_nothing_that_was_heard() {
    let world = World::start();
    let juvenile = |asked: &mut v1::Detainer| asked.flags = Some(Flags { juvenile: true, ..Flags::default() });
    let first = matched(&world, juvenile, |_| ()).await;
    world.ice().withdraw(withdrawal_of(&first.detainer)).await.accepted();
    let second = asked_of(&world, &first.custody, |_| ()).await;
    let plain = matched(&world, |_| (), |_| ()).await.detainer;
    is_left_to_a_person(&world, &second).await;
    let [heard, unheard] = [world.ice().detainer(&second).await, world.ice().detainer(&plain).await].map(|told| {
        let told = told.accepted();
        (told.flags, told.version)
    });
    assert_eq!(heard, unheard);
    // Its own claim is its own to raise, whatever was heard.
    world.ice().claim(claim_on(&second)).await.accepted();
}

#[tokio::test]
async fn what_guards_somebody_is_not_left_out_by_the_way() {
    let called_citizen = |asked: &mut v1::Detainer| asked.subject.as_mut().unwrap().citizenship = "USA".to_owned();
    let claimed: [fn(&mut v1::Detainer); 5] = [
        |asked| asked.subject.as_mut().unwrap().citizenship = "USA".to_owned(),
        |asked| asked.subject.as_mut().unwrap().citizenship = "PRI".to_owned(),
        |asked| asked.subject.as_mut().unwrap().birth_date = "2012".to_owned(),
        |asked| asked.charges[0].status = v1::ChargeStatus::Sealed.into(),
        |asked| asked.flags = Some(Flags { proof_of_status: true, ..Flags::default() }),
    ];
    let world = World::start();
    let (system, officer) = (world.system(JAIL), world.officer(JAIL));
    for claim in claimed {
        // Lifted, and lodged anew without it.
        let first = matched(&world, claim, |_| ()).await;
        assert!(system.answer(answer_to(&first.detainer, HonorHold)).await.0.is_err());
        world.ice().withdraw(withdrawal_of(&first.detainer)).await.accepted();
        let second = asked_of(&world, &first.custody, |_| ()).await;
        is_left_to_a_person(&world, &second).await;
    }
    // Amended.
    let one = matched(&world, called_citizen, |_| ()).await;
    let mut amended = detainer_for(JAIL);
    amended.detainer.as_mut().unwrap().flags = None;
    world.ice().amend(amendment_of(&one.detainer, amended)).await.accepted();
    is_left_to_a_person(&world, &one.detainer).await;
    // Lifted because the person may be a citizen.
    let one = matched(&world, |_| (), |_| ()).await;
    let mut lifted = withdrawal_of(&one.detainer);
    lifted.reason = v1::LiftReason::CitizenshipClaim.into();
    world.ice().withdraw(lifted).await.accepted();
    let second = asked_of(&world, &one.custody, |_| ()).await;
    is_left_to_a_person(&world, &second).await;
    system.release(to_the_requester(&one.custody)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    // Taken out of the custodian's own record by a machine.
    let held: [fn(&mut v1::Custody); 2] = [
        |custody| custody.subject.as_mut().unwrap().citizenship = "USA".to_owned(),
        |custody| custody.flags = Some(Flags { lawful_status: true, ..Flags::default() }),
    ];
    for hold in held {
        let one = matched(&world, |_| (), hold).await;
        let mut corrected = birth_date_in(&one.custody);
        corrected.flags = Some(Flags::default());
        corrected.subject = detainer_for(JAIL).detainer.unwrap().subject;
        let by_machine = system.correct_identity(corrected.clone()).await;
        by_machine.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        corrected.request_id = request_id();
        officer.correct_identity(corrected).await.accepted();
    }
}

#[tokio::test]
async fn no_machine_undoes_what_an_officer_found_of_a_person() {
    let world = World::start();
    let (system, officer) = (world.system(JAIL), world.officer(JAIL));
    // That it is somebody else.
    let one = matched(&world, |_| (), |_| ()).await;
    officer.acknowledge(parting(&one.detainer)).await.accepted();
    let again =
        || v1::AcknowledgeDetainerRequest { correction: Some(correction()), ..match_of(&one.detainer, &one.custody) };
    system.acknowledge(again()).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    let mut vouched = again();
    vouched.acknowledgement.as_mut().unwrap().reason = REASON.to_owned();
    officer.acknowledge(vouched).await.accepted();
    // What the requester claimed goes with the match; only an officer parts it.
    let claimed = |asked: &mut v1::Detainer| asked.flags = Some(Flags { citizenship_claim: true, ..Flags::default() });
    let one = matched(&world, claimed, |_| ()).await;
    system.acknowledge(parting(&one.detainer)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    // Nor is the custody closed without a word, and opened anew.
    let mut closed = escape_from(&one.custody);
    closed.closing.as_mut().unwrap().reason = v1::ClosingReason::Other.into();
    system.close(closed.clone()).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    closed.request_id = request_id();
    officer.close(closed).await.accepted();
    // Permits of a match end with it.
    let one = matched(&world, claimed, |_| ()).await;
    permits(&officer, &one.detainer, &["hold", "notify"]).await;
    officer.acknowledge(parting(&one.detainer)).await.accepted();
    let mut vouched =
        v1::AcknowledgeDetainerRequest { correction: Some(correction()), ..match_of(&one.detainer, &one.custody) };
    vouched.acknowledgement.as_mut().unwrap().reason = REASON.to_owned();
    officer.acknowledge(vouched).await.accepted();
    is_left_to_a_person(&world, &one.detainer).await;
}

/// Prints are in no record: they were taken of whom the records described then.
#[tokio::test]
async fn a_match_by_prints_is_of_whom_the_records_described() {
    let world = World::start();
    let system = world.system(JAIL);
    for (given, disputed) in [("Zebulon", false), ("Somebody", true)] {
        let unnumbered = |subject: &mut Option<v1::Subject>| subject.as_mut().unwrap().identifiers = None;
        let one = matched(&world, |asked| unnumbered(&mut asked.subject), |held| unnumbered(&mut held.subject)).await;
        system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
        let mut amended = detainer_for(JAIL);
        let asked = amended.detainer.as_mut().unwrap();
        asked.flags = None;
        unnumbered(&mut asked.subject);
        let subject = asked.subject.as_mut().unwrap();
        subject.aliases = vec![v1::PersonName { given: "Another".to_owned(), family: "Name".to_owned() }];
        subject.name.as_mut().unwrap().given = given.to_owned();
        world.ice().amend(amendment_of(&one.detainer, amended)).await.accepted();
        let answered = system.answer(answer_to(&one.detainer, HonorHold)).await;
        if disputed {
            answered.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        } else {
            answered.accepted();
        }
    }
}

#[tokio::test]
async fn a_number_that_stands_for_none_matches_nobody() {
    let world = World::start();
    let numbers: [fn(&mut v1::Identifiers); 6] = [
        |of| of.alien_number = "999999999".to_owned(),
        |of| of.alien_number = "123456789".to_owned(),
        |of| of.booking_number = "12345".to_owned(),
        |of| of.fbi_number = "1".to_owned(),
        |of| of.state_id = "TX1".to_owned(),
        |of| of.state_id = "TX99999999".to_owned(),
    ];
    for number in numbers {
        let mut identifiers = v1::Identifiers::default();
        number(&mut identifiers);
        let numbered = |given: &str| {
            let name = Some(v1::PersonName { given: given.to_owned(), family: "Synthetic".to_owned() });
            Some(v1::Subject { name, identifiers: Some(identifiers.clone()), ..Default::default() })
        };
        let mut lodging = detainer_for(JAIL);
        lodging.detainer.as_mut().unwrap().subject = numbered("Ada");
        let mut intake = intake_at(JAIL);
        intake.custody.as_mut().unwrap().subject = numbered("Eve");
        let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
        let custody = world.system(JAIL).open(intake).await.accepted().custody.unwrap().name;
        let mut found = match_of(&detainer, &custody);
        found.acknowledgement.as_mut().unwrap().match_method = v1::MatchMethod::Identifier.into();
        let refused = world.system(JAIL).acknowledge(found).await.refused(Code::PermissionDenied, "MATCH_DISPUTED");
        assert_eq!(refused.metadata.get("disagree").map(String::as_str), Some("identifier"), "{identifiers:?}");
    }
}

/// Somebody is handed over once, by the custodian's own word.
#[tokio::test]
async fn what_is_said_of_a_hand_over_can_all_be_true() {
    let world = World::under_plain_law();
    let system = world.system(JAIL);
    let agreed = async |one: &Matched| {
        system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
        let offered = system.offer(window_under(&one.detainer)).await.accepted().transfer.unwrap().name;
        world.ice().accept(acceptance_of(&offered)).await.accepted();
        offered
    };
    // Released to the street, and handed over after it; or the other way round.
    let one = matched(&world, |_| (), |_| ()).await;
    let transfer = agreed(&one).await;
    system.release(release_of(&one.custody)).await.accepted();
    system.confirm_transfer(handover_in(&transfer)).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    let one = matched(&world, |_| (), |_| ()).await;
    let transfer = agreed(&one).await;
    system.confirm_transfer(handover_in(&transfer)).await.accepted();
    system.release(release_of(&one.custody)).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    system.release(to_the_requester(&one.custody)).await.accepted();
    // What the requester alone says excuses nothing: lifted, the detainer asks for nobody.
    let one = matched(&world, |_| (), |_| ()).await;
    let transfer = agreed(&one).await;
    world.ice().confirm_transfer(handover_in(&transfer)).await.accepted();
    world.ice().withdraw(withdrawal_of(&one.detainer)).await.accepted();
    system.release(to_the_requester(&one.custody)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
}

/// A movement is not dated before the last, so that nobody leaves before they were moved.
#[tokio::test]
async fn movements_come_one_after_another() {
    let world = World::start();
    let custody = world.held(ERIE).await;
    let moved = |occurred_at: i64| v1::MoveCustodyRequest {
        name: custody.clone(),
        movement: Some(v1::Movement {
            kind: v1::MovementKind::Court.into(),
            occurred_at: Some(at(occurred_at)),
            ..Default::default()
        }),
        request_id: request_id(),
        ..Default::default()
    };
    let now = world.clock.now().as_second();
    world.erie().relocate(moved(now - 60)).await.accepted();
    let before = world.erie().relocate(moved(now - 1_200)).await.refused(Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(before.fields(), ["movement.occurred_at"]);
    let entries = world.ice().entries(NY_EXCHANGE).await.accepted();
    assert!(entries.is_empty());
}

/// Scheduled, so that a ground that fell can be told from one that stands.
#[tokio::test]
async fn a_release_that_is_entered_after_another_ground_starts_the_hold_anew() {
    let world = World::under_plain_law();
    let (system, officer) = (world.system(JAIL), world.officer(JAIL));
    let one = matched(&world, |_| (), |_| ()).await;
    system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
    let mut due = schedule_of(&one.custody);
    let past = world.clock.now().as_second() - 3_600;
    due.release.as_mut().unwrap().expected_at = Some(at(past));
    system.schedule(due.clone()).await.accepted();
    let cited = v1::OtherGround { citation: "Tex. Penal Code 30.02".to_owned(), document_sha256: vec![9; 32] };
    let cancelled = v1::CancelReleaseRequest {
        name: one.custody.clone(),
        other_ground: Some(cited),
        request_id: request_id(),
        ..Default::default()
    };
    officer.cancel(cancelled).await.accepted();
    let alarms = async || {
        let entries = world.system(JAIL).entries("jurisdictions/us-tx/logs/custody").await.accepted();
        let fired = entries
            .iter()
            .filter(|entry| comity::wire::entry::read_leaf(&entry.leaf).unwrap().method == "Clock/OverHold");
        fired.count()
    };
    world.pass(jiff::SignedDuration::from_hours(60));
    world.gateway().tick().await.unwrap();
    assert_eq!(alarms().await, 0, "held on the other ground");
    // The ground has fallen, and the machine enters the date again.
    due.request_id = request_id();
    system.schedule(due).await.accepted();
    world.pass(jiff::SignedDuration::from_hours(60));
    world.gateway().tick().await.unwrap();
    assert_eq!(alarms().await, 1);
    officer.answer(reasoned_answer_to(&one.detainer, HonorHold)).await.0.unwrap_err();
}

/// The detainer's own paper is no other ground beside it.
#[tokio::test]
async fn the_warrant_that_came_with_a_request_is_no_other_ground() {
    let world = World::under_plain_law();
    let one = matched(&world, |_| (), |_| ()).await;
    let system = world.system(JAIL);
    system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
    system.schedule(schedule_of(&one.custody)).await.accepted();
    let own = detainer_for(JAIL).detainer.unwrap().warrant.unwrap().document_sha256;
    let cited = v1::OtherGround { citation: "Tex. Penal Code 30.02".to_owned(), document_sha256: own };
    let cancelled = v1::CancelReleaseRequest {
        name: one.custody.clone(),
        other_ground: Some(cited),
        request_id: request_id(),
        ..Default::default()
    };
    let refused = world.officer(JAIL).cancel(cancelled).await.refused(Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(refused.fields(), ["other_ground.document_sha256"]);
}

/// Whoever says the like of it again, or for another requester, says something new.
#[tokio::test]
async fn what_is_said_anew_of_citizenship_reopens_what_was_permitted() {
    let world = World::start();
    let (system, officer) = (world.system(JAIL), world.officer(JAIL));
    // The record called the person a citizen when it was permitted; then the person claims to be one.
    let called = |held: &mut v1::Custody| held.subject.as_mut().unwrap().citizenship = "USA".to_owned();
    let one = matched(&world, |_| (), called).await;
    permits(&officer, &one.detainer, &["hold", "notify"]).await;
    system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
    permits(&officer, &one.detainer, &["transfer"]).await;
    system.claim(claim_on(&one.detainer)).await.accepted();
    is_left_to_a_person(&world, &one.detainer).await;
    system.release(to_the_requester(&one.custody)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
}

/// Each step might be of one person; all of them are not.
#[tokio::test]
async fn a_match_by_prints_does_not_walk_to_somebody_else() {
    let world = World::start();
    let system = world.system(JAIL);
    let unnumbered = |subject: &mut Option<v1::Subject>| subject.as_mut().unwrap().identifiers = None;
    let one = matched(&world, |asked| unnumbered(&mut asked.subject), |held| unnumbered(&mut held.subject)).await;
    system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
    let other = || v1::PersonName { given: "Pedro".to_owned(), family: "Gomez".to_owned() };
    let steps: [&dyn Fn(&mut v1::Subject); 3] = [
        &|subject| (subject.aliases, subject.birth_date) = (vec![other()], String::new()),
        &|subject| (subject.name, subject.birth_date) = (Some(other()), String::new()),
        &|subject| (subject.name, subject.birth_date) = (Some(other()), "1975-01-01".to_owned()),
    ];
    for step in steps {
        let mut corrected = birth_date_in(&one.custody);
        corrected.flags = Some(Flags::default());
        let mut subject = detainer_for(JAIL).detainer.unwrap().subject.unwrap();
        subject.identifiers = None;
        step(&mut subject);
        (corrected.subject, corrected.request_id) = (Some(subject), request_id());
        system.correct_identity(corrected).await.accepted();
    }
    is_left_to_a_person(&world, &one.detainer).await;
}

/// What failed did not take place: the person is released as they were.
#[tokio::test]
async fn a_hand_over_that_was_confirmed_by_mistake_is_no_hand_over() {
    let world = World::under_plain_law();
    let system = world.system(JAIL);
    let one = matched(&world, |_| (), |_| ()).await;
    system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
    let transfer = system.offer(window_under(&one.detainer)).await.accepted().transfer.unwrap().name;
    world.ice().accept(acceptance_of(&transfer)).await.accepted();
    system.confirm_transfer(handover_in(&transfer)).await.accepted();
    world.ice().report_failure(failure_of(&transfer, v1::TransferFailureCause::Other)).await.accepted();
    system.release(release_of(&one.custody)).await.accepted();
}

#[tokio::test]
async fn somebody_who_was_another_is_so_for_the_next_request_too() {
    let world = World::start();
    let (system, officer) = (world.system(JAIL), world.officer(JAIL));
    let one = matched(&world, |_| (), |_| ()).await;
    officer.acknowledge(parting(&one.detainer)).await.accepted();
    world.ice().withdraw(withdrawal_of(&one.detainer)).await.accepted();
    let mut lodging = detainer_for(JAIL);
    lodging.detainer.as_mut().unwrap().flags = None;
    let again = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    let found = || match_of(&again, &one.custody);
    system.acknowledge(found()).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    let mut vouched = found();
    vouched.acknowledgement.as_mut().unwrap().reason = REASON.to_owned();
    officer.acknowledge(vouched).await.accepted();
}

/// The ground that was cited is a charge; it is dismissed, and nobody enters a date.
#[tokio::test]
async fn a_ground_that_is_dismissed_brings_the_alarm_back() {
    let world = World::under_plain_law();
    let (system, officer) = (world.system(JAIL), world.officer(JAIL));
    let one = matched(&world, |_| (), |_| ()).await;
    system.answer(answer_to(&one.detainer, HonorHold)).await.accepted();
    let mut due = schedule_of(&one.custody);
    due.release.as_mut().unwrap().expected_at = Some(at(world.clock.now().as_second() - 3_600));
    system.schedule(due).await.accepted();
    let update = |status: v1::ChargeStatus, cited: Option<v1::OtherGround>| v1::UpdateChargesRequest {
        name: one.custody.clone(),
        charges: vec![v1::Charge { status: status.into(), ..charge() }],
        other_ground: cited,
        request_id: request_id(),
        ..Default::default()
    };
    let cited = v1::OtherGround { citation: "Tex. Penal Code 30.02".to_owned(), document_sha256: vec![9; 32] };
    officer.update_charges(update(v1::ChargeStatus::Charged, Some(cited))).await.accepted();
    let alarms = async || {
        let entries = world.system(JAIL).entries("jurisdictions/us-tx/logs/custody").await.accepted();
        let method = |entry: &v1::Entry| comity::wire::entry::read_leaf(&entry.leaf).unwrap().method;
        entries.iter().filter(|entry| method(entry) == "Clock/OverHold").count()
    };
    world.pass(jiff::SignedDuration::from_hours(60));
    world.gateway().tick().await.unwrap();
    assert_eq!(alarms().await, 0, "held on the charge");
    system.update_charges(update(v1::ChargeStatus::Dismissed, None)).await.accepted();
    world.pass(jiff::SignedDuration::from_hours(1));
    world.gateway().tick().await.unwrap();
    assert_eq!(alarms().await, 1);
}
