//! A recorder over the SQLite store in a process that dies between planning a batch and committing it, or right after.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use comity::domain::agenda::ItemKind;
use comity::domain::command::{Action, CaseCommand, Command};
use comity::domain::ids::{JurisdictionId, LogKind, LogName, RequestId};
use comity::domain::inbox;
use comity::domain::permit::Admitted;
use comity::domain::timetable::Timetable;
use comity::ledger::Signer;
use comity::metrics::Metrics;
use comity::policy::engine::Engine;
use comity::policy::gate::Gate;
use comity::policy::in_force::GateInForce;
use comity::recorder::{Clock, Duties, Entropy, Parts, Recorded, Recorder, RecorderConfig, Running, Ticked, WhenFull};
use comity::store::sqlite::SqliteStore;
use comity::store::{
    Append, BatchStart, HeadFollower, ListedItem, Loaded, LogState, Reader, Store, StoreError, StoreLocation,
    StoredEntry, Wanted,
};
use comity::verify::{Claim, Verified, verify};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::harness::law;
use crate::sample;

const ORIGIN: &str = "comity.example";
const WRAPPING_KEY: [u8; 32] = [42; 32];
/// Few, so that what is due takes several batches.
const FIRINGS_LEN_MAX: usize = 8;

static GATE: LazyLock<Arc<Gate>> = LazyLock::new(|| {
    let agencies = sample::AGENCIES.map(|name| sample::officer(name).agency);
    let agencies: BTreeMap<_, _> = agencies.into_iter().map(|agency| (agency.id.clone(), agency)).collect();
    Arc::new(Gate::new(Arc::new(Engine::new(law::set())), Arc::new(agencies)))
});

/// When the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    BeforeCommit,
    AfterCommit,
}

/// A store in a process that may die.
#[derive(Debug)]
struct Mortal {
    inner: SqliteStore,
    death: Arc<Mutex<Option<Death>>>,
}

const DIED: StoreError = StoreError::Broken("the process died");

impl Store for Mortal {
    fn recover(&mut self, log: &LogName) -> Result<LogState, StoreError> {
        self.inner.recover(log)
    }

    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        self.inner.load(wanted)
    }

    fn commit(&mut self, append: &Append) -> Result<(), StoreError> {
        match self.death.lock().unwrap().take() {
            None => self.inner.commit(append),
            Some(Death::BeforeCommit) => Err(DIED),
            Some(Death::AfterCommit) => {
                self.inner.commit(append)?;
                Err(DIED)
            }
        }
    }

    fn due(
        &mut self,
        jurisdiction: &JurisdictionId,
        kind: ItemKind,
        at: Timestamp,
        limit: usize,
    ) -> Result<Vec<ListedItem>, StoreError> {
        self.inner.due(jurisdiction, kind, at, limit)
    }

    fn reader(&self) -> Arc<dyn Reader> {
        self.inner.reader()
    }

    fn begin(&mut self, logs: &BTreeSet<LogName>) -> Result<BatchStart, StoreError> {
        self.inner.begin(logs)
    }

    fn follower(&self) -> Option<Box<dyn HeadFollower>> {
        self.inner.follower()
    }
}

/// A gateway without a network.
pub(super) struct Gateway {
    directory: TempDir,
    key: Vec<u8>,
    runtime: Runtime,
    clock: Clock,
    death: Arc<Mutex<Option<Death>>>,
    running: Option<Running>,
    requests: u128,
}

impl Gateway {
    pub(super) fn new(now: Timestamp) -> Self {
        // Syncs cost nothing where there is no disk.
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let key = Signer::generate(ORIGIN).unwrap().1.to_vec();
        let (clock, death) = (Clock::simulated(now), Arc::default());
        let mut gateway = Self { directory, key, runtime, clock, death, running: None, requests: 0 };
        gateway.start();
        gateway
    }

