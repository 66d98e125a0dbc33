//! The audit log of a gateway that is served: each answered call has a line, a flood does not grow it, and where it cannot be
//! written no call is taken. What survives a kill is in `crash/audited.rs`.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use comity::domain::agency::ActorKind;
use comity::wire::Message as _;
use comity::wire::v1;
use http::Method;
use serde_json::Value;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::probe::{body, probe};
use crate::harness::process::{Served, comity, said};
use crate::harness::raw::{self, Call, Connection};
use crate::harness::requests::{NY, NY_EXCHANGE, detainer_for};

const AUDIT: &str = "audit.log";
const PATIENCE: Duration = Duration::from_secs(30);
const LODGE: &str = "comity.v1.DetainerService/LodgeDetainer";
const CHECKPOINT: &str = "comity.v1.LedgerService/GetCheckpoint";
const RECEIVE: &str = "comity.v1.InboxService/Receive";

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The fields of a line that these names have; `null` where there is none.
fn fields<const N: usize>(line: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| line[name].clone())
}

/// A connection of an agency, and what it calls with.
struct Line {
    connection: Connection,
    token: String,
}

impl Line {
    async fn of(served: &Served, agency: &str) -> Self {
        let connection = raw::open(served.grpc, &served.sandbox.credentials(agency).unwrap()).await;
        Self { connection, token: served.sandbox.token(agency, ActorKind::System).unwrap() }
    }

    /// Calls a method within a trace, which is how its line is found.
    async fn call(&mut self, method: &str, message: &[u8], trace: u8) -> Code {
        self.call_with(method, message, trace, &self.token.clone()).await
    }

    async fn call_with(&mut self, method: &str, message: &[u8], trace: u8, token: &str) -> Code {
        let mut call = Call::new(&format!("/{method}"), token, message);
        call.silence = raw::SILENCE.max(Duration::from_secs(10));
        call.put("traceparent", format!("00-{}-00f067aa0ba902b7-01", spelt(trace)).as_bytes());
        raw::send(&mut self.connection, call, |_| true).await.unwrap().code().unwrap_or(Code::Ok)
    }
}

fn spelt(trace: u8) -> String {
    format!("{trace:032x}")
}

