//! Limits the bytes of requests that are not complete yet, for each agency and in total. Without the limit, an agency
//! that starts many large messages and finishes none could fill the gateway's memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Request;
use http_body::{Frame, SizeHint};
use hyper::body::Bytes;
use tonic::Status;
use tonic::body::Body;

use crate::api::status;
use crate::config::ServerConfig;
use crate::domain::ids::AgencyId;
use crate::domain::method::own_at;
use crate::identity::certificate::PeerIdentity;
use crate::quota::{Quota, Reservation};
use crate::server::in_flight::limit_owner;
use crate::wire::methods::{self, Method};

/// The first bytes of a message are not counted. Nearly every message is shorter, and calls in flight are limited
/// anyway. So an agency whose large messages are refused can still make every other call, and no group of agencies can
/// shut the others out.
const FREE_LEN: usize = 4_096;
/// Before each message: whether it is compressed, and its length.
const HEADER_LEN: usize = 5;
/// By then some of the open requests have most likely ended.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The counted bytes, shared by all workers.
#[derive(Debug, Clone)]
pub(super) struct BufferedBytes {
    bytes: Arc<Quota<AgencyId>>,
}

impl BufferedBytes {
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self { bytes: Quota::new(config.buffered_len_per_agency_max, config.buffered_len_max) }
    }

    /// Limits by another configuration from now on.
    pub(super) fn allow(&self, config: &ServerConfig) {
        self.bytes.allow(config.buffered_len_per_agency_max, config.buffered_len_max);
    }

    /// Counts the body of a request as it arrives, until it is decoded: of a stream of messages, what has arrived of the one
    /// that is not whole. Only our own methods are counted: the others take a few kilobytes at most.
    pub(super) fn counted(&self, request: Request<Body>) -> Request<Body> {
        let peer = request.extensions().get::<PeerIdentity>();
        let Some(peer) = peer.filter(|_| own_at(request.uri().path()).is_some()) else {
            return request;
        };
        let share = self.bytes.begin(&peer.agency);
        let is_stream = methods::at(request.uri().path()).is_some_and(Method::is_client_streaming);
        let messages = is_stream.then(MessageFrames::default);
        request.map(|body| Body::new(CountedBody { body, free_len: FREE_LEN, share, messages }))
    }
}

/// A request body that counts its bytes. It is dropped when its message is decoded or given up.
struct CountedBody {
    body: Body,
    /// How many bytes are still free of charge.
    free_len: usize,
    share: Reservation<AgencyId>,
    /// Of a stream of messages: where each ends. What was before has been decoded.
    messages: Option<MessageFrames>,
}

/// Follows the messages of a stream, each after five bytes that hold its length (gRPC over HTTP/2, `Length-Prefixed-Message`).
#[derive(Debug, Default)]
struct MessageFrames {
    header: Vec<u8>,
    /// Bytes of the message that are yet to come.
    left: usize,
    /// Bytes of it that have come.
    unfinished_len: usize,
}

