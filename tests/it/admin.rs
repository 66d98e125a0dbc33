//! What operators see of a gateway, and do to it, while it runs (`AdminService`, `comity admin`).

use std::fs;
use std::time::{Duration, Instant};

use comity::domain::agency::ActorKind;
use comity::identity::certificate::Thumbprint;
use comity::sandbox::CONFIG_FILE;
use comity::wire::v1;
use comity::wire::v1::GatewayPhase;
use comity::wire::v1::lodge_detainers_response::Outcome as Lodged;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::probe::{body, probe};
use crate::harness::process::{Served, assert_verified, comity};
use crate::harness::requests::{NY, NY_EXCHANGE, detainer_for, intake_at};
use crate::harness::{Party, World};

const PRISON: &str = "us-ny-doccs";
const WHY: &str = "the disk is replaced until noon";

async fn phase(operator: &Party) -> GatewayPhase {
    operator.get_gateway(v1::GetGatewayRequest {}).await.accepted().phase()
}

fn begin() -> v1::BeginMaintenanceRequest {
    v1::BeginMaintenanceRequest { message: WHY.to_owned() }
}

#[tokio::test]
async fn during_maintenance_no_write_is_taken_and_everything_is_read() {
    let world = World::start();
    let (operator, ice, doccs) = (world.system("comity-operator"), world.ice(), world.doccs());
    let detainer = world.lodged(PRISON).await;
    assert_eq!(phase(&operator).await, GatewayPhase::Serving);
    let ops = world.gateway().ops();

    let begun = operator.begin_maintenance(begin()).await.accepted().maintenance.unwrap();
    assert_eq!((begun.message.as_str(), begun.operator.as_str()), (WHY, "agencies/comity-operator"));
    let before = ice.checkpoint(NY_EXCHANGE).await.accepted();
    let request = detainer_for(PRISON);
    let refused = ice.lodge(request.clone()).await.refused(Code::Unavailable, "MAINTENANCE");
    assert!(refused.status.message().contains(WHY), "{:?}", refused.status);
    let details = refused.status.get_error_details();
    assert!(details.retry_info().is_some_and(|info| info.retry_delay.is_some()), "it is said when to come back");
    doccs.open(intake_at(PRISON)).await.refused(Code::Unavailable, "MAINTENANCE");
    let received = doccs.receive(NY, "").await.accepted();
    assert_eq!(received.deliveries.len(), 1, "an inbox is read on");
    let confirmation = v1::AcknowledgeRequest {
        parent: NY.to_owned(),
        cursor: received.heartbeat.cursor.clone(),
        request_id: crate::harness::requests::request_id(),
        ..Default::default()
    };
    doccs.confirm(confirmation.clone()).await.refused(Code::Unavailable, "MAINTENANCE");
    assert_eq!(ice.detainer(&detainer).await.accepted().name, detainer);
    assert_eq!(ice.checkpoint(NY_EXCHANGE).await.accepted(), before, "the log has not grown");
    assert_eq!(phase(&operator).await, GatewayPhase::Maintenance);
    let ready = String::from_utf8(probe(ops, "/readyz?verbose").await).unwrap();
    assert!(ready.contains(" 503 ") && ready.contains("[-]maintenance failed"), "{ready}");
    assert!(body(ops, "/metrics").await.contains("comity_phase{phase=\"maintenance\"} 1"));

    let ended = operator.end_maintenance(v1::EndMaintenanceRequest {}).await.accepted();
    assert_eq!(ended.maintenance, Some(begun));
    assert_eq!(operator.end_maintenance(v1::EndMaintenanceRequest {}).await.accepted().maintenance, None);
    // The same request id, as the refusal said.
    ice.lodge(request).await.accepted();
    doccs.confirm(confirmation).await.accepted();
    assert_eq!(phase(&operator).await, GatewayPhase::Serving);
}

#[tokio::test]
async fn an_item_of_a_bulk_stream_is_refused_during_maintenance_as_a_call_is() {
    let world = World::start();
    let operator = world.system("comity-operator");
    let client = world.ice().client().await.clone();
    let item = || v1::LodgeDetainersRequest { request: Some(detainer_for(PRISON)) };
    let (sender, items) = tokio::sync::mpsc::channel(1);
    sender.send(item()).await.unwrap();
    let stream = tokio_stream::wrappers::ReceiverStream::new(items);
    let mut answers = client.detainers().lodge_detainers(stream).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    assert!(matches!(answer.outcome, Some(Lodged::Response(_))), "{answer:?}");
    operator.begin_maintenance(begin()).await.accepted();
    sender.send(item()).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(Lodged::Error(error)) = answer.outcome else { panic!("{answer:?}") };
    assert_eq!(error.code, i32::from(Code::Unavailable));
}

