//! Jurisdictions on different stores, each under a writer of its own.

use comity::config::{ShardConfig, StoreConfig};
use comity::recorder::Entropy;
use comity::server::{Environment, Gateway, ServerError};

use crate::harness::World;
use crate::harness::postgres::Database;
use crate::harness::requests::{NY, TX, detainer_for};

/// Texas in this store, the rest in another.
fn texas_on(store: &StoreConfig, rest: StoreConfig) -> StoreConfig {
    let StoreConfig { path, url, .. } = store.clone();
    let jurisdictions = ["us-tx".parse().unwrap()].into();
    StoreConfig { shards: vec![ShardConfig { jurisdictions, path, url }], ..rest }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_jurisdiction_is_kept_where_it_is_placed() {
    let Some(database) = Database::whole() else { return };
    let mut world = World::with(|_, config| {
        config.store = texas_on(&StoreConfig::server(database.url()), StoreConfig::file("comity.db"));
    });
    let (new_york, texas) = (world.matched("us-ny-doccs").await, world.matched("us-tx-harris-jail").await);
    let logs = [NY, TX].map(|place| format!("{place}/logs/exchange"));
    for restarted in [false, true] {
        if restarted {
            world.restart().await;
        }
        let ice = world.ice();
        for (place, log, matched) in [(NY, &logs[0], &new_york), (TX, &logs[1], &texas)] {
            assert_eq!(ice.detainer(&matched.detainer).await.accepted().name, matched.detainer);
            assert_eq!(ice.detainers(place).await.accepted().len(), 1);
            assert!(!ice.receive(place, "").await.accepted().deliveries.is_empty());
            assert_eq!(ice.checkpoint(log).await.accepted().lines().nth(1), Some("2"));
        }
    }
    world.stop().await;
    let kept = database.run("SELECT name FROM names JOIN heads ON heads.log = names.id ORDER BY name");
    assert_eq!(kept, [format!("{TX}/logs/custody"), format!("{TX}/logs/exchange")]);
    // What was disclosed of Texas is accounted for there.
    let accounted = database.run("SELECT resources FROM disclosures");
    assert!(!accounted.is_empty() && accounted.iter().all(|names| names.starts_with(TX)), "{accounted:?}");
    assert!(world.kept().logs().iter().all(|log| log.jurisdiction.as_str() == "us-ny"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_kept_elsewhere_is_not_begun_again() {
    let (Some(database), Some(other)) = (Database::whole(), Database::whole()) else { return };
    let (here, there) = (StoreConfig::server(database.url()), StoreConfig::server(other.url()));
    let mut world = World::with(|_, config| config.store = here.clone());
    world.ice().lodge(detainer_for("us-tx-prison")).await.accepted();
    world.stop().await;
    let start = |store: StoreConfig| {
        world.change(|config| config.store = store);
        let seams = Environment { clock: world.clock.clone(), entropy: Entropy::System, ..Environment::default() };
        tokio::task::block_in_place(|| Gateway::start(world.config(), world.directory(), seams).map(drop))
    };
    let mut refused = start;
    // To another database it would be signed again from the beginning, under the same key.
    let elsewhere = refused(texas_on(&there, here.clone()));
    assert!(matches!(&elsewhere, Err(ServerError::KeptElsewhere { log, .. }) if log.jurisdiction.as_str() == "us-tx"));
    // And two writers with a policy set each have no business in one.
    let twice = refused(texas_on(&here, here.clone()));
    assert!(matches!(twice, Err(ServerError::KeptElsewhere { .. })));
    refused(here).unwrap();
}
