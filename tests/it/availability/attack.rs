//! Attacks on what everybody needs, by one agency or by whoever reaches a listener. Each goes on until it is dropped.
//!
//! The tests of availability and the bench `siege` share them.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use comity::client::tls::client_tls;
use comity::domain::agency::ActorKind;
use comity::sandbox::Sandbox;
use comity::wire::{Message as _, v1};
use futures_util::future::join_all;
use h2::SendStream;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::{Method, Request};
use hyper::body::Bytes;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

pub(crate) const CHECKPOINT: &str = "/comity.v1.LedgerService/GetCheckpoint";
const LODGE: &str = "/comity.v1.DetainerService/LodgeDetainer";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECT: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// As many streams as a connection may have, but for one.
const STREAMS: usize = 99;
/// Between two looks whether an attack has been ended, and two rounds of it.
const REST: Duration = Duration::from_millis(20);

/// How the gateway is attacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attack {
    /// 2,079 calls of one agency, each with half a message.
    HalvesOfMessages,
    /// Nearly all of the longest message, on 8 connections of 99 streams each.
    LongMessages,
    /// 4 MiB for health and for reflection, on the same.
    LongQuestions,
    /// Answers and health asked for and not taken, on 40 connections of 99 streams each.
    UnreadAnswers,
    /// 512 sockets at the ops listener, each with as many watches as it may have.
    Watchers,
    /// 100 sockets a second from one address, which say nothing.
    SilentSockets,
    /// Server names that are none, of 16 kB each.
    IllegalNames,
    /// 2,000 handshakes from 20 addresses, each left half done and begun again when it is ended; and 100 readers that take no
    /// byte of an answer.
    HalfHandshakes,
    /// 20,000 whole calls a second of one agency: twenty times what `rate.requests_per_s` lets it have.
    TooFast,
}

impl Attack {
    pub(crate) const ALL: [Self; 9] = [
        Self::HalvesOfMessages,
        Self::LongMessages,
        Self::LongQuestions,
        Self::UnreadAnswers,
        Self::Watchers,
        Self::SilentSockets,
        Self::IllegalNames,
        Self::HalfHandshakes,
        Self::TooFast,
    ];

    /// Which agency's certificate and token it is made with: of one that may call what is attacked.
    pub(crate) fn agency(self) -> &'static str {
        if self == Self::LongQuestions { "comity-operator" } else { "us-ice" }
    }

    /// Attacks until it is dropped. What the gateway refuses is tried again: no refusal ends an attack.
    pub(crate) async fn go_on(self, target: Arc<Target>) {
        loop {
            let round = match self {
                Self::HalvesOfMessages => target.send(21, LODGE, 200, 100).await,
                Self::LongMessages => target.send(8, LODGE, 256 * 1_024, 255 * 1_024).await,
                Self::LongQuestions => {
                    let (len, sent_len) = (4 * 1_024 * 1_024 - 1_024, 4 * 1_024 * 1_024 - 2_048);
                    let health = target.send(4, HEALTH, len, sent_len);
                    let reflection = target.send(4, REFLECT, len, sent_len);
                    tokio::join!(health, reflection).0
                }
                Self::UnreadAnswers => target.leave_unread(40).await,
                Self::Watchers => target.watch(512).await,
                Self::SilentSockets => target.say_nothing().await,
                Self::IllegalNames => target.misname().await,
                Self::HalfHandshakes => {
                    let (handshakes, reads) = tokio::join!(target.begin_handshakes(), target.read_slowly(100));
                    handshakes.and(reads)
                }
                Self::TooFast => target.call_too_fast().await,
            };
            drop(round);
            target.rounds.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(REST).await;
        }
    }
}

/// Whom it is about, and who does it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) grpc: SocketAddr,
    pub(crate) ops: SocketAddr,
    pub(crate) agency: Agency,
    /// Connections so far.
    pub(crate) connections: AtomicUsize,
    /// Streams, or sockets where there are none, that were opened so far.
    pub(crate) begun: AtomicUsize,
    /// Rounds that are over.
    pub(crate) rounds: AtomicUsize,
}

impl Target {
    pub(crate) fn new(grpc: SocketAddr, ops: SocketAddr, agency: Agency) -> Arc<Self> {
        let (connections, begun, rounds) = Default::default();
        Arc::new(Self { grpc, ops, agency, connections, begun, rounds })
    }

    /// Begins a message on every stream of so many connections, sends so much of it, and waits until the gateway has ended
    /// them all.
    async fn send(self: &Arc<Self>, connections: usize, path: &'static str, len: usize, sent_len: usize) -> Result<()> {
        let bytes = message(len, sent_len)?;
        self.on_each(connections, |target| {
            let bytes = bytes.clone();
            async move {
                let mut caller = target.connect(&Builder::new()).await?;
                let mut streams = Vec::new();
                for _ in 0..STREAMS {
                    streams.push(caller.open(path).await?);
                    target.begun.fetch_add(1, Ordering::Relaxed);
                }
                join_all(streams.into_iter().map(|stream| write_and_wait(stream, bytes.clone()))).await;
                Ok(())
            }
        })
        .await;
        Ok(())
    }

