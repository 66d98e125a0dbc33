//! `comity backup` of a store that is served, and `comity restore`: whole, or refused; and no restored store is served
//! before it was held against a checkpoint from outside.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use comity::config::{Config, StoreConfig};
use comity::server::{Environment, Gateway, check_against};
use comity::store::StoreLocation;
use tempfile::TempDir;

use crate::harness::postgres::Database;
use crate::harness::process::{comity, said};
use crate::harness::requests::{NY_EXCHANGE, detainer_for};
use crate::harness::{World, copy};

fn size(note: &str) -> u64 {
    note.lines().nth(1).unwrap().parse().unwrap()
}

/// An exchange whose store is somewhere, and a place where it is restored to.
struct Loss {
    world: World,
    kept: TempDir,
    /// The data directory of the restored store: with the keys, without a store.
    anew: TempDir,
    /// Where the store is, and where it is restored to. None: in a file of the data directory.
    urls: Option<(String, String)>,
}

impl Loss {
    fn of(world: World, urls: Option<(String, String)>) -> Self {
        let (kept, anew) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Self { world, kept, anew, urls }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.kept.path().join(name)
    }

    fn backup(&self, name: &str) -> Command {
        let mut command = comity("backup");
        command.arg(self.world.directory()).arg(self.out(name));
        if let Some((from, _)) = &self.urls {
            command.env("COMITY_STORE", from);
        }
        command
    }

    fn restore(&self, name: &str) -> Command {
        let mut command = comity("restore");
        command.arg(self.out(name)).arg(self.anew.path());
        if let Some((_, to)) = &self.urls {
            command.env("COMITY_STORE", to);
        }
        command
    }

    /// The data directory anew: everything but the store.
    fn lay(&self) {
        copy(self.world.directory(), self.anew.path());
        for file in ["comity.db", "comity.db-wal", "comity.db-shm", "comity.db-lock"] {
            let _ = fs::remove_file(self.anew.path().join(file));
        }
    }

    fn config(&self) -> Config {
        let mut config = self.world.config().clone();
        if let Some((_, to)) = &self.urls {
            config.store = StoreConfig::server(to);
        }
        config
    }

    /// A start of the restored store as `comity serve` makes it.
    fn start(&self, against: &[&str]) -> Result<Gateway, String> {
        let (config, base) = (self.config(), self.anew.path());
        if !against.is_empty() {
            let secrets = comity::config::Secrets::read(&config.keys, base).unwrap();
            let kept: Vec<String> = against.iter().map(|note| (*note).to_owned()).collect();
            check_against(&config, base, &secrets, &kept).map_err(|error| error.to_string())?;
        }
        Gateway::start(&config, base, Environment::default()).map_err(|error| error.to_string())
    }

    fn marks(&self) -> usize {
        let place = self.config().store.locations(&self.config().jurisdictions, self.anew.path()).unwrap();
        place.iter().map(|(_, place)| place.restored().unwrap().len()).sum()
    }

    /// The newest checkpoint of each log of New York and Texas that somebody outside can have kept.
    async fn checkpoints(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (agency, place) in [("us-ny-doccs", "us-ny"), ("us-tx-harris-jail", "us-tx")] {
            for kind in ["exchange", "custody"] {
                let log = format!("jurisdictions/{place}/logs/{kind}");
                notes.push(self.world.system(agency).checkpoint(&log).await.accepted());
            }
        }
        notes.retain(|note| !note.is_empty());
        notes
    }
}

