//! The loop: receive one, drain what is there, plan, commit once, then answer. No timer: a batch is what has come while
//! the last one was being written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::domain::command::{CaseCommand, Command};
use crate::domain::ids::{JurisdictionId, LogKind, LogName};
use crate::domain::inbox::{self, Tried};
use crate::domain::permit::Admitted;
use crate::ledger::{Checkpoint, CheckpointError, Receipt, Signer};
use crate::meters::{Meters, table};
use crate::policy::gate::Gate;
use crate::policy::in_force::InForce;
use crate::recorder::activate::Activating;
use crate::recorder::handle::{Handle, Job, Recorded, SubmitError};
use crate::recorder::head::check_head;
use crate::recorder::jobs::{Batch, Closing, Disclosing, Reply, case_command, confirms};
use crate::recorder::plan::{self, Outcome, Plan, PlanError, Planned};
use crate::recorder::seams::{Clock, Entropy};
use crate::store::{Append, HeadMove, Loaded, LogState, PolicyInForce, Reader, Store, StoreError, Wanted};

/// Limits of the writer.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecorderConfig {
    /// Writes that may wait.
    pub queue_len_max: usize,
    /// Writes in one batch.
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

/// The writer.
#[derive(Debug)]
pub struct Recorder {
    store: Box<dyn Store>,
    /// By this every write is judged: the set in force, which changes between batches alone.
    pub(super) gate: Arc<Gate>,
    pub(super) in_force: InForce,
    /// What the store has for the set in force.
    pub(super) policy: Option<PolicyInForce>,
    signer: Signer,
    origin: String,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
    pub(super) logs: BTreeMap<LogName, LogState>,
    published: BTreeMap<LogName, watch::Sender<u64>>,
    jobs: mpsc::Receiver<Job>,
    healthy: Arc<AtomicBool>,
    config: RecorderConfig,
    inboxes: inbox::Limits,
    pub(super) meters: Arc<Meters>,
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
    /// Ends when the writer has: with the reason, if it failed.
    pub thread: JoinHandle<Result<(), RecorderError>>,
}

/// What a recorder is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where everything durable is.
    pub store: Box<dyn Store>,
    /// Asked once per command. Another set takes its place when the writer has recorded it.
    pub in_force: InForce,
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
    pub meters: Arc<Meters>,
}

