//! Carries the write-ahead log back into the file on a separate thread, while the writer goes on appending to the log.
//!
//! SQLite starts the log over only when all of it has been carried back, which never happens while the writer appends. So the
//! thread follows until little is left, and leaves the rest to the writer, between two of its commits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::StoreError;
use crate::store::sqlite::durability::Durability;

/// How many pages in the write-ahead log make a pass worthwhile. A page that several batches changed is carried once.
const PAGES: u32 = 4_000;
/// At most this many pages are left to the writer.
const LITTLE: u32 = 100;
/// How many passes the thread makes before it leaves the rest to the writer.
const PASSES: u32 = 4;

/// The thread, and the state that it shares with the writer.
#[derive(Debug)]
pub(super) struct WriteBack {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Progress {
    /// How many pages of the present log are carried back.
    carried: AtomicU32,
    /// The writer must carry back the rest.
    is_nearly_over: AtomicBool,
}

/// What a pass left.
#[derive(Debug, Clone, Copy)]
struct Pass {
    in_log: u32,
    carried: u32,
}

impl WriteBack {
    /// Starts the thread. Commits on `writer` wake it as the log grows.
    pub(super) fn start(writer: &mut Connection, path: &Path, durability: Arc<Durability>) -> Result<Self, StoreError> {
        let progress = Arc::new(Progress::default());
        let connection = open(path)?;
        let (wake, woken) = sync_channel(1);
        let shared = Arc::clone(&progress);
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let thread = std::thread::Builder::new().name("write-back".to_owned()).spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || run(&woken, &connection, &shared, &durability));
        })?;
        let shared = Arc::clone(&progress);
        // Replaces the hook by which SQLite would carry the log back within a commit.
        writer.wal_hook(Some(move |_: &mut _, pages| {
            shared.grown(u32::try_from(pages).unwrap_or_default(), &wake);
            Ok(())
        }))?;
        Ok(Self { progress, thread: Some(thread) })
    }

    /// Carries back what the thread left, if it left anything. MUST be called between two transactions.
    pub(super) fn finish(&self, writer: &Connection) -> Result<(), StoreError> {
        if self.progress.is_nearly_over.swap(false, Ordering::AcqRel) {
            tried(pass(writer, &self.progress).map(|_| ()))?;
        }
        Ok(())
    }

    /// Ends the thread.
    pub(super) fn stop(&mut self, writer: &mut Connection) {
        let none: Option<fn(&mut rusqlite::hooks::Wal, i32) -> rusqlite::Result<()>> = None;
        // Removing the hook drops the only sender that wakes the thread, which ends it. If it cannot be removed, the thread is
        // left running.
        let is_unhooked = writer.wal_hook(none).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| is_unhooked) {
            let _ended = thread.join();
        }
    }
}

impl Progress {
    /// Notes how many pages the log has after a commit.
    fn grown(&self, pages: u32, wake: &SyncSender<()>) {
        let carried = self.carried.load(Ordering::Acquire);
        // The log has fewer pages than were carried back, so it has started over.
        let carried = if pages < carried { 0 } else { carried };
        self.carried.store(carried, Ordering::Release);
        if pages.saturating_sub(carried) >= PAGES {
            // A thread that is awake already sees every page.
            let _awake = wake.try_send(());
        }
    }
}

fn run(woken: &Receiver<()>, connection: &Connection, progress: &Progress, durability: &Durability) {
    for () in woken {
        let followed = follow(connection, progress);
        progress.is_nearly_over.store(followed.is_ok(), Ordering::Release);
        if tried(followed).is_err() {
            durability.fail();
            return;
        }
    }
}

fn follow(connection: &Connection, progress: &Progress) -> Result<(), StoreError> {
    for _ in 0..PASSES {
        let Pass { in_log, carried } = pass(connection, progress)?;
        if in_log.saturating_sub(carried) <= LITTLE {
            break;
        }
    }
    Ok(())
}

/// Carries back what the log holds now, except pages whose older state is still being read.
fn pass(connection: &Connection, progress: &Progress) -> Result<Pass, StoreError> {
    let (in_log, carried): (i64, i64) =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))?;
    let pages = |count| u32::try_from(count).unwrap_or_default();
    let pass = Pass { in_log: pages(in_log), carried: pages(carried) };
    progress.carried.store(pass.carried, Ordering::Release);
    Ok(pass)
}

/// Tells failures apart. If the disk failed, nobody knows what is on it, and a second try proves nothing. If it is only full,
/// the pages stay in the log and are tried again.
fn tried(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    let Err(error) = outcome else { return Ok(()) };
    tracing::error!(%error, "the write-ahead log cannot be carried back into the file");
    let is_of_the_disk =
        matches!(&error, StoreError::Database(error) if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure));
    if is_of_the_disk { Err(error) } else { Ok(()) }
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // The log is synced before it is carried back, and the file after it.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}
