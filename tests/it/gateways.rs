//! Two gateways on one PostgreSQL: one log comes of it, whichever of them is asked, killed or started again.

mod away;
mod law;
mod shards;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use comity::config::StoreConfig;
use comity::store::{StoreLocation, copy};
use tempfile::TempDir;

use crate::crash::audit::{self, Found};
use crate::crash::client::{Order, Process, Task, stop_file};
use crate::crash::gateway::Gateway;
use crate::crash::journal::Journal;
use crate::harness::postgres::Database;
use crate::harness::sandbox_directory;

/// How long a client goes on asking.
const PATIENCE_S: u64 = 120;
/// How long each load lasts.
const LOAD: Duration = Duration::from_secs(4);

/// An exchange with two gateways in front of one database, and a client that knows both.
pub(crate) struct Exchange {
    pub(crate) directory: TempDir,
    kept: TempDir,
    url: String,
    configs: [PathBuf; 2],
    addresses: [String; 2],
}

impl Exchange {
    /// Two configurations that differ in their ports alone, which stay the same over restarts.
    pub(crate) fn on(url: &str) -> Self {
        // What was recorded is held against what was asked, and nobody asks clocks.
        Self::with(url, |text| replaced(text, "tick_ms = 1000", "tick_ms = 0"))
    }

    /// The same, with gateways that look at their clocks, and so at their store.
    pub(crate) fn with_ticks(url: &str) -> Self {
        Self::with(url, |text| replaced(text, "tick_ms = 1000", "tick_ms = 100"))
    }

    fn with(url: &str, change: impl FnOnce(&str) -> String) -> Self {
        let directory = sandbox_directory();
        let text = change(&fs::read_to_string(directory.path().join("comity.toml")).unwrap());
        let text = replaced(&text, "path = \"comity.db\"", &format!("url = \"{url}\""));
        let ports = comity::sandbox::private_postgres::free_ports(2).unwrap();
        let addresses = [0, 1].map(|at: usize| format!("127.0.0.1:{}", ports[at]));
        let configs = [0, 1].map(|at: usize| {
            let path = directory.path().join(format!("gateway-{at}.toml"));
            let text = text.replacen("listen = \"127.0.0.1:0\"", &format!("listen = \"{}\"", addresses[at]), 1);
            fs::write(&path, text).unwrap();
            path
        });
        Self { directory, kept: tempfile::tempdir().unwrap(), url: url.to_owned(), configs, addresses }
    }

    #[track_caller]
    pub(crate) fn start(&self, which: usize) -> Gateway {
        Gateway::start_by(&self.configs[which]).unwrap_or_else(|ended| panic!("it does not start: {ended:?}"))
    }

    /// One that logs as it is told.
    #[track_caller]
    pub(crate) fn start_saying(&self, which: usize, log: &str) -> Gateway {
        let started = Gateway::start_saying(&self.configs[which], log);
        started.unwrap_or_else(|ended| panic!("it does not start: {ended:?}"))
    }

    pub(crate) fn config(&self, which: usize) -> &str {
        self.configs[which].to_str().unwrap()
    }

    fn journal_file(&self) -> PathBuf {
        self.kept.path().join("journal.jsonl")
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::read(&self.journal_file())
    }

    /// How many requests were acknowledged so far, read while they are.
    pub(crate) fn acknowledged(&self) -> usize {
        fs::read_to_string(self.journal_file()).unwrap_or_default().matches("{\"Acknowledged\":").count()
    }

    /// Waits until so many more are acknowledged.
    #[track_caller]
    pub(crate) fn await_acknowledged(&self, more: usize, limit: Duration) -> Duration {
        let (begun, due) = (Instant::now(), self.acknowledged() + more);
        while self.acknowledged() < due {
            assert!(begun.elapsed() < limit, "only {} of {due} acknowledged", self.acknowledged());
            std::thread::sleep(Duration::from_millis(50));
        }
        begun.elapsed()
    }

    /// A client that goes on until it is told to stop, with these gateways.
    pub(crate) fn load(&self, gateways: &[usize], lanes: usize) -> Load {
        let stop = stop_file(&self.journal_file());
        let _was_none = fs::remove_file(&stop);
        Load { process: self.client(gateways, Order { lanes, patience_s: PATIENCE_S, ..Order::default() }), stop }
    }