/// The key that signs the log, as the gateway says.
fn key_in(lines: &[Value]) -> String {
    let started = lines.iter().find(|line| line["event"] == "started").unwrap();
    started["audit_key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_call_has_a_line_that_says_who_did_what_when_from_where_and_what_came_of_it() {
    let served = Served::start_audited("info", |_| (), |_| (), AUDIT);
    let path = served.directory().join(AUDIT);
    let (mut ice, mut doccs) = (Line::of(&served, "us-ice").await, Line::of(&served, "us-ny-doccs").await);
    let lodging = detainer_for("us-ny-doccs");
    let message = lodging.encode_to_vec();
    assert_eq!(ice.call(LODGE, &message, 1).await, Code::Ok);
    // The line was there before the answer.
    assert!(lines(&path).iter().any(|line| line["trace"] == spelt(1)));
    assert_eq!(doccs.call(LODGE, &message, 2).await, Code::PermissionDenied);
    assert_eq!(ice.call_with(LODGE, &message, 3, "").await, Code::Unauthenticated);
    assert_eq!(ice.call_with(LODGE, &message, 4, "forged").await, Code::Unauthenticated);
    assert_eq!(ice.call("Zebulon.Quackenbush/Ada", b"", 5).await, Code::Unimplemented);
    assert_eq!(ice.call(LODGE, b"\xff", 6).await, Code::InvalidArgument);
    let own = v1::GetEntryRequest { name: format!("{NY_EXCHANGE}/entries/0") };
    assert_eq!(doccs.call("comity.v1.LedgerService/GetEntry", &own.encode_to_vec(), 7).await, Code::Ok);
    let inbox = v1::ReceiveRequest { parent: NY.to_owned(), ..Default::default() };
    assert_eq!(doccs.call(RECEIVE, &inbox.encode_to_vec(), 8).await, Code::Ok);
    let page = raw::ask(&mut ice.connection, Method::GET, &format!("/{NY_EXCHANGE}/checkpoint"), "").await;
    assert_eq!(page.http, 200);
    let page = raw::ask(&mut ice.connection, Method::GET, &format!("/{NY_EXCHANGE}/tile/x"), "").await;
    assert_eq!(page.http, 404);
    drop((ice, doccs));
    until(|| lines(&path).iter().any(|line| line["event"] == "stream_closed")).await;
    served.hang_up();
    until(|| lines(&path).iter().any(|line| line["event"] == "configuration_reloaded")).await;
    let ended = served.stop();
    assert!(ended.status.success());
    let path = ended.directory.path().join(AUDIT);
    let lines = lines(&path);

    let of = |trace: u8| -> Vec<&Value> { lines.iter().filter(|line| line["trace"] == spelt(trace)).collect() };
    let one = |trace: u8| -> &Value {
        let found = of(trace);
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0]
    };
    let outcome = ["event", "outcome", "method", "agency", "actor", "peer", "code", "reason"];
    let told =
        |line: &Value| fields(line, outcome).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
    let call = |outcome, method, agency, actor, code, reason| {
        ["call", outcome, method, agency, actor, "127.0.0.1", code, reason].map(str::to_owned)
    };
    assert_eq!(told(one(1)), call("success", LODGE, "us-ice", "system", "0", "null"));
    assert_eq!(one(1)["request"], lodging.request_id.as_str());
    assert_eq!(one(1)["resource"], format!("{NY_EXCHANGE}/entries/0"));
    assert_eq!(one(1)["pseudonym"].as_str().unwrap().len(), 32);
    assert_eq!(told(one(2)), call("denied", LODGE, "us-ny-doccs", "system", "7", "METHOD_DENIED"));
    assert_eq!(told(one(3)), call("denied", LODGE, "us-ice", "null", "16", "TOKEN_REFUSED"));
    assert_eq!(told(one(4)), call("denied", LODGE, "us-ice", "null", "16", "TOKEN_REFUSED"));
    assert!(one(4)["cause"].as_str().unwrap().len() > 5, "{}", one(4));
    assert_eq!(told(one(6)), call("failure", LODGE, "us-ice", "system", "3", "MALFORMED_MESSAGE"));
    // It is told before anything is known of the call, but its own text is not.
    assert_eq!(told(one(5)), call("failure", "unknown", "us-ice", "null", "12", "UNKNOWN_METHOD"));
    assert_eq!(told(one(7)), call("success", "comity.v1.LedgerService/GetEntry", "us-ny-doccs", "system", "0", "null"));
    assert_eq!(fields(one(7), ["disclosed", "resource"]), [Value::from(1), format!("{NY_EXCHANGE}/entries/0").into()]);
    assert_eq!(of(8)[1]["disclosed"], 1, "what went over the stream");
    let stream: Vec<_> = of(8).iter().map(|line| told(line)).map(|[event, outcome, ..]| (event, outcome)).collect();
    assert_eq!(
        stream,
        [("stream_opened", "success"), ("stream_closed", "success")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    // What is no call of gRPC goes the way of one.
    let gets: Vec<_> =
        lines.iter().filter(|line| line["event"] == "call" && line["trace"].is_null()).map(told).collect();
    assert_eq!(gets[..], [call("denied", "unknown", "us-ice", "null", "5", "NOT_FOUND")], "{gets:#?}");
    let read = lines.iter().filter(|line| line["method"] == CHECKPOINT || line["method"] == "unknown").count();
    assert_eq!(read, 3, "a checkpoint, a tile that there is not, and a method that there is not");

    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events[..2], ["begun", "started"]);
    assert_eq!(events.iter().filter(|event| **event == "connection_opened").count(), 2);
    assert_eq!(events[events.len() - 2..], ["stopped", "head"]);
    assert!(!fs::read_to_string(&path).unwrap().contains("Quackenbush"));
    assert_changes_are_found(&path, &key_in(&lines));
}

/// As an auditor uses it, who has the files and the key.
/// A command that reads or changes a store has a line before and one after it, in a file that no gateway writes.
#[test]
fn an_operators_command_on_the_machine_has_its_lines() {
    let served = Served::start_audited("error", |_| (), |_| (), AUDIT);
    let directory = served.directory().to_owned();
    let (own, copy) = (directory.join("commands.log"), directory.join("copy"));
    let backup = |audit: &Path| {
        let mut command = comity("--audit-log");
        command.arg(audit).arg("backup").arg(&directory).arg(&copy);
        command
    };
    // The gateway holds its file, and without a line nothing is done.
    assert!(said(&mut backup(&directory.join(AUDIT)), 1).contains("audit.log"));
    assert!(said(&mut backup(&directory.join("nowhere/commands.log")), 1).contains("nowhere/commands.log"));
    assert!(!copy.exists(), "done without a line");
    said(&mut backup(&own), 0);
    assert!(copy.is_dir());
    // The same once more is refused, for it is there.
    said(&mut backup(&own), 1);
    said(comity("--audit-log").arg(&own).arg("check-config").arg("--config").arg(directory.join("comity.toml")), 0);
    let command = |event: &str, outcome: Value| [event.into(), "backup".into(), outcome];
    let written: Vec<_> = lines(&own).iter().map(|line| fields(line, ["event", "command", "outcome"])).collect();
    let expected = [
        ["begun".into(), Value::Null, Value::Null],
        command("command_begun", Value::Null),
        command("command_ended", "success".into()),
        command("command_begun", Value::Null),
        command("command_ended", "failure".into()),
    ];
    assert_eq!(written, expected);
    let begun = &lines(&own)[1];
    assert!(begun["uid"].is_u64() && begun["pid"].is_u64() && begun["host"].is_string(), "{begun}");
    // The gateway goes on with a file that commands wrote while it was away, and signs it all.
    let ended = served.stop();
    let gateways = ended.directory.path().join(AUDIT);
    let rotate = ["keys", "rotate", "--config"];
    said(comity("--audit-log").arg(&gateways).args(rotate).arg(ended.directory.path().join("comity.toml")), 0);
    let lines = lines(&gateways);
    assert_eq!(fields(&lines[lines.len() - 2], ["event", "command"]), ["command_begun", "keys rotate"]);
    assert!(
        said(comity("audit").arg("verify").arg(&gateways).args(["--key", &key_in(&lines)]), 0).starts_with("whole")
    );
}

fn assert_changes_are_found(path: &Path, key: &str) {
    let verify =
        |arguments: &[&str], code: i32| said(comity("audit").arg("verify").args(["--key", key]).args(arguments), code);
    let file = path.to_str().unwrap();
    assert!(verify(&[file], 0).starts_with("whole: 1 files, "));
    let text = fs::read_to_string(path).unwrap();
    let head = path.with_extension("head");
    fs::write(&head, text.lines().last().unwrap()).unwrap();
    let kept = ["--against", head.to_str().unwrap(), file];
    assert!(verify(&kept, 0).contains("1 kept heads contained"));
    let lines: Vec<&str> = text.lines().collect();
    fs::write(path, text.replace(&format!("{}\n", lines[3]), "")).unwrap();
    assert!(verify(&[file], 1).contains("line 4: it has number 4, and 3 is next"));
    fs::write(path, text.replacen("127.0.0.1", "127.0.0.2", 1)).unwrap();
    assert!(verify(&[file], 1).contains("it does not follow the line before"));
    fs::write(path, lines[..3].join("\n") + "\n").unwrap();
    assert!(verify(&[file], 0).starts_with("whole: 1 files, 3 lines from number 0 on, 0 heads, 3 lines after"));
    assert!(verify(&kept, 1).contains("there are fewer"));
    fs::write(path, &text).unwrap();
    let other = comity::ledger::Signer::generate("gateway").unwrap().0.verifier().to_string();
    assert!(said(comity("audit").args(["verify", file, "--key", &other]), 1).contains("not signed by the key"));
    let json: Value = serde_json::from_str(said(comity("audit").args(["verify", "--json", file]), 0).trim()).unwrap();
    assert_eq!(fields(&json, ["whole", "signatures"]), [true, false].map(Value::from));
    fs::write(&head, "no head").unwrap();
    verify(&kept, 4);
    verify(&["/nowhere"], 3);
    verify(&[head.to_str().unwrap()], 4);
}

/// 20,000 calls without a token, as fast as they go: some hundred lines, and what they and the counts say is exact.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_denials_does_not_grow_the_log_and_each_of_them_is_counted() {
    const CALLS: u64 = 20_000;
    const LINES: u64 = 8;
    let served = Served::start_audited("error", |config| config.server.in_flight_max = 4_096, |_| (), AUDIT);
    let begun = Instant::now();
    let message = detainer_for("us-ny-doccs").encode_to_vec();
    let floods: Vec<_> = {
        let mut floods = Vec::new();
        for _ in 0..LINES {
            let (mut line, message) = (Line::of(&served, "us-ice").await, message.clone());
            floods.push(tokio::spawn(async move {
                let mut denied = 0;
                for _ in 0..CALLS / LINES {
                    denied += u64::from(line.call_with(LODGE, &message, 1, "").await != Code::Ok);
                }
                denied
            }));
        }
        floods
    };
    let mut denied = 0;
    for flood in floods {
        denied += flood.await.unwrap();
    }
    assert_eq!(denied, CALLS);
    let took = begun.elapsed();
    let mut doccs = Line::of(&served, "us-ny-doccs").await;
    assert_eq!(doccs.call_with(LODGE, &message, 2, "").await, Code::PermissionDenied);
    let ended = served.stop();
    let path = ended.directory.path().join(AUDIT);
    let (lines, len) = (lines(&path), fs::metadata(&path).unwrap().len());
    let of_ice = lines.iter().filter(|line| line["agency"] == "us-ice");
    let (mut single, mut counted) = (0, 0);
    for line in of_ice {
        single += u64::from(line["event"] == "call");
        let counts = line["counts"].as_object().into_iter().flatten();
        let of_calls = counts.filter(|(reason, _)| *reason != "connection_opened");
        counted += of_calls.map(|(_, count)| count.as_u64().unwrap()).sum::<u64>();
    }
    println!("{CALLS} denials in {took:.1?}: {single} lines and {counted} counted, {len} bytes");
    assert_eq!(single + counted, CALLS);
    // A burst of 100, and ten a second.
    assert!(single < 110 + 11 * took.as_secs(), "{single} lines in {took:?}");
    assert!(len < 100_000 + 10_000 * took.as_secs(), "{len} bytes in {took:?}");
    // The other agency has its line, whoever floods.
    assert!(lines.iter().any(|line| line["agency"] == "us-ny-doccs" && line["reason"] == "METHOD_DENIED"));
    assert_changes_are_found(&path, &key_in(&lines));
}

