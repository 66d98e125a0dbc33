//! What every stream keeps to: it ends with its caller's proof, with the gateway, and with a reader that does not read.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use crate::api::context::Api;
use crate::api::status;
use crate::domain::ids::AgencyId;
use crate::identity::authenticate::CallerExpiry;

/// The answers of a stream.
pub(super) type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A stream on our side: what it sends, and what it ends with. The end needs no room among what is not read.
#[derive(Debug)]
pub(super) struct OutgoingStream<T> {
    messages: mpsc::Sender<T>,
    end: oneshot::Sender<Status>,
}

/// Sends to a stream. It waits for the reader, but not for ever: what is not read is asked for again later.
#[derive(Debug, Clone)]
pub(super) struct MessageSender<T> {
    messages: mpsc::Sender<T>,
    stall: Duration,
}

/// Who opened a stream, by which method, and until when the caller is proven.
#[derive(Debug, Clone)]
pub(super) struct StreamOpener {
    agency: AgencyId,
    method: &'static str,
    expiry: CallerExpiry,
}

impl<T> MessageSender<T> {
    /// Sends a message.
    pub(super) async fn send(&self, message: T) -> Result<(), Status> {
        match tokio::time::timeout(self.stall, self.messages.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(status::overloaded(self.stall)),
        }
    }
}

impl Api {
    /// Who opens a stream.
    pub(super) fn opener<T>(request: &Request<T>, method: &'static str) -> Result<StreamOpener, Status> {
        let expiry = request.extensions().get::<CallerExpiry>().copied().ok_or_else(status::no_caller)?;
        Ok(StreamOpener { agency: Self::caller(request)?.agency.id, method, expiry })
    }

    /// Both sides of a stream that holds so many messages for a reader that does not read.
    pub(super) fn outgoing<T: Send + 'static>(&self) -> (OutgoingStream<T>, ResponseStream<T>) {
        let (messages, received) = mpsc::channel(self.inbox.buffer_len);
        let (end, ended) = oneshot::channel();
        let end_status = futures_util::stream::once(ended).filter_map(|end| async { end.ok().map(Err) });
        (OutgoingStream { messages, end }, Box::pin(ReceiverStream::new(received).map(Ok).chain(end_status)))
    }

    /// Serves a stream to its end, or to the end of the caller's proof, or until its reader has gone or the gateway
    /// drains.
    pub(super) async fn serve_stream<T, F: Future<Output = Result<(), Status>>>(
        &self,
        opener: StreamOpener,
        outgoing: OutgoingStream<T>,
        serve: impl FnOnce(MessageSender<T>) -> F,
    ) {
        let OutgoingStream { messages, end } = outgoing;
        let sender = MessageSender { messages: messages.clone(), stall: Duration::from_millis(self.inbox.stall_ms) };
        let left = Duration::try_from(opener.expiry.0.duration_since(self.wall.now())).unwrap_or_default();
        let ended = tokio::select! {
            biased;
            () = tokio::time::sleep(left) => Err(status::expired()),
            // The reader goes on elsewhere, or here after the restart, from where it was.
            () = self.drain.cancelled() => Err(status::unavailable()),
            // A connection is cut when its certificate ends: then the proof has ended as well.
            () = messages.closed() => if self.wall.now() >= opener.expiry.0 { Err(status::expired()) } else { Ok(()) },
            ended = serve(sender) => ended,
        };
        if self.wall.now() >= opener.expiry.0 {
            let StreamOpener { agency, method, .. } = opener;
            tracing::info!(target: "audit", event = "stream_ended", %agency, method, reason = "proof_expired");
        }
        if let Err(status) = ended {
            // A reader that has gone away needs no status.
            let _gone = end.send(status);
        }
    }
}
