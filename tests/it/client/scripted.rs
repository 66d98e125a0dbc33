//! A gateway that answers as it is told, over real mutual TLS, and keeps what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use comity::client::{Client, Config, Retry, TokenSource};
use comity::sandbox::credential_files;
use comity::wire::Message;
use comity::wire::timeout::{self, GRPC_TIMEOUT};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::Status;
use tonic::body::Body;

use crate::harness::sandbox_directory;

/// One answer.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Message(Vec<u8>),
    Status(Status),
    /// These, and then nothing more but the stream stays open.
    Open(Vec<Vec<u8>>),
    /// These, and then the stream breaks.
    Broken(Vec<Vec<u8>>),
    /// The connection is reset before a word.
    Reset,
    Silence,
}

impl Answer {
    pub(super) fn message(message: &impl Message) -> Self {
        Self::Message(message.encode_to_vec())
    }
}

/// One attempt as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) message: Vec<u8>,
    pub(super) bearer: Option<HeaderValue>,
    pub(super) timeout: Duration,
    pub(super) connection: usize,
    pub(super) at: Instant,
}

impl Asked {
    pub(super) fn decode<M: Message + Default>(&self) -> M {
        M::decode(self.message.as_slice()).unwrap()
    }
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Answer>,
    /// When there are no more.
    last: Option<Answer>,
    asked: Vec<Asked>,
}

pub(super) struct Scripted {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    directory: TempDir,
}

impl Scripted {
    /// With these answers, in order.
    pub(super) async fn start(answers: &[Answer]) -> Self {
        let directory = sandbox_directory();
        let script = Script { answers: answers.iter().cloned().collect(), ..Script::default() };
        let script = Arc::new(Mutex::new(script));
        let tls = tls(directory.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(accept(listener, tls, Arc::clone(&script)));
        Self { address, script, directory }
    }

    /// With this answer for ever.
    pub(super) async fn always(answer: Answer) -> Self {
        let scripted = Self::start(&[]).await;
        scripted.script.lock().unwrap().last = Some(answer);
        scripted
    }

    /// ICE's client, with tokens from this source.
    pub(super) async fn client(&self, token: impl Into<TokenSource>, retry: Retry) -> Client {
        let credentials = credential_files(self.directory.path(), "us-ice");
        let config = Config { retry, ..Config::new(self.address.to_string(), "localhost", credentials, token) };
        Client::connect(config).await.unwrap()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.script.lock().unwrap().asked.clone()
    }
}

fn tls(directory: &std::path::Path) -> TlsAcceptor {
    let certificates = directory.join("certs");
    let read = |name: &str| CertificateDer::from_pem_file(certificates.join(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(read("federal-ca.pem")).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.join("gateway.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
    let mut config =
        config.unwrap().with_client_cert_verifier(clients).with_single_cert(vec![read("gateway.pem")], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, script: Arc<Mutex<Script>>) {
    for connection in 0.. {
        let (socket, _) = listener.accept().await.unwrap();
        let (tls, script) = (tls.clone(), Arc::clone(&script));
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(socket).await else { return };
            let (reset, mut resets) = tokio::sync::mpsc::channel(1);
            let service = hyper::service::service_fn(move |request| {
                let (script, reset) = (Arc::clone(&script), reset.clone());
                async move { Ok::<_, Infallible>(answer(&script, connection, request, &reset).await) }
            });
            let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::select! {
                _ended = http2.serve_connection(TokioIo::new(stream), service) => {}
                _reset = resets.recv() => {}
            }
        });
    }
}

async fn answer(
    script: &Mutex<Script>,
    connection: usize,
    request: Request<Incoming>,
    reset: &tokio::sync::mpsc::Sender<()>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let message = body.collect().await.unwrap().to_bytes();
    let timeout = head.headers.get(GRPC_TIMEOUT).and_then(|value| timeout::parse(value.to_str().ok()?));
    let asked = Asked {
        path: head.uri.path().to_owned(),
        message: message[5..].to_vec(),
        bearer: head.headers.get("authorization").cloned(),
        timeout: timeout.unwrap_or_default(),
        connection,
        at: Instant::now(),
    };
    let answer = {
        let mut script = script.lock().unwrap();
        script.asked.push(asked);
        let next = script.answers.pop_front();
        next.or_else(|| script.last.clone()).expect("an answer to every call")
    };
    match answer {
        Answer::Message(message) => respond(vec![message], End::Trailers),
        Answer::Status(status) => status.into_http(),
        Answer::Open(messages) => respond(messages, End::Never),
        Answer::Broken(messages) => respond(messages, End::Error),
        Answer::Reset => {
            reset.send(()).await.unwrap();
            std::future::pending().await
        }
        Answer::Silence => std::future::pending().await,
    }
}

enum End {
    Trailers,
    Never,
    Error,
}

fn respond(messages: Vec<Vec<u8>>, end: End) -> Response<Body> {
    let (sender, frames) = tokio::sync::mpsc::channel(64);
    tokio::spawn(async move {
        for message in messages {
            let len = u32::try_from(message.len()).unwrap().to_be_bytes();
            let one = Bytes::from([&[0], len.as_slice(), &message].concat());
            sender.send(Ok(Frame::data(one))).await.unwrap();
        }
        let ok = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
        match end {
            End::Trailers => sender.send(Ok(Frame::trailers(ok))).await.unwrap(),
            End::Never => sender.closed().await,
            End::Error => {
                // A reset overtakes what was sent just before it.
                tokio::time::sleep(Duration::from_millis(50)).await;
                sender.send(Err(Status::internal("broken off"))).await.unwrap();
            }
        }
    });
    let body = Body::new(StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(frames)));
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}
