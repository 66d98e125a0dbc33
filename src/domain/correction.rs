//! What was recorded is never taken back: a correction is recorded after it and supersedes it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Marks a command as the correction of something recorded before. Why may be personal: it stays with the custodian.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Why.
    pub reason: String,
}

impl fmt::Debug for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Correction(withheld)")
    }
}
