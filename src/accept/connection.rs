//! An established connection. It knows its agency, and it is cut when its time is over or its certificate is no longer
//! accepted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use crate::accept::refusal::Refusal;
use crate::domain::ids::AgencyId;
use crate::identity::certificate::PeerIdentity;

/// The first bytes that every HTTP/2 client sends (RFC 9113 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A TLS connection with an agency. Every request on it carries the [`PeerIdentity`] in its extensions.
pub struct TlsConn {
    stream: TlsStream<TcpStream>,
    /// What the handshake has read of HTTP/2, still to be given to the reader.
    preface: &'static [u8],
    peer: PeerIdentity,
    lifetime: Duration,
    address: IpAddr,
    end: Pin<Box<Sleep>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _live: Registration,
    _permit: OwnedSemaphorePermit,
}

impl TlsConn {
    pub(super) fn new(
        stream: TlsStream<TcpStream>,
        (peer, address): (PeerIdentity, IpAddr),
        lifetime: Duration,
        live: Registration,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let end = Box::pin(tokio::time::sleep(lifetime));
        let cut = Box::pin(live.cut.clone().cancelled_owned());
        Self { stream, preface: PREFACE, peer, lifetime, address, end, cut, _live: live, _permit: permit }
    }

    /// The agency at the other end.
    pub fn peer(&self) -> &PeerIdentity {
        &self.peer
    }

    /// After how long it is cut.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Where it comes from.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    fn check_cut(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let ended = self.end.as_mut().poll(cx).is_ready() || self.cut.as_mut().poll(cx).is_ready();
        if ended { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl fmt::Debug for TlsConn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConn").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Connected for TlsConn {
    type ConnectInfo = PeerIdentity;

    fn connect_info(&self) -> PeerIdentity {
        self.peer.clone()
    }
}

impl AsyncRead for TlsConn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check_cut(cx)?;
        if !self.preface.is_empty() {
            let (given, kept) = self.preface.split_at(self.preface.len().min(buf.remaining()));
            buf.put_slice(given);
            self.preface = kept;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsConn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check_cut(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_cut(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The established connections, so that those of a revoked certificate can be cut.
#[derive(Default)]
pub(super) struct LiveConnections {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    next: u64,
    by_number: HashMap<u64, Entry>,
}

#[derive(Clone)]
struct Entry {
    chain: Arc<[CertificateDer<'static>]>,
    session: Session,
    cut: CancellationToken,
}

/// An established connection, as operators see it.
#[derive(Debug, Clone)]
pub struct Session {
    /// Unique as long as the gateway runs.
    pub number: u64,
    /// The agency at the other end, by its certificate.
    pub peer: PeerIdentity,
    /// Where it comes from.
    pub address: IpAddr,
    /// When it was established.
    pub since: Timestamp,
}

impl LiveConnections {
    pub(super) fn register(
        self: &Arc<Self>,
        chain: Arc<[CertificateDer<'static>]>,
        (peer, address): (&PeerIdentity, IpAddr),
        since: Timestamp,
        per_agency_max: usize,
    ) -> Result<Registration, Refusal> {
        let mut entries = self.entries();
        let is_of_the_agency = |entry: &&Entry| entry.session.peer.agency == peer.agency;
        if entries.by_number.values().filter(is_of_the_agency).count() >= per_agency_max {
            return Err(Refusal::TooManyOfAgency);
        }
        entries.next += 1;
        let number = entries.next;
        let cut = CancellationToken::new();
        let session = Session { number, peer: peer.clone(), address, since };
        entries.by_number.insert(number, Entry { chain, session, cut: cut.clone() });
        Ok(Registration { live: Arc::clone(self), number, cut })
    }

    /// Cuts every connection whose certificates are no longer good. Returns how many.
    pub(super) fn cut_unless(&self, good: impl Fn(&[CertificateDer<'_>]) -> bool) -> usize {
        // Work on a copy: verification takes longer than a connection may wait for the lock.
        let entries: Vec<Entry> = self.entries().by_number.values().cloned().collect();
        let refused = entries.iter().filter(|entry| !good(&entry.chain));
        refused.map(|entry| entry.cut.cancel()).count()
    }

    /// Cuts those that are meant. Returns how many.
    pub(super) fn cut(&self, is_meant: impl Fn(&Session) -> bool) -> usize {
        let entries = self.entries();
        entries.by_number.values().filter(|entry| is_meant(&entry.session)).map(|entry| entry.cut.cancel()).count()
    }

    /// Each of them, the oldest first.
    pub(super) fn sessions(&self) -> Vec<Session> {
        let mut sessions: Vec<_> = self.entries().by_number.values().map(|entry| entry.session.clone()).collect();
        sessions.sort_by_key(|session| session.number);
        sessions
    }

    /// How many there are of each agency.
    pub(super) fn of_agencies(&self) -> BTreeMap<AgencyId, u64> {
        let mut counts: BTreeMap<AgencyId, u64> = BTreeMap::new();
        for entry in self.entries().by_number.values() {
            let count = counts.entry(entry.session.peer.agency.clone()).or_default();
            *count = count.saturating_add(1);
        }
        counts
    }

    pub(super) fn len(&self) -> usize {
        self.entries().by_number.len()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LiveConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveConnections").field("len", &self.len()).finish()
    }
}

/// Keeps a connection in the list of live ones until it is dropped.
pub(super) struct Registration {
    live: Arc<LiveConnections>,
    number: u64,
    cut: CancellationToken,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.live.entries().by_number.remove(&self.number);
    }
}
