//! A peer that shakes hands in any way it likes.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use comity::identity::development::IssuedCertificate;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::hostile::frames::hello;
use crate::hostile::siege::Siege;

pub(super) struct Peer {
    /// Leaf first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key_pem: Option<String>,
    pub(super) version: &'static SupportedProtocolVersion,
    pub(super) protocols: &'static [&'static [u8]],
}

impl Peer {
    pub(super) fn with(certificate: &IssuedCertificate) -> Self {
        let (chain, key_pem) = (vec![certificate.der.clone()], Some(certificate.key_pem.clone()));
        Self { chain, key_pem, version: &TLS13, protocols: &[b"h2"] }
    }

    /// An agency as it should be.
    pub(super) fn of(siege: &Siege, agency: &str) -> Self {
        let credentials = siege.sandbox.credentials(agency).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(&credentials.certificate_pem).unwrap()];
        let key_pem = Some(String::from_utf8(credentials.key_pem).unwrap());
        Self { chain, key_pem, version: &TLS13, protocols: &[b"h2"] }
    }

    fn config(&self, directory: &Path) -> ClientConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(directory.join("certs/gateway-ca.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[self.version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.key_pem {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                // Not held against the certificate, as an honest client's library would.
                let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
                let key = provider.key_provider.load_private_key(key).unwrap();
                let certified = CertifiedKey::new(self.chain.clone(), key);
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
        };
        config.alpn_protocols = self.protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }

    pub(super) async fn connect(&self, siege: &Siege) -> io::Result<TlsStream<TcpStream>> {
        self.dial(siege.grpc, siege.directory()).await
    }

    async fn dial(&self, address: SocketAddr, directory: &Path) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::new(self.config(directory));
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        TlsConnector::from(config).connect("localhost".try_into().unwrap(), socket).await
    }

    /// What it gets for saying hello: a byte of HTTP/2, an alert, or nothing.
    pub(super) async fn greeting(&self, siege: &Siege) -> String {
        // In TLS 1.3 a client is done before its certificate was looked at: only what is read afterwards tells.
        let read = async {
            let mut stream = self.connect(siege).await?;
            drop(stream.write_all(&hello()).await);
            stream.read_u8().await
        };
        match read.await {
            Ok(_) => "greeted".to_owned(),
            Err(error) => what_ended(&error),
        }
    }
}

/// The alert that ended a connection, or that it was closed without one.
pub(super) fn what_ended(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::AlertReceived(alert)) => format!("alert {alert:?}"),
        Some(other) => format!("{other:?}"),
        None => "closed".to_owned(),
    }
}
