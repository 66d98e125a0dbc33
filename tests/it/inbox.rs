//! The inbox: several consumers of one agency, confirmations that cannot go back, and what is owed until it is confirmed.

mod backlog;
mod narrowed;
mod parked;
mod streams;

use comity::wire::{entry, v1};
use jiff::SignedDuration;
use tonic::Code;

use crate::harness::requests::{
    HAPPENED_AT, NY, NY_CUSTODY, NY_EXCHANGE, intake_at, match_of, reasoned_answer_to, receipt_of, release_of,
    schedule_of,
};
use crate::harness::{Party, World};

const STATISTICS: &str = "statistics";

/// The same as [`receipt_of`], from one of the agency's consumers.
fn receipt_as(consumer: &str, cursor: &str) -> v1::AcknowledgeRequest {
    v1::AcknowledgeRequest { consumer: consumer.to_owned(), ..receipt_of(NY, cursor) }
}

/// Names of the entries that a consumer is owed.
async fn owed(party: &Party, consumer: &str) -> Vec<String> {
    let seen = party.receive_as(consumer, NY, "").await.accepted();
    seen.deliveries.into_iter().map(|delivery| delivery.entry.unwrap().name).collect()
}

fn event_of(entry: &v1::Entry) -> v1::event::Event {
    entry::merge(entry).unwrap().event.unwrap()
}

fn acknowledgement_of(entry: &v1::Entry) -> v1::InboxAcknowledged {
    let v1::event::Event::InboxAcknowledged(acknowledged) = event_of(entry) else { panic!("{}", entry.name) };
    acknowledged
}

#[tokio::test]
async fn each_consumer_gets_everything_and_has_a_position_of_its_own() {
    let mut world = World::start();
    for _ in 0..3 {
        world.lodged("us-ny-doccs").await;
    }
    let doccs = world.doccs();
    let all = owed(&doccs, "").await;
    assert_eq!(all.len(), 3);
    assert_eq!(owed(&doccs, STATISTICS).await, all);
    let (own, other) = (doccs.receive(NY, "").await.accepted(), doccs.receive_as(STATISTICS, NY, "").await.accepted());
    for (consumer, cursor) in [(STATISTICS, &own.heartbeat.cursor), ("default", &other.heartbeat.cursor)] {
        let stolen = doccs.confirm(receipt_as(consumer, cursor)).await;
        stolen.refused(Code::InvalidArgument, "INVALID_CURSOR");
        doccs.receive_as(consumer, NY, cursor).await.refused(Code::InvalidArgument, "INVALID_CURSOR");
    }
    // "default" is the name of the one that gives none.
    doccs.confirm(receipt_as("default", &own.deliveries[1].cursor)).await.accepted();
    for when in ["before", "after"] {
        assert_eq!(owed(&world.doccs(), "").await, all[2..], "{when} the restart");
        assert_eq!(owed(&world.doccs(), STATISTICS).await, all, "{when} the restart");
        world.restart().await;
    }
    let unnamed = world.doccs().receive_as("Case System", NY, "").await;
    unnamed.refused(Code::InvalidArgument, "INVALID_FIELD");
}

#[tokio::test]
async fn a_confirmation_behind_what_was_confirmed_is_refused_and_leaves_no_trace() {
    let world = World::start();
    let doccs = world.doccs();
    world.lodged("us-ny-doccs").await;
    let first = doccs.receive(NY, "").await.accepted();
    world.held("us-ny-doccs").await;
    world.lodged("us-ny-doccs").await;
    let whole = doccs.receive(NY, "").await.accepted();
    assert_eq!(whole.deliveries.len(), 3, "two detainers, then the custody");
    let early = receipt_of(NY, &first.heartbeat.cursor);
    let answer = doccs.confirm(early.clone()).await.accepted();
    let latest = &whole.heartbeat.cursor;
    doccs.confirm(receipt_of(NY, latest)).await.accepted();
    let before = world.kept().rows();
    let cases = [
        ("in both logs", &first.heartbeat.cursor),
        ("in the exchange log", &whole.deliveries[0].cursor),
        // Both detainers, and nothing of the custody log.
        ("in the custody log", &whole.deliveries[1].cursor),
    ];
    for (behind, cursor) in cases {
        let refused = doccs.confirm(receipt_of(NY, cursor)).await.refused(Code::Aborted, "STALE_CURSOR");
        assert!(refused.status.message().contains("confirmed more"), "{behind}");
        assert_eq!(world.kept().rows(), before, "{behind}");
    }
    // Sent again it is no new confirmation, and where it is level it proves nothing twice.
    assert_eq!(doccs.confirm(early).await.accepted(), answer);
    assert_eq!(world.kept().rows(), before);
    doccs.confirm(receipt_of(NY, latest)).await.accepted();
    assert_eq!(owed(&doccs, "").await, [""; 0]);
}