#[tokio::test]
async fn a_parked_consumer_has_no_stream_and_keeps_what_it_is_owed() {
    let world = World::start();
    let (operator, ice, doccs) = (world.system("comity-operator"), world.ice(), world.doccs());
    let night = "agencies/us-ny-doccs/consumers/night";
    let parking = v1::ParkConsumerRequest { name: night.to_owned(), message: WHY.to_owned() };
    ice.lodge(detainer_for(PRISON)).await.accepted();
    let first = doccs.receive_as("night", NY, "").await.accepted();
    assert_eq!(first.deliveries.len(), 1);

    // A stream that is open ends with it, and none is opened.
    let request = v1::ReceiveRequest { parent: NY.to_owned(), consumer: "night".to_owned(), ..Default::default() };
    let mut open = doccs.client().await.inbox().receive(request).await.unwrap().into_inner();
    open.message().await.unwrap().unwrap();
    let parked = operator.park_consumer(parking.clone()).await.accepted().consumer.unwrap();
    assert_eq!((parked.name.as_str(), parked.message.as_str()), (night, WHY));
    let ended = loop {
        match open.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended without a word"),
            Err(status) => break status,
        }
    };
    let refused = doccs.receive_as("night", NY, "").await.refused(Code::FailedPrecondition, "CONSUMER_PARKED");
    assert_eq!((ended.code(), ended.message()), (Code::FailedPrecondition, refused.status.message()));
    assert!(ended.message().contains(WHY), "{ended:?}");

    // Others are served, it may confirm, and it is listed.
    assert_eq!(doccs.receive_as("day", NY, "").await.accepted().deliveries.len(), 1);
    let confirmation = v1::AcknowledgeRequest {
        parent: NY.to_owned(),
        consumer: "night".to_owned(),
        cursor: first.heartbeat.cursor,
        request_id: crate::harness::requests::request_id(),
    };
    doccs.confirm(confirmation).await.accepted();
    let listed = operator.list_agencies(v1::ListAgenciesRequest {}).await.accepted().agencies;
    let shown = listed.iter().find(|agency| agency.name == "agencies/us-ny-doccs").unwrap();
    assert_eq!(shown.parked_consumers, std::slice::from_ref(&parked));

    // Served again, it goes on from where it has confirmed.
    ice.lodge(detainer_for(PRISON)).await.accepted();
    let resume = v1::ResumeConsumerRequest { name: night.to_owned() };
    assert_eq!(operator.resume_consumer(resume.clone()).await.accepted().consumer, Some(parked));
    assert_eq!(operator.resume_consumer(resume).await.accepted().consumer, None);
    assert_eq!(doccs.receive_as("night", NY, "").await.accepted().deliveries.len(), 1);
}

#[tokio::test]
async fn nothing_waits_for_a_consumer_that_is_parked() {
    let world = World::start();
    let (operator, ice, doccs) = (world.system("comity-operator"), world.ice(), world.doccs());
    ice.lodge(detainer_for(PRISON)).await.accepted();
    for consumer in ["day", "night"] {
        let cursor = doccs.receive_as(consumer, NY, "").await.accepted().heartbeat.cursor;
        let request_id = crate::harness::requests::request_id();
        let (parent, consumer) = (NY.to_owned(), consumer.to_owned());
        doccs.confirm(v1::AcknowledgeRequest { parent, consumer, cursor, request_id }).await.accepted();
    }
    for _ in 0..3 {
        ice.lodge(detainer_for(PRISON)).await.accepted();
    }
    let cursor = doccs.receive_as("day", NY, "").await.accepted().heartbeat.cursor;
    let (parent, consumer) = (NY.to_owned(), "day".to_owned());
    let request_id = crate::harness::requests::request_id();
    doccs.confirm(v1::AcknowledgeRequest { parent, consumer, cursor, request_id }).await.accepted();
    let waiting = async || {
        world.gateway().sample();
        let series = "comity_inbox_waiting_entries{agency=\"us-ny-doccs\",jurisdiction=\"us-ny\"} ";
        let scraped = body(world.gateway().ops(), "/metrics").await;
        scraped.lines().find_map(|line| line.strip_prefix(series)).unwrap().parse::<u64>().unwrap()
    };
    let name = |consumer: &str| format!("agencies/us-ny-doccs/consumers/{consumer}");
    let park = |consumer: &str| v1::ParkConsumerRequest { name: name(consumer), message: WHY.to_owned() };
    assert_eq!(waiting().await, 3, "by the consumer that is furthest behind");
    operator.park_consumer(park("night")).await.accepted();
    assert_eq!(waiting().await, 0);
    ice.lodge(detainer_for(PRISON)).await.accepted();
    assert_eq!(waiting().await, 1, "for the one that is served");
    operator.park_consumer(park("day")).await.accepted();
    assert_eq!(waiting().await, 0, "all are parked");
    operator.resume_consumer(v1::ResumeConsumerRequest { name: name("night") }).await.accepted();
    assert_eq!(waiting().await, 4);
}

