//! One law and one inbox over two gateways.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use comity::client::{self, Client};
use comity::config::{Config, StoreConfig};
use comity::domain::agency::ActorKind;
use comity::recorder::Entropy;
use comity::server::{Environment, Gateway, Reloaded};
use comity::wire::v1;
use tonic::Code;

use crate::harness::postgres::Database;
use crate::harness::requests::{NY, detainer_for};
use crate::harness::{Party, World, copy, probe};

const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway beside the one of a world, with policies of its own.
struct Beside {
    gateway: Option<Gateway>,
}

impl Beside {
    fn of(world: &World, config: &Config) -> Self {
        let seams = Environment { clock: world.clock.clone(), entropy: Entropy::System, ..Environment::default() };
        Self { gateway: Some(Gateway::start(config, world.directory(), seams).unwrap()) }
    }

    fn party(&self, world: &World, agency: &str) -> Party {
        let token = world.sandbox.token(agency, ActorKind::System).unwrap();
        Party::new(self.gateway.as_ref().unwrap().grpc(), world.sandbox.credentials(agency).unwrap(), token)
    }

    async fn stop(mut self) {
        let gateway = self.gateway.take().unwrap();
        tokio::task::spawn_blocking(|| gateway.stop()).await.unwrap().unwrap();
    }
}

/// A world on a database, and the configuration of a second gateway there.
fn two(database: &Database) -> (World, Config) {
    let mut beside = None;
    let world = World::with(|directory, config| {
        for name in ["policies-a", "policies-b"] {
            fs::create_dir(directory.join(name)).unwrap();
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), &directory.join(name));
        }
        config.store = StoreConfig::server(database.url());
        config.policy.look_every_ms = 0;
        config.policy.directory = Some("policies-b".into());
        beside = Some(config.clone());
        config.policy.directory = Some("policies-a".into());
    });
    (world, beside.unwrap())
}

/// Another law than the one that is built in, though it says the same.
fn amend(directory: &Path, name: &str) {
    let path = directory.join(name).join("law/us-ny.cedar");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n// Amended.\n")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_judged_by_a_law_that_another_gateway_has_replaced() {
    let Some(database) = Database::whole() else { return };
    let (mut world, config) = two(&database);
    let beside = Beside::of(&world, &config);
    let (here, there) = (world.ice(), beside.party(&world, "us-ice"));
    here.lodge(detainer_for("us-ny-doccs")).await.accepted();
    let lodged = there.lodge(detainer_for("us-ny-doccs")).await.accepted().detainer.unwrap();

    amend(world.directory(), "policies-a");
    let reloaded = tokio::task::block_in_place(|| world.gateway().reload_policies()).unwrap();
    // In both logs of the one jurisdiction whose law changed.
    assert!(matches!(reloaded, Reloaded::Activated { entries: 2 }), "{reloaded:?}");
    here.lodge(detainer_for("us-ny-doccs")).await.accepted();
    // Neither judged nor shown, for to show is to ask the law.
    there.lodge(detainer_for("us-ny-doccs")).await.refused(Code::Unavailable, "UNAVAILABLE");
    there.detainer(&lodged.name).await.refused(Code::Unavailable, "UNAVAILABLE");
    let gateway = beside.gateway.as_ref().unwrap();
    let ready = async || String::from_utf8(probe::probe(gateway.ops(), "/readyz").await).unwrap();
    eventually(async || ready().await.contains("other-law")).await;
    assert!(ready().await.contains("503"));
    // A client that knows both goes to the other.
    let both = format!("{},{}", gateway.grpc(), world.gateway().grpc());
    let token = world.sandbox.token("us-ice", ActorKind::System).unwrap();
    let credentials = world.sandbox.credentials("us-ice").unwrap();
    let client = Client::connect(client::Config::new(both, "localhost", credentials, token.as_str())).await.unwrap();
    client.detainers().lodge_detainer(detainer_for("us-ny-doccs")).await.unwrap();

    amend(world.directory(), "policies-b");
    tokio::task::block_in_place(|| gateway.reload_policies()).unwrap();
    eventually(async || ready().await.contains("serving")).await;
    there.lodge(detainer_for("us-ny-doccs")).await.accepted();
    there.detainer(&lodged.name).await.accepted();
    let log = format!("{NY}/logs/exchange");
    // What was recorded there last is published here a moment later.
    eventually(async || here.entries(&log).await.accepted().len() == 6).await;
    let methods: Vec<String> = here.entries(&log).await.accepted().iter().map(method).collect();
    let lodge = "DetainerService/LodgeDetainer";
    assert_eq!(methods, [lodge, lodge, "Activation", lodge, lodge, lodge], "one activation, of which both are told");
    beside.stop().await;
    world.stop().await;
}

async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "it was never so");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn method(entry: &v1::Entry) -> String {
    comity::wire::entry::read_leaf(&entry.leaf).unwrap().method
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_gateway_records_the_other_delivers() {
    let Some(database) = Database::whole() else { return };
    let (mut world, config) = two(&database);
    let beside = Beside::of(&world, &config);
    let there = beside.party(&world, "us-ny-doccs");
    // It has caught up with a log that is empty before anything is recorded.
    assert!(there.receive(NY, "").await.accepted().deliveries.is_empty());
    let lodged = world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    let begun = Instant::now();
    let received = loop {
        let received = there.receive(NY, "").await.accepted();
        if !received.deliveries.is_empty() {
            break received;
        }
        assert!(begun.elapsed() < PATIENCE, "it was never delivered by the other gateway");
    };
    println!("delivered by the other gateway after {:.0?}", begun.elapsed());
    let entry = received.deliveries[0].entry.as_ref().unwrap();
    assert_eq!(entry.leaf, lodged.receipt.unwrap().leaf);
    // Both say the same of the log.
    let log = format!("{NY}/logs/exchange");
    assert_eq!(there.checkpoint(&log).await.accepted(), world.doccs().checkpoint(&log).await.accepted());
    beside.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_good_for_one_write_at_whichever_gateway() {
    let Some(database) = Database::whole() else { return };
    let (mut world, config) = two(&database);
    let beside = Beside::of(&world, &config);
    let (here, there) = (world.ice(), beside.party(&world, "us-ice"));
    let (mut both, mut refused) = (0, 0);
    for _ in 0..12 {
        let first = detainer_for("us-ny-doccs");
        let second = v1::LodgeDetainerRequest { request_id: first.request_id.clone(), ..detainer_for("us-tx-prison") };
        // Different jurisdictions, so no head keeps them apart.
        let (first, second) = tokio::join!(here.lodge(first), there.lodge(second));
        let outcomes = [first.0, second.0];
        both += usize::from(outcomes.iter().all(Result::is_ok));
        for status in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(status.code(), Code::AlreadyExists, "{status:?}");
            refused += 1;
        }
    }
    assert_eq!((both, refused), (0, 12));
    here.lodge(detainer_for("us-ny-doccs")).await.accepted();
    there.lodge(detainer_for("us-ny-doccs")).await.accepted();
    beside.stop().await;
    world.stop().await;
}