#[tokio::test]
async fn an_agency_has_no_more_consumers_than_it_may() {
    let world = World::with(|_, config| config.inbox.consumers_max = 2);
    world.lodged("us-ny-doccs").await;
    let doccs = world.doccs();
    for consumer in ["", STATISTICS] {
        assert_eq!(owed(&doccs, consumer).await.len(), 1);
    }
    let before = world.kept().rows();
    let received = doccs.receive_as("third", NY, "").await;
    received.refused(Code::InvalidArgument, "INVALID_FIELD");
    let nothing_yet = world.erie();
    for consumer in ["first", "second"] {
        let cursor = nothing_yet.receive_as(consumer, NY, "").await.accepted().heartbeat.cursor;
        nothing_yet.confirm(receipt_as(consumer, &cursor)).await.accepted();
    }
    let cursor = nothing_yet.receive_as("third", NY, "").await.accepted().heartbeat.cursor;
    nothing_yet.confirm(receipt_as("third", &cursor)).await.refused(Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(world.kept().rows()["consumers"], before["consumers"] + 2);
    assert_eq!(owed(&doccs, "").await.len(), 1, "those that are there go on");
}

#[tokio::test]
async fn delivery_is_proven_by_whichever_consumer_confirms_first() {
    let world = World::start();
    let matched = noticed(&world).await;
    let ice = world.ice();
    let first = world.pass(SignedDuration::from_hours(1));
    let cursor = ice.receive_as(STATISTICS, NY, "").await.accepted().heartbeat.cursor;
    ice.confirm(receipt_as(STATISTICS, &cursor)).await.accepted();
    world.pass(SignedDuration::from_hours(1));
    let cursor = ice.receive(NY, "").await.accepted().heartbeat.cursor;
    ice.confirm(receipt_of(NY, &cursor)).await.accepted();
    world.doccs().release(release_of(&matched)).await.accepted();

    let seen = ice.entries(NY_EXCHANGE).await.accepted();
    let v1::event::Event::DetainerReleased(released) = event_of(seen.last().unwrap()) else { panic!("no release") };
    assert_eq!(released.counts.unwrap().lead_time_seconds, Some(HAPPENED_AT - first.as_second()));
    // The second confirmation proves nothing that was not proven: the other side has no use for it.
    let shown: Vec<_> = seen.iter().rev().skip(1).take(2).collect();
    assert_eq!(
        shown.iter().map(|entry| acknowledgement_of(entry).consumer).collect::<Vec<_>>(),
        ["default", STATISTICS]
    );
    let custodians = world.doccs().entries(NY_EXCHANGE).await.accepted();
    let told: Vec<_> = custodians.iter().filter(|entry| shown.iter().any(|own| own.name == entry.name)).collect();
    assert_eq!(told.len(), 1);
    let proof = acknowledgement_of(told[0]);
    assert_eq!((proof.agency.as_str(), proof.consumer.as_str()), ("agencies/us-ice", ""), "whose, and no more");
    assert!(told[0].withheld().any(|class| class == v1::FieldClass::Restricted));
}

/// A detainer on a custody at a state prison, answered and with the date of release noticed; the custody's name.
async fn noticed(world: &World) -> String {
    let custody = world.doccs().open(intake_at("us-ny-doccs")).await.accepted().custody.unwrap().name;
    let detainer = world.lodged("us-ny-doccs").await;
    world.doccs().acknowledge(match_of(&detainer, &custody)).await.accepted();
    let answer = reasoned_answer_to(&detainer, v1::AnswerKind::NotifyOnly);
    world.officer("us-ny-doccs").answer(answer).await.accepted();
    world.doccs().schedule(schedule_of(&custody)).await.accepted();
    custody
}

#[tokio::test]
async fn a_heartbeat_has_the_checkpoints_of_the_logs_that_its_reader_may_read() {
    let world = World::start();
    world.matched("us-ny-doccs").await;
    let (ice, doccs) = (world.ice(), world.doccs());
    let heartbeat = doccs.receive(NY, "").await.accepted().heartbeat;
    assert_eq!(heartbeat.checkpoint, doccs.checkpoint(NY_EXCHANGE).await.accepted());
    assert_eq!(heartbeat.custody_checkpoint, doccs.checkpoint(NY_CUSTODY).await.accepted());
    assert!(!heartbeat.custody_checkpoint.is_empty());
    let heartbeat = ice.receive(NY, "").await.accepted().heartbeat;
    assert_eq!(heartbeat.checkpoint, ice.checkpoint(NY_EXCHANGE).await.accepted());
    assert_eq!(heartbeat.custody_checkpoint, "", "of the custody log not even that");
}
