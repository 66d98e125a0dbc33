//! Metrics of one call: counted by method, status code and agency when it ends. A stream ends when its trailers are sent.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Request};
use tonic::{Code, Status};
use tracing::Span;

use crate::domain::ids::AgencyId;
use crate::identity::certificate::PeerIdentity;
use crate::metrics::{Label, Metrics, table};
use crate::traces;
use crate::wire::methods;

/// The label for a method that is not in the contract, since its name is the caller's text, and for no agency.
const UNKNOWN: &str = "unknown";

/// Counts its call once: with the code it ended with, or as cancelled if it is dropped first.
#[derive(Debug)]
pub(super) struct CallMetrics {
    metrics: Arc<Metrics>,
    method: &'static str,
    /// Answered once, so that how long it takes is a matter of ours and not of who holds it open.
    is_unary: bool,
    agency: Option<AgencyId>,
    since: Instant,
    /// The span of the call, which ends with it.
    span: Span,
    ended: bool,
}

impl CallMetrics {
    /// Starts counting a call.
    pub(super) fn begin<B>(metrics: &Arc<Metrics>, request: &Request<B>) -> Self {
        metrics.increment_gauge(&table::CALLS_IN_FLIGHT);
        let method = methods::at(request.uri().path());
        let streams = |method: &methods::Method| method.is_client_streaming() || method.is_server_streaming();
        Self {
            metrics: Arc::clone(metrics),
            method: method.map_or(UNKNOWN, methods::Method::full_name),
            is_unary: method.is_some_and(|method| !streams(method)),
            agency: request.extensions().get::<PeerIdentity>().map(|peer| peer.agency.clone()),
            since: Instant::now(),
            span: Span::none(),
            ended: false,
        }
    }

    /// The name of the method. A path that is not in the contract is the caller's text, so it has none.
    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    /// Keeps the span of the call open until the call ends, and says in it how.
    pub(super) fn within(&mut self, span: &Span) {
        self.span = span.clone();
    }

    /// Ends the call if these headers or trailers carry its status.
    pub(super) fn end_with(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.end(status.code());
        }
    }

    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        traces::ended(&std::mem::replace(&mut self.span, Span::none()), code.into());
        let agency = || self.agency.as_ref().map_or(Label::Word(UNKNOWN), Label::from);
        let took = self.since.elapsed();
        self.metrics.increment(&table::CALLS, &[self.method.into(), word(code).into(), agency()]);
        self.metrics.observe_duration(&table::CALL_DURATION, &[self.method.into()], took);
        if self.is_unary {
            self.metrics.observe_duration(&table::AGENCY_CALL_DURATION, &[agency()], took);
        }
        self.metrics.decrement_gauge(&table::CALLS_IN_FLIGHT);
    }
}

impl Drop for CallMetrics {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// The code as the gRPC protocol spells it.
fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
