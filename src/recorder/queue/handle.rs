//! The handle to the writers: it puts jobs into their bounded queues, and waits until they are durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::domain::command::Command;
use crate::domain::ids::JurisdictionId;
use crate::domain::inbox::SendDecision;
use crate::domain::permit::Admitted;
use crate::metrics::{Metrics, table};
use crate::policy::engine::Engine;
use crate::recorder::plan::attempts::Delivering;
use crate::recorder::plan::clocks::Ticked;
use crate::recorder::queue::error::SubmitError;
use crate::recorder::queue::job::{Activated, Activating, Adopting, Job, WriterSettings};
use crate::recorder::queue::recorded::Recorded;
use crate::recorder::queue::submission::Submission;
use crate::store::NewDisclosure;

/// How often a change is offered to a full queue, and the pause in between: ten seconds in all.
const CHANGE_TRIES_MAX: u32 = 1_000;
const CHANGE_RETRY_AFTER: Duration = Duration::from_millis(10);
/// How long to wait for a change that is in the queue. The database may be unreachable.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// A handle to the writers, one for each shard of the store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    /// Never empty.
    shards: Arc<[Shard]>,
    /// The shard that keeps the logs of each jurisdiction, by its number in `shards`.
    shard_of: Arc<BTreeMap<JurisdictionId, usize>>,
    metrics: Arc<Metrics>,
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueLevel {
    /// Jobs that wait.
    pub jobs: usize,
    /// Most jobs that may wait.
    pub max: usize,
}

/// What becomes of a write while the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// It waits for room. A caller MUST bound how many of its writes wait.
    Wait,
}

/// The queue of one writer, and its state.
#[derive(Debug, Clone)]
pub(in crate::recorder) struct Shard {
    pub(in crate::recorder) jobs: mpsc::Sender<Job>,
    pub(in crate::recorder) healthy: Arc<AtomicBool>,
    pub(in crate::recorder) stopping: Arc<AtomicBool>,
}

