//! The way to the collector: a layer that makes spans of ours into OpenTelemetry's, a bounded queue, and a thread that
//! sends what is in it.

use std::thread::JoinHandle;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Certificate, ClientTlsConfig};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::traces::described::Described;
use crate::traces::destination::{Destination, TracesError};
use crate::traces::linked::{self, Ids};

/// Spans that wait to be sent. Further ones are dropped.
const QUEUE_LEN_MAX: usize = 8_192;
/// Spans of one message to the collector.
const BATCH_LEN_MAX: usize = 512;
/// How long spans wait for others.
const DELAY: Duration = Duration::from_secs(1);
/// How long the collector may take for a message.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end waits for the collector.
const LAST_TIMEOUT: Duration = Duration::from_secs(2);

/// Spans are sent as long as this lives. What waits is sent when it is dropped, if the collector takes it in time.
#[derive(Debug)]
pub struct Sending {
    spans: SdkTracerProvider,
    stop: Option<DropGuard>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        // What could not be sent is lost, which was said when the sending failed.
        let _lost = self.spans.shutdown_with_timeout(LAST_TIMEOUT);
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// A layer that sends the spans of calls to a collector. The collector need not be there yet.
pub fn layer<S>(to: &Destination) -> Result<(impl Layer<S> + use<S>, Sending), TracesError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if !(0.0..=1.0).contains(&to.share) {
        return Err(TracesError::NoShare);
    }
    let tls = tls(to)?;
    // Timers and sockets of the connection live on a runtime of its own, apart from those of calls.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TracesError::Thread)?;
    let exporter = {
        let _within = runtime.enter();
        let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic();
        let exporter = exporter.with_endpoint(&to.collector).with_timeout(TIMEOUT);
        let exporter = match tls {
            Some(tls) => exporter.with_tls_config(tls),
            None => exporter,
        };
        exporter.build().map_err(|error| TracesError::Collector(error.to_string()))?
    };
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let thread = std::thread::Builder::new().name("traces".to_owned());
    let thread = thread.spawn(move || runtime.block_on(stopped.cancelled())).map_err(TracesError::Thread)?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_LEN_MAX)
        .with_max_export_batch_size(BATCH_LEN_MAX)
        .with_scheduled_delay(DELAY)
        .build();
    let spans = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(Described::new(exporter)).with_batch_config(batches).build())
        // Not by the caller's flag: a caller could have every call traced.
        .with_sampler(Sampler::TraceIdRatioBased(to.share))
        .with_id_generator(Ids::default())
        .with_resource(resource())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(spans.tracer("comity"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_filter(FilterFn::new(is_ours));
    linked::turn_on();
    Ok((layer, Sending { spans, stop: Some(stop.drop_guard()), thread: Some(thread) }))
}

/// What a span is of: a span of this program, and no line of the log.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("comity")
}

/// Who sends the spans, as OpenTelemetry's conventions name it.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("COMITY_VERSION"));
    Resource::builder_empty().with_service_name("comity").with_attribute(version).build()
}

/// How the collector must prove who it is. `None`: it need not.
fn tls(to: &Destination) -> Result<Option<ClientTlsConfig>, TracesError> {
    match &to.authorities {
        None if to.collector.starts_with("https://") => Err(TracesError::NoAuthorities),
        None => Ok(None),
        Some(path) => {
            let read = std::fs::read(path).map_err(|source| TracesError::Authorities { path: path.clone(), source })?;
            Ok(Some(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read))))
        }
    }
}
