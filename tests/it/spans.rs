//! Whose call a line speaks of. What is logged about one call carries its method, agency, request and trace, on whichever thread it is
//! logged; what is about a batch or a clock carries nothing of any call.

use std::collections::BTreeMap;

use comity::domain::agency::ActorKind;
use comity::wire::entry::merge;
use comity::wire::v1;
use comity::wire::v1::event::Event;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::Value;
use tonic::{Code, Request};

use crate::harness::process::Served;
use crate::harness::requests::{NY_CUSTODY, REASON, intake_at, release_of};
use crate::harness::{Line, World};

const ERIE: &str = "us-ny-erie-jail";
const RECORD_RELEASE: &str = "comity.v1.CustodyService/RecordRelease";
const NOBODYS: &str = "jurisdictions/us-ny/custodies/00000000-0000-7000-8000-000000000000";
const HANDED_OVER: &str = "a person was handed over and the law did not allow it";

/// A call with this header.
fn traced<T>(message: T, traceparent: &str) -> Request<T> {
    let mut call = Request::new(message);
    call.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    call
}

fn traceparent(trace: &str) -> String {
    format!("00-{trace}-00f067aa0ba902b7-01")
}

/// The person was handed to an agency that had not asked, which an officer explains. It is recorded, and the writer warns.
fn unasked(custody: &str) -> v1::RecordReleaseRequest {
    let mut request = release_of(custody);
    request.release.as_mut().unwrap().recipient = v1::ReleaseRecipient::RequestingAgency.into();
    v1::RecordReleaseRequest { reason: REASON.to_owned(), ..request }
}

