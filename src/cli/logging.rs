//! Logs as JSON lines on standard error. Audit lines can go to their own file, since they are kept longer.

mod beside_spans;

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, FilterFn};
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriter, MakeWriterExt as _};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::audit::{AuditFile, AuditLines};
use crate::cli::logging::beside_spans::{AsRecorded, BesideSpans};
use crate::traces::{self, Destination, Sending};

/// The target of audit lines.
const AUDIT: &str = "audit";

/// The default filter. Libraries log only errors, since their text about a peer may be the peer's text.
const FILTER: &str = "error,comity=info";
/// Longer lines are left out. Our own lines are shorter, and a peer must not fill a disk.
const LINE_LEN_MAX: usize = 4_096;

/// Starts logging for the process, and tracing, if there is somewhere to send traces.
pub(super) fn start(
    filter: Option<&str>,
    audit: Option<&Arc<AuditFile>>,
    traces: Option<&Destination>,
    quiet: bool,
) -> Result<Option<Sending>> {
    let filter = filter.unwrap_or(if quiet { "error" } else { FILTER });
    let filter = EnvFilter::try_new(filter).context("the log filter cannot be read")?;
    let filter = filter.and(FilterFn::new(|metadata| !quotes_parameters(metadata))).or(FilterFn::new(is_audit));
    let audited = match audit.cloned() {
        None if quiet => BoxMakeWriter::new(io::sink),
        None => BoxMakeWriter::new(|| ShortLines(io::stderr())),
        Some(file) => BoxMakeWriter::new(move || ShortLines(AuditLines(Arc::clone(&file)))),
    };
    // One layer for both kinds of line, so that the fields of a span are kept once.
    let lines = json_lines(audited.with_filter(is_audit).or_else(|| ShortLines(io::stderr())));
    let (spans, sending) = traces.map(traces::layer).transpose()?.unzip();
    let layers = tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans);
    layers.try_init().context("logging was started twice")?;
    Ok(sending)
}

/// Lines of one JSON object each, with the fields of an event and those of its spans.
fn json_lines<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .map_event_format(BesideSpans)
        .map_fmt_fields(AsRecorded)
        .with_writer(writer)
}

/// Whether a line is an audit line, which no filter leaves out.
fn is_audit(metadata: &Metadata<'_>) -> bool {
    metadata.target() == AUDIT
}

/// Writes lines, and a note in place of one that is too long. The formatter writes one line at a time.
struct ShortLines<W>(W);

impl<W: Write> Write for ShortLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if line.len() <= LINE_LEN_MAX {
            return self.0.write(line);
        }
        // Written in one piece, as every line is, so that whoever counts lost lines counts right.
        let said = format!("{{\"level\":\"WARN\",\"message\":\"a line of {} bytes was left out\"}}\n", line.len());
        self.0.write_all(said.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether a line would quote the parameters of database statements. Such lines are never logged.
fn quotes_parameters(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("tokio_postgres") && *metadata.level() > Level::INFO
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use serde_json::{Value, json};
    use tracing::field;
    use tracing_subscriber::Registry;

    use super::*;

    /// What is logged meanwhile, but for the time.
    fn logged(log: impl FnOnce()) -> Vec<Value> {
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, line: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).write(line)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = Registry::default().with(json_lines(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, log);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let line = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            assert!(line.as_object_mut().unwrap().remove("timestamp").is_some());
            line
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn the_fields_of_spans_stand_beside_those_of_an_event() {
        let lines = logged(|| {
            tracing::warn!(agency = "a", "outside");
            let call = tracing::error_span!("call", agency = "\"b\"", request = field::Empty, trace = "t");
            let _call = call.enter();
            tracing::warn!("before it is known");
            call.record("request", 7);
            tracing::warn!(agency = "c", "within");
            let item = tracing::error_span!("item", request = 8, level = "no level");
            item.in_scope(|| tracing::warn!("further within"));
        });
        let common = |message| json!({"level": "WARN", "message": message, "target": module_path!()});
        let with = |mut line: Value, fields: Value| {
            line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            line
        };
        assert_eq!(
            lines,
            [
                with(common("outside"), json!({"agency": "a"})),
                with(common("before it is known"), json!({"agency": "\"b\"", "trace": "t"})),
                with(common("within"), json!({"agency": "c", "trace": "t", "request": 7})),
                with(common("further within"), json!({"agency": "\"b\"", "trace": "t", "request": 8})),
            ]
        );
    }

    #[test]
    fn a_long_line_is_left_out_and_said_to_be() {
        let mut lines = ShortLines(Vec::new());
        let long = format!("{}\n", "a".repeat(LINE_LEN_MAX));
        for line in ["short\n", &long, "short\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        let said = format!(r#"{{"level":"WARN","message":"a line of {} bytes was left out"}}"#, long.len());
        assert_eq!(String::from_utf8(lines.0).unwrap(), format!("short\n{said}\nshort\n"));
    }
}
