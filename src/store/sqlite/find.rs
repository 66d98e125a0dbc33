//! Finds out what a start would find at a path, and refuses what a start would refuse. Changes nothing.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, access};

use crate::store::sqlite::connection::{check_schema, is_blank, open_reader};
use crate::store::sqlite::{alone_with, beside, lock_itself, open_read_only, real};
use crate::store::{FoundStore, StoreError};

/// Looks for the store of a file.
pub(in crate::store) fn find(path: &Path, wrapping_key: &[u8; 32]) -> Result<FoundStore, StoreError> {
    let path = &real(path)?;
    // Every start makes files beside the store.
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Err(Error::from(ErrorKind::NotFound).into());
    }
    access(directory, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).map_err(Error::from)?;
    let lock = beside(path, "-lock");
    if let Some(held) = open(&lock)?.map_or(Ok(None), |file| held(alone_with(file, &lock)))? {
        return Ok(FoundStore::InUse(held));
    }
    if open(path)?.is_none() {
        return Ok(FoundStore::Nothing);
    }
    if let Some(held) = held(lock_itself(path))? {
        return Ok(FoundStore::InUse(held));
    }
    let connection = open_reader(path)?;
    if is_blank(&connection)? {
        return Ok(FoundStore::Nothing);
    }
    check_schema(&connection)?;
    Ok(FoundStore::Store(Arc::new(open_read_only(path, Some(wrapping_key))?)))
}

/// Opens a file as a start would, if it exists.
fn open(path: &Path) -> Result<Option<File>, StoreError> {
    match File::options().read(true).append(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// What kept us from locking the file: a gateway that serves it.
fn held(taken: Result<File, StoreError>) -> Result<Option<PathBuf>, StoreError> {
    match taken {
        Ok(_let_go_again) => Ok(None),
        Err(StoreError::Held(path)) => Ok(Some(path)),
        Err(error) => Err(error),
    }
}
