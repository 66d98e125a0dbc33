//! What a handshake trusts: our certificate, the agencies' authorities, and the revocation lists. All of it is replaced
//! together.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::TLS13;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accept::error::TrustError;
use crate::accept::lists::{RevocationList, verifier};
use crate::accept::refusal::Refusal;
use crate::files::pem;
use crate::files::read_secret;
use crate::identity::certificate::{identify, time_of};
use crate::identity::clock::{WallClock, unix_time};
use crate::identity::registry::Registry;

/// The files of the server's own certificate and of the revocation lists.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The server's chain, leaf first, PEM.
    #[schemars(extend("format" = "path"), example = "certs/gateway.pem")]
    pub certificate: PathBuf,
    /// Its private key, PEM.
    #[schemars(extend("format" = "secret"), example = "certs/gateway.key")]
    pub key: PathBuf,
    /// Revocation lists, PEM. All lists in a file are read. With none, revocation is not checked. With any, every
    /// authority needs a current list, since an unknown status is refused. All current lists of an authority apply.
    #[serde(default)]
    #[schemars(extend("format" = "path"), example = ["certs/us-ny.crl.pem"])]
    pub revocation_lists: Vec<PathBuf>,
}

/// The server's certificate and key, and the revocation lists, as loaded.
pub struct TlsMaterial {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    lists: Vec<RevocationList>,
}

impl TlsMaterial {
    /// Reads the files. Relative paths start at `base`.
    pub fn read(files: &TlsFiles, base: &Path) -> Result<Self, TrustError> {
        let read = |path: &Path| {
            let path = base.join(path);
            std::fs::read(&path).map_err(|source| TrustError::Unreadable { path, source })
        };
        let mut lists = Vec::new();
        for path in &files.revocation_lists {
            lists.push((format!("the revocation list {}", path.display()), read(path)?));
        }
        let key = read_secret(&base.join(&files.key))?;
        Self::of(&read(&files.certificate)?, key.as_bytes(), &lists)
    }

    /// Reads PEM texts.
    pub fn from_pem(chain: &[u8], key: &[u8], revocation_lists: &[impl AsRef<[u8]>]) -> Result<Self, TrustError> {
        let named = revocation_lists.iter().map(|list| ("a revocation list".to_owned(), list.as_ref().to_vec()));
        Self::of(chain, key, &named.collect::<Vec<_>>())
    }

    fn of(chain: &[u8], key: &[u8], lists: &[(String, Vec<u8>)]) -> Result<Self, TrustError> {
        let unusable = |what: &str| {
            let what = what.to_owned();
            move |source| TrustError::Pem { what, source }
        };
        let mut read = Vec::new();
        for (name, list) in lists {
            for der in pem::revocation_lists(list).map_err(unusable(name))? {
                read.push(RevocationList::read(der)?);
            }
        }
        Ok(Self {
            chain: pem::certificates(chain).map_err(unusable("the server certificate"))?,
            key: pem::private_key(key).map_err(unusable("the server key"))?,
            lists: read,
        })
    }

    /// The validity period of the gateway's own certificate. An error if no client would ever accept it.
    fn own_validity(&self) -> Result<Validity, TrustError> {
        let leaf = self.chain.first().ok_or(TrustError::Own("is missing"))?;
        let (_, leaf) = x509_parser::parse_x509_certificate(leaf).map_err(|_| TrustError::Own("cannot be read"))?;
        let usage = leaf.extended_key_usage().map_err(|_| TrustError::Own("has a malformed usage"))?;
        if usage.is_some_and(|usage| !usage.value.server_auth && !usage.value.any) {
            return Err(TrustError::Own("may not be a server's (extended key usage)"));
        }
        if leaf.is_ca() {
            return Err(TrustError::Own("is an authority's"));
        }
        let validity = leaf.validity();
        Ok(Validity { begins: time_of(validity.not_before), ends: time_of(validity.not_after) })
    }
}

impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial").field("lists", &self.lists.len()).finish_non_exhaustive()
    }
}

/// A validity period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The beginning of the period.
    pub begins: Timestamp,
    /// The end of the period.
    pub ends: Timestamp,
}

impl Validity {
    /// Whether the last fifth of the period has begun. By then it should have been renewed.
    pub fn is_late(self, now: Timestamp) -> bool {
        let whole = self.ends.duration_since(self.begins);
        self.ends.duration_since(now) * 5 <= whole
    }
}

/// When the certificate and the revocation lists expire.
#[derive(Debug, Clone)]
pub struct Expiries {
    /// The gateway's own certificate.
    pub own: Validity,
    /// For each authority, by its id, the validity of its list that ends last, or `None` if it has no list. Empty if
    /// there are no lists at all and revocation is not checked.
    pub lists: Vec<(String, Option<Validity>)>,
    /// The end of the authorities' certificates, of the first one to end.
    pub authorities_end: Option<Timestamp>,
}

