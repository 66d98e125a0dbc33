//! Consumers that an operator has parked: this gateway opens no stream for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::domain::ids::{AgencyId, ConsumerId};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedConsumer {
    /// What it is told.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// The operator who parked it.
    pub operator: AgencyId,
}

/// All of them. A consumer is parked in every jurisdiction.
pub type ParkedConsumers = Arc<BTreeMap<(AgencyId, ConsumerId), ParkedConsumer>>;

/// Those that are parked now.
pub type ParkedConsumersNow = watch::Receiver<ParkedConsumers>;
