//! `AdminService`: what operators see of this gateway, and do to it, while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::accept::{Session, TlsState};
use crate::api::status::LimitOwner;
use crate::api::{Maintenance, ParkedConsumer, ParkedConsumers, status};
use crate::audit::call;
use crate::config::Difference;
use crate::domain::agency::{Agency, Caller};
use crate::domain::ids::{AgencyId, ConsumerId, JurisdictionId};
use crate::identity::clock::WallClock;
use crate::server::condition::{Condition, Phase};
use crate::server::reload::Reloader;
use crate::wire::parse::{self, SessionsNamed};
use crate::wire::v1::admin_service_server::AdminService;
use crate::wire::{show, v1};

/// What the service looks at and changes.
#[derive(Debug)]
pub(super) struct Controls {
    pub(super) started: Timestamp,
    pub(super) jurisdictions: Vec<JurisdictionId>,
    pub(super) condition: Condition,
    pub(super) maintenance: watch::Sender<Option<Arc<Maintenance>>>,
    pub(super) parked: watch::Sender<ParkedConsumers>,
    pub(super) tls: Arc<TlsState>,
    pub(super) reloader: Arc<Reloader>,
    pub(super) wall: WallClock,
    /// Cancelled once an operator has asked the gateway to end.
    pub(super) end_asked: CancellationToken,
}

/// The most consumers that are parked at a time.
const PARKED_MAX: usize = 256;
/// When to come back where as many are parked.
const PARKED_RETRY_AFTER: Duration = Duration::from_mins(1);

/// The service.
#[derive(Debug, Clone)]
pub(super) struct Admin(pub(super) Arc<Controls>);

#[tonic::async_trait]
impl AdminService for Admin {
    async fn get_gateway(&self, _: Request<v1::GetGatewayRequest>) -> Result<Response<v1::GetGatewayResponse>, Status> {
        let controls = &self.0;
        Ok(Response::new(v1::GetGatewayResponse {
            version: env!("COMITY_VERSION").to_owned(),
            start_time: Some(show::timestamp(controls.started)),
            phase: phase(controls.condition.phase()).into(),
            maintenance: controls.maintenance.borrow().as_deref().map(shown),
            sessions: count(controls.tls.live_connections()),
            jurisdictions: controls.jurisdictions.iter().map(jurisdiction_name).collect(),
        }))
    }

    async fn get_configuration(
        &self,
        _: Request<v1::GetConfigurationRequest>,
    ) -> Result<Response<v1::GetConfigurationResponse>, Status> {
        let now = self.0.reloader.configuration();
        let configuration = now.in_force().map_err(|_| status::internal("the configuration cannot be written"))?;
        let changes = now.differences().into_iter().map(change).collect();
        Ok(Response::new(v1::GetConfigurationResponse {
            configuration,
            changes,
            refusal: now.refusal.unwrap_or_default(),
        }))
    }

    async fn list_agencies(
        &self,
        _: Request<v1::ListAgenciesRequest>,
    ) -> Result<Response<v1::ListAgenciesResponse>, Status> {
        let Controls { condition, tls, .. } = &*self.0;
        let (sessions, ends) = (tls.connections_of_agencies(), tls.certificate_ends());
        let parked = Arc::clone(&self.0.parked.borrow());
        let shown = |agency: &Arc<Agency>| registered(agency, condition, (&sessions, &ends), &parked);
        let agencies = condition.agencies().values().map(shown).collect();
        Ok(Response::new(v1::ListAgenciesResponse { agencies }))
    }

    async fn list_sessions(
        &self,
        request: Request<v1::ListSessionsRequest>,
    ) -> Result<Response<v1::ListSessionsResponse>, Status> {
        let agency =
            parse::agency("agency", &request.get_ref().agency).map_err(|faults| status::violations(&faults))?;
        let sessions = self.0.tls.sessions();
        let of = |session: &&Session| agency.as_ref().is_none_or(|agency| session.peer.agency == *agency);
        let sessions = sessions.iter().filter(of).map(shown_session).collect();
        Ok(Response::new(v1::ListSessionsResponse { sessions }))
    }

