//! A thread of the store's own on which its connections live.
//!
//! Whoever asks something blocks until it is answered. That may be any thread, one inside another runtime too: here
//! nothing is awaited, and no runtime is entered or dropped but on its own thread.

use std::fmt;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::store::StoreError;

/// How long connections may take to say goodbye.
const GOODBYE_MS: u64 = 500;

/// The thread, for as long as this value is there.
pub(super) struct Io {
    handle: Handle,
    /// Commits in a row whose answer was not waited for any longer.
    abandoned: Arc<AtomicU32>,
    /// What drives the connections: each ends when nobody needs its connection any more.
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
            // A name that is still being looked up must not keep anybody waiting.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, abandoned: Arc::default(), drivers, stop: Some(stop), thread: Some(thread) })
    }

    /// Does something on the thread and waits for what comes of it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.begin(work).wait()
    }

    /// Begins something on the thread.
    pub(super) fn begin<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> PendingWork<T> {
        let (done, outcome) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let _nobody_waits = done.send(work.await);
        });
        PendingWork(outcome)
    }

    /// Commits in a row whose answer was not waited for any longer.
    pub(super) fn abandoned(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.abandoned)
    }

    /// Where drivers of connections are kept.
    pub(super) fn drivers(&self) -> TaskTracker {
        self.drivers.clone()
    }
}

/// Something that was begun.
pub(super) struct PendingWork<T>(mpsc::Receiver<T>);

impl<T> PendingWork<T> {
    /// Waits for what comes of it.
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