impl Recorder {
    /// Recovers every log, checks each head against its newest checkpoint, and starts the writer on its own thread.
    pub fn start(parts: Parts) -> Result<Running, RecorderError> {
        let Parts { mut store, in_force, signer, origin, clock, entropy, jurisdictions, config, inboxes, meters } =
            parts;
        let reader = store.reader();
        let policy = reader.policy()?;
        let (mut logs, mut published, mut heads) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for jurisdiction in jurisdictions {
            for kind in [LogKind::Exchange, LogKind::Custody] {
                let log = LogName { jurisdiction: jurisdiction.clone(), kind };
                let state = store.recover(&log)?;
                check_head(&*reader, &origin, &log, &state, &signer)?;
                let (sender, receiver) = watch::channel(state.tree.size());
                tracing::info!(log = %log, size = state.tree.size(), "log recovered");
                logs.insert(log.clone(), state);
                published.insert(log.clone(), sender);
                heads.insert(log, receiver);
            }
        }
        let (sender, jobs) = mpsc::channel(config.queue_len_max);
        let healthy = Arc::new(AtomicBool::new(true));
        let handle = Handle::new(sender, Arc::clone(&healthy), Arc::clone(&meters));
        let recorder = Self {
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
            inboxes,
            meters,
        };
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || tracing::dispatcher::with_default(&dispatch, || recorder.run()))?;
        Ok(Running { handle, reader, heads, thread })
    }

    fn run(mut self) -> Result<(), RecorderError> {
        loop {
            let Some(first) = self.jobs.blocking_recv() else { return Ok(()) };
            match self.step(first) {
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
            Some(Closing::Activate(Activating { engine, reply })) => {
                let activated = self.activate(&engine)?;
                // Who asked may have given up waiting; the set is in force all the same.
                let _gone = reply.send(activated);
                Ok(On::Goes)
            }
        }
    }

    /// Plans and commits one batch, then answers.
    fn record(&mut self, batch: Batch) -> Result<(), RecorderError> {
        let Batch { writes, disclosures } = batch;
        let loaded = self.load(&writes, &disclosures)?;
        let before = self.logs.clone();
        let mut plan = Plan::new(&self.gate, &mut self.entropy, before, loaded);
        plan.limits = self.inboxes;
        let mut outcomes = Vec::with_capacity(writes.len());
        for (write, _) in &writes {
            outcomes.push(plan.submit(write, self.clock.now())?);
        }
        let now = self.clock.now();
        let attempt = |(delivering, _): &Disclosing| match &delivering.attempt {
            None => Ok(Tried::Send),
            Some(attempt) => plan.attempt(attempt, now),
        };
        let tried: Vec<_> = disclosures.iter().map(attempt).collect();
        let Planned { logs, mut append } = plan.finish();
        let sent = disclosures.iter().zip(&tried).filter(|(_, tried)| **tried == Ok(Tried::Send));
        append.disclosures = sent.map(|((delivering, _), _)| delivering.disclosure.clone()).collect();
        let checkpoints = self.make_durable(logs, &mut append)?;
        self.meters.measured(&table::BATCH_JOBS, &[], writes.len().saturating_add(disclosures.len()));
        let committed = append.entries.len();
        if committed > 0 {
            tracing::debug!(entries = committed, writes = writes.len(), "batch recorded");
        }
        self.publish(&append.heads);
        // Answer only now: a receipt is a promise that the entry is durable.
        let mut entries: BTreeMap<(LogName, u64), _> =
            append.entries.into_iter().map(|entry| ((entry.log.clone(), entry.index), entry)).collect();
        for ((_, reply), outcome) in writes.into_iter().zip(outcomes) {
            let answer = match outcome {
                Outcome::Recorded { log, index, replayed: true } => Ok(Recorded::Earlier { log, index }),
                Outcome::Recorded { log, index, replayed: false } => {
                    let proof = self.prove(&log, index, &checkpoints)?;
                    match entries.remove(&(log.clone(), index)) {
                        Some(entry) => Ok(Recorded::Now {
                            log,
                            index,
                            leaf: entry.leaf,
                            proof,
                            answer: entry.answer.unwrap_or_default(),
                        }),
                        // The same request twice in one batch: the second reads what the first wrote.
                        None => Ok(Recorded::Earlier { log, index }),
                    }
                }
                Outcome::Denied(denial) => Err(SubmitError::Denied(denial)),
                Outcome::Refused(refusal) => Err(SubmitError::Refused(refusal)),
                Outcome::EtagMismatch => Err(SubmitError::EtagMismatch),
                Outcome::RequestIdReused => Err(SubmitError::RequestIdReused),
                Outcome::Inbox(refusal) => Err(SubmitError::Inbox(refusal)),
            };
            // A caller that hung up loses its answer, not its entry.
            let _hung_up = reply.send(answer);
        }
        for ((delivering, reply), tried) in disclosures.into_iter().zip(tried) {
            if let (Ok(Tried::ParkedNow), Some(attempt)) = (tried, &delivering.attempt) {
                attempt.warn();
            }
            let _hung_up = reply.send(tried.map_err(SubmitError::Inbox));
        }
        Ok(())
    }

    /// Signs the heads and commits. Nothing is published or answered before it has returned.
    pub(super) fn make_durable(
        &mut self,
        mut logs: BTreeMap<LogName, LogState>,
        append: &mut Append,
    ) -> Result<BTreeMap<LogName, String>, RecorderError> {
        let checkpoints = self.sign(&mut logs, &mut append.heads)?;
        if !append.is_empty() {
            let since = Instant::now();
            self.store.commit(append)?;
            self.meters.took(&table::COMMIT_DURATION, &[], since.elapsed());
        }
        self.logs = logs;
        Ok(checkpoints)
    }

    /// Everything the batch's commands may touch, found by following names until there are no new ones.
    fn load(
        &mut self,
        writes: &[(Box<Admitted<Command>>, Reply)],
        disclosures: &[Disclosing],
    ) -> Result<Loaded, RecorderError> {
        let commands = || writes.iter().filter_map(|(write, _)| case_command(write));
        let requests =
            writes.iter().map(|(write, _)| (write.caller.agency.id.clone(), write.value.request_id)).collect();
        let attempts = disclosures.iter().filter_map(|(delivering, _)| delivering.attempt.as_ref());
        let attempts = attempts.map(|attempt| (attempt.whose.agency.clone(), attempt.whose.jurisdiction.clone()));
        let inboxes = writes.iter().filter_map(|(write, _)| confirms(write)).chain(attempts).collect();
        let mut loaded = self.store.load(&Wanted { requests, inboxes, ..Wanted::default() })?;
        let mut asked = std::collections::BTreeSet::new();
        loop {
            let wanted = plan::missing(commands(), &loaded, &asked);
            if wanted.cases.is_empty() {
                break;
            }
            asked.extend(wanted.cases.iter().cloned());
            loaded.cases.extend(self.store.load(&wanted)?.cases);
        }
        let releases = commands().any(|command| matches!(command, CaseCommand::RecordRelease { .. }));
        if releases {
            let deliveries = plan::notices(&loaded);
            loaded.deliveries = self.store.load(&Wanted { deliveries, ..Wanted::default() })?.deliveries;
        }
        Ok(loaded)
    }

    /// One signature a log and batch.
    fn sign(
        &self,
        logs: &mut BTreeMap<LogName, LogState>,
        heads: &mut Vec<HeadMove>,
    ) -> Result<BTreeMap<LogName, String>, RecorderError> {
        let mut checkpoints = BTreeMap::new();
        for (name, state) in logs {
            let from_size = self.logs.get(name).map_or(0, |before| before.tree.size());
            let to_size = state.tree.size();
            if to_size == from_size {
                continue;
            }
            let checkpoint = Checkpoint::new(&origin(&self.origin, name), to_size, state.tree.root())?;
            let checkpoint = checkpoint.sign(&self.signer)?;
            checkpoints.insert(name.clone(), checkpoint.clone());
            heads.push(HeadMove {
                log: name.clone(),
                from_size,
                to_size,
                recorded_at: state.recorded_at,
                checkpoint,
                tiles: state.tree.take_changed(),
            });
        }
        Ok(checkpoints)
    }

    fn prove(
        &self,
        log: &LogName,
        index: u64,
        checkpoints: &BTreeMap<LogName, String>,
    ) -> Result<String, RecorderError> {
        let proof = self.logs.get(log).and_then(|state| state.tree.prove_inclusion(index));
        let (Some(proof), Some(checkpoint)) = (proof, checkpoints.get(log)) else { return Err(RecorderError::NoProof) };
        Ok(Receipt { index, proof, checkpoint: checkpoint.clone() }.to_string())
    }

    /// Lets everybody see how far the logs have grown.
    pub(super) fn publish(&self, heads: &[HeadMove]) {
        for head in heads {
            if let Some(sender) = self.published.get(&head.log) {
                sender.send_replace(head.to_size);
            }
            let log = [(&head.log.jurisdiction).into(), head.log.kind.word().into()];
            self.meters.add(&table::ENTRIES, &log, head.to_size.saturating_sub(head.from_size));
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
