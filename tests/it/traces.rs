//! What an OpenTelemetry collector is sent: one tree a call, under the caller's own span, and nothing of what was called for.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use comity::domain::agency::ActorKind;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tonic::{Code, Request};

use crate::harness::collector::Collector;
use crate::harness::process::Served;
use crate::harness::requests::{NY, detainer_for, intake_at, subject};

const ERIE: &str = "us-ny-erie-jail";
const LODGE: &str = "comity.v1.DetainerService/LodgeDetainer";
const OPEN: &str = "comity.v1.CustodyService/OpenCustody";
const RECEIVE: &str = "comity.v1.InboxService/Receive";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traced<T>(message: T, trace: &str) -> Request<T> {
    let mut call = Request::new(message);
    call.metadata_mut().insert("traceparent", format!("00-{trace}-{PARENT}-00").parse().unwrap());
    call
}

/// A gateway that sends its traces to a collector.
fn traced_by(collector: SocketAddr, share: &str) -> Served {
    let environment = [("COMITY_TRACES_TO", format!("http://{collector}")), ("COMITY_TRACES_SHARE", share.to_owned())];
    Served::start_under("info", |_| (), &environment)
}

/// The one call of a method.
fn call_of<'a>(spans: &'a [Span], method: &str) -> &'a Span {
    let calls: Vec<&Span> = spans.iter().filter(|span| span.name == method).collect();
    let [call] = calls[..] else { panic!("not one call of {method}: {calls:#?}") };
    call
}

/// What was done within a call, in the order in which it began.
fn steps<'a>(spans: &'a [Span], call: &Span) -> Vec<&'a Span> {
    let mut steps: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == call.span_id).collect();
    steps.sort_by_key(|step| step.start_time_unix_nano);
    steps
}

