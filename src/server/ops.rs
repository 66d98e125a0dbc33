//! The ops listener: plain HTTP for probes, on an address that only the machine's keepers reach. Nothing of a case is here.
//!
//! Whoever reaches it cannot keep the probes out for long: connections have a place each, a time to ask in, and an age.

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

/// How long probes under way may take to finish at the end. Whoever watches or dawdles is not waited for.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(250);
/// Sockets at a time. Above it new ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;
/// HTTP/2 connections among them: such a one may watch for long, and probes over HTTP/1 find the other places.
const WATCHERS_MAX: usize = 64;
/// How HTTP/2 begins (RFC 9113 3.4).
const HTTP2: &[u8] = b"PRI ";
/// A connection that has not sent a whole request head by then is dropped.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection ends at this age. Who watches connects again.
const AGE_MAX: Duration = Duration::from_mins(10);
const STREAMS_MAX: u32 = 16;
/// After an accept that failed, most likely for want of file descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Of the text that Prometheus reads.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// After a look at what a connection begins with that told too little.
const PEEK_AGAIN: Duration = Duration::from_millis(50);

/// Of a connection, and of a watcher if it is one.
type ConnectionPermits = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

/// What probes are told of.
#[derive(Debug, Clone)]
pub(super) struct ProbeSources {
    /// Where the gateway is in its life.
    pub(super) phase: watch::Receiver<Phase>,
    /// Why the newest policies are not in force.
    pub(super) policies: watch::Receiver<Option<String>>,
    /// What somebody should look at in certificates and revocation lists.
    pub(super) certificates: watch::Receiver<Vec<String>>,
    /// Where audit lines go.
    pub(super) audit: Option<Arc<AuditFile>>,
    /// Its figures.
    pub(super) metrics: Arc<Metrics>,
}

/// Serves `/livez`, `/readyz`, `/metrics` and grpc.health.v1 until told to stop.
pub(super) async fn serve(
    listener: TcpListener,
    probed: ProbeSources,
    stop: CancellationToken,
) -> Result<(), io::Error> {
    let health =
        HealthServer::new(HealthService::new(probed.phase.clone())).max_decoding_message_size(QUESTION_LEN_MAX);
    let router = Router::new()
        // Alive as long as it answers: a gateway that cannot write is not helped by being killed in a loop.
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(figures))
        .with_state(probed)
        // By its path alone: the library's own router would answer any other with a status in a header, and HTTP 200.
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
    // Who is not done by then is dropped with the set.
    drop(tokio::time::timeout(SHUTDOWN_TIMEOUT, ended).await);
    Ok(())
}

/// A place for what the connection turns out to be: HTTP/2 takes one of a watcher's. None: it says nothing in time, or there
/// are watchers enough.
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
            // The rest of the four bytes; they come together but from somebody who takes pains.
            tokio::time::sleep(PEEK_AGAIN).await;
        }
    };
    let is_http2 = tokio::time::timeout(HEAD_TIMEOUT, protocol).await.ok()??;
    if is_http2 { watchers.try_acquire_owned().ok().map(Some) } else { Some(None) }
}

/// Answers on one connection: until it ends, has asked nothing in time, or is too old.
async fn answer(socket: TcpStream, _permits: ConnectionPermits, router: Router, stop: CancellationToken) {
    let asked = CancellationToken::new();
    let service = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| {
        asked.cancel();
        router.clone().call(request)
    });
    let mut http = auto::Builder::new(TokioExecutor::new());
    // One probe a connection, so that the time to ask in is also the time between two questions.
    http.http1().keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    http.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(socket), service));
    let too_late = async {
        if tokio::time::timeout(HEAD_TIMEOUT, asked.cancelled()).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        // What goes wrong here is the prober's, who sees it too.
        _ = serving.as_mut() => {}
        () = too_late => {}
        () = tokio::time::sleep(AGE_MAX) => {}
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            drop(serving.await);
        }
    }
}

/// Ready or not in the first line; what somebody should look at, though it is no reason not to serve, below.
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