#[tokio::test]
async fn an_operator_sees_who_is_connected_and_cuts_whom_it_means() {
    let world = World::start();
    let operator = world.system("comity-operator");
    let (first, second, doccs) = (world.ice(), world.officer("us-ice"), world.doccs());
    for party in [&first, &second, &doccs] {
        party.checkpoint(NY_EXCHANGE).await.accepted();
    }
    let sessions = async |agency: &str| {
        let request = v1::ListSessionsRequest { agency: agency.to_owned() };
        operator.list_sessions(request).await.accepted().sessions
    };
    let all = sessions("").await;
    assert_eq!(all.len(), 4, "with the operator's own: {all:#?}");
    assert!(all.is_sorted_by_key(|session| session.create_time.as_ref().map(|time| (time.seconds, time.nanos))));
    let [one, two] = &sessions("agencies/us-ice").await[..] else { panic!("{all:#?}") };
    let certificate = fs::read(world.directory().join("certs/us-ice.pem")).unwrap();
    let certificate = CertificateDer::from_pem_slice(&certificate).unwrap();
    let thumbprint = Thumbprint::of(&certificate).base64url();
    for session in [one, two] {
        assert_eq!((session.agency.as_str(), session.address.as_str()), ("agencies/us-ice", "127.0.0.1"));
        assert_eq!(session.certificate_thumbprint, thumbprint);
        assert!(
            session.certificate_expire_time.as_ref().unwrap().seconds > session.create_time.as_ref().unwrap().seconds
        );
    }
    let agencies = operator.list_agencies(v1::ListAgenciesRequest {}).await.accepted().agencies;
    assert!(agencies.is_sorted_by_key(|agency| agency.name.clone()));
    let named = |name: &str| agencies.iter().find(|agency| agency.name == format!("agencies/{name}")).unwrap();
    let ice = named("us-ice");
    assert_eq!((ice.kind.as_str(), ice.class.as_str(), ice.sessions), ("federal", "", 2));
    assert!(ice.jurisdictions.contains(&NY.to_owned()) && ice.certificate_expire_time.is_some());
    assert_eq!((named(PRISON).class.as_str(), named(PRISON).sessions), ("state-prison", 1));
    assert_eq!((named("us-tx-prison").sessions, named("us-tx-prison").certificate_expire_time), (0, None));

    let close = async |name: &str| {
        let request = v1::CloseSessionsRequest { name: name.to_owned() };
        operator.close_sessions(request).await
    };
    assert_eq!(close(&one.name).await.accepted().closed, 1);
    let begun = Instant::now();
    while sessions("agencies/us-ice").await.len() > 1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is still connected");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(sessions("agencies/us-ice").await, std::slice::from_ref(two));
    close(&one.name).await.not_found();
    close("agencies/us-tx-prison").await.not_found();
    doccs.checkpoint(NY_EXCHANGE).await.accepted();
    // Whoever was cut may come again.
    world.without_token("us-ice").checkpoint(NY_EXCHANGE).await.accepted();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_in_force_is_told_and_what_of_it_has_changed() {
    let served = Served::start("info", |config| config.server.look_every_ms = 100);
    let operator = served.party("comity-operator", ActorKind::System);
    let asked = async || operator.get_configuration(v1::GetConfigurationRequest {}).await.accepted();
    let at_first = asked().await;
    assert_eq!((at_first.changes.len(), at_first.refusal.as_str()), (0, ""));
    let read: comity::config::Config = toml::from_str(&at_first.configuration).unwrap();
    assert_eq!(read.server.in_flight_max, served.sandbox.config.server.in_flight_max);

    let path = served.directory().join(CONFIG_FILE);
    let text = fs::read_to_string(&path).unwrap();
    let at_start = served.sandbox.config.server.in_flight_max.to_string();
    let key = format!("in_flight_max = {at_start}\n");
    assert!(text.contains(&key), "{text}");
    let changed = text.replace(&key, "in_flight_max = 999\n").replace("workers = 0", "workers = 3");
    fs::write(&path, changed).unwrap();
    let until = async |done: &dyn Fn(&v1::GetConfigurationResponse) -> bool| {
        let begun = Instant::now();
        loop {
            let answer = asked().await;
            if done(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{answer:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let now = until(&|answer| !answer.changes.is_empty()).await;
    let change = |key: &str, before: &str, after: &str, waits| v1::ConfigurationChange {
        key: key.to_owned(),
        start_value: before.to_owned(),
        value: after.to_owned(),
        waits_for_restart: waits,
    };
    let expected = [change("server.workers", "0", "3", true), change("server.in_flight_max", &at_start, "999", false)];
    assert_eq!(now.changes, expected);
    let read: comity::config::Config = toml::from_str(&now.configuration).unwrap();
    assert_eq!((read.server.in_flight_max, read.server.workers), (999, 0), "what waits is not in force");

    fs::write(&path, "jurisdictions = 1").unwrap();
    let refused = until(&|answer| !answer.refusal.is_empty()).await;
    assert_eq!((refused.changes, refused.configuration), (now.changes, now.configuration), "the one before stays");
    assert!(refused.refusal.contains("jurisdictions"), "{}", refused.refusal);
}

/// `comity admin` as the sandbox's operator.
fn admin(served: &Served, arguments: &[&str]) -> (Option<i32>, String, String) {
    let address = served.grpc.to_string();
    let mut command = comity("admin");
    command.args(["--as", "comity-operator", "--address", &address, "--dir"]).arg(served.directory()).args(arguments);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_runs_a_gateway_from_the_command_line_and_each_act_is_audited() {
    let served = Served::start_audited("info", |_| (), |_| (), "audit.log");
    let ice = served.party("us-ice", ActorKind::System);
    ice.lodge(detainer_for(PRISON)).await.accepted();
    let (code, said, _) = admin(&served, &["status"]);
    assert!(code == Some(0) && said.contains("phase          serving"), "{said}");
    let (_, said, _) = admin(&served, &["agencies"]);
    assert!(said.lines().any(|line| line.contains("agencies/us-ice") && line.contains("federal")), "{said}");
    let (_, said, _) = admin(&served, &["sessions", "--agency", "us-ice", "--json"]);
    let sessions: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{said}");
    let (_, said, _) = admin(&served, &["config"]);
    assert!(toml::from_str::<comity::config::Config>(&said).is_ok(), "{said}");
    assert_eq!(admin(&served, &["maintenance", "begin", WHY]).1.trim(), "no writes are taken");
    ice.lodge(detainer_for(PRISON)).await.refused(Code::Unavailable, "MAINTENANCE");
    assert_eq!(admin(&served, &["maintenance", "end"]).1.trim(), "writes are taken again");
    assert_eq!(admin(&served, &["close", "agencies/us-ice"]).1.trim(), "1 closed");
    let (code, _, why) = admin(&served, &["close", "agencies/us-tx-prison"]);
    assert!(code == Some(1) && why.contains("NOT_FOUND"), "{why}");
    assert_eq!(admin(&served, &["drain"]).1.trim(), "it ends");
    let ended = served.ended_by_itself();
    assert!(ended.status.success(), "{:?}", ended.status);
    let audited = fs::read_to_string(ended.directory.path().join("audit.log")).unwrap();
    for act in ["BeginMaintenance", "EndMaintenance", "CloseSessions", "Drain", "GetConfiguration"] {
        let line = audited.lines().find(|line| line.contains(&format!("AdminService/{act}\""))).expect(act);
        assert!(line.contains("\"agency\":\"comity-operator\"") && line.contains("\"pseudonym\""), "{line}");
    }
    assert!(audited.lines().any(|line| line.contains("CloseSessions") && line.contains("agencies/us-ice")));
    assert_verified(ended.directory.path());
}
