//! What a consumer cannot take is parked: it keeps nothing else back, and is never taken for delivered.

use std::time::Duration;

use comity::wire::v1;
use jiff::SignedDuration;
use tonic::Code;

use crate::harness::requests::{HAPPENED_AT, NY, NY_EXCHANGE, backlog_of, parked_receipt_of, receipt_of, release_of};
use crate::harness::{Party, World};
use crate::inbox::{STATISTICS, acknowledgement_of, event_of, noticed, owed};

const TRIES: u32 = 3;

fn impatient() -> World {
    World::with(|_, config| config.inbox.park_after_tries = TRIES)
}

/// A consumer that starts over so often, each time after a restart.
async fn fails(world: &mut World, agency: &str, times: u32) {
    for _ in 0..times {
        world.system(agency).receive(NY, "").await.accepted();
        world.restart().await;
    }
}

async fn parked(party: &Party) -> Vec<v1::ParkedEntry> {
    party.get_backlog(backlog_of("")).await.accepted().backlogs.remove(0).parked
}

/// Lines that say an entry was parked.
fn warnings(world: &World) -> Vec<(String, String, String)> {
    let lines = world.journal.lines().into_iter().filter(|line| line.field("message").contains("parked"));
    let said = |line: &crate::harness::Line, name: &str| line.field(name).to_owned();
    lines.map(|line| (said(&line, "entry"), said(&line, "agency"), said(&line, "consumer"))).collect()
}

