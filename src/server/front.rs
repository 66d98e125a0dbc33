//! The thread in front: it accepts sockets, answers probes, and looks after what nobody else does.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::meters;
use crate::recorder::Handle;
use crate::server::ServerError;
use crate::server::accept::{self, TlsState};
use crate::server::health::Phase;
use crate::server::ops::{self, Probed};

/// Accepts sockets and answers probes.
pub(super) struct Front {
    pub(super) grpc_listener: std::net::TcpListener,
    pub(super) ops_listener: std::net::TcpListener,
    pub(super) sockets: Vec<mpsc::Sender<accept::Accepted>>,
    pub(super) tls: Arc<TlsState>,
    pub(super) probed: Probed,
    pub(super) drain: CancellationToken,
    pub(super) stop_ops: CancellationToken,
}

impl Front {
    /// Until told to stop.
    pub(super) async fn run(self, recorder: Handle, set_phase: watch::Sender<Phase>) -> Result<(), ServerError> {
        let io = |what| move |source| ServerError::Io { what, source };
        let grpc = TcpListener::from_std(self.grpc_listener).map_err(io("the gRPC listener cannot be used"))?;
        let ops = TcpListener::from_std(self.ops_listener).map_err(io("the ops listener cannot be used"))?;
        let accepting = tokio::spawn(accept::accept_loop(grpc, self.sockets, self.tls, self.drain));
        let watching = tokio::spawn(async move {
            recorder.ended().await;
            set_phase.send_replace(Phase::WriterStopped);
        });
        let kept = Arc::clone(&self.probed.meters);
        let upkeep = tokio::spawn(async move {
            loop {
                tokio::time::sleep(meters::UPKEEP_EVERY).await;
                kept.upkeep();
            }
        });
        let served = ops::serve(ops, self.probed, self.stop_ops).await;
        upkeep.abort();
        watching.abort();
        accepting.abort();
        served.map_err(io("the ops listener failed"))
    }
}
