//! An agency joins by docs/joining.md, its commands typed as they stand there: an agency's machine, an operator's machine, and
//! what goes from one to the other.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use comity::config::Config;
use comity::domain::agency::AgencyKind;
use comity::partner::{Approval, Fingerprint, accept};
use comity::sandbox::{CONFIG_FILE, Sandbox, private_postgres::free_ports};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::process::{comity, ready_line, said};
use crate::harness::sandbox_directory;

const MANUAL: &str = include_str!("../../docs/joining.md");
const AGENCY: &str = "us-ny-albany-jail";
/// Only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// The commands of the manual, in order.
fn commands() -> [String; 6] {
    let blocks = MANUAL.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().trim().to_owned());
    blocks.collect::<Vec<_>>().try_into().unwrap()
}

/// Types a command in a directory.
#[track_caller]
fn typed(place: &Path, command: &str, code: i32) -> String {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("comity"), "{command}");
    said(comity(words.next().unwrap()).args(words).current_dir(place), code)
}

/// The fingerprint that somebody reads out.
fn read_out(said: &str) -> String {
    said.lines().find_map(|line| line.strip_prefix("tell by telephone:")).unwrap().trim().to_owned()
}

/// The operator's machine: a gateway's files, authorities, and the gateway itself once it is started.
struct Operator {
    place: TempDir,
    address: String,
    ops: SocketAddr,
    gateway: Option<Child>,
}

