//! What is said once a batch is durable, and not before: heads are published, then everybody is answered. Where the store
//! leaves the sync apart, a thread of its own waits for the disk, in order, while the writer plans the next; batches that wait
//! meanwhile share a sync.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use crate::domain::ids::LogName;
use crate::domain::inbox::{self, SendDecision};
use crate::metrics::{Metrics, table};
use crate::recorder::plan::alarm::Alarm;
use crate::recorder::plan::clocks::{FiredNow, Ticked};
use crate::recorder::queue::batch::{Disclosing, Ticking};
use crate::recorder::queue::error::SubmitError;
use crate::recorder::queue::job::Job;
use crate::recorder::queue::recorded::Recorded;
use crate::recorder::writer::error::RecorderError;
use crate::recorder::writer::published::{Published, publish};
use crate::store::{StoreError, Unsynced};

pub(in crate::recorder) type Answer = (oneshot::Sender<Result<Recorded, SubmitError>>, Result<Recorded, SubmitError>);

/// Everything that waits for a batch to be durable.
pub(in crate::recorder) struct Acknowledgements {
    pub(in crate::recorder) answers: Vec<Answer>,
    pub(in crate::recorder) disclosures: Vec<(Disclosing, Result<SendDecision, inbox::Refusal>)>,
    pub(in crate::recorder) ticks: Vec<Ticking>,
    pub(in crate::recorder) ticked: Ticked,
    pub(in crate::recorder) fired: Vec<FiredNow>,
    pub(in crate::recorder) alarms: Vec<Alarm>,
    /// How far each log has grown.
    pub(in crate::recorder) sizes: Vec<(LogName, u64)>,
    /// Entries that were added, of each log that grew.
    pub(in crate::recorder) added: Vec<(LogName, u64)>,
    /// Since when it is being written, if anything is.
    pub(in crate::recorder) since: Option<Instant>,
}

impl Acknowledgements {
    /// Lets everybody know. MUST be called only when everything in the batch is durable.
    pub(in crate::recorder) fn send(self, published: &Published, metrics: &Metrics) {
        if let Some(since) = self.since {
            metrics.observe_duration(&table::COMMIT_DURATION, &[], since.elapsed());
        }
        metrics.observe_size(&table::BATCH_JOBS, &[], self.answers.len().saturating_add(self.disclosures.len()));
        let committed = self.added.iter().fold(0u64, |sum, (_, added)| sum.saturating_add(*added));
        if committed > 0 {
            tracing::debug!(entries = committed, writes = self.answers.len(), "batch recorded");
        }
        publish(published, metrics, &self.sizes, &self.added);
        // Answer only now: a receipt is a promise that the entry is durable. All at once: a worker that is woken by the first
        // answer finds the rest, and writes to each connection once.
        for (reply, answer) in self.answers {
            // A caller that hung up loses its answer, not its entry.
            let _hung_up = reply.send(answer);
        }
        for ((delivering, reply), tried) in self.disclosures {
            if let (Ok(SendDecision::ParkedNow), Some(attempt)) = (&tried, &delivering.attempt) {
                attempt.warn();
            }
            let _hung_up = reply.send(tried.map_err(SubmitError::Inbox));
        }
        for clock in &self.fired {
            clock.report(metrics);
        }
        for alarm in &self.alarms {
            alarm.report(metrics);
        }
        for reply in self.ticks {
            let _hung_up = reply.send(Ok(self.ticked));
        }
    }
}

/// Batches that wait while the disk is at work on the one before them. They share its next sync.
const AHEAD_MAX: usize = 1;

/// A batch on its way to the disk. Without a sync of its own it is as durable as the one before it.
type Committed = (Option<Unsynced>, Acknowledgements);

/// The thread that waits for the disk.
#[derive(Debug)]
pub(in crate::recorder) struct Syncer {
    /// With little room: the writer is a batch or two ahead of the disk, and no more, so that batches grow while it is at work.
    batches: Option<SyncSender<Committed>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<StoreError>>>,
}

impl Syncer {
    /// Starts the thread. `wake` is the queue of the writer, which learns of a failure even if nobody has work for it.
    pub(in crate::recorder) fn start(
        published: Arc<Published>,
        metrics: Arc<Metrics>,
        healthy: Arc<AtomicBool>,
        wake: mpsc::WeakSender<Job>,
    ) -> std::io::Result<Self> {
        let (batches, waiting) = sync_channel(AHEAD_MAX);
        let failure = Arc::new(Mutex::new(None));
        let failed = Arc::clone(&failure);
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let thread = std::thread::Builder::new().name("syncer".to_owned()).spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || {
                if let Err(error) = run(&waiting, &published, &metrics) {
                    // What waits behind it is dropped unanswered: the same request ids settle it after a restart.
                    healthy.store(false, Ordering::SeqCst);
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    drop(waiting);
                    if let Some(wake) = wake.upgrade() {
                        // A queue that is full wakes the writer by itself.
                        let _wakes_anyway = wake.try_send(Job::SyncFailed);
                    }
                }
            });
        })?;
        Ok(Self { batches: Some(batches), thread: Some(thread), failure })
    }

    /// Hands a batch over, once the one before it is durable.
    pub(in crate::recorder) fn hand_over(&mut self, committed: Committed) -> Result<(), RecorderError> {
        let sent = self.batches.as_ref().is_some_and(|batches| batches.send(committed).is_ok());
        if sent { Ok(()) } else { Err(self.failed()) }
    }

    /// Waits until everything that was handed over is durable and answered.
    pub(in crate::recorder) fn finish(&mut self) -> Result<(), RecorderError> {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, its failure is missing and said to be one.
            let _ended = thread.join();
        }
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Why nothing more is synced.
    pub(in crate::recorder) fn failed(&mut self) -> RecorderError {
        const GONE: StoreError = StoreError::Broken("the thread that syncs is gone");
        self.finish().err().unwrap_or_else(|| GONE.into())
    }
}

fn run(batches: &Receiver<Committed>, published: &Published, metrics: &Metrics) -> Result<(), StoreError> {
    while let Ok(first) = batches.recv() {
        let (mut unsynced, mut waiting): (Vec<_>, Vec<_>) = std::iter::once(first).chain(batches.try_iter()).unzip();
        // The newest first: its sync is that of those before it, too.
        while let Some(newest) = unsynced.pop() {
            newest.map_or(Ok(()), Unsynced::sync)?;
        }
        for acknowledgements in waiting.drain(..) {
            acknowledgements.send(published, metrics);
        }
    }
    Ok(())
}
