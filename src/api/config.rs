//! Limits of inboxes and subscriptions, as configured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::inbox::Limits;
use crate::domain::range::Within;

/// Limits of inboxes and subscriptions.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InboxConfig {
    /// Longest silence on an open stream, in milliseconds.
    #[serde(with = "Within::<10, 3_600_000>")]
    pub heartbeat_ms: u64,
    /// Messages held for a reader that does not read.
    #[serde(with = "Within::<1, 100_000>")]
    pub buffer_len: usize,
    /// How long a reader may stop reading before its stream ends, in milliseconds.
    #[serde(with = "Within::<10, 3_600_000>")]
    pub stall_ms: u64,
    /// Most consumers of one agency in one jurisdiction.
    #[serde(with = "Within::<1, 10_000>")]
    pub consumers_max: usize,
    /// How often an entry is sent to a consumer that does not acknowledge it before it is parked.
    #[serde(with = "Within::<1, 1_000_000>")]
    pub park_after_tries: u32,
}

impl Default for InboxConfig {
    fn default() -> Self {
        let Limits { consumers_max, park_after_tries } = Limits::default();
        Self { heartbeat_ms: 15_000, buffer_len: 8, stall_ms: 60_000, consumers_max, park_after_tries }
    }
}

impl InboxConfig {
    /// The limits that the writer enforces.
    pub fn limits(&self) -> Limits {
        Limits { consumers_max: self.consumers_max, park_after_tries: self.park_after_tries }
    }
}
