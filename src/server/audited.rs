//! The audit line of each call: written when it is answered, before a byte of the answer leaves. So whoever has an answer
//! finds its line, even if the gateway was killed meanwhile. Where the line cannot be written the answer is withheld, and
//! further calls are refused (CJIS Security Policy AU-5).
//!
//! A stream has a line when it is opened and another when it ends.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Bytes;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::api::denied::is_denial;
use crate::api::status;
use crate::audit::call::{self, Noted};
use crate::audit::{AuditFile, CallEvent, CallRecord, Outcome, Unwritten};
use crate::domain::ids::AgencyId;
use crate::identity::certificate::PeerIdentity;
use crate::wire::failure::{reason_of, reason_word};
use crate::wire::methods;

/// The name of a method that is not in the contract: its own is the caller's text.
const UNKNOWN: &str = "unknown";

/// Answers a request, and writes the line of the call first.
pub(super) async fn around<S>(
    audit: Option<&Arc<AuditFile>>,
    address: IpAddr,
    request: Request<Body>,
    calls: impl FnOnce(Request<Body>) -> S,
) -> Response<Body>
where
    S: Future<Output = Response<Body>>,
{
    let Some(audit) = audit else { return calls(request).await };
    let is_call = *request.method() == Method::POST;
    if audit.away().is_some() {
        audit.refused_a_call();
        return unavailable(is_call);
    }
    let call = AuditedCall::of(audit, address, &request);
    let answer = call::noting(Arc::clone(&call.noted), calls(request)).await;
    call.answer(answer).await.unwrap_or_else(|Unwritten| unavailable(is_call))
}

/// Notes how a call ended whose answer will not say so in the terms of gRPC.
pub(super) fn note_status(status: &Status) {
    call::note(|notes| notes.status = Some(status.clone()));
}

/// The refusal of a call, or of a request that is none.
fn unavailable(is_call: bool) -> Response<Body> {
    let status = status::audit_unavailable();
    if is_call {
        return status.into_http();
    }
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// A call whose line is due.
struct AuditedCall {
    audit: Arc<AuditFile>,
    noted: Arc<Noted>,
    method: Option<&'static methods::Method>,
    agency: Option<AgencyId>,
    address: IpAddr,
    /// The event of the line that is due next. `None`: all were written.
    due: Option<CallEvent>,
}

impl AuditedCall {
    fn of(audit: &Arc<AuditFile>, address: IpAddr, request: &Request<Body>) -> Self {
        Self {
            audit: Arc::clone(audit),
            noted: Arc::default(),
            method: methods::at(request.uri().path()),
            agency: request.extensions().get::<PeerIdentity>().map(|peer| peer.agency.clone()),
            address,
            due: Some(CallEvent::Call),
        }
    }

    /// Writes the line of the answer, and gives the answer back.
    async fn answer(mut self, answer: Response<Body>) -> Result<Response<Body>, Unwritten> {
        if let Some(status) = Status::from_header_map(answer.headers()) {
            return self.end(&status).map(|()| answer);
        }
        if let Some(status) = self.noted.notes().status {
            return self.end(&status).map(|()| answer);
        }
        if self.method.is_some_and(methods::Method::is_server_streaming) {
            self.due = Some(CallEvent::StreamClosed);
            self.write(CallEvent::StreamOpened, Outcome::Success, Code::Ok, None)?;
            return Ok(answer.map(|body| Body::new(AuditedStream { body, call: self })));
        }
        // Whether the one message of the answer could be encoded, its first frame says.
        let (head, mut body) = answer.into_parts();
        let whole = body.size_hint();
        let first = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        match &first {
            Some(Ok(frame)) => match frame.trailers_ref().and_then(Status::from_header_map) {
                Some(status) => self.end(&status)?,
                None => self.write_last(Outcome::Success, Code::Ok, None)?,
            },
            Some(Err(status)) => self.end(status)?,
            None => self.write_last(Outcome::Success, Code::Ok, None)?,
        }
        Ok(Response::from_parts(head, Body::new(Begun { first, whole, rest: body })))
    }

    /// Writes the last line, of a call that ended with this status.
    fn end(&mut self, status: &Status) -> Result<(), Unwritten> {
        let outcome = if status.code() == Code::Ok {
            Outcome::Success
        } else if is_denial(status) {
            Outcome::Denied
        } else {
            Outcome::Failure
        };
        self.write_last(outcome, status.code(), reason_of(status).map(reason_word))
    }

    fn write_last(&mut self, outcome: Outcome, code: Code, reason: Option<&'static str>) -> Result<(), Unwritten> {
        let event = self.due.take().unwrap_or(CallEvent::Call);
        self.write(event, outcome, code, reason)
    }

    fn write(
        &self,
        event: CallEvent,
        outcome: Outcome,
        code: Code,
        reason: Option<&'static str>,
    ) -> Result<(), Unwritten> {
        let notes = self.noted.notes();
        self.audit.answered(&CallRecord {
            event,
            outcome,
            method: self.method.map_or(UNKNOWN, methods::Method::full_name),
            agency: self.agency.as_ref().map(AgencyId::as_str),
            actor: notes.actor.as_ref().map(|actor| actor.kind.word()),
            pseudonym: notes.actor.as_ref().map(|actor| actor.pseudonym.as_str()),
            peer: Some(self.address),
            resource: notes.resource.as_deref(),
            disclosed: Some(notes.disclosed).filter(|disclosed| *disclosed > 0),
            code: code.into(),
            reason,
            cause: notes.cause.as_deref(),
            request: notes.request.as_deref(),
            trace: notes.trace.as_deref(),
        })
    }
}

impl Drop for AuditedCall {
    fn drop(&mut self) {
        let Some(event) = self.due.take() else { return };
        // Nobody waits for the answer any more. That a reader leaves is how most streams end.
        let outcome = if event == CallEvent::StreamClosed { Outcome::Success } else { Outcome::Failure };
        let _counted = self.write(event, outcome, Code::Cancelled, Some("CANCELLED"));
    }
}

/// An answer of which the first frame was read.
struct Begun {
    first: Option<Result<Frame<Bytes>, Status>>,
    /// The size of the whole.
    whole: SizeHint,
    rest: Body,
}

impl http_body::Body for Begun {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.first.is_some() { self.whole } else { self.rest.size_hint() }
    }
}

/// A stream whose end has a line, written before its status leaves.
struct AuditedStream {
    body: Body,
    call: AuditedCall,
}

impl http_body::Body for AuditedStream {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let ended = match &frame {
            Some(Ok(frame)) => frame.trailers_ref().and_then(Status::from_header_map),
            Some(Err(status)) => Some(status.clone()),
            None => None,
        };
        let written = ended.map_or(Ok(()), |status| self.call.end(&status));
        Poll::Ready(if written.is_ok() { frame } else { Some(Ok(Frame::trailers(unavailable_trailers()))) })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn unavailable_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // It fails for a message that no header can hold, which ours is not.
    let _spelt = status::audit_unavailable().add_header(&mut trailers);
    trailers
}
