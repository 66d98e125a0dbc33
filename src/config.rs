//! The configuration, read once. Each module owns its part; unknown keys are errors; relative paths start at the file.

mod address;
mod error;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use address::address;
pub use error::ConfigError;
pub use store::{ShardConfig, ShardLocation, StoreConfig, StoreUrl};

use crate::accept;
use crate::api::InboxConfig;
use crate::domain::appeal;
use crate::domain::ids::JurisdictionId;
use crate::domain::obligation::ObligationTimes;
use crate::domain::range::within;
use crate::domain::review::ReviewTimes;
use crate::files::read_secret;
use crate::identity::rate;
use crate::identity::registry::RegistryConfig;
use crate::identity::token;
use crate::ledger::{Signer, is_name};
use crate::recorder::{ClocksConfig, RecorderConfig};

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Jurisdictions whose logs this gateway keeps. Each needs a policy pack.
    pub jurisdictions: BTreeSet<JurisdictionId>,
    /// The time zone that a jurisdiction counts its days in, by IANA name, where it is not the one built in.
    #[serde(default)]
    pub time_zones: BTreeMap<JurisdictionId, String>,
    /// Listeners and limits.
    #[serde(default)]
    pub server: ServerConfig,
    /// The gateway's own certificate, and revocation lists.
    pub tls: accept::TlsFiles,
    /// Limits of the acceptor.
    #[serde(default)]
    pub accept: accept::Config,
    /// Calls of one agency.
    #[serde(default)]
    pub rate: rate::Config,
    /// What a token must be.
    #[serde(default)]
    pub token: token::Config,
    /// Names of the logs.
    pub log: LogConfig,
    /// Secrets of the gateway.
    pub keys: KeysConfig,
    /// Where everything durable is.
    pub store: StoreConfig,
    /// Where the law is.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// Limits of the writer.
    #[serde(default)]
    pub recorder: RecorderConfig,
    /// How long the legal clocks run.
    #[serde(default)]
    pub clocks: ClocksConfig,
    /// Limits of subscriptions.
    #[serde(default)]
    pub inbox: InboxConfig,
    /// Limits of appeals.
    #[serde(default)]
    pub appeals: appeal::Limits,
    /// By when officers are to decide what is left to a person.
    #[serde(default)]
    pub review: ReviewTimes,
    /// By when custodians are to do what the law asks besides.
    #[serde(default)]
    pub obligation: ObligationTimes,
    /// Who is who.
    pub registry: RegistryConfig,
}

/// Listeners and limits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// gRPC over mutual TLS.
    #[serde(deserialize_with = "address::deserialized")]
    pub listen: SocketAddr,
    /// Probes, in plain HTTP. Keep it on an address that only the machine's keepers reach.
    #[serde(deserialize_with = "address::deserialized")]
    pub ops_listen: SocketAddr,
    /// Threads that serve connections; 0: one a core.
    #[serde(deserialize_with = "within::<_, _, 0, 1024>")]
    pub workers: usize,
    /// Calls in flight over all connections; more are refused with a hint.
    #[serde(deserialize_with = "within::<_, _, 1, 1_000_000>")]
    pub in_flight_max: usize,
    /// Calls of one agency among them, so that none can take them all.
    #[serde(deserialize_with = "within::<_, _, 1, 1_000_000>")]
    pub in_flight_per_agency_max: usize,
    /// Calls of one agency that are not answered, or whose answer is not read yet: subscriptions and slow readers among them.
    #[serde(deserialize_with = "within::<_, _, 1, 1_000_000>")]
    pub open_per_agency_max: usize,
    /// Bytes of requests that are not whole yet, beyond the first 4 KiB of each; more are refused with a hint.
    #[serde(deserialize_with = "within::<_, _, 16_777_216, 17_179_869_184>")]
    pub buffered_len_max: usize,
    /// Those of one agency among them.
    #[serde(deserialize_with = "within::<_, _, 16_777_216, 17_179_869_184>")]
    pub buffered_len_per_agency_max: usize,
    /// Streams on one connection.
    #[serde(deserialize_with = "within::<_, _, 1, 10_000>")]
    pub streams_per_connection_max: u32,
    /// Longest message, in bytes.
    #[serde(deserialize_with = "within::<_, _, 16_384, 16_777_216>")]
    pub message_len_max: usize,
    /// Longest a call may take, in milliseconds. A stream may last as long as its caller's proof.
    #[serde(deserialize_with = "within::<_, _, 100, 3_600_000>")]
    pub request_timeout_ms: u64,
    /// How long calls under way may take to finish on shutdown, in milliseconds.
    #[serde(deserialize_with = "within::<_, _, 0, 3_600_000>")]
    pub drain_timeout_ms: u64,
    /// How long a connection may be silent before it is asked for a sign of life, in milliseconds.
    #[serde(deserialize_with = "within::<_, _, 100, 3_600_000>")]
    pub keep_alive_interval_ms: u64,
    /// How long it may take to give one, in milliseconds.
    #[serde(deserialize_with = "within::<_, _, 100, 3_600_000>")]
    pub keep_alive_timeout_ms: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8_443)),
            ops_listen: SocketAddr::from(([127, 0, 0, 1], 9_443)),
            workers: 0,
            in_flight_max: 2_048,
            in_flight_per_agency_max: 512,
            open_per_agency_max: 2_048,
            buffered_len_max: 64 * 1_024 * 1_024,
            buffered_len_per_agency_max: 16 * 1_024 * 1_024,
            streams_per_connection_max: 100,
            message_len_max: 256 * 1_024,
            request_timeout_ms: 10_000,
            drain_timeout_ms: 10_000,
            keep_alive_interval_ms: 30_000,
            keep_alive_timeout_ms: 20_000,
        }
    }
}

