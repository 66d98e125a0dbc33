//! Why a gateway did not start, or ended with an error.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::accept;
use crate::config::ConfigError;
use crate::domain::ids::LogName;
use crate::ledger::CheckpointError;
use crate::recorder::{RecorderError, SubmitError};
use crate::server::policies::{ReloadError, UnfitSet};

/// Why a gateway did not start, or ended with an error.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The configuration or its keys cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The policies cannot be used.
    #[error(transparent)]
    Policies(#[from] UnfitSet),
    /// The policies could not be activated.
    #[error(transparent)]
    Activation(#[from] ReloadError),
    /// The registry of agencies cannot be used.
    #[error("the registry of agencies cannot be used: {0}")]
    Registry(#[from] crate::identity::registry::RegistryError),
    /// The certificates cannot be used.
    #[error("the certificates cannot be used: {0}")]
    Trust(#[from] accept::TrustError),
    /// A time zone is unknown.
    #[error(transparent)]
    Zone(#[from] crate::domain::zone::UnknownZone),
    /// The store cannot be opened.
    #[error("the store cannot be opened: {0}")]
    Store(#[from] crate::store::StoreError),
    /// The writer failed.
    #[error("the writer failed: {0}")]
    Recorder(#[from] RecorderError),
    /// A listener's address is taken, or is not an address of this machine.
    #[error("the {listener} listener cannot be bound to {address} ([server] {key}): {source}")]
    Bind {
        /// Which listener.
        listener: &'static str,
        /// The configuration key of the address.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// A thread could not be started or used.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// There cannot be a store at a path.
    #[error("the store cannot be at {}: {why}", path.display())]
    UnfitPlace {
        /// The path.
        path: PathBuf,
        /// The reason.
        why: &'static str,
    },
    /// A store holds a log that the configuration keeps in another store, or does not serve.
    #[error("{location} holds {log}, whose jurisdiction the configuration does not keep there")]
    KeptElsewhere {
        /// The log.
        log: LogName,
        /// The location of the store.
        location: String,
    },
    /// A store was restored from a backup, and nobody has held it against a checkpoint from outside since.
    #[error(
        "{location} was restored from a backup, and {log} was not held against a checkpoint from outside since: what was \
         recorded after the backup may not be in it. Start with --against, the newest checkpoint of each log that \
         anybody kept"
    )]
    Restored {
        /// The first such log.
        log: LogName,
        /// The location of the store.
        location: String,
    },
    /// The newest checkpoint of a log is signed by none of the signing keys.
    #[error(
        "the newest checkpoint of {0} is signed by none of the keys of [keys]: one that has signed and no longer does is named in `retired`"
    )]
    HeadOfOtherKey(LogName),
    /// A writer did not adopt other settings in time.
    #[error("the writer did not adopt it: {0}")]
    NotAdopted(SubmitError),
    /// A store does not contain what was signed.
    #[error(transparent)]
    Against(#[from] AgainstError),
    /// The witnesses cannot be asked as configured.
    #[error(transparent)]
    Witness(#[from] crate::witness::WitnessError),
    /// The audit log cannot be written.
    #[error("the audit log cannot be written: {0}")]
    Audit(io::Error),
    /// The configuration names no jurisdiction.
    #[error("no jurisdiction is served")]
    NoJurisdiction,
    /// A thread panicked.
    #[error("the thread {0} panicked")]
    Panicked(&'static str),
}

/// Why a store does not extend a checkpoint that was kept elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum AgainstError {
    /// The checkpoint covers more entries than the store has.
    #[error(
        "{log} has {here} entries here, and {kept} were signed: the store is older than the checkpoint, or has lost its end. \
         Served, it would grow another log under the same key"
    )]
    Older {
        /// The log.
        log: LogName,
        /// Its size in the store.
        here: u64,
        /// The size that was signed.
        kept: u64,
    },
    /// The log differs from the one that was signed.
    #[error("the first {kept} entries of {log} are not those that were signed")]
    Other {
        /// The log.
        log: LogName,
        /// The size that was signed.
        kept: u64,
    },
    /// A restored log goes on beyond every checkpoint that was given.
    #[error(
        "{log} was restored with {restored} entries, and what was kept goes as far as {kept}: it says nothing of what \
         came after. Bring a newer checkpoint of the log"
    )]
    NotAsFar {
        /// The log.
        log: LogName,
        /// Its size in the backup.
        restored: u64,
        /// The largest size of its checkpoints; 0 if none was given.
        kept: u64,
    },
    /// The checkpoint is of a log that is not served here.
    #[error("a checkpoint is of {0:?}, which is no log of this configuration")]
    Stranger(String),
    /// The text is not a checkpoint, or the key did not sign it.
    #[error("what was kept is no checkpoint of this key: {0}")]
    NotOfTheKey(#[source] CheckpointError),
}
