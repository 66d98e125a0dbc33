//! Whoever hands a person to the requester is asked on what ground: the log records what happened, and where the law did
//! not allow it an officer gives a reason, and the jurisdiction and its oversight are alarmed.

use comity::domain::agency::GATEWAY;
use comity::wire::entry::{merge, read_leaf};
use comity::wire::v1;
use comity::wire::v1::event::Event;
use tonic::Code;

use crate::harness::changes::{
    acceptance_of, correction, escape_from, handover_in, lawful_status_in, reopening_of, window_under,
};
use crate::harness::duties::decision_on;
use crate::harness::requests::{
    NY_CUSTODY, REASON, answer_to, reasoned_answer_to, release_of, schedule_of, withdrawal_of,
};
use crate::harness::story::Matched;
use crate::harness::{Party, World, probe};
use crate::law::{all_that_ice_sees, confirm};

use v1::AnswerKind::{Decline, HonorHold, NotifyOnly};

const ERIE: &str = "us-ny-erie-jail";
const HARRIS: &str = "us-tx-harris-jail";
const TX_CUSTODY: &str = "jurisdictions/us-tx/logs/custody";

/// The person was handed to the agency that asked.
fn handing_over(custody: &str) -> v1::RecordReleaseRequest {
    let mut request = release_of(custody);
    request.release.as_mut().unwrap().recipient = v1::ReleaseRecipient::RequestingAgency.into();
    request
}

fn explained(request: v1::RecordReleaseRequest) -> v1::RecordReleaseRequest {
    v1::RecordReleaseRequest { reason: REASON.to_owned(), ..request }
}

/// Refused to a machine, with a reason or without, and to an officer who gives none.
async fn is_for_an_officer_to_explain(world: &World, agency: &str, request: &v1::RecordReleaseRequest) {
    let (system, officer) = (world.system(agency), world.officer(agency));
    for (party, request) in
        [(&system, request.clone()), (&system, explained(request.clone())), (&officer, request.clone())]
    {
        party.release(request).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    }
}

/// The alarms in a custody log, as a party sees them: each written by the gateway itself.
async fn alarms(party: &Party, log: &str) -> Vec<v1::UnlawfulHandOver> {
    let entries = party.entries(log).await.accepted();
    let alarms = entries.into_iter().filter_map(|entry| {
        let Some(Event::UnlawfulHandOver(alarm)) = merge(&entry).unwrap().event else { return None };
        assert_eq!(read_leaf(&entry.leaf).unwrap().method, "Alarm/UnlawfulHandOver");
        for said in [GATEWAY, "0".repeat(32).as_str()] {
            assert!(entry.leaf.windows(said.len()).any(|bytes| bytes == said.as_bytes()), "by nobody else");
        }
        Some(alarm)
    });
    alarms.collect()
}

/// The last release in a custody log.
async fn recorded(party: &Party, log: &str) -> v1::ReleaseRecorded {
    let entries = party.entries(log).await.accepted();
    let releases = entries.iter().rev().filter_map(|entry| {
        let event = merge(entry).unwrap().event?;
        if let Event::ReleaseRecorded(release) = event { Some(release) } else { None }
    });
    releases.into_iter().next().unwrap()
}

/// A transfer, as its issuer last read of it.
async fn as_it_stands(world: &World, name: &str) -> v1::Transfer {
    let entries = world.ice().entries("jurisdictions/us-tx/logs/exchange").await.accepted();
    let mut told = entries.iter().filter_map(|entry| {
        let Some(Event::TransferRecorded(told)) = merge(entry).unwrap().event else { return None };
        told.transfer.filter(|transfer| transfer.name == name)
    });
    told.next_back().unwrap()
}

