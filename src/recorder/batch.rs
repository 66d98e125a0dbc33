//! The loop: receive one, drain what is there, plan, commit once, then answer. No timer: a batch is what has come while
//! the last one was being written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::domain::agenda::ItemKind;
use crate::domain::command::CaseCommand;
use crate::domain::ids::{JurisdictionId, LogKind, LogName};
use crate::domain::inbox::{self, Tried};
use crate::domain::timetable::Timetable;
use crate::ledger::{Checkpoint, CheckpointError, Receipt, Signer};
use crate::policy::gate::Gate;
use crate::recorder::follow::Duties;
use crate::recorder::handle::{Handle, Job, Recorded, SubmitError};
use crate::recorder::jobs::{Batch, Disclosing, Writing, case_command, confirms};
use crate::recorder::plan::{self, Outcome, Plan, PlanError, Planned};
use crate::recorder::seams::{Clock, Entropy};
use crate::recorder::ticks::{self, Ticked};
use crate::store::{HeadMove, ListedItem, Loaded, LogState, NewEntry, Reader, Store, StoreError, Wanted};

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
    gate: Arc<Gate>,
    signer: Signer,
    origin: String,
    clock: Clock,
    entropy: Entropy,
    logs: BTreeMap<LogName, LogState>,
    published: BTreeMap<LogName, watch::Sender<u64>>,
    jobs: mpsc::Receiver<Job>,
    healthy: Arc<AtomicBool>,
    config: RecorderConfig,
    inboxes: inbox::Limits,
    duties: Duties,
    timetable: Timetable,
    firings_len_max: usize,
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
    /// Asked once per command.
    pub gate: Arc<Gate>,
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
    /// By when custodians are to decide and to act.
    pub duties: Duties,
    /// How long clocks run.
    pub timetable: Timetable,
    /// Clocks that fire in one batch.
    pub firings_len_max: usize,
}

impl Recorder {
    /// Recovers every log, checks each head against its newest checkpoint, and starts the writer on its own thread.
    pub fn start(parts: Parts) -> Result<Running, RecorderError> {
        let Parts { mut store, gate, signer, origin, clock, entropy, jurisdictions, .. } = parts;
        let Parts { config, inboxes, duties, timetable, firings_len_max, .. } = parts;
        let reader = store.reader();
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
        let handle = Handle::new(sender, Arc::clone(&healthy));
        let recorder = Self {
            store,
            gate,
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
            duties,
            timetable,
            firings_len_max,
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
            let mut batch = Batch::default();
            let mut stop = batch.take(first);
            while !stop && batch.len() < self.config.batch_len_max {
                let Ok(job) = self.jobs.try_recv() else { break };
                stop = batch.take(job);
            }
            if let Err(error) = self.record(batch) {
                // A failed append may or may not be durable: only a restart reads the truth.
                self.healthy.store(false, Ordering::SeqCst);
                tracing::error!(%error, "the writer stopped: nothing more is recorded until a restart");
                return Err(error);
            }
            if stop {
                return Ok(());
            }
        }
    }

    /// Plans and commits one batch, then answers.
    fn record(&mut self, batch: Batch) -> Result<(), RecorderError> {
        let Batch { writes, disclosures, ticks } = batch;
        let due = if ticks.is_empty() { Vec::new() } else { self.due()? };
        let loaded = self.load(&writes, &disclosures, &due)?;
        let before = self.logs.clone();
        let mut plan = Plan::new(&self.gate, &self.timetable, &mut self.entropy, before, loaded);
        plan.limits = self.inboxes;
        plan.duties = self.duties;
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
        let fired = plan.fire(&due, self.clock.now())?;
        let Planned { mut logs, mut append } = plan.finish();
        let sent = disclosures.iter().zip(&tried).filter(|(_, tried)| **tried == Ok(Tried::Send));
        append.disclosures = sent.map(|((delivering, _), _)| delivering.disclosure.clone()).collect();
        let checkpoints = self.sign(&mut logs, &mut append.heads)?;
        if !append.is_empty() {
            self.store.commit(&append)?;
        }
        self.logs = logs;
        let committed = append.entries.len();
        if committed > 0 {
            tracing::debug!(entries = committed, writes = writes.len(), "batch recorded");
        }
        self.publish(&append.heads);
        // Answer only now: a receipt is a promise that the entry is durable.
        let agenda_moved = !append.agenda.is_empty();
        self.answer(writes, outcomes, append.entries, &checkpoints)?;
        for ((delivering, reply), tried) in disclosures.into_iter().zip(tried) {
            if let (Ok(Tried::ParkedNow), Some(attempt)) = (tried, &delivering.attempt) {
                attempt.warn();
            }
            let _hung_up = reply.send(tried.map_err(SubmitError::Inbox));
        }
        // Where nothing moved, looking again would find the same.
        let ticked = Ticked { fired, more: due.len() >= self.firings_len_max && agenda_moved };
        for reply in ticks {
            let _hung_up = reply.send(Ok(ticked));
        }
        Ok(())
    }

