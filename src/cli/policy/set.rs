//! The policy set that a command is given.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::policy::load::PolicySet;

/// The set failed a check, and the details were printed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct AlreadyReported(pub(super) String);

/// The policy set in a directory, or the built-in set.
pub(super) fn read(directory: Option<&Path>) -> Result<PolicySet> {
    match directory {
        None => Ok(PolicySet::embedded()?),
        Some(directory) => PolicySet::load(directory).with_context(|| format!("{}", directory.display())),
    }
}
