//! The console over mutual TLS, for operators who are not at the gateway's machine: with its own certificate, and for
//! agencies of the kind `operator` alone. Browsers speak HTTP/2 here, as agencies do on the gRPC listener.

use std::sync::Arc;

use axum::Router;
use axum::http::Request;
use futures_util::StreamExt as _;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::accept::{TlsConn, TlsState, accept_loop, handshakes_of};
use crate::domain::agency::AgencyKind;
use crate::server::condition::Condition;
use crate::server::console::Console;
use crate::server::worker::ConnectionLimits;

/// Accepted sockets that may wait for their handshake.
const SOCKETS_WAITING_MAX: usize = 16;

/// Serves the console until the gateway drains. Nobody is waited for.
pub(super) async fn serve(
    listener: TcpListener,
    console: Arc<Console>,
    tls: Arc<TlsState>,
    limits: ConnectionLimits,
    drain: CancellationToken,
) {
    let (sockets, accepted) = mpsc::channel(SOCKETS_WAITING_MAX);
    let mut established = handshakes_of(AgencyKind::Operator, accepted, Arc::clone(&tls));
    let routes = console.routes_for_operators();
    // Owns the connections: they end with this task.
    let mut connections = JoinSet::new();
    let serving = async {
        loop {
            tokio::select! {
                next = established.next() => {
                    let Some(Ok(connection)) = next else { return };
                    connections.spawn(answer(connection, routes.clone(), limits, console.condition()));
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    };
    tokio::select! {
        () = accept_loop(listener, vec![sockets], tls, drain) => {}
        () = serving => {}
    }
}

/// Answers on one connection until it ends, or until its agency is no longer an operator.
async fn answer(connection: TlsConn, routes: Router, limits: ConnectionLimits, mut condition: Condition) {
    let agency = connection.peer().agency.clone();
    let service =
        hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| routes.clone().call(request));
    let no_operator = async {
        while condition.kind_of(&agency) == Some(AgencyKind::Operator) && condition.changed().await.is_some() {}
    };
    tokio::select! {
        // An error here concerns the operator, who sees it too.
        _ = limits.http2().serve_connection(TokioIo::new(connection), service) => {}
        () = no_operator => {}
    }
}
