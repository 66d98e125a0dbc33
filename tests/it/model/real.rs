//! The real side: a recorder over a store, in a process that can be stopped, killed and started again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, LazyLock, Mutex};

use comity::domain::appeal;
use comity::domain::case::StoredCase;
use comity::domain::command::{Action, Command, InboxCommand};
use comity::domain::ids::CaseKind;
use comity::domain::inbox;
use comity::domain::permit::Admitted;
use comity::domain::timetable::Timetable;
use comity::ledger::{Signer, VerifierKey};
use comity::metrics::Metrics;
use comity::policy::engine::Engine;
use comity::policy::gate::Gate;
use comity::policy::in_force::GateInForce;
use comity::policy::load::PolicySet;
use comity::recorder::{
    Clock, Duties, Entropy, Parts, Recorded, Recorder, RecorderConfig, RecorderError, Running, SubmitError, WhenFull,
};
use comity::store::{CaseFilter, Reader, StoreError};
use futures_util::future::{join, join_all};
use tokio::runtime::Runtime;

use crate::model::disk::{Disk, On};
use crate::model::dying::{self, Death, Dying, HOLD};
use crate::model::moves::{Away, CrashAt, WrongKey};
use crate::model::places;
use crate::model::plain::CONSUMER;
use crate::model::ticking::LEN_MAX;
use crate::sample;

pub(super) const ORIGIN: &str = "comity.example";
pub(super) const WRAPPING_KEY: [u8; 32] = [42; 32];

/// The policies of the repository, and the same where no law of Texas is written.
pub(super) static GATES: LazyLock<[Arc<Gate>; 2]> = LazyLock::new(|| {
    let agencies = sample::AGENCIES.map(|name| sample::officer(name).agency);
    let agencies: Arc<BTreeMap<_, _>> =
        Arc::new(agencies.into_iter().map(|agency| (agency.id.clone(), agency)).collect());
    let directory = tempfile::tempdir().unwrap();
    crate::harness::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), directory.path());
    fs::remove_file(directory.path().join("law/us-tx.cedar")).unwrap();
    let sets = [PolicySet::embedded().unwrap(), PolicySet::load(directory.path()).unwrap()];
    sets.map(|set| Arc::new(Gate::new(Arc::new(Engine::new(set)), Arc::clone(&agencies))))
});

/// The log's key, and one that is not.
static KEYS: LazyLock<[Vec<u8>; 2]> =
    LazyLock::new(|| std::array::from_fn(|_| Signer::generate(ORIGIN).unwrap().1.to_vec()));

pub(super) static VERIFIER: LazyLock<VerifierKey> = LazyLock::new(|| signer(0).verifier().clone());

fn signer(key: usize) -> Signer {
    Signer::from_pkcs8(ORIGIN, &KEYS[key]).unwrap()
}

pub(super) struct Real {
    pub(super) disk: Disk,
    runtime: Runtime,
    pub(super) clock: Clock,
    process: Option<Process>,
}

struct Process {
    running: Running,
    death: Arc<Mutex<Option<Death>>>,
    away: Arc<Mutex<Option<Away>>>,
    /// Tells that the writer holds.
    held: Receiver<()>,
    queued: SyncSender<()>,
}

/// What a batch came to.
pub(super) struct Came {
    pub(super) answers: Vec<Result<Recorded, SubmitError>>,
    /// Whether the process died before it could answer.
    pub(super) died: bool,
}

