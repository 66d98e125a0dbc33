//! The rules of every stream. It ends with its caller's proof, with the gateway, and when its reader stops reading.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use crate::api::context::Api;
use crate::api::status::{self, LimitOwner};
use crate::domain::ids::AgencyId;
use crate::identity::authenticate::CallerExpiry;

/// The messages of a stream, as tonic takes them.
pub(super) type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Our side of a stream: the messages it sends, and the status it ends with. The status needs no room in the message
/// buffer.
#[derive(Debug)]
pub(super) struct OutgoingStream<T> {
    messages: mpsc::Sender<T>,
    end: oneshot::Sender<Status>,
}

/// Sends messages to a stream. It waits for the reader only for a limited time: the reader can ask again for what it
/// has not read.
#[derive(Debug, Clone)]
pub(super) struct MessageSender<T> {
    messages: mpsc::Sender<T>,
    stall: Duration,
}

/// Who opened a stream, with which method, and until when the caller is proven.
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
            Ok(Err(_)) | Err(_) => Err(status::overloaded(LimitOwner::Agency, self.stall)),
        }
    }
}

impl Api {
    /// The opener of a stream.
    pub(super) fn opener<T>(request: &Request<T>, method: &'static str) -> Result<StreamOpener, Status> {
        let expiry = request.extensions().get::<CallerExpiry>().copied().ok_or_else(status::no_caller)?;
        Ok(StreamOpener { agency: Self::caller(request)?.agency.id.clone(), method, expiry })
    }

    /// Both sides of a stream. The buffer holds a few messages for a reader that does not read.
    pub(super) fn outgoing<T: Send + 'static>(&self) -> (OutgoingStream<T>, ResponseStream<T>) {
        let (messages, received) = mpsc::channel(self.inbox.buffer_len);
        let (end, ended) = oneshot::channel();
        let end_status = futures_util::stream::once(ended).filter_map(|end| async { end.ok().map(Err) });
        (OutgoingStream { messages, end }, Box::pin(ReceiverStream::new(received).map(Ok).chain(end_status)))
    }

    /// Serves a stream until it is complete, the caller's proof ends, the reader is gone, or the gateway drains.
    pub(super) async fn serve_stream<T, F: Future<Output = Result<(), Status>>>(
        &self,
        opener: StreamOpener,
        outgoing: OutgoingStream<T>,
        serve: impl FnOnce(MessageSender<T>) -> F,
    ) {
        self.serve_stream_until(self.drain.cancelled(), opener, outgoing, serve).await;
    }

    /// The same, but it ends at another time than when the gateway drains.
    pub(super) async fn serve_stream_until<T, F: Future<Output = Result<(), Status>>>(
        &self,
        must_end: impl Future<Output = ()>,
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
            // The reader resumes at another gateway, or here after the restart.
            () = must_end => Err(status::unavailable()),
            // A connection is cut when its certificate ends. Then the proof has ended too.
            () = messages.closed() => if self.wall.now() >= opener.expiry.0 { Err(status::expired()) } else { Ok(()) },
            ended = serve(sender) => ended,
        };
        if self.wall.now() >= opener.expiry.0 {
            let StreamOpener { agency, method, .. } = opener;
            tracing::info!(target: "audit", event = "stream_ended", %agency, method, reason = "proof_expired");
        }
        if let Err(status) = ended {
            // A reader that is gone needs no status.
            let _gone = end.send(status);
        }
    }
}
