//! PEM in a configuration: the text itself, or the path of a file.

use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Inline PEM (`-----BEGIN ...`), or the path of a PEM file relative to the configuration file. Public data only, so it
/// may be printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PemSource(pub String);

/// A file of the registry that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read", path.display())]
pub struct UnreadableFile {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl PemSource {
    /// The PEM text. `base` is the directory for relative paths.
    pub fn read(&self, base: &Path) -> Result<String, UnreadableFile> {
        if self.0.trim_start().starts_with("-----BEGIN ") {
            return Ok(self.0.clone());
        }
        let path = base.join(&self.0);
        std::fs::read_to_string(&path).map_err(|source| UnreadableFile { path, source })
    }
}