impl Operator {
    /// With a directory of records, and authorities that may speak for whom they are for.
    fn establish() -> Self {
        let place = sandbox_directory();
        let mut config = Sandbox::establish(place.path()).unwrap().config;
        let [grpc, ops] = free_ports(2).unwrap().try_into().unwrap();
        config.server.listen.set_port(grpc);
        config.server.ops_listen.set_port(ops);
        config.inbox.heartbeat_ms = 500;
        // Only when it is told to, so that a test knows when.
        config.server.look_every_ms = 0;
        config.registry.directory = Some("agencies".into());
        for authority in &mut config.registry.certificate_authorities {
            let (kinds, within): (&[AgencyKind], &[&str]) = match authority.id.as_str() {
                "us-ny" => (&[AgencyKind::State, AgencyKind::County, AgencyKind::Oversight], &["us-ny"]),
                "federal" => (&[AgencyKind::Federal], &[]),
                "exchange" => (&[AgencyKind::Operator], &[]),
                _ => continue,
            };
            authority.kinds = kinds.iter().copied().collect();
            authority.jurisdictions = within.iter().map(|id| id.parse().unwrap()).collect();
        }
        fs::create_dir(place.path().join("agencies")).unwrap();
        fs::write(place.path().join(CONFIG_FILE), toml::to_string(&config).unwrap()).unwrap();
        for (from, to) in [
            ("certs/us-ny-ca.pem", "us-ny-ca.pem"),
            ("keys/authorities/us-ny.key", "us-ny-ca.key"),
            ("certs/federal-ca.pem", "federal-ca.pem"),
            ("keys/authorities/federal.key", "federal-ca.key"),
            ("certs/exchange-ca.pem", "exchange-ca.pem"),
            ("keys/authorities/exchange.key", "exchange-ca.key"),
            ("certs/gateway-ca.pem", "gateway-ca.pem"),
        ] {
            fs::copy(place.path().join(from), place.path().join(to)).unwrap();
        }
        let ops = config.server.ops_listen;
        Self { place, address: format!("localhost:{grpc}"), ops, gateway: None }
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    /// The gateway takes up the records that are there now: what `systemctl reload` does, and the end of it.
    fn take_up(&self) {
        let gateway = self.gateway.as_ref().unwrap();
        let before = self.reloads();
        assert!(Command::new("kill").args(["-HUP", &gateway.id().to_string()]).status().unwrap().success());
        let begun = Instant::now();
        while self.reloads() == before {
            assert!(begun.elapsed() < PATIENCE, "it took nothing up");
            sleep(Duration::from_millis(20));
        }
    }

    /// How often it has taken up a configuration.
    fn reloads(&self) -> u64 {
        let mut socket = TcpStream::connect(self.ops).unwrap();
        socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut said = String::new();
        socket.read_to_string(&mut said).unwrap();
        let series = "comity_configuration_reloads_total{outcome=\"activated\"} ";
        said.lines().find_map(|line| line.strip_prefix(series)).unwrap().parse().unwrap()
    }

    fn start(&mut self) {
        let mut serve = comity("serve");
        serve.args(["--config", CONFIG_FILE]).current_dir(self.path());
        let mut child = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        ready_line(&mut child);
        self.gateway = Some(child);
    }

    fn stop(&mut self) {
        if let Some(mut gateway) = self.gateway.take() {
            assert!(Command::new("kill").args(["-TERM", &gateway.id().to_string()]).status().unwrap().success());
            assert!(gateway.wait().unwrap().success());
        }
    }

    /// The command of the manual, with what is different here.
    fn approval_of(&self, fingerprint: &str) -> String {
        let [_, approve, ..] = commands();
        approve.replace("FINGERPRINT", fingerprint).replace("gateway.comity.example:8443", &self.address)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Some(mut gateway) = self.gateway.take() {
            let _ = gateway.kill();
            let _ = gateway.wait();
        }
    }
}

/// What goes by mail.
fn send(name: &str, from: &Path, to: &Path) {
    fs::copy(from.join(name), to.join(name)).unwrap();
}

#[test]
fn a_new_agency_gets_from_nothing_to_a_passed_self_test_by_the_manual() {
    let (agency, mut operator) = (tempfile::tempdir().unwrap(), Operator::establish());
    let [request, _, reload, accept, test, verify] = commands();
    operator.start();

    let asked = typed(agency.path(), &request, 0);
    send("request.json", &agency.path().join("albany"), operator.path());
    let approved = typed(operator.path(), &operator.approval_of(&read_out(&asked)), 0);
    assert!(approved.contains("us-ny-albany-jail of comity.example: county, county-jail, ORI NY001015C"), "{approved}");
    assert_eq!(reload, "systemctl reload comity");
    operator.take_up();
    send("approval.json", operator.path(), agency.path());
    typed(agency.path(), &accept.replace("FINGERPRINT", &read_out(&approved)), 0);
    // Somebody asks for the person of the story, so that there is something to answer.
    let lodging = r#"{"parent": "jurisdictions/us-ny", "detainer": {"custodian": "agencies/us-ny-albany-jail",
        "form": "DETAINER_FORM_I_247G", "basis": ["DETAINER_BASIS_FINAL_ORDER"],
        "subject": {"name": {"given": "Ada", "family": "Synthetic"}, "birth_date": "1980-02-03"}}}"#;
    let mut call = comity("call");
    call.args(["--as", "us-ice", "--dir", ".", "--address", &operator.address]).current_dir(operator.path());
    said(call.args(["DetainerService/LodgeDetainer", lodging]), 0);
    let tested = typed(agency.path(), &test, 0);
    assert_eq!(tested.lines().last(), Some("passed"), "{tested}");
    for row in ["story.opened", "story.answered", "story.released", "retry.same", "retry.other", "receipt.tampered"] {
        let passed = tested.lines().any(|line| line.starts_with("passed") && line.contains(row));
        assert!(passed, "{row}: {tested}");
    }
    assert!(!tested.contains("Ada") && !tested.contains("1980-02-03"), "nothing personal: {tested}");
    send("report.json", agency.path(), operator.path());
    let verified = typed(operator.path(), &verify, 0);
    assert!(verified.starts_with(AGENCY) && verified.ends_with("passed\n"), "{verified}");

    // What it was left with is all that its client needs.
    let mut call = comity("call");
    call.args(["--partner", "albany", "CustodyService/ListCustodies", r#"{"parent": "jurisdictions/us-ny"}"#]);
    assert!(said(call.current_dir(agency.path()), 0).contains("RELEASED"));
    operator.stop();
    no_private_key_moved(agency.path(), operator.path());
}

/// The secret half of each private key below a directory, as bytes, with the file that it is in.
fn secrets_in(place: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for (path, bytes) in files_in(place) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for section in text.split("-----BEGIN PRIVATE KEY-----").skip(1) {
            let base64: String = section.split("-----END").next().unwrap().split_whitespace().collect();
            let der = STANDARD_NO_PAD.decode(base64.trim_end_matches('=')).unwrap();
            // An octet string of 32 bytes: the seed of Ed25519, or the number of P-256.
            let at = der.windows(2).position(|two| two == [0x04, 0x20]).unwrap() + 2;
            found.push((path.clone(), der[at..at + 32].to_vec()));
        }
        if path.extension().is_some_and(|extension| extension == "key") && bytes.len() == 64 {
            found.push((path, hex::decode(&bytes).unwrap()));
        }
    }
    found
}

