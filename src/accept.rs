//! Our own TLS acceptor. Every wait has a limit and every certificate is checked. A peer that may not connect is
//! dropped before a byte of HTTP is read.
//!
//! One task accepts sockets and hands them to the workers in turn ([`accept_loop`]). Each worker does its handshakes on
//! its own runtime ([`handshakes`]) and serves the connections of that stream.

mod connection;
mod error;
mod lists;
mod refusal;
mod slots;
mod tally;
mod trust;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::Stream;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::domain::agency::AgencyKind;
use crate::domain::ids::AgencyId;
use crate::domain::range::Within;
use crate::identity::certificate::identify;
use crate::identity::clock::WallClock;
use crate::identity::registry::Registry;
use crate::quota::{Quota, Reservation};

pub use connection::{Session, TlsConn};
pub use error::TrustError;
pub use trust::{Expiries, TlsFiles, TlsMaterial, Validity};

use connection::{LiveConnections, PREFACE};
use refusal::Refusal;
use slots::HandshakeSlots;
use tally::HandshakeTally;
use trust::Trust;

/// Established connections that a worker has not taken yet.
const READY_MAX: usize = 64;
const BACK_OFF_FIRST: Duration = Duration::from_millis(10);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// The limits of the acceptor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Longest handshake, from its start to the end of the HTTP/2 preface.
    #[serde(with = "Within::<100, 600_000>")]
    #[schemars(extend("x-live" = true))]
    pub handshake_timeout_ms: u64,
    /// Longest wait for the first byte. A silent socket MUST NOT hold a place for as long as a slow handshake may.
    #[serde(with = "Within::<100, 600_000>")]
    #[schemars(extend("x-live" = true))]
    pub first_byte_timeout_ms: u64,
    /// Most handshakes of one address at a time. More are dropped, so that others find a place.
    #[serde(with = "Within::<1, 100_000>")]
    #[schemars(extend("x-live" = true))]
    pub handshakes_per_address_max: usize,
    /// Most handshakes at a time, over all workers. Above it the one that has lasted longest makes room.
    #[serde(with = "Within::<1, 100_000>")]
    pub handshakes_max: usize,
    /// Most sockets at a time, those in a handshake included. Above it new ones wait in the kernel's queue.
    #[serde(with = "Within::<1, 1_000_000>")]
    pub connections_max: usize,
    /// Most connections of one agency at a time, so that no agency takes them all.
    #[serde(with = "Within::<1, 1_000_000>")]
    #[schemars(extend("x-live" = true))]
    pub connections_per_agency_max: usize,
    /// A connection is cut at this age, or when its certificate ends. It is told to begin no more calls somewhat earlier,
    /// each at another time.
    #[serde(with = "Within::<1, 31_536_000>")]
    #[schemars(extend("x-live" = true))]
    pub connection_age_max_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            handshake_timeout_ms: 5000,
            first_byte_timeout_ms: 1000,
            handshakes_per_address_max: 128,
            handshakes_max: 256,
            connections_max: 4096,
            connections_per_agency_max: 512,
            connection_age_max_s: 3600,
        }
    }
}

/// What all workers share: limits, certificates and the live connections.
#[derive(Debug)]
pub struct TlsState {
    config: ArcSwap<Config>,
    trust: ArcSwap<Trust>,
    handshakes: Arc<HandshakeSlots>,
    handshakes_by_address: Arc<Quota<IpAddr>>,
    connections: Arc<Semaphore>,
    live: Arc<LiveConnections>,
    tally: HandshakeTally,
    clock: WallClock,
}

impl TlsState {
    /// Starts with no connections.
    pub fn new(
        config: Config,
        material: TlsMaterial,
        registry: Arc<Registry>,
        clock: WallClock,
    ) -> Result<Arc<Self>, TrustError> {
        let trust = ArcSwap::from_pointee(Trust::new(material, registry, clock.clone())?);
        let handshakes = HandshakeSlots::new(config.handshakes_max);
        let handshakes_by_address = Quota::new(config.handshakes_per_address_max, usize::MAX);
        let connections = Arc::new(Semaphore::new(config.connections_max));
        Ok(Arc::new(Self {
            config: ArcSwap::from_pointee(config),
            trust,
            handshakes,
            handshakes_by_address,
            connections,
            live: Arc::default(),
            tally: HandshakeTally::default(),
            clock,
        }))
    }

