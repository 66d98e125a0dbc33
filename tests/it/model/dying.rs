//! A store in a process that may die: at a chosen point everything on disk is copied as it is, and nothing the process
//! does afterwards is in the copy; of a database its connections are gone. And in one whose database may go away.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex};

use comity::domain::agenda::ItemKind;
use comity::domain::ids::{JurisdictionId, LogName, RequestId};
use comity::store::{
    Append, BatchStart, HeadFollower, ListedItem, Loaded, LogState, PolicyInForce, Reader, Store, StoreError, Wanted,
};
use jiff::Timestamp;
use proptest::sample::Index;
use uuid::Uuid;

use crate::model::disk::Disk;
use crate::model::moves::{Away, CrashAt};

const DATABASE: &str = "comity.db";
const WRITE_AHEAD_LOG: &str = "comity.db-wal";
/// Bytes that are compared at once.
const PAGE_LEN: usize = 4_096;
const DIED: StoreError = StoreError::Broken("the process died");

/// Comes before a batch, is denied, and holds the writer until the whole batch is in its queue.
pub(super) const HOLD: RequestId = RequestId(Uuid::nil());

/// A death to come, and where the disk as it was is to be found afterwards.
#[derive(Debug, Clone)]
pub(super) struct Death {
    pub(super) at: CrashAt,
    pub(super) image: PathBuf,
}

#[derive(Debug)]
pub(super) struct Dying {
    pub(super) inner: Box<dyn Store>,
    pub(super) disk: Disk,
    /// Taken when it comes.
    pub(super) death: Arc<Mutex<Option<Death>>>,
    /// Taken when it goes.
    pub(super) away: Arc<Mutex<Option<Away>>>,
    /// Tells that the writer holds.
    pub(super) holds: SyncSender<()>,
    /// Told when the batch is in the queue.
    pub(super) queued: Receiver<()>,
}

impl Store for Dying {
    fn recover(&mut self, log: &LogName) -> Result<LogState, StoreError> {
        self.inner.recover(log)
    }

    fn load(&mut self, wanted: &Wanted) -> Result<Loaded, StoreError> {
        if wanted.requests.iter().any(|(_, id)| *id == HOLD) {
            self.holds.send(()).unwrap();
            self.queued.recv().unwrap();
            return self.inner.load(wanted);
        }
        if self.goes_away(Away::Loading) {
            return Err(self.gone());
        }
        let mut death = self.death.lock().unwrap();
        match death.take() {
            Some(Death { at: CrashAt::Loading(0), image }) => {
                leave(&self.disk, &image);
                return Err(DIED);
            }
            Some(Death { at: CrashAt::Loading(later), image }) => {
                *death = Some(Death { at: CrashAt::Loading(later - 1), image });
            }
            other => *death = other,
        }
        self.inner.load(wanted)
    }

    fn commit(&mut self, append: &Append) -> Result<(), StoreError> {
        if append.is_empty() {
            // Ends what was begun, where that is to be done; there is nothing to lose.
            return self.inner.commit(append);
        }
        if self.goes_away(Away::BeforeCommit) {
            return Err(self.gone());
        }
        if self.goes_away(Away::AfterCommit) {
            self.inner.commit(append)?;
            return Err(self.gone());
        }
        let Some(Death { at, image }) = self.death.lock().unwrap().take() else { return self.inner.commit(append) };
        match at {
            CrashAt::Loading(_) | CrashAt::BeforeCommit => leave(&self.disk, &image),
            CrashAt::WithinCommit(_) if !self.disk.is_file() => {
                self.disk.drop_connections();
                // Its connection is gone before it could say that it commits.
                assert!(matches!(self.inner.commit(append), Err(StoreError::Interrupted(_))));
            }
            CrashAt::WithinCommit(cut) => {
                let before = written_ahead(&self.disk.directory);
                self.inner.commit(append)?;
                leave(&self.disk, &image);
                let after = written_ahead(&self.disk.directory);
                fs::write(image.join(WRITE_AHEAD_LOG), &after[..torn(&before, &after, cut)]).unwrap();
            }
            CrashAt::AfterCommit => {
                self.inner.commit(append)?;
                leave(&self.disk, &image);
            }
            CrashAt::Answered => {
                *self.death.lock().unwrap() = Some(Death { at, image });
                return self.inner.commit(append);
            }
        }
        Err(DIED)
    }

    fn due(
        &mut self,
        jurisdiction: &JurisdictionId,
        kind: ItemKind,
        at: Timestamp,
        limit: usize,
    ) -> Result<Vec<ListedItem>, StoreError> {
        self.inner.due(jurisdiction, kind, at, limit)
    }

    fn reader(&self) -> Arc<dyn Reader> {
        self.inner.reader()
    }

    fn begin(&mut self, logs: &BTreeSet<LogName>) -> Result<BatchStart, StoreError> {
        self.inner.begin(logs)
    }

    fn checkpoint(&mut self, log: &LogName) -> Result<Option<(u64, String)>, StoreError> {
        self.inner.checkpoint(log)
    }

    fn policy(&mut self) -> Result<Option<PolicyInForce>, StoreError> {
        self.inner.policy()
    }

    fn follower(&self) -> Option<Box<dyn HeadFollower>> {
        self.inner.follower()
    }
}

impl Dying {
    fn goes_away(&self, when: Away) -> bool {
        self.away.lock().unwrap().take_if(|away| *away == when).is_some()
    }

    /// A database that is told to drop its connections does; of a file nothing else is to be said.
    fn gone(&mut self) -> StoreError {
        self.disk.drop_connections();
        StoreError::Interrupted("the database went away".to_owned())
    }
}

fn written_ahead(directory: &Path) -> Vec<u8> {
    fs::read(directory.join(WRITE_AHEAD_LOG)).unwrap_or_default()
}

/// Somewhere in what a commit wrote, before its last byte. It may have been written over what an earlier one left.
fn torn(before: &[u8], after: &[u8], cut: Index) -> usize {
    // By the page first: a byte at a time takes long.
    let end = |page: usize| (page + PAGE_LEN).min(after.len());
    let differs = |page: &usize| before.get(*page..end(*page)) != after.get(*page..end(*page));
    let pages = || (0..after.len()).step_by(PAGE_LEN);
    let first = pages().find(differs).expect("a commit writes");
    let last = pages().rfind(differs).expect("a commit writes");
    let differs = |at: &usize| before.get(*at) != after.get(*at);
    let first = (first..after.len()).find(differs).expect("a page differs");
    let last = (first..end(last)).rfind(differs).expect("a page differs");
    first + cut.index(last - first + 1)
}

/// What a death leaves.
pub(super) fn leave(disk: &Disk, image: &Path) {
    if disk.is_file() {
        copy(&disk.directory, image);
    }
}

/// What is on disk. What readers and writers share in memory is lost with them.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in [DATABASE, WRITE_AHEAD_LOG].iter().filter(|name| from.join(name).exists()) {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

pub(super) fn database(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}
