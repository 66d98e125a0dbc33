//! What every stream keeps to: it ends with its caller's proof, with the gateway, and with a reader that does not read.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tonic::{Request, Status};

use crate::api::{Api, status};
use crate::identity::authenticate::CallerExpiry;

impl Api {
    /// Until when the caller is proven.
    pub(super) fn expiry<T>(request: &Request<T>) -> Result<CallerExpiry, Status> {
        request.extensions().get::<CallerExpiry>().copied().ok_or_else(status::no_caller)
    }

    /// Between a stream and its reader: the messages that may wait for it, and the last word.
    pub(super) fn channel<T>(&self) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
        mpsc::channel(self.inbox.buffer_len.saturating_add(1))
    }

    /// Serves a stream to its end, or to the end of the caller's proof, or until the gateway drains.
    pub(super) async fn serve_stream<T>(
        &self,
        expiry: CallerExpiry,
        sender: &mpsc::Sender<Result<T, Status>>,
        serve: impl Future<Output = Result<(), Status>>,
    ) {
        // Kept free from the start: a reader that was too slow must be told so, else a part would look like the whole.
        let last_word = sender.clone().try_reserve_owned();
        let left = Duration::try_from(expiry.0.duration_since(Timestamp::now())).unwrap_or_default();
        let ended = tokio::select! {
            ended = serve => ended,
            () = tokio::time::sleep(left) => Err(status::expired()),
            // The reader goes on elsewhere, or here after the restart, from where it was.
            () = self.drain.cancelled() => Err(status::unavailable()),
        };
        if let (Err(status), Ok(place)) = (ended, last_word) {
            place.send(Err(status));
        }
    }

    /// Waits for the reader, but not for ever: what is not read is asked for again later.
    pub(super) async fn send<T>(&self, sender: &mpsc::Sender<Result<T, Status>>, message: T) -> Result<(), Status> {
        match tokio::time::timeout(self.stall(), sender.send(Ok(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(status::overloaded(self.stall())),
        }
    }

    fn stall(&self) -> Duration {
        Duration::from_millis(self.inbox.stall_ms)
    }
}
