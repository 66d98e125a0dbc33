//! The loop: receive one, drain what is there, plan, commit once, then answer. No timer: a batch is what has come while
//! the last one was being written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::domain::command::{Action, CaseCommand, Command};
use crate::domain::ids::{AgencyId, JurisdictionId, LogKind, LogName};
use crate::domain::inbox::{self, Tried};
use crate::domain::permit::Admitted;
use crate::ledger::{Checkpoint, CheckpointError, Receipt, Signer};
use crate::policy::gate::Gate;
use crate::recorder::follow::Duties;
use crate::recorder::handle::{Handle, Job, Recorded, SubmitError};
use crate::recorder::plan::{self, Outcome, Plan, PlanError, Planned};
use crate::recorder::seams::{Clock, Entropy};
use crate::recorder::tries::Delivering;
use crate::store::{HeadMove, Loaded, LogState, Reader, Store, StoreError, Wanted};

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
}

impl Recorder {
    /// Recovers every log, checks each head against its newest checkpoint, and starts the writer on its own thread.
    pub fn start(parts: Parts) -> Result<Running, RecorderError> {
        let Parts { mut store, gate, signer, origin, clock, entropy, jurisdictions, config, inboxes, duties } = parts;
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
        let recorder =
            Self { store, gate, signer, origin, clock, entropy, logs, published, jobs, healthy, config, inboxes, duties };
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
        let Batch { writes, disclosures } = batch;
        let loaded = self.load(&writes, &disclosures)?;
        let before = self.logs.clone();
        let mut plan = Plan::new(&self.gate, &mut self.entropy, before, loaded);
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

    fn publish(&self, heads: &[HeadMove]) {
        for head in heads {
            if let Some(sender) = self.published.get(&head.log) {
                sender.send_replace(head.to_size);
            }
        }
    }
}

/// The origin of a log's checkpoints.
pub fn origin(prefix: &str, log: &LogName) -> String {
    format!("{prefix}/{log}")
}

type Reply = oneshot::Sender<Result<Recorded, SubmitError>>;
type Disclosing = (Box<Delivering>, oneshot::Sender<Result<Tried, SubmitError>>);

/// What has come while the last batch was being written.
#[derive(Default)]
struct Batch {
    writes: Vec<(Box<Admitted<Command>>, Reply)>,
    disclosures: Vec<Disclosing>,
}

impl Batch {
    /// Takes a job; true if it was the last.
    fn take(&mut self, job: Job) -> bool {
        match job {
            Job::Write(write, reply) => self.writes.push((write, reply)),
            Job::Disclose(delivering, reply) => self.disclosures.push((delivering, reply)),
            Job::Stop => return true,
        }
        false
    }

    fn len(&self) -> usize {
        self.writes.len().saturating_add(self.disclosures.len())
    }
}

fn case_command(write: &Admitted<Command>) -> Option<&CaseCommand> {
    match &write.value.action {
        Action::Case(command) => Some(command),
        Action::AcknowledgeInbox { .. } | Action::AcknowledgeParked { .. } => None,
    }
}

/// Whose inbox a confirmation is of, and in which jurisdiction.
fn confirms(write: &Admitted<Command>) -> Option<(AgencyId, JurisdictionId)> {
    match &write.value.action {
        Action::Case(_) => None,
        Action::AcknowledgeInbox { .. } | Action::AcknowledgeParked { .. } => {
            Some((write.caller.agency.id.clone(), write.jurisdiction.clone()))
        }
    }
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