fn names<'a>(steps: &[&'a Span]) -> Vec<&'a str> {
    steps.iter().map(|step| step.name.as_str()).collect()
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    attribute.value.as_ref()?.value.as_ref()
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_one_tree_under_its_callers_span_and_says_nothing_of_whom_it_is_about() {
    let (collector, address) = Collector::start();
    let served = traced_by(address, "1");
    let (erie, ice) = (served.party(ERIE, ActorKind::System), served.party("us-ice", ActorKind::System));
    let request = detainer_for(ERIE);
    let (request_id, person) = (request.request_id.clone(), subject().name.unwrap().family);
    ice.client().await.detainers().lodge_detainer(traced(request, TRACE)).await.unwrap();
    let denied = ice.client().await.custodies().open_custody(traced(intake_at(ERIE), TRACE)).await.unwrap_err();
    let received = erie.receive(NY, "").await.accepted();
    assert_eq!((denied.code(), received.deliveries.len()), (Code::PermissionDenied, 1));
    // Whoever brings no trace is given one, which is the one in the log.
    erie.custody("jurisdictions/us-ny/custodies/00000000-0000-7000-8000-000000000000").await.not_found();
    let stderr = String::from_utf8(served.stop().stderr).unwrap();

    let spans = collector.spans();
    let lodged = call_of(&spans, LODGE);
    assert_eq!([&lodged.trace_id, &lodged.parent_span_id].map(hex::encode), [TRACE, PARENT]);
    assert_eq!(lodged.kind, i32::from(SpanKind::Server));
    assert_eq!(attribute(lodged, "rpc.system"), Some(&text("grpc")));
    assert_eq!(attribute(lodged, "rpc.method"), Some(&text(LODGE)));
    assert_eq!(attribute(lodged, "comity.agency"), Some(&text("us-ice")));
    assert_eq!(attribute(lodged, "comity.request_id"), Some(&text(&request_id)));
    assert_eq!(attribute(lodged, "rpc.grpc.status_code"), Some(&Value::IntValue(0)));
    let within = steps(&spans, lodged);
    assert_eq!(names(&within), ["admit", "queue", "gate", "commit", "deliver"]);
    for step in &within {
        assert!(step.trace_id == lodged.trace_id && step.kind == i32::from(SpanKind::Internal), "{step:#?}");
        assert!(step.start_time_unix_nano >= lodged.start_time_unix_nano, "{step:#?}");
        assert!(step.end_time_unix_nano <= lodged.end_time_unix_nano, "{step:#?}");
    }
    // One after the other: none waits for what comes after it.
    for pair in within.windows(2) {
        assert!(pair[0].end_time_unix_nano <= pair[1].end_time_unix_nano, "{pair:#?}");
    }

    let refused = call_of(&spans, OPEN);
    assert_eq!(attribute(refused, "rpc.grpc.status_code"), Some(&Value::IntValue(7)));
    assert_eq!(refused.status.as_ref().unwrap().code, i32::from(StatusCode::Error));
    assert_eq!(names(&steps(&spans, refused)), ["admit"], "a refused call goes no further");

    let receiving = call_of(&spans, RECEIVE);
    let within = steps(&spans, receiving);
    let delivered: Vec<_> = within.iter().filter(|step| step.name == "deliver").collect();
    let [delivered] = delivered[..] else { panic!("{within:#?}") };
    assert_eq!(attribute(delivered, "comity.entries"), Some(&Value::IntValue(1)));

    let drawn = call_of(&spans, "comity.v1.CustodyService/GetCustody");
    assert!(stderr.contains(&format!("\"trace\":\"{}\"", hex::encode(&drawn.trace_id))), "{stderr}");
    assert!(drawn.parent_span_id.is_empty(), "it is the first of its trace");

    let keys: BTreeSet<&str> = spans.iter().flat_map(|span| &span.attributes).map(|said| said.key.as_str()).collect();
    let known =
        ["comity.agency", "comity.entries", "comity.request_id", "rpc.grpc.status_code", "rpc.method", "rpc.system"];
    assert_eq!(keys, BTreeSet::from(known));
    assert!(spans.iter().all(|span| span.events.is_empty() && span.links.is_empty()));
    let bytes = collector.bytes();
    assert!(!bytes.windows(person.len()).any(|found| found == person.as_bytes()), "{person}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_of_nothing_is_nothing() {
    let (collector, address) = Collector::start();
    let served = traced_by(address, "0");
    let ice = served.party("us-ice", ActorKind::System);
    // Whatever the caller asks for.
    ice.client().await.detainers().lodge_detainer(traced(detainer_for(ERIE), TRACE)).await.unwrap();
    served.stop();
    assert_eq!(collector.spans(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_waits_for_a_collector_that_is_not_there() {
    let unheard = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let served = traced_by(unheard.local_addr().unwrap(), "1");
    let ice = served.party("us-ice", ActorKind::System);
    for _ in 0..50 {
        ice.lodge(detainer_for(ERIE)).await.accepted();
    }
    let began = Instant::now();
    let ended = served.stop();
    assert!(ended.status.success(), "{:?} after {:?}", ended.status, began.elapsed());
    drop(unheard);

    // Where nobody listens, it is said once, and not once a message.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let served = traced_by(gone, "1");
    let ice = served.party("us-ice", ActorKind::System);
    ice.lodge(detainer_for(ERIE)).await.accepted();
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    ice.lodge(detainer_for(ERIE)).await.accepted();
    let stderr = String::from_utf8(served.stop().stderr).unwrap();
    assert_eq!(stderr.matches("traces cannot be sent to the collector").count(), 1, "{stderr}");
}

#[test]
fn what_cannot_be_traced_is_refused_at_the_start() {
    for (arguments, said) in [
        (&["--traces-to", "https://127.0.0.1:1"][..], "needs the certificates that vouch for it"),
        (&["--traces-to", "http://127.0.0.1:1", "--traces-share", "1.5"], "from 0 to 1"),
        (&["--traces-to", "no url"], "the collector cannot be used"),
        (&["--traces-to", "https://127.0.0.1:1", "--traces-authorities", "/nowhere.pem"], "cannot read /nowhere.pem"),
    ] {
        let ended = crate::harness::process::comity("health").args(arguments).output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert!(!ended.status.success() && stderr.contains(said), "{arguments:?}: {stderr}");
    }
}
