//! Where evidence does not hold: a store or an export is not what its own parts say.

use std::fmt;

use crate::domain::ids::LogName;

/// The first fault that was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Broken {
    /// The log, if the fault is in one.
    pub log: Option<LogName>,
    /// The index, if the fault is in an entry.
    pub index: Option<u64>,
    /// A description of the fault.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")?;
        if let Some(log) = &self.log {
            write!(f, " in {log}")?;
        }
        if let Some(index) = self.index {
            write!(f, " at index {index}")?;
        }
        write!(f, ": {}", self.what)
    }
}
