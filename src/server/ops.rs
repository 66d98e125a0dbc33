//! The ops listener: plain HTTP for probes, on an address that only the machine's keepers reach. Nothing of a case is here.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::pb::health_server::HealthServer;

use crate::server::health::{HealthService, Phase};

/// How long probes under way may take to finish at the end. Whoever watches or dawdles is not waited for.
const GOODBYE: Duration = Duration::from_millis(250);

/// Serves `/livez`, `/readyz` and grpc.health.v1 until told to stop.
pub(super) async fn serve(
    listener: TcpListener,
    phase: watch::Receiver<Phase>,
    stop: CancellationToken,
) -> Result<(), std::io::Error> {
    let health = HealthServer::new(HealthService::new(phase.clone()));
    let router = Router::new()
        // Alive as long as it answers: a gateway that cannot write is not helped by being killed in a loop.
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(phase)
        .merge(tonic::service::Routes::new(health).into_axum_router());
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let ended = async {
        stop.cancelled().await;
        tokio::time::sleep(GOODBYE).await;
    };
    tokio::select! {
        served = serving => served,
        () = ended => Ok(()),
    }
}

async fn ready(State(phase): State<watch::Receiver<Phase>>) -> (StatusCode, String) {
    let phase = *phase.borrow();
    let code = match phase {
        Phase::Serving => StatusCode::OK,
        Phase::Starting | Phase::Draining | Phase::WriterStopped => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, format!("{}\n", phase.word()))
}
