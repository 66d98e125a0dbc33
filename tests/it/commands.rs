//! The command line: what it prints for people and for programs, what it says of what went wrong, and how it ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use comity::sandbox::{CONFIG_FILE, Sandbox};
use comity::wire::v1;
use serde_json::{Value, json};

use crate::harness::requests::{NY, detainer_for};
use crate::harness::{World, sandbox_directory};

fn comity(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    command.env_remove("COMITY_AUDIT_LOG").env_remove("COMITY_LOG").env("COLUMNS", "60");
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The exit code, and the one JSON object on standard output.
#[track_caller]
fn in_json(arguments: &[&str]) -> (i32, Value) {
    let output = comity(arguments);
    let said = text(&output.stdout);
    assert_eq!(said.lines().count(), 1, "{arguments:?}: {said} {}", text(&output.stderr));
    (output.status.code().unwrap(), serde_json::from_str(&said).unwrap())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_version_names_the_commit() {
    let said = text(&comity(&["--version"]).stdout);
    let commit = said.strip_prefix(&format!("comity {} (commit ", env!("CARGO_PKG_VERSION"))).expect(&said);
    let commit = commit.trim_end().strip_suffix(')').expect(&said).trim_end_matches(", changed since");
    // What an archive without a repository says, or what a packer told, or what git did.
    let known = commit.len() >= 12 && commit.chars().all(|digit| digit.is_ascii_hexdigit());
    assert!(commit == "unknown" || known || std::env::var_os("COMITY_COMMIT").is_some(), "{said}");
}

#[test]
fn help_is_wrapped_to_the_terminal() {
    for arguments in [&["--help"][..], &["verify", "--help"], &["call", "--help"], &["policy", "explain", "--help"]] {
        let output = comity(arguments);
        let long: Vec<String> = text(&output.stdout)
            .lines()
            // An example is a line to copy, and a word is not taken apart.
            .filter(|line| line.chars().count() > 60 && !line.starts_with("  comity ") && line.trim().contains(' '))
            .map(str::to_owned)
            .collect();
        assert!(output.status.success() && long.is_empty(), "{arguments:?}: {long:#?}");
    }
}

#[test]
fn shells_complete_every_command() {
    let commands = text(&comity(&["--help"]).stdout);
    let commands: Vec<&str> = commands
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty()))
        .collect();
    assert!(commands.contains(&"verify-receipt") && commands.len() > 12, "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&comity(&["completions", shell]).stdout);
        let missing: Vec<_> = commands.iter().filter(|command| !script.contains(**command)).collect();
        assert!(missing.is_empty(), "{shell} completes no {missing:?}");
    }
    // A script that the shell itself can read.
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(&comity(&["completions", "bash"]).stdout).unwrap();
    assert!(bash.wait().unwrap().success());
    assert_eq!(comity(&["completions", "cobol"]).status.code(), Some(2));
}

