//! The ops listener: plain HTTP for probes, on an address that only operators reach. It serves nothing about a case. On a
//! loopback address it has the console too.
//!
//! Nobody who reaches the listener can keep probes out for long. The number of connections is limited, and so are the
//! time to send a request and the age of a connection.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic_health::pb::health_server::HealthServer;
use tower::Service as _;

use crate::server::health::{HealthService, QUESTION_LEN_MAX};
use crate::server::readiness::{self, ProbeSources};
use crate::sockets::serve_sockets;

/// How long open probes may take to finish at shutdown. Watchers and slow clients are not waited for.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(250);
/// Most HTTP/2 connections at a time. Such a connection may watch for long, so probes over HTTP/1 keep the rest of the
/// sockets.
const WATCHERS_MAX: usize = 64;
/// The first bytes of HTTP/2 (RFC 9113 3.4).
const HTTP2: &[u8] = b"PRI ";
/// A connection that has not sent a whole request head by then is dropped.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection ends at this age. A watcher connects again.
const AGE_MAX: Duration = Duration::from_mins(10);
const STREAMS_MAX: u32 = 16;

/// The content type of the text that Prometheus reads.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The pause before peeking again at a connection that has sent too little to tell its protocol.
const PEEK_AGAIN: Duration = Duration::from_millis(50);

/// The protocol that a connection begins with.
enum Protocol {
    Http1,
    Http2,
}

/// Serves `/livez`, `/readyz`, `/metrics`, grpc.health.v1 and `pages` until it is told to stop.
pub(super) async fn serve(listener: TcpListener, probed: ProbeSources, pages: Router, stop: CancellationToken) {
    let health = HealthService::for_operators(probed.live.condition.clone());
    let health = HealthServer::new(health).max_decoding_message_size(QUESTION_LEN_MAX);
    let router = Router::new()
        // Alive as long as it answers. Killing a gateway that cannot write, again and again, does not help it.
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_text))
        .with_state(probed)
        .merge(pages)
        // Routed by path alone: the library's router would answer any other path with a status in a header and HTTP
        // 200.
        .route_service("/grpc.health.v1.Health/{method}", health);
    let watchers = Arc::new(Semaphore::new(WATCHERS_MAX));
    serve_sockets("ops", listener, SHUTDOWN_TIMEOUT, stop.clone(), |socket| {
        let (router, stop, watchers) = (router.clone(), stop.clone(), Arc::clone(&watchers));
        async move {
            let _watcher = match protocol_of(&socket).await {
                None => return,
                Some(Protocol::Http1) => None,
                Some(Protocol::Http2) => match watchers.try_acquire_owned() {
                    Ok(watcher) => Some(watcher),
                    // There are too many watchers.
                    Err(_) => return,
                },
            };
            answer(socket, router, stop).await;
        }
    })
    .await;
}

/// The protocol of a connection. `None` if the peer sends nothing in time.
async fn protocol_of(socket: &TcpStream) -> Option<Protocol> {
    let mut begun = [0; HTTP2.len()];
    let protocol = async {
        loop {
            let len = socket.peek(&mut begun).await.ok()?;
            let said = begun.get(..len).filter(|said| !said.is_empty())?;
            if !HTTP2.starts_with(said) {
                return Some(Protocol::Http1);
            }
            if said.len() == HTTP2.len() {
                return Some(Protocol::Http2);
            }
            // Wait for the rest of the four bytes. They arrive together unless the peer splits them on purpose.
            tokio::time::sleep(PEEK_AGAIN).await;
        }
    };
    tokio::time::timeout(HEAD_TIMEOUT, protocol).await.ok()?
}

/// Answers on one connection until it ends, sends no request in time, or is too old.
async fn answer(socket: TcpStream, router: Router, stop: CancellationToken) {
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

async fn ready(State(probed): State<ProbeSources>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    readiness::answer(&probed, query.as_deref())
}

async fn metrics_text(State(probed): State<ProbeSources>) -> impl IntoResponse {
    ([(CONTENT_TYPE, METRICS_TYPE)], probed.live.render())
}