    /// Switches to other certificates, revocation lists and agencies, and cuts the connections that would now be
    /// refused. Returns how many were cut. On an error nothing has changed. Verifies every live certificate: call it
    /// off the network runtimes.
    pub fn reload(&self, material: TlsMaterial, registry: Arc<Registry>) -> Result<usize, TrustError> {
        Ok(self.switch(self.prepare(material, registry)?))
    }

    /// Checks other certificates, revocation lists and agencies, as a start does, and that no authority loses its list.
    pub fn prepare(&self, material: TlsMaterial, registry: Arc<Registry>) -> Result<PreparedTrust, TrustError> {
        let trust = Trust::new(material, registry, self.clock.clone())?;
        trust.check_no_list_lost(&self.trust.load(), self.clock.now())?;
        Ok(PreparedTrust(trust))
    }

    /// Switches to what was prepared, and cuts the connections that would now be refused. Returns how many were cut.
    /// Verifies every live certificate: call it off the network runtimes.
    pub fn switch(&self, PreparedTrust(trust): PreparedTrust) -> usize {
        let trust = Arc::new(trust);
        // INVARIANT: store the new trust first, then check live connections. A handshake registers its connection first
        // and then looks for a newer trust. So no connection escapes both.
        self.trust.store(Arc::clone(&trust));
        let now = self.clock.now();
        self.live.cut_unless(|chain| trust.check(chain, now).is_ok())
    }

    /// Limits by another configuration from now on, but for how many handshakes and sockets there are in all.
    pub fn allow(&self, config: Config) {
        self.handshakes_by_address.allow(config.handshakes_per_address_max, usize::MAX);
        self.config.store(Arc::new(config));
    }

    /// When the certificate and the revocation lists in force expire.
    pub fn expiries(&self) -> Expiries {
        self.trust.load().expiries.clone()
    }

    /// How many connections are established.
    pub fn live_connections(&self) -> usize {
        self.live.len()
    }

    /// The established connections, the oldest first.
    pub fn sessions(&self) -> Vec<Session> {
        self.live.sessions()
    }

    /// Cuts the connections that are meant. Returns how many were cut.
    pub fn cut(&self, is_meant: impl Fn(&Session) -> bool) -> usize {
        self.live.cut(is_meant)
    }

    /// How many connections each agency has established. Agencies without any are missing.
    pub fn connections_of_agencies(&self) -> BTreeMap<AgencyId, u64> {
        self.live.of_agencies()
    }

    /// How many connections were refused, by the reason of their audit line.
    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.tally.refused()
    }

    /// When the certificate ends that each agency last connected with.
    pub fn certificate_ends(&self) -> BTreeMap<AgencyId, Timestamp> {
        self.tally.certificate_ends()
    }

    /// Audits and counts a connection that was refused.
    fn refuse(&self, refusal: &Refusal, peer: IpAddr) {
        refusal.audit(peer);
        self.tally.refuse(refusal.reason());
    }
}

/// Certificates, revocation lists and agencies that were checked, and could be in force together.
#[derive(Debug)]
pub struct PreparedTrust(Trust);

/// An accepted socket on its way to a worker.
#[derive(Debug)]
pub struct Accepted {
    // A socket of the standard library: a tokio socket belongs to the runtime that made it.
    socket: std::net::TcpStream,
    peer: IpAddr,
    permit: OwnedSemaphorePermit,
    /// Held until the handshake is over.
    reservation: Reservation<IpAddr>,
}

