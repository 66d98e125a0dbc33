//! A look at a file that a gateway may be serving. No lock is taken, not even for a moment: a gateway that starts in just
//! that moment would be refused.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::store::inspected::{Inspected, StoreState};
use crate::store::sqlite::connection::{check_schema, earlier_version, is_blank, open_reader, open_untouched};
use crate::store::sqlite::read::SqliteReader;
use crate::store::sqlite::restored::marks;
use crate::store::sqlite::{beside, real};
use crate::store::vault::WrappingKey;
use crate::store::{StoreError, rows};

/// Where the kernel lists the locks on files.
const LOCKS: &str = "/proc/locks";

/// Looks at the store of a file.
pub(in crate::store) fn inspect(path: &Path, wrapping_key: &[u8; 32]) -> Result<Option<Inspected>, StoreError> {
    let path = &real(path)?;
    if !path.is_file() {
        return Ok(None);
    }
    if fs::metadata(path)?.nlink() > 1 {
        return Err(StoreError::SecondName(path.clone()));
    }
    let vault = Some(Arc::new(WrappingKey::new(wrapping_key)?));
    let reader = SqliteReader::new(path.clone(), vault);
    let holder = holder(path);
    let waiting = fs::metadata(beside(path, "-wal")).map_or(0, |about| about.len());
    let (connection, state) = match holder {
        Some(process) => (open_reader(path)?, StoreState::Served(process, Arc::new(reader))),
        None if waiting > 0 => {
            let state = StoreState::Interrupted(waiting);
            return Ok(Some(Inspected { version: rows::SCHEMA_VERSION, restored: Vec::new(), state }));
        }
        None => (open_untouched(path)?, StoreState::AtRest(Arc::new(reader.untouched()))),
    };
    if is_blank(&connection)? {
        return Ok(None);
    }
    if let Some(version) = earlier_version(&connection)? {
        return Ok(Some(Inspected { version, restored: Vec::new(), state: StoreState::Earlier }));
    }
    check_schema(&connection)?;
    let restored = marks(&connection)?.into_iter().map(|(log, _)| log).collect();
    Ok(Some(Inspected { version: rows::SCHEMA_VERSION, restored, state }))
}

/// The process that has the store's lock, by the kernel's list (proc(5)): `1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF`. A
/// process of another container is not in it.
fn holder(path: &Path) -> Option<u32> {
    let locks = fs::read_to_string(LOCKS).ok()?;
    let of = |path: &Path| fs::metadata(path).ok().and_then(|about| process_on(&locks, about.ino()));
    of(&beside(path, "-lock")).or_else(|| of(path))
}

fn process_on(locks: &str, inode: u64) -> Option<u32> {
    // With an arrow: who waits for a lock.
    locks.lines().filter(|line| !line.contains("->")).find_map(|line| {
        let mut fields = line.split_whitespace().skip_while(|field| *field != "FLOCK").skip(3);
        let (process, file) = (fields.next()?, fields.next()?);
        let number: u64 = file.rsplit(':').next()?.parse().ok()?;
        (number == inode).then(|| process.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_with_the_lock_is_in_the_kernels_list() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 00:17:42 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 8 08:01:41 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 9 08:01:42 0 EOF\n";
        assert_eq!(process_on(locks, 42), Some(9));
        assert_eq!((process_on(locks, 41), process_on(locks, 43)), (None, None));
    }

    #[test]
    fn a_look_makes_nothing_and_names_whoever_has_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a store?.db");
        assert!(inspect(&path, &[7; 32]).unwrap().is_none());
        let store = crate::store::sqlite::SqliteStore::open_alone(&path, &[7; 32]).unwrap();
        let seen = inspect(&path, &[7; 32]).unwrap().unwrap();
        assert!(matches!(seen.state, StoreState::Served(process, _) if process == std::process::id()), "{seen:?}");
        drop((seen, store));
        let files = || {
            let mut names: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(&path, suffix));
        }
        let before = files();
        let StoreState::AtRest(reader) = inspect(&path, &[7; 32]).unwrap().unwrap().state else { panic!() };
        assert!(reader.logs().unwrap().is_empty());
        assert_eq!(files(), before);
        fs::write(beside(&path, "-wal"), [0; 64]).unwrap();
        let seen = inspect(&path, &[7; 32]).unwrap().unwrap();
        assert!(matches!(seen.state, StoreState::Interrupted(64)), "{seen:?}");
    }
}
