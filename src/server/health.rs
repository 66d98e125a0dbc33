//! grpc.health.v1, told from one phase of the gateway: overall, per service, and per dependency.
//!
//! Written out because the ready-made service answers `Watch` of an unknown service with an error, where the standard
//! asks for `SERVICE_UNKNOWN` and a stream that stays open.

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

/// The longest question of health, in bytes: it holds a name.
pub(super) const QUESTION_LEN_MAX: usize = 1_024;

/// Where the gateway is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Keys, store and policies are being read.
    Starting,
    /// Calls are answered.
    Serving,
    /// The database cannot be reached: writes wait for it, and reads fail.
    StoreAway,
    /// Another policy set is in force in the store, which this gateway has yet to take up: others answer meanwhile.
    OtherLaw,
    /// No new calls, please; those under way are finished.
    Draining,
    /// The writer has stopped: nothing can be recorded until a restart.
    WriterStopped,
}

impl Phase {
    /// The word in `/readyz`.
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

/// Moves the phase, if it is one of those that it should be moved from.
pub(super) fn advance(phase: &watch::Sender<Phase>, from: &[Phase], to: Phase) {
    phase.send_if_modified(|phase| {
        let moves = from.contains(phase);
        if moves {
            *phase = to;
        }
        moves
    });
}

/// Names that health can be asked of, beside the whole (the empty name).
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

/// The dependency whose loss makes every write impossible.
const STORE: &str = "store";

/// The service.
#[derive(Debug, Clone)]
pub(super) struct HealthService {
    phase: watch::Receiver<Phase>,
}

impl HealthService {
    /// Tells of this phase.
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

/// One watcher: told of each change, and let go once the gateway drains, which would else wait for it.
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