impl Handle {
    pub(in crate::recorder) fn new(
        shard: Shard,
        kept: impl Iterator<Item = JurisdictionId>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            shards: Arc::new([shard]),
            shard_of: Arc::new(kept.map(|jurisdiction| (jurisdiction, 0)).collect()),
            metrics,
        }
    }

    /// Joins several handles into one. `None`: there are none.
    pub fn joined(handles: Vec<Self>) -> Option<Self> {
        let metrics = Arc::clone(&handles.first()?.metrics);
        let (mut shards, mut shard_of) = (Vec::new(), BTreeMap::new());
        for handle in handles {
            let from = shards.len();
            let kept = handle.shard_of.iter();
            shard_of.extend(kept.map(|(jurisdiction, at)| (jurisdiction.clone(), from.saturating_add(*at))));
            shards.extend(handle.shards.iter().cloned());
        }
        Some(Self { shards: shards.into(), shard_of: Arc::new(shard_of), metrics })
    }

    /// Submits a write and waits until it is durable or known not to be. Dropping the future loses the answer, not the
    /// entry.
    pub async fn submit(&self, write: Admitted<Command>, when_full: WhenFull) -> Result<Recorded, SubmitError> {
        let (write, answered) = Submission::new(write);
        let shard = self.shard(&write.work.jurisdiction)?;
        let job = Job::Write(write);
        match when_full {
            WhenFull::Refuse => self.send(shard, job)?,
            WhenFull::Wait => shard.jobs.send(job).await.map_err(|_| SubmitError::Stopped)?,
        }
        answered.await.unwrap_or(Err(SubmitError::Stopped))
    }

    /// Accounts for a disclosure. Only when this has returned may the data leave.
    pub async fn disclose(&self, disclosure: NewDisclosure) -> Result<(), SubmitError> {
        self.deliver(Delivering { disclosure, attempt: None }).await.map(drop)
    }

    /// Accounts for a disclosure, and counts the attempt to deliver its first entry. If that entry is passed over, nothing was
    /// accounted for, and none of the data may leave.
    pub async fn deliver(&self, delivering: Delivering) -> Result<SendDecision, SubmitError> {
        let (delivering, answered) = Submission::new(delivering);
        let shard = self.shard(&delivering.work.disclosure.jurisdiction)?;
        self.send(shard, Job::Disclose(delivering))?;
        answered.await.unwrap_or(Err(SubmitError::Stopped))
    }

    /// Brings another policy set into force, shard by shard, and waits until that is durable. Every write that is submitted
    /// after this has returned is judged by it. Blocks: call it off the network threads.
    pub fn activate(&self, engine: &Arc<Engine>) -> Result<Activated, SubmitError> {
        let mut outcome = Activated::Already;
        for shard in &*self.shards {
            let engine = Arc::clone(engine);
            outcome = outcome.and(shard.change(|reply| Job::Activate(Activating { engine, reply }))?);
        }
        Ok(outcome)
    }

    /// Lets every writer adopt other settings, and waits until they have. Every write that is submitted after this has returned
    /// is recorded by them. On an error some writers may have adopted them, and the others may do so yet. Blocks: call it off
    /// the network threads.
    pub fn adopt(&self, settings: &WriterSettings) -> Result<(), SubmitError> {
        for shard in &*self.shards {
            let settings = Box::new(settings.clone());
            shard.change(|reply| Job::Adopt(Adopting { settings, reply }))?;
        }
        Ok(())
    }

    /// Fires clocks that are due, as many as one batch of each shard takes, and waits until their entries are durable.
    pub async fn tick(&self) -> Result<Ticked, SubmitError> {
        let mut ticked = Ticked::default();
        for shard in &*self.shards {
            let (answer, answered) = oneshot::channel();
            self.send(shard, Job::Tick(answer))?;
            let Ticked { fired, more } = answered.await.unwrap_or(Err(SubmitError::Stopped))?;
            ticked = Ticked { fired: ticked.fired.saturating_add(fired), more: ticked.more || more };
        }
        Ok(ticked)
    }

    /// A handle to each shard by itself, so that none of them waits for another.
    pub fn each(&self) -> impl Iterator<Item = Self> {
        self.shards.iter().map(|shard| Self { shards: Arc::new([shard.clone()]), ..self.clone() })
    }

    /// Whether every writer can still commit.
    pub fn is_healthy(&self) -> bool {
        self.shards.iter().all(|shard| shard.healthy.load(Ordering::SeqCst))
    }

    /// How full the queue of the writers is; of several, the fullest.
    pub fn queue(&self) -> QueueLevel {
        let level = |shard: &Shard| {
            let max = shard.jobs.max_capacity();
            QueueLevel { jobs: max.saturating_sub(shard.jobs.capacity()), max }
        };
        self.shards.iter().map(level).max_by_key(|level| level.jobs).unwrap_or_default()
    }

    /// Resolves when a writer has ended, for whatever reason.
    pub async fn ended(&self) {
        let ended = self.shards.iter().map(|shard| Box::pin(shard.jobs.closed()));
        futures_util::future::select_all(ended).await;
    }

    /// Lets writers give up soon on a database that is unreachable.
    pub fn request_stop(&self) {
        self.shards.iter().for_each(|shard| shard.stopping.store(true, Ordering::SeqCst));
    }

    /// Lets the writers finish the jobs that were submitted before, then end.
    pub async fn stop(&self) {
        self.request_stop();
        for shard in &*self.shards {
            // A writer that has already ended need not be asked to stop.
            let _already_ended = shard.jobs.send(Job::Stop).await;
        }
    }

    /// The shard that keeps a jurisdiction. If none does, the first shard, which refuses the write.
    fn shard(&self, jurisdiction: &JurisdictionId) -> Result<&Shard, SubmitError> {
        let at = self.shard_of.get(jurisdiction).copied().unwrap_or_default();
        self.shards.get(at).ok_or(SubmitError::Stopped)
    }

    fn send(&self, shard: &Shard, job: Job) -> Result<(), SubmitError> {
        shard.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                self.metrics.increment(&table::QUEUE_FULL, &[]);
                SubmitError::Overloaded
            }
            mpsc::error::TrySendError::Closed(_) => SubmitError::Stopped,
        })
    }
}

impl Shard {
    /// Submits a job that changes how later ones are done, and waits until it is.
    fn change<T>(&self, job: impl FnOnce(SyncSender<T>) -> Job) -> Result<T, SubmitError> {
        let (reply, answered) = sync_channel(1);
        let mut job = job(reply);
        for _ in 0..CHANGE_TRIES_MAX {
            // The writer keeps draining the queue, so a full queue soon has room again.
            match self.jobs.try_send(job) {
                Ok(()) => return self.changed(&answered),
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(SubmitError::Stopped),
                Err(mpsc::error::TrySendError::Full(back)) => job = back,
            }
            std::thread::sleep(CHANGE_RETRY_AFTER);
        }
        Err(SubmitError::Overloaded)
    }

    /// Waits for a change that is in the queue. It is made when its turn comes, even if nobody waits.
    fn changed<T>(&self, answered: &Receiver<T>) -> Result<T, SubmitError> {
        let begun = Instant::now();
        loop {
            match answered.recv_timeout(CHANGE_RETRY_AFTER) {
                Ok(changed) => return Ok(changed),
                Err(RecvTimeoutError::Disconnected) => return Err(SubmitError::Stopped),
                Err(RecvTimeoutError::Timeout) if self.stopping.load(Ordering::SeqCst) => {
                    return Err(SubmitError::Stopped);
                }
                Err(RecvTimeoutError::Timeout) if begun.elapsed() > CHANGE_TIMEOUT => {
                    return Err(SubmitError::Overloaded);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}
