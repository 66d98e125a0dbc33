//! A gate to stand before: an acceptor with its authorities, clients to come to it, and what was logged.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use rustls::client::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{RootCertStore, SupportedProtocolVersion};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_stream::StreamExt;
use tracing::subscriber::DefaultGuard;

use crate::accept::*;
use crate::identity::certificate::PeerIdentity;
use crate::identity::development::{CertificateOptions, DevelopmentAuthority, IssuedCertificate};
use crate::identity::fixture::World;

/// What the process logged, one JSON object a line.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn capture() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(super) fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(super) fn reasons(&self) -> Vec<String> {
        let audit = |line: &Value| line["target"] == "audit" && line["fields"]["event"] == "connection_refused";
        let lines = self.lines();
        lines
            .iter()
            .filter(|line| audit(line))
            .map(|line| line["fields"]["reason"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A gateway that greets every connection it lets in with one byte.
pub(super) struct Gate {
    pub(super) world: World,
    pub(super) authority: DevelopmentAuthority,
    pub(super) server: IssuedCertificate,
    pub(super) state: Arc<TlsState>,
    pub(super) address: SocketAddr,
    pub(super) peers: mpsc::Receiver<PeerIdentity>,
    pub(super) shutdown: CancellationToken,
    pub(super) tasks: Vec<tokio::task::JoinHandle<()>>,
    pub(super) log: Log,
    pub(super) _guard: DefaultGuard,
}

/// What a client saw.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Greeting,
    Refusal,
}

type ClientStream = tokio_rustls::client::TlsStream<TcpStream>;

impl Gate {
    pub(super) async fn open(config: Config, lists: impl Fn(&World) -> Vec<String>) -> Self {
        let (log, guard) = Log::capture();
        let world = World::new();
        let authority = DevelopmentAuthority::generate("Gateway CA", world.now).unwrap();
        let server = authority.issue(&CertificateOptions::server(world.now)).unwrap();
        let material = material(&server, &lists(&world));
        let state = TlsState::new(config, material, world.registry(), WallClock::system()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let (seen, peers) = mpsc::channel(64);
        let mut senders = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..2 {
            let (sender, sockets) = mpsc::channel(4);
            senders.push(sender);
            tasks.push(tokio::spawn(greet(handshakes(sockets, Arc::clone(&state)), seen.clone())));
        }
        tasks.push(tokio::spawn(accept_loop(listener, senders, Arc::clone(&state), shutdown.clone())));
        Self { world, authority, server, state, address, peers, shutdown, tasks, log, _guard: guard }
    }

    pub(super) async fn plain() -> Self {
        Self::open(Config::default(), |_| Vec::new()).await
    }

    pub(super) fn client(&self, certificate: Option<&IssuedCertificate>) -> ClientConfig {
        self.client_of_version(certificate, &TLS13)
    }

    pub(super) fn client_of_version(
        &self,
        certificate: Option<&IssuedCertificate>,
        version: &'static SupportedProtocolVersion,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate.der.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate.der.clone()], key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    pub(super) async fn dial(&self, config: ClientConfig) -> io::Result<ClientStream> {
        let mut stream = self.dial_half(config).await?;
        // A peer that was refused already cannot be written to; what it reads then tells.
        drop(stream.write_all(PREFACE).await);
        Ok(stream)
    }

    /// As far as TLS.
    pub(super) async fn dial_half(&self, config: ClientConfig) -> io::Result<ClientStream> {
        let socket = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }

    pub(super) async fn try_with(&self, config: ClientConfig) -> (Seen, Option<ClientStream>) {
        let Ok(mut stream) = in_time(self.dial(config)).await else {
            return (Seen::Refusal, None);
        };
        match in_time(stream.read_u8()).await {
            Ok(b'!') => (Seen::Greeting, Some(stream)),
            Ok(_) | Err(_) => (Seen::Refusal, None),
        }
    }

    pub(super) async fn admitted(&self, certificate: &IssuedCertificate) -> ClientStream {
        let (seen, stream) = self.try_with(self.client(Some(certificate))).await;
        assert_eq!(seen, Seen::Greeting, "{:?}", self.log.reasons());
        stream.unwrap()
    }

    pub(super) async fn refused(&self, config: ClientConfig, reason: &str) {
        let before = self.log.reasons().len();
        assert_eq!(self.try_with(config).await.0, Seen::Refusal, "{reason}");
        assert_eq!(self.log.reasons().get(before..), Some([reason.to_owned()].as_slice()));
    }

    pub(super) fn current(authority: &DevelopmentAuthority, revoked: &[Vec<u8>], now: Timestamp) -> String {
        authority.revoke(revoked, now - SignedDuration::from_hours(1), now + SignedDuration::from_hours(1)).unwrap().pem
    }
}

/// A test that would wait for ever fails instead.
pub(super) async fn in_time<T>(waited: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), waited).await.expect("nothing happened")
}

pub(super) fn material(server: &IssuedCertificate, lists: &[String]) -> TlsMaterial {
    TlsMaterial::from_pem(server.pem.as_bytes(), server.key_pem.as_bytes(), lists).unwrap()
}

pub(super) async fn greet(mut connections: Handshakes, seen: mpsc::Sender<PeerIdentity>) {
    let mut served = JoinSet::new();
    while let Some(connection) = connections.next().await {
        let mut connection = connection.unwrap();
        seen.send(connection.peer().clone()).await.unwrap();
        served.spawn(async move {
            let mut preface = [0; PREFACE.len()];
            connection.read_exact(&mut preface).await.unwrap();
            assert_eq!(preface, *PREFACE, "what the handshake has read is read again");
            if connection.write_all(b"!").await.is_ok() && connection.flush().await.is_ok() {
                // Until the client hangs up or the connection ends.
                drop(connection.read_u8().await);
            }
        });
    }
    while served.join_next().await.is_some() {}
}
