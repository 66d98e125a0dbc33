//! What a handshake trusts: our certificate, the agencies' authorities, and the revocation lists. Replaced as a whole.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use serde::{Deserialize, Serialize};

use crate::identity::certificate::identify;
use crate::identity::clock::{WallClock, unix_time};
use crate::identity::registry::Registry;
use crate::server::accept::refusal::Refusal;

/// Where the server's own certificate and the revocation lists are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The server's chain, leaf first, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Revocation lists, PEM. None: revocation is not checked. Any: every authority needs a current one, since an
    /// unknown status is refused.
    #[serde(default)]
    pub revocation_lists: Vec<PathBuf>,
}

/// Certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not the PEM it should be.
    #[error("{what} is not usable PEM")]
    Pem {
        /// Which of the inputs.
        what: &'static str,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// The key is not the certificate's, or the like.
    #[error("the server certificate cannot be used")]
    Tls(#[from] rustls::Error),
    /// A revocation list does not parse.
    #[error("the authorities or their revocation lists cannot be used")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// The server's certificate and key, and the revocation lists, as loaded.
pub struct Material {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    revocation_lists: Vec<CertificateRevocationListDer<'static>>,
}

impl Material {
    /// Reads the files. `base` is where relative paths start.
    pub fn read(files: &Files, base: &Path) -> Result<Self, TrustError> {
        let read = |path: &Path| {
            let path = base.join(path);
            std::fs::read(&path).map_err(|source| TrustError::Unreadable { path, source })
        };
        let lists = files.revocation_lists.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        Self::from_pem(&read(&files.certificate)?, &read(&files.key)?, &lists)
    }

    /// When the gateway's own certificate ends, as far as it can be read.
    pub fn not_after(&self) -> Option<Timestamp> {
        let (_, leaf) = x509_parser::parse_x509_certificate(self.chain.first()?).ok()?;
        Timestamp::from_second(leaf.validity().not_after.timestamp()).ok()
    }

    /// From PEM texts.
    pub fn from_pem(chain: &[u8], key: &[u8], revocation_lists: &[impl AsRef<[u8]>]) -> Result<Self, TrustError> {
        let unusable = |what| move |source| TrustError::Pem { what, source };
        let mut lists = Vec::new();
        for list in revocation_lists {
            let list = CertificateRevocationListDer::from_pem_slice(list.as_ref());
            lists.push(list.map_err(unusable("a revocation list"))?);
        }
        Ok(Self {
            chain: CertificateDer::pem_slice_iter(chain)
                .collect::<Result<_, _>>()
                .map_err(unusable("the server certificate"))?,
            key: PrivateKeyDer::from_pem_slice(key).map_err(unusable("the server key"))?,
            revocation_lists: lists,
        })
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material").field("revocation_lists", &self.revocation_lists.len()).finish_non_exhaustive()
    }
}

/// One state of trust.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) server: Arc<ServerConfig>,
    pub(super) registry: Arc<Registry>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Trust {
    pub(super) fn new(material: Material, registry: Arc<Registry>, clock: WallClock) -> Result<Self, TrustError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        // An unknown revocation status is refused by default.
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(registry.trust_anchors()?), Arc::clone(&provider))
                .with_crls(material.revocation_lists)
                .enforce_revocation_expiration()
                .build()?;
        let mut server = ServerConfig::builder_with_details(provider, Arc::new(clock))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::clone(&verifier))
            .with_single_cert(material.chain, material.key)?;
        server.alpn_protocols = vec![b"h2".to_vec()];
        // No resumption: a ticket would outlive a revocation list.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self { server: Arc::new(server), registry, verifier })
    }

    /// Whether a chain accepted before would be accepted now.
    pub(super) fn check(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<(), Refusal> {
        identify(chain, &self.registry, now)?;
        if let Some((leaf, intermediates)) = chain.split_first() {
            self.verifier.verify_client_cert(leaf, intermediates, unix_time(now))?;
        }
        Ok(())
    }
}
