//! What survives a kill, a failing disk, a full one and a power cut: everything that was acknowledged, once.
//!
//! A gateway is a process of its own here, and so is the client, which keeps a journal of what it was told.
//! `COMITY_CRASH_KILLS` says how often the gateway is killed (100), `COMITY_AUDIT_KILLS` how often for its audit log (200),
//! `COMITY_CRASH_SEED` replays the moments of a run.

mod alone;
pub(crate) mod audit;
mod audited;
pub(crate) mod client;
mod clock;
mod disk;
mod faults;
pub(crate) mod gateway;
pub(crate) mod journal;
mod kills;
mod order;
mod power;
mod trace;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::crash::client::Order;
use crate::crash::gateway::Gateway;
use crate::crash::journal::Journal;
use crate::harness::{copy, sandbox_directory};

/// An exchange that is made to fail, and what was acknowledged by it.
struct Trial {
    directory: TempDir,
    /// Outside of the gateway's directory: whatever happens there, the journal is another file.
    kept: TempDir,
}

impl Trial {
    fn new() -> Self {
        let directory = sandbox_directory();
        // What was recorded is held against what was asked: clocks, which nobody asks, have a test of their own.
        let config = directory.path().join("comity.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let still = text.replace("tick_ms = 1000", "tick_ms = 0");
        assert_ne!(text, still, "the sandbox lets clocks run");
        std::fs::write(&config, still).unwrap();
        Self { directory, kept: tempfile::tempdir().unwrap() }
    }

    /// Another one that has come as far as this one.
    fn again(&self) -> Self {
        let again = Self { directory: tempfile::tempdir().unwrap(), kept: tempfile::tempdir().unwrap() };
        copy(self.directory(), again.directory());
        copy(self.kept.path(), again.kept.path());
        again
    }

    fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn journal_file(&self) -> PathBuf {
        self.kept.path().join("journal.jsonl")
    }

    fn journal(&self) -> Journal {
        Journal::read(&self.journal_file())
    }

    #[track_caller]
    fn start(&self) -> Gateway {
        Gateway::start(self.directory(), &[]).unwrap_or_else(|ended| panic!("it does not start: {ended:?}"))
    }

    /// A client process that works until it has done as told, or until there is no answer.
    fn client(&self, gateway: &Gateway, order: Order) -> client::Process {
        client::Process::start(&client::Task {
            addresses: gateway.grpc.to_string(),
            directory: self.directory().to_owned(),
            journal: self.journal_file(),
            order,
        })
    }

    /// Holds the store, which nobody serves, against the journal.
    #[track_caller]
    fn audit(&self) -> audit::Found {
        audit::check(self.directory(), &self.journal())
    }

    /// Serves again and settles what is unknown: after that, everything that was asked is recorded once.
    #[track_caller]
    fn settle(&self) -> audit::Found {
        let gateway = self.start();
        self.client(&gateway, Order { stories: 0, again: usize::MAX, ..Order::default() }).done();
        gateway.stop();
        let found = self.audit();
        assert_eq!(found.recorded, found.asked, "everything asked is settled");
        found
    }
}

/// A number from the environment of the test run.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    let Some(text) = std::env::var_os(name) else { return default };
    text.to_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} is not a number"))
}
