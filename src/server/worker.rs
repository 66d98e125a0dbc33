//! A worker: one core's share of the connections, with their handshakes, HTTP/2 limits and services.
//!
//! We serve HTTP/2 with hyper directly. tonic's transport leaves several of these limits unset, and it answers a
//! client's deadline with a status that is not of our form (docs/decisions/0002-own-http2-server.md).

use std::convert::Infallible;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use http::Request;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tower::Service as _;

use crate::accept::{Accepted, TlsConn, TlsState, handshakes};
use crate::api::{
    Api, Appeals, Custodies, Detainers, Inbox, Ledger, Obligations, Policies, Reports, Reviews, Rosters, Transfers,
};
use crate::audit::AuditFile;
use crate::config::Config;
use crate::random;
use crate::server::admin::{Admin, Controls};
use crate::server::audited;
use crate::server::condition::Condition;
use crate::server::health::{HealthService, QUESTION_LEN_MAX};
use crate::server::layers::{Layers, Stack};
use crate::server::tiles::{self, CallsAndLogs};
use crate::wire::DESCRIPTOR;
use crate::wire::v1::admin_service_server::AdminServiceServer;
use crate::wire::v1::appeal_service_server::AppealServiceServer;
use crate::wire::v1::custody_service_server::CustodyServiceServer;
use crate::wire::v1::detainer_service_server::DetainerServiceServer;
use crate::wire::v1::inbox_service_server::InboxServiceServer;
use crate::wire::v1::ledger_service_server::LedgerServiceServer;
use crate::wire::v1::obligation_service_server::ObligationServiceServer;
use crate::wire::v1::policy_service_server::PolicyServiceServer;
use crate::wire::v1::report_service_server::ReportServiceServer;
use crate::wire::v1::review_service_server::ReviewServiceServer;
use crate::wire::v1::roster_service_server::RosterServiceServer;
use crate::wire::v1::transfer_service_server::TransferServiceServer;

/// The most provoked resets that a connection survives (RUSTSEC-2024-0003 and `MadeYouReset`).
const RESET_STREAMS_MAX: usize = 256;
/// All headers of a call together, in bytes.
const HEADER_LIST_LEN_MAX: u32 = 16 * 1_024;
/// How far a peer may send ahead of what is read, in bytes, for a stream and for a connection. The library's defaults
/// are a megabyte each.
const STREAM_WINDOW_LEN: u32 = 64 * 1_024;
const CONNECTION_WINDOW_LEN: u32 = 256 * 1_024;
/// The longest reflection request, in bytes. It holds a name.
const REFLECTION_LEN_MAX: usize = 4_096;
/// The most bytes of answers that wait for a slow peer, for each stream.
const SEND_BUFFER_LEN: usize = 256 * 1_024;

/// The limits of a connection, as configured.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    streams_max: u32,
    message_len_max: usize,
    drain_timeout: Duration,
    keep_alive_interval: Duration,
    keep_alive_timeout: Duration,
}

impl ConnectionLimits {
    pub(super) fn of(config: &Config) -> Self {
        let server = &config.server;
        Self {
            streams_max: server.streams_per_connection_max,
            message_len_max: server.message_len_max,
            drain_timeout: Duration::from_millis(server.drain_timeout_ms),
            keep_alive_interval: Duration::from_millis(server.keep_alive_interval_ms),
            keep_alive_timeout: Duration::from_millis(server.keep_alive_timeout_ms),
        }
    }

    /// What serves HTTP/2 within these limits.
    pub(super) fn http2(self) -> http2::Builder<TokioExecutor> {
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.streams_max)
            .max_local_error_reset_streams(RESET_STREAMS_MAX)
            .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
            .initial_stream_window_size(STREAM_WINDOW_LEN)
            .initial_connection_window_size(CONNECTION_WINDOW_LEN)
            .max_header_list_size(HEADER_LIST_LEN_MAX)
            .max_send_buf_size(SEND_BUFFER_LEN)
            .keep_alive_interval(self.keep_alive_interval)
            .keep_alive_timeout(self.keep_alive_timeout);
        http2
    }
}

/// Serves connections on the runtime it runs on.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) api: Arc<Api>,
    pub(super) controls: Arc<Controls>,
    pub(super) layers: Layers,
    pub(super) limits: ConnectionLimits,
    pub(super) condition: Condition,
    pub(super) drain: CancellationToken,
    /// Where each call has a line.
    pub(super) audit: Option<Arc<AuditFile>>,
}

impl Worker {
    /// Runs until the gateway drains, then finishes open calls within the time limit.
    pub(super) async fn run(self, sockets: mpsc::Receiver<Accepted>, tls: Arc<TlsState>) {
        let Some(stack) = self.stack() else { return };
        let mut established = handshakes(sockets, tls);
        let mut connections = JoinSet::new();
        loop {
            let next = tokio::select! {
                () = self.drain.cancelled() => break,
                next = established.next() => next,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            };
            let Some(Ok(connection)) = next else { break };
            let audit = self.audit.clone();
            connections.spawn(serve(connection, stack.clone(), audit, (self.limits, self.drain.clone())));
        }
        drop(established);
        let finished =
            tokio::time::timeout(self.limits.drain_timeout, async { while connections.join_next().await.is_some() {} })
                .await;
        if finished.is_err() {
            tracing::warn!(connections = connections.len(), "cut off connections that did not end in time");
        }
    }

