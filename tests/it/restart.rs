//! A restart is not seen: whoever asks afterwards gets the same bytes as if there had been none.

use std::time::Duration;

use comity::server::{Environment, Gateway};
use comity::wire::v1;
use jiff::SignedDuration;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::harness::World;
use crate::harness::requests::{
    NY, NY_CUSTODY, NY_EXCHANGE, detainer_for, intake_at, match_of, reasoned_answer_to, receipt_of, release_of,
    schedule_of, withdrawal_of,
};

const SEED: u64 = 7_391;
const STEPS: u128 = 8;

/// The story of one detainer, and every answer given in it.
#[derive(Default)]
struct Story {
    custody: String,
    detainer: String,
    answers: Vec<String>,
}

impl Story {
    /// Each step with a request id of its own, the same in every run.
    async fn step(&mut self, world: &World, step: u128) {
        world.pass(SignedDuration::from_hours(1));
        let (ice, doccs) = (world.ice(), world.doccs());
        let request_id = Uuid::from_u128(0x7391_0000_0000_4000_8000_0000_0000_0000 + step).to_string();
        let answer = match step {
            0 => {
                let opened =
                    doccs.open(v1::OpenCustodyRequest { request_id, ..intake_at("us-ny-doccs") }).await.accepted();
                self.custody = opened.custody.as_ref().unwrap().name.clone();
                format!("{opened:?}")
            }
            1 => {
                let lodging = v1::LodgeDetainerRequest { request_id, ..detainer_for("us-ny-doccs") };
                let lodged = ice.lodge(lodging).await.accepted();
                self.detainer = lodged.detainer.as_ref().unwrap().name.clone();
                format!("{lodged:?}")
            }
            2 => {
                let found = match_of(&self.detainer, &self.custody);
                let found = v1::AcknowledgeDetainerRequest { request_id, ..found };
                format!("{:?}", doccs.acknowledge(found).await.accepted())
            }
            3 => {
                let answer = reasoned_answer_to(&self.detainer, v1::AnswerKind::NotifyOnly);
                let answer = v1::AnswerDetainerRequest { request_id, ..answer };
                format!("{:?}", world.officer("us-ny-doccs").answer(answer).await.accepted())
            }
            4 => {
                let schedule = v1::ScheduleReleaseRequest { request_id, ..schedule_of(&self.custody) };
                format!("{:?}", doccs.schedule(schedule).await.accepted())
            }
            5 => {
                let seen = ice.receive(NY, "").await.accepted();
                let received = v1::AcknowledgeRequest { request_id, ..receipt_of(NY, &seen.heartbeat.cursor) };
                format!("{seen:?} {:?}", ice.confirm(received).await.accepted())
            }
            6 => {
                let release = v1::RecordReleaseRequest { request_id, ..release_of(&self.custody) };
                format!("{:?}", doccs.release(release).await.accepted())
            }
            7 => {
                let withdrawal = v1::WithdrawDetainerRequest { request_id, ..withdrawal_of(&self.detainer) };
                format!("{:?}", ice.withdraw(withdrawal).await.accepted())
            }
            beyond => panic!("no step {beyond}"),
        };
        self.answers.push(answer);
    }

    /// Everything that anybody can see afterwards.
    async fn seen(&self, world: &World) -> Vec<String> {
        let mut seen = self.answers.clone();
        let (ice, doccs, oversight) = (world.ice(), world.doccs(), world.oversight());
        for party in [&ice, &doccs, &oversight] {
            seen.push(format!("{:?}", party.detainer(&self.detainer).await.accepted()));
            seen.push(format!("{:?}", party.detainers(NY).await.accepted()));
            seen.push(format!("{:?}", party.entries(NY_EXCHANGE).await.accepted()));
            seen.push(party.checkpoint(NY_EXCHANGE).await.accepted());
        }
        for party in [&doccs, &oversight] {
            seen.push(format!("{:?}", party.custody(&self.custody).await.accepted()));
            seen.push(format!("{:?}", party.custodies(NY).await.accepted()));
            seen.push(format!("{:?}", party.entries(NY_CUSTODY).await.accepted()));
            seen.push(party.checkpoint(NY_CUSTODY).await.accepted());
        }
        for party in [&ice, &doccs] {
            seen.push(format!("{:?}", party.receive(NY, "").await.accepted()));
        }
        seen
    }
}

/// Plays the story with restarts before some steps.
async fn played(restarts: impl Fn(u128) -> bool) -> Vec<String> {
    let mut world = World::seeded(SEED);
    let mut story = Story::default();
    for step in 0..STEPS {
        if restarts(step) {
            world.restart().await;
        }
        story.step(&world, step).await;
    }
    if restarts(STEPS) {
        world.restart().await;
    }
    story.seen(&world).await
}

#[track_caller]
fn same(with: &[String], without: &[String], when: &str) {
    assert_eq!(with.len(), without.len());
    for (with, without) in with.iter().zip(without) {
        assert_eq!(with, without, "{when}");
    }
}

