//! What a desk has to do besides: move a pick-up, say when a person becomes eligible, and end what was asked for twice.

use comity::domain::command::CaseCommand;
use comity::domain::custody::{ActualRelease, ReleaseEligibility, ReleaseRecipient, ScheduledRelease};
use comity::domain::decide::Refusal;
use comity::domain::detainer::{Acknowledgement, AnswerKind, Finding};
use comity::domain::determination::{FieldClass, FieldClasses, LawView, Ruling};
use comity::domain::event::{Disclosure, Event, Record};
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::CaseName;
use comity::domain::transfer::{TransferName, TransferState, WindowChange};
use comity::wire::{entry, v1};
use tonic::Code;

use crate::harness::appeals::appeal_by;
use crate::harness::changes::{
    acceptance_of, eligibility_in, failure_of, rescheduling_of, revision_of, take_off_of, window_under,
};
use crate::harness::requests::{NY_EXCHANGE, at, detainer_for, match_of, reasoned_answer_to, release_of, schedule_of};
use crate::harness::{Party, World};
use crate::sample;
use crate::world;

/// Before the window of a pick-up, and before the release that is expected first.
const SOONER: i64 = 1_772_370_000 - 86_400;

fn telling() -> LawView {
    sample::law(Ruling::Must, Ruling::Must, FieldClasses::all())
}

/// Laws under which the issuer is not told of a release.
fn silent() -> [LawView; 3] {
    [
        sample::law(Ruling::Must, Ruling::MustNot, FieldClasses::all()),
        sample::law(Ruling::Must, Ruling::Must, FieldClasses::NONE),
        sample::law(Ruling::Must, Ruling::Must, [FieldClass::Count, FieldClass::Custody].into_iter().collect()),
    ]
}

/// A pick-up that both sides agreed on, of a person whose release is expected.
fn agreed() -> (world::World, CaseName, TransferName) {
    let (mut world, law) = (world::World::new(), telling());
    let custody = world.pass("doccs", CaseCommand::OpenCustody(sample::intake()), &law);
    let detainer = world.pass("ice", CaseCommand::LodgeDetainer(sample::request(Some("doccs"))), &law);
    let acknowledgement = sample::found(Finding::MatchedCustody, Some(&custody));
    let found = CaseCommand::AcknowledgeDetainer { detainer: detainer.clone(), acknowledgement, correction: None };
    world.pass("doccs", found, &law);
    let answer = sample::answer(AnswerKind::HonorHold);
    let answered = CaseCommand::AnswerDetainer { detainer: detainer.clone(), answer, correction: None };
    world.pass("doccs", answered, &law);
    let schedule = CaseCommand::ScheduleRelease { custody: custody.clone(), release: sample::scheduled() };
    world.pass("doccs", schedule, &law);
    let window = sample::window(100_000);
    let offer = CaseCommand::OfferWindow { detainer: detainer.clone(), window, reason: None };
    world.pass("doccs", offer, &law);
    let id = world.detainer(&detainer).unwrap().transfers[0].id;
    let transfer = TransferName { detainer, id };
    world.pass("ice", CaseCommand::AcceptWindow { transfer: transfer.clone() }, &law);
    (world, custody, transfer)
}

fn stands(world: &world::World, transfer: &TransferName) -> (TransferState, Option<WindowChange>) {
    let last = world.detainer(&transfer.detainer).unwrap().transfers.last().unwrap();
    (last.state, last.window_change)
}

#[test]
fn an_advanced_release_moves_a_window_only_where_it_is_told() {
    let advanced = |custody| {
        let release = ScheduledRelease { expected_at: sample::happened_at(), ..sample::scheduled() };
        CaseCommand::RescheduleRelease { custody, release }
    };
    let (mut world, custody, transfer) = agreed();
    world.pass("doccs", advanced(custody), &telling());
    assert_eq!(stands(&world, &transfer), (TransferState::Reopened, Some(WindowChange::ReleaseAdvanced)));
    for law in silent() {
        let (mut world, custody, transfer) = agreed();
        world.pass("doccs", advanced(custody), &law);
        assert_eq!(stands(&world, &transfer), (TransferState::Accepted, None));
    }
    // What is put off, or is still after the window opens, leaves it as it is.
    let (mut world, custody, transfer) = agreed();
    let release = ScheduledRelease { expected_at: world.now, ..sample::scheduled() };
    world.pass("doccs", CaseCommand::RescheduleRelease { custody, release }, &telling());
    assert_eq!(stands(&world, &transfer), (TransferState::Accepted, None));
}

