//! What SQLite promises of a commit whose sync is waited for apart.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use comity::domain::case::StoredCase;
use comity::domain::ids::LogKind;
use comity::store::sqlite::SqliteStore;
use comity::store::{Reader, Store, Unsynced};
use tempfile::TempDir;

use crate::store_contract::KEY;
use crate::store_contract::batch::{Drafts, detainer};

/// A store in which a detainer was just written, and what is yet to make it durable.
fn written(directory: &TempDir) -> (SqliteStore, StoredCase, Unsynced) {
    let mut store = SqliteStore::open(&directory.path().join("comity.db"), &KEY).unwrap();
    let case = detainer(1, None);
    let append = Drafts::recover(&mut store).batch(&[(LogKind::Exchange, Some(&case))]);
    assert!(store.syncs_apart());
    let unsynced = store.commit_unsynced(&append).unwrap().unwrap();
    (store, case, unsynced)
}

/// Reads the case on a thread of its own, and says whether it was found once it has been given away.
fn reading(reader: Arc<dyn Reader>, case: &StoredCase) -> mpsc::Receiver<Option<bool>> {
    let (done, read) = mpsc::channel();
    let name = case.name().clone();
    std::thread::spawn(move || done.send(reader.case(&name).ok().map(|found| found.is_some())));
    read
}

const SOON: Duration = Duration::from_millis(200);
const AT_LAST: Duration = Duration::from_secs(20);

#[test]
fn nothing_is_read_before_it_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let (store, case, unsynced) = written(&directory);
    let read = reading(store.reader(), &case);
    assert!(read.recv_timeout(SOON).is_err(), "it was given away before it was durable");
    unsynced.sync().unwrap();
    assert_eq!(read.recv_timeout(AT_LAST), Ok(Some(true)));
    assert_eq!(reading(store.reader(), &case).recv_timeout(AT_LAST), Ok(Some(true)));
}

#[test]
fn a_store_that_ends_before_its_sync_keeps_no_reader_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let (store, case, unsynced) = written(&directory);
    let read = reading(store.reader(), &case);
    assert!(read.recv_timeout(SOON).is_err());
    drop((store, unsynced));
    assert_eq!(read.recv_timeout(AT_LAST), Ok(None), "nobody knows whether it is durable");
}