impl MessageFrames {
    /// How many bytes have come of the message that is not whole, after these.
    fn follow(&mut self, mut bytes: &[u8]) -> usize {
        while !bytes.is_empty() {
            let is_header = self.left == 0;
            let wanted = if is_header { HEADER_LEN.saturating_sub(self.header.len()) } else { self.left };
            let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
            self.unfinished_len = self.unfinished_len.saturating_add(taken.len());
            if is_header {
                self.header.extend_from_slice(taken);
            } else {
                self.left = self.left.saturating_sub(taken.len());
            }
            if let [_, length @ ..] = self.header.as_slice()
                && let Ok(length) = <[u8; 4]>::try_from(length)
            {
                self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                self.header.clear();
            }
            if self.left == 0 && self.header.is_empty() {
                self.unfinished_len = 0;
            }
            bytes = rest;
        }
        self.unfinished_len
    }
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            ended => return Poll::Ready(ended),
        };
        let len = frame.data_ref().map_or(0, Bytes::len);
        let this = &mut *self;
        let counted_len = if let Some(messages) = &mut this.messages {
            let unfinished_len = messages.follow(frame.data_ref().map_or(&[], |data| data));
            let counted_len = unfinished_len.saturating_sub(FREE_LEN);
            this.share.shrink_to(counted_len);
            counted_len.saturating_sub(this.share.held())
        } else {
            let counted_len = len.saturating_sub(this.free_len);
            this.free_len = this.free_len.saturating_sub(len);
            counted_len
        };
        if counted_len > 0
            && let Err(exceeded) = self.share.grow(counted_len)
        {
            return Poll::Ready(Some(Err(status::overloaded(limit_owner(exceeded), RETRY_AFTER))));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};
    use jiff::Timestamp;
    use rustls::pki_types::CertificateDer;
    use tonic::Code;

    use super::*;
    use crate::identity::certificate::Thumbprint;

    fn limited(per_agency_len_max: usize, len_max: usize) -> BufferedBytes {
        let config = ServerConfig::default();
        BufferedBytes::new(&ServerConfig {
            buffered_len_per_agency_max: per_agency_len_max,
            buffered_len_max: len_max,
            ..config
        })
    }

    const LODGE: &str = "/comity.v1.DetainerService/LodgeDetainer";

    /// The body of a call with `len` bytes. Dropping it stands for decoding it.
    fn body(buffered: &BufferedBytes, agency: &str, path: &str, len: usize) -> Body {
        let thumbprint = Thumbprint::of(&CertificateDer::from(vec![]));
        let peer = PeerIdentity { agency: agency.parse().unwrap(), thumbprint, not_after: Timestamp::MAX };
        let mut request = Request::new(Body::new(Full::new(Bytes::from(vec![0; len]))));
        *request.uri_mut() = path.parse().unwrap();
        request.extensions_mut().insert(peer);
        buffered.counted(request).into_body()
    }

    async fn read(body: &mut Body) -> Result<usize, Code> {
        body.frame().await.unwrap().map(|frame| frame.data_ref().unwrap().len()).map_err(|status| status.code())
    }

    #[tokio::test]
    async fn bytes_that_are_not_whole_are_counted_for_their_agency() {
        let buffered = limited(1_000, 1_500);
        let begin = |agency, beyond| body(&buffered, agency, LODGE, FREE_LEN + beyond);
        let mut first = begin("us-ice", 900);
        assert_eq!(read(&mut first).await, Ok(FREE_LEN + 900));
        assert_eq!(read(&mut begin("us-ice", 101)).await, Err(Code::ResourceExhausted));
        // Its small calls still pass, and so do other agencies' calls up to the total limit.
        assert_eq!(read(&mut begin("us-ice", 0)).await, Ok(FREE_LEN));
        assert_eq!(read(&mut begin("us-ny-doccs", 600)).await, Ok(FREE_LEN + 600));
        assert_eq!(read(&mut begin("us-ny-doccs", 601)).await, Err(Code::ResourceExhausted));
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        assert_eq!(read(&mut body(&buffered, "us-ice", reflection, 9_000)).await, Ok(9_000));
        drop(first);
        assert_eq!(read(&mut begin("us-ice", 1_000)).await, Ok(FREE_LEN + 1_000));
    }

    #[test]
    fn a_message_of_a_stream_is_unfinished_until_its_last_byte() {
        let message = |len: u8| [vec![0, 0, 0, 0, len], vec![7; len.into()]].concat();
        let stream = [message(3), message(0), message(200), message(1)].concat();
        let ends: Vec<usize> = [8, 5, 205, 6]
            .iter()
            .scan(0, |end, len| {
                Some({
                    *end += len;
                    *end
                })
            })
            .collect();
        for piece_len in [1, 2, 5, 7, stream.len()] {
            let (mut frames, mut at) = (MessageFrames::default(), 0);
            for piece in stream.chunks(piece_len) {
                let unfinished_len = frames.follow(piece);
                at += piece.len();
                let last_end = ends.iter().rev().find(|end| **end <= at).copied().unwrap_or(0);
                assert_eq!(unfinished_len, at - last_end, "after {at} bytes in pieces of {piece_len}");
            }
        }
    }

    #[tokio::test]
    async fn of_a_stream_only_the_message_that_is_not_whole_is_counted() {
        const BULK: &str = "/comity.v1.DetainerService/LodgeDetainers";
        let buffered = limited(1_000, 1_000);
        // Zeros: any number of empty messages.
        assert_eq!(read(&mut body(&buffered, "us-ice", BULK, FREE_LEN + 9_000)).await, Ok(FREE_LEN + 9_000));
        let mut long = vec![0, 0, 1, 0, 0];
        long.resize(FREE_LEN + 1_001, 0);
        let share = buffered.bytes.begin(&"us-ice".parse().unwrap());
        let long = Body::new(Full::new(Bytes::from(long)));
        let messages = Some(MessageFrames::default());
        let mut half = CountedBody { body: long, free_len: FREE_LEN, share, messages };
        let read = std::future::poll_fn(|context| http_body::Body::poll_frame(Pin::new(&mut half), context)).await;
        assert_eq!(read.unwrap().unwrap_err().code(), Code::ResourceExhausted);
    }
}
