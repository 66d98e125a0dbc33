//! Logs as JSON lines on standard error; audit lines apart, since others keep them for longer.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, FilterFn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::server::{AuditFile, AuditLines};

/// The target of audit lines.
const AUDIT: &str = "audit";

/// What is logged where nobody says otherwise: of libraries errors alone, since what they say of a peer may be the peer's text.
const FILTER: &str = "error,comity=info";
/// A line that is longer is left out: none of ours is, and a peer is not to fill a disk.
const LINE_LEN_MAX: usize = 4_096;

/// Starts logging for the process.
pub(super) fn start(filter: Option<&str>, audit: Option<&Arc<AuditFile>>, quiet: bool) -> Result<()> {
    let filter = filter.unwrap_or(if quiet { "error" } else { FILTER });
    let filter = EnvFilter::try_new(filter).context("the log filter cannot be read")?;
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(|| ShortLines(io::stderr()))
        // One filter and not two: for two the registry keeps every span that either lets pass, those of HTTP/2 frames too.
        .with_filter(filter.and(FilterFn::new(|metadata| metadata.target() != AUDIT && !quotes_parameters(metadata))));
    let writer = match audit.cloned() {
        None if quiet => BoxMakeWriter::new(io::sink),
        None => BoxMakeWriter::new(|| ShortLines(io::stderr())),
        Some(file) => BoxMakeWriter::new(move || ShortLines(AuditLines(Arc::clone(&file)))),
    };
    let audit = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(writer)
        .with_filter(FilterFn::new(|metadata| metadata.target() == AUDIT));
    tracing_subscriber::registry().with(logs).with(audit).try_init().context("logging was started twice")
}

/// Writes lines, and in place of a long one that there was one. The formatter hands over a line at a time.
struct ShortLines<W>(W);

impl<W: Write> Write for ShortLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if line.len() <= LINE_LEN_MAX {
            return self.0.write(line);
        }
        // In one piece, as every line is handed over: whoever counts what is lost counts lines.
        let said = format!("{{\"level\":\"WARN\",\"message\":\"a line of {} bytes was left out\"}}\n", line.len());
        self.0.write_all(said.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether a line would quote what is written to a database, parameter by parameter: nobody is to ask for that.
fn quotes_parameters(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("tokio_postgres") && *metadata.level() > Level::INFO
}

#[cfg(test)]
mod tests {
    use super::*;

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
