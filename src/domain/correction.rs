//! Corrections. A record is never removed: a correction is recorded after it and supersedes it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Marks a command as a correction of an earlier record. The reason may be personal: it stays with the custodian.
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
