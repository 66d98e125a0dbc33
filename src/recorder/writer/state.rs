//! What the writer holds between batches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::{mpsc, watch};

use crate::domain::appeal;
use crate::domain::ids::LogName;
use crate::domain::inbox;
use crate::domain::timetable::Timetable;
use crate::ledger::Signer;
use crate::metrics::Metrics;
use crate::policy::gate::Gate;
use crate::policy::in_force::GateInForce;
use crate::recorder::plan::rules::Duties;
use crate::recorder::queue::job::Job;
use crate::recorder::sources::{Clock, Entropy};
use crate::recorder::writer::acknowledge::Syncer;
use crate::recorder::writer::config::RecorderConfig;
use crate::recorder::writer::published::Published;
use crate::recorder::writer::status::{Outage, WriterStatus};
use crate::recorder::writer::sweep::Sweep;
use crate::store::{LogState, PolicyInForce, Store};

/// The writer.
#[derive(Debug)]
pub struct Recorder {
    pub(in crate::recorder) store: Box<dyn Store>,
    /// By this every write is judged: the set in force, which changes between batches alone.
    pub(in crate::recorder) gate: Arc<Gate>,
    pub(in crate::recorder) in_force: GateInForce,
    /// What the store has for the set in force.
    pub(in crate::recorder) policy: Option<PolicyInForce>,
    pub(in crate::recorder) signer: Signer,
    pub(in crate::recorder) origin: String,
    pub(in crate::recorder) clock: Clock,
    pub(in crate::recorder) entropy: Entropy,
    pub(in crate::recorder) logs: BTreeMap<LogName, LogState>,
    pub(in crate::recorder) published: Arc<Published>,
    pub(in crate::recorder) jobs: mpsc::Receiver<Job>,
    pub(in crate::recorder) healthy: Arc<AtomicBool>,
    pub(in crate::recorder) config: RecorderConfig,
    pub(in crate::recorder) metrics: Arc<Metrics>,
    pub(in crate::recorder) timetable: Timetable,
    pub(in crate::recorder) firings_len_max: usize,
    /// Where the law is still to be asked again of what stands.
    pub(in crate::recorder) sweep: Sweep,
    /// Of inboxes and of appeals.
    pub(in crate::recorder) limits: (inbox::Limits, appeal::Limits),
    pub(in crate::recorder) duties: Duties,
    /// Whether others may write to the same store.
    pub(in crate::recorder) is_shared: bool,
    /// A batch that was begun must be ended, even if nothing is written in it.
    pub(in crate::recorder) must_end: bool,
    /// Since the database cannot be reached.
    pub(in crate::recorder) away: Option<Outage>,
    pub(in crate::recorder) status: watch::Sender<WriterStatus>,
    /// Whether the writer was told to stop.
    pub(in crate::recorder) stopping: Arc<AtomicBool>,
    /// Where the store leaves the sync apart.
    pub(in crate::recorder) syncer: Option<Syncer>,
}
