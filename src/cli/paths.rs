//! Paths and store addresses given on the command line.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::store::StoreLocation;
use crate::store::postgres::Address;

/// The environment variable for a store's address. Command-line arguments are visible to other users of the machine.
pub(super) const STORE_ENV: &str = "COMITY_STORE";

/// The name of a store's file in a data directory.
const FILE: &str = "comity.db";

/// The location of a store: as given, or the default file in the data directory.
pub(super) fn store_location(given: Option<&str>, directory: &Path) -> Result<StoreLocation> {
    let Some(given) = given else { return Ok(StoreLocation::File(directory.join(FILE))) };
    if given.contains("://") {
        return Ok(StoreLocation::Server(Address::parse(given, Path::new("."))?));
    }
    Ok(StoreLocation::File(given.into()))
}

/// The directory that relative paths of a configuration start at: that of the configuration file.
pub(super) fn base_directory(config: &Path) -> Result<PathBuf> {
    let named = || anyhow::anyhow!("{} is in no directory", config.display());
    let base = config.parent().ok_or_else(named)?;
    Ok(if base.as_os_str().is_empty() { PathBuf::from(".") } else { base.to_owned() })
}