    async fn close_sessions(
        &self,
        request: Request<v1::CloseSessionsRequest>,
    ) -> Result<Response<v1::CloseSessionsResponse>, Status> {
        let operator = operator(&request)?;
        let name = &request.get_ref().name;
        let named = parse::sessions_named(name).map_err(|faults| status::violations(&faults))?;
        call::note(|notes| notes.resource = Some(name.clone()));
        let closed = self.0.tls.cut(|session| match &named {
            SessionsNamed::One(number) => session.number == *number,
            SessionsNamed::OfAgency(agency) => session.peer.agency == *agency,
        });
        if closed == 0 {
            return Err(status::not_found());
        }
        tracing::info!(%operator, closed, "an operator has cut connections");
        Ok(Response::new(v1::CloseSessionsResponse { closed: count(closed) }))
    }

    async fn park_consumer(
        &self,
        request: Request<v1::ParkConsumerRequest>,
    ) -> Result<Response<v1::ParkConsumerResponse>, Status> {
        let operator = operator(&request)?;
        let v1::ParkConsumerRequest { name, message } = request.into_inner();
        let (named, message) = parse::parking(&name, &message).map_err(|faults| status::violations(&faults))?;
        if !self.0.condition.agencies().contains_key(&named.0) {
            return Err(status::not_found());
        }
        call::note(|notes| notes.resource = Some(name));
        let parked = ParkedConsumer { message, since: self.0.wall.now(), operator };
        let consumer = Some(shown_parked(&named, &parked));
        let is_full = !self.0.parked.send_if_modified(|all| {
            let has_room = all.len() < PARKED_MAX || all.contains_key(&named);
            if has_room {
                Arc::make_mut(all).insert(named.clone(), parked.clone());
            }
            has_room
        });
        if is_full {
            return Err(status::overloaded(LimitOwner::Gateway, PARKED_RETRY_AFTER));
        }
        let (agency, consumer_id) = &named;
        tracing::warn!(operator = %parked.operator, %agency, consumer = %consumer_id, "an operator has parked a consumer");
        Ok(Response::new(v1::ParkConsumerResponse { consumer }))
    }

    async fn resume_consumer(
        &self,
        request: Request<v1::ResumeConsumerRequest>,
    ) -> Result<Response<v1::ResumeConsumerResponse>, Status> {
        let operator = operator(&request)?;
        let name = request.into_inner().name;
        let named = parse::consumer_name(&name).map_err(|faults| status::violations(&faults))?;
        call::note(|notes| notes.resource = Some(name));
        let mut was = None;
        self.0.parked.send_if_modified(|all| {
            was = Arc::make_mut(all).remove(&named);
            was.is_some()
        });
        let consumer = was.map(|was| shown_parked(&named, &was));
        if consumer.is_some() {
            let (agency, consumer_id) = &named;
            tracing::info!(%operator, %agency, consumer = %consumer_id, "an operator has resumed a consumer");
        }
        Ok(Response::new(v1::ResumeConsumerResponse { consumer }))
    }

    async fn begin_maintenance(
        &self,
        request: Request<v1::BeginMaintenanceRequest>,
    ) -> Result<Response<v1::BeginMaintenanceResponse>, Status> {
        let operator = operator(&request)?;
        let message = parse::maintenance_message(&request.get_ref().message);
        let message = message.map_err(|faults| status::violations(&faults))?;
        let begun = Maintenance { message, since: self.0.wall.now(), operator };
        tracing::warn!(operator = %begun.operator, "maintenance has begun: no writes are taken");
        let maintenance = Some(shown(&begun));
        self.0.maintenance.send_replace(Some(Arc::new(begun)));
        Ok(Response::new(v1::BeginMaintenanceResponse { maintenance }))
    }

