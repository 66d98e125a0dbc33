//! Makes commits durable, and knows which are. SQLite appends a commit to the write-ahead log. The sync that makes it survive
//! a power cut is made here, so that the next batch can be planned while the disk works.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::store::StoreError;

const UNKNOWN: StoreError = StoreError::Broken("nobody knows what is durable since a write failed");

/// Counts commits and syncs of one file.
#[derive(Debug)]
pub(super) struct Durability {
    wal_path: PathBuf,
    wal: OnceLock<File>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// How many commits a reader may see.
    written: u64,
    /// How many of them are durable.
    synced: u64,
    failed: bool,
}

impl Durability {
    pub(super) fn of(wal_path: PathBuf) -> Self {
        Self { wal_path, wal: OnceLock::new(), state: Mutex::new(State::default()), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write failed. If so, nothing more is written.
    pub(super) fn has_failed(&self) -> bool {
        self.state().failed
    }

    /// Notes that a write failed.
    pub(super) fn fail(&self) {
        self.state().failed = true;
        self.changed.notify_all();
    }

    /// Commits, and returns the number of the commit, which is what to sync. The commit is counted before a reader can see it,
    /// so that a reader that sees it waits for its sync.
    pub(super) fn commit(&self, commit: impl FnOnce() -> Result<(), StoreError>) -> Result<u64, StoreError> {
        let nth = {
            let mut state = self.state();
            state.written = state.written.saturating_add(1);
            state.written
        };
        let committed = commit();
        if committed.is_err() {
            // There is one writer, so the commit that it counted last is the one that failed.
            let mut state = self.state();
            state.written = state.written.saturating_sub(1);
            self.changed.notify_all();
        }
        committed.map(|()| nth)
    }

    /// Makes a commit durable, and every one before it.
    pub(super) fn sync(&self, nth: u64) -> Result<(), StoreError> {
        if self.state().synced >= nth {
            return Ok(());
        }
        if self.has_failed() {
            return Err(UNKNOWN);
        }
        let synced = self.wal().and_then(File::sync_data);
        let mut state = self.state();
        match synced {
            Ok(()) => state.synced = state.synced.max(nth),
            // After a sync that failed, the system takes the lost pages for written, so a second sync proves nothing.
            Err(_) => state.failed = true,
        }
        self.changed.notify_all();
        Ok(synced?)
    }

    fn wal(&self) -> std::io::Result<&File> {
        if let Some(wal) = self.wal.get() {
            return Ok(wal);
        }
        let wal = open(&self.wal_path)?;
        Ok(self.wal.get_or_init(|| wal))
    }

    /// Waits until every commit that could have been seen is durable: a power cut must not take back what was returned.
    pub(super) fn wait(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        let seen = state.written;
        while state.synced < seen.min(state.written) {
            if state.failed {
                return Err(UNKNOWN);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }
}

/// The write-ahead log, opened for syncing, because SQLite does not share its handle. Closing this one releases no lock, since
/// SQLite locks another file.
fn open(path: &Path) -> std::io::Result<File> {
    File::options().read(true).write(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::*;

    fn durability() -> (tempfile::TempDir, Arc<Durability>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("comity.db-wal");
        std::fs::write(&path, b"").unwrap();
        (directory, Arc::new(Durability::of(path)))
    }

    #[test]
    fn whoever_reads_waits_for_the_sync_of_what_was_written() {
        let (_directory, durability) = durability();
        durability.wait().unwrap();
        let nth = durability.commit(|| Ok(())).unwrap();
        let (done, waited) = mpsc::channel();
        let reading = Arc::clone(&durability);
        let reader = std::thread::spawn(move || {
            reading.wait().unwrap();
            done.send(()).unwrap();
        });
        assert!(waited.recv_timeout(Duration::from_millis(100)).is_err(), "it did not wait");
        durability.sync(nth).unwrap();
        waited.recv_timeout(Duration::from_secs(10)).unwrap();
        reader.join().unwrap();
    }

    #[test]
    fn a_commit_that_did_not_come_about_keeps_nobody_waiting() {
        let (_directory, durability) = durability();
        let failed = durability.commit(|| Err(StoreError::Broken("refused"))).unwrap_err();
        assert!(matches!(failed, StoreError::Broken("refused")));
        durability.wait().unwrap();
    }

    #[test]
    fn after_a_sync_that_failed_nothing_is_durable_any_more() {
        let (directory, durability) = durability();
        let first = durability.commit(|| Ok(())).unwrap();
        std::fs::remove_file(directory.path().join("comity.db-wal")).unwrap();
        durability.sync(first).unwrap_err();
        assert!(durability.has_failed());
        durability.wait().unwrap_err();
        std::fs::write(directory.path().join("comity.db-wal"), b"").unwrap();
        durability.sync(first).unwrap_err();
    }
}
