//! TLS to the server. Its certificate and the name in it are checked.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::files::pem;
use crate::files::read_secret;
use crate::store::StoreError;

/// Accepts a server whose certificate is from this authority, and presents ours, if there is one.
pub(super) fn connector(authority: &Path, own: Option<(&Path, &Path)>) -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authority)? {
        roots.add(certificate).map_err(|_| unusable(authority, "holds a certificate that is no authority's"))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Address(error.to_string()))?
        .with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let text = read_secret(key).map_err(|error| StoreError::Address(error.to_string()))?;
            let private = pem::private_key(text.as_bytes()).map_err(|why| unusable(key, why.word()))?;
            let mismatch = |_| unusable(key, "holds another key than the certificate's");
            builder.with_client_auth_cert(certificates(chain)?, private).map_err(mismatch)?
        }
    };
    // PostgreSQL 17 requires this protocol; earlier versions ignore it.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let read = std::fs::read(path).map_err(|error| unusable(path, &format!("cannot be read: {error}")))?;
    pem::certificates(&read).map_err(|why| unusable(path, why.word()))
}

fn unusable(path: &Path, why: &str) -> StoreError {
    StoreError::Address(format!("{} {why}", path.display()))
}