    fn client(&self, gateways: &[usize], order: Order) -> Process {
        let addresses: Vec<&str> = gateways.iter().map(|at| self.addresses[*at].as_str()).collect();
        let directory = self.directory.path().to_owned();
        Process::start(&Task { addresses: addresses.join(","), directory, journal: self.journal_file(), order })
    }

    /// Sends everything again that was ever asked: what is unknown is settled by it, and what was acknowledged is answered
    /// by the very same bytes, by this gateway.
    #[track_caller]
    pub(crate) fn settle(&self, gateway: usize) {
        let order = Order { stories: 0, again: usize::MAX, patience_s: PATIENCE_S, ..Order::default() };
        let _was_none = fs::remove_file(stop_file(&self.journal_file()));
        self.client(&[gateway], order).done();
    }

    /// Holds the database, which nobody serves any more, against the journal.
    #[track_caller]
    pub(crate) fn audit(&self) -> Found {
        let directory = self.directory.path();
        let config = StoreConfig::server(&*self.url);
        let jurisdictions = ["us-ny", "us-tx"].map(|id| id.parse().unwrap()).into();
        let (_, from) = config.locations(&jurisdictions, directory).unwrap().pop().unwrap();
        copy(&from, &StoreLocation::File(directory.join("comity.db")), &mut |_, _| ()).unwrap();
        let found = audit::check(directory, &self.journal());
        assert_eq!((found.recorded, found.acknowledged), (found.asked, found.asked), "everything asked is settled");
        verified(directory, &self.url);
        found
    }
}

/// A client that works.
pub(crate) struct Load {
    process: Process,
    stop: PathBuf,
}

impl Load {
    /// Lets it finish what it has begun.
    #[track_caller]
    pub(crate) fn done(self) {
        fs::write(&self.stop, "").unwrap();
        self.process.done();
    }
}

impl Load {
    /// Lets it finish once so many are acknowledged.
    #[track_caller]
    pub(crate) fn after(self, acknowledged: usize) {
        let journal = self.stop.with_extension("jsonl");
        let begun = Instant::now();
        while Journal::read(&journal).acknowledged.len() < acknowledged {
            assert!(begun.elapsed() < Duration::from_mins(1), "nothing is acknowledged");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.done();
    }
}

/// As anybody would who has the database, the keys and the receipts: by the command.
fn verified(directory: &Path, url: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    let output = command.arg("verify").arg(directory).env("COMITY_STORE", url).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the sandbox has no {from}");
    text.replacen(from, to, 1)
}

#[test]
fn two_gateways_on_one_database_make_one_log() {
    let Some(database) = Database::whole() else { return };
    let exchange = Exchange::on(database.url());
    let first = exchange.start(0);
    let per_second = |gateways: &[usize]| {
        let load = exchange.load(gateways, 16);
        exchange.await_acknowledged(1, Duration::from_mins(1));
        let (before, begun) = (exchange.acknowledged(), Instant::now());
        std::thread::sleep(LOAD);
        let rate = f64::from(u32::try_from(exchange.acknowledged() - before).unwrap()) / begun.elapsed().as_secs_f64();
        load.done();
        rate
    };
    let of_one = per_second(&[0]);
    let second = exchange.start(1);
    let of_two = per_second(&[0, 1]);

    // Lanes at each of them write to the same jurisdiction; one of them is killed, and started again.
    let load = exchange.load(&[0, 1], 16);
    exchange.await_acknowledged(100, Duration::from_mins(1));
    first.kill();
    let gap = exchange.await_acknowledged(50, Duration::from_mins(1));
    let first = exchange.start(0);
    exchange.await_acknowledged(50, Duration::from_mins(1));
    load.done();

    exchange.settle(1);
    exchange.settle(0);
    first.stop();
    second.stop();
    let sent_again = exchange.journal().sent_again;
    let found = exchange.audit();
    println!(
        "one gateway {of_one:.0} writes/s, two {of_two:.0} writes/s (debug build, two cores for everybody); {} asked, {} \
         acknowledged, {sent_again} of unknown outcome settled, 50 writes after a kill took {gap:.1?}; one log, 0 lost, 0 \
         doubled, verified",
        found.asked, found.acknowledged
    );
}
