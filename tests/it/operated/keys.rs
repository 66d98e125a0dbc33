//! What it means to lose a key file, as docs/operations.md says it, or to have another in its place.

use std::fs;
use std::path::Path;

use comity::config::secret_files;
use comity::identity::clock::WallClock;
use comity::server::{Environment, Gateway, check, check_start};
use comity::wire::{Message as _, v1};
use tonic::Code;

use crate::harness::World;
use crate::harness::requests::{NY, NY_EXCHANGE, detainer_for};

/// Another key in place of one of 32 bytes.
fn replace(directory: &Path, name: &str) {
    fs::write(directory.join("keys").join(name), "5a".repeat(32)).unwrap();
}

/// It does not start, and `check-config` says why.
#[track_caller]
fn refuses(world: &World, why: &str) {
    let (config, base) = (world.config(), world.directory());
    let checked = check(config, base, &WallClock::system()).unwrap();
    let checked = check_start(config, base, &checked).unwrap_err().to_string();
    let refused = Gateway::start(config, base, Environment::default()).unwrap_err().to_string();
    assert!(checked.contains(why) && refused.contains(why), "{checked}, {refused}");
}

#[tokio::test]
async fn what_another_key_in_its_place_means() {
    let mut world = World::start();
    let lodging = detainer_for("us-ny-doccs");
    world.ice().lodge(lodging.clone()).await.accepted();
    let before_that = world.doccs().receive(NY, "").await.accepted();
    let cursor = &before_that.heartbeat.cursor;
    assert!(!before_that.deliveries.is_empty());
    let officer_of_last = async |world: &World| {
        let entry = world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap();
        v1::Leaf::decode(&*entry.leaf).unwrap().officer
    };
    let before = officer_of_last(&world).await;

    // Cursors that are out are refused; without one, an inbox goes on from where it was confirmed.
    world.restart_after(|directory| replace(directory, secret_files::CURSOR)).await;
    world.doccs().receive(NY, cursor).await.refused(Code::InvalidArgument, "INVALID_CURSOR");
    let again = world.doccs().receive(NY, "").await.accepted();
    let names = |received: &[v1::Delivery]| -> Vec<String> {
        received.iter().map(|delivery| delivery.entry.as_ref().unwrap().name.clone()).collect()
    };
    assert_eq!(names(&again.deliveries), names(&before_that.deliveries));

    // A write that was answered before and is sent again is taken for another one: nothing is recorded twice.
    world.ice().lodge(lodging.clone()).await.accepted();
    world.restart_after(|directory| replace(directory, secret_files::REQUEST_DIGEST)).await;
    world.ice().lodge(lodging).await.refused(Code::AlreadyExists, "REQUEST_ID_REUSED");

    // The same officer goes by another pseudonym, and nothing shows that both are one.
    world.restart_after(|directory| replace(directory, secret_files::PSEUDONYM)).await;
    world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    assert_ne!(officer_of_last(&world).await, before);

    // What was sealed under the key before would not be opened, and what came would be sealed under a second one.
    world.stop().await;
    let sealing = world.directory().join("keys").join(secret_files::WRAPPING);
    let kept = fs::read(&sealing).unwrap();
    replace(world.directory(), secret_files::WRAPPING);
    refuses(&world, "the sealed bytes or the key are not the ones they should be");
    fs::write(&sealing, kept).unwrap();

    // Another signing key would grow another log: it does not start.
    let other = comity::ledger::Signer::generate("comity.example/gateway").unwrap().1;
    let pem = comity::ledger::pem_from_pkcs8(&other);
    fs::write(world.directory().join("keys").join(secret_files::SIGNING), pem.as_str()).unwrap();
    refuses(&world, "the writer failed");
}
