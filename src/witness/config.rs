//! The configuration of both sides: of a witness, and of a gateway that pushes to witnesses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::http::{HttpClient, HttpError, HttpUrl};
use crate::domain::ids::{JurisdictionId, LogName};
use crate::domain::range::Within;
use crate::files::SecretError;
use crate::files::pem::PemError;
use crate::ledger::{KeyError, TrustPolicy, TrustPolicyError, VerifierKey, is_name};

/// Why a witness, or the pushing to witnesses, cannot be configured so.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file or directory cannot be made.
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A secret cannot be read, or others can read it.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The configuration is not TOML, or has another structure.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The witness's name cannot name a key.
    #[error("name: must have no space, plus sign or control character, and at most 255 bytes")]
    Name,
    /// The keys cannot be used.
    #[error("{}: {source}", path.display())]
    Keys {
        /// Their file.
        path: PathBuf,
        /// The reason.
        source: KeyError,
    },
    /// The directory belongs to other keys or another name.
    #[error("{} does not name the keys of this witness: its heads were cosigned under others", .0.display())]
    OtherKeys(PathBuf),
    /// Another process has the heads open.
    #[error("another witness has {} open", .0.display())]
    InUse(PathBuf),
    /// A stored head is not one that this witness cosigned.
    #[error(
        "{} is no head of {origin} that this witness cosigned. It is not begun anew: it could then cosign a fork. Retire the \
         witness (docs/witness.md)", path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// The log.
        origin: String,
    },
    /// A log is configured twice, has no name, or has no key.
    #[error("[[log]] {0}: each needs an origin of its own, one line of at most 255 bytes, and a key")]
    Log(String),
    /// A log's key.
    #[error("[[log]] {origin}: {source}")]
    LogKey {
        /// The log.
        origin: String,
        /// The reason.
        source: KeyError,
    },
    /// A log can only be followed by its name at a gateway.
    #[error("[[log]] {0}: to be followed, its origin must end in jurisdictions/ID/logs/NAME")]
    Followed(String),
    /// Without TLS only this machine may be served.
    #[error("listen: {0} is not of this machine alone, so it needs [tls]")]
    Exposed(SocketAddr),
    /// The certificate cannot be used.
    #[error("[tls]: {0}")]
    Tls(String),
    /// A policy file is not one.
    #[error("{}: {source}", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// The line at fault.
        source: TrustPolicyError,
    },
    /// A policy has no witness, or one that cannot be asked.
    #[error("{}: {why}", path.display())]
    Unasked {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// Trust in the witnesses' certificates.
    #[error("[witness] authorities: {0}")]
    Authorities(PemError),
    /// The HTTP client.
    #[error("[witness] {0}")]
    Http(#[from] HttpError),
    /// A custody log's witnesses are configured for a jurisdiction that is not served.
    #[error("[witness] custody: {0} is not served")]
    NotServed(JurisdictionId),
}

/// The configuration of `comity witness`. Relative paths start at its file's directory.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// The name under which it cosigns: a URL without its scheme.
    #[schemars(example = "witness.example.gov/1")]
    pub name: String,
    /// Where its keys and heads are, as `comity witness init` made them.
    #[schemars(extend("format" = "path"), example = ".")]
    pub directory: PathBuf,
    /// The address for `add-checkpoint`.
    #[serde(default = "listen")]
    #[schemars(extend("format" = "address"))]
    pub listen: SocketAddr,
    /// The address for probes, in plain HTTP.
    #[serde(default = "ops_listen")]
    #[schemars(extend("format" = "address"))]
    pub ops_listen: SocketAddr,
    /// Its certificate. Without it only an address of this machine may be listened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// The logs that it watches.
    #[serde(default, rename = "log", skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogConfig>,
}

/// The certificate of a witness.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The chain, PEM, leaf first.
    #[schemars(extend("format" = "path"))]
    pub certificate: PathBuf,
    /// The private key, PEM.
    #[schemars(extend("format" = "secret"))]
    pub key: PathBuf,
}