fn files_in(place: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_in(&path));
        } else {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found
}

/// Whether bytes hold a secret, as they are, in hex, or in base64 within base64.
fn hold(bytes: &[u8], secret: &[u8], depth: u32) -> bool {
    let contains = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
    if contains(secret) || contains(hex::encode(secret).as_bytes()) || contains(hex::encode_upper(secret).as_bytes()) {
        return true;
    }
    if depth == 0 {
        return false;
    }
    let text = String::from_utf8_lossy(bytes).replace("\\n", "\n").replace("-----", " ");
    let joined = text.replace(['\n', '\r'], "");
    let runs = joined.split(|c: char| !(c.is_ascii_alphanumeric() || "+/-_".contains(c))).filter(|run| run.len() >= 40);
    runs.flat_map(|run| (0..4).map(move |skip| &run[skip..])).any(|run| {
        let run = &run[..run.len() - usize::from(run.len() % 4 == 1)];
        let decoded = [STANDARD_NO_PAD.decode(run), URL_SAFE_NO_PAD.decode(run)];
        decoded.into_iter().flatten().any(|inner| hold(&inner, secret, depth - 1))
    })
}

/// No file of the one holds a private key of the other, whatever it is written in.
fn no_private_key_moved(agency: &Path, operator: &Path) {
    let (ours, theirs) = (secrets_in(agency), secrets_in(operator));
    let names: Vec<_> = ours.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect();
    assert!(names.len() == 2 && names.contains(&"client.key") && names.contains(&"token.key"), "{names:?}");
    assert!(theirs.len() > 10, "{}", theirs.len());
    for (secrets, place) in [(&ours, operator), (&theirs, agency)] {
        for (file, bytes) in files_in(place) {
            // The store is sealed and large: it is looked through as it is.
            let depth = if bytes.len() > 100_000 { 0 } else { 3 };
            for (from, secret) in secrets {
                assert!(!hold(&bytes, secret, depth), "{} holds the key of {}", file.display(), from.display());
            }
        }
    }
    // Of what is sent, not even the sender's own.
    for name in ["request.json", "approval.json", "report.json"] {
        let bytes = fs::read(operator.join(name)).unwrap();
        assert!(ours.iter().chain(&theirs).all(|(_, secret)| !hold(&bytes, secret, 3)), "{name}");
    }
    // The search finds what is there.
    let (path, secret) = &ours[0];
    let pem = fs::read(path).unwrap();
    let wrapped = serde_json::to_vec(&serde_json::json!({ "payload": URL_SAFE_NO_PAD.encode(&pem) })).unwrap();
    assert!(hold(&pem, secret, 1) && hold(&wrapped, secret, 2) && !hold(&wrapped, secret, 0));
}

/// Another agency joins, up to its self-test.
fn joined(operator: &Operator, agency: &Path, wish: &str, authority: &str) {
    let asked =
        typed(agency, &format!("comity partner request {wish} --trust-domain comity.example --directory joining"), 0);
    send("request.json", &agency.join("joining"), operator.path());
    let approve = operator.approval_of(&read_out(&asked)).replace("us-ny-ca", &format!("{authority}-ca"));
    let approved = typed(operator.path(), &approve, 0);
    send("approval.json", operator.path(), agency);
    let fingerprint = read_out(&approved);
    typed(agency, &format!("comity partner accept approval.json --fingerprint {fingerprint} --directory joining"), 0);
}

