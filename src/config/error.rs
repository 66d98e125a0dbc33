//! Why a configuration cannot be used.

use std::path::PathBuf;

use crate::files::SecretError;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or not of this shape.
    #[error("{}{place}: {why}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// From where on, and the key there.
        place: String,
        /// Why. It does not quote the file, which may hold a password.
        why: String,
    },
    /// Where the store is.
    #[error("the store: {0}")]
    Store(String),
    /// The address of a store.
    #[error(transparent)]
    Address(#[from] crate::store::StoreError),
    /// What checkpoints could not be named by.
    #[error(
        "[log] origin: must be a URL without its scheme, such as comity.example/exchange, of at most 128 characters"
    )]
    Origin,
    /// What no token could be for.
    #[error("[token] audience: must be printable ASCII without spaces, and not empty")]
    Audience,
    /// A key that cannot be read, or that others can read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Not a key.
    #[error("{} is not 64 hexadecimal digits", .0.display())]
    NotAKey(PathBuf),
    /// Not a signing key.
    #[error("{} is not a signing key: {source}", path.display())]
    NotASigningKey {
        /// Which.
        path: PathBuf,
        /// Why.
        source: crate::ledger::KeyError,
    },
}
