//! grpc.health.v1, answered from the gateway's phase: for the whole gateway, for each service, and for its store.
//!
//! We implement the service ourselves: the library's own answers `Watch` of an unknown service with an error, where the
//! standard asks for `SERVICE_UNKNOWN` and a stream that stays open.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::wire::failure::Failure;
use crate::wire::v1::ErrorReason;

/// The longest health request, in bytes. It holds a name.
pub(super) const QUESTION_LEN_MAX: usize = 1_024;

/// The phase of a gateway's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Keys, store and policies are being read.
    Starting,
    /// Calls are answered.
    Serving,
    /// The database is unreachable: writes wait for it, and reads fail.
    StoreAway,
    /// Another policy set is in force in the store, and this gateway has yet to activate it. Other gateways answer
    /// meanwhile.
    OtherLaw,
    /// No new calls are accepted; open calls are finished.
    Draining,
    /// The writer has stopped. Nothing can be recorded until a restart.
    WriterStopped,
}

impl Phase {
    /// The word that `/readyz` shows.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::StoreAway => "store-away",
            Self::OtherLaw => "other-law",
            Self::Draining => "draining",
            Self::WriterStopped => "writer-stopped",
        }
    }
}

/// Moves to phase `to`, if the gateway is now in one of the phases `from`.
pub(super) fn advance(phase: &watch::Sender<Phase>, from: &[Phase], to: Phase) {
    phase.send_if_modified(|phase| {
        let moves = from.contains(phase);
        if moves {
            *phase = to;
        }
        moves
    });
}

/// Names that health can be asked about. The empty name stands for the whole gateway.
const SERVICES: [&str; 9] = [
    "comity.v1.DetainerService",
    "comity.v1.CustodyService",
    "comity.v1.TransferService",
    "comity.v1.AppealService",
    "comity.v1.ReviewService",
    "comity.v1.ObligationService",
    "comity.v1.InboxService",
    "comity.v1.LedgerService",
    "comity.v1.PolicyService",
];

/// The name of the store as a dependency. Without it no write is possible.
const STORE: &str = "store";

/// The health service.
#[derive(Debug, Clone)]
pub(super) struct HealthService {
    phase: watch::Receiver<Phase>,
}

impl HealthService {
    /// Answers from this phase.
    pub(super) fn new(phase: watch::Receiver<Phase>) -> Self {
        Self { phase }
    }
}

fn status_of(service: &str, phase: Phase) -> ServingStatus {
    let known = service.is_empty() || service == STORE || SERVICES.contains(&service);
    match phase {
        _ if !known => ServingStatus::ServiceUnknown,
        Phase::Serving => ServingStatus::Serving,
        // The store answers until the last call is finished.
        Phase::Draining | Phase::OtherLaw if service == STORE => ServingStatus::Serving,
        Phase::Starting | Phase::StoreAway | Phase::OtherLaw | Phase::Draining | Phase::WriterStopped => {
            ServingStatus::NotServing
        }
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for HealthService {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        match status_of(&request.get_ref().service, *self.phase.borrow()) {
            ServingStatus::ServiceUnknown => {
                Err(Failure::new(Code::NotFound, ErrorReason::NotFound, "there is no such service").into())
            }
            status @ (ServingStatus::Unknown | ServingStatus::Serving | ServingStatus::NotServing) => {
                Ok(Response::new(answer(status)))
            }
        }
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let watch = Watch { phases: WatchStream::new(self.phase.clone()), service, last: None, over: false };
        let changes = futures_util::stream::unfold(watch, |mut watch| async move {
            let status = watch.next().await?;
            Some((Ok(answer(status)), watch))
        });
        Ok(Response::new(Box::pin(changes)))
    }
}

/// One watcher. It is told of each change, and its stream ends when the gateway drains, since the drain would otherwise
/// wait for it.
struct Watch {
    phases: WatchStream<Phase>,
    service: String,
    last: Option<ServingStatus>,
    over: bool,
}

impl Watch {
    async fn next(&mut self) -> Option<ServingStatus> {
        while !self.over {
            let phase = self.phases.next().await?;
            self.over = phase == Phase::Draining;
            let status = status_of(&self.service, phase);
            if self.last.replace(status) != Some(status) {
                return Some(status);
            }
        }
        None
    }
}