#[test]
fn each_role_tests_what_it_may_do() {
    let mut operator = Operator::establish();
    operator.start();
    let wishes = [
        (
            "--agency us-cbp-test --kind federal --jurisdiction us-ny --jurisdiction us-tx",
            "federal",
            ["story.lodged", "story.seen", "story.withdrawn", "receipt.proves", "role.inbox"].as_slice(),
        ),
        (
            "--agency us-ny-audit-test --kind oversight --jurisdiction us-ny",
            "us-ny",
            &["role.custodies", "role.report"],
        ),
        ("--agency operator-test --kind operator", "exchange", &["health.serving", "clock.agrees", "role.denied"]),
    ];
    let agencies: Vec<TempDir> = wishes
        .iter()
        .map(|(wish, authority, _)| {
            let agency = tempfile::tempdir().unwrap();
            joined(&operator, agency.path(), wish, authority);
            agency
        })
        .collect();
    operator.take_up();
    for (agency, (wish, _, rows)) in agencies.iter().zip(wishes) {
        let tested = typed(agency.path(), "comity partner test --directory joining --story --report report.json", 0);
        for row in rows {
            let passed = tested.lines().any(|line| line.starts_with("passed") && line.contains(row));
            assert!(passed, "{wish}: {row}: {tested}");
        }
        send("report.json", agency.path(), operator.path());
        typed(operator.path(), "comity partner verify report.json --config comity.toml", 0);
    }
    // A report that says something else than was signed.
    let mut report: Value = serde_json::from_slice(&fs::read(operator.path().join("report.json")).unwrap()).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(report["payload"].as_str().unwrap()).unwrap();
    let payload = String::from_utf8(payload).unwrap().replace("SERVING", "SINGING");
    report["payload"] = URL_SAFE_NO_PAD.encode(payload).into();
    fs::write(operator.path().join("report.json"), report.to_string()).unwrap();
    let refused = typed(operator.path(), "comity partner verify report.json --config comity.toml", 1);
    assert!(refused.contains("the report is not taken: the signature of key"), "{refused}");
    // Without its gateway, an agency fails its test, and says at what.
    operator.stop();
    let failed = typed(agencies[0].path(), "comity partner test --directory joining", 1);
    assert!(failed.contains("FAILED  tls.version") && failed.ends_with("FAILED\n"), "{failed}");
}

#[test]
fn a_request_is_refused_before_anything_is_written() {
    let (agency, operator) = (tempfile::tempdir().unwrap(), Operator::establish());
    let [request, ..] = commands();
    let asked = typed(agency.path(), &request, 0);
    let again = typed(agency.path(), &request, 1);
    assert!(again.contains("client.key is there already"), "{again}");
    send("request.json", &agency.path().join("albany"), operator.path());
    let fingerprint = read_out(&asked);
    let refused = |command: &str, why: &str| {
        let refused = typed(operator.path(), command, 1);
        assert!(refused.contains(why), "{why}: {refused}");
        assert!(fs::read_dir(operator.path().join("agencies")).unwrap().next().is_none(), "{why}");
        assert!(!operator.path().join("approval.json").exists(), "{why}");
    };
    let approve = operator.approval_of(&fingerprint);
    // Nobody called.
    let unasked = approve.replace(&format!(" --fingerprint {fingerprint}"), "");
    refused(&unasked, "asked for: us-ny-albany-jail of comity.example: county, county-jail");
    let other = fingerprint.replace('0', "1").replace('a', "b");
    refused(&approve.replace(&fingerprint, &other), "the request's fingerprint is another");
    // An authority of somebody else's.
    refused(&approve.replace("us-ny-ca", "federal-ca"), "the certificate would not be taken for us-ny-albany-jail's");
    // The key of another authority than the certificate.
    refused(&approve.replace("us-ny-ca.key", "federal-ca.key"), "the certificate would not be taken");
    // Each byte of what was signed.
    let sent = fs::read_to_string(operator.path().join("request.json")).unwrap();
    for at in [100, sent.len() / 2, sent.len() - 60] {
        let mut changed = sent.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        fs::write(operator.path().join("request.json"), changed).unwrap();
        refused(&approve, "the request is not taken");
    }
    let ask_and_fail = |wish: &str, why: &str| {
        let place = tempfile::tempdir().unwrap();
        let asked = typed(place.path(), &format!("comity partner request {wish} --directory joining"), 0);
        send("request.json", &place.path().join("joining"), operator.path());
        refused(&operator.approval_of(&read_out(&asked)), why);
    };
    let here = "--jurisdiction us-ny --trust-domain comity.example";
    ask_and_fail(
        "--agency us-ny-a --kind county --jurisdiction us-ny --trust-domain other.example",
        "the request is for trust domain other.example, and this exchange is comity.example",
    );
    ask_and_fail(
        &format!("--agency us-ny-a --kind city {here}"),
        "no certificate authority may speak for agency us-ny-a",
    );
    ask_and_fail(
        "--agency us-ny-a --kind county --jurisdiction us-tx --trust-domain comity.example",
        "no certificate authority may speak for agency us-ny-a",
    );
    ask_and_fail(
        "--agency us-ny-a --kind county --jurisdiction us-ca --trust-domain comity.example",
        "jurisdiction us-ca is not configured",
    );
    ask_and_fail("--agency us-ny-a --kind county --trust-domain comity.example", "takes part in no jurisdiction");
    ask_and_fail(
        &format!("--agency us-ny-doccs --kind state {here}"),
        "us-ny-doccs stands in the configuration itself",
    );
    ask_and_fail(
        &format!("--agency us-ny-a --kind county {here} --issuer https://tokens.us-ice.comity.example"),
        "agencies us-ice and us-ny-a have the same token issuer",
    );
    let config = fs::read_to_string(operator.path().join(CONFIG_FILE)).unwrap();
    fs::write(operator.path().join(CONFIG_FILE), config.replace("directory = \"agencies\"\n", "")).unwrap();
    ask_and_fail(
        &format!("--agency us-ny-a --kind county {here}"),
        "set `registry.directory` in the configuration first",
    );
}