#[tokio::test]
async fn an_entry_is_shown_decoded_and_what_is_withheld_is_listed() {
    let world = World::start();
    let lodged = world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted().detainer.unwrap();
    let (address, dir) = (world.gateway().grpc().to_string(), path(world.directory()).to_owned());
    let run = |arguments: &[&str]| {
        let seat = ["--address", &address, "--dir", &dir, "--as", "us-ny-doccs"];
        let output = comity(&[arguments, &seat].concat());
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let check = |entry: &Value| {
        assert_eq!(entry["leaf"]["method"], "DetainerService/LodgeDetainer", "{entry:#}");
        let detainer = &entry["event"]["detainerLodged"]["detainer"];
        assert_eq!(detainer["name"], json!(lodged.name), "{entry:#}");
        let name = &detainer["subject"]["name"];
        assert_eq!(*name, json!({ "given": "Zebulon", "family": "Quackenbush" }), "{entry:#}");
        assert!(entry["withheld"].as_array().is_some() && entry["openings"].is_null(), "{entry:#}");
    };
    let get = json!({ "name": format!("{NY}/logs/exchange/entries/0") }).to_string();
    let called: Value = serde_json::from_str(&run(&["call", "LedgerService/GetEntry", &get])).unwrap();
    check(&called["entry"]);
    let raw: Value = serde_json::from_str(&run(&["call", "--raw", "LedgerService/GetEntry", &get])).unwrap();
    assert!(raw["entry"]["leaf"].is_string() && raw["entry"]["openings"][0]["content"].is_string(), "{raw:#}");
    let received = run(&["call", "--limit", "1", "InboxService/Receive", &json!({ "parent": NY }).to_string()]);
    check(&serde_json::from_str::<Value>(&received).unwrap()["delivery"]["entry"]);

    // The inbox ends when there is nothing more, and shows the same again until it is confirmed.
    for confirm in [false, true, true] {
        let lines = run(if confirm { &["inbox", "us-ny", "--confirm"] } else { &["inbox", "us-ny"] });
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        check(&lines[0]["entry"]);
        if confirm {
            break;
        }
    }
    assert_eq!(run(&["inbox", "us-ny"]), "", "all is confirmed");
    assert_ne!(
        run(&["inbox", "us-ny", "--consumer", "statistics", "--limit", "1"]),
        "",
        "another system of the agency"
    );
    let refused = comity(&["inbox", "us-tx", "--address", &address, "--dir", &dir, "--as", "us-ny-doccs"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Value>(&refused.stderr).unwrap()["reason"], "NOT_FOUND");
}

/// As a client keeps it: what the command prints of an answer.
fn kept(receipt: &v1::Receipt) -> Value {
    use base64::Engine as _;
    let leaf = base64::engine::general_purpose::STANDARD.encode(&receipt.leaf);
    json!({ "log": receipt.log, "index": receipt.index.to_string(), "leaf": leaf, "proof": receipt.proof })
}

/// A log of three entries, with its key, and where a receipt is put that is to be verified.
struct HasReceipt {
    world: World,
    receipts: Vec<v1::Receipt>,
    key_file: PathBuf,
    key: String,
    file: PathBuf,
}

impl HasReceipt {
    async fn three() -> Self {
        let world = World::start();
        let mut receipts = Vec::new();
        for _ in 0..3 {
            receipts.push(world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted().receipt.unwrap());
        }
        let key_file = world.directory().join("keys/log.vkey");
        let key = fs::read_to_string(&key_file).unwrap();
        let file = world.directory().join("receipt.json");
        Self { world, receipts, key_file, key, file }
    }
}

/// The exit code, and what it says.
fn verify_receipt(file: &Path, given: &str, key: &str) -> (i32, String, String) {
    fs::write(file, given).unwrap();
    let output = comity(&["verify-receipt", path(file), "--key", key]);
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn a_receipt_is_verified_with_the_key_alone() {
    let HasReceipt { world: _world, receipts, key_file, key, file } = HasReceipt::three().await;
    let verify = |given: &str, key: &str| verify_receipt(&file, given, key);
    // By itself, within an answer, without what is zero, several: by a key that is written out or in a file.
    let mut first = kept(&receipts[0]);
    first.as_object_mut().unwrap().remove("index");
    let all = receipts.iter().map(|receipt| kept(receipt).to_string()).collect::<Vec<_>>().join("\n");
    for (given, count) in [(first.to_string(), 1), (json!({ "receipt": kept(&receipts[1]) }).to_string(), 1), (all, 3)]
    {
        for key in [key.trim_end(), path(&key_file)] {
            let (code, said, told) = verify(&given, key);
            assert_eq!((code, said.matches("holds: ").count()), (0, count), "{said}{told}");
            assert!(said.contains("It proves that") && said.contains("It does not prove"), "{said}");
        }
    }
    fs::write(&file, kept(&receipts[2]).to_string()).unwrap();
    let (code, shown) = in_json(&["verify-receipt", path(&file), "--key", path(&key_file), "--json"]);
    let entry = json!(format!("{NY}/logs/exchange/entries/2"));
    assert_eq!((code, &shown["holds"], &shown["entry"]), (0, &json!(true), &entry));
}

#[tokio::test]
async fn a_receipt_that_was_changed_is_told_from_what_is_none() {
    let HasReceipt { world: _world, receipts, key_file, key, file } = HasReceipt::three().await;
    let verify = |given: &str, key: &str| verify_receipt(&file, given, key);
    let good = kept(&receipts[2]);
    let with = |field: &str, value: Value| {
        let mut changed = good.clone();
        changed[field] = value;
        changed.to_string()
    };
    let proof = good["proof"].as_str().unwrap();
    let broken = [
        with("index", json!("1")),
        with("leaf", kept(&receipts[1])["leaf"].clone()),
        with("proof", kept(&receipts[1])["proof"].clone()),
        with("log", json!("jurisdictions/us-tx/logs/exchange")),
        with("proof", json!(proof.replace("\n3\n", "\n4\n"))),
    ];
    for given in &broken {
        let (code, said, told) = verify(given, &key);
        assert_eq!((code, said.as_str()), (1, ""), "{told}");
        assert!(told.contains("broken in"), "{told}");
    }
    let none = [
        "",
        "{}",
        "no JSON",
        r#"{"log": 1}"#,
        "[]",
        &with("leaf", json!("?")),
        &with("proof", json!("")),
        &with("index", json!(-1)),
    ];
    for given in none {
        let (code, _, told) = verify(given, &key);
        assert_eq!(code, 4, "{given:?}: {told}");
        assert!(told.contains("no receipt of this key"), "{told}");
    }
    let (signer, _) = comity::ledger::Signer::generate("other.example/gateway").unwrap();
    assert_eq!(verify(&good.to_string(), &signer.verifier().to_string()).0, 4, "another key");
    assert_eq!(verify(&good.to_string(), "/nowhere/at/all.vkey").0, 3);
    assert_eq!(comity(&["verify-receipt", "/nowhere/at/all.json", "--key", path(&key_file)]).status.code(), Some(3));
    assert_eq!(comity(&["verify-receipt", path(&file)]).status.code(), Some(2), "no key");
    let (code, shown) = in_json(&["verify-receipt", "/nowhere", "--key", path(&key_file), "--json"]);
    assert_eq!((code, &shown["holds"]), (3, &json!(false)));
}

#[tokio::test]
async fn what_is_found_is_said_in_json_where_that_is_asked_for() {
    let mut world = World::start();
    world.lodged("us-ny-doccs").await;
    let ops = world.gateway().ops().to_string();
    let (code, health) =
        tokio::task::spawn_blocking(move || in_json(&["health", "--json", "--ops", &ops])).await.unwrap();
    assert_eq!((code, &health["status"]), (0, &json!("SERVING")));
    world.stop().await;
    let (code, health) = in_json(&["health", "--json", "--ops", "localhost:1", "--timeout-ms", "500"]);
    assert_eq!((code, &health["status"]), (1, &json!("UNREACHABLE")));
    assert!(health["message"].is_string());

    let dir = path(world.directory());
    let (code, found) = in_json(&["verify", "--json", dir]);
    assert_eq!((code, &found["whole"]), (0, &json!(true)), "{found:#}");
    assert!(found["found"]["entries"].as_u64() > Some(0), "{found:#}");
    let connection = rusqlite::Connection::open(world.directory().join("comity.db")).unwrap();
    connection.execute("DELETE FROM checkpoints", []).unwrap();
    let (code, found) = in_json(&["verify", "--json", dir]);
    assert_eq!((code, &found["class"]), (1, &json!("broken")), "{found:#}");
    assert!(found["log"].is_string() && found["message"].is_string(), "{found:#}");
    let (code, found) = in_json(&["verify", "--json", dir, "--key", "/nowhere"]);
    assert_eq!((code, &found["class"]), (3, &json!("unreadable")), "{found:#}");
}

#[test]
fn a_policy_set_is_told_of_in_json() {
    let (code, set) = in_json(&["policy", "check", "--json"]);
    assert_eq!((code, &set["good"]), (0, &json!(true)));
    assert!(set["packs"].as_array().unwrap().iter().any(|pack| pack["jurisdiction"] == "us-ny"), "{set:#}");
    let (code, explained) =
        in_json(&["policy", "--json", "explain", "--jurisdiction", "us-ny", "--given", "warrant = \"judicial\""]);
    assert_eq!(code, 0);
    assert!(explained["rulings"][0]["said"]["ruling"].is_string(), "{explained:#}");
    let directory = tempfile::tempdir().unwrap();
    let (code, refused) = in_json(&["policy", "check", "--json", path(directory.path())]);
    assert_eq!((code, &refused["good"]), (1, &json!(false)));
    assert!(refused["message"].is_string());
    // A pack whose cases do not hold.
    crate::harness::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), directory.path());
    let cases = directory.path().join("law/us-tx.cases.toml");
    let wrong = fs::read_to_string(&cases).unwrap().replacen("hold = \"must\"", "hold = \"may\"", 1);
    fs::write(&cases, wrong).unwrap();
    let (code, tested) = in_json(&["policy", "test", "--json", path(directory.path())]);
    assert_eq!((code, &tested["good"]), (1, &json!(false)));
    assert_eq!(tested["failures"][0]["file"], "law/us-tx.cases.toml", "{:#}", tested["failures"]);
}

/// An exchange whose configuration has these listeners.
fn exchange(listen: &str, ops: &str) -> (tempfile::TempDir, String) {
    let directory = sandbox_directory();
    let sandbox = Sandbox::establish(directory.path()).unwrap();
    let mut config: toml::Table = toml::from_str(&toml::to_string(&sandbox.config).unwrap()).unwrap();
    let server = config["server"].as_table_mut().unwrap();
    server.insert("listen".to_owned(), listen.into());
    server.insert("ops_listen".to_owned(), ops.into());
    let path = directory.path().join(CONFIG_FILE);
    fs::write(&path, config.to_string()).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

#[test]
fn which_listener_could_not_be_bound_is_said_in_a_line_of_json() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let free = "127.0.0.1:0";
    let of_gateway = format!("the gRPC listener cannot be bound to {taken} ([server] listen)");
    let of_probes = format!("the ops listener cannot be bound to {taken} ([server] ops_listen)");
    for (listen, ops, says) in [(taken.as_str(), free, of_gateway), (free, taken.as_str(), of_probes)] {
        let (_directory, config) = exchange(listen, ops);
        let output = comity(&["serve", "--config", &config]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        let lines: Vec<Value> =
            text(&output.stderr).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let fatal = lines.last().unwrap();
        assert_eq!((&fatal["level"], &fatal["fatal"]), (&json!("ERROR"), &json!(true)));
        assert!(fatal["message"].as_str().unwrap().contains(&says), "{fatal:#}");
    }
    // So is what goes wrong before anything is logged.
    let output = comity(&["serve", "--config", "/nowhere/at/all.toml"]);
    let fatal: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(fatal["message"].as_str().unwrap().contains("/nowhere/at/all.toml"), "{fatal:#}");
}

#[test]
fn a_listener_may_be_named_and_an_interrupt_ends_with_its_own_code() {
    let (_directory, config) = exchange("localhost:0", "localhost:0");
    for (signal, code) in [("-INT", 130), ("-TERM", 0)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_comity"))
            .args(["--log", "error", "serve", "--config", &config])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        assert!(ready["grpc"].as_str().unwrap().starts_with("127.0.0.1:"), "{ready}");
        let ops = ready["ops"].as_str().unwrap().replace("127.0.0.1", "localhost");
        assert!(comity(&["health", "--ops", &ops]).status.success());
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
    }
    let (_directory, config) = exchange("localhost", "localhost:0");
    let refused = comity(&["check-config", "--config", &config]);
    assert!(text(&refused.stderr).contains("localhost:8443"), "{}", text(&refused.stderr));
}

/// One that waits, and has nothing to finish.
#[test]
fn an_interrupted_call_ends_with_its_own_code() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = sandbox_directory();
    Sandbox::establish(directory.path()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_comity"))
        .args(["call", "--as", "us-ice", "--address", &silent.local_addr().unwrap().to_string(), "--dir"])
        .arg(directory.path())
        .arg("ListDetainers")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It has come so far as to ask.
    let _asked = silent.accept().unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[tokio::test]
async fn a_leap_second_is_refused_before_it_is_sent() {
    let world = World::start();
    let (address, dir) = (world.gateway().grpc().to_string(), path(world.directory()).to_owned());
    let call = |request: &Value| {
        comity(&["call", "--address", &address, "--dir", &dir, "--as", "us-ice", "LodgeDetainer", &request.to_string()])
    };
    let request = json!({
        "parent": NY,
        "detainer": {
            "form": "DETAINER_FORM_I_247G",
            "basis": ["DETAINER_BASIS_FINAL_ORDER"],
            "subject": { "name": { "family": "Quackenbush" } },
            "occurredAt": "2016-12-31T23:59:60Z",
        },
    });
    let refused = call(&request);
    assert_eq!(refused.status.code(), Some(2));
    let told: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert!(told["message"].as_str().unwrap().contains("detainer.occurred_at must be a time with seconds up to 59"));
    let with_an_offset = request.to_string().replace(":60Z", ":59.5+00:00");
    let taken = call(&serde_json::from_str(&with_an_offset).unwrap());
    assert!(taken.status.success(), "{}", text(&taken.stderr));
}