/// A pipe that nobody reads is a file that cannot be written.
struct Pipe(PathBuf);

impl Pipe {
    fn lay(directory: &Path) -> Self {
        let path = directory.join(AUDIT);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        Self(path)
    }

    /// Somebody who reads it from here on.
    fn reader(&self) -> thread::JoinHandle<File> {
        let path = self.0.clone();
        thread::spawn(move || File::open(path).unwrap())
    }
}

#[tokio::test]
async fn where_no_line_can_be_written_no_call_is_taken_and_it_is_said() {
    let mut reader = None;
    let lay = |directory: &Path| reader = Some(Pipe::lay(directory).reader());
    let served = Served::start_audited("info", |_| (), lay, AUDIT);
    let pipe = Pipe(served.directory().join(AUDIT));
    let read = reader.unwrap().join().unwrap();
    let ice = served.party("us-ice", ActorKind::System);
    ice.checkpoint(NY_EXCHANGE).await.accepted();
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", served.ops)).unwrap();
    let mut health = HealthClient::new(channel.connect().await.unwrap());
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let serving = async |watch: &mut tonic::Streaming<tonic_health::pb::HealthCheckResponse>| {
        tokio::time::timeout(PATIENCE, watch.message()).await.unwrap().unwrap().unwrap().status()
    };
    assert_eq!(serving(&mut watch).await, ServingStatus::Serving);
    drop(read);
    // What was under way is not answered as it was meant to be, and nothing after it is begun.
    ice.lodge(detainer_for("us-ny-doccs")).await.refused(Code::Unavailable, "AUDIT_UNAVAILABLE");
    ice.lodge(detainer_for("us-ny-doccs")).await.refused(Code::Unavailable, "AUDIT_UNAVAILABLE");
    ice.checkpoint(NY_EXCHANGE).await.refused(Code::Unavailable, "AUDIT_UNAVAILABLE");
    assert_eq!(serving(&mut watch).await, ServingStatus::NotServing);
    let ready = String::from_utf8(probe(served.ops, "/readyz?verbose").await).unwrap();
    assert!(
        ready.starts_with("HTTP/1.1 503") && ready.contains("[-]audit failed: audit lines are lost: 3 so far"),
        "{ready}"
    );
    assert!(body(served.ops, "/metrics").await.contains("comity_phase{phase=\"audit-away\"} 1"));
    // Nothing but a reader was missing: it goes on by itself.
    let mut read = pipe.reader().join().unwrap();
    assert_eq!(serving(&mut watch).await, ServingStatus::Serving);
    ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    let stopping = thread::spawn(move || served.stop());
    let mut text = String::new();
    read.read_to_string(&mut text).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let resumed = lines.iter().position(|line| line["event"] == "resumed").unwrap();
    assert_eq!(fields(&lines[resumed], ["event", "lost"]), [Value::from("resumed"), Value::from(3)]);
    let lodged: Vec<_> = lines.iter().filter(|line| line["method"] == LODGE).collect();
    assert_eq!(lodged.len(), 1);
    // The first of them was recorded, and was not acknowledged.
    assert!(lodged[0]["resource"].as_str().unwrap().ends_with("/entries/1"), "{}", lodged[0]);
    let ended = stopping.join().unwrap();
    assert!(ended.status.success());
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(said.matches("audit lines are lost: the file cannot be written").count(), 1, "{said}");
    assert_eq!(said.matches("audit lines are written again").count(), 1, "{said}");
}

/// With room for calls, but not for denials; then for neither.
#[tokio::test]
async fn a_disk_with_less_room_than_its_reserve_keeps_what_there_is_for_those_who_may() {
    let served = Served::start_audited("info", |config| config.audit.reserve_len = 1 << 40, |_| (), AUDIT);
    let ice = served.party("us-ice", ActorKind::System);
    // No disk here has that much.
    ice.checkpoint(NY_EXCHANGE).await.refused(Code::Unavailable, "AUDIT_UNAVAILABLE");
    let ready = String::from_utf8(probe(served.ops, "/readyz").await).unwrap();
    assert!(ready.contains("audit-away") && ready.contains("there is no room for audit lines"), "{ready}");
    let ended = served.stop();
    let events: Vec<Value> =
        lines(&ended.directory.path().join(AUDIT)).iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events[events.len() - 2..], ["stopped", "head"], "lines of the gateway are written all the same");
    assert!(String::from_utf8(ended.stderr).unwrap().contains("there is no room for audit lines: calls are refused"));
}

async fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it never came to be");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