#[test]
fn an_approval_is_taken_up_by_whom_it_is_for_and_in_time() {
    let (agency, operator) = (tempfile::tempdir().unwrap(), Operator::establish());
    let [request, _, _, take_up, ..] = commands();
    let asked = typed(agency.path(), &request, 0);
    send("request.json", &agency.path().join("albany"), operator.path());
    let approved = typed(operator.path(), &operator.approval_of(&read_out(&asked)), 0);
    send("approval.json", operator.path(), agency.path());
    let fingerprint = read_out(&approved);
    let albany = agency.path().join("albany");
    let other = fingerprint.replace('0', "1").replace('a', "b");
    let refused = typed(agency.path(), &take_up.replace("FINGERPRINT", &other), 1);
    assert!(refused.contains("the approval's fingerprint is another"), "{refused}");
    // Somebody puts another authority into it on its way.
    let sent = fs::read_to_string(agency.path().join("approval.json")).unwrap();
    let theirs: Approval = serde_json::from_str(&sent).unwrap();
    let mut changed: Value = serde_json::from_str(&sent).unwrap();
    changed["gateway"]["address"] = "elsewhere.example:8443".into();
    fs::write(agency.path().join("approval.json"), changed.to_string()).unwrap();
    let refused = typed(agency.path(), &take_up.replace("FINGERPRINT", &fingerprint), 1);
    assert!(refused.contains("the approval's fingerprint is another"), "{refused}");
    let now = Timestamp::now();
    let late = now + SignedDuration::from_hours(15 * 24);
    let fingerprint: Fingerprint = fingerprint.parse().unwrap();
    let expired = accept(&theirs, fingerprint, &albany, late).unwrap_err().to_string();
    assert!(expired.starts_with("the approval could be taken up until "), "{expired}");
    // Of another request, by the same agency.
    let elsewhere = tempfile::tempdir().unwrap();
    typed(elsewhere.path(), &request, 0);
    let foreign = accept(&theirs, fingerprint, &elsewhere.path().join("albany"), now).unwrap_err().to_string();
    assert!(foreign.starts_with("the approval answers another request"), "{foreign}");
    assert!(!albany.join("client.toml").exists() && !albany.join("client.pem").exists());
    // Laid out otherwise, it says the same.
    fs::write(agency.path().join("approval.json"), serde_json::to_string(&theirs).unwrap()).unwrap();
    typed(agency.path(), &take_up.replace("FINGERPRINT", &read_out(&approved)), 0);
}

