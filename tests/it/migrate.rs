//! `comity migrate`: from a file to a database and back, and whoever reads sees no difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use comity::config::StoreConfig;
use comity::domain::agency::AgencyKind;
use comity::sandbox::AGENCIES;
use comity::store::{StoreLocation, digest};
use comity::wire::Message as _;
use comity::wire::v1;

use crate::harness::World;
use crate::harness::postgres::Database;
use crate::harness::requests::{NY, TX};

/// Everything that every client is given to read, encoded.
async fn seen(world: &World) -> BTreeMap<String, Vec<u8>> {
    let mut seen = BTreeMap::new();
    for seat in AGENCIES.iter().filter(|seat| seat.kind != AgencyKind::Operator) {
        let party = world.system(seat.id);
        for place in [NY, TX].into_iter().filter(|place| seat.jurisdictions.contains(&&place["jurisdictions/".len()..]))
        {
            for kind in ["exchange", "custody"] {
                let log = format!("{place}/logs/{kind}");
                let Ok(checkpoint) = party.checkpoint(&log).await.0 else { continue };
                seen.insert(format!("{} {log}", seat.id), checkpoint.into_bytes());
                let Ok(entries) = party.entries(&log).await.0 else { continue };
                for entry in entries {
                    seen.insert(format!("{} {}", seat.id, entry.name), entry.encode_to_vec());
                    let proof = party.prove_inclusion(v1::ProveInclusionRequest { name: entry.name.clone() }).await;
                    seen.insert(format!("{} proof of {}", seat.id, entry.name), proof.accepted().encode_to_vec());
                }
            }
            let detainers = party.detainers(place).await.0.unwrap_or_default();
            let detainers = detainers.iter().map(|of| (format!("{} {}", seat.id, of.name), of.encode_to_vec()));
            seen.extend(detainers);
            let custodies = party.custodies(place).await.0.unwrap_or_default();
            seen.extend(custodies.iter().map(|of| (format!("{} {}", seat.id, of.name), of.encode_to_vec())));
            if let Ok(received) = party.receive(place, "").await.0 {
                let delivered =
                    received.deliveries.iter().map(|delivery| delivery.entry.clone().unwrap().encode_to_vec());
                seen.insert(format!("{} inbox of {place}", seat.id), delivered.flatten().collect());
            }
        }
    }
    seen
}

/// What is read is the same, to the byte.
#[track_caller]
fn assert_unchanged(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed: Vec<_> = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

fn migrate(directory: &Path, from: &str, to: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    // Addresses by the environment: what stands in arguments, others on the machine can read.
    command.arg("migrate").arg(directory).env("COMITY_FROM", from).env("COMITY_TO", to);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_moved_to_a_database_and_back_and_nobody_sees_a_difference() {
    let Some(database) = Database::whole() else { return };
    let mut world = World::start();
    for custodian in ["us-ny-doccs", "us-ny-erie-jail", "us-tx-harris-jail"] {
        for _ in 0..2 {
            world.matched(custodian).await;
        }
    }
    let before = seen(&world).await;
    assert!(before.len() > 60, "{} things to be read", before.len());
    world.stop().await;
    let directory = world.directory().to_owned();
    let file = directory.join("comity.db");
    let digests = digest(&StoreLocation::File(file.clone())).unwrap();

    let said = migrate(&directory, &file.display().to_string(), database.url());
    assert!(said.contains("the same on both sides") && said.contains("whole: 4 logs"), "{said}");
    world.change(|config| config.store = StoreConfig::server(database.url()));
    world.open_again();
    // What is read is accounted for, and a stream is one more try: nothing else has changed.
    assert_unchanged(&before, &seen(&world).await);
    world.matched("us-ny-doccs").await;
    let grown = seen(&world).await;
    world.stop().await;

    let back = directory.join("back.db");
    migrate(&directory, database.url(), &back.display().to_string());
    world.change(|config| config.store = StoreConfig::file("back.db"));
    world.open_again();
    assert_unchanged(&grown, &seen(&world).await);
    world.stop().await;

    // Whoever goes where something is already is refused, and changes nothing.
    let output = Command::new(env!("CARGO_BIN_EXE_comity"))
        .args(["migrate", directory.to_str().unwrap()])
        .env("COMITY_TO", database.url())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(digest(&StoreLocation::File(file)).unwrap(), digests);
    assert!(fs::metadata(back).unwrap().len() > 0);
}

/// More than an inbox is read here, so that no entry is passed over.
const READS: u32 = 100;

/// As earlier versions left it: each without what came since.
const AS_BEFORE: [(&str, i64); 3] = [
    // Another index than the one of now, under the same mark.
    ("DELETE FROM search", 6),
    ("DROP TABLE search; DROP TABLE search_key", 5),
    ("DROP TABLE search; DROP TABLE search_key; DROP TABLE restored", 4),
];

/// The detainers that ICE finds by the number that all of them have.
async fn found(world: &World) -> usize {
    let filter = "subject.identifiers.alien_number = \"079314159\"".to_owned();
    let request = v1::ListDetainersRequest { parent: NY.to_owned(), filter, ..Default::default() };
    world.ice().list_detainers(request).await.accepted().detainers.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_version_before_is_taken_over_and_one_of_a_later_version_is_not() {
    let mut world = World::with(|_, config| config.inbox.park_after_tries = READS);
    world.matched("us-ny-doccs").await;
    let mut before = seen(&world).await;
    world.stop().await;
    let file = rusqlite::Connection::open(world.directory().join("comity.db")).unwrap();
    let version = || file.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let current = version();
    for (number, (without, earlier)) in (1..).zip(AS_BEFORE) {
        file.execute_batch(&format!("{without}; PRAGMA user_version = {earlier};")).unwrap();
        world.open_again();
        assert_eq!(version(), current);
        assert_unchanged(&before, &seen(&world).await);
        assert_eq!(found(&world).await, number, "what was stored before is found");
        world.matched("us-ny-doccs").await;
        assert_eq!(found(&world).await, number + 1);
        before = seen(&world).await;
        world.stop().await;
    }
    file.execute_batch(&format!("PRAGMA user_version = {}", current + 1)).unwrap();
    let refused = comity::store::sqlite::SqliteStore::open(&world.directory().join("comity.db"), &[7; 32]).unwrap_err();
    assert!(refused.to_string().contains("not a store of this version"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_the_version_before_is_taken_over() {
    let Some(database) = Database::whole() else { return };
    let mut world = World::with(|_, config| {
        config.inbox.park_after_tries = READS;
        config.store = StoreConfig::server(database.url());
    });
    world.matched("us-ny-doccs").await;
    let mut before = seen(&world).await;
    let current = database.run("SELECT version FROM comity");
    for (number, (without, earlier)) in (1..).zip(AS_BEFORE) {
        world.stop().await;
        database.run(&format!("{without}; UPDATE comity SET version = {earlier}"));
        world.open_again();
        assert_eq!(database.run("SELECT version FROM comity"), current);
        assert_unchanged(&before, &seen(&world).await);
        assert_eq!(found(&world).await, number, "what was stored before is found");
        world.matched("us-ny-doccs").await;
        before = seen(&world).await;
    }
}
