//! Health by service and dependency, who may ask about which agency, and `/readyz` check by check.

use comity::wire::v1;
use jiff::SignedDuration;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::health_check_response::ServingStatus::{self, NotServing, ServiceUnknown, Serving};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::harness::requests::{NY, detainer_for, receipt_of};
use crate::harness::{Party, World, probe};
use crate::watching::scrape::{until, world_with_an_absent_witness};

const DEPENDENCIES: [&str; 4] = ["store", "policy", "clock", "witness"];

fn health_of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

/// As an operator's probe asks on the ops listener.
async fn ops(world: &World) -> HealthClient<Channel> {
    let address = format!("http://{}", world.gateway().ops());
    HealthClient::new(Channel::from_shared(address).unwrap().connect().await.unwrap())
}

async fn status_of(world: &World, service: &str) -> Result<ServingStatus, Status> {
    ops(world).await.check(health_of(service)).await.map(|answer| answer.into_inner().status())
}

async fn check(party: &Party, service: &str) -> Result<ServingStatus, Status> {
    let mut client = HealthClient::new(party.client().await.authorized());
    client.check(health_of(service)).await.map(|answer| answer.into_inner().status())
}

/// Confirms everything that waits for a party in New York.
async fn confirm_all(party: &Party) {
    let received = party.receive(NY, "").await.accepted();
    party.confirm(receipt_of(NY, &received.heartbeat.cursor)).await.accepted();
}

async fn next(watch: &mut Streaming<HealthCheckResponse>) -> ServingStatus {
    watch.message().await.unwrap().unwrap().status()
}

#[tokio::test]
async fn every_service_dependency_and_agency_has_a_health_of_its_own() {
    let world = World::start();
    let services =
        ["", "comity.v1.DetainerService", "comity.v1.ReportService", "agency/us-ice", "agency/us-tx-oversight"];
    for name in services.into_iter().chain(DEPENDENCIES) {
        assert_eq!(status_of(&world, name).await.unwrap(), Serving, "{name}");
    }
    for name in [
        "comity.v1.Nothing",
        "comity.v1.",
        "comity.v1",
        "Store",
        "agency/",
        "agency/us-nobody",
        "agency/US-ICE",
        "us-ice",
    ] {
        assert_eq!(status_of(&world, name).await.unwrap_err().code(), Code::NotFound, "{name}");
        let mut watch = ops(&world).await.watch(health_of(name)).await.unwrap().into_inner();
        assert_eq!(next(&mut watch).await, ServiceUnknown, "{name}");
    }
}

/// Whether something waits for another would tell of its cases: its name is as one that nobody has.
#[tokio::test]
async fn an_agency_asks_about_itself_and_learns_nothing_of_another() {
    let world = World::start();
    world.lodged("us-ny-doccs").await;
    // What it did itself is for it, too.
    confirm_all(&world.ice()).await;
    world.pass(SignedDuration::from_hours(1));
    world.gateway().sample();
    let ice = world.without_token("us-ice");
    assert_eq!(check(&ice, "agency/us-ice").await.unwrap(), Serving);
    let strange = check(&ice, "agency/us-nobody").await.unwrap_err();
    for agency in ["us-ny-doccs", "us-ny-erie-jail", "us-ny-oversight"] {
        let refused = check(&ice, &format!("agency/{agency}")).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message(), refused.details()),
            (Code::NotFound, strange.message(), strange.details())
        );
        let mut client = HealthClient::new(ice.client().await.authorized());
        let mut watch = client.watch(health_of(&format!("agency/{agency}"))).await.unwrap().into_inner();
        assert_eq!(next(&mut watch).await, ServiceUnknown, "{agency}");
    }
    assert_eq!(check(&world.without_token("us-ny-doccs"), "agency/us-ny-doccs").await.unwrap(), NotServing);
    assert_eq!(check(&world.without_token("comity-operator"), "agency/us-ny-doccs").await.unwrap(), NotServing);
    for name in DEPENDENCIES {
        assert_eq!(check(&ice, name).await.unwrap(), Serving, "{name}");
    }
}