impl Expiries {
    /// When a certificate and lists expire, whether or not anybody could connect with them.
    pub fn of(material: &TlsMaterial, registry: &Registry) -> Result<Self, TrustError> {
        let mut lists = Vec::new();
        for authority in registry.authorities().iter().filter(|_| !material.lists.is_empty()) {
            let own = material.lists.iter().filter(|list| authority.is_named(&list.issuer));
            let newest = own.max_by_key(|list| list.ends);
            lists.push((authority.id.clone(), newest.map(|list| Validity { begins: list.begins, ends: list.ends })));
        }
        let authorities_end = registry.authority_ends().map(|(_, ends)| ends).min();
        Ok(Self { own: material.own_validity()?, lists, authorities_end })
    }

    /// Checks that somebody can connect now.
    fn check(&self, now: Timestamp) -> Result<(), TrustError> {
        if now < self.own.begins {
            return Err(TrustError::Own("is not good yet"));
        }
        if self.own.ends <= now {
            return Err(TrustError::Own("has expired"));
        }
        if !self.lists.is_empty() && !self.lists.iter().any(|(_, term)| is_current(*term, now)) {
            return Err(TrustError::NoCurrentList);
        }
        Ok(())
    }

    /// Whether [`Self::warnings`] has one about the gateway's own certificate.
    pub fn own_ends_soon(&self, now: Timestamp) -> bool {
        self.own.ends <= now || self.own.is_late(now)
    }

    /// Whether [`Self::warnings`] has one about the list of an authority.
    pub fn a_list_ends_soon(&self, now: Timestamp) -> bool {
        self.lists.iter().any(|(_, term)| !is_current(*term, now) || term.is_some_and(|term| term.is_late(now)))
    }

    /// What an operator should look at. None of it prevents serving.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.own.ends <= now {
            warnings.push("the gateway's own certificate has expired: nobody can connect".to_owned());
        } else if self.own.is_late(now) {
            warnings.push(format!("the gateway's own certificate ends at {}", self.own.ends));
        }
        if self.lists.is_empty() {
            warnings.push("revocation is not checked: no list is configured".to_owned());
        }
        for (authority, term) in &self.lists {
            warnings.extend(match term {
                None => Some(format!("the authority {authority} has no revocation list: its agencies are refused")),
                Some(term) if !is_current(Some(*term), now) => {
                    Some(format!("the revocation list of {authority} is not current: its agencies are refused"))
                }
                Some(term) if term.is_late(now) => {
                    Some(format!("the revocation list of {authority} ends at {}", term.ends))
                }
                Some(_) => None,
            });
        }
        warnings
    }
}

fn is_current(term: Option<Validity>, now: Timestamp) -> bool {
    term.is_some_and(|term| term.begins <= now && now < term.ends)
}

/// The certificate, registry and verifier that are in force together.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) server: Arc<ServerConfig>,
    pub(super) registry: Arc<Registry>,
    pub(super) expiries: Expiries,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Trust {
    pub(super) fn new(material: TlsMaterial, registry: Arc<Registry>, clock: WallClock) -> Result<Self, TrustError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let now = clock.now();
        let expiries = Expiries::of(&material, &registry)?;
        expiries.check(now)?;
        let verifier = verifier(&Arc::new(registry.trust_anchors()?), &material.lists, now, &provider)?;
        let mut server = ServerConfig::builder_with_details(provider, Arc::new(clock))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::clone(&verifier))
            .with_single_cert(material.chain, material.key)?;
        server.alpn_protocols = vec![b"h2".to_vec()];
        // No resumption: a ticket would outlive a revocation list.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self { server: Arc::new(server), registry, expiries, verifier })
    }

    /// Checks that no authority with a current list would lose it.
    pub(super) fn check_no_list_lost(&self, before: &Self, now: Timestamp) -> Result<(), TrustError> {
        for (authority, term) in &self.expiries.lists {
            let had = before.expiries.lists.iter().find(|(id, _)| id == authority).and_then(|(_, term)| *term);
            if is_current(had, now) && !is_current(*term, now) {
                return Err(TrustError::ListLost(authority.clone()));
            }
        }
        Ok(())
    }

    /// Whether a certificate chain that was accepted before would be accepted now.
    pub(super) fn check(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<(), Refusal> {
        identify(chain, &self.registry, now)?;
        if let Some((leaf, intermediates)) = chain.split_first() {
            self.verifier.verify_client_cert(leaf, intermediates, unix_time(now))?;
        }
        Ok(())
    }
}
