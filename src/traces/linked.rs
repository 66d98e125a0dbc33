//! Puts the span of a call into the trace that its caller named, and a call of ours into the trace that it is made in.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::traces::described::STATUS_CODE;
use crate::traces::names::TRACEPARENT;

/// Whether spans are sent at all. Until then nothing here costs anything.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// From now on spans are sent.
pub(super) fn turn_on() {
    IS_ON.store(true, Ordering::Relaxed);
}

fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

thread_local! {
    /// The trace of the span that begins next on this thread.
    static NEXT_TRACE: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Draws ids, but takes the trace that a span was put into, so that its id is the one in the log.
#[derive(Debug, Default)]
pub(super) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        NEXT_TRACE.take().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// Puts a span that has not begun into a trace: under the span of the caller, or as the first of the trace. MUST be called
/// before the span is entered. Whether the caller itself keeps the trace is not asked: how many are kept is ours to say.
pub fn continue_from(span: &Span, trace: u128, parent: Option<u64>) {
    if !is_on() {
        return;
    }
    let trace = TraceId::from(trace);
    if let Some(parent) = parent {
        let (parent, flags) = (SpanId::from(parent), TraceFlags::SAMPLED);
        let caller = SpanContext::new(trace, parent, flags, true, TraceState::default());
        // It fails for a span that is filtered out, which is not sent anyway.
        let _filtered_out = span.set_parent(Context::new().with_remote_span_context(caller));
    } else {
        NEXT_TRACE.set(Some(trace));
        let _begun = span.context();
        NEXT_TRACE.set(None);
    }
}

/// Says how the call of a span ended, by its gRPC status code.
pub fn ended(span: &Span, code: i32) {
    if !is_on() {
        return;
    }
    span.set_attribute(STATUS_CODE, i64::from(code));
    if code != 0 {
        span.set_status(Status::error(""));
    }
}

/// Says in the headers of a call of ours which span it is made in.
pub fn inject(headers: &mut HeaderMap) {
    if !is_on() {
        return;
    }
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    if !span.is_valid() {
        return;
    }
    let flags = if span.is_sampled() { "01" } else { "00" };
    let traceparent = format!("00-{:032x}-{:016x}-{flags}", span.trace_id(), span.span_id());
    if let Ok(traceparent) = HeaderValue::from_str(&traceparent) {
        headers.insert(TRACEPARENT, traceparent);
    }
}