impl Real {
    /// A process on an empty store.
    pub(super) fn new(seed: u64, engine: On) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let clock = Clock::simulated(sample::start());
        let mut real = Self { disk: Disk::new(engine), runtime, clock, process: None };
        real.start(0, seed);
        real
    }

    pub(super) fn running(&self) -> &Running {
        &self.process.as_ref().unwrap().running
    }

    /// Submits writes that come in one batch.
    pub(super) fn submit(&mut self, writes: &[Admitted<Command>], crash: Option<CrashAt>, away: Option<Away>) -> Came {
        let image = self.disk.image();
        let process = self.process.as_ref().unwrap();
        *process.death.lock().unwrap() = crash.map(|at| Death { at, image });
        *process.away.lock().unwrap() = away;
        let handle = &process.running.handle;
        let batch = async {
            process.held.recv().unwrap();
            let all = join_all(writes.iter().map(|write| handle.submit(write.clone(), WhenFull::Refuse)));
            // Polled in order: all are in the queue before the writer is let go.
            join(all, async { process.queued.send(()).unwrap() }).await.0
        };
        let (held, answers) = self.runtime.block_on(join(handle.submit(hold(), WhenFull::Refuse), batch));
        assert!(matches!(held, Err(SubmitError::Denied(_))));
        // Where nothing was committed, nothing could go away.
        process.away.lock().unwrap().take();
        let died = crash.is_some() && process.death.lock().unwrap().is_none();
        Came { answers, died }
    }

    /// Lets everything fire that is due. Says how many batches it took.
    pub(super) fn ticks(&mut self) -> usize {
        let handle = &self.process.as_ref().unwrap().running.handle;
        let mut batches = 0;
        loop {
            batches += 1;
            assert!(batches < 1_000, "it never ends");
            if !self.runtime.block_on(handle.tick()).unwrap().more {
                return batches;
            }
        }
    }

    /// Kills the process and goes on with what was on disk when it died.
    pub(super) fn kill(&mut self) {
        if let Some(Death { image, .. }) = self.process.as_ref().unwrap().death.lock().unwrap().take() {
            dying::leave(&self.disk, &image);
        }
        self.end();
        self.disk.go_on();
    }

    /// Stops the process in order.
    pub(super) fn stop(&mut self) {
        assert!(self.end(), "a writer that was stopped in order failed");
    }

    /// Starts a process on the store as it is.
    pub(super) fn start(&mut self, law: usize, seed: u64) {
        self.process = Some(self.process(law, seed, 0).unwrap());
    }

    /// Tries to open the store with a key that is not its own.
    pub(super) fn try_with(&self, wrong: WrongKey) -> Result<(), RecorderError> {
        match wrong {
            WrongKey::Signing => {
                let Process { running, .. } = self.process(0, 0, 1)?;
                self.runtime.block_on(running.handle.stop());
                running.thread.join().unwrap()
            }
            WrongKey::Wrapping => {
                let store = self.disk.open(&[43; 32])?;
                all_cases(&*store.reader())?;
                Ok(())
            }
        }
    }

    fn end(&mut self) -> bool {
        let Process { running, .. } = self.process.take().unwrap();
        let Running { handle, thread, .. } = running;
        self.runtime.block_on(handle.stop());
        thread.join().unwrap().is_ok()
    }

    fn process(&self, law: usize, seed: u64, key: usize) -> Result<Process, RecorderError> {
        let (death, away) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
        let ((holds, held), (lets_go, queued)) = (sync_channel(1), sync_channel(1));
        let store = Dying {
            inner: self.disk.open(&WRAPPING_KEY)?,
            disk: self.disk.clone(),
            death: Arc::clone(&death),
            away: Arc::clone(&away),
            holds,
            queued,
        };
        let running = Recorder::start(Parts {
            store: Box::new(store),
            in_force: GateInForce::new(Arc::clone(&GATES[law])),
            signer: signer(key),
            origin: ORIGIN.to_owned(),
            clock: self.clock.clone(),
            entropy: Entropy::Seeded(seed),
            jurisdictions: places().to_vec(),
            config: RecorderConfig::default(),
            inboxes: inbox::Limits::default(),
            metrics: Metrics::new(),
            duties: Duties::default(),
            timetable: Timetable::default(),
            firings_len_max: LEN_MAX,
            appeals: appeal::Limits::default(),
        })?;
        Ok(Process { running, death, away, held, queued: lets_go })
    }
}

impl Drop for Real {
    /// A sequence that failed leaves no thread behind.
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            drop(process.queued);
            drop(process.running.handle);
        }
    }
}

/// Every case there is.
pub(super) fn all_cases(reader: &dyn Reader) -> Result<Vec<StoredCase>, StoreError> {
    let mut cases = Vec::new();
    for jurisdiction in places() {
        for kind in [CaseKind::Detainer, CaseKind::Custody] {
            let jurisdiction = jurisdiction.clone();
            let (agency, terms, after, limit) = (None, Vec::new(), None, usize::MAX);
            let unassigned = false;
            cases.extend(reader.cases(&CaseFilter { jurisdiction, kind, agency, unassigned, terms, after, limit })?);
        }
    }
    Ok(cases)
}

fn hold() -> Admitted<Command> {
    let mut caller = sample::officer("comptroller");
    caller.actor = None;
    let action = confirmation([0; 3]);
    let value = Command { request_id: HOLD, request_digest: [0; 32], etag: None, from_paper: false, action };
    Admitted { caller, jurisdiction: sample::jurisdiction(), value }
}

/// That everything before these places was received: in the exchange log, of what was for the agency in it, in the custody
/// log.
pub(super) fn confirmation([exchange_position, exchange_seen, custody_position]: [u64; 3]) -> Action {
    let consumer = CONSUMER.parse().unwrap();
    Action::Inbox(InboxCommand::Acknowledge { consumer, exchange_position, exchange_seen, custody_position })
}