#[test]
fn an_early_release_to_somebody_else_takes_a_window_off_only_where_it_is_told() {
    let released = |custody, recipient| {
        let release = ActualRelease { recipient, ..sample::released() };
        CaseCommand::RecordRelease { custody, release, correction: None, to: HandedTo::default() }
    };
    let (mut world, custody, transfer) = agreed();
    world.pass("doccs", released(custody, ReleaseRecipient::Community), &telling());
    assert_eq!(stands(&world, &transfer), (TransferState::Withdrawn, Some(WindowChange::ReleaseAdvanced)));
    for law in silent() {
        let (mut world, custody, transfer) = agreed();
        world.pass("doccs", released(custody, ReleaseRecipient::Community), &law);
        assert_eq!(stands(&world, &transfer), (TransferState::Accepted, None));
    }
    let (mut world, custody, transfer) = agreed();
    world.pass("doccs", released(custody, ReleaseRecipient::RequestingAgency), &telling());
    assert_eq!(stands(&world, &transfer), (TransferState::Accepted, None));
}

#[tokio::test]
async fn a_window_that_an_advanced_release_opened_again_is_agreed_anew() {
    let world = World::start();
    let (ice, doccs) = (world.ice(), world.doccs());
    let matched = world.matched("us-ny-doccs").await;
    world.answers("us-ny-doccs", &matched.detainer, v1::AnswerKind::NotifyOnly).await.accepted();
    doccs.schedule(schedule_of(&matched.custody)).await.accepted();
    let name = doccs.offer(window_under(&matched.detainer)).await.accepted().transfer.unwrap().name;
    ice.accept(acceptance_of(&name)).await.accepted();
    let mut sooner = rescheduling_of(&matched.custody);
    sooner.release.as_mut().unwrap().expected_at = Some(at(SOONER));
    doccs.reschedule(sooner).await.accepted();
    let told = last_event(&ice).await;
    let v1::event::Event::TransferRecorded(told) = told else { panic!("{told:?}") };
    assert_eq!(told.window_change(), v1::WindowChange::ReleaseAdvanced);
    assert_eq!(told.transfer.unwrap().state(), v1::TransferState::Reopened);
    // Nobody was to come for it, whenever that is said.
    let nobody_came = failure_of(&name, v1::TransferFailureCause::NoShow);
    doccs.report_failure(nobody_came).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    ice.accept(acceptance_of(&name)).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    doccs.revise(revision_of(&name, -24)).await.accepted();
    let agreed = ice.revise(revision_of(&name, -24)).await.accepted().transfer.unwrap();
    assert_eq!((agreed.state(), agreed.window_change()), (v1::TransferState::Accepted, v1::WindowChange::Unspecified));
    let off = ice.take_off(take_off_of(&name)).await.accepted().transfer.unwrap();
    assert_eq!(off.window_change(), v1::WindowChange::WithdrawnByRequester);
    world.journal.assert_nothing_personal();
}

async fn last_event(reader: &Party) -> v1::event::Event {
    let entries = reader.entries(NY_EXCHANGE).await.accepted();
    entry::merge(entries.last().unwrap()).unwrap().event.unwrap()
}

#[tokio::test]
async fn an_eligibility_is_told_once_for_each_date_and_may_be_appealed_over() {
    let world = World::start();
    let (ice, doccs) = (world.ice(), world.doccs());
    let matched = world.matched("us-ny-doccs").await;
    // Recorded before notice was promised, it goes out with the promise.
    doccs.enter_eligibility(eligibility_in(&matched.custody)).await.accepted();
    let before = ice.entries(NY_EXCHANGE).await.accepted().len();
    world
        .officer("us-ny-doccs")
        .answer(reasoned_answer_to(&matched.detainer, v1::AnswerKind::NotifyOnly))
        .await
        .accepted();
    let v1::event::Event::ReleaseEligibilityNoticed(told) = last_event(&ice).await else { panic!("not told") };
    assert_eq!((told.eligibility, told.retracts), (eligibility_in(&matched.custody).eligibility, false));
    assert_eq!(ice.entries(NY_EXCHANGE).await.accepted().len(), before + 2);
    doccs.enter_eligibility(eligibility_in(&matched.custody)).await.accepted();
    assert_eq!(ice.entries(NY_EXCHANGE).await.accepted().len(), before + 2, "the same date is no news");
    let mut sooner = eligibility_in(&matched.custody);
    sooner.eligibility.as_mut().unwrap().eligible_on = "2030-01-02".to_owned();
    doccs.enter_eligibility(sooner.clone()).await.accepted();
    let v1::event::Event::ReleaseEligibilityNoticed(told) = last_event(&ice).await else { panic!("not told") };
    assert_eq!(told.eligibility, sooner.eligibility);
    for (before, expected) in [("2030-01-03", Some(1)), ("2030-01-02", None)] {
        let appeal = appeal_by(v1::AppealFilter { eligible_before: before.to_owned(), ..Default::default() });
        let issued = ice.issue_appeal(appeal).await;
        match expected {
            Some(count) => assert_eq!(issued.accepted().appeal.unwrap().detainer_count, count),
            None => drop(issued.refused(Code::FailedPrecondition, "WRONG_STATE")),
        }
    }
    world.journal.assert_nothing_personal();
}

