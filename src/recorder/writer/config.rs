//! Limits of the writer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::range::Within;

/// Limits of the writer.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecorderConfig {
    /// The most jobs that may wait.
    #[serde(with = "Within::<1, 1_000_000>")]
    pub queue_len_max: usize,
    /// The most jobs in one batch.
    #[serde(with = "Within::<1, 100_000>")]
    pub batch_len_max: usize,
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self { queue_len_max: 4_096, batch_len_max: 512 }
    }
}