    async fn end_maintenance(
        &self,
        request: Request<v1::EndMaintenanceRequest>,
    ) -> Result<Response<v1::EndMaintenanceResponse>, Status> {
        let operator = operator(&request)?;
        let ended = self.0.maintenance.send_replace(None);
        if ended.is_some() {
            tracing::info!(%operator, "maintenance has ended: writes are taken again");
        }
        Ok(Response::new(v1::EndMaintenanceResponse { maintenance: ended.as_deref().map(shown) }))
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::DrainResponse>, Status> {
        let operator = operator(&request)?;
        tracing::info!(%operator, "an operator has asked the gateway to end");
        // This call is one of those that are finished first.
        self.0.end_asked.cancel();
        Ok(Response::new(v1::DrainResponse {}))
    }
}

/// The operator who calls.
fn operator<T>(request: &Request<T>) -> Result<AgencyId, Status> {
    request.extensions().get::<Caller>().map(|caller| caller.agency.id.clone()).ok_or_else(status::no_caller)
}

fn phase(phase: Phase) -> v1::GatewayPhase {
    match phase {
        Phase::Starting => v1::GatewayPhase::Starting,
        Phase::Serving => v1::GatewayPhase::Serving,
        Phase::StoreAway => v1::GatewayPhase::StoreAway,
        Phase::OtherLaw => v1::GatewayPhase::OtherLaw,
        Phase::AuditAway => v1::GatewayPhase::AuditAway,
        Phase::Maintenance => v1::GatewayPhase::Maintenance,
        Phase::Draining => v1::GatewayPhase::Draining,
        Phase::WriterStopped => v1::GatewayPhase::WriterStopped,
    }
}

fn shown(maintenance: &Maintenance) -> v1::Maintenance {
    v1::Maintenance {
        message: maintenance.message.clone(),
        begin_time: Some(show::timestamp(maintenance.since)),
        operator: show::agency_name(&maintenance.operator),
    }
}

fn parked_of(agency: &AgencyId, parked: &ParkedConsumers) -> Vec<v1::ParkedConsumer> {
    let own = parked.iter().filter(|((of, _), _)| of == agency);
    own.map(|(named, parked)| shown_parked(named, parked)).collect()
}

fn shown_parked((agency, consumer): &(AgencyId, ConsumerId), parked: &ParkedConsumer) -> v1::ParkedConsumer {
    v1::ParkedConsumer {
        name: format!("{}/consumers/{consumer}", show::agency_name(agency)),
        message: parked.message.clone(),
        park_time: Some(show::timestamp(parked.since)),
        operator: show::agency_name(&parked.operator),
    }
}

fn change(Difference { key, at_start, now, waits }: Difference) -> v1::ConfigurationChange {
    let json = |value: Option<serde_json::Value>| value.map(|value| value.to_string()).unwrap_or_default();
    v1::ConfigurationChange { key, start_value: json(at_start), value: json(now), waits_for_restart: waits }
}

fn registered(
    agency: &Agency,
    condition: &Condition,
    (sessions, ends): (&BTreeMap<AgencyId, u64>, &BTreeMap<AgencyId, Timestamp>),
    parked: &ParkedConsumers,
) -> v1::RegisteredAgency {
    v1::RegisteredAgency {
        name: show::agency_name(&agency.id),
        kind: agency.kind.word().to_owned(),
        class: agency.class.map(|class| class.word().to_owned()).unwrap_or_default(),
        jurisdictions: agency.jurisdictions.iter().map(jurisdiction_name).collect(),
        sessions: sessions.get(&agency.id).map_or(0, |established| u32::try_from(*established).unwrap_or(u32::MAX)),
        certificate_expire_time: ends.get(&agency.id).copied().map(show::timestamp),
        behind: condition.is_behind(&agency.id),
        parked_consumers: parked_of(&agency.id, parked),
    }
}

fn shown_session(session: &Session) -> v1::Session {
    v1::Session {
        name: format!("sessions/{}", session.number),
        agency: show::agency_name(&session.peer.agency),
        address: session.address.to_string(),
        create_time: Some(show::timestamp(session.since)),
        certificate_thumbprint: session.peer.thumbprint.base64url(),
        certificate_expire_time: Some(show::timestamp(session.peer.not_after)),
    }
}

fn jurisdiction_name(jurisdiction: &JurisdictionId) -> String {
    format!("jurisdictions/{jurisdiction}")
}

fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}