async fn counted(world: &World) -> String {
    let text = probe::body(world.gateway().ops(), "/metrics").await;
    let line = text.lines().find(|line| line.starts_with("comity_unlawful_hand_overs_total")).unwrap_or_default();
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

fn on_handing_over(determinations: &[v1::Determination]) -> Vec<(&str, v1::Ruling)> {
    let found = determinations.iter().filter(|one| one.action() == v1::LawAction::Transfer);
    found.map(|one| (one.detainer.as_str(), one.ruling())).collect()
}

#[tokio::test]
async fn a_hand_over_after_a_declined_detainer_is_for_an_officer_to_explain() {
    let world = World::under_plain_law();
    let matched = world.matched(ERIE).await;
    world.answers(ERIE, &matched.detainer, Decline).await.accepted();
    confirm(&world.erie()).await;
    let before = all_that_ice_sees(&world, &matched.detainer).await;
    let request = handing_over(&matched.custody);
    is_for_an_officer_to_explain(&world, ERIE, &request).await;
    assert_eq!(counted(&world).await, "0");
    world.officer(ERIE).release(explained(request)).await.accepted();

    let judged = [(matched.detainer.as_str(), v1::Ruling::Review)];
    for party in [world.oversight(), world.erie()] {
        let [alarm] = &alarms(&party, NY_CUSTODY).await[..] else { panic!("not one alarm") };
        assert_eq!((&alarm.custody, &alarm.detainers), (&matched.custody, &vec![matched.detainer.clone()]));
        assert_eq!((on_handing_over(&alarm.determinations).as_slice(), alarm.facts.len()), (&judged[..], 1));
        let release = recorded(&party, NY_CUSTODY).await;
        assert_eq!((release.reason.as_str(), on_handing_over(&release.determinations)), (REASON, judged.to_vec()));
    }
    assert_eq!(alarms(&world.doccs(), NY_CUSTODY).await, [], "nor to another custodian");
    assert_eq!(all_that_ice_sees(&world, &matched.detainer).await, before, "of the hand-over and its alarm");
    assert_eq!(counted(&world).await, "1");
    assert_eq!(world.journal.lines_with("a person was handed over and the law did not allow it").len(), 1);
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn a_hand_over_that_no_detainer_asks_for_is_for_an_officer_to_explain() {
    let world = World::under_plain_law();
    // One that was lifted asks for nobody.
    let (custody, matched) = (world.held(ERIE).await, world.matched(HARRIS).await);
    world.ice().withdraw(withdrawal_of(&matched.detainer)).await.accepted();
    for (agency, custody, log) in [(ERIE, &custody, NY_CUSTODY), (HARRIS, &matched.custody, TX_CUSTODY)] {
        is_for_an_officer_to_explain(&world, agency, &handing_over(custody)).await;
        world.officer(agency).release(explained(handing_over(custody))).await.accepted();
        let [alarm] = &alarms(&world.system(agency), log).await[..] else { panic!("not one alarm") };
        assert_eq!((&alarm.custody, &alarm.detainers, alarm.determinations.len()), (custody, &Vec::new(), 0));
    }
}

#[tokio::test]
async fn a_hand_over_that_the_law_allows_needs_no_word_of_anybody() {
    let world = World::under_plain_law();
    let matched = world.matched(HARRIS).await;
    let named = v1::RecordReleaseRequest { detainer: matched.detainer.clone(), ..handing_over(&matched.custody) };
    let nobodys = v1::RecordReleaseRequest { detainer: world.lodged(HARRIS).await, ..handing_over(&matched.custody) };
    world.harris().release(nobodys).await.not_found();
    let to_the_community =
        v1::RecordReleaseRequest { detainer: named.detainer.clone(), ..release_of(&matched.custody) };
    world.harris().release(to_the_community).await.refused(Code::InvalidArgument, "INVALID_FIELD");
    world.harris().release(named).await.accepted();
    assert_eq!(alarms(&world.harris(), TX_CUSTODY).await, []);
    let release = recorded(&world.harris(), TX_CUSTODY).await;
    assert_eq!(on_handing_over(&release.determinations), [(matched.detainer.as_str(), v1::Ruling::Must)]);
    assert_eq!((release.handed_to, release.facts.len()), (matched.detainer, 1));
}

/// In Texas, with a pick-up that both sides agreed to.
async fn agreed(world: &World) -> (Matched, String) {
    let matched = world.matched(HARRIS).await;
    world.harris().answer(answer_to(&matched.detainer, HonorHold)).await.accepted();
    let transfer = world.harris().offer(window_under(&matched.detainer)).await.accepted().transfer.unwrap().name;
    world.ice().accept(acceptance_of(&transfer)).await.accepted();
    (matched, transfer)
}

#[tokio::test]
async fn a_confirmed_hand_over_that_the_law_came_to_forbid_is_for_an_officer_to_explain() {
    let world = World::under_plain_law();
    let (matched, transfer) = agreed(&world).await;
    world.officer(HARRIS).correct_identity(lawful_status_in(&matched.custody)).await.accepted();
    let reasoned = || v1::ConfirmTransferRequest { reason: REASON.to_owned(), ..handover_in(&transfer) };
    for (party, request) in [
        (world.harris(), handover_in(&transfer)),
        (world.harris(), reasoned()),
        (world.officer(HARRIS), handover_in(&transfer)),
    ] {
        party.confirm_transfer(request).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    }
    world.officer(HARRIS).confirm_transfer(reasoned()).await.accepted();
    // Of the same hand-over its requester says nothing new.
    world.ice().confirm_transfer(handover_in(&transfer)).await.accepted();
    for party in [world.system("us-tx-oversight"), world.harris()] {
        let [alarm] = &alarms(&party, TX_CUSTODY).await[..] else { panic!("not one alarm") };
        assert_eq!((&alarm.custody, &alarm.transfer), (&matched.custody, &transfer));
        let judged = [(matched.detainer.as_str(), v1::Ruling::MustNot)];
        assert_eq!(on_handing_over(&alarm.determinations), judged);
    }
}

#[tokio::test]
async fn what_a_requester_says_of_an_unlawful_hand_over_is_taken_and_alarms_the_jurisdiction_alone() {
    let world = World::under_plain_law();
    let (lawful, forbidden) = (agreed(&world).await, agreed(&world).await);
    world.officer(HARRIS).correct_identity(lawful_status_in(&forbidden.0.custody)).await.accepted();
    let mut answers = Vec::new();
    for (_, transfer) in [&lawful, &forbidden] {
        let answer = world.ice().confirm_transfer(handover_in(transfer)).await.accepted();
        let leaf = read_leaf(&answer.receipt.unwrap().leaf).unwrap();
        answers.push((leaf.method, leaf.policy_digest, leaf.commitments.iter().map(|one| one.0).collect::<Vec<_>>()));
    }
    assert_eq!(answers[0], answers[1], "the entries look alike");
    let [alarm] = &alarms(&world.harris(), TX_CUSTODY).await[..] else { panic!("not one alarm") };
    assert_eq!(alarm.transfer, forbidden.1);
}

#[tokio::test]
async fn who_came_for_a_person_and_lifted_the_detainer_may_be_who_they_were_handed_to() {
    let world = World::under_plain_law();
    let (matched, transfer) = agreed(&world).await;
    world.harris().confirm_transfer(handover_in(&transfer)).await.accepted();
    world.ice().confirm_transfer(handover_in(&transfer)).await.accepted();
    world.ice().withdraw(withdrawal_of(&matched.detainer)).await.accepted();
    world.harris().release(handing_over(&matched.custody)).await.accepted();
    assert_eq!(alarms(&world.harris(), TX_CUSTODY).await, []);
}

/// Whoever is gone cannot escape, or die here.
#[tokio::test]
async fn a_custody_whose_person_was_handed_over_ends_by_that() {
    let world = World::under_plain_law();
    let (matched, transfer) = agreed(&world).await;
    world.harris().confirm_transfer(handover_in(&transfer)).await.accepted();
    for officer in [world.harris(), world.officer(HARRIS)] {
        officer.close(escape_from(&matched.custody)).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    }
    world.harris().release(handing_over(&matched.custody)).await.accepted();
}

/// A release that did not take place takes what the custodian said of the hand-over with it, and nothing that the issuer said.
#[tokio::test]
async fn reopening_a_custody_takes_back_that_the_person_was_handed_over() {
    use v1::TransferState::{Accepted, Completed, Failed, HandedOver, TakenOver};
    for (both, offered_anew, states) in [
        (false, false, [HandedOver, Accepted]),
        (true, false, [Completed, TakenOver]),
        (true, true, [Completed, Failed]),
    ] {
        let world = World::under_plain_law();
        let (matched, transfer) = agreed(&world).await;
        world.harris().confirm_transfer(handover_in(&transfer)).await.accepted();
        if both {
            world.ice().confirm_transfer(handover_in(&transfer)).await.accepted();
        }
        if offered_anew {
            world.harris().offer(window_under(&matched.detainer)).await.accepted();
        }
        let shown = async || as_it_stands(&world, &transfer).await;
        assert_eq!(shown().await.state(), states[0]);
        world.harris().release(handing_over(&matched.custody)).await.accepted();
        world.harris().reopen(reopening_of(&matched.custody)).await.accepted();
        let after = shown().await;
        assert_eq!((after.state(), after.handed_over_at, after.taken_over_at.is_some()), (states[1], None, both));
        // So it bars nothing any more: not another hand-over, not a release to somebody else.
        if states[1] != Failed {
            world.harris().confirm_transfer(handover_in(&transfer)).await.accepted();
            assert_eq!(shown().await.state(), states[0]);
            world.harris().release(handing_over(&matched.custody)).await.accepted();
            world.harris().reopen(reopening_of(&matched.custody)).await.accepted();
        }
        world.harris().release(release_of(&matched.custody)).await.accepted();
    }
}

#[tokio::test]
async fn a_corrected_release_is_judged_as_the_first_was() {
    let world = World::under_plain_law();
    let matched = world.matched(ERIE).await;
    world.answers(ERIE, &matched.detainer, Decline).await.accepted();
    world.erie().release(release_of(&matched.custody)).await.accepted();
    let corrected = v1::RecordReleaseRequest { correction: Some(correction()), ..handing_over(&matched.custody) };
    is_for_an_officer_to_explain(&world, ERIE, &corrected).await;
    world.officer(ERIE).release(explained(corrected)).await.accepted();
    assert_eq!(alarms(&world.oversight(), NY_CUSTODY).await.len(), 1);

    // And of one that the law allows nobody asks.
    let matched = world.matched(HARRIS).await;
    world.harris().schedule(schedule_of(&matched.custody)).await.accepted();
    world.harris().release(release_of(&matched.custody)).await.accepted();
    world.ice().withdraw(withdrawal_of(&matched.detainer)).await.accepted();
    let corrected = v1::RecordReleaseRequest { correction: Some(correction()), ..handing_over(&matched.custody) };
    world.harris().release(corrected).await.accepted();
    assert_eq!(alarms(&world.harris(), TX_CUSTODY).await, []);
}

#[tokio::test]
async fn what_an_officer_has_permitted_a_machine_may_record() {
    let world = World::under_plain_law();
    let (matched, officer) = (world.matched(ERIE).await, world.officer(ERIE));
    officer.answer(reasoned_answer_to(&matched.detainer, NotifyOnly)).await.accepted();
    is_for_an_officer_to_explain(&world, ERIE, &handing_over(&matched.custody)).await;
    officer.decide(decision_on(&matched.detainer, "transfer", v1::ReviewDecision::Permit)).await.accepted();
    world.erie().release(handing_over(&matched.custody)).await.accepted();
    assert_eq!(alarms(&world.erie(), NY_CUSTODY).await, []);
}
