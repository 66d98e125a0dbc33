//! Why certificates and revocation lists cannot be used.

use std::io;
use std::path::PathBuf;

use crate::files::SecretError;
use crate::files::pem::PemError;

/// Why certificates and revocation lists cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The key can be read by others.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// An input is not the PEM it should be.
    #[error("{what} {source}")]
    Pem {
        /// Which input.
        what: String,
        /// The cause.
        source: PemError,
    },
    /// A server cannot present the gateway's own certificate.
    #[error("the gateway's own certificate {0}")]
    Own(&'static str),
    /// The key does not fit the certificate, or similar.
    #[error("the gateway's own certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// A file is not a revocation list of RFC 5280.
    #[error("a revocation list cannot be read")]
    List,
    /// No authority's list is current, so nobody could connect.
    #[error("no authority has a revocation list that is current")]
    NoCurrentList,
    /// An authority would have no current list any more, while the one in force still is.
    #[error("the authority {0} would be left without a revocation list that is current")]
    ListLost(String),
    /// A revocation list cannot be parsed.
    #[error("the authorities or their revocation lists cannot be used: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}