/// Every line of a process.
fn lines(stderr: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(stderr.to_vec()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn texts<'a, const N: usize>(line: &'a Value, names: [&str; N]) -> [&'a str; N] {
    names.map(|name| line[name].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_line_of_the_writer_carries_the_call_and_its_trace() {
    const TRACES: [&str; 2] = ["4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c"];
    let served = Served::start("info", |_| ());
    let (system, officer) = (served.party(ERIE, ActorKind::System), served.party(ERIE, ActorKind::Officer));
    let custody = system.open(intake_at(ERIE)).await.accepted().custody.unwrap().name;
    let request = unasked(&custody);
    let [of_release, of_reading] = TRACES.map(traceparent);
    let answer = officer.client().await.custodies().record_release(traced(request.clone(), &of_release)).await.unwrap();
    assert!(!format!("{:?}", answer.metadata()).contains(TRACES[0]), "the trace is for the log alone");
    let nobodys = v1::GetCustodyRequest { name: NOBODYS.to_owned() };
    let denied = system.client().await.custodies().get_custody(traced(nobodys, &of_reading)).await.unwrap_err();
    // Whoever brings no trace is given one.
    system.custody(NOBODYS).await.not_found();

    let lines = lines(&served.stop().stderr);
    let alarms: Vec<_> = lines.iter().filter(|line| line["message"] == HANDED_OVER).collect();
    let [alarm] = alarms[..] else { panic!("not one alarm: {alarms:?}") };
    let call = texts(alarm, ["method", "agency", "request", "trace"]);
    assert_eq!(call, [RECORD_RELEASE, ERIE, &request.request_id, TRACES[0]]);
    assert!(alarm["entry"].as_str().unwrap().starts_with(NY_CUSTODY), "beside its own fields: {alarm}");
    let audited: Vec<_> = lines.iter().filter(|line| line["event"] == "call_denied").collect();
    assert_eq!((audited.len(), denied.code()), (2, Code::NotFound), "{audited:?}");
    let method = "/comity.v1.CustodyService/GetCustody";
    assert_eq!(texts(audited[0], ["method", "agency", "trace"]), [method, ERIE, TRACES[1]]);
    let drawn = audited[1]["trace"].as_str().unwrap();
    assert!(drawn.len() == 32 && !TRACES.contains(&drawn), "{drawn}");
    for line in &lines {
        let of_a_call = ["request", "trace"].iter().any(|name| line.get(name).is_some());
        assert_eq!(of_a_call, line == alarm || audited.contains(&line), "{line}");
    }
}

#[tokio::test]
async fn of_a_malformed_traceparent_no_byte_is_in_a_line() {
    let served = Served::start("error,comity=trace", |_| ());
    let ice = served.party("us-ice", ActorKind::System);
    let malformed = [
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-Zebulon",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-Zebulon Quackenbush\",\"level\":\"x-00f067aa0ba902b7-01",
        "Zebulon",
    ];
    for header in malformed {
        // No custodian: denied, which leaves a line.
        ice.client().await.custodies().open_custody(traced(intake_at(ERIE), header)).await.unwrap_err();
    }
    let mut twice = traced(intake_at(ERIE), &traceparent("4bf92f3577b34da6a3ce929d0e0e4736"));
    twice.metadata_mut().append("traceparent", traceparent("4bf92f3577b34da6a3ce929d0e0e4736").parse().unwrap());
    ice.client().await.custodies().open_custody(twice).await.unwrap_err();

    let stderr = served.stop().stderr;
    let lines = lines(&stderr);
    let denied: Vec<_> = lines.iter().filter(|line| line["event"] == "call_denied").collect();
    assert_eq!(denied.len(), malformed.len() + 1);
    for line in denied {
        let [trace] = texts(line, ["trace"]);
        assert!(trace.len() == 32 && trace != "0".repeat(32), "{line}");
        assert!(trace.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')), "{line}");
    }
    let text = String::from_utf8(stderr).unwrap();
    for part in ["4bf92f", "4BF92F", "00f067aa", "Zebulon", "Quackenbush"] {
        assert!(!text.contains(part), "{part} is in {text}");
    }
}

/// What was handed over by which entry, as the entries of the alarms say.
async fn alarmed(world: &World) -> BTreeMap<String, String> {
    let entries = world.erie().entries(NY_CUSTODY).await.accepted();
    let alarms = entries.into_iter().filter_map(|entry| {
        let Some(Event::UnlawfulHandOver(alarm)) = merge(&entry).unwrap().event else { return None };
        Some((entry.name, alarm.custody))
    });
    alarms.collect()
}

/// Which call each alarm was logged within, by the custody that its entry is of: agency, request and trace.
async fn calls_by_custody(world: &World) -> BTreeMap<String, [String; 3]> {
    let (custodies, alarms) = (alarmed(world).await, world.journal.lines_with(HANDED_OVER));
    assert_eq!(custodies.len(), alarms.len());
    let call = |line: &Line| {
        let field = |name: &str| line.spans.get(name).cloned().unwrap_or_default();
        (custodies[line.field("entry")].clone(), [field("agency"), field("request"), field("trace")])
    };
    alarms.iter().map(call).collect()
}

/// The most writes that one batch recorded. Nothing of a call is in its line.
fn largest_batch(world: &World) -> usize {
    let batches = world.journal.lines_with("batch recorded");
    assert!(batches.iter().all(|line| line.spans.is_empty()), "a batch is of many calls: {batches:?}");
    batches.iter().map(|line| line.field("writes").parse().unwrap()).max().unwrap_or_default()
}

#[tokio::test]
async fn calls_of_one_batch_do_not_get_each_others_fields() {
    let world = World::start();
    let client = world.officer(ERIE).client().await.clone();
    let mut expected = BTreeMap::new();
    // How many calls come while a batch is being written is chance.
    for round in 0..20 {
        let mut calls = Vec::new();
        for at in 0..6 {
            let (custody, trace) = (world.held(ERIE).await, format!("{:032x}", 0xabc_000 + 16 * round + at));
            let request = unasked(&custody);
            expected.insert(custody, [ERIE.to_owned(), request.request_id.clone(), trace.clone()]);
            let mut custodies = client.custodies();
            calls.push(async move { custodies.record_release(traced(request, &traceparent(&trace))).await });
        }
        assert!(join_all(calls).await.iter().all(Result::is_ok));
        if largest_batch(&world) > 1 {
            break;
        }
    }
    assert!(largest_batch(&world) > 1, "no two calls shared a batch");
    assert_eq!(calls_by_custody(&world).await, expected);
}

#[tokio::test]
async fn each_item_of_a_stream_carries_its_own_request_and_the_trace_of_its_call() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let world = World::start();
    let (mut items, mut expected) = (Vec::new(), BTreeMap::new());
    for _ in 0..3 {
        let custody = world.held(ERIE).await;
        let request = unasked(&custody);
        expected.insert(custody, [ERIE.to_owned(), request.request_id.clone(), TRACE.to_owned()]);
        items.push(v1::RecordReleasesRequest { request: Some(request) });
    }
    let calls = traced(stream::iter(items), &traceparent(TRACE));
    let mut client = world.officer(ERIE).client().await.custodies();
    let mut answers = client.record_releases(calls).await.unwrap().into_inner();
    while let Some(answer) = answers.message().await.unwrap() {
        assert!(matches!(answer.outcome, Some(v1::record_releases_response::Outcome::Response(_))), "{answer:?}");
    }
    assert_eq!(calls_by_custody(&world).await, expected);
    let methods: Vec<_> = world
        .journal
        .lines_with(HANDED_OVER)
        .into_iter()
        .map(|mut line| line.spans.remove("method").unwrap())
        .collect();
    assert_eq!(methods, ["comity.v1.CustodyService/RecordReleases"; 3]);
}