/// Accepts sockets and hands them to the workers in turn, until shutdown or until no worker is left.
pub async fn accept_loop(
    listener: TcpListener,
    workers: Vec<mpsc::Sender<Accepted>>,
    state: Arc<TlsState>,
    shutdown: CancellationToken,
) {
    let mut back_off = BACK_OFF_FIRST;
    let mut turn = 0;
    loop {
        // Take the permit first: a socket above the limit should wait in the kernel's queue, not in ours.
        let next = async {
            let permit = Arc::clone(&state.connections).acquire_owned().await.map_err(io::Error::other)?;
            let (socket, peer) = listener.accept().await?;
            Ok::<_, io::Error>((socket, peer, permit))
        };
        let Some(next) = shutdown.run_until_cancelled(next).await else {
            return;
        };
        match next {
            Ok((socket, peer, permit)) => {
                back_off = BACK_OFF_FIRST;
                turn += 1;
                let peer = peer.ip().to_canonical();
                let Ok(reservation) = state.handshakes_by_address.take(&peer) else {
                    state.refuse(&Refusal::TooManyOfAddress, peer);
                    continue;
                };
                // A failure here means that the socket is already gone.
                let Ok(accepted) = accepted(socket, peer, permit, reservation) else {
                    continue;
                };
                let dispatched = shutdown.run_until_cancelled(dispatch(accepted, &workers, turn)).await;
                if dispatched != Some(Dispatched::ToWorker) {
                    return;
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Most likely out of file descriptors: the socket stays in the queue, and an immediate accept would
                // fail again.
                tracing::warn!(%error, back_off_ms = back_off.as_millis(), "cannot accept");
                if shutdown.run_until_cancelled(tokio::time::sleep(back_off)).await.is_none() {
                    return;
                }
                back_off = (back_off * 2).min(BACK_OFF_MAX);
            }
        }
    }
}

fn accepted(
    socket: TcpStream,
    peer: IpAddr,
    permit: OwnedSemaphorePermit,
    reservation: Reservation<IpAddr>,
) -> io::Result<Accepted> {
    socket.set_nodelay(true)?;
    Ok(Accepted { socket: socket.into_std()?, peer, permit, reservation })
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dispatched {
    ToWorker,
    NoWorkerLeft,
}

/// Hands a socket to the worker whose turn it is, or to the next one with room. If none has room, waits.
async fn dispatch(mut accepted: Accepted, workers: &[mpsc::Sender<Accepted>], turn: usize) -> Dispatched {
    let in_turn = || workers.iter().cycle().skip(turn % workers.len().max(1)).take(workers.len());
    for worker in in_turn() {
        match worker.try_send(accepted) {
            Ok(()) => return Dispatched::ToWorker,
            Err(mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back)) => accepted = back,
        }
    }
    for worker in in_turn() {
        match worker.send(accepted).await {
            Ok(()) => return Dispatched::ToWorker,
            Err(mpsc::error::SendError(back)) => accepted = back,
        }
    }
    Dispatched::NoWorkerLeft
}

/// Does the handshakes of one worker's sockets on the runtime it is called on, and yields the connections whose peer is
/// an agency. Ends when the senders of sockets are gone and the last handshake is over. Dropping it ends it at once.
pub fn handshakes(sockets: mpsc::Receiver<Accepted>, state: Arc<TlsState>) -> Handshakes {
    begin(sockets, state, None)
}

/// The same for a listener that is for agencies of one kind alone. Others are refused before a byte of HTTP is read.
pub fn handshakes_of(kind: AgencyKind, sockets: mpsc::Receiver<Accepted>, state: Arc<TlsState>) -> Handshakes {
    begin(sockets, state, Some(kind))
}

fn begin(sockets: mpsc::Receiver<Accepted>, state: Arc<TlsState>, only: Option<AgencyKind>) -> Handshakes {
    let (ready, connections) = mpsc::channel(READY_MAX);
    let task = AbortOnDropHandle::new(tokio::spawn(run_handshakes(sockets, state, ready, only)));
    Handshakes { connections, _task: task }
}

/// The established connections of one worker, for `serve_with_incoming`.
#[derive(Debug)]
pub struct Handshakes {
    connections: mpsc::Receiver<TlsConn>,
    _task: AbortOnDropHandle<()>,
}

impl Stream for Handshakes {
    type Item = io::Result<TlsConn>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.connections.poll_recv(cx).map(|connection| connection.map(Ok))
    }
}