    fn answer(
        &self,
        writes: Vec<Writing>,
        outcomes: Vec<Outcome>,
        entries: Vec<NewEntry>,
        checkpoints: &BTreeMap<LogName, String>,
    ) -> Result<(), RecorderError> {
        let mut entries: BTreeMap<(LogName, u64), _> =
            entries.into_iter().map(|entry| ((entry.log.clone(), entry.index), entry)).collect();
        for ((_, reply), outcome) in writes.into_iter().zip(outcomes) {
            let answer = match outcome {
                Outcome::Recorded { log, index, replayed: true } => Ok(Recorded::Earlier { log, index }),
                Outcome::Recorded { log, index, replayed: false } => {
                    let proof = self.prove(&log, index, checkpoints)?;
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
        Ok(())
    }

    /// Clocks that are due, the longest due first, as many as one batch takes.
    fn due(&mut self) -> Result<Vec<ListedItem>, RecorderError> {
        let (now, limit) = (self.clock.now(), self.firings_len_max);
        let mut due = Vec::new();
        for log in self.logs.keys().filter(|log| log.kind == LogKind::Exchange) {
            due.extend(self.store.due(&log.jurisdiction, ItemKind::Clock, now, limit)?);
        }
        due.sort_by_key(|listed: &ListedItem| listed.item.due_at);
        due.truncate(limit);
        Ok(due)
    }

    /// Everything the batch's commands may touch, found by following names until there are no new ones.
    fn load(
        &mut self,
        writes: &[Writing],
        disclosures: &[Disclosing],
        due: &[ListedItem],
    ) -> Result<Loaded, RecorderError> {
        let commands = || writes.iter().filter_map(|(write, _)| case_command(write));
        let requests = writes.iter().map(|(write, _)| (write.caller.agency.id.clone(), write.value.request_id));
        let requests = requests.chain(due.iter().map(ticks::request)).collect();
        let mut asked: BTreeSet<_> = due.iter().map(|listed| listed.case.clone()).collect();
        let attempts = disclosures.iter().filter_map(|(delivering, _)| delivering.attempt.as_ref());
        let attempts = attempts.map(|attempt| (attempt.whose.agency.clone(), attempt.whose.jurisdiction.clone()));
        let inboxes = writes.iter().filter_map(|(write, _)| confirms(write)).chain(attempts).collect();
        let mut loaded = self.store.load(&Wanted { requests, inboxes, cases: asked.clone(), ..Wanted::default() })?;
        loop {
            let wanted = plan::missing(commands(), &loaded, &asked);
            if wanted.cases.is_empty() {
                break;
            }
            asked.extend(wanted.cases.iter().cloned());
            let Loaded { cases, agenda, .. } = self.store.load(&wanted)?;
            loaded.cases.extend(cases);
            loaded.agenda.extend(agenda);
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

    fn prove(&self, log: &LogName, index: u64, checkpoints: &Checkpoints) -> Result<String, RecorderError> {
        let proof = self.logs.get(log).and_then(|state| state.tree.prove_inclusion(index));
        let (Some(proof), Some(checkpoint)) = (proof, checkpoints.get(log)) else { return Err(RecorderError::NoProof) };
        Ok(Receipt { index, proof, checkpoint: checkpoint.clone() }.to_string())
    }

    fn publish(&self, heads: &[HeadMove]) {
        for head in heads {
            if let Some(sender) = self.published.get(&head.log) {
                sender.send_replace(head.to_size);
            }
        }
    }
}

type Checkpoints = BTreeMap<LogName, String>;

/// The origin of a log's checkpoints.
pub fn origin(prefix: &str, log: &LogName) -> String {
    format!("{prefix}/{log}")
}

/// The stored tree must be the one whose head was signed last: else another log would grow under our signature.
fn check_head(
    reader: &dyn Reader,
    prefix: &str,
    log: &LogName,
    state: &LogState,
    signer: &Signer,
) -> Result<(), RecorderError> {
    let not_signed = || RecorderError::HeadNotSigned(log.clone());
    match reader.checkpoint(log)? {
        None if state.tree.size() == 0 => Ok(()),
        None => Err(not_signed()),
        Some((size, note)) => {
            let keys = [signer.verifier().clone()];
            let kept = Checkpoint::open(&note, &origin(prefix, log), &keys)?;
            let same = size == state.tree.size() && kept.size() == size && kept.root() == state.tree.root();
            if same { Ok(()) } else { Err(not_signed()) }
        }
    }
}
