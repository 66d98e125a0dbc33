//! The configuration, read once. Each room owns its part. Unknown keys are errors. Relative paths start at the file's
//! directory.

mod address;
mod changes;
mod error;
mod example;
mod named_files;
mod page;
pub mod reference;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use address::address;
pub use changes::{Difference, differences, in_force, keys_for_a_restart};
pub use error::ConfigError;
pub use example::example;
pub use named_files::{NamedFile, named_files};
pub use page::page;
pub use store::{ShardConfig, ShardLocation, StoreConfig, StoreUrl};

use crate::accept;
use crate::api::InboxConfig;
use crate::audit;
use crate::domain::ids::JurisdictionId;
use crate::domain::range::Within;
use crate::domain::timetable::ObligationTimes;
use crate::domain::timetable::ReviewTimes;
use crate::domain::{appeal, roster};
use crate::files::read_secret;
use crate::identity::rate;
use crate::identity::registry::RegistryConfig;
use crate::identity::token;
use crate::ledger::{Signer, VerifierKey, is_name};
use crate::recorder::{ClocksConfig, RecorderConfig};
use crate::witness::PushConfig;

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Jurisdictions whose logs this gateway keeps. Each needs a policy pack.
    #[schemars(example = ["us-ny"])]
    pub jurisdictions: BTreeSet<JurisdictionId>,
    /// For a jurisdiction that does not use its built-in time zone, the zone that it counts days in, by IANA name.
    #[serde(default)]
    pub time_zones: BTreeMap<JurisdictionId, String>,
    /// Listeners and limits.
    #[serde(default)]
    pub server: ServerConfig,
    /// The gateway's own certificate and the revocation lists.
    #[schemars(extend("x-live" = true))]
    pub tls: accept::TlsFiles,
    /// Limits of the acceptor.
    #[serde(default)]
    pub accept: accept::Config,
    /// The rate limit of each agency.
    #[serde(default)]
    #[schemars(extend("x-live" = true))]
    pub rate: rate::Config,
    /// Requirements on tokens.
    #[serde(default)]
    #[schemars(extend("x-live" = true))]
    pub token: token::Config,
    /// Names of the logs.
    pub log: LogConfig,
    /// Secrets of the gateway.
    pub keys: KeysConfig,
    /// Where the store is.
    pub store: StoreConfig,
    /// Where the policies are.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// The audit log.
    #[serde(default)]
    pub audit: audit::Config,
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
    /// Limits of rosters.
    #[serde(default)]
    pub roster: roster::Limits,
    /// When officers must have decided what is left to a person.
    #[serde(default)]
    pub review: ReviewTimes,
    /// When custodians must have met the obligations that the law adds.
    #[serde(default)]
    pub obligation: ObligationTimes,
    /// Witnesses of the logs.
    #[serde(default)]
    pub witness: PushConfig,
    /// The registry of agencies.
    #[schemars(extend("x-live" = true))]
    pub registry: RegistryConfig,
}

