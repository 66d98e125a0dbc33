//! Where spans are sent, and why they cannot be.

use std::path::PathBuf;

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
