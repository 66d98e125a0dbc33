//! Where a store is, as a command is told: a file, or the address of a database.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::store::StoreLocation;
use crate::store::postgres::Address;

/// The variable that a store's address may be given in: what stands in arguments, others on the machine can read.
pub(super) const STORE_ENV: &str = "COMITY_STORE";

/// The name of a store's file in a data directory.
const FILE: &str = "comity.db";

/// The place of a store: as given, or else the file in its data directory.
pub(super) fn store_location(given: Option<&str>, directory: &Path) -> Result<StoreLocation> {
    let Some(given) = given else { return Ok(StoreLocation::File(directory.join(FILE))) };
    if given.contains("://") {
        return Ok(StoreLocation::Server(Address::parse(given, Path::new("."))?));
    }
    Ok(StoreLocation::File(given.into()))
}

/// Where relative paths of a configuration start: at the directory that its file is in, by whatever path it was named.
pub(super) fn base_directory(config: &Path) -> Result<PathBuf> {
    let named = || anyhow::anyhow!("{} is in no directory", config.display());
    let base = config.parent().ok_or_else(named)?;
    Ok(if base.as_os_str().is_empty() { PathBuf::from(".") } else { base.to_owned() })
}