#[tokio::test]
async fn an_entry_sent_too_often_is_parked_over_restarts_and_keeps_nothing_back() {
    let mut world = impatient();
    let start = world.clock.now();
    for _ in 0..2 {
        world.lodged("us-ny-doccs").await;
    }
    for attempt in 0..TRIES {
        assert_eq!(owed(&world.doccs(), "").await.len(), 2, "try {attempt}");
        assert_eq!(parked(&world.doccs()).await, []);
        world.pass(SignedDuration::from_hours(1));
        world.restart().await;
    }
    assert_eq!(warnings(&world), []);
    let (first, second) = (format!("{NY_EXCHANGE}/entries/0"), format!("{NY_EXCHANGE}/entries/1"));
    for when in ["at once", "from then on"] {
        assert_eq!(owed(&world.doccs(), "").await, [second.as_str()], "{when}");
        world.restart().await;
    }
    let accounted = world.kept().disclosures().into_iter().filter(|(_, names, _)| names.contains(&first)).count();
    assert_eq!(accounted, 3, "what is passed over is not disclosed");
    assert_eq!(owed(&world.doccs(), STATISTICS).await, [first.as_str(), &second], "of that consumer alone");
    assert_eq!(warnings(&world), [(first.clone(), "us-ny-doccs".to_owned(), "default".to_owned())], "said once");
    let [entry]: [v1::ParkedEntry; 1] = parked(&world.doccs()).await.try_into().unwrap();
    assert_eq!((entry.entry.as_str(), entry.tries), (first.as_str(), 3));
    assert_eq!(entry.since.unwrap().seconds, start.as_second());
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn a_parked_entry_is_confirmed_by_itself_and_by_nothing_else() {
    let mut world = impatient();
    for _ in 0..2 {
        world.lodged("us-ny-doccs").await;
    }
    fails(&mut world, "us-ny-doccs", TRIES).await;
    let doccs = world.doccs();
    let cursor = doccs.receive(NY, "").await.accepted().heartbeat.cursor;
    doccs.confirm(receipt_of(NY, &cursor)).await.accepted();
    let entry = format!("{NY_EXCHANGE}/entries/0");
    let proof = world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap();
    let proof = acknowledgement_of(&proof);
    assert_eq!((proof.exchange_position, proof.parked, proof.entry.as_str()), (2, vec![0], ""));
    assert_eq!(parked(&doccs).await.len(), 1, "confirming past it settles nothing");

    // Nobody confirms what is not parked for it, nor for another.
    let other = v1::AcknowledgeParkedRequest { consumer: STATISTICS.to_owned(), ..parked_receipt_of(&entry) };
    doccs.confirm_parked(other).await.not_found();
    doccs.confirm_parked(parked_receipt_of(&format!("{NY_EXCHANGE}/entries/1"))).await.not_found();
    world.erie().confirm_parked(parked_receipt_of(&entry)).await.not_found();
    let elsewhere = entry.replace("us-ny", "us-tx");
    doccs.confirm_parked(parked_receipt_of(&elsewhere)).await.not_found();

    // Read and dealt with by other means.
    doccs.get_entry(v1::GetEntryRequest { name: entry.clone() }).await.accepted();
    let receipt = parked_receipt_of(&entry);
    let answer = doccs.confirm_parked(receipt.clone()).await.accepted();
    assert_eq!(answer.receipt.as_ref().unwrap().log, NY_EXCHANGE);
    let proof = world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap();
    let proof = acknowledgement_of(&proof);
    assert_eq!((proof.exchange_position, proof.parked, proof.entry), (0, vec![], entry.clone()));
    assert_eq!(parked(&doccs).await, []);
    assert_eq!(doccs.confirm_parked(receipt).await.accepted(), answer, "sent again it is the same");
    doccs.confirm_parked(parked_receipt_of(&entry)).await.not_found();
    assert_eq!(owed(&doccs, "").await, [""; 0]);
}

#[tokio::test]
async fn what_was_dealt_with_before_its_turn_is_not_sent_again() {
    let mut world = impatient();
    for _ in 0..2 {
        world.lodged("us-ny-doccs").await;
    }
    fails(&mut world, "us-ny-doccs", TRIES + 1).await;
    let entry = format!("{NY_EXCHANGE}/entries/0");
    world.doccs().confirm_parked(parked_receipt_of(&entry)).await.accepted();
    for _ in 0..2 {
        assert_eq!(owed(&world.doccs(), "").await, [format!("{NY_EXCHANGE}/entries/1")]);
        world.restart().await;
    }
}

#[tokio::test]
async fn a_parked_notice_was_not_delivered() {
    for dealt_with in [false, true] {
        let mut world = impatient();
        let custody = noticed(&world).await;
        // Everything before the notice, one by one; then the notice is what ICE cannot take.
        let seen = world.ice().receive(NY, "").await.accepted();
        let [.., last, notice] = seen.deliveries.as_slice() else { panic!("{}", seen.deliveries.len()) };
        let notice = notice.entry.as_ref().unwrap().name.clone();
        world.ice().confirm(receipt_of(NY, &last.cursor)).await.accepted();
        fails(&mut world, "us-ice", TRIES).await;
        let cursor = world.ice().receive(NY, "").await.accepted().heartbeat.cursor;
        world.ice().confirm(receipt_of(NY, &cursor)).await.accepted();
        let received = world.pass(SignedDuration::from_hours(1));
        if dealt_with {
            world.ice().confirm_parked(parked_receipt_of(&notice)).await.accepted();
        }
        world.doccs().release(release_of(&custody)).await.accepted();
        let told = world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap();
        let v1::event::Event::DetainerReleased(released) = event_of(&told) else { panic!("{}", told.name) };
        let lead_time = dealt_with.then(|| HAPPENED_AT - received.as_second());
        assert_eq!(released.counts.unwrap().lead_time_seconds, lead_time);
    }
}

#[tokio::test]
async fn processes_that_start_together_and_readers_that_go_on_fail_at_nothing() {
    let world = impatient();
    for _ in 0..2 {
        world.lodged("us-ny-doccs").await;
    }
    let client = world.doccs().client().await.inbox();
    let mut processes = Vec::new();
    for _ in 0..3 * TRIES {
        let request = v1::ReceiveRequest { parent: NY.to_owned(), ..Default::default() };
        let mut stream = client.clone().receive(request).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some());
        processes.push(stream);
    }
    let first = world.doccs().receive(NY, "").await.accepted().deliveries[0].cursor.clone();
    for _ in 0..3 * TRIES {
        // From its own cursor, further than it has confirmed.
        assert_eq!(world.doccs().receive(NY, &first).await.accepted().deliveries.len(), 1);
    }
    let rows = world.kept().rows();
    assert_eq!((rows["consumers"], rows["attempts"]), (1, 1));
    assert_eq!(world.kept().tries(), [1]);
    drop(processes);
    let confirmed = world.doccs().confirm(receipt_of(NY, &first)).await.accepted();
    assert_eq!(confirmed.receipt.unwrap().log, NY_EXCHANGE);
    assert_eq!(world.kept().tries(), [0; 0], "confirmed, it is forgotten");
}

#[tokio::test]
async fn a_gateway_told_so_never_parks() {
    let mut world = World::with(|_, config| config.inbox.park_after_tries = 0);
    world.lodged("us-ny-doccs").await;
    fails(&mut world, "us-ny-doccs", 7).await;
    assert_eq!(owed(&world.doccs(), "").await.len(), 1);
    assert_eq!(parked(&world.doccs()).await, []);
    let someone = world.doccs().confirm_parked(parked_receipt_of("jurisdictions/us-ny/logs/exchange")).await;
    someone.refused(Code::InvalidArgument, "INVALID_FIELD");
}

/// Long before it would be missed by a heartbeat.
#[tokio::test]
async fn a_stream_whose_reader_has_gone_is_over() {
    let world = World::with(|_, config| config.inbox.heartbeat_ms = 60_000);
    world.lodged("us-ny-doccs").await;
    let tried_again = async {
        while world.kept().tries() != [2] {
            world.doccs().receive(NY, "").await.accepted();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), tried_again).await.expect("the first try is never over");
}