/// Listeners and limits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The address for gRPC over mutual TLS.
    #[serde(deserialize_with = "address::deserialized")]
    #[schemars(extend("format" = "address"))]
    pub listen: SocketAddr,
    /// The address for probes, in plain HTTP. Only operators should be able to reach it.
    #[serde(deserialize_with = "address::deserialized")]
    #[schemars(extend("format" = "address"))]
    pub ops_listen: SocketAddr,
    /// An address for the operators' console over mutual TLS, for agencies of the kind `operator`. Without it the console
    /// is on the address for probes alone, if that is a loopback address.
    #[serde(deserialize_with = "address::optional", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "address"))]
    pub console_listen: Option<SocketAddr>,
    /// Threads that serve connections; 0 for one on each core.
    #[serde(with = "Within::<0, 1024>")]
    pub workers: usize,
    /// Most calls in flight over all connections. More are refused with a retry hint.
    #[serde(with = "Within::<1, 1_000_000>")]
    #[schemars(extend("x-live" = true))]
    pub in_flight_max: usize,
    /// Most calls in flight of one agency, so that no agency takes them all.
    #[serde(with = "Within::<1, 1_000_000>")]
    #[schemars(extend("x-live" = true))]
    pub in_flight_per_agency_max: usize,
    /// Most open calls of one agency: calls without an answer, or with one that is not read yet, such as subscriptions
    /// and slow readers.
    #[serde(with = "Within::<1, 1_000_000>")]
    #[schemars(extend("x-live" = true))]
    pub open_per_agency_max: usize,
    /// Most bytes of incomplete requests, beyond the first 4 KiB of each. More are refused with a retry hint.
    #[serde(with = "Within::<16_777_216, 17_179_869_184>")]
    #[schemars(extend("x-unit" = "bytes", "x-live" = true))]
    pub buffered_len_max: usize,
    /// Most such bytes of one agency.
    #[serde(with = "Within::<16_777_216, 17_179_869_184>")]
    #[schemars(extend("x-unit" = "bytes", "x-live" = true))]
    pub buffered_len_per_agency_max: usize,
    /// Most streams on one connection.
    #[serde(with = "Within::<1, 10_000>")]
    pub streams_per_connection_max: u32,
    /// Longest message, in bytes.
    #[serde(with = "Within::<16_384, 16_777_216>")]
    #[schemars(extend("x-unit" = "bytes"))]
    pub message_len_max: usize,
    /// Longest time for a call, in milliseconds. A stream may last as long as its caller's certificate and token.
    #[serde(with = "Within::<100, 3_600_000>")]
    pub request_timeout_ms: u64,
    /// How long open calls may take to finish on shutdown, in milliseconds.
    #[serde(with = "Within::<0, 3_600_000>")]
    pub drain_timeout_ms: u64,
    /// How long a connection may be silent before it is pinged, in milliseconds.
    #[serde(with = "Within::<100, 3_600_000>")]
    pub keep_alive_interval_ms: u64,
    /// How long it may take to answer the ping, in milliseconds.
    #[serde(with = "Within::<100, 3_600_000>")]
    pub keep_alive_timeout_ms: u64,
    /// How often files are looked at, in milliseconds; 0: only on SIGHUP. They are the configuration, and those that `[tls]`,
    /// `[registry]` and the signing keys are in. A change is taken up when two looks in a row saw the same files.
    #[serde(with = "Within::<0, 86_400_000>")]
    pub look_every_ms: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8_443)),
            ops_listen: SocketAddr::from(([127, 0, 0, 1], 9_443)),
            console_listen: None,
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
            look_every_ms: 1_000,
        }
    }
}

impl ServerConfig {
    /// The addresses of all listeners.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        [self.listen, self.ops_listen].into_iter().chain(self.console_listen)
    }

    /// How many threads serve connections.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            count => count,
        }
    }
}

/// Names of the logs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The prefix of `/jurisdictions/{id}/logs/{log}` in the origin of a log's checkpoints: a URL without its scheme.
    #[schemars(example = "comity.example/exchange")]
    pub origin: String,
}

/// Secrets of the gateway. Each is a file in one directory that only its owner can read.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Holds `log-signing.pem`, `wrapping.key`, `pseudonym.key`, `request-digest.key` and `cursor.key`; and
    /// `audit-signing.pem`, if the audit log has a key of its own.
    #[schemars(extend("format" = "path"), example = &"keys")]
    pub directory: PathBuf,
    /// The name of the signing key in checkpoints (C2SP signed-note).
    #[schemars(extend("x-live" = true), example = "comity.example/gateway")]
    pub signer_name: String,
    /// Keys that sign beside it, while one is rolled into another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-live" = true))]
    pub beside: Vec<BesideKey>,
    /// Public keys, as C2SP verifier keys, that have signed earlier checkpoints and sign no longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-live" = true))]
    pub retired: Vec<String>,
}

/// A key that signs beside the first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BesideKey {
    /// Its name in checkpoints.
    pub name: String,
    /// Its file in the directory of keys.
    #[schemars(extend("format" = "secret"))]
    pub file: PathBuf,
}

/// Where the policies are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// A directory laid out like `policies/` in the source. Absent: the built-in packs.
    #[schemars(extend("format" = "path", "x-reread" = "SIGHUP, and every `look_every_ms`"))]
    pub directory: Option<PathBuf>,
    /// How often the directory is checked for changes, in milliseconds; 0: only on SIGHUP. A change is activated when
    /// two checks in a row saw the same files.
    #[serde(with = "Within::<0, 86_400_000>")]
    pub look_every_ms: u64,
    /// Public keys of those who sign policy sets, as C2SP verifier keys. With any, a set without their signatures is refused, the
    /// built-in one too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<String>,
    /// How many of them must have signed a set.
    #[serde(with = "Within::<1, 16>")]
    pub signatures_min: usize,
}

