//! The client's side of mutual TLS: TLS 1.3 and HTTP/2 only, with the agency's certificate.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::files::pem::{self, PemError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// Why certificates or an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// An input is not the PEM it should be.
    #[error("{what} is not usable PEM")]
    Pem {
        /// Which input.
        what: &'static str,
        /// The cause.
        source: PemError,
    },
    /// There is no certificate in it, so nobody could be trusted or identified.
    #[error("{0} has no certificate in it")]
    Empty(&'static str),
    /// The key does not fit the certificate, or similar.
    #[error("the client certificate cannot be used")]
    Tls(#[from] rustls::Error),
    /// The name is neither a DNS name nor an IP address.
    #[error("the server name is not one")]
    ServerName(#[from] InvalidDnsNameError),
    /// The address is not `host:port`.
    #[error("the address is not host:port")]
    Address(#[from] http::uri::InvalidUri),
    /// No handshake came about.
    #[error("no TLS connection can be made")]
    Handshake(#[source] io::Error),
    /// The gateway does not answer, or is not trusted.
    #[error("cannot connect")]
    Connect(#[from] tonic::transport::Error),
}

/// The TLS configuration with the server's authorities and our own chain and key, each as PEM.
pub fn client_tls(authorities_pem: &[u8], chain_pem: &[u8], key_pem: &[u8]) -> Result<ClientConfig, TlsError> {
    let unusable = |what| move |source| TlsError::Pem { what, source };
    let certificates = |pem: &[u8], what| match pem::certificates(pem) {
        Err(PemError::Empty) => Err(TlsError::Empty(what)),
        found => found.map_err(unusable(what)),
    };
    let mut roots = RootCertStore::empty();
    for authority in certificates(authorities_pem, "the authority's certificate")? {
        roots.add(authority)?;
    }
    let chain = certificates(chain_pem, "the client certificate")?;
    let key = pem::private_key(key_pem).map_err(unusable("the client key"))?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // The gateway resumes no session.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Connects to `host:port`, whose certificate must be in `server_name`. The channel reconnects by itself.
pub async fn connect(address: &str, server_name: &str, config: Arc<ClientConfig>) -> Result<Channel, TlsError> {
    connect_to(&Addresses::of(address).into(), server_name, config).await
}

/// Connects to one of several gateways, which must all have that name.
pub(super) async fn connect_to(
    addresses: &Arc<Addresses>,
    server_name: &str,
    config: Arc<ClientConfig>,
) -> Result<Channel, TlsError> {
    let (endpoint, connector) = endpoint(addresses, server_name, config)?;
    Ok(endpoint.connect_with_connector(service_fn(connector)).await?)
}

/// What a handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The version of TLS, as `TLSv1_3`.
    pub protocol: String,
    /// How the keys were agreed on, as `X25519MLKEM768`.
    pub key_exchange: String,
    /// The server's own certificate, DER.
    pub certificate: Vec<u8>,
}

/// Makes a connection as [`connect`] does, and closes it again.
pub async fn handshake(address: &str, server_name: &str, config: Arc<ClientConfig>) -> Result<Handshake, TlsError> {
    let name = ServerName::try_from(server_name.to_owned())?;
    let stream = Addresses::of(address).reach(&name, &config).await.map_err(TlsError::Handshake)?;
    let session = stream.get_ref().1;
    let word = |known: Option<String>| known.unwrap_or_else(|| "unknown".to_owned());
    Ok(Handshake {
        protocol: word(session.protocol_version().map(|version| format!("{version:?}"))),
        key_exchange: word(session.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()))),
        certificate: session.peer_certificates().and_then(<[_]>::first).map(|own| own.to_vec()).unwrap_or_default(),
    })
}

/// Like `connect_to`, but connects on the first call.
pub(super) fn connect_lazy(
    addresses: &Arc<Addresses>,
    server_name: &str,
    config: Arc<ClientConfig>,
) -> Result<Channel, TlsError> {
    let (endpoint, connector) = endpoint(addresses, server_name, config)?;
    Ok(endpoint.connect_with_connector_lazy(service_fn(connector)))
}

/// Gateways that serve the same logs. The first connection goes to the first gateway and each later one to the next, so
/// that a lost or silent gateway is left.
#[derive(Debug)]
pub(super) struct Addresses {
    all: Vec<String>,
    next: AtomicUsize,
}

impl Addresses {
    /// Reads `host:port`, or several separated by commas.
    pub(super) fn of(text: &str) -> Self {
        let all = text.split(',').map(|address| address.trim().to_owned()).collect();
        Self { all, next: AtomicUsize::new(0) }
    }

    pub(super) fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// Connects to the first gateway that accepts.
    async fn reach(&self, name: &ServerName<'static>, config: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        // If there are other gateways, do not spend the whole time on one.
        let limit = CONNECT_TIMEOUT.checked_div(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let limit = limit.unwrap_or(CONNECT_TIMEOUT);
        let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let from = first.checked_rem(self.all.len()).unwrap_or_default();
        for address in self.all.iter().cycle().skip(from).take(self.all.len()) {
            match timeout(limit, shake_hands(address, name.clone(), Arc::clone(config))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed = error,
                Err(_) => failed = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(failed)
    }
}

async fn shake_hands(
    address: &str,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let stream = TlsConnector::from(config).connect(name, socket).await?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err(io::Error::other("the server does not speak HTTP/2"));
    }
    Ok(stream)
}

type Connecting = BoxFuture<'static, io::Result<TokioIo<TlsStream<TcpStream>>>>;
type Connector = Box<dyn FnMut(Uri) -> Connecting + Send>;

fn endpoint(
    addresses: &Arc<Addresses>,
    server_name: &str,
    config: Arc<ClientConfig>,
) -> Result<(Endpoint, Connector), TlsError> {
    let name = ServerName::try_from(server_name.to_owned())?;
    for address in &addresses.all {
        format!("http://{address}").parse::<Uri>()?;
    }
    // Plain http for tonic, which would do TLS itself for https. The connector decides the destination.
    let endpoint = Endpoint::from(Uri::from_static("http://gateway"))
        .origin(format!("https://{server_name}").parse()?)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_while_idle(true);
    let addresses = Arc::clone(addresses);
    let connector = move |_: Uri| -> Connecting {
        let (addresses, name, config) = (Arc::clone(&addresses), name.clone(), Arc::clone(&config));
        Box::pin(async move { Ok(TokioIo::new(addresses.reach(&name, &config).await?)) })
    };
    Ok((endpoint, Box::new(connector)))
}