impl ServerConfig {
    /// Threads that serve connections.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            count => count,
        }
    }
}

/// Names of the logs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Before `/jurisdictions/{id}/logs/{log}`, gives the origin of a log's checkpoints. A schema-less URL.
    pub origin: String,
}

/// Secrets of the gateway, each a file in one directory that only its owner can read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Holds `log-signing.pem`, `wrapping.key`, `pseudonym.key`, `request-digest.key`, `cursor.key`.
    pub directory: PathBuf,
    /// Name of the signing key in checkpoints (C2SP signed-note).
    pub signer_name: String,
}

/// Where the law is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// A directory laid out as `policies/` of the source. Absent: the packs built in.
    pub directory: Option<PathBuf>,
    /// How often the directory is looked at for a change, in milliseconds; 0: only on SIGHUP. What has changed is taken up
    /// when it was the same at two looks.
    #[serde(deserialize_with = "within::<_, _, 0, 86_400_000>")]
    pub look_every_ms: u64,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self { directory: None, look_every_ms: 3_000 }
    }
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| unreadable(path, source))?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            let place = error.span().map(|span| place_of(&text, span.start)).unwrap_or_default();
            ConfigError::Malformed { path: path.to_owned(), place, why: store::without_passwords(error.message()) }
        })
    }

    /// What no part of it can be wrong in by itself.
    pub fn check(&self) -> Result<(), ConfigError> {
        let origin = &self.log.origin;
        let empty = origin.split('/').any(str::is_empty);
        // The longest name of a log is put behind it.
        if !is_name(origin) || origin.contains(':') || empty || origin.len() > ORIGIN_LEN_MAX {
            return Err(ConfigError::Origin);
        }
        let audience = &self.token.audience;
        if audience.is_empty() || !audience.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::Audience);
        }
        Ok(())
    }
}

/// Longer ones would leave no room for the name of a log.
const ORIGIN_LEN_MAX: usize = 128;

/// Where in a text, as `, line 3, key`. Of the line nothing is shown but its key: behind it may be a password.
fn place_of(text: &str, at: usize) -> String {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let line = before.matches('\n').count().saturating_add(1);
    let begun = before.rsplit('\n').next().unwrap_or_default();
    let ended = after.split('\n').next().unwrap_or_default();
    let whole = format!("{begun}{ended}");
    let key = whole.split_once('=').map(|(key, _)| key.trim());
    let plain = |key: &&str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let key = key.filter(plain).map(|key| format!(", {key}")).unwrap_or_default();
    format!(", line {line}{key}")
}

/// Names of the secrets in their directory.
pub mod secret_files {
    /// Ed25519, PKCS#8 PEM: signs checkpoints.
    pub const SIGNING: &str = "log-signing.pem";
    /// Wraps the data key of each case.
    pub const WRAPPING: &str = "wrapping.key";
    /// Turns officers into pseudonyms.
    pub const PSEUDONYM: &str = "pseudonym.key";
    /// Digests requests.
    pub const REQUEST_DIGEST: &str = "request-digest.key";
    /// Authenticates cursors.
    pub const CURSOR: &str = "cursor.key";
}

/// The secrets, as read.
pub struct Secrets {
    /// Signs checkpoints.
    pub signer: Signer,
    /// Wraps the data key of each case.
    pub wrapping: Zeroizing<[u8; 32]>,
    /// Turns officers into pseudonyms.
    pub pseudonym: Zeroizing<[u8; 32]>,
    /// Digests requests.
    pub request_digest: Zeroizing<[u8; 32]>,
    /// Authenticates cursors.
    pub cursor: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(withheld)")
    }
}

impl Secrets {
    /// Reads every secret; refuses one that others can read too.
    pub fn read(config: &KeysConfig, base: &Path) -> Result<Self, ConfigError> {
        let directory = base.join(&config.directory);
        let signing = directory.join(secret_files::SIGNING);
        let pem = read_secret(&signing)?;
        let signer = Signer::from_pem(&config.signer_name, &pem)
            .map_err(|source| ConfigError::NotASigningKey { path: signing, source })?;
        Ok(Self {
            signer,
            wrapping: read_key(&directory.join(secret_files::WRAPPING))?,
            pseudonym: read_key(&directory.join(secret_files::PSEUDONYM))?,
            request_digest: read_key(&directory.join(secret_files::REQUEST_DIGEST))?,
            cursor: read_key(&directory.join(secret_files::CURSOR))?,
        })
    }
}

/// A key of 32 bytes, as 64 hexadecimal digits.
pub fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let text = read_secret(path)?;
    let mut key = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(text.trim(), key.as_mut()).map_err(|_| ConfigError::NotAKey(path.to_owned()))?;
    Ok(key)
}

fn unreadable(path: &Path, source: std::io::Error) -> ConfigError {
    ConfigError::Unreadable { path: path.to_owned(), source }
}