/// A backup under load, lost writes after it, and what a restored store may and may not.
async fn a_store_is_lost(mut loss: Loss) {
    for agency in ["us-ny-doccs", "us-tx-harris-jail"] {
        loss.world.matched(agency).await;
    }
    // Backed up while writes go on.
    let stop = AtomicBool::new(false);
    let ice = loss.world.ice();
    let writes = async {
        let mut written = 0;
        while !stop.load(Ordering::Relaxed) {
            ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
            written += 1;
        }
        written
    };
    let backups = async {
        let mut command = loss.backup("busy");
        let told = tokio::task::spawn_blocking(move || said(&mut command, 0)).await.unwrap();
        stop.store(true, Ordering::Relaxed);
        told
    };
    let (written, told) = tokio::join!(writes, backups);
    assert!(written > 0 && told.contains("whole: 4 logs") && told.contains("backed up"), "{told}");
    assert!(!told.contains("sealed content was not opened"), "{told}");

    // At rest, and then what the backup lacks.
    said(&mut loss.backup("quiet"), 0);
    let at_backup = loss.checkpoints().await;
    loss.world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    let after = loss.world.ice().checkpoint(NY_EXCHANGE).await.accepted();
    loss.world.stop().await;

    loss.lay();
    let told = said(&mut loss.restore("quiet"), 0);
    assert!(told.contains("It is not served before") && told.contains(NY_EXCHANGE), "{told}");
    assert_eq!(loss.marks(), 4);
    let refused = loss.start(&[]).unwrap_err();
    assert!(refused.contains("was restored from a backup"), "{refused}");
    // Something was signed that the backup lacks.
    let refused = loss.start(&[&after]).unwrap_err();
    assert!(refused.contains("the store is older than the checkpoint"), "{refused}");
    // Every log must be held, and as far as the backup goes.
    let refused = loss.start(&[&at_backup[0]]).unwrap_err();
    assert!(refused.contains("it says nothing of what came after"), "{refused}");
    assert_eq!(loss.marks(), 4);
    let all: Vec<&str> = at_backup.iter().map(String::as_str).collect();
    let gateway = loss.start(&all).unwrap();
    tokio::task::spawn_blocking(|| gateway.stop()).await.unwrap().unwrap();
    assert_eq!(loss.marks(), 0);
    let gateway = loss.start(&[]).unwrap();
    tokio::task::spawn_blocking(|| gateway.stop()).await.unwrap().unwrap();

    // Nothing is restored over a store, and a mark is not lost by moving it.
    assert!(said(&mut loss.restore("quiet"), 1).contains("there is a store already"));
    // The checkpoint of a backup under load is no further than what was acknowledged by then.
    let manifest = fs::read_to_string(loss.out("busy").join("backup.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let of_log = manifest["logs"].as_array().unwrap().iter().find(|log| log["log"] == NY_EXCHANGE).unwrap();
    assert!(of_log["size"].as_u64().unwrap() <= size(&at_backup[0]));
}

#[tokio::test]
async fn a_restored_file_is_not_served_before_it_was_held_against_what_others_kept() {
    Box::pin(a_store_is_lost(Loss::of(World::start(), None))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_is_not_served_before_it_was_held_against_what_others_kept() {
    let (Some(from), Some(to)) = (Database::whole(), Database::whole()) else { return };
    let url = from.url().to_owned();
    let world = World::with(|_, config| config.store = StoreConfig::server(&url));
    Box::pin(a_store_is_lost(Loss::of(world, Some((url, to.url().to_owned()))))).await;
}

#[tokio::test]
async fn a_backup_that_was_changed_is_not_restored() {
    let mut world = World::start();
    world.matched("us-ny-doccs").await;
    world.stop().await;
    let loss = Loss::of(world, None);
    said(&mut loss.backup("whole"), 0);
    loss.lay();
    let place = |of: &Path| StoreLocation::File(of.join("comity.db"));
    for sql in [
        "UPDATE entries SET audience = replace(audience, 'us-ice', 'us-ixe')",
        "DELETE FROM requests",
        "DELETE FROM entries WHERE position = (SELECT max(position) FROM entries)",
        "UPDATE heads SET size = size - 1",
    ] {
        let changed = loss.out("changed");
        let _ = fs::remove_dir_all(&changed);
        fs::create_dir(&changed).unwrap();
        copy(&loss.out("whole"), &changed);
        let connection = rusqlite::Connection::open(changed.join("comity.db")).unwrap();
        assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
        drop(connection);
        assert!(said(&mut loss.restore("changed"), 1).contains("is not as it was made"), "{sql}");
        assert!(!place(loss.anew.path()).read(None).is_ok_and(|reader| !reader.logs().unwrap().is_empty()), "{sql}");
    }
    // A directory whose backup broke off has no manifest.
    fs::remove_file(loss.out("changed").join("backup.json")).unwrap();
    assert!(said(&mut loss.restore("changed"), 1).contains("is no backup"));
    // A backup overwrites nothing, and its files are their owner's alone.
    said(&mut loss.backup("whole"), 1);
    for file in ["comity.db", "backup.json"] {
        assert_eq!(fs::metadata(loss.out("whole").join(file)).unwrap().mode() & 0o777, 0o600);
    }
}