#[tokio::test]
async fn that_an_agency_is_behind_makes_nothing_else_unwell_and_is_told_when_it_changes() {
    let world = World::start();
    let mut watch = ops(&world).await.watch(health_of("agency/us-ny-doccs")).await.unwrap().into_inner();
    assert_eq!(next(&mut watch).await, Serving);
    world.lodged("us-ny-doccs").await;
    confirm_all(&world.ice()).await;
    world.pass(SignedDuration::from_mins(15));
    world.gateway().sample();
    assert_eq!(status_of(&world, "agency/us-ny-doccs").await.unwrap(), Serving, "not for long yet");
    world.pass(SignedDuration::from_mins(1));
    world.gateway().sample();
    assert_eq!(next(&mut watch).await, NotServing);
    for name in ["", "store", "agency/us-ice", "agency/us-ny-erie-jail"] {
        assert_eq!(status_of(&world, name).await.unwrap(), Serving, "{name}");
    }
    assert!(probe::body(world.gateway().ops(), "/readyz").await.starts_with("serving\n"));
    confirm_all(&world.doccs()).await;
    world.gateway().sample();
    assert_eq!(next(&mut watch).await, Serving);
}

#[tokio::test]
async fn clocks_that_do_not_fire_are_told_and_keep_no_call_out() {
    let world = World::start();
    let ops = world.gateway().ops();
    let well = "[+]startup ok\n[+]writer ok\n[+]store ok\n[+]policy ok\n[+]audit ok\n[+]maintenance ok\n[+]shutdown ok\n[+]clock ok\n\
                [+]witness ok\n[+]configuration ok\n[+]certificates ok\nreadyz check passed\n";
    assert_eq!(probe::body(ops, "/readyz?verbose").await, well);
    assert_eq!(probe::body(ops, "/readyz?verbose=true&x").await, well);
    assert_eq!(probe::body(ops, "/readyz?verbosely").await, "serving\n");
    world.matched("us-ny-doccs").await;
    world.pass(SignedDuration::from_hours(30 * 24));
    world.gateway().sample();
    assert_eq!(status_of(&world, "clock").await.unwrap(), NotServing);
    assert_eq!(status_of(&world, "").await.unwrap(), Serving);
    let late = probe::body(ops, "/readyz?verbose").await;
    assert_eq!(late, well.replace("[+]clock ok", "[-]clock failed, ready all the same: legal clocks are overdue"));
    world.gateway().tick().await.unwrap();
    world.gateway().sample();
    assert_eq!(status_of(&world, "clock").await.unwrap(), Serving);
    for path in ["/readyz/store", "/livez/ping", "/healthz", "/readyz?verbose/"] {
        let answer = String::from_utf8(probe::probe(ops, path).await).unwrap();
        assert_eq!(answer.starts_with("HTTP/1.1 404"), !path.contains('?'), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_log_that_no_witness_cosigns_is_told() {
    let world = world_with_an_absent_witness();
    assert_eq!(status_of(&world, "witness").await.unwrap(), Serving, "there is nothing to cosign");
    world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    let lag = "comity_witness_lag_entries{jurisdiction=\"us-ny\",log=\"exchange\"}";
    until(&world, "a lag", |scrape| scrape.values.get(lag).is_some_and(|lag| *lag > 0.5)).await;
    assert_eq!(status_of(&world, "witness").await.unwrap(), NotServing);
    assert_eq!(status_of(&world, "").await.unwrap(), Serving);
}

/// A writer that has stopped: the gateway accepts nothing and delivers nothing, and each check says its part.
#[tokio::test]
async fn a_writer_that_has_stopped_is_told_by_each_check_that_needs_it() {
    let world = World::start();
    world.lodged("us-ny-doccs").await;
    let database = rusqlite::Connection::open(world.directory().join("comity.db")).unwrap();
    database.execute("UPDATE heads SET size = size + 1", []).unwrap();
    let lodging: v1::LodgeDetainerRequest = detainer_for("us-ny-doccs");
    world.ice().lodge(lodging).await.refused(Code::Unavailable, "UNAVAILABLE");
    let stopped =
        until(&world, "the writer to stop", |scrape| scrape.value("comity_phase{phase=\"writer-stopped\"}") > 0.5);
    assert!(stopped.await.value("comity_phase{phase=\"serving\"}") < 0.5);
    for (name, expected) in [
        ("", NotServing),
        ("store", NotServing),
        ("clock", NotServing),
        ("policy", Serving),
        ("agency/us-ice", NotServing),
    ] {
        assert_eq!(status_of(&world, name).await.unwrap(), expected, "{name}");
    }
    let answer = String::from_utf8(probe::probe(world.gateway().ops(), "/readyz?verbose").await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    for line in [
        "[-]writer failed: it has stopped",
        "[-]store failed: it takes no writes",
        "[+]policy ok",
        "readyz check failed",
    ] {
        assert!(answer.lines().any(|found| found == line), "{line} is not in {answer}");
    }
}
