//! What a span says to a collector: a name, what it is of, and how it ended, in the terms of OpenTelemetry's conventions for
//! RPC. Everything else is left out, so that no field that is added for the log reaches a collector unseen.

use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter, SpanLinks};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The attribute for the status code of a call.
pub(super) const STATUS_CODE: &str = "rpc.grpc.status_code";

/// The span of a call, as it is called in the log.
const CALL: &str = "call";
/// Its method, which is its name for a collector.
const METHOD: &str = "method";

/// Fields of spans that a collector gets, and what they are called there.
const ATTRIBUTES: [(&str, &str); 7] = [
    (METHOD, "rpc.method"),
    ("agency", "comity.agency"),
    ("request", "comity.request_id"),
    ("case", "comity.case"),
    ("clock", "comity.clock"),
    ("entries", "comity.entries"),
    (STATUS_CODE, STATUS_CODE),
];

/// Sends spans as described here, and says once when they cannot be sent, and once when they can again.
#[derive(Debug)]
pub(super) struct Described<E> {
    inner: E,
    fails: AtomicBool,
}

impl<E> Described<E> {
    pub(super) fn new(inner: E) -> Self {
        Self { inner, fails: AtomicBool::new(false) }
    }
}

impl<E: SpanExporter> SpanExporter for Described<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.inner.export(batch.into_iter().map(described).collect()).await;
        match (&sent, self.fails.swap(sent.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => tracing::warn!(cause = word(error), "traces cannot be sent to the collector"),
            (Ok(()), true) => tracing::info!("traces are sent to the collector again"),
            (Err(_), true) | (Ok(()), false) => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// A failure in a word of ours: the library's text may quote the collector.
fn word(error: &OTelSdkError) -> &'static str {
    match error {
        OTelSdkError::Timeout(_) => "it does not answer in time",
        OTelSdkError::AlreadyShutdown => "sending has ended",
        OTelSdkError::InternalFailure(_) => "it refuses them or cannot be reached",
    }
}

fn described(span: SpanData) -> SpanData {
    let is_call = span.name == CALL;
    let method = span.attributes.iter().find(|attribute| attribute.key.as_str() == METHOD);
    let name = method.filter(|_| is_call).map_or_else(|| span.name.clone(), |method| method.value.to_string().into());
    let named = |attribute: KeyValue| {
        let (_, name) = ATTRIBUTES.iter().find(|(field, _)| *field == attribute.key.as_str())?;
        Some(KeyValue::new(*name, attribute.value))
    };
    let mut attributes: Vec<KeyValue> = span.attributes.into_iter().filter_map(named).collect();
    if is_call {
        attributes.push(KeyValue::new("rpc.system", Value::from("grpc")));
    }
    SpanData {
        name,
        span_kind: if is_call { SpanKind::Server } else { SpanKind::Internal },
        attributes,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        ..span
    }
}
