//! The same stay is not opened twice: a booking number is that of one open custody of an agency.

use std::collections::BTreeSet;

use comity::config::StoreConfig;
use comity::wire::v1;
use futures_util::future::join_all;
use tonic::Code;

use crate::harness::changes::{birth_date_in, escape_from, reopening_of};
use crate::harness::postgres::Database;
use crate::harness::requests::{booked, intake_at, release_of, request_id};
use crate::harness::{Outcome, World};

const DOCCS: &str = "us-ny-doccs";
const ERIE: &str = "us-ny-erie-jail";

fn numbered(agency: &str, number: &str) -> v1::OpenCustodyRequest {
    let mut intake = intake_at(agency);
    booked(&mut intake, number);
    intake
}

fn renumbered(custody: &str, number: &str) -> v1::CorrectIdentityRequest {
    let mut correction = birth_date_in(custody);
    let subject = correction.subject.as_mut().unwrap();
    subject.birth_date = "1987-06-05".to_owned();
    number.clone_into(&mut subject.identifiers.get_or_insert_default().booking_number);
    correction
}

async fn opened(world: &World, agency: &str, number: &str) -> String {
    world.system(agency).open(numbered(agency, number)).await.accepted().custody.unwrap().name
}

/// The fields at fault, of a command that is refused because that custody has the number.
#[track_caller]
fn refused_by<T>(outcome: Outcome<T>, custody: &str) -> Vec<String> {
    let refused = outcome.refused(Code::AlreadyExists, "ALREADY_BOOKED");
    assert_eq!(refused.metadata.get("custody").map(String::as_str), Some(custody));
    refused.fields()
}

async fn opened_once(world: World) {
    let doccs = world.doccs();
    let number = "custody.subject.identifiers.booking_number";
    let first = numbered(DOCCS, "2026-000123");
    let name = doccs.open(first.clone()).await.accepted().custody.unwrap().name;
    for spelling in ["2026-000123", "2026000123"] {
        assert_eq!(refused_by(doccs.open(numbered(DOCCS, spelling)).await, &name), [number], "{spelling}");
    }
    assert_eq!(doccs.open(first).await.accepted().custody.unwrap().name, name, "a retry is answered as before");
    opened(&world, ERIE, "2026-000123").await;
    doccs.open(intake_at(DOCCS)).await.accepted();
    doccs.open(intake_at(DOCCS)).await.accepted();

    // Another one's number is not taken over by a correction, and one's own is kept by it.
    let other = opened(&world, DOCCS, "2026-000124").await;
    let corrected = world.officer(DOCCS).correct_identity(renumbered(&other, "2026-000123")).await;
    assert_eq!(refused_by(corrected, &name), ["subject.identifiers.booking_number"]);
    world.officer(DOCCS).correct_identity(renumbered(&other, "2026000124")).await.accepted();
    world.officer(DOCCS).correct_identity(renumbered(&other, "2026-000125")).await.accepted();
    let freed = opened(&world, DOCCS, "2026-000124").await;
    doccs.close(escape_from(&freed)).await.accepted();

    // A stay that has ended leaves its number, and cannot have it back while another has it.
    doccs.release(release_of(&name)).await.accepted();
    let second = opened(&world, DOCCS, "2026-000123").await;
    assert_eq!(refused_by(doccs.reopen(reopening_of(&name)).await, &second), [""; 0]);
    doccs.close(escape_from(&second)).await.accepted();
    doccs.reopen(reopening_of(&name)).await.accepted();
    assert_eq!(refused_by(doccs.reopen(reopening_of(&second)).await, &name), [""; 0]);
    world.journal.assert_nothing_personal();
}

/// However many are on their way at the same time.
async fn one_of_many_is_opened(world: World) {
    let doccs = world.doccs();
    for round in 0..4 {
        let number = format!("2026-9{round}");
        let outcomes = join_all((0..12).map(|_| doccs.open(numbered(DOCCS, &number)))).await;
        let (opened, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|outcome| outcome.0.is_ok());
        let opened: Vec<String> = opened.into_iter().map(|one| one.accepted().custody.unwrap().name).collect();
        assert_eq!((opened.len(), refused.len()), (1, 11), "{number}");
        let fields: BTreeSet<_> = refused.into_iter().flat_map(|one| refused_by(one, &opened[0])).collect();
        assert_eq!(fields.len(), 1);
    }
}

#[tokio::test]
async fn a_stay_is_opened_once() {
    opened_once(World::start()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stay_is_opened_once_in_a_database() {
    let Some(database) = Database::whole() else { return };
    opened_once(World::with(|_, config| config.store = StoreConfig::server(database.url()))).await;
}

#[tokio::test]
async fn of_many_that_open_one_stay_at_the_same_time_one_does() {
    one_of_many_is_opened(World::start()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_open_one_stay_in_a_database_one_does() {
    let Some(database) = Database::whole() else { return };
    one_of_many_is_opened(World::with(|_, config| config.store = StoreConfig::server(database.url()))).await;
}

/// A store of version 6 has no terms for the numbers in use, and a mark that says that its index was built.
#[tokio::test]
async fn a_store_of_the_version_before_knows_the_numbers_in_use() {
    let mut world = World::start();
    let name = opened(&world, DOCCS, "2026-000123").await;
    world.stop().await;
    let file = rusqlite::Connection::open(world.directory().join("comity.db")).unwrap();
    file.execute_batch("DELETE FROM search; PRAGMA user_version = 6;").unwrap();
    world.open_again();
    let again = v1::OpenCustodyRequest { request_id: request_id(), ..numbered(DOCCS, "2026-000123") };
    refused_by(world.doccs().open(again).await, &name);
}
