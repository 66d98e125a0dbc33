//! The thread that the store's connections live on.
//!
//! A caller blocks until its work is done. It may be any thread, even one inside another runtime: nothing is awaited
//! here, and no runtime is entered or dropped outside its own thread.

use std::fmt;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::store::StoreError;

/// How long connections may take to say goodbye, in milliseconds.
const GOODBYE_MS: u64 = 500;

/// The thread. It ends when this value is dropped.
pub(super) struct Io {
    handle: Handle,
    /// How many commits in a row were abandoned.
    abandoned: Arc<AtomicU32>,
    /// Drive the connections. Each ends when its connection is no longer needed.
    drivers: TaskTracker,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Io {
    pub(super) fn start(name: &str) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let drivers = TaskTracker::new();
        let (stop, stopped) = oneshot::channel::<()>();
        let tracked = drivers.clone();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.block_on(async move {
                let _dropped = stopped.await;
                tracked.close();
                let _in_time = tokio::time::timeout(Duration::from_millis(GOODBYE_MS), tracked.wait()).await;
            });
            // A name lookup in progress must not block anybody.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, abandoned: Arc::default(), drivers, stop: Some(stop), thread: Some(thread) })
    }

    /// Runs work on the thread and waits for its result.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.begin(work).wait()
    }

    /// Starts work on the thread.
    pub(super) fn begin<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> PendingWork<T> {
        let (done, outcome) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let _nobody_waits = done.send(work.await);
        });
        PendingWork(outcome)
    }

    /// How many commits in a row were abandoned.
    pub(super) fn abandoned(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.abandoned)
    }

    /// Where the drivers of connections are tracked.
    pub(super) fn drivers(&self) -> TaskTracker {
        self.drivers.clone()
    }
}

/// Work in progress.
pub(super) struct PendingWork<T>(mpsc::Receiver<T>);

impl<T> PendingWork<T> {
    /// Waits for the result.
    pub(super) fn wait(self) -> Result<T, StoreError> {
        self.0.recv().map_err(|_| StoreError::Interrupted("the thread of the connections has ended".to_owned()))
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("connections", &self.drivers.len()).finish_non_exhaustive()
    }
}
