//! The policy set that a command is given.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::policy::load::PolicySet;

/// What was found is not good, and was said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct AlreadyReported(pub(super) String);

/// The policy set in a directory; the built-in one where none is named.
pub(super) fn read(directory: Option<&Path>) -> Result<PolicySet> {
    match directory {
        None => Ok(PolicySet::embedded()?),
        Some(directory) => PolicySet::load(directory).with_context(|| format!("{}", directory.display())),
    }
}