    /// Asks on every stream of so many connections and takes not a byte of an answer.
    async fn leave_unread(self: &Arc<Self>, connections: usize) -> Result<()> {
        self.on_each(connections, |target| async move {
            let mut caller = target.connect(Builder::new().initial_window_size(0)).await?;
            let mut answers = Vec::new();
            for at in 0..STREAMS {
                let (path, question) = if at % 2 == 0 { (CHECKPOINT, question()) } else { (WATCH, Vec::new()) };
                let (answer, mut body) = caller.open(path).await?;
                body.send_data(framed(&question)?, true)?;
                target.begun.fetch_add(1, Ordering::Relaxed);
                answers.push(answer);
            }
            // Held, and not read, for as long as a client might say that it is busy.
            let answers = join_all(answers).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop(answers);
            Ok(())
        })
        .await;
        Ok(())
    }

    async fn on_each<F>(self: &Arc<Self>, connections: usize, one: impl Fn(Arc<Self>) -> F)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut all = JoinSet::new();
        for _ in 0..connections {
            all.spawn(one(Arc::clone(self)));
        }
        all.join_all().await;
    }

    async fn connect(&self, builder: &Builder) -> Result<Caller> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.agency.connect_with(self.grpc, builder).await
    }

    /// Watches at the ops listener, which asks for no certificate.
    async fn watch(&self, sockets: usize) -> Result<()> {
        let mut held = Vec::new();
        for _ in 0..sockets {
            self.connections.fetch_add(1, Ordering::Relaxed);
            let socket = TcpStream::connect(self.ops).await?;
            let opened = async {
                let mut caller = Caller::over(socket, &Builder::new(), String::new()).await?;
                let mut answers = Vec::new();
                for _ in 0..16 {
                    let (answer, mut body) = caller.open(WATCH).await?;
                    body.send_data(framed(&[])?, true)?;
                    answers.push(answer);
                }
                anyhow::Ok((caller, answers))
            };
            // A listener that has watchers enough says nothing, or closes.
            held.extend(tokio::time::timeout(Duration::from_millis(200), opened).await.ok().and_then(Result::ok));
            self.begun.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(())
    }

    /// A second of it.
    async fn say_nothing(&self) -> Result<()> {
        for _ in 0..100 {
            self.connections.fetch_add(1, Ordering::Relaxed);
            let socket = TcpSocket::new_v4()?;
            // An address of its own: on one machine every peer has the same one else.
            socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 66), 0)))?;
            let mut socket = socket.connect(self.grpc).await?;
            let _until_closed: JoinHandle<_> = tokio::spawn(async move { socket.read_to_end(&mut Vec::new()).await });
            self.begun.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// 2,000 handshakes that are begun, and held until they are ended.
    async fn begin_handshakes(self: &Arc<Self>) -> Result<()> {
        let hello = hello_to(b"localhost")?;
        self.on_each(2_000, |target| {
            let hello = hello.clone();
            async move {
                let nth = target.connections.fetch_add(1, Ordering::Relaxed);
                let socket = TcpSocket::new_v4()?;
                socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 1, u8::try_from(nth % 20)?), 0)))?;
                let mut socket = socket.connect(target.grpc).await?;
                socket.write_all(hello.get(..hello.len() / 2).unwrap_or_default()).await?;
                target.begun.fetch_add(1, Ordering::Relaxed);
                socket.read_to_end(&mut Vec::new()).await?;
                Ok(())
            }
        })
        .await;
        Ok(())
    }

    /// Asks on so many connections for what is long, and takes no byte of it.
    async fn read_slowly(self: &Arc<Self>, connections: usize) -> Result<()> {
        self.on_each(connections, |target| async move {
            let mut caller = target.connect(Builder::new().initial_window_size(0)).await?;
            let (answer, mut body) = caller.open(REFLECT).await?;
            // `file_containing_symbol`: the whole file of the service.
            let symbol = b"comity.v1.DetainerService";
            let message = [&[0x22, u8::try_from(symbol.len())?], symbol.as_slice()].concat();
            body.send_data(framed(&message)?, true)?;
            let answer = answer.await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop(answer);
            Ok(())
        })
        .await;
        Ok(())
    }

    /// A second of it: on 16 connections, 25 calls at once every 20 ms.
    async fn call_too_fast(self: &Arc<Self>) -> Result<()> {
        self.on_each(16, |target| async move {
            let mut caller = target.connect(&Builder::new()).await?;
            let (question, mut ticks) = (question(), tokio::time::interval(Duration::from_millis(20)));
            for _ in 0..50 {
                ticks.tick().await;
                let mut calls = Vec::new();
                for _ in 0..25 {
                    let (answer, mut body) = caller.open(CHECKPOINT).await?;
                    body.send_data(framed(&question)?, true)?;
                    target.begun.fetch_add(1, Ordering::Relaxed);
                    calls.push(answer);
                }
                // Taken or refused.
                join_all(calls).await;
            }
            Ok(())
        })
        .await;
        Ok(())
    }

    /// One hello with a server name that is none, as long as a record may be.
    async fn misname(&self) -> Result<()> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        let mut socket = TcpStream::connect(self.grpc).await?;
        socket.write_all(&hello_to(&[0xff; 16_000])?).await?;
        socket.read_to_end(&mut Vec::new()).await?;
        Ok(())
    }
}

