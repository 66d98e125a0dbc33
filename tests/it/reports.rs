//! Reports over the wire, and the same from an export: byte for byte, and for each audience what it may see.

mod archive;
mod claims;
mod page;

use std::process::{Command, Output, Stdio};

use comity::reports::{Report, from_wire_form};
use comity::wire::v1;
use serde_json::Value;
use tempfile::TempDir;
use tonic::Code;

use crate::harness::changes::{claim_on, movement_to, taking_over};
use crate::harness::requests::{
    NY, NY_CUSTODY, NY_EXCHANGE, TX, answer_to, detainer_for, receipt_of, release_of, schedule_of, withdrawal_of,
};
use crate::harness::{Party, World, assert_nothing_personal};
use crate::reports::archive::Copy;

const HARRIS: &str = "us-tx-harris-jail";

fn comity(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    command.env_remove("COMITY_AUDIT_LOG").env_remove("COMITY_LOG");
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What a command prints that does what it is asked.
#[track_caller]
fn said(arguments: &[&str]) -> String {
    let output = comity(arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn of(parent: &str) -> v1::GetReportRequest {
    v1::GetReportRequest { parent: parent.to_owned(), ..Default::default() }
}

pub(crate) async fn report(party: &Party, request: v1::GetReportRequest) -> Report {
    from_wire_form(party.get_report(request).await.accepted().report.unwrap()).unwrap()
}

pub(crate) fn sum(report: &Report, table: &str, key: &[&str]) -> u64 {
    report.table(table).unwrap_or_else(|| panic!("no table {table}")).sum(key)
}

/// A year in small: in Texas the law asks for notice, in New York nobody is told.
async fn year(world: &World) {
    for _ in 0..3 {
        let matched = world.matched(HARRIS).await;
        world.harris().answer(answer_to(&matched.detainer, v1::AnswerKind::HonorHold)).await.accepted();
        world.harris().schedule(schedule_of(&matched.custody)).await.accepted();
        world.harris().release(release_of(&matched.custody)).await.accepted();
    }
    for _ in 0..4 {
        let matched = world.matched("us-ny-doccs").await;
        world.doccs().release(release_of(&matched.custody)).await.accepted();
    }
    world.matched("us-ny-doccs").await;
    let claimed = world.matched("us-ny-doccs").await;
    world.doccs().claim(claim_on(&claimed.detainer)).await.accepted();
    let lifted = world.lodged("us-ny-doccs").await;
    world.ice().withdraw(withdrawal_of(&lifted)).await.accepted();
    world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    let cursor = world.doccs().receive(NY, "").await.accepted().heartbeat.cursor;
    world.doccs().confirm(receipt_of(NY, &cursor)).await.accepted();
}

#[tokio::test]
async fn each_audience_is_counted_what_it_may_see() {
    let world = World::under_plain_law();
    year(&world).await;
    let custodian = report(&world.doccs(), of(NY)).await;
    assert_eq!((custodian.audience.as_str(), custodian.jurisdiction.as_str()), ("agencies/us-ny-doccs", "us-ny"));
    assert_eq!(sum(&custodian, "totals", &["detainers", "lodged"]), 8);
    assert_eq!(sum(&custodian, "totals", &["people", "lodged"]), 6);
    assert_eq!(sum(&custodian, "totals", &["detainers", "outstanding"]), 3);
    assert_eq!(sum(&custodian, "totals", &["detainers", "released"]), 4);
    assert_eq!(sum(&custodian, "outcomes", &["lodged", "released"]), 4);
    assert_eq!(sum(&custodian, "outcomes", &["lodged", "lifted", "case-closed"]), 1);
    assert_eq!(sum(&custodian, "delivery", &[]), 8);
    assert_eq!(sum(&custodian, "delivery", &["not-proved"]), 0);
    assert_eq!(sum(&custodian, "safeguards", &["outstanding", "citizenship-claim-open"]), 1);
    assert!(sum(&custodian, "backlog", &[]) > 0);
    assert_eq!(sum(&custodian, "rules", &["released", "notify"]), 4, "{:?}", custodian.table("rules"));
    assert_eq!(custodian.trees.len(), 2);
    assert_eq!(report(&world.oversight(), of(NY)).await.tables, custodian.tables);
    // Nothing of it is another custodian's.
    let other = report(&world.erie(), of(NY)).await;
    assert_eq!(sum(&other, "totals", &["detainers"]), 0);

    let requester = report(&world.ice(), of(NY)).await;
    assert_eq!(sum(&requester, "totals", &["detainers", "lodged"]), 8);
    // It counts the releases that it was told of, and no other.
    let seen = world.ice().detainers(NY).await.accepted();
    let told = seen.iter().filter(|detainer| detainer.state() == v1::DetainerState::Released).count();
    assert_eq!(sum(&requester, "totals", &["detainers", "released"]), u64::try_from(told).unwrap());
    assert_eq!(requester.trees.len(), 1);
    for internal in ["rules", "safeguards", "alarms"] {
        assert!(requester.table(internal).is_none(), "{internal}");
    }
    let text = requester.to_json().unwrap();
    for word in ["safeguard", "citizen", "juvenile", "sealed", "custody/", "Executive Order", "policies"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    // Where the law asks for notice, both sides count the same releases.
    let texan = report(&world.harris(), of(TX)).await;
    let requester = report(&world.ice(), of(TX)).await;
    for own in [&texan, &requester] {
        assert_eq!(sum(own, "totals", &["detainers", "released"]), 3);
        assert_eq!(sum(own, "releases", &["sentence-served", "community"]), 3);
        assert_eq!(sum(own, "lead-times", &[]), 3);
    }
    let every = report(&world.ice(), of("jurisdictions/-")).await;
    assert_eq!((every.jurisdiction.as_str(), sum(&every, "totals", &["detainers", "lodged"])), ("all", 11));
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn a_window_and_an_as_of_time_bound_what_is_counted() {
    let world = World::under_plain_law();
    world.lodged("us-ny-doccs").await;
    let between = world.pass(jiff::SignedDuration::from_hours(48));
    world.lodged("us-ny-doccs").await;
    world.lodged("us-ny-doccs").await;
    let time = |at: jiff::Timestamp| Some(comity::wire::show::timestamp(at));
    let lodged = async |request| sum(&report(&world.ice(), request).await, "totals", &["detainers", "lodged"]);
    assert_eq!(lodged(of(NY)).await, 3);
    assert_eq!(lodged(v1::GetReportRequest { start_time: time(between), ..of(NY) }).await, 2);
    assert_eq!(lodged(v1::GetReportRequest { end_time: time(between), ..of(NY) }).await, 1);
    let before = v1::GetReportRequest { as_of_time: time(between - jiff::SignedDuration::from_secs(1)), ..of(NY) };
    let report = report(&world.ice(), before).await;
    assert_eq!(sum(&report, "totals", &["detainers", "outstanding"]), 1);
    assert_eq!(report.trees[0].counted, 1);
    let backwards = v1::GetReportRequest { start_time: time(between), end_time: time(between), ..of(NY) };
    world.ice().get_report(backwards).await.refused(Code::InvalidArgument, "INVALID_FIELD");
    world.ice().get_report(of("jurisdictions/us-zz")).await.not_found();
    world.doccs().get_report(of(TX)).await.not_found();
}

#[tokio::test]
async fn an_export_gives_the_same_bytes() {
    let world = World::under_plain_law();
    year(&world).await;
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    for (agency, logs) in [("us-ice", vec![NY_EXCHANGE]), ("us-ny-doccs", vec![NY_EXCHANGE, NY_CUSTODY])] {
        let party = world.system(agency);
        let served = report(&party, of(NY)).await.to_json().unwrap();
        Copy::of(&party, agency, &logs).await.write(&directory.path().join(agency));
        let json = path("report.json");
        for _ in 0..2 {
            said(&["report", "--recompute", &path(agency), "--jurisdiction", "us-ny", "--json", &json]);
            assert_eq!(std::fs::read_to_string(&json).unwrap(), served, "{agency}");
        }
        // The command asks the gateway for no other figures.
        let (address, sandbox) = (world.gateway().grpc().to_string(), world.directory().to_str().unwrap());
        let from_gateway =
            ["report", "--as", agency, "--dir", sandbox, "--address", &address, "--jurisdiction", "us-ny"];
        let mut arguments = from_gateway.to_vec();
        arguments.extend(["--json", &json]);
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let asked = move || said(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        tokio::task::spawn_blocking(asked).await.unwrap();
        assert_eq!(std::fs::read_to_string(&json).unwrap(), served, "{agency}");
    }
    // A byte of an opening that is changed, and it is no export any more.
    let mut changed = Copy::of(&world.ice(), "us-ice", &[NY_EXCHANGE]).await;
    changed.change_a_byte_of_content();
    changed.write(&directory.path().join("changed"));
    let output = comity(&["report", "--recompute", &path("changed")]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.contains("content that is not what the leaf commits to"), "{errors}");
    assert_eq!(world.journal.audited(), []);
}

#[tokio::test]
async fn entries_that_one_side_withholds_are_named_and_nobody_else() {
    let world = World::under_plain_law();
    year(&world).await;
    for _ in 0..20 {
        world.lodged("us-ny-doccs").await;
    }
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let ours = Copy::of(&world.ice(), "us-ice", &[NY_EXCHANGE]).await;
    let mut theirs = ours.clone();
    let withheld = theirs.withhold(10);
    ours.write(&directory.path().join("ours"));
    theirs.write(&directory.path().join("theirs"));
    let found: Value =
        serde_json::from_str(&said(&["report", "diff", "--json", &path("ours"), &path("theirs")])).unwrap();
    let only = found["logs"][NY_EXCHANGE]["only_in_first"].as_array().unwrap();
    let named: Vec<(u64, &str)> =
        only.iter().map(|entry| (entry["index"].as_u64().unwrap(), entry["leaf"].as_str().unwrap())).collect();
    let expected: Vec<(u64, &str)> = withheld.iter().map(|(index, leaf)| (*index, leaf.as_str())).collect();
    assert_eq!(named, expected);
    assert_eq!(found["logs"].as_object().unwrap().len(), 1);
    for other in ["only_in_second", "forked_at"] {
        assert_eq!(found["logs"][NY_EXCHANGE][other].as_array().unwrap().len(), 0);
    }
    assert!(!found["figures"].as_array().unwrap().is_empty());
    let text = said(&["report", "diff", &path("ours"), &path("theirs")]);
    assert_nothing_personal(&text);
    assert_eq!(text.lines().filter(|line| line.contains("only in the first: entry")).count(), 10);
    let same: Value = serde_json::from_str(&said(&["report", "diff", "--json", &path("ours"), &path("ours")])).unwrap();
    assert_eq!((same["logs"].as_object().unwrap().len(), same["figures"].as_array().unwrap().len()), (0, 0));
}

#[tokio::test]
async fn what_is_published_hides_small_counts() {
    let world = World::under_plain_law();
    for _ in 0..7 {
        world.lodged("us-ny-doccs").await;
    }
    world.pass(jiff::SignedDuration::from_hours(24 * 120));
    world.lodged("us-ny-doccs").await;
    let directory = TempDir::new().unwrap();
    let (copy, json) = (directory.path().join("copy"), directory.path().join("report.json"));
    Copy::of(&world.ice(), "us-ice", &[NY_EXCHANGE]).await.write(&copy);
    let (copy, json) = (copy.to_str().unwrap(), json.to_str().unwrap());
    said(&["report", "--recompute", copy, "--jurisdiction", "us-ny", "--publish", "--json", json]);
    let published: Report = Report::from_json(&std::fs::read_to_string(json).unwrap()).unwrap();
    let table = published.table("published").unwrap();
    assert_eq!(table.sum(&["2026-Q1", "lodged", "all"]), 7);
    assert!(table.rows.iter().filter_map(|row| row.count).all(|count| count == 0 || count >= 5));
    assert!(!table.rows.iter().any(|row| row.key[0] == "2026-Q2"), "a quarter that has not ended");
}

/// What `comity export` writes, and not what a test does.
#[tokio::test]
async fn a_report_from_comity_export_is_byte_for_byte_the_one_that_was_served() {
    let world = World::under_plain_law();
    year(&world).await;
    let directory = tempfile::tempdir().unwrap();
    let (address, sandbox) = (world.gateway().grpc().to_string(), world.directory().to_str().unwrap().to_owned());
    let as_of = world.clock.now().to_string();
    let asked = ["--jurisdiction", "us-ny", "--as-of", as_of.as_str()];
    for agency in ["us-ice", "us-ny-doccs"] {
        let seat = ["--as", agency, "--address", address.as_str(), "--dir", sandbox.as_str()];
        let [served, export, again] = ["served.json", "export", "again.json"]
            .map(|name| directory.path().join(format!("{agency}-{name}")).to_str().unwrap().to_owned());
        said(&[&["report", "--json", &served], seat.as_slice(), &asked].concat());
        said(&[&["export", &export, "--payloads", "all"], seat.as_slice(), &asked[..2]].concat());
        said(&[&["report", "--recompute", &export, "--json", &again], asked.as_slice()].concat());
        assert_eq!(std::fs::read_to_string(&again).unwrap(), std::fs::read_to_string(&served).unwrap(), "{agency}");
    }
}

/// Where a person is handed on, each custodian counts what it has to answer for, and nobody counts it twice.
#[tokio::test]
async fn a_detainer_goes_with_the_person_from_one_custodians_figures_to_the_others() {
    const BEXAR: &str = "us-tx-bexar-jail";
    let world = World::under_plain_law();
    let matched = world.matched(HARRIS).await;
    world.harris().answer(answer_to(&matched.detainer, v1::AnswerKind::HonorHold)).await.accepted();
    let figure =
        async |agency: &str, table: &str, key: &[&str]| sum(&report(&world.system(agency), of(TX)).await, table, key);
    let standing = ["outstanding", "outstanding"];
    assert_eq!(figure(HARRIS, "outcomes", &[standing[0], standing[1], "hold-promised"]).await, 1);
    assert_eq!(figure(BEXAR, "totals", &[]).await, 0);

    let later = || world.pass(jiff::SignedDuration::from_mins(1));
    later();
    world.harris().relocate(movement_to(&matched.custody, BEXAR)).await.accepted();
    // What is offered is nobody else's yet.
    assert_eq!(figure(HARRIS, "totals", &["detainers", "outstanding"]).await, 1);
    assert_eq!(figure(BEXAR, "totals", &[]).await, 0);
    world.system(BEXAR).accept_move(taking_over(&matched.custody)).await.accepted();
    assert_eq!(figure(HARRIS, "totals", &["detainers", "lodged"]).await, 1);
    assert_eq!(figure(HARRIS, "totals", &["detainers", "outstanding"]).await, 0);
    assert_eq!(figure(HARRIS, "outcomes", &["lodged", "handed-on", "to-another-custodian"]).await, 1);
    assert_eq!(figure(BEXAR, "totals", &["detainers", "lodged"]).await, 0);
    assert_eq!(figure(BEXAR, "totals", &["people", "outstanding"]).await, 1);
    assert_eq!(figure(BEXAR, "outstanding-by-offence", &["assault", "pending", "custodian"]).await, 1);
    // A promise binds whoever gave it.
    for agency in [BEXAR, "us-tx-oversight"] {
        assert_eq!(figure(agency, "outcomes", &[standing[0], standing[1], "not-answered"]).await, 1, "{agency}");
    }
    later();
    world.system(BEXAR).answer(answer_to(&matched.detainer, v1::AnswerKind::HonorHold)).await.accepted();
    assert_eq!(figure(BEXAR, "outcomes", &[standing[0], standing[1], "hold-promised"]).await, 1);
    assert_eq!(figure("us-ice", "by-facility", &["outstanding", "county-jail", BEXAR]).await, 1);

    // And back again, as if it had never left.
    later();
    world.system(BEXAR).relocate(movement_to(&matched.custody, HARRIS)).await.accepted();
    world.harris().accept_move(taking_over(&matched.custody)).await.accepted();
    assert_eq!(figure(BEXAR, "totals", &["detainers", "outstanding"]).await, 0);
    assert_eq!(figure(HARRIS, "outcomes", &[standing[0], standing[1], "not-answered"]).await, 1);
    later();
    world.harris().release(release_of(&matched.custody)).await.accepted();
    assert_eq!(figure(HARRIS, "totals", &["detainers", "released"]).await, 1);
    assert_eq!(figure(BEXAR, "totals", &["detainers", "released"]).await, 0);
    world.journal.assert_nothing_personal();
}
