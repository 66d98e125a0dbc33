//! Limits of rosters, as configured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::range::Within;

/// Limits of rosters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How many people one roster may have; and how many open custodies, and how many open detainers, it is held against.
    #[serde(with = "Within::<1, 1_000_000>")]
    pub rows_max: usize,
    /// How long the message of one person may be, in bytes.
    #[serde(with = "Within::<256, 65_536>")]
    pub row_len_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows_max: 200_000, row_len_max: 4_096 }
    }
}