/// What everybody may ask: the checkpoint of New York's exchange log.
pub(crate) fn question() -> Vec<u8> {
    v1::GetCheckpointRequest { log: "jurisdictions/us-ny/logs/exchange".to_owned() }.encode_to_vec()
}

/// An agency that has a certificate and a token.
#[derive(Debug, Clone)]
pub(crate) struct Agency {
    tls: Arc<ClientConfig>,
    token: String,
}

impl Agency {
    pub(crate) fn of(sandbox: &Sandbox, id: &str) -> Result<Self> {
        let credentials = sandbox.credentials(id)?;
        let tls = client_tls(&credentials.authorities_pem, &credentials.certificate_pem, &credentials.key_pem)?;
        Ok(Self { tls: Arc::new(tls), token: format!("Bearer {}", sandbox.token(id, ActorKind::System)?) })
    }

    pub(crate) async fn connect(&self, address: SocketAddr) -> Result<Caller> {
        self.connect_with(address, &Builder::new()).await
    }

    async fn connect_with(&self, address: SocketAddr, builder: &Builder) -> Result<Caller> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect("localhost".try_into()?, socket).await?;
        Caller::over(stream, builder, self.token.clone()).await
    }
}

/// A connection to call on.
pub(crate) struct Caller {
    requests: SendRequest<Bytes>,
    token: String,
    _connection: AbortOnDropHandle<Result<(), h2::Error>>,
}

impl Caller {
    async fn over<S>(stream: S, builder: &Builder, token: String) -> Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, connection) = builder.handshake(stream).await?;
        Ok(Self { requests, token, _connection: AbortOnDropHandle::new(tokio::spawn(connection)) })
    }

    async fn open(&mut self, path: &str) -> Result<(ResponseFuture, SendStream<Bytes>)> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("https://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if !self.token.is_empty() {
            request = request.header("authorization", &self.token);
        }
        self.requests = self.requests.clone().ready().await?;
        Ok(self.requests.send_request(request.body(())?, false)?)
    }

    /// A whole call, to the end of its answer.
    pub(crate) async fn call(&mut self, path: &str, message: &[u8]) -> Result<Status> {
        let (answer, mut body) = self.open(path).await?;
        body.send_data(framed(message)?, true)?;
        let (head, mut body) = answer.await?.into_parts();
        while let Some(data) = body.data().await {
            let len = data?.len();
            body.flow_control().release_capacity(len)?;
        }
        let trailers = body.trailers().await?;
        let status = Status::from_header_map(&head.headers);
        status.or_else(|| trailers.as_ref().and_then(Status::from_header_map)).context("no status")
    }
}

/// Whether it is taken or cut short, and whatever comes of it.
async fn write_and_wait((answer, mut body): (ResponseFuture, SendStream<Bytes>), bytes: Bytes) {
    let _cut_short = write(&mut body, bytes).await;
    let _refused = answer.await;
}

/// Writes as the gateway makes room. An error: it has had enough.
async fn write(body: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<()> {
    while !bytes.is_empty() {
        body.reserve_capacity(bytes.len());
        let len = poll_fn(|context| body.poll_capacity(context)).await.context("ended")??;
        body.send_data(bytes.split_to(len.min(bytes.len())), false)?;
    }
    Ok(())
}

fn framed(message: &[u8]) -> Result<Bytes> {
    let len = u32::try_from(message.len())?.to_be_bytes();
    Ok([&[0], len.as_slice(), message].concat().into())
}

/// The beginning of a message that says how long it is.
fn message(len: usize, sent_len: usize) -> Result<Bytes> {
    let len = u32::try_from(len)?.to_be_bytes();
    Ok([&[0], len.as_slice(), &vec![0; sent_len]].concat().into())
}

/// A client hello in one record (RFC 8446 4.1.2), to a server of this name.
fn hello_to(name: &[u8]) -> Result<Vec<u8>> {
    let counted = |bytes: &[u8]| anyhow::Ok([&u16::try_from(bytes.len())?.to_be_bytes(), bytes].concat());
    let names = counted(&[&[0], counted(name)?.as_slice()].concat())?;
    let extension = [&[0, 0], counted(&names)?.as_slice()].concat();
    // Version, random, no session, one cipher suite, no compression.
    let fixed = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    let hello = [fixed, counted(&extension)?].concat();
    let len = u32::try_from(hello.len())?.to_be_bytes();
    let handshake = [&[1], len.get(1..).unwrap_or_default(), &hello].concat();
    Ok([&[0x16, 3, 1][..], &counted(&handshake)?].concat())
}