    /// Puts the layers around the services. It is never `None`: a test reads the embedded descriptor.
    fn stack(&self) -> Option<Stack> {
        let len_max = self.limits.message_len_max;
        let api = || Arc::clone(&self.api);
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTOR)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let routes = Routes::new(DetainerServiceServer::new(Detainers(api())).max_decoding_message_size(len_max))
            .add_service(CustodyServiceServer::new(Custodies(api())).max_decoding_message_size(len_max))
            .add_service(TransferServiceServer::new(Transfers(api())).max_decoding_message_size(len_max))
            .add_service(AppealServiceServer::new(Appeals(api())).max_decoding_message_size(len_max))
            .add_service(ReviewServiceServer::new(Reviews(api())).max_decoding_message_size(len_max))
            .add_service(ObligationServiceServer::new(Obligations(api())).max_decoding_message_size(len_max))
            .add_service(RosterServiceServer::new(Rosters(api())).max_decoding_message_size(len_max))
            .add_service(InboxServiceServer::new(Inbox(api())).max_decoding_message_size(len_max))
            .add_service(LedgerServiceServer::new(Ledger(api())).max_decoding_message_size(len_max))
            .add_service(PolicyServiceServer::new(Policies(api())).max_decoding_message_size(len_max))
            .add_service(ReportServiceServer::new(Reports(api())).max_decoding_message_size(len_max))
            .add_service(AdminServiceServer::new(Admin(Arc::clone(&self.controls))).max_decoding_message_size(len_max))
            .add_service(
                HealthServer::new(HealthService::for_certificate_holders(self.condition.clone()))
                    .max_decoding_message_size(QUESTION_LEN_MAX),
            )
            .add_service(reflection().build_v1().ok()?.max_decoding_message_size(REFLECTION_LEN_MAX))
            .add_service(reflection().build_v1alpha().ok()?.max_decoding_message_size(REFLECTION_LEN_MAX));
        Some(self.layers.around(CallsAndLogs { calls: routes.prepare(), api: api() }))
    }
}

/// Serves one connection until it ends or the gateway drains.
async fn serve(
    connection: TlsConn,
    stack: Stack,
    audit: Option<Arc<AuditFile>>,
    (limits, drain): (ConnectionLimits, CancellationToken),
) {
    let (peer, address) = (connection.peer().clone(), connection.address());
    if let Some(audit) = &audit {
        // If it cannot be written, every call on the connection is refused.
        let _counted = audit.connected(peer.agency.as_str(), address, &peer.thumbprint.base64url());
    }
    let agency = peer.agency.clone();
    let goodbye = tokio::time::sleep(goodbye_after(connection.lifetime()));
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        let (mut stack, audit) = (stack.clone(), audit.clone());
        async move {
            let calls = async |request| {
                let Ok(answer) = stack.call(request).await;
                answer
            };
            let answer = audited::around(audit.as_ref(), address, request, |request| tiles::around(request, calls));
            Ok::<_, Infallible>(answer.await)
        }
    });
    let mut serving = std::pin::pin!(limits.http2().serve_connection(TokioIo::new(connection), service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = async { tokio::select! { () = drain.cancelled() => {} () = goodbye => {} } } => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    let Err(error) = ended else { return };
    if let Some(reason) = broken_rule(&error) {
        // One line for each connection, however many frames it took, so that a flood does not flood the audit log.
        tracing::info!(target: "audit", event = "connection_cut", %agency, ?reason);
    } else {
        tracing::debug!(%error, "connection ended");
    }
}

/// After how long a connection is told to begin no more calls (GOAWAY), so that none is cut off when its age is reached: between
/// seven and nine tenths of it, each at another time, so that connections that were made together are not made again together.
fn goodbye_after(lifetime: Duration) -> Duration {
    let mut drawn = [0];
    // Where nothing can be drawn, it is the same for all.
    let _all_alike = random::fill(&mut drawn);
    let tenths = lifetime / 10;
    (tenths * 7).saturating_add(tenths * 2 * u32::from(drawn[0]) / u32::from(u8::MAX))
}

/// The reason why we cut a connection for breaking or straining the protocol.
fn broken_rule(error: &hyper::Error) -> Option<h2::Reason> {
    let error = error.source()?.downcast_ref::<h2::Error>()?;
    if error.is_go_away() && error.is_library() { error.reason() } else { None }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn goodbye_is_said_before_the_end_and_not_to_all_at_once() {
        let hour = Duration::from_hours(1);
        let said: BTreeSet<Duration> = (0..200).map(|_| goodbye_after(hour)).collect();
        assert!(said.iter().all(|after| (hour * 7 / 10..=hour * 9 / 10).contains(after)), "{said:?}");
        assert!(said.len() > 50, "{said:?}");
    }
}
