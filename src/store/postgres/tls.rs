//! TLS to the server: its certificate is checked, and the name it is in.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::StoreError;

/// Connects to whoever shows a certificate from this authority; shows one of ours, if there is one.
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
            let private = PrivateKeyDer::from_pem_file(key).map_err(|_| unusable(key, "holds no private key"))?;
            let mismatch = |_| unusable(key, "holds another key than the certificate's");
            builder.with_client_auth_cert(certificates(chain)?, private).map_err(mismatch)?
        }
    };
    // What PostgreSQL 17 asks for; earlier ones do not look.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(unusable(path, "cannot be read, or holds no certificate")),
    }
}

fn unusable(path: &Path, why: &str) -> StoreError {
    StoreError::Address(format!("{} {why}", path.display()))
}
