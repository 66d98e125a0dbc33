//! What a start would find at a path. Everything that a start would refuse is refused here too, and nothing is changed.

use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Access, access};

use crate::store::sqlite::{beside, check_schema, has_second_name, is_blank, open_read_only, open_reader, real};
use crate::store::{Found, StoreError};

/// Looks for the store of a file.
pub(in crate::store) fn find(path: &Path, wrapping_key: &[u8; 32]) -> Result<Found, StoreError> {
    let path = &real(path)?;
    // Files are made beside it at every start.
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Err(Error::from(ErrorKind::NotFound).into());
    }
    access(directory, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).map_err(Error::from)?;
    let lock = beside(path, "-lock");
    if is_held(&lock)? {
        return Ok(Found::InUse(lock));
    }
    let file = match File::options().read(true).append(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        opened => opened?,
    };
    if has_second_name(&file)? {
        return Err(StoreError::SecondName(path.clone()));
    }
    if is_held(path)? {
        return Ok(Found::InUse(path.clone()));
    }
    let connection = open_reader(path)?;
    if is_blank(&connection)? {
        return Ok(Found::Nothing);
    }
    check_schema(&connection)?;
    Ok(Found::Store(Arc::new(open_read_only(path, Some(wrapping_key))?)))
}

/// Whether a gateway holds a file.
fn is_held(path: &Path) -> Result<bool, StoreError> {
    let file = match File::options().read(true).append(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
