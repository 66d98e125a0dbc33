//! Checks that a store can be opened where the configuration puts it, and that it holds what it should.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::fs::{FsWord, PROC_SUPER_MAGIC, statfs};

use crate::domain::ids::{CaseKind, JurisdictionId};
use crate::server::error::ServerError;
use crate::store::{CaseFilter, Reader, StoreError, StoreLocation};

/// File systems of the kernel, which hold no user files: processes, devices and control groups (`linux/magic.h`).
const KERNELS_OWN: [FsWord; 3] = [PROC_SUPER_MAGIC, 0x6265_6572, 0x6367_7270];

/// Checks that there is a store at a location, or that one could be made. Anything but a regular file is refused before
/// it is opened: a device or a pipe swallows what is written, and a lock file would be made beside it.
pub fn check_location(location: &StoreLocation) -> Result<(), ServerError> {
    let StoreLocation::File(path) = location else { return Ok(()) };
    let unfit = |why| Err(ServerError::UnfitPlace { path: path.clone(), why });
    if path.exists() {
        return if path.is_file() { Ok(()) } else { unfit("it is no regular file") };
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.exists() {
        return unfit("its directory is not there");
    }
    if !directory.is_dir() {
        return unfit("its directory is none");
    }
    // Root would be told that a file can be made there.
    if statfs(directory).is_ok_and(|kept| KERNELS_OWN.contains(&kept.f_type)) {
        return unfit("no file can be made in its directory: it is the kernel's own");
    }
    Ok(())
}

/// Refuses a store that holds other jurisdictions' logs. A store has one policy set for everything in it, and a log
/// that is kept twice would fork.
pub(super) fn check_jurisdictions(
    reader: &dyn Reader,
    jurisdictions: &BTreeSet<JurisdictionId>,
    location: &StoreLocation,
) -> Result<(), ServerError> {
    match reader.logs()?.into_iter().find(|log| !jurisdictions.contains(&log.jurisdiction)) {
        Some(log) => Err(ServerError::KeptElsewhere { log, location: location.to_string() }),
        None => Ok(()),
    }
}

/// Refuses a store that was restored from a backup until it was held against checkpoints from outside: it may lack what was
/// recorded after the backup, and would grow another log under the same key.
pub(super) fn check_restored(location: &StoreLocation) -> Result<(), ServerError> {
    match location.restored()?.into_iter().next() {
        Some((log, _)) => Err(ServerError::Restored { log, location: location.to_string() }),
        None => Ok(()),
    }
}

/// Opens one case of each kind, if there is one. Under another wrapping key nothing in the store could be read, and new
/// cases would be sealed under a second key.
pub(super) fn check_wrapping_key(
    reader: &dyn Reader,
    jurisdictions: &BTreeSet<JurisdictionId>,
) -> Result<(), StoreError> {
    for jurisdiction in jurisdictions {
        for kind in [CaseKind::Detainer, CaseKind::Custody, CaseKind::Appeal] {
            let jurisdiction = jurisdiction.clone();
            let (agency, unassigned, terms, after, limit) = (None, false, Vec::new(), None, 1);
            reader.cases(&CaseFilter { jurisdiction, kind, agency, unassigned, terms, after, limit })?;
        }
    }
    Ok(())
}
