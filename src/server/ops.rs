//! The ops listener: plain HTTP for probes, on an address that only operators reach. It serves nothing about a case.
//!
//! Nobody who reaches the listener can keep probes out for long. The number of connections is limited, and so are the
//! time to send a request and the age of a connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic_health::pb::health_server::HealthServer;
use tower::Service as _;

use crate::metrics::{Metrics, table};
use crate::server::audit::AuditFile;
use crate::server::health::{HealthService, Phase, QUESTION_LEN_MAX};

/// How long open probes may take to finish at shutdown. Watchers and slow clients are not waited for.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(250);
/// Most sockets at a time. Above it new ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;
/// Most HTTP/2 connections among them. Such a connection may watch for long; probes over HTTP/1 use the other places.
const WATCHERS_MAX: usize = 64;
/// The first bytes of HTTP/2 (RFC 9113 3.4).
const HTTP2: &[u8] = b"PRI ";
/// A connection that has not sent a whole request head by then is dropped.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection ends at this age. A watcher connects again.
const AGE_MAX: Duration = Duration::from_mins(10);
const STREAMS_MAX: u32 = 16;
/// The pause after a failed accept, most likely for want of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The content type of the text that Prometheus reads.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The pause before peeking again at a connection that has sent too little to tell its protocol.
const PEEK_AGAIN: Duration = Duration::from_millis(50);

/// The permit of a connection, and that of a watcher if it is one.
type ConnectionPermits = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

/// What probes report.
#[derive(Debug, Clone)]
pub(super) struct ProbeSources {
    /// The phase of the gateway.
    pub(super) phase: watch::Receiver<Phase>,
    /// Why the newest policies are not in force.
    pub(super) policies: watch::Receiver<Option<String>>,
    /// Warnings about certificates and revocation lists.
    pub(super) certificates: watch::Receiver<Vec<String>>,
    /// Where audit lines go.
    pub(super) audit: Option<Arc<AuditFile>>,
    /// The metrics.
    pub(super) metrics: Arc<Metrics>,
}

/// Serves `/livez`, `/readyz`, `/metrics` and grpc.health.v1 until it is told to stop.
pub(super) async fn serve(
    listener: TcpListener,
    probed: ProbeSources,
    stop: CancellationToken,
) -> Result<(), io::Error> {
    let health =
        HealthServer::new(HealthService::new(probed.phase.clone())).max_decoding_message_size(QUESTION_LEN_MAX);
    let router = Router::new()
        // Alive as long as it answers. Killing a gateway that cannot write, again and again, does not help it.
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(figures))
        .with_state(probed)
        // Routed by path alone: the library's router would answer any other path with a status in a header and HTTP
        // 200.
        .route_service("/grpc.health.v1.Health/{method}", health);
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let watchers = Arc::new(Semaphore::new(WATCHERS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await.map_err(io::Error::other)?;
            let (socket, _) = listener.accept().await?;
            Ok::<_, io::Error>((socket, permit))
        };
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            next = next => match next {
                Ok((socket, permit)) => {
                    let (router, stop, watchers) = (router.clone(), stop.clone(), Arc::clone(&watchers));
                    connections.spawn(async move {
                        if let Some(watcher) = admitted(&socket, watchers).await {
                            answer(socket, (permit, watcher), router, stop).await;
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the ops listener cannot accept");
                    tokio::time::sleep(BACK_OFF).await;
                }
            },
        }
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    // Connections that are still open are dropped with the set.
    drop(tokio::time::timeout(SHUTDOWN_TIMEOUT, ended).await);
    Ok(())
}

/// Finds out the protocol and reserves a watcher's place for HTTP/2. `None` if the peer sends nothing in time, or if
/// there are too many watchers.
async fn admitted(socket: &TcpStream, watchers: Arc<Semaphore>) -> Option<Option<OwnedSemaphorePermit>> {
    let mut begun = [0; HTTP2.len()];
    let protocol = async {
        loop {
            let len = socket.peek(&mut begun).await.ok()?;
            let said = begun.get(..len).filter(|said| !said.is_empty())?;
            if !HTTP2.starts_with(said) {
                return Some(false);
            }
            if said.len() == HTTP2.len() {
                return Some(true);
            }
            // Wait for the rest of the four bytes. They arrive together unless the peer splits them on purpose.
            tokio::time::sleep(PEEK_AGAIN).await;
        }
    };
    let is_http2 = tokio::time::timeout(HEAD_TIMEOUT, protocol).await.ok()??;
    if is_http2 { watchers.try_acquire_owned().ok().map(Some) } else { Some(None) }
}

/// Answers on one connection until it ends, sends no request in time, or is too old.
async fn answer(socket: TcpStream, _permits: ConnectionPermits, router: Router, stop: CancellationToken) {
    let asked = CancellationToken::new();
    let service = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| {
        asked.cancel();
        router.clone().call(request)
    });
    let mut http = auto::Builder::new(TokioExecutor::new());
    // One probe for each connection, so that the time limit for a request also limits the time between two requests.
    http.http1().keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    http.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(socket), service));
    let too_late = async {
        if tokio::time::timeout(HEAD_TIMEOUT, asked.cancelled()).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        // An error here concerns the prober, who sees it too.
        _ = serving.as_mut() => {}
        () = too_late => {}
        () = tokio::time::sleep(AGE_MAX) => {}
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            drop(serving.await);
        }
    }
}

/// The first line says ready or not. The lines below are warnings.
async fn ready(State(probed): State<ProbeSources>) -> (StatusCode, String) {
    let phase = *probed.phase.borrow();
    let code = match phase {
        Phase::Serving => StatusCode::OK,
        Phase::Starting | Phase::StoreAway | Phase::OtherLaw | Phase::Draining | Phase::WriterStopped => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let mut lines = vec![phase.word().to_owned()];
    lines.extend(probed.policies.borrow().as_ref().map(|reason| format!("policy set not taken up: {reason}")));
    lines.extend(probed.certificates.borrow().iter().cloned());
    let failing = probed.audit.iter().filter(|audit| audit.is_failing());
    lines.extend(failing.map(|audit| format!("audit lines are lost: {} so far", audit.lost())));
    (code, lines.join("\n") + "\n")
}

async fn figures(State(probed): State<ProbeSources>) -> impl IntoResponse {
    let lost = probed.audit.as_ref().map_or(0, |audit| audit.lost());
    probed.metrics.set_counter(&table::AUDIT_LINES_LOST, lost);
    ([(CONTENT_TYPE, METRICS_TYPE)], probed.metrics.render())
}
