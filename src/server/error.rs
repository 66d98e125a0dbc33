//! Why a gateway did not start, or ended badly.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::accept;
use crate::config::ConfigError;
use crate::domain::ids::LogName;
use crate::ledger::CheckpointError;
use crate::recorder::RecorderError;
use crate::server::policies::{ReloadError, UnfitSet};

/// Why the gateway did not start, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Configuration or keys.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Policies.
    #[error(transparent)]
    Policies(#[from] UnfitSet),
    /// The policies could not come into force.
    #[error(transparent)]
    Activation(#[from] ReloadError),
    /// Agencies.
    #[error("the registry of agencies cannot be used: {0}")]
    Registry(#[from] crate::identity::registry::RegistryError),
    /// Certificates.
    #[error("the certificates cannot be used: {0}")]
    Trust(#[from] accept::TrustError),
    /// A time zone that is none.
    #[error(transparent)]
    Zone(#[from] crate::domain::zone::UnknownZone),
    /// The store.
    #[error("the store cannot be opened: {0}")]
    Store(#[from] crate::store::StoreError),
    /// The writer.
    #[error("the writer failed: {0}")]
    Recorder(#[from] RecorderError),
    /// A listener whose address is taken, or is none of this machine.
    #[error("the {listener} listener cannot be bound to {address} ([server] {key}): {source}")]
    Bind {
        /// Of gRPC or of the probes.
        listener: &'static str,
        /// Where it is said.
        key: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A thread.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A path at which there can be no store.
    #[error("the store cannot be at {}: {why}", path.display())]
    UnfitPlace {
        /// Where it was to be.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// A store that holds what the configuration keeps in another, or does not serve.
    #[error("{place} holds {log}, whose jurisdiction the configuration does not keep there")]
    KeptElsewhere {
        /// A log that is there.
        log: LogName,
        /// Where.
        place: String,
    },
    /// A store that has not grown from what was signed.
    #[error(transparent)]
    Against(#[from] AgainstError),
    /// A configuration that names no jurisdiction.
    #[error("no jurisdiction is served")]
    NoJurisdiction,
    /// A thread of ours ended in a panic.
    #[error("the thread {0} panicked")]
    Panicked(&'static str),
}

/// Why a store is not one that has grown from a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum AgainstError {
    /// It has been signed further than it goes.
    #[error(
        "{log} has {here} entries here, and {kept} were signed: the store is older than the checkpoint, or has lost its end. \
         Served, it would grow another log under the same key"
    )]
    Older {
        /// Which log.
        log: LogName,
        /// Its size in the store.
        here: u64,
        /// The size that was signed.
        kept: u64,
    },
    /// Up to the checkpoint it is another log.
    #[error("the first {kept} entries of {log} are not those that were signed")]
    Other {
        /// Which log.
        log: LogName,
        /// The size that was signed.
        kept: u64,
    },
    /// Of another log than those served.
    #[error("a checkpoint is of {0:?}, which is no log of this configuration")]
    Stranger(String),
    /// No checkpoint, or not of the key.
    #[error("what was kept is no checkpoint of this key: {0}")]
    NotOfTheKey(#[source] CheckpointError),
}
