//! Traces: the spans of a call, sent to an OpenTelemetry collector over OTLP (gRPC), where one is named. One tree a call:
//!
//! * `call`, which begins where its caller says it does (W3C Trace Context) and ends with its status;
//! * `admit`: limits, authentication and the question who may call what;
//! * `queue`: what a write waits until the writer takes it;
//! * `gate`: the question to the law;
//! * `commit`: signing the heads, and the transaction, until it is on the disk;
//! * `deliver`: what is handed out, as the answer to a write or a page of an inbox.
//!
//! A span says which method, agency, request and case it is of, and how it ended: nothing else leaves ([`described`]).
//! Spans that a collector does not take in time are dropped. No call ever waits for one.
//!
//! Without the feature `otlp` nothing here does anything.

#[cfg(feature = "otlp")]
mod collector;
#[cfg(feature = "otlp")]
mod described;
#[cfg(not(feature = "otlp"))]
mod left_out;
#[cfg(feature = "otlp")]
mod linked;

use std::path::PathBuf;

#[cfg(feature = "otlp")]
pub use collector::{Sending, layer};
#[cfg(not(feature = "otlp"))]
pub use left_out::{Sending, continue_from, ended, inject, layer};
#[cfg(feature = "otlp")]
pub use linked::{continue_from, ended, inject};

/// The target of the spans within a call. The log does not show them, since they say nothing that its lines do not.
pub const STEP: &str = "comity::step";
/// The header that says which trace a call belongs to (W3C Trace Context 3.2).
pub const TRACEPARENT: &str = "traceparent";

/// Where spans are sent, and how many of them.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The URL of the collector, `http://` or `https://`.
    pub collector: String,
    /// The certificates, as PEM, that the collector's own must lead to. For `https://`.
    pub authorities: Option<PathBuf>,
    /// The share of calls that are traced, from 0 to 1.
    pub share: f64,
}

/// Why no spans can be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// This program was built without the feature.
    #[error("this program was built without the feature `otlp`")]
    LeftOut,
    /// The share is not a share.
    #[error("the share of calls that are traced is from 0 to 1")]
    NoShare,
    /// A collector at an `https://` URL, and nothing that vouches for it.
    #[error("a collector at an https:// URL needs the certificates that vouch for it")]
    NoAuthorities,
    /// The authorities cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The collector's URL, or what was asked of it, cannot be used.
    #[error("the collector cannot be used: {0}")]
    Collector(String),
    /// No thread could be started.
    #[error("the thread that sends spans cannot be started: {0}")]
    Thread(std::io::Error),
}
