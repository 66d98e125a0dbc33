//! Why a configuration cannot be used.

use std::path::PathBuf;

use crate::files::SecretError;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not TOML, or has another structure.
    #[error("{}{place}: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The position of the fault, and the key there.
        place: String,
        /// The reason. It does not quote the file, which may hold a password.
        why: String,
    },
    /// The location of the store is not valid.
    #[error("the store: {0}")]
    Store(String),
    /// The address of a store is not valid.
    #[error(transparent)]
    Address(#[from] crate::store::StoreError),
    /// The origin cannot name checkpoints.
    #[error(
        "[log] origin: must be a URL without its scheme, such as comity.example/exchange, of at most 128 characters"
    )]
    Origin,
    /// The audience cannot be that of a token.
    #[error("[token] audience: must be printable ASCII without spaces, and not empty")]
    Audience,
    /// A key cannot be read, or others can read it.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A file is not a key.
    #[error("{} is not 64 hexadecimal digits", .0.display())]
    NotAKey(PathBuf),
    /// A retired key is not one.
    #[error("[keys] retired: {0}")]
    RetiredKey(crate::ledger::KeyError),
    /// A signer of policies is no key.
    #[error("[policy] signers: {0}")]
    PolicySigner(crate::ledger::KeyError),
    /// There are not as many signers of policies as must sign.
    #[error("[policy] signers: there must be `signatures_min` of them or more, each another key")]
    TooFewSigners,
    /// A key is named twice.
    #[error("[keys] one key is named twice: signer_name, beside and retired are different keys")]
    KeyTwice,
    /// A file is not a signing key.
    #[error("{} is not a signing key: {source}", path.display())]
    NotASigningKey {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: crate::ledger::KeyError,
    },
}