#[test]
fn who_has_joined_may_renew_and_roll_its_keys() {
    let operator = Operator::establish();
    let [request, ..] = commands();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let approve = |place: &Path, more: &str, code: i32| {
        let asked = typed(place, &request, 0);
        send("request.json", &place.join("albany"), operator.path());
        typed(operator.path(), &format!("{} {more}", operator.approval_of(&read_out(&asked))), code)
    };
    let record = operator.path().join(format!("agencies/{AGENCY}.toml"));
    let keys = || {
        let config = Config::read(&operator.path().join(CONFIG_FILE)).unwrap();
        let all = config.registry.all_agencies(operator.path()).unwrap();
        all.into_iter().find(|agency| agency.id.as_str() == AGENCY).unwrap().token.unwrap().keys
    };
    approve(first.path(), "", 0);
    // What the operator adds stays.
    let with_zone = format!("time_zone = \"America/New_York\"\n{}", fs::read_to_string(&record).unwrap());
    fs::write(&record, with_zone).unwrap();
    let [one] = keys().try_into().unwrap();
    // Another certificate for the same request.
    let sent = fs::read_to_string(operator.path().join("request.json")).unwrap();
    let asked = comity::partner::CheckedRequest::read(&sent).unwrap();
    typed(operator.path(), &operator.approval_of(&asked.fingerprint.to_string()), 0);
    assert_eq!(keys(), std::slice::from_ref(&one));
    let refused = approve(second.path(), "", 1);
    assert!(refused.contains("us-ny-albany-jail is registered already, with other keys"), "{refused}");
    let of_second = |more: &str| {
        let sent = fs::read_to_string(operator.path().join("request.json")).unwrap();
        let asked = comity::partner::CheckedRequest::read(&sent).unwrap();
        typed(operator.path(), &format!("{} {more}", operator.approval_of(&asked.fingerprint.to_string())), 0)
    };
    of_second("--beside");
    let [old, new] = keys().try_into().unwrap();
    assert_eq!(old, one);
    of_second("--replace");
    assert_eq!(keys(), [new]);
    assert!(fs::read_to_string(&record).unwrap().contains("America/New_York"));
}

#[test]
fn an_authority_elsewhere_is_handed_the_request_and_hands_back_a_certificate() {
    let (agency, operator) = (tempfile::tempdir().unwrap(), Operator::establish());
    let [request, _, _, take_up, ..] = commands();
    let asked = read_out(&typed(agency.path(), &request, 0));
    send("request.json", &agency.path().join("albany"), operator.path());
    let here = "--ca-certificate us-ny-ca.pem --ca-key us-ny-ca.key";
    let approve = operator.approval_of(&asked);
    typed(operator.path(), &approve.replace(here, "--csr-out for-the-authority.csr"), 0);
    assert!(fs::read_dir(operator.path().join("agencies")).unwrap().next().is_none());
    let csr = fs::read_to_string(operator.path().join("for-the-authority.csr")).unwrap();
    // The authority's own tool.
    let request = comity::identity::certificate_request::CertificateRequest::read(&csr, "comity.example").unwrap();
    let read = |name: &str| fs::read_to_string(operator.path().join(name)).unwrap();
    let options = |id: &str| {
        let (id, now) = (id.parse().unwrap(), Timestamp::now());
        comity::identity::development::CertificateOptions::agency("comity.example", &id, now)
    };
    let issue = |id: &str| request.certify(&options(id), &read("us-ny-ca.pem"), &read("us-ny-ca.key")).unwrap();
    // Of somebody else, or of another key.
    for (certificate, why) in [
        (issue("us-ny-doccs"), "the certificate is of us-ny-doccs, and the request of us-ny-albany-jail"),
        (read("certs/us-ny-doccs.pem"), "the certificate is of us-ny-doccs"),
    ] {
        fs::write(operator.path().join("issued.pem"), certificate).unwrap();
        let refused = typed(operator.path(), &approve.replace(here, "--certificate issued.pem"), 1);
        assert!(refused.contains(why), "{refused}");
    }
    fs::write(operator.path().join("issued.pem"), issue(AGENCY)).unwrap();
    let approved = typed(operator.path(), &approve.replace(here, "--certificate issued.pem"), 0);
    send("approval.json", operator.path(), agency.path());
    typed(agency.path(), &take_up.replace("FINGERPRINT", &read_out(&approved)), 0);
}