impl PolicyConfig {
    /// The keys of those who sign policy sets.
    pub fn signers(&self) -> Result<Vec<VerifierKey>, ConfigError> {
        let keys = self.signers.iter().map(|key| VerifierKey::parse(key).map_err(ConfigError::PolicySigner));
        let keys: Vec<VerifierKey> = keys.collect::<Result<_, _>>()?;
        let distinct: BTreeSet<&String> = self.signers.iter().collect();
        if !keys.is_empty() && (distinct.len() < self.signatures_min || distinct.len() < keys.len()) {
            return Err(ConfigError::TooFewSigners);
        }
        Ok(keys)
    }
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self { directory: None, look_every_ms: 3_000, signers: Vec::new(), signatures_min: 2 }
    }
}

impl Config {
    /// Reads a configuration file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| unreadable(path, source))?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            let place = error.span().map(|span| place_of(&text, span.start)).unwrap_or_default();
            ConfigError::Malformed { path: path.to_owned(), place, why: store::without_passwords(error.message()) }
        })
    }

    /// Checks what no section can check by itself.
    pub fn check(&self) -> Result<(), ConfigError> {
        let origin = &self.log.origin;
        let empty = origin.split('/').any(str::is_empty);
        // The longest name of a log is appended to it.
        if !is_name(origin) || origin.contains(':') || empty || origin.len() > ORIGIN_LEN_MAX {
            return Err(ConfigError::Origin);
        }
        let audience = &self.token.audience;
        if audience.is_empty() || !audience.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::Audience);
        }
        self.policy.signers().map(drop)
    }
}

/// A longer origin would leave no room for the name of a log.
const ORIGIN_LEN_MAX: usize = 128;

/// A position in a text, as `, line 3, key`. Only the key of the line is shown: its value may be a password.
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

/// File names of the secrets.
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
    /// Ed25519, PKCS#8 PEM: signs the audit log. If it is not there, [`SIGNING`] does.
    pub const AUDIT_SIGNING: &str = "audit-signing.pem";
    /// All that a gateway must have.
    pub const ALL: [&str; 5] = [SIGNING, WRAPPING, PSEUDONYM, REQUEST_DIGEST, CURSOR];
}

/// The secrets, as read.
pub struct Secrets {
    /// Signs checkpoints.
    pub signer: Signer,
    /// Signs the audit log.
    pub audit_signer: Signer,
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
    /// Reads every secret, and refuses one that others can read too.
    pub fn read(config: &KeysConfig, base: &Path) -> Result<Self, ConfigError> {
        let directory = base.join(&config.directory);
        let signer = read_signer(config, base)?;
        let own = directory.join(secret_files::AUDIT_SIGNING);
        let own = own.exists().then(|| read_key_of(&format!("{}-audit", config.signer_name), own)).transpose()?;
        Ok(Self {
            audit_signer: own.unwrap_or_else(|| signer.clone()),
            signer,
            wrapping: read_key(&directory.join(secret_files::WRAPPING))?,
            pseudonym: read_key(&directory.join(secret_files::PSEUDONYM))?,
            request_digest: read_key(&directory.join(secret_files::REQUEST_DIGEST))?,
            cursor: read_key(&directory.join(secret_files::CURSOR))?,
        })
    }
}

/// Reads the keys that sign checkpoints.
pub fn read_signer(config: &KeysConfig, base: &Path) -> Result<Signer, ConfigError> {
    let directory = base.join(&config.directory);
    let first = read_key_of(&config.signer_name, directory.join(secret_files::SIGNING))?;
    let beside = config.beside.iter().map(|key| read_key_of(&key.name, directory.join(&key.file)));
    let beside: Vec<Signer> = beside.collect::<Result<_, _>>()?;
    let retired = config.retired.iter().map(|key| VerifierKey::parse(key).map_err(ConfigError::RetiredKey));
    let retired: Vec<VerifierKey> = retired.collect::<Result<_, _>>()?;
    let signer = first.rolling(beside, retired);
    let mut seen = BTreeSet::new();
    if !signer.verifiers().iter().all(|key| seen.insert(key.to_string())) {
        return Err(ConfigError::KeyTwice);
    }
    Ok(signer)
}

fn read_key_of(name: &str, path: PathBuf) -> Result<Signer, ConfigError> {
    let pem = read_secret(&path)?;
    Signer::from_pem(name, &pem).map_err(|source| ConfigError::NotASigningKey { path, source })
}

/// Reads a key of 32 bytes, written as 64 hexadecimal digits.
pub fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let text = read_secret(path)?;
    let mut key = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(text.trim(), key.as_mut()).map_err(|_| ConfigError::NotAKey(path.to_owned()))?;
    Ok(key)
}

fn unreadable(path: &Path, source: std::io::Error) -> ConfigError {
    ConfigError::Unreadable { path: path.to_owned(), source }
}
