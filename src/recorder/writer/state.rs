//! The state of the writer between batches.

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
    /// The gate of the policy set in force, which judges every write. It changes only between batches.
    pub(in crate::recorder) gate: Arc<Gate>,
    pub(in crate::recorder) in_force: GateInForce,
    /// The policy set in force, as the store has it.
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
    /// The custodies about which the law is still to be asked again.
    pub(in crate::recorder) sweep: Sweep,
    /// Limits of inboxes and of appeals.
    pub(in crate::recorder) limits: (inbox::Limits, appeal::Limits),
    pub(in crate::recorder) duties: Duties,
    /// Other gateways may write to the same store.
    pub(in crate::recorder) is_shared: bool,
    /// A batch was begun and must be ended, even if it writes nothing.
    pub(in crate::recorder) must_end: bool,
    /// Set while the database is unreachable.
    pub(in crate::recorder) away: Option<Outage>,
    pub(in crate::recorder) status: watch::Sender<WriterStatus>,
    /// The writer was asked to stop.
    pub(in crate::recorder) stopping: Arc<AtomicBool>,
    /// The thread that waits for the disk, if the store syncs apart from its commits.
    pub(in crate::recorder) syncer: Option<Syncer>,
}
