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
use crate::domain::ids::AgencyId;
use crate::domain::method::own_at;
use crate::identity::certificate::PeerIdentity;
use crate::quota::{Quota, Reservation};

/// The first bytes of a message are not counted. Nearly every message is shorter, and calls in flight are limited
/// anyway. So an agency whose large messages are refused can still make every other call, and no group of agencies can
/// shut the others out.
const FREE_LEN: usize = 4_096;
/// By then some of the open requests have most likely ended.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The counted bytes, shared by all workers.
#[derive(Debug, Clone)]
pub(super) struct BufferedBytes {
    bytes: Arc<Quota<AgencyId>>,
}

impl BufferedBytes {
    pub(super) fn new(per_agency_len_max: usize, len_max: usize) -> Self {
        Self { bytes: Quota::new(per_agency_len_max, len_max) }
    }

    /// Counts the body of a request as it arrives, until it is decoded. Only our own methods are counted: the others
    /// take a few kilobytes at most, and may receive many messages on one stream.
    pub(super) fn counted(&self, request: Request<Body>) -> Request<Body> {
        let peer = request.extensions().get::<PeerIdentity>();
        let Some(peer) = peer.filter(|_| own_at(request.uri().path()).is_some()) else {
            return request;
        };
        let share = self.bytes.begin(&peer.agency);
        request.map(|body| Body::new(CountedBody { body, free_len: FREE_LEN, share }))
    }
}

/// A request body that counts its bytes. It is dropped when its message is decoded or given up.
struct CountedBody {
    body: Body,
    /// How many bytes are still free of charge.
    free_len: usize,
    share: Reservation<AgencyId>,
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
        let counted_len = len.saturating_sub(self.free_len);
        self.free_len = self.free_len.saturating_sub(len);
        if counted_len > 0 && !self.share.grow(counted_len) {
            return Poll::Ready(Some(Err(status::overloaded(RETRY_AFTER))));
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
        let buffered = BufferedBytes::new(1_000, 1_500);
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
}