    fn start(&mut self) {
        let store = Mortal {
            inner: SqliteStore::open(&self.database(), &WRAPPING_KEY).unwrap(),
            death: Arc::clone(&self.death),
        };
        let running = Recorder::start(Parts {
            duties: Duties::default(),
            store: Box::new(store),
            in_force: GateInForce::new(Arc::clone(&GATE)),
            signer: self.signer(),
            origin: ORIGIN.to_owned(),
            clock: self.clock.clone(),
            entropy: Entropy::System,
            jurisdictions: vec!["us-ny".parse().unwrap(), "us-tx".parse().unwrap()],
            config: RecorderConfig::default(),
            inboxes: inbox::Limits::default(),
            appeals: comity::domain::appeal::Limits::default(),
            metrics: Metrics::new(),
            timetable: Timetable::default(),
            firings_len_max: FIRINGS_LEN_MAX,
        });
        self.running = Some(running.unwrap());
    }

    pub(super) fn restart(&mut self) {
        let Running { handle, thread, .. } = self.running.take().unwrap();
        self.runtime.block_on(handle.stop());
        thread.join().unwrap().unwrap();
        self.start();
    }

    /// Gives a command at a time, which must pass.
    pub(super) fn gives(&mut self, at: Timestamp, place: &str, caller: &str, command: CaseCommand) -> Vec<u8> {
        self.clock.set(at);
        self.requests += 1;
        let value = Command {
            request_id: RequestId(Uuid::from_u128(self.requests)),
            request_digest: [0; 32],
            etag: None,
            from_paper: false,
            action: Action::Case(Arc::new(command)),
        };
        let write = Admitted { caller: sample::officer(caller), jurisdiction: place.parse().unwrap(), value };
        let handle = &self.running.as_ref().unwrap().handle;
        match self.runtime.block_on(handle.submit(write, WhenFull::Refuse)).unwrap() {
            Recorded::Now { answer, .. } => answer,
            Recorded::Earlier { .. } => panic!("a command was given twice"),
        }
    }

    /// Looks at the clocks at a time until nothing more is due. It may die of the first batch; then another process goes on.
    /// Says whether it died.
    pub(super) fn ticks(&mut self, at: Timestamp, death: Option<Death>) -> bool {
        self.clock.set(at);
        *self.death.lock().unwrap() = death;
        let mut died = false;
        loop {
            let handle = &self.running.as_ref().unwrap().handle;
            let Ok(Ticked { more, .. }) = self.runtime.block_on(handle.tick()) else {
                died = true;
                let Running { thread, .. } = self.running.take().unwrap();
                assert!(thread.join().unwrap().is_err());
                self.start();
                continue;
            };
            if !more {
                break;
            }
        }
        *self.death.lock().unwrap() = None;
        died
    }

    /// Every entry there is.
    pub(super) fn entries(&self) -> Vec<StoredEntry> {
        let reader = &self.running.as_ref().unwrap().reader;
        let logs = ["us-ny", "us-tx"].into_iter().flat_map(|place| {
            [LogKind::Exchange, LogKind::Custody].map(|kind| LogName { jurisdiction: place.parse().unwrap(), kind })
        });
        logs.flat_map(|log| reader.entries(&log, 0, usize::MAX).unwrap()).collect()
    }

    /// Stops, and verifies everything offline.
    pub(super) fn verified(mut self) -> Verified {
        self.restart();
        drop(self.running.take());
        let claim = Claim {
            store: StoreLocation::File(self.database()),
            directory: self.directory.path().to_owned(),
            keys: vec![self.signer().verifier().clone()],
            wrapping_key: Some(WRAPPING_KEY),
            origin: ORIGIN.to_owned(),
            against: Vec::new(),
        };
        verify(&claim).unwrap()
    }

    fn signer(&self) -> Signer {
        Signer::from_pkcs8(ORIGIN, &self.key).unwrap()
    }

    fn database(&self) -> PathBuf {
        self.directory.path().join("comity.db")
    }
}
