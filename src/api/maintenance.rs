//! Maintenance: while it lasts, no writes are taken.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::domain::ids::AgencyId;

/// Maintenance that an operator has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// What callers whose writes are refused are told.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// The operator who began it.
    pub operator: AgencyId,
}

/// The maintenance that lasts now, if there is any.
pub type MaintenanceNow = watch::Receiver<Option<Arc<Maintenance>>>;
