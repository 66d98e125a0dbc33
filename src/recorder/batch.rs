//! The loop: receive one, drain what is there, plan, commit once, then answer. No timer: a batch is what has come while
//! the last one was being written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::domain::appeal;
use crate::domain::ids::{JurisdictionId, LogName};
use crate::domain::inbox;
use crate::domain::range::within;
use crate::domain::timetable::Timetable;
use crate::ledger::{CheckpointError, Signer};
use crate::metrics::Metrics;
use crate::policy::gate::Gate;
use crate::policy::in_force::GateInForce;
use crate::recorder::acknowledge::Syncer;
use crate::recorder::activate::Activating;
use crate::recorder::follow::Duties;
use crate::recorder::handle::{Handle, Job, Shard};
use crate::recorder::head::check_head;
use crate::recorder::jobs::{Batch, Closing};
use crate::recorder::others;
use crate::recorder::plan::PlanError;
use crate::recorder::seams::{Clock, Entropy};
use crate::recorder::standing::{Away, Hindrance};
use crate::recorder::sweep::Sweep;
use crate::store::{Append, LogState, PolicyInForce, Reader, Standing, Store, StoreError};

/// Limits of the writer.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecorderConfig {
    /// Writes that may wait.
    #[serde(deserialize_with = "within::<_, _, 1, 1_000_000>")]
    pub queue_len_max: usize,
    /// Writes in one batch.
    #[serde(deserialize_with = "within::<_, _, 1, 100_000>")]
    pub batch_len_max: usize,
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self { queue_len_max: 4_096, batch_len_max: 512 }
    }
}

/// Why the writer stopped.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The store failed: what became of the last batch only a restart can tell.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A batch could not be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A checkpoint could not be signed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The tree could not prove what was just appended.
    #[error("an entry of the batch cannot be proven")]
    NoProof,
    /// The stored head and the newest checkpoint are not of one tree.
    #[error("the head of {0} is not the one that was signed")]
    HeadNotSigned(LogName),
    /// The writer's thread could not be started.
    #[error("the writer's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Sizes of the logs, published after each commit.
pub type Heads = BTreeMap<LogName, watch::Receiver<u64>>;
pub(super) type Published = BTreeMap<LogName, watch::Sender<u64>>;

/// The writer.
#[derive(Debug)]
pub struct Recorder {
    pub(super) store: Box<dyn Store>,
    /// By this every write is judged: the set in force, which changes between batches alone.
    pub(super) gate: Arc<Gate>,
    pub(super) in_force: GateInForce,
    /// What the store has for the set in force.
    pub(super) policy: Option<PolicyInForce>,
    pub(super) signer: Signer,
    pub(super) origin: String,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
    pub(super) logs: BTreeMap<LogName, LogState>,
    pub(super) published: Arc<Published>,
    jobs: mpsc::Receiver<Job>,
    healthy: Arc<AtomicBool>,
    config: RecorderConfig,
    pub(super) metrics: Arc<Metrics>,
    pub(super) timetable: Timetable,
    pub(super) firings_len_max: usize,
    /// Where the law is still to be asked again of what stands.
    pub(super) sweep: Sweep,
    /// Of inboxes and of appeals.
    pub(super) limits: (inbox::Limits, appeal::Limits),
    pub(super) duties: Duties,
    /// Whether others may write to the same store.
    pub(super) is_shared: bool,
    /// A batch that was begun must be ended, even if nothing is written in it.
    pub(super) must_end: bool,
    /// Since the database cannot be reached.
    pub(super) away: Option<Away>,
    pub(super) hindrance: watch::Sender<Hindrance>,
    /// Whether the writer was told to stop.
    pub(super) stopping: Arc<AtomicBool>,
    /// Where the store leaves the sync apart.
    pub(super) syncer: Option<Syncer>,
}

/// A writer that runs, and the ways to it.
#[derive(Debug)]
pub struct Running {
    /// To submit writes.
    pub handle: Handle,
    /// To read.
    pub reader: Arc<dyn Reader>,
    /// To wait for entries.
    pub heads: Heads,
    /// What keeps it from recording anything.
    pub hindrance: watch::Receiver<Hindrance>,
    /// Ends when the writer has: with the reason, if it failed.
    pub thread: JoinHandle<Result<(), RecorderError>>,
}

/// What a recorder is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where everything durable is.
    pub store: Box<dyn Store>,
    /// Asked once per command. Another set takes its place when the writer has recorded it.
    pub in_force: GateInForce,
    /// Signs a checkpoint per batch and log.
    pub signer: Signer,
    /// Before the name of a log, gives the origin of its checkpoints.
    pub origin: String,
    /// The time of record.
    pub clock: Clock,
    /// Blinding, salts, ids.
    pub entropy: Entropy,
    /// Jurisdictions whose logs are kept here.
    pub jurisdictions: Vec<JurisdictionId>,
    /// Limits.
    pub config: RecorderConfig,
    /// Limits of inboxes.
    pub inboxes: inbox::Limits,
    /// Where batches are counted.
    pub metrics: Arc<Metrics>,
    /// By when custodians are to decide and to act.
    pub duties: Duties,
    /// How long clocks run.
    pub timetable: Timetable,
    /// Clocks that fire in one batch.
    pub firings_len_max: usize,
    /// Limits of appeals.
    pub appeals: appeal::Limits,
}