/// A log that is watched.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The first line of its checkpoints.
    pub origin: String,
    /// Its public keys, as C2SP verifier keys. Several while a key is rolled.
    pub keys: Vec<String>,
    /// The gateway to ask, if nobody pushes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow: Option<FollowConfig>,
}

/// How a gateway is asked for its heads. The agency's certificate is enough: no token is sent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowConfig {
    /// `host:port`, or several gateways of the same logs separated by commas.
    pub address: String,
    /// The name that the gateway's certificate must have.
    pub server_name: String,
    /// The authorities that may vouch for the gateway, PEM.
    #[schemars(extend("format" = "path", "x-reread" = "when it asks"))]
    pub authorities: PathBuf,
    /// The agency's certificate chain, PEM.
    #[schemars(extend("format" = "path", "x-reread" = "when it asks"))]
    pub certificate: PathBuf,
    /// Its private key, PEM.
    #[schemars(extend("format" = "secret", "x-reread" = "when it asks"))]
    pub key: PathBuf,
    /// How often to ask, in milliseconds.
    #[serde(default = "follow_every_ms", with = "Within::<100, 86_400_000>")]
    pub every_ms: u64,
}

fn listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7_443))
}

fn ops_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7_444))
}

fn follow_every_ms() -> u64 {
    10_000
}

/// A log that is watched, as read.
#[derive(Debug, Clone)]
pub struct WatchedLog {
    /// The first line of its checkpoints.
    pub(super) origin: String,
    /// Its public keys.
    pub(super) keys: Vec<VerifierKey>,
}

impl WitnessConfig {
    /// Reads a configuration file.
    pub fn read(path: &Path) -> Result<Self, WitnessError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| WitnessError::Unreadable { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count());
            let line = line.map(|line| format!("line {}: ", line.saturating_add(1))).unwrap_or_default();
            WitnessError::Malformed { path: path.to_owned(), why: format!("{line}{}", error.message()) }
        })
    }

    /// The configuration of a witness in the directory of its keys, which watches nothing yet.
    pub fn begin(name: &str) -> Self {
        let (listen, ops_listen) = (listen(), ops_listen());
        Self { name: name.to_owned(), directory: ".".into(), listen, ops_listen, tls: None, logs: Vec::new() }
    }

    /// Checks what no key can check by itself, and reads the keys of the logs.
    pub fn watched(&self) -> Result<Vec<WatchedLog>, WitnessError> {
        if !is_name(&self.name) {
            return Err(WitnessError::Name);
        }
        if self.tls.is_none() && !self.listen.ip().is_loopback() {
            return Err(WitnessError::Exposed(self.listen));
        }
        let mut origins = BTreeSet::new();
        let mut watched = Vec::new();
        for LogConfig { origin, keys, follow } in &self.logs {
            let plain = !origin.is_empty() && origin.len() <= 255 && !origin.contains(char::is_control);
            if !plain || keys.is_empty() || !origins.insert(origin) {
                return Err(WitnessError::Log(origin.escape_debug().to_string()));
            }
            let key = |text: &String| {
                VerifierKey::parse(text).map_err(|source| WitnessError::LogKey { origin: origin.clone(), source })
            };
            let keys = keys.iter().map(key).collect::<Result<_, _>>()?;
            if follow.is_some() && log_of(origin).is_none() {
                return Err(WitnessError::Followed(origin.clone()));
            }
            watched.push(WatchedLog { origin: origin.clone(), keys });
        }
        Ok(watched)
    }
}

/// The log that an origin names: its origin is the gateway's prefix and the log.
pub(super) fn log_of(origin: &str) -> Option<LogName> {
    let at = origin.find("/jurisdictions/")?;
    origin.get(at.checked_add(1)?..)?.parse().ok()
}

