//! Logs as JSON lines on standard error. Audit lines can go to their own file, since they are kept longer.

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

/// The default filter. Libraries log only errors, since their text about a peer may be the peer's text.
const FILTER: &str = "error,comity=info";
/// Longer lines are left out. Our own lines are shorter, and a peer must not fill a disk.
const LINE_LEN_MAX: usize = 4_096;

/// Starts logging for the process.
pub(super) fn start(filter: Option<&str>, audit: Option<&Arc<AuditFile>>, quiet: bool) -> Result<()> {
    let filter = filter.unwrap_or(if quiet { "error" } else { FILTER });
    let filter = EnvFilter::try_new(filter).context("the log filter cannot be read")?;
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(|| ShortLines(io::stderr()))
        // One combined filter: with two, the registry would keep every span that either accepts, including those of
        // HTTP/2 frames.
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
