//! Limits on expensive work, over all callers.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::api::active_agencies::ActiveAgencies;

/// Pages of resources that are put together at a time.
const LISTS_MAX: usize = 16;
/// Appeals that are read whole at a time. Each may be about thousands of detainers.
const APPEALS_MAX: usize = 4;
/// Policy questions and replay pages that are evaluated at a time. They cost processor time, which must stay available
/// for calls about cases.
const EVALUATIONS_MAX: usize = 2;

/// Reports that are folded at a time: each reads whole logs.
const REPORTS_MAX: usize = 2;

/// Rosters that are read at a time: each holds the open cases of a custodian in memory.
const ROSTERS_MAX: usize = 2;

/// How much expensive work runs at a time, over all callers. More waits for a slot.
#[derive(Debug)]
pub struct ConcurrencyLimits {
    /// Slots for putting pages together.
    pub(super) lists: Arc<Semaphore>,
    /// Slots for reading whole appeals.
    pub(super) appeals: Arc<Semaphore>,
    /// Slots for evaluating policies.
    pub(super) evaluations: Arc<Semaphore>,
    /// Slots for folding logs into reports.
    pub(super) reports: Arc<Semaphore>,
    /// The agencies that a report is being computed for.
    pub(super) active_reports: ActiveAgencies,
    /// Slots for reading rosters.
    pub(super) rosters: Arc<Semaphore>,
    /// The agencies whose roster is being read.
    pub(super) active_rosters: ActiveAgencies,
}

impl Default for ConcurrencyLimits {
    fn default() -> Self {
        let concurrency = |count| Arc::new(Semaphore::new(count));
        Self {
            lists: concurrency(LISTS_MAX),
            appeals: concurrency(APPEALS_MAX),
            evaluations: concurrency(EVALUATIONS_MAX),
            reports: concurrency(REPORTS_MAX),
            active_reports: ActiveAgencies::default(),
            rosters: concurrency(ROSTERS_MAX),
            active_rosters: ActiveAgencies::default(),
        }
    }
}
