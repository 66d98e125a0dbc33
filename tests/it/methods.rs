//! Every method of the contract, once answered and once refused, over mutual TLS; and the probes beside it.

use std::net::SocketAddr;
use std::time::Duration;

use comity::wire::v1::ledger_service_client::LedgerServiceClient;
use comity::wire::{DESCRIPTOR, v1};
use prost_reflect::DescriptorPool;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::harness::requests::{
    NY, NY_CUSTODY, NY_EXCHANGE, TX, detainer_for, intake_at, match_of, receipt_of, release_of, schedule_of,
    withdrawal_of,
};
use crate::harness::{Outcome, Party, World};

/// A place in no log yet.
const BEYOND: i64 = 1_000_000;

/// The calls that are answered. A method that is not here is one without a test.
async fn accepted(world: &World, method: &str) {
    let (ice, doccs) = (world.ice(), world.doccs());
    match method {
        "DetainerService/LodgeDetainer" => done(ice.lodge(detainer_for("us-ny-doccs")).await),
        "DetainerService/AcknowledgeDetainer" => {
            let (detainer, custody) = (world.lodged("us-ny-doccs").await, world.held("us-ny-doccs").await);
            done(doccs.acknowledge(match_of(&detainer, &custody)).await);
        }
        "DetainerService/AnswerDetainer" => {
            let matched = world.matched("us-ny-doccs").await;
            done(world.answers("us-ny-doccs", &matched.detainer, v1::AnswerKind::NotifyOnly).await);
        }
        "DetainerService/WithdrawDetainer" => {
            done(ice.withdraw(withdrawal_of(&world.lodged("us-ny-doccs").await)).await);
        }
        "DetainerService/GetDetainer" => done(doccs.detainer(&world.lodged("us-ny-doccs").await).await),
        "DetainerService/ListDetainers" => done(ice.detainers(NY).await),
        "CustodyService/OpenCustody" => done(doccs.open(intake_at("us-ny-doccs")).await),
        "CustodyService/ScheduleRelease" => done(doccs.schedule(schedule_of(&world.held("us-ny-doccs").await)).await),
        "CustodyService/RecordRelease" => done(doccs.release(release_of(&world.held("us-ny-doccs").await)).await),
        "CustodyService/GetCustody" => done(world.oversight().custody(&world.held("us-ny-doccs").await).await),
        "CustodyService/ListCustodies" => done(doccs.custodies(NY).await),
        "InboxService/Receive" => done(doccs.receive(NY, "").await),
        "InboxService/Acknowledge" => {
            let cursor = ice.receive(NY, "").await.accepted().heartbeat.cursor;
            done(ice.confirm(receipt_of(NY, &cursor)).await);
        }
        "LedgerService/GetCheckpoint" => done(world.without_token("us-ice").checkpoint(NY_EXCHANGE).await),
        "LedgerService/GetEntry" => done(ice.get_entry(entry(&first_entry(world).await)).await),
        "LedgerService/ListEntries" => done(world.oversight().entries(NY_CUSTODY).await),
        "LedgerService/ProveInclusion" => done(ice.prove_inclusion(inclusion(&first_entry(world).await)).await),
        "LedgerService/ProveConsistency" => {
            first_entry(world).await;
            done(doccs.prove_consistency(consistency(NY_EXCHANGE, 1, 0)).await);
        }
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

/// The calls that are refused, by the caller, the case, the law or the form.
async fn refused(world: &World, method: &str) {
    let (ice, doccs, erie) = (world.ice(), world.doccs(), world.erie());
    let denied = |outcome: Outcome<()>| outcome.refused(Code::PermissionDenied, "METHOD_DENIED");
    match method {
        "DetainerService/LodgeDetainer" => denied(doccs.lodge(detainer_for("us-ny-doccs")).await.map(drop)),
        "DetainerService/AcknowledgeDetainer" => {
            let (detainer, custody) = (world.lodged("us-ny-doccs").await, world.held("us-ny-erie-jail").await);
            erie.acknowledge(match_of(&detainer, &custody)).await.map(drop).not_found()
        }
        "DetainerService/AnswerDetainer" => {
            let detainer = world.lodged("us-ny-doccs").await;
            let answer = world.answers("us-ny-doccs", &detainer, v1::AnswerKind::NotifyOnly).await;
            answer.refused(Code::FailedPrecondition, "WRONG_STATE")
        }
        "DetainerService/WithdrawDetainer" => {
            denied(doccs.withdraw(withdrawal_of(&world.lodged("us-ny-doccs").await)).await.map(drop))
        }
        "DetainerService/GetDetainer" => erie.detainer(&world.lodged("us-ny-doccs").await).await.not_found(),
        "DetainerService/ListDetainers" => doccs.detainers(TX).await.not_found(),
        "CustodyService/OpenCustody" => denied(ice.open(intake_at("us-ny-doccs")).await.map(drop)),
        "CustodyService/ScheduleRelease" => {
            let custody = world.held("us-ny-doccs").await;
            doccs.schedule(schedule_of(&custody)).await.accepted();
            doccs.schedule(schedule_of(&custody)).await.refused(Code::FailedPrecondition, "WRONG_STATE")
        }
        "CustodyService/RecordRelease" => {
            let mut release = release_of(&world.held("us-ny-doccs").await);
            release.release.as_mut().unwrap().ordered_by = String::new();
            doccs.release(release).await.refused(Code::InvalidArgument, "INVALID_FIELD")
        }
        "CustodyService/GetCustody" => denied(ice.custody(&world.held("us-ny-doccs").await).await.map(drop)),
        "CustodyService/ListCustodies" => {
            doccs.custodies("us-ny").await.refused(Code::InvalidArgument, "INVALID_FIELD")
        }
        "InboxService/Receive" => denied(world.oversight().receive(NY, "").await.map(drop)),
        "InboxService/Acknowledge" => {
            let cursor = ice.receive(NY, "").await.accepted().heartbeat.cursor;
            doccs.confirm(receipt_of(NY, &cursor)).await.refused(Code::InvalidArgument, "INVALID_CURSOR")
        }
        "LedgerService/GetCheckpoint" => ice.checkpoint(NY_CUSTODY).await.not_found(),
        "LedgerService/GetEntry" => erie.get_entry(entry(&first_entry(world).await)).await.not_found(),
        "LedgerService/ListEntries" => denied(world.without_token("us-ice").entries(NY_EXCHANGE).await.map(drop)),
        "LedgerService/ProveInclusion" => {
            let beyond = format!("{NY_EXCHANGE}/entries/{BEYOND}");
            ice.prove_inclusion(inclusion(&beyond)).await.not_found()
        }
        "LedgerService/ProveConsistency" => {
            ice.prove_consistency(consistency(NY_EXCHANGE, 1, BEYOND)).await.refused(Code::OutOfRange, "BEYOND_HEAD")
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    };
}

#[track_caller]
fn done<T>(outcome: Outcome<T>) {
    outcome.accepted();
}

/// Of a detainer for a state prison, which a county jail is not in the audience of.
async fn first_entry(world: &World) -> String {
    world.lodged("us-ny-doccs").await;
    world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap().name
}

fn entry(name: &str) -> v1::GetEntryRequest {
    v1::GetEntryRequest { name: name.to_owned() }
}

fn inclusion(name: &str) -> v1::ProveInclusionRequest {
    v1::ProveInclusionRequest { name: name.to_owned() }
}

fn consistency(log: &str, old_size: i64, new_size: i64) -> v1::ProveConsistencyRequest {
    v1::ProveConsistencyRequest { log: log.to_owned(), old_size, new_size }
}

/// Methods as `Service/Method`, from the contract itself.
fn methods() -> Vec<String> {
    let pool = DescriptorPool::decode(DESCRIPTOR).unwrap();
    let methods = |service: prost_reflect::ServiceDescriptor| {
        let name = service.name().to_owned();
        service.methods().map(|method| format!("{name}/{}", method.name())).collect::<Vec<_>>()
    };
    pool.services().flat_map(methods).collect()
}

#[tokio::test]
async fn every_method_of_the_contract_answers_whom_it_should() {
    let world = World::start();
    let methods = methods();
    assert_eq!(methods.len(), 18, "{methods:?}");
    for method in methods {
        accepted(&world, &method).await;
    }
    assert_eq!(world.journal.audited(), [], "no call was denied");
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn every_method_of_the_contract_refuses_whom_it_should() {
    let world = World::start();
    for method in methods() {
        refused(&world, &method).await;
    }
    world.journal.assert_nothing_personal();
}

fn health_of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn check_health(party: &Party, service: &str) -> Outcome<ServingStatus> {
    let mut client = HealthClient::new(party.client().await.authorized());
    Outcome(client.check(health_of(service)).await.map(|answer| answer.into_inner().status()))
}

#[tokio::test]
async fn health_is_told_to_everybody_with_a_certificate() {
    let world = World::start();
    let anybody = world.without_token("us-tx-oversight");
    for service in ["", "store", "comity.v1.DetainerService", "comity.v1.LedgerService"] {
        assert_eq!(check_health(&anybody, service).await.accepted(), ServingStatus::Serving, "{service}");
    }
    check_health(&anybody, "comity.v1.Nothing").await.map(drop).not_found();
}

#[tokio::test]
async fn a_watch_of_an_unknown_service_stays_open_and_says_so() {
    let world = World::start();
    let mut client = HealthClient::new(world.without_token("comity-operator").client().await.authorized());
    let mut unknown = client.watch(health_of("comity.v1.Nothing")).await.unwrap().into_inner();
    assert_eq!(unknown.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    let mut whole = client.watch(health_of("")).await.unwrap().into_inner();
    assert_eq!(whole.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    // A token that proves nothing opens no stream either.
    let forged = world.with_token("us-ice", "a.b.c");
    let mut forged = HealthClient::new(forged.client().await.authorized());
    let watch = forged.watch(health_of("")).await.map(Response::into_inner);
    Outcome(watch.map(drop)).refused(Code::Unauthenticated, "TOKEN_REFUSED");
}

async fn services(party: &Party) -> Outcome<Vec<String>> {
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(party.client().await.authorized());
    let listed = async {
        let mut answers = client.server_reflection_info(tokio_stream::once(ask)).await?.into_inner();
        let answer: Option<ServerReflectionResponse> = answers.message().await?;
        match answer.and_then(|answer| answer.message_response) {
            Some(MessageResponse::ListServicesResponse(list)) => {
                Ok(list.service.into_iter().map(|service| service.name).collect())
            }
            other => panic!("no list of services: {other:?}"),
        }
    };
    Outcome(listed.await)
}

#[tokio::test]
async fn reflection_is_for_operators_alone() {
    let world = World::start();
    let services_seen = services(&world.without_token("comity-operator")).await.accepted();
    assert!(services_seen.contains(&"comity.v1.DetainerService".to_owned()), "{services_seen:?}");
    for agency in ["us-ice", "us-ny-doccs", "us-ny-oversight"] {
        services(&world.system(agency)).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    }
}

/// An operator has no case of anybody's.
#[tokio::test]
async fn an_operator_reads_nothing_of_a_case() {
    let world = World::start();
    let detainer = world.lodged("us-ny-doccs").await;
    let operator = world.system("comity-operator");
    operator.detainer(&detainer).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    operator.entries(NY_EXCHANGE).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    operator.checkpoint(NY_EXCHANGE).await.refused(Code::PermissionDenied, "METHOD_DENIED");
}

/// A probe's answer: the status line and the body.
async fn probe(ops: SocketAddr, path: &str) -> (String, String) {
    let mut socket = TcpStream::connect(ops).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.trim().to_owned())
}

async fn plain_channel(world: &World) -> Channel {
    Channel::from_shared(format!("http://{}", world.gateway().ops())).unwrap().connect().await.unwrap()
}

async fn plain_health(world: &World) -> HealthClient<Channel> {
    HealthClient::new(plain_channel(world).await)
}

#[tokio::test]
async fn probes_are_answered_in_plain_http() {
    let world = World::start();
    assert_eq!(probe(world.gateway().ops(), "/livez").await, ("HTTP/1.1 200 OK".to_owned(), "ok".to_owned()));
    assert_eq!(probe(world.gateway().ops(), "/readyz").await, ("HTTP/1.1 200 OK".to_owned(), "serving".to_owned()));
    let whole: Result<HealthCheckResponse, Status> =
        plain_health(&world).await.check(health_of("")).await.map(Response::into_inner);
    assert_eq!(whole.unwrap().status(), ServingStatus::Serving);
}

#[tokio::test]
async fn while_it_drains_probes_say_so_and_calls_under_way_go_on() {
    let mut world = World::with(|_, config| config.server.drain_timeout_ms = 1_000);
    let ops = world.gateway().ops();
    let mut client = HealthClient::new(world.without_token("us-ice").client().await.authorized());
    // A call under way: it keeps the gateway draining until its limit.
    let mut watch = client.watch(health_of("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let mut plain = plain_health(&world).await;
    let asked = async {
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert_eq!(probe(ops, "/readyz").await, ("HTTP/1.1 503 Service Unavailable".to_owned(), "draining".to_owned()));
        assert_eq!(probe(ops, "/livez").await.1, "ok");
        let mut status_of = async |service| plain.check(health_of(service)).await.unwrap().into_inner().status();
        assert_eq!(status_of("").await, ServingStatus::NotServing);
        assert_eq!(status_of("comity.v1.DetainerService").await, ServingStatus::NotServing);
        assert_eq!(status_of("store").await, ServingStatus::Serving, "until the last call is finished");
    };
    tokio::join!(world.stop(), asked);
    assert!(TcpStream::connect(ops).await.is_err(), "nobody listens any more");
}

/// Whoever watches or dawdles there cannot keep it.
#[tokio::test]
async fn an_open_probe_does_not_keep_the_gateway_from_ending() {
    let mut world = World::start();
    let mut watch = plain_health(&world).await.watch(health_of("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let mut dawdler = TcpStream::connect(world.gateway().ops()).await.unwrap();
    dawdler.write_all(b"GET /readyz HTTP/1.1\r\nhost:").await.unwrap();
    tokio::time::timeout(Duration::from_secs(8), world.stop()).await.expect("it never ends");
}

/// No case of anybody's is on the ops listener, whoever asks.
#[tokio::test]
async fn the_ops_listener_serves_no_method_of_the_contract() {
    let world = World::start();
    let mut client = LedgerServiceClient::new(plain_channel(&world).await);
    let answer = client.get_checkpoint(v1::GetCheckpointRequest { log: NY_EXCHANGE.to_owned() }).await;
    assert!(answer.is_err());
}