async fn run_handshakes(
    mut sockets: mpsc::Receiver<Accepted>,
    state: Arc<TlsState>,
    ready: mpsc::Sender<TlsConn>,
    only: Option<AgencyKind>,
) {
    // Owns the handshakes: they end with this task.
    let mut tasks = JoinSet::new();
    while let Some(accepted) = sockets.recv().await {
        // After the socket, so that an idle worker does not keep a slot from a busy one.
        let slot = state.handshakes.take().await;
        while let Some(ended) = tasks.try_join_next() {
            report(ended);
        }
        let (state, ready) = (Arc::clone(&state), ready.clone());
        tasks.spawn(async move {
            let peer = accepted.peer;
            let shaken = tokio::select! {
                shaken = Box::pin(handshake(&state, accepted, only)) => shaken,
                () = slot.taken_away() => Err(Refusal::SlotTaken),
            };
            drop(slot);
            match shaken {
                // Sending fails only if the worker has stopped.
                Ok(connection) => drop(ready.send(connection).await),
                Err(refusal) => state.refuse(&refusal, peer),
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        report(ended);
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a handshake failed in an unforeseen way");
    }
}

async fn handshake(state: &TlsState, accepted: Accepted, only: Option<AgencyKind>) -> Result<TlsConn, Refusal> {
    let config = state.config.load_full();
    let limit = Duration::from_millis(config.handshake_timeout_ms);
    tokio::time::timeout(limit, establish(state, &config, accepted, only)).await.map_err(|_| Refusal::TimedOut)?
}

/// Covers the first byte of TLS up to the last byte of the HTTP/2 preface.
async fn establish(
    state: &TlsState,
    config: &Config,
    accepted: Accepted,
    only: Option<AgencyKind>,
) -> Result<TlsConn, Refusal> {
    let trust = state.trust.load_full();
    let socket = TcpStream::from_std(accepted.socket)?;
    let first_byte = Duration::from_millis(config.first_byte_timeout_ms);
    tokio::time::timeout(first_byte, socket.peek(&mut [0])).await.map_err(|_| Refusal::TimedOut)??;
    let mut stream = TlsAcceptor::from(Arc::clone(&trust.server)).accept(socket).await?;
    let (_, session) = stream.get_ref();
    // rustls accepts a client that offers no protocol at all.
    if session.alpn_protocol() != Some(b"h2") {
        return Err(Refusal::NotHttp2);
    }
    let chain: Arc<[CertificateDer<'static>]> = session.peer_certificates().unwrap_or_default().into();
    let now = state.clock.now();
    let peer = identify(&chain, &trust.registry, now)?;
    let kind = trust.registry.member(&peer.agency).map(|member| member.agency.kind);
    if only.is_some() && only != kind {
        return Err(Refusal::OfAnotherKind);
    }
    read_preface(&mut stream).await?;
    let from = (&peer, accepted.peer);
    let live = state.live.register(Arc::clone(&chain), from, now, config.connections_per_agency_max)?;
    let newest = state.trust.load();
    if !Arc::ptr_eq(&newest, &trust) {
        newest.check(&chain, now)?;
    }
    drop(accepted.reservation);
    state.tally.connected(&peer.agency, peer.not_after);
    let age_max = Duration::from_secs(config.connection_age_max_s);
    let certificate_left = Duration::try_from(peer.not_after.duration_since(now)).unwrap_or_default();
    Ok(TlsConn::new(stream, (peer, accepted.peer), age_max.min(certificate_left), live, accepted.permit))
}

/// Reads the preface here, because hyper would wait for it without a limit.
async fn read_preface(stream: &mut TlsStream<TcpStream>) -> Result<(), Refusal> {
    let mut buffer = [0; PREFACE.len()];
    let mut read = 0;
    while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
        let len = stream.read(rest).await?;
        read = read.saturating_add(len);
        if len == 0 {
            return Err(Refusal::Socket);
        }
        if buffer.get(..read) != PREFACE.get(..read) {
            return Err(Refusal::NotHttp2);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
