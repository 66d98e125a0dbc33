//! Why certificates and revocation lists cannot be used.

use std::io;
use std::path::PathBuf;

use crate::files::SecretError;
use crate::files::pem::PemError;

/// Certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key that others can read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Not the PEM it should be.
    #[error("{what} {source}")]
    Pem {
        /// Which of the inputs.
        what: String,
        /// Why.
        source: PemError,
    },
    /// The gateway's own certificate is none that a server can show.
    #[error("the gateway's own certificate {0}")]
    Own(&'static str),
    /// The key is not the certificate's, or the like.
    #[error("the gateway's own certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// What is no revocation list of RFC 5280.
    #[error("a revocation list cannot be read")]
    List,
    /// The lists of no authority are current: nobody could connect.
    #[error("no authority has a revocation list that is current")]
    NoCurrentList,
    /// An authority has no list that is current any more, and the one in force still is.
    #[error("the authority {0} would be left without a revocation list that is current")]
    ListLost(String),
    /// A revocation list does not parse.
    #[error("the authorities or their revocation lists cannot be used: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}