/// A gateway's witnesses.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PushConfig {
    /// The policy of the exchange logs (C2SP tlog-policy): each witness with the URL where it takes checkpoints, and the quorum.
    /// Absent: nobody is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub policy: Option<PathBuf>,
    /// The policies of custody logs, by jurisdiction. Their witnesses learn how large the log is and when it grows: they MUST
    /// be the jurisdiction's own or its oversight's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("format" = "path"))]
    pub custody: BTreeMap<JurisdictionId, PathBuf>,
    /// The authorities that may vouch for witnesses with an `https` URL, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub authorities: Option<PathBuf>,
    /// How long to wait at least between two pushes of a log, in milliseconds.
    #[serde(with = "Within::<10, 86_400_000>")]
    pub push_every_ms: u64,
    /// How long a witness may take to answer, in milliseconds.
    #[serde(with = "Within::<100, 60_000>")]
    pub timeout_ms: u64,
}

impl Default for PushConfig {
    fn default() -> Self {
        Self { policy: None, custody: BTreeMap::new(), authorities: None, push_every_ms: 1_000, timeout_ms: 5_000 }
    }
}

/// A policy with the address of each witness, in order.
#[derive(Debug)]
pub(crate) struct AskedPolicy {
    pub(crate) policy: TrustPolicy,
    pub(super) urls: Vec<HttpUrl>,
}

/// Everything that pushing needs, as read.
#[derive(Debug, Clone)]
pub struct PushPlan {
    pub(super) policies: BTreeMap<LogName, Arc<AskedPolicy>>,
    pub(super) client: HttpClient,
    pub(super) every_ms: u64,
}

impl PushConfig {
    /// Reads the policies, and checks that each witness can be asked. Asks nobody.
    pub fn plan(&self, base: &Path, served: &BTreeSet<JurisdictionId>) -> Result<PushPlan, WitnessError> {
        let authorities = self.authorities.as_ref().map(|path| {
            let path = base.join(path);
            std::fs::read(&path).map_err(|source| WitnessError::Unreadable { path, source })
        });
        let authorities = authorities.transpose()?;
        let client = HttpClient::new(authorities.as_deref(), self.timeout_ms)?;
        let mut policies = BTreeMap::new();
        if let Some(path) = &self.policy {
            let asked = Arc::new(asked(&base.join(path), authorities.is_some())?);
            for jurisdiction in served {
                let [exchange, _] = LogName::both_of(jurisdiction);
                policies.insert(exchange, Arc::clone(&asked));
            }
        }
        for (jurisdiction, path) in &self.custody {
            if !served.contains(jurisdiction) {
                return Err(WitnessError::NotServed(jurisdiction.clone()));
            }
            let [_, custody] = LogName::both_of(jurisdiction);
            policies.insert(custody, Arc::new(asked(&base.join(path), authorities.is_some())?));
        }
        Ok(PushPlan { policies, client, every_ms: self.push_every_ms })
    }
}

impl PushPlan {
    /// Whether nobody is asked.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// Where witnesses are asked: each host with its port, once.
    pub fn hosts(&self) -> BTreeSet<(&str, u16)> {
        self.policies.values().flat_map(|asked| &asked.urls).map(HttpUrl::host_and_port).collect()
    }
}

fn asked(path: &Path, has_authorities: bool) -> Result<AskedPolicy, WitnessError> {
    let bytes = std::fs::read(path).map_err(|source| WitnessError::Unreadable { path: path.to_owned(), source })?;
    let policy = TrustPolicy::parse(&bytes).map_err(|source| WitnessError::Policy { path: path.to_owned(), source })?;
    let unasked = |why: String| WitnessError::Unasked { path: path.to_owned(), why };
    if policy.witnesses().is_empty() {
        return Err(unasked("there is no witness line".to_owned()));
    }
    let mut urls = Vec::new();
    for witness in policy.witnesses() {
        let name = &witness.name;
        let url = witness.url.as_deref().ok_or_else(|| unasked(format!("the witness {name} has no URL")))?;
        let url = HttpUrl::parse(url).map_err(|error| unasked(format!("the witness {name}: {error}")))?;
        if url.is_https() && !has_authorities {
            return Err(unasked(format!("the witness {name} has an https URL, and [witness] authorities is not set")));
        }
        urls.push(url);
    }
    Ok(AskedPolicy { policy, urls })
}
