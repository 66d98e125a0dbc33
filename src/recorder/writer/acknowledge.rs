//! Acknowledges a batch once it is durable, and not before: the heads are published, then every caller is answered. If the
//! store syncs apart from its commits, a separate thread waits for the disk while the writer plans the next batch. Batches
//! that wait meanwhile share a sync.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use crate::domain::ids::LogName;
use crate::domain::inbox::{self, SendDecision};
use crate::metrics::{Metrics, table};
use crate::recorder::plan::alarm::Alarm;
use crate::recorder::plan::clocks::{FiredNow, Ticked};
use crate::recorder::plan::rulings::Rulings;
use crate::recorder::queue::batch::Ticking;
use crate::recorder::queue::error::SubmitError;
use crate::recorder::queue::job::Job;
use crate::recorder::queue::recorded::Recorded;
use crate::recorder::queue::submission::Disclosing;
use crate::recorder::writer::error::RecorderError;
use crate::recorder::writer::published::{Published, publish};
use crate::store::{StoreError, Unsynced};

pub(in crate::recorder) type Answer = (oneshot::Sender<Result<Recorded, SubmitError>>, Result<Recorded, SubmitError>);

/// The answers that wait until a batch is durable.
pub(in crate::recorder) struct Acknowledgements {
    pub(in crate::recorder) answers: Vec<Answer>,
    pub(in crate::recorder) disclosures: Vec<(Disclosing, Result<SendDecision, inbox::Refusal>)>,
    pub(in crate::recorder) ticks: Vec<Ticking>,
    pub(in crate::recorder) ticked: Ticked,
    pub(in crate::recorder) fired: Vec<FiredNow>,
    pub(in crate::recorder) alarms: Vec<Alarm>,
    pub(in crate::recorder) rulings: Rulings,
    /// The size of each log.
    pub(in crate::recorder) sizes: Vec<(LogName, u64)>,
    /// How many entries were added to each log that grew.
    pub(in crate::recorder) added: Vec<(LogName, u64)>,
    /// When the batch began to be written. `None`: it writes nothing.
    pub(in crate::recorder) since: Option<Instant>,
    /// The step of being committed, of each write that is traced. It ends when the batch is durable.
    pub(in crate::recorder) commits: Vec<Span>,
}

impl Acknowledgements {
    /// Publishes and answers. MUST be called only when everything in the batch is durable.
    pub(in crate::recorder) fn send(self, published: &Published, metrics: &Metrics) {
        drop(self.commits);
        if let Some(since) = self.since {
            metrics.observe_duration(&table::COMMIT_DURATION, &[], since.elapsed());
        }
        metrics.observe_size(&table::BATCH_JOBS, &[], self.answers.len().saturating_add(self.disclosures.len()));
        let committed = self.added.iter().fold(0u64, |sum, (_, added)| sum.saturating_add(*added));
        if committed > 0 {
            tracing::debug!(entries = committed, writes = self.answers.len(), "batch recorded");
        }
        publish(published, metrics, &self.sizes, &self.added);
        // Answer only now: a receipt is a promise that the entry is durable. All answers are sent together, so that a worker that
        // wakes for the first finds the others, and writes to each connection once.
        for (reply, answer) in self.answers {
            // A caller that hung up loses its answer, not its entry.
            let _hung_up = reply.send(answer);
        }
        for (Disclosing { work, reply, span, .. }, tried) in self.disclosures {
            if let (Ok(SendDecision::ParkedNow), Some(attempt)) = (&tried, &work.attempt) {
                span.in_scope(|| attempt.warn());
            }
            let _hung_up = reply.send(tried.map_err(SubmitError::Inbox));
        }
        for clock in &self.fired {
            clock.report(metrics);
        }
        for alarm in &self.alarms {
            alarm.report(metrics);
        }
        self.rulings.report(metrics);
        for reply in self.ticks {
            let _hung_up = reply.send(Ok(self.ticked));
        }
    }
}

/// How many batches may wait for the disk. They share its next sync.
const AHEAD_MAX: usize = 1;

/// A committed batch with its sync. Without a sync of its own, it is durable as soon as the batch before it is.
type Committed = (Option<Unsynced>, Acknowledgements);

/// The thread that waits for the disk.
#[derive(Debug)]
pub(in crate::recorder) struct Syncer {
    /// Has little room, so that the writer is at most two batches ahead of the disk, and batches grow while the disk works.
    batches: Option<SyncSender<Committed>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Mutex<Option<StoreError>>>,
}

impl Syncer {
    /// Starts the thread. `wake` is the queue of the writer, so that the writer learns of a failure even without other jobs.
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
                    // Batches that wait are dropped unanswered. After a restart, their request ids reveal whether they are recorded.
                    healthy.store(false, Ordering::SeqCst);
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    drop(waiting);
                    if let Some(wake) = wake.upgrade() {
                        // A full queue wakes the writer anyway.
                        let _wakes_anyway = wake.try_send(Job::SyncFailed);
                    }
                }
            });
        })?;
        Ok(Self { batches: Some(batches), thread: Some(thread), failure })
    }

    /// Hands a batch over. Waits while there is no room.
    pub(in crate::recorder) fn hand_over(&mut self, committed: Committed) -> Result<(), RecorderError> {
        let sent = self.batches.as_ref().is_some_and(|batches| batches.send(committed).is_ok());
        if sent { Ok(()) } else { Err(self.failed()) }
    }

    /// Waits until everything that was handed over is durable and answered.
    pub(in crate::recorder) fn finish(&mut self) -> Result<(), RecorderError> {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // The thread does not panic. If it did, the missing failure would be reported as one.
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
        // The newest comes first, because its sync covers those before it.
        while let Some(newest) = unsynced.pop() {
            newest.map_or(Ok(()), Unsynced::sync)?;
        }
        for acknowledgements in waiting.drain(..) {
            acknowledgements.send(published, metrics);
        }
    }
    Ok(())
}
