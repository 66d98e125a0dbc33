//! The loop of the writer: receive one job, drain the queue, plan, commit once, then answer. There is no timer: a batch is
//! what came while the last one was being written.

pub(in crate::recorder) mod acknowledge;
pub(in crate::recorder) mod activation;
pub(in crate::recorder) mod commit;
pub(in crate::recorder) mod config;
pub(in crate::recorder) mod error;
pub(in crate::recorder) mod follower;
pub(in crate::recorder) mod head;
pub(in crate::recorder) mod outage;
pub(in crate::recorder) mod published;
pub(in crate::recorder) mod record;
pub(in crate::recorder) mod state;
pub(in crate::recorder) mod status;
pub(in crate::recorder) mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, watch};

use crate::domain::appeal;
use crate::domain::clocks::ClockKind;
use crate::domain::determination::{LawAction, Ruling};
use crate::domain::ids::{JurisdictionId, LogName};
use crate::domain::inbox;
use crate::domain::review::ReviewMatter;
use crate::domain::timetable::Timetable;
use crate::ledger::Signer;
use crate::metrics::{Label, Metrics, table};
use crate::policy::in_force::GateInForce;
use crate::recorder::plan::rules::Duties;
use crate::recorder::queue::batch::{Batch, Closing};
use crate::recorder::queue::handle::{Handle, Shard};
use crate::recorder::queue::job::{Activating, Adopting, Job};
use crate::recorder::sources::{Clock, Entropy};
use crate::recorder::writer::acknowledge::Syncer;
use crate::recorder::writer::config::RecorderConfig;
use crate::recorder::writer::error::RecorderError;
use crate::recorder::writer::head::check_head;
use crate::recorder::writer::published::Heads;
use crate::recorder::writer::state::Recorder;
use crate::recorder::writer::status::WriterStatus;
use crate::recorder::writer::sweep::Sweep;
use crate::store::{Append, BatchStart, Reader, Store};

/// A running writer, and the handles to it.
#[derive(Debug)]
pub struct Running {
    /// Submits writes.
    pub handle: Handle,
    /// Reads the store.
    pub reader: Arc<dyn Reader>,
    /// The published sizes of the logs, to wait for entries.
    pub heads: Heads,
    /// What keeps the writer from recording.
    pub status: watch::Receiver<WriterStatus>,
    /// Ends with the writer, and returns the reason if the writer failed.
    pub thread: JoinHandle<Result<(), RecorderError>>,
}

/// What a recorder is made of.
#[derive(Debug)]
pub struct Parts {
    /// The store.
    pub store: Box<dyn Store>,
    /// The policy set in force. Another set replaces it once the writer has recorded the activation.
    pub in_force: GateInForce,
    /// Signs a checkpoint per batch and log.
    pub signer: Signer,
    /// The prefix of every origin; the name of the log follows.
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
    /// By when custodians must decide and act.
    pub duties: Duties,
    /// How long clocks run.
    pub timetable: Timetable,
    /// The most clocks that fire in one batch.
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
        // Other gateways may be writing, so each head is read together with its checkpoint.
        let start = store.begin(&kept)?;
        for log in kept {
            let state = store.recover(&log)?;
            check_head(&mut *store, &origin, &log, &state, &signer)?;
            let (sender, receiver) = watch::channel(state.tree.size());
            tracing::info!(log = %log, size = state.tree.size(), "log recovered");
            logs.insert(log.clone(), state);
            published.insert(log.clone(), sender);
            heads.insert(log, receiver);
        }
        begin_at_zero(&metrics, heads.keys());
        let policy = store.policy()?;
        let is_shared = start != BatchStart::AsLeft;
        if is_shared {
            store.commit(&Append::default())?;
        }
        let (sender, jobs) = mpsc::channel(config.queue_len_max);
        let wake = sender.downgrade();
        let (healthy, stopping) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let shard = Shard { jobs: sender, healthy: Arc::clone(&healthy), stopping: Arc::clone(&stopping) };
        let handle = Handle::new(shard, logs.keys().map(|log| log.jurisdiction.clone()), Arc::clone(&metrics));
        let published = Arc::new(published);
        let (status, seen) = watch::channel(WriterStatus::None);
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
            status,
            stopping,
            syncer: syncer.transpose()?,
        };
        // The follower ends by itself soon after nobody listens any more. A silent database may delay that.
        let _ends_by_itself = others.map(|others| follower::follow(others, &recorder.published)).transpose()?;
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || tracing::dispatcher::with_default(&dispatch, || recorder.run()))?;
        Ok(Running { handle, reader, heads, status: seen, thread })
    }

    fn run(mut self) -> Result<(), RecorderError> {
        loop {
            let step = match self.jobs.blocking_recv() {
                Some(first) => self.step(first),
                None => Ok(ControlFlow::Break(())),
            };
            let step = match step {
                Ok(ControlFlow::Break(())) => {
                    self.syncer.as_mut().map_or(Ok(()), Syncer::finish).map(ControlFlow::Break)
                }
                other => other,
            };
            match step {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(()),
                Err(error) => {
                    // Nobody knows whether a failed append is durable. Only a restart can read that from the store.
                    self.healthy.store(false, Ordering::SeqCst);
                    tracing::error!(%error, "the writer stopped: nothing more is recorded until a restart");
                    return Err(error);
                }
            }
        }
    }

    /// Records one batch, then does the job that ended it. Breaks when the writer must end.
    fn step(&mut self, first: Job) -> Result<ControlFlow<()>, RecorderError> {
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
            None => Ok(ControlFlow::Continue(())),
            Some(Closing::Stop) => Ok(ControlFlow::Break(())),
            Some(Closing::SyncFailed) => match &mut self.syncer {
                Some(syncer) => Err(syncer.failed()),
                None => Ok(ControlFlow::Continue(())),
            },
            Some(Closing::Activate(Activating { engine, reply })) => {
                let activated = self.activate(&engine)?;
                // The asker may have given up waiting. The set is in force all the same.
                let _gone = reply.send(activated);
                Ok(ControlFlow::Continue(()))
            }
            Some(Closing::Adopt(Adopting { settings, reply })) => {
                self.adopt(*settings);
                let _gone = reply.send(());
                Ok(ControlFlow::Continue(()))
            }
        }
    }
}

/// Lets every series be there before anything is counted in it: an increase from nothing would not be seen as one.
fn begin_at_zero<'a>(metrics: &Metrics, logs: impl Iterator<Item = &'a LogName>) {
    for log in logs {
        let jurisdiction = Label::from(&log.jurisdiction);
        metrics.add(&table::ENTRIES, &[jurisdiction.clone(), log.kind.word().into()], 0);
        for (act, ruling) in LawAction::ALL.iter().flat_map(|act| Ruling::ALL.iter().map(move |ruling| (act, ruling))) {
            metrics.add(&table::DETERMINATIONS, &[jurisdiction.clone(), act.word().into(), ruling.word().into()], 0);
        }
    }
    for clock in ClockKind::ALL {
        metrics.add(&table::CLOCKS_FIRED, &[clock.word().into()], 0);
    }
    for matter in ReviewMatter::ALL {
        metrics.add(&table::RELEASED_UNDECIDED, &[matter.word().into()], 0);
    }
}
