//! grpc.health.v1, answered from memory: for the whole gateway, for each service, for each dependency, and for whether
//! an agency can be delivered to.
//!
//! We implement the service ourselves: the library's own answers `Watch` of an unknown service with an error, where the
//! standard asks for `SERVICE_UNKNOWN` and a stream that stays open.

use std::pin::Pin;

use futures_util::Stream;
use tonic::{Code, Extensions, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::domain::agency::AgencyKind;
use crate::domain::ids::AgencyId;
use crate::identity::certificate::PeerIdentity;
use crate::server::condition::{Condition, Phase};
use crate::wire::failure::Failure;
use crate::wire::methods;
use crate::wire::v1::ErrorReason;

/// The longest health request, in bytes. It holds a name.
pub(super) const QUESTION_LEN_MAX: usize = 1_024;

/// The services of the contract begin with this.
const PACKAGE: &str = "comity.v1.";
/// Before the id of an agency: whether it can be delivered to.
const AGENCY: &str = "agency/";

/// What a name asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    /// The whole gateway, or one of its services: whether calls are accepted.
    Gateway,
    /// The store, without which nothing is recorded.
    Store,
    /// The law by which calls are judged.
    Policy,
    /// The legal clocks: whether they fire in time.
    Clock,
    /// The witnesses: whether the logs are cosigned.
    Witness,
    /// Whether this agency can be delivered to.
    Agency(AgencyId),
}

/// Who may ask about which agency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// Operators: about every agency.
    Operators,
    /// Whoever has a certificate: an operator about every agency, any other agency about itself. Whether something waits
    /// for another would tell of its cases.
    CertificateHolders,
}

/// The health service.
#[derive(Debug, Clone)]
pub(super) struct HealthService {
    condition: Condition,
    audience: Audience,
}

impl HealthService {
    /// For the ops listener, which operators alone reach.
    pub(super) fn for_operators(condition: Condition) -> Self {
        Self { condition, audience: Audience::Operators }
    }

    /// For the gRPC listener.
    pub(super) fn for_certificate_holders(condition: Condition) -> Self {
        Self { condition, audience: Audience::CertificateHolders }
    }

    /// What a name asks about. `None`: there is no such name, or it is not for the asker, which MUST look the same.
    fn subject(&self, service: &str, asker: Option<&PeerIdentity>) -> Option<Subject> {
        if let Some(id) = service.strip_prefix(AGENCY) {
            let id: AgencyId = id.parse().ok()?;
            return (self.condition.kind_of(&id).is_some() && self.may_ask_about(&id, asker))
                .then_some(Subject::Agency(id));
        }
        match service {
            "" => Some(Subject::Gateway),
            "store" => Some(Subject::Store),
            "policy" => Some(Subject::Policy),
            "clock" => Some(Subject::Clock),
            "witness" => Some(Subject::Witness),
            named => is_of_contract(named).then_some(Subject::Gateway),
        }
    }

    fn may_ask_about(&self, agency: &AgencyId, asker: Option<&PeerIdentity>) -> bool {
        match self.audience {
            Audience::Operators => true,
            Audience::CertificateHolders => asker.is_some_and(|peer| {
                peer.agency == *agency || self.condition.kind_of(&peer.agency) == Some(AgencyKind::Operator)
            }),
        }
    }
}

fn is_of_contract(service: &str) -> bool {
    let has_method = |method: &methods::Method| method.full_name().split_once('/').is_some_and(|(of, _)| of == service);
    service.starts_with(PACKAGE) && methods::all().any(has_method)
}

impl Subject {
    fn status(&self, condition: &Condition) -> ServingStatus {
        let is_well = match self {
            Self::Gateway => condition.phase() == Phase::Serving,
            Self::Store => condition.phase().has_store(),
            Self::Policy => condition.phase().has_law(),
            Self::Clock => condition.phase().has_store() && !condition.clocks_are_late(),
            Self::Witness => !condition.is_uncosigned(),
            // A delivery is accounted for by a write, so it needs what a write needs.
            Self::Agency(agency) => condition.phase().delivers() && !condition.is_behind(agency),
        };
        if is_well { ServingStatus::Serving } else { ServingStatus::NotServing }
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

fn peer(extensions: &Extensions) -> Option<&PeerIdentity> {
    extensions.get::<PeerIdentity>()
}

#[tonic::async_trait]
impl Health for HealthService {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        match self.subject(&request.get_ref().service, peer(request.extensions())) {
            Some(subject) => Ok(Response::new(answer(subject.status(&self.condition)))),
            None => Err(Failure::new(Code::NotFound, ErrorReason::NotFound, "there is no such service").into()),
        }
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let asker = peer(request.extensions()).cloned();
        let service = request.into_inner().service;
        let watch = Watch { health: self.clone(), service, asker, last: None, over: false };
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
    health: HealthService,
    service: String,
    asker: Option<PeerIdentity>,
    last: Option<ServingStatus>,
    over: bool,
}

impl Watch {
    async fn next(&mut self) -> Option<ServingStatus> {
        while !self.over {
            self.health.condition.take_note();
            self.over = self.health.condition.phase() == Phase::Draining;
            let unknown = ServingStatus::ServiceUnknown;
            // An agency may come into the registry, or leave it.
            let subject = self.health.subject(&self.service, self.asker.as_ref());
            let status = subject.map_or(unknown, |subject| subject.status(&self.health.condition));
            if self.last.replace(status) != Some(status) {
                return Some(status);
            }
            if !self.over {
                self.health.condition.changed().await?;
            }
        }
        None
    }
}