#[tokio::test]
async fn a_restart_before_any_step_is_not_seen() {
    let without = played(|_| false).await;
    for cut in 1..=STEPS {
        same(&played(|step| step == cut).await, &without, &format!("restarted before step {cut}"));
    }
}

#[tokio::test]
async fn restarts_between_all_steps_are_not_seen() {
    let without = played(|_| false).await;
    same(&played(|step| step > 0).await, &without, "restarted between all steps");
}

#[tokio::test]
async fn a_subscription_goes_on_from_its_cursor_whoever_was_restarted() {
    let mut world = World::start();
    for _ in 0..5 {
        world.lodged("us-ny-doccs").await;
    }
    let whole = world.doccs().receive(NY, "").await.accepted();
    assert_eq!(whole.deliveries.len(), 5);
    world.restart().await;
    for (read, delivery) in whole.deliveries.iter().enumerate() {
        // A new connection each: the client has forgotten all but its cursor.
        let token = world.sandbox.token("us-ny-doccs", comity::domain::agency::ActorKind::System).unwrap();
        let client = world.with_token("us-ny-doccs", &token);
        let rest = client.receive(NY, &delivery.cursor).await.accepted();
        assert_eq!(rest.deliveries, whole.deliveries[read + 1..], "from after delivery {read}");
        assert_eq!(rest.heartbeat, whole.heartbeat);
    }
}

#[tokio::test]
async fn without_a_cursor_a_subscription_starts_where_it_was_last_acknowledged() {
    let mut world = World::start();
    for _ in 0..4 {
        world.lodged("us-ny-doccs").await;
    }
    let whole = world.doccs().receive(NY, "").await.accepted();
    let third = &whole.deliveries[2].cursor;
    world.doccs().confirm(receipt_of(NY, third)).await.accepted();
    // An older cursor acknowledged late is refused, and takes nothing back.
    let late = world.doccs().confirm(receipt_of(NY, &whole.deliveries[0].cursor)).await;
    late.refused(tonic::Code::Aborted, "STALE_CURSOR");
    for round in ["before", "after"] {
        let rest = world.doccs().receive(NY, "").await.accepted();
        assert_eq!(rest.deliveries, whole.deliveries[3..], "{round} the restart");
        world.restart().await;
    }
}

/// An open stream ends when the gateway drains, with word that it can be taken up again.
#[tokio::test]
async fn an_open_subscription_is_told_to_come_back() {
    let mut world = World::start();
    let ice = world.ice();
    let request = v1::ReceiveRequest { parent: NY.to_owned(), ..Default::default() };
    let mut stream = ice.client().await.inbox().receive(request).await.unwrap().into_inner();
    let item = stream.message().await.unwrap().unwrap().item;
    assert!(matches!(item, Some(v1::receive_response::Item::Heartbeat(_))));
    let ended = async {
        loop {
            if let Err(status) = stream.message().await {
                return crate::harness::Outcome::<()>(Err(status));
            }
        }
    };
    let (ended, ()) = tokio::join!(ended, world.stop());
    ended.refused(tonic::Code::Unavailable, "UNAVAILABLE");
}

#[tokio::test]
async fn a_gateway_that_is_dropped_ends_by_itself() {
    let mut world = World::start();
    world.lodged("us-ny-doccs").await;
    let addresses = [world.gateway().grpc(), world.gateway().ops()];
    world.abandon();
    let ended = async {
        for address in addresses {
            while TcpStream::connect(address).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.expect("it listens on");
}

/// The tree that a gateway goes on from is the one that it signed last: without that it would sign another history.
#[tokio::test]
async fn no_gateway_starts_over_a_head_that_it_did_not_sign() {
    let mut world = World::start();
    world.matched("us-ny-doccs").await;
    world.stop().await;
    let file = world.directory().join("comity.db");
    let whole = std::fs::read(&file).unwrap();
    let start = || {
        let seams = Environment { clock: world.clock.clone(), ..Environment::default() };
        Gateway::start(world.config(), world.directory(), seams)
    };
    for sql in [
        "UPDATE heads SET size = size - 1",
        "UPDATE heads SET root = zeroblob(32)",
        "UPDATE tiles SET hashes = zeroblob(length(hashes))",
        "DELETE FROM checkpoints",
        "DELETE FROM checkpoints WHERE position IN (SELECT max(position) FROM checkpoints GROUP BY position >> 40)",
        "UPDATE checkpoints SET note = replace(note, 'comity.example', 'others.example')",
    ] {
        let connection = rusqlite::Connection::open(&file).unwrap();
        assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
        drop(connection);
        assert!(start().is_err(), "it started: {sql}");
        for beside in ["comity.db-wal", "comity.db-shm"] {
            drop(std::fs::remove_file(world.directory().join(beside)));
        }
        std::fs::write(&file, &whole).unwrap();
    }
    world.open_again();
}
