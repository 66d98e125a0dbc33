//! The thread that accepts sockets, answers probes, and runs the background tasks of the gateway.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::accept::{self, TlsState};
use crate::identity::clock::WallClock;
use crate::metrics;
use crate::recorder::{Handle, WriterStatus};
use crate::server::certificates::ExpiryWatch;
use crate::server::condition::{Phase, advance};
use crate::server::console::Console;
use crate::server::console_over_tls;
use crate::server::error::ServerError;
use crate::server::ops;
use crate::server::readiness::ProbeSources;
use crate::server::ticking;
use crate::server::worker::ConnectionLimits;

/// The listeners, and what the background tasks need.
pub(super) struct Listeners {
    pub(super) grpc_listener: std::net::TcpListener,
    pub(super) ops_listener: std::net::TcpListener,
    /// Where operators open the console over mutual TLS, if anywhere.
    pub(super) console_listener: Option<std::net::TcpListener>,
    /// The clock that certificates are checked against.
    pub(super) wall: WallClock,
    pub(super) limits: ConnectionLimits,
    pub(super) sockets: Vec<mpsc::Sender<accept::Accepted>>,
    pub(super) tls: Arc<TlsState>,
    pub(super) probed: ProbeSources,
    pub(super) expiry: Arc<ExpiryWatch>,
    pub(super) drain: CancellationToken,
    pub(super) stop_ops: CancellationToken,
    /// How often the legal clocks are checked. `None` if the gateway does not do so by itself.
    pub(super) tick: Option<Duration>,
    /// For each shard of the store, what keeps it from recording.
    pub(super) writer_statuses: Vec<watch::Receiver<WriterStatus>>,
}

impl Listeners {
    /// Runs until it is told to stop.
    pub(super) async fn run(self, recorder: Handle, set_phase: watch::Sender<Phase>) -> Result<(), ServerError> {
        let io = |what| move |source| ServerError::Io { what, source };
        let grpc = TcpListener::from_std(self.grpc_listener).map_err(io("the gRPC listener cannot be used"))?;
        let ops = TcpListener::from_std(self.ops_listener).map_err(io("the ops listener cannot be used"))?;
        let console_over_tls = self.console_listener.map(TcpListener::from_std).transpose();
        let console_over_tls = console_over_tls.map_err(io("the console's listener cannot be used"))?;
        // An address that cannot be read counts as one that others reach.
        let is_of_this_machine = ops.local_addr().is_ok_and(|address| address.ip().is_loopback());
        let console = Console::new(self.probed.clone(), self.wall);
        // One task for each shard: clocks of one shard run on while the database of another is unreachable.
        let mut tasks = JoinSet::new();
        for shard in self.tick.iter().flat_map(|every| recorder.each().map(|shard| (*every, shard))) {
            tasks.spawn(ticking::tick(shard.1, shard.0, self.drain.clone()));
        }
        tasks.spawn(look_after_store(self.writer_statuses, set_phase.clone()));
        tasks.spawn(self.expiry.watch(self.drain.clone()));
        if is_of_this_machine || console_over_tls.is_some() {
            tasks.spawn(Arc::clone(&console).run());
        }
        if let Some(listener) = console_over_tls {
            let (console, tls, drain) = (Arc::clone(&console), Arc::clone(&self.tls), self.drain.clone());
            tasks.spawn(console_over_tls::serve(listener, console, tls, self.limits, drain));
        }
        let accepting = tokio::spawn(accept::accept_loop(grpc, self.sockets, self.tls, self.drain));
        let watching = tokio::spawn(async move {
            recorder.ended().await;
            set_phase.send_replace(Phase::WriterStopped);
        });
        let kept = Arc::clone(&self.probed.live.metrics);
        let upkeep = tokio::spawn(async move {
            loop {
                tokio::time::sleep(metrics::UPKEEP_EVERY).await;
                kept.upkeep();
            }
        });
        let pages = if is_of_this_machine { console.routes_on_this_machine() } else { Router::new() };
        ops::serve(ops, self.probed, pages, self.stop_ops).await;
        tasks.abort_all();
        upkeep.abort();
        watching.abort();
        accepting.abort();
        Ok(())
    }
}

/// Updates the phase: whether all shards are hindered, or a policy set is yet to be activated.
async fn look_after_store(mut shards: Vec<watch::Receiver<WriterStatus>>, phase: watch::Sender<Phase>) {
    loop {
        let seen: Vec<WriterStatus> = shards.iter_mut().map(|shard| *shard.borrow_and_update()).collect();
        let now = if seen.contains(&WriterStatus::OtherLaw) {
            Phase::OtherLaw
        } else if seen.iter().all(|status| *status == WriterStatus::StoreAway) {
            Phase::StoreAway
        } else {
            Phase::Serving
        };
        advance(&phase, &[Phase::Serving, Phase::StoreAway, Phase::OtherLaw], now);
        let changes = shards.iter_mut().map(|shard| Box::pin(shard.changed()));
        if futures_util::future::select_all(changes).await.0.is_err() {
            // Another task reports that the writer has ended.
            return;
        }
    }
}
