//! `comity call`: what is asked in JSON is answered in JSON, and each way to fail has an exit code of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use comity::wire::methods;
use serde_json::{Value, json};

use crate::harness::World;
use crate::harness::requests::{NY, NY_EXCHANGE};

const REFUSED: i32 = 1;
const USAGE: i32 = 2;
const UNREACHABLE: i32 = 3;

/// What a call printed, and how it ended.
#[derive(Debug)]
struct Called {
    code: i32,
    out: String,
    told: String,
}

impl Called {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code().unwrap(), out: text(&output.stdout), told: text(&output.stderr) }
    }

    /// The answer, and nothing on standard error.
    #[track_caller]
    fn answered(&self) -> Value {
        assert_eq!((self.code, self.told.as_str()), (0, ""), "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }

    /// A message for each line.
    #[track_caller]
    fn streamed(&self) -> Vec<Value> {
        assert_eq!((self.code, self.told.as_str()), (0, ""), "{self:?}");
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Nothing on standard output, one JSON line on standard error.
    #[track_caller]
    fn failed(&self, code: i32) -> Value {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        assert_eq!(self.told.lines().count(), 1, "{self:?}");
        let told: Value = serde_json::from_str(&self.told).unwrap();
        let class = match code {
            REFUSED => "refused",
            USAGE => "usage",
            UNREACHABLE => "unreachable",
            other => panic!("no class has the exit code {other}"),
        };
        assert_eq!(told["class"], class, "{self:?}");
        told
    }
}

fn comity(arguments: &[&str], input: &str) -> Called {
    command("call", arguments, input)
}

fn command(command: &str, arguments: &[&str], input: &str) -> Called {
    let mut child = Command::new(env!("CARGO_BIN_EXE_comity"))
        .arg(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Called::of(&child.wait_with_output().unwrap())
}

impl World {
    /// Calls as an agency's system, with what else a call is given.
    fn calls(&self, agency: &str, arguments: &[&str]) -> Called {
        let (address, dir) = (self.gateway().grpc().to_string(), self.directory().to_str().unwrap());
        let seat = ["--address", address.as_str(), "--as", agency, "--directory", dir];
        comity(&[&seat, arguments].concat(), "")
    }
}

fn lodging() -> Value {
    json!({
        "parent": NY,
        "detainer": {
            "custodian": "agencies/us-ny-doccs",
            "form": "DETAINER_FORM_I_247A",
            "basis": ["DETAINER_BASIS_FINAL_ORDER"],
            "subject": { "name": { "given": "Zebulon", "family": "Quackenbush" }, "birthDate": "1987-06-05" },
        },
    })
}

/// `comity lodge`, by the stream for many.
#[tokio::test]
async fn the_lines_of_a_file_are_lodged_once_however_often_it_is_sent() {
    let world = World::start();
    let (address, dir) = (world.gateway().grpc().to_string(), world.directory().to_str().unwrap().to_owned());
    let seat = ["--address", address.as_str(), "--as", "us-ice", "--directory", dir.as_str(), "-"];
    let mut faulty = lodging();
    faulty["detainer"]["contactPhone"] = "x".repeat(1_000).into();
    // The first line twice: two detainers.
    let input = format!("{0}\n{0}\n\n{faulty}\n", lodging());
    let first = command("lodge", &seat, &input);
    assert_eq!(first.code, REFUSED, "{first:?}");
    let told: Value = serde_json::from_str(&first.told).unwrap();
    assert_eq!(
        (told["class"].as_str(), told["message"].as_str()),
        (Some("refused"), Some("1 of 3 lines were refused; each says why"))
    );
    let lines: Vec<Value> = first.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [one, two, refused] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((one["line"].as_u64(), one["index"].as_u64()), (Some(1), Some(0)));
    assert_eq!((two["line"].as_u64(), two["index"].as_u64()), (Some(2), Some(1)));
    assert!(one["detainer"].as_str().unwrap().starts_with("jurisdictions/us-ny/detainers/"));
    assert_eq!((refused["line"].as_u64(), refused["error"]["reason"].as_str()), (Some(4), Some("INVALID_FIELD")));
    assert_eq!(refused["error"]["violations"][0]["field"], "detainer.contact_phone");
    let rows = world.kept().rows();
    // Sent again, the same answers, and nothing twice.
    assert_eq!(command("lodge", &seat, &input).out, first.out);
    assert_eq!(world.kept().rows(), rows);
    let unsent = command("lodge", &seat, "{}\n{\"bail\": 1}\n").failed(USAGE);
    assert!(unsent["message"].as_str().unwrap().contains("line 2"), "{unsent}");
    assert_eq!(world.kept().rows(), rows);
}

#[tokio::test]
async fn what_is_asked_in_json_is_answered_in_json() {
    let world = World::start();
    let matched = world.matched("us-ny-doccs").await;
    let answer = json!({
        "name": matched.detainer,
        "answer": { "kind": "ANSWER_KIND_NOTIFY_ONLY", "legal_basis": "8 CFR 287.7(a)" },
    });
    let check = |agency: &str, method: &str, request: Value, pointer: &str, expected: Value| {
        let answered = world.calls(agency, &[method, &request.to_string()]).answered();
        assert_eq!(answered.pointer(pointer), Some(&expected), "{method}: {answered:#}");
    };
    check("us-ice", "ListDetainers", json!({ "parent": NY }), "/detainers/0/name", json!(matched.detainer));
    check("us-ice", "DetainerService/LodgeDetainer", lodging(), "/detainer/state", json!("DETAINER_STATE_LODGED"));
    check(
        "us-ny-doccs",
        "comity.v1.DetainerService/AnswerDetainer",
        answer,
        "/detainer/answer/kind",
        json!("ANSWER_KIND_NOTIFY_ONLY"),
    );
    let log = json!({ "log": NY_EXCHANGE });
    assert!(
        world.calls("us-ice", &["LedgerService/GetCheckpoint", &log.to_string()]).answered()["checkpoint"].is_string()
    );
    check("comity-operator", "grpc.health.v1.Health/Check", json!({}), "/status", json!("SERVING"));
    // Whether an officer acts is part of the token.
    let withdrawal = json!({ "name": matched.detainer, "reason": "LIFT_REASON_CASE_CLOSED" }).to_string();
    let withdrawn = world.calls("us-ice", &["--officer", "WithdrawDetainer", &withdrawal]).answered();
    assert_eq!(withdrawn["detainer"]["state"], "DETAINER_STATE_WITHDRAWN");
}

/// Which of two values is meant nobody can say, so neither is sent.
#[test]
fn a_field_that_is_given_twice_is_refused_by_its_name() {
    let check = |request: &str, named: &str| {
        let told = comity(&["--as", "us-ice", "LodgeDetainer", request], "").failed(USAGE);
        let message = told["message"].as_str().unwrap();
        assert!(message.contains(named) && message.contains("twice"), "{request}: {message}");
    };
    check(r#"{"parent": "jurisdictions/us-ny", "parent": "jurisdictions/us-tx"}"#, "parent");
    check(r#"{"detainer": {"form": 1, "custodian": "a", "form": 2}}"#, "form");
    check(r#"{"detainer": {"subject": {"birthDate": "1987-06-05", "birth_date": "1987-06-06"}}}"#, "birth_date");
    check(r#"{"detainer": {"charges": [{}, {"ncicCode": "0999", "ncic_code": "0999"}]}}"#, "ncic_code");
}

#[tokio::test]
async fn a_stream_is_a_line_for_each_message_up_to_the_limit_or_until_the_time_is_up() {
    let world = World::start();
    for _ in 0..3 {
        world.lodged("us-ny-doccs").await;
    }
    let receive = |bound: &[&str]| {
        let request = json!({ "parent": NY }).to_string();
        world.calls("us-ny-doccs", &[bound, &["InboxService/Receive", &request]].concat()).streamed()
    };
    let entries = |messages: &[Value]| {
        messages.iter().filter_map(|message| message["delivery"]["entry"]["name"].as_str()).map(str::to_owned).collect()
    };
    let named = |indices: std::ops::Range<u32>| -> Vec<String> {
        indices.map(|index| format!("{NY_EXCHANGE}/entries/{index}")).collect()
    };
    let limited: Vec<String> = entries(&receive(&["--limit", "2"]));
    assert_eq!(limited, named(0..2));
    let timed = receive(&["--timeout", "2"]);
    assert_eq!(entries(&timed), named(0..3));
    assert!(timed[3]["heartbeat"]["cursor"].is_string(), "{timed:#?}");
    // One that ends by itself.
    let log = json!({ "log": NY_EXCHANGE, "startIndex": "1" }).to_string();
    let rest = world.calls("us-ny-oversight", &["ListEntries", &log]).streamed();
    assert_eq!(rest.len(), 2);
}

#[tokio::test]
async fn a_request_comes_from_an_argument_a_file_or_standard_input() {
    let world = World::start();
    let (address, dir) = (world.gateway().grpc().to_string(), world.directory().to_str().unwrap());
    let file = world.directory().join("request.json");
    std::fs::write(&file, lodging().to_string()).unwrap();
    let of = |path: &str| world.directory().join(path).to_str().unwrap().to_owned();
    let (certificate, key) = (of("certs/us-ice.pem"), of("certs/us-ice.key"));
    let (authorities, token) = (of("certs/gateway-ca.pem"), of("tokens/us-ice.jwt"));
    let own = ["--certificate", &certificate, "--key", &key, "--authorities", &authorities];
    let with_token = [&own, ["--token", &token].as_slice()].concat();
    let sandbox = ["--as", "us-ice", "--dir", dir];
    let check = |caller: &[&str], request: &str, input: &str| {
        let call = [&["--address", &address], caller, &["LodgeDetainer", request]].concat();
        comity(&call, input)
    };
    let lodged = |called: Called| assert_eq!(called.answered()["detainer"]["issuer"], "agencies/us-ice");
    lodged(check(&with_token, &format!("@{}", file.display()), ""));
    lodged(check(&with_token, "-", &lodging().to_string()));
    lodged(check(&sandbox, "-", &lodging().to_string()));
    // What is described is to be filled in first: each placeholder is named.
    let described = comity(&["--describe", "LodgeDetainer"], "");
    let refused = check(&sandbox, "-", &described.answered().to_string()).failed(REFUSED);
    let named: Vec<&str> =
        refused["violations"].as_array().unwrap().iter().filter_map(|fault| fault["field"].as_str()).collect();
    let expected = ["detainer.form", "detainer.basis[0]", "detainer.subject.name.family", "parent"];
    assert!(expected.iter().all(|field| named.contains(field)), "{named:?}");
    // A certificate alone does not lodge.
    let refused = check(&own, "-", &lodging().to_string()).failed(REFUSED);
    assert_eq!(refused["reason"], "TOKEN_REFUSED", "{refused:#}");
}

#[tokio::test]
async fn a_request_id_is_kept_and_settles_a_call_once() {
    let world = World::start();
    let mut request = lodging();
    let lodge = |request: &Value| world.calls("us-ice", &["LodgeDetainer", &request.to_string()]);
    assert_ne!(lodge(&request).answered(), lodge(&request).answered(), "each has an id of its own");
    request["requestId"] = "7c0e4c5e-33d3-4b6e-bb61-5c2b7cbb0001".into();
    assert_eq!(lodge(&request).answered(), lodge(&request).answered());
    request["detainer"]["contactPhone"] = "555".into();
    let refused = lodge(&request).failed(REFUSED);
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("ALREADY_EXISTS"), &json!("REQUEST_ID_REUSED")));
}

#[tokio::test]
async fn a_refusal_says_code_reason_and_fields() {
    let world = World::start();
    let matched = world.matched("us-ny-erie-jail").await;
    let check = |agency: &str, method: &str, request: Value, code: &str, reason: &str| {
        let told = world.calls(agency, &[method, &request.to_string()]).failed(REFUSED);
        assert_eq!((&told["code"], &told["reason"]), (&json!(code), &json!(reason)), "{method}: {told:#}");
        told
    };
    check("us-ny-doccs", "LodgeDetainer", lodging(), "PERMISSION_DENIED", "METHOD_DENIED");
    let told = check("us-ice", "LodgeDetainer", json!({ "parent": NY }), "INVALID_ARGUMENT", "INVALID_FIELD");
    assert_eq!(told["violations"][0]["field"], "detainer", "{told:#}");
    assert!(told["violations"][0]["description"].as_str().is_some_and(|text| !text.is_empty()));
    let nothing = json!({ "name": format!("{NY}/detainers/01900000-0000-7000-8000-000000000000") });
    check("us-ice", "GetDetainer", nothing, "NOT_FOUND", "NOT_FOUND");
    let hold = json!({
        "name": matched.detainer,
        "answer": { "kind": "ANSWER_KIND_HONOR_HOLD", "legalBasis": "8 CFR 287.7(a)" },
    });
    let told = check("us-ny-erie-jail", "AnswerDetainer", hold, "PERMISSION_DENIED", "FORBIDDEN_BY_LAW");
    assert!(told["metadata"]["citations"].as_str().is_some_and(|text| !text.is_empty()), "{told:#}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_not() {
    let world = World::start();
    let rows = world.kept().rows();
    let check = |agency: &str, arguments: &[&str], expected: &str| {
        let told = world.calls(agency, arguments).failed(USAGE);
        let message = told["message"].as_str().unwrap();
        assert!(message.contains(expected), "{arguments:?}: {message}");
    };
    check("us-ice", &["LodgeDetainer", "{\"parent\": "], "line 1 column 11");
    check("us-ice", &["LodgeDetainer", "{\"bail\": 1}"], "bail");
    check("us-ice", &["LodgeDetainer", "{\"detainer\": {\"form\": \"I-247A\"}}"], "I-247A");
    check("us-ice", &["LodgeDetainer", "@/nowhere/at/all.json"], "/nowhere/at/all.json");
    check("us-ice", &["DetainerService/ExpungeDetainer"], "no such method");
    check("us-ice", &["--describe", "ExpungeDetainer"], "no such method");
    check("us-ice", &["grpc.reflection.v1.ServerReflection/ServerReflectionInfo"], "a stream of requests");
    check("us-uscis", &["LodgeDetainer", &lodging().to_string()], "us-uscis");
    let told = comity(&["--as", "us-ice", "--dir", "/nowhere/at/all", "LodgeDetainer"], "").failed(USAGE);
    assert!(told["message"].as_str().unwrap().contains("/nowhere/at/all"), "{told:#}");
    assert_eq!(world.kept().rows(), rows);
    // What is wrong with the command itself is told as by any other command.
    let unnamed = comity(&["LodgeDetainer"], "");
    assert!(unnamed.code == USAGE && unnamed.told.contains("--as <AGENCY>"), "{unnamed:?}");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_told_from_one_that_refuses() {
    let mut world = World::start();
    // It accepts, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let dir = world.directory().to_str().unwrap().to_owned();
    let check = |address: &str, expected: &str| {
        let call = ["--address", address, "--as", "us-ice", "--dir", &dir, "--timeout", "0.5", "ListDetainers"];
        let told = comity(&call, "").failed(UNREACHABLE);
        assert!(told["message"].as_str().unwrap().contains(expected), "{told:#}");
    };
    check(&silent, "no answer came in time");
    let gone = world.gateway().grpc().to_string();
    world.stop().await;
    check(&gone, "cannot be reached");
    // Another authority vouches for that gateway than the one we trust.
    let world = World::start();
    std::fs::copy(world.directory().join("certs/us-tx-ca.pem"), Path::new(&dir).join("certs/gateway-ca.pem")).unwrap();
    check(&world.gateway().grpc().to_string(), "certificate");
}

/// Methods that come later are called by the same means. Their example is one of a request, and none that is taken by mistake.
#[tokio::test]
async fn every_method_has_an_example_and_no_placeholder_is_taken() {
    let world = World::start();
    world.matched("us-ny-doccs").await;
    let listed = comity(&["--list"], "");
    assert_eq!(listed.code, 0);
    for method in methods::all() {
        let name = method.full_name();
        assert!(listed.out.lines().any(|line| line.split(' ').next() == Some(name)), "{name} is not listed");
        if method.is_client_streaming() {
            continue;
        }
        let example = comity(&["--describe", name], "").answered();
        // Whoever may call it, where that is one kind of agency alone.
        let agency = if name.contains(".AdminService/") { "comity-operator" } else { "us-ny-doccs" };
        let called = world.calls(agency, &["--limit", "1", name, &example.to_string()]);
        let asks = example.to_string();
        if ["/{", "<", "0001-", "_UNSPECIFIED"].iter().any(|placeholder| asks.contains(placeholder)) {
            let told = called.failed(REFUSED);
            let denied = told["code"] == "PERMISSION_DENIED";
            assert!(denied || told["code"] == "INVALID_ARGUMENT", "{name}: {told:#}");
        } else {
            assert_eq!(called.code, 0, "{name}: {called:?}");
        }
    }
}
