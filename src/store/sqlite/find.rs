//! What a start would find at a path. Everything that a start would refuse is refused here too, and nothing is changed.

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
    // Files are made beside it at every start.
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

/// A file as a start opens it, if it is there.
fn open(path: &Path) -> Result<Option<File>, StoreError> {
    match File::options().read(true).append(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// What a gateway holds, where that kept us from holding it for a moment.
fn held(taken: Result<File, StoreError>) -> Result<Option<PathBuf>, StoreError> {
    match taken {
        Ok(_let_go_again) => Ok(None),
        Err(StoreError::Held(path)) => Ok(Some(path)),
        Err(error) => Err(error),
    }
}
