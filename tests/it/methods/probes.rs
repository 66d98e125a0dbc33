//! Health, reflection and the ops listener, before, while and after the gateway drains.

use std::net::SocketAddr;
use std::time::Duration;

use comity::client::Authorized;
use comity::wire::codec::StrictCodec;
use comity::wire::v1;
use comity::wire::v1::ledger_service_client::LedgerServiceClient;
use prost::Message as _;
use prost_types::FileDescriptorProto;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::harness::requests::{NY_EXCHANGE, detainer_for};
use crate::harness::{Outcome, Party, World};

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
    for service in ["", "store", "comity.v1.DetainerService", "comity.v1.TransferService"] {
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

async fn reflected(party: &Party, ask: MessageRequest) -> Outcome<MessageResponse> {
    let ask = ServerReflectionRequest { host: String::new(), message_request: Some(ask) };
    let mut client = ServerReflectionClient::new(party.client().await.authorized());
    let told = async {
        let mut answers = client.server_reflection_info(tokio_stream::once(ask)).await?.into_inner();
        let answer: Option<ServerReflectionResponse> = answers.message().await?;
        Ok(answer.and_then(|answer| answer.message_response).expect("an answer"))
    };
    Outcome(told.await)
}

#[tokio::test]
async fn reflection_is_for_every_agency_by_its_certificate_alone() {
    let world = World::start();
    for agency in
        ["comity-operator", "us-ice", "us-ny-doccs", "us-tx-harris-jail", "us-ny-city-jail", "us-ny-oversight"]
    {
        let bare = world.without_token(agency);
        let listed = reflected(&bare, MessageRequest::ListServices(String::new())).await.accepted();
        let MessageResponse::ListServicesResponse(listed) = listed else { panic!("no list of services: {listed:?}") };
        let services: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
        assert!(services.contains(&"comity.v1.DetainerService".to_owned()), "{services:?}");
    }
    // A token that proves nothing is refused here too.
    let list = MessageRequest::ListServices(String::new());
    reflected(&world.with_token("us-ice", "a.b.c"), list).await.refused(Code::Unauthenticated, "TOKEN_REFUSED");
}

/// Everything that a client without our files needs: the contract, and what an error holds.
#[tokio::test]
async fn reflection_tells_the_contract_and_what_an_error_holds() {
    let world = World::start();
    let bare = world.without_token("us-ice");
    let check = async |ask: MessageRequest, file: &str| {
        let told = reflected(&bare, ask.clone()).await.accepted();
        let MessageResponse::FileDescriptorResponse(files) = told else { panic!("no file: {told:?}") };
        let files =
            files.file_descriptor_proto.iter().map(|file| FileDescriptorProto::decode(file.as_slice()).unwrap());
        let names: Vec<_> = files.map(|file| file.name().to_owned()).collect();
        assert!(names.iter().any(|name| name == file), "{ask:?}: {names:?}");
    };
    let symbol = |name: &str| MessageRequest::FileContainingSymbol(name.to_owned());
    check(symbol("comity.v1.DetainerService"), "comity/v1/detainer_service.proto").await;
    check(symbol("comity.v1.Detainer"), "comity/v1/detainer.proto").await;
    check(symbol("comity.v1.ErrorReason"), "comity/v1/error.proto").await;
    check(symbol("google.rpc.Status"), "google/rpc/status.proto").await;
    check(symbol("google.rpc.ErrorInfo"), "google/rpc/error_details.proto").await;
    check(symbol("google.rpc.BadRequest.FieldViolation"), "google/rpc/error_details.proto").await;
    check(symbol("google.rpc.Code"), "google/rpc/code.proto").await;
    check(symbol("grpc.health.v1.Health"), "health.proto").await;
    let file = |name: &str| (MessageRequest::FileByFilename(name.to_owned()), name.to_owned());
    for (ask, name) in
        ["google/rpc/error_details.proto", "google/protobuf/any.proto", "google/protobuf/duration.proto"].map(file)
    {
        check(ask, &name).await;
    }
    reflected(&bare, symbol("comity.v1.Nothing")).await.not_found();
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
    let authorized = world.system("us-ice").client().await.authorized();
    let mut watch = HealthClient::new(authorized.clone()).watch(health_of("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    // A call under way, whose message never comes: it keeps the gateway draining until its limit.
    let dawdling = tokio::spawn(dawdle(authorized));
    let mut plain = plain_health(&world).await;
    let asked = async {
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert!(watch.message().await.unwrap().is_none(), "who watches is let go");
        assert_eq!(probe(ops, "/readyz").await, ("HTTP/1.1 503 Service Unavailable".to_owned(), "draining".to_owned()));
        assert_eq!(probe(ops, "/livez").await.1, "ok");
        let mut status_of = async |service| plain.check(health_of(service)).await.unwrap().into_inner().status();
        assert_eq!(status_of("").await, ServingStatus::NotServing);
        assert_eq!(status_of("comity.v1.DetainerService").await, ServingStatus::NotServing);
        assert_eq!(status_of("agency/us-ice").await, ServingStatus::NotServing);
        assert_eq!(status_of("store").await, ServingStatus::Serving, "until the last call is finished");
    };
    tokio::join!(world.stop(), asked);
    assert!(TcpStream::connect(ops).await.is_err(), "nobody listens any more");
    assert!(dawdling.await.unwrap().is_err(), "what was not finished in time was cut off");
}

/// Another writer moved a head behind the gateway's back: what it would commit is fenced off, and its writer stops.
#[tokio::test]
async fn a_gateway_that_cannot_commit_says_so_and_acknowledges_nothing() {
    let world = World::start();
    let ops = world.gateway().ops();
    world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    let database = rusqlite::Connection::open(world.directory().join("comity.db")).unwrap();
    database.execute("UPDATE heads SET size = size + 1", []).unwrap();
    for _ in 0..2 {
        world.ice().lodge(detainer_for("us-ny-doccs")).await.refused(Code::Unavailable, "UNAVAILABLE");
    }
    tokio::time::timeout(Duration::from_secs(5), world.gateway().writer_ended()).await.unwrap();
    let readiness = async {
        loop {
            let (status, phase) = probe(ops, "/readyz").await;
            if phase == "writer-stopped" {
                return status;
            }
            tokio::task::yield_now().await;
        }
    };
    let readiness = tokio::time::timeout(Duration::from_secs(5), readiness).await.unwrap();
    assert_eq!(readiness, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(probe(ops, "/livez").await.1, "ok");
    let anybody = world.without_token("us-ice");
    for service in ["", "store", "comity.v1.DetainerService"] {
        assert_eq!(check_health(&anybody, service).await.accepted(), ServingStatus::NotServing, "{service}");
    }
    let entries: u32 = database.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap();
    assert_eq!(entries, 1, "only what was acknowledged");
    // Evidence can still be had; personal data cannot leave, since nobody could account for it.
    world.ice().checkpoint(NY_EXCHANGE).await.accepted();
    world.ice().entries(NY_EXCHANGE).await.refused(Code::Unavailable, "UNAVAILABLE");
}

/// Begins to lodge a detainer and never sends it.
async fn dawdle(channel: Authorized) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = http::uri::PathAndQuery::from_static("/comity.v1.DetainerService/LodgeDetainer");
    let nothing = Request::new(futures_util::stream::pending::<v1::LodgeDetainerRequest>());
    let codec = StrictCodec::<v1::LodgeDetainerRequest, v1::LodgeDetainerResponse>::default();
    client.client_streaming(nothing, path, codec).await.map(|_| ())
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
