//! Logs as JSON lines on standard error; audit lines apart, since others keep them for longer.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, Result};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, FilterFn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The target of audit lines.
const AUDIT: &str = "audit";

/// Starts logging for the process.
pub(super) fn start(filter: Option<&str>, audit_log: Option<&Path>, quiet: bool) -> Result<()> {
    let filter = filter.unwrap_or(if quiet { "error" } else { "info" });
    let filter = EnvFilter::try_new(filter).context("the log filter cannot be read")?;
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(std::io::stderr)
        // One filter and not two: for two the registry keeps every span that either lets pass, those of HTTP/2 frames too.
        .with_filter(filter.and(FilterFn::new(|metadata| metadata.target() != AUDIT && !quotes_parameters(metadata))));
    let writer = match audit_log {
        None if quiet => BoxMakeWriter::new(std::io::sink),
        None => BoxMakeWriter::new(std::io::stderr),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            BoxMakeWriter::new(Mutex::new(file.with_context(|| format!("cannot open {}", path.display()))?))
        }
    };
    let audit = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(writer)
        .with_filter(FilterFn::new(|metadata| metadata.target() == AUDIT));
    tracing_subscriber::registry().with(logs).with(audit).try_init().context("logging was started twice")
}

/// Whether a line would quote what is written to a database, parameter by parameter: nobody is to ask for that.
fn quotes_parameters(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("tokio_postgres") && *metadata.level() > Level::INFO
}