#[test]
fn whoever_was_told_a_date_and_may_not_be_told_another_learns_that_it_no_longer_stands() {
    let enter = |custody: &CaseName, day: i8| {
        let eligible_on = sample::eligibility().eligible_on.with().day(day).build().unwrap();
        let eligibility = ReleaseEligibility { eligible_on, ..sample::eligibility() };
        CaseCommand::RecordReleaseEligibility { custody: custody.clone(), eligibility }
    };
    let noticed = |records: &[Record]| -> Vec<(Disclosure, FieldClasses)> {
        let noticed = records.iter().filter_map(|record| {
            let Event::EligibilityNoticed { disclosure, .. } = &record.event else { return None };
            Some((*disclosure, record.audience.last()?.1))
        });
        noticed.collect()
    };
    for law in &silent()[..2] {
        let (mut world, custody, _) = agreed();
        assert_eq!(noticed(&world.give("doccs", enter(&custody, 1), law).unwrap()), [], "never told");
        let told = noticed(&world.give("doccs", enter(&custody, 2), &telling()).unwrap());
        assert_eq!(told, [(Disclosure::ToIssuer, FieldClasses::all())]);
        let retracted = noticed(&world.give("doccs", enter(&custody, 3), law).unwrap());
        assert_eq!(retracted, [(Disclosure::Retraction, [FieldClass::Count].into_iter().collect())]);
        assert_eq!(noticed(&world.give("doccs", enter(&custody, 4), law).unwrap()), [], "retracted once");
    }
}

#[test]
fn another_issuers_detainer_is_no_duplicate_and_stands_beside_it() {
    let (mut world, custody, transfer) = agreed();
    let lodge = CaseCommand::LodgeDetainer(sample::request(Some("doccs")));
    let other = world.pass("cbp", lodge, &telling());
    let found = |finding, custody: Option<&CaseName>, duplicate_of| {
        let acknowledgement = Acknowledgement { duplicate_of, ..sample::found(finding, custody) };
        CaseCommand::AcknowledgeDetainer { detainer: other.clone(), acknowledgement, correction: None }
    };
    let duplicate = found(Finding::Duplicate, None, Some(transfer.detainer.clone()));
    assert_eq!(world.give("doccs", duplicate, &telling()), Err(Refusal::NotADuplicate));
    world.pass("doccs", found(Finding::MatchedCustody, Some(&custody), None), &telling());
    assert_eq!(world.custody(&custody).unwrap().detainers, [transfer.detainer, other]);
}

fn duplicate(detainer: &str, of: &str) -> v1::AcknowledgeDetainerRequest {
    let acknowledgement = v1::Acknowledgement {
        finding: v1::Finding::Duplicate.into(),
        duplicate_of: of.to_owned(),
        ..Default::default()
    };
    v1::AcknowledgeDetainerRequest { acknowledgement: Some(acknowledgement), ..match_of(detainer, "") }
}

#[tokio::test]
async fn a_second_request_ends_as_a_duplicate_of_the_issuers_own_and_of_nobody_elses() {
    let world = World::start();
    let (ice, doccs) = (world.ice(), world.doccs());
    let matched = world.matched("us-ny-doccs").await;
    let second = world.lodged("us-ny-doccs").await;
    doccs.acknowledge(match_of(&second, &matched.custody)).await.refused(Code::AlreadyExists, "ALREADY_LODGED");
    // Of itself, of another addressee's, of another jurisdiction's.
    doccs.acknowledge(duplicate(&second, &second)).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    let eries = world.lodged("us-ny-erie-jail").await;
    doccs.acknowledge(duplicate(&second, &eries)).await.not_found();
    let ended = doccs.acknowledge(duplicate(&second, &matched.detainer)).await.accepted().detainer.unwrap();
    assert_eq!(ended.state(), v1::DetainerState::Duplicate);
    let seen = ice.detainer(&second).await.accepted();
    assert_eq!((seen.state(), seen.acknowledgement.unwrap().duplicate_of), (ended.state(), matched.detainer.clone()));
    // The first stands as it stood; a duplicate is no other's first.
    assert_eq!(ice.detainer(&matched.detainer).await.accepted().state(), v1::DetainerState::Matched);
    let third = world.lodged("us-ny-doccs").await;
    doccs.acknowledge(duplicate(&third, &second)).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    // Where the two do not describe one person, an officer says why.
    let mut lodging = detainer_for("us-ny-doccs");
    let name = lodging.detainer.as_mut().unwrap().subject.as_mut().unwrap().name.as_mut().unwrap();
    name.family = "Nightingale".to_owned();
    let somebody = ice.lodge(lodging).await.accepted().detainer.unwrap().name;
    let mut vouched = duplicate(&somebody, &matched.detainer);
    doccs.acknowledge(vouched.clone()).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    vouched.acknowledgement.as_mut().unwrap().reason = "the same prints".to_owned();
    world.officer("us-ny-doccs").acknowledge(vouched).await.accepted();
    doccs.release(release_of(&matched.custody)).await.accepted();
    world.journal.assert_nothing_personal();
}