impl Recorder {
    /// Recovers every log, checks each head against its newest checkpoint, and starts the writer on its own thread.
    pub fn start(parts: Parts) -> Result<Running, RecorderError> {
        let Parts { mut store, in_force, signer, origin, clock, entropy, jurisdictions, .. } = parts;
        let Parts { config, inboxes, appeals, duties, metrics, timetable, firings_len_max, .. } = parts;
        let limits = (inboxes, appeals);
        let reader = store.reader();
        let (mut logs, mut published, mut heads) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let kept: BTreeSet<LogName> = jurisdictions.iter().flat_map(LogName::both_of).collect();
        // Others may be writing: a head and its checkpoint are looked at together.
        let standing = store.begin(&kept)?;
        for log in kept {
            let state = store.recover(&log)?;
            check_head(&mut *store, &origin, &log, &state, &signer)?;
            let (sender, receiver) = watch::channel(state.tree.size());
            tracing::info!(log = %log, size = state.tree.size(), "log recovered");
            logs.insert(log.clone(), state);
            published.insert(log.clone(), sender);
            heads.insert(log, receiver);
        }
        let policy = store.policy()?;
        let is_shared = standing != Standing::AsLeft;
        if is_shared {
            store.commit(&Append::default())?;
        }
        let (sender, jobs) = mpsc::channel(config.queue_len_max);
        let wake = sender.downgrade();
        let (healthy, stopping) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let shard = Shard { jobs: sender, healthy: Arc::clone(&healthy), stopping: Arc::clone(&stopping) };
        let handle = Handle::new(shard, logs.keys().map(|log| log.jurisdiction.clone()), Arc::clone(&metrics));
        let published = Arc::new(published);
        let (hindrance, seen) = watch::channel(Hindrance::None);
        let others = store.follower();
        let syncer = store.syncs_apart().then(|| {
            let (published, metrics) = (Arc::clone(&published), Arc::clone(&metrics));
            Syncer::start(published, metrics, Arc::clone(&healthy), wake)
        });
        let sweep = Sweep::over(logs.keys().map(|log| log.jurisdiction.clone()));
        let recorder = Self {
            sweep,
            store,
            gate: in_force.gate(),
            in_force,
            policy,
            signer,
            origin,
            clock,
            entropy,
            logs,
            published,
            jobs,
            healthy,
            config,
            limits,
            metrics,
            duties,
            timetable,
            firings_len_max,
            must_end: false,
            is_shared,
            away: None,
            hindrance,
            stopping,
            syncer: syncer.transpose()?,
        };
        // It ends by itself, soon after what it publishes to is gone; a database that is silent may keep it a while.
        let _ends_by_itself = others.map(|others| others::follow(others, &recorder.published)).transpose()?;
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || tracing::dispatcher::with_default(&dispatch, || recorder.run()))?;
        Ok(Running { handle, reader, heads, hindrance: seen, thread })
    }

    fn run(mut self) -> Result<(), RecorderError> {
        loop {
            let step = match self.jobs.blocking_recv() {
                Some(first) => self.step(first),
                None => Ok(On::Ends),
            };
            let step = match step {
                Ok(On::Ends) => self.syncer.as_mut().map_or(Ok(()), Syncer::finish).map(|()| On::Ends),
                other => other,
            };
            match step {
                Ok(On::Goes) => {}
                Ok(On::Ends) => return Ok(()),
                Err(error) => {
                    // A failed append may or may not be durable: only a restart reads the truth.
                    self.healthy.store(false, Ordering::SeqCst);
                    tracing::error!(%error, "the writer stopped: nothing more is recorded until a restart");
                    return Err(error);
                }
            }
        }
    }

    /// One batch, and what ended it.
    fn step(&mut self, first: Job) -> Result<On, RecorderError> {
        let mut batch = Batch::default();
        let mut closing = batch.take(first);
        while closing.is_none() && batch.len() < self.config.batch_len_max {
            let Ok(job) = self.jobs.try_recv() else { break };
            closing = batch.take(job);
        }
        if batch.len() > 0 {
            self.record(batch)?;
        }
        match closing {
            None => Ok(On::Goes),
            Some(Closing::Stop) => Ok(On::Ends),
            Some(Closing::SyncFailed) => match &mut self.syncer {
                Some(syncer) => Err(syncer.failed()),
                None => Ok(On::Goes),
            },
            Some(Closing::Activate(Activating { engine, reply })) => {
                let activated = self.activate(&engine)?;
                // Who asked may have given up waiting; the set is in force all the same.
                let _gone = reply.send(activated);
                Ok(On::Goes)
            }
        }
    }
}

/// Whether there is another batch.
enum On {
    Goes,
    Ends,
}

/// The origin of a log's checkpoints.
pub fn origin(prefix: &str, log: &LogName) -> String {
    format!("{prefix}/{log}")
}
