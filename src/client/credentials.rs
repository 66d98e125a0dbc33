//! An agency's certificate and key, and the authorities it trusts: given once, or read again from files.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::client::tls::TlsError;

/// An agency's certificate and key, and the authorities that it trusts to identify the gateway.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Certificates of the authorities that may vouch for the gateway, PEM.
    pub authorities_pem: Vec<u8>,
    /// The agency's certificate chain, leaf first, PEM.
    pub certificate_pem: Vec<u8>,
    /// Its private key, PEM.
    pub key_pem: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(withheld)")
    }
}

/// The files of an agency's credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialFiles {
    /// Certificates of the authorities that may vouch for the gateway.
    pub authorities: PathBuf,
    /// The agency's certificate chain, leaf first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl CredentialFiles {
    /// Reads all three files.
    pub async fn read(&self) -> Result<Credentials, TlsError> {
        Ok(Credentials {
            authorities_pem: read(&self.authorities).await?,
            certificate_pem: read(&self.certificate).await?,
            key_pem: read(&self.key).await?,
        })
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    tokio::fs::read(path).await.map_err(|source| TlsError::File { path: path.to_owned(), source })
}

/// Where credentials come from.
#[derive(Debug, Clone)]
pub enum CredentialSource {
    /// These credentials, always.
    Fixed(Credentials),
    /// Read again when they change. Later connections use the new ones.
    Files(CredentialFiles),
}

impl CredentialSource {
    pub(super) async fn read(&self) -> Result<Credentials, TlsError> {
        match self {
            Self::Fixed(credentials) => Ok(credentials.clone()),
            Self::Files(files) => files.read().await,
        }
    }
}

impl From<Credentials> for CredentialSource {
    fn from(credentials: Credentials) -> Self {
        Self::Fixed(credentials)
    }
}

impl From<CredentialFiles> for CredentialSource {
    fn from(files: CredentialFiles) -> Self {
        Self::Files(files)
    }
}
