//! `comity doctor`: whatever is broken is found by its own check, and a gateway that runs is left alone.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use comity::config::Config;
use comity::sandbox::{CONFIG_FILE, Sandbox};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::harness::process::{comity, ready_line, said};
use crate::harness::sandbox_directory;

/// An exchange whose configuration can be changed, and a program that says that the clock is right.
struct Patient {
    directory: tempfile::TempDir,
    tools: tempfile::TempDir,
    well: Config,
}

impl Patient {
    fn new() -> Self {
        let (directory, tools) = (sandbox_directory(), tempfile::tempdir().unwrap());
        let mut well = Sandbox::establish(directory.path()).unwrap().config;
        well.server.listen = "127.0.0.1:0".parse().unwrap();
        well.server.ops_listen = "127.0.0.1:0".parse().unwrap();
        let patient = Self { directory, tools, well };
        patient.configure(|_| ());
        patient.clock_is("yes");
        patient
    }

    /// Writes the configuration that is well, but for a change.
    fn configure(&self, change: impl FnOnce(&mut Config)) {
        let mut config = self.well.clone();
        change(&mut config);
        self.write(&toml::to_string(&config).unwrap());
    }

    fn write(&self, config: &str) {
        fs::write(self.path(CONFIG_FILE), config).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    /// Makes the file of a name seem to be so many days old.
    fn set_age(&self, name: &str, days: i64) {
        let at = Timestamp::now() - SignedDuration::from_hours(24 * days);
        File::options().write(true).open(self.path(name)).unwrap().set_modified(at.into()).unwrap();
    }

    /// What the program says that is asked whether the clock is synchronised.
    fn clock_is(&self, answer: &str) {
        let tool = self.tools.path().join("timedatectl");
        fs::write(&tool, format!("#!/bin/sh\necho {answer}\n")).unwrap();
        fs::set_permissions(tool, Permissions::from_mode(0o755)).unwrap();
    }

    fn asked(&self) -> Command {
        let mut command = comity("doctor");
        let mut path = OsString::from(self.tools.path());
        path.push(":/usr/bin:/bin");
        command
            .env("PATH", path)
            .args(["--json", "--config"])
            .arg(self.path(CONFIG_FILE))
            .arg("--audit-log")
            .arg(self.path("audit.log"))
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn examined(&self) -> Examined {
        Examined::by(&mut self.asked())
    }

    /// One check finds what is wrong, and the exit code says whether a gateway would serve.
    #[track_caller]
    fn finds(&self, check: &str, verdict: &str, what: &str) {
        self.examined().has(check, verdict, what);
    }
}

/// What was found.
struct Examined {
    code: i32,
    said: Value,
}

impl Examined {
    #[track_caller]
    fn by(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}{}", String::from_utf8_lossy(&output.stderr));
        Self { code: output.status.code().unwrap(), said: serde_json::from_str(&said).unwrap() }
    }

    #[track_caller]
    fn has(&self, check: &str, verdict: &str, what: &str) {
        let of_check = |finding: &&Value| {
            finding["check"] == check
                && finding["verdict"] == verdict
                && finding["found"].as_str().unwrap().contains(what)
        };
        let found = self.said["findings"].as_array().unwrap().iter().find(of_check);
        let found = found.unwrap_or_else(|| panic!("no {check} is {verdict} with {what:?}: {:#}", self.said));
        assert_eq!(found["advice"].is_string(), verdict != "ok", "{found}");
        assert_eq!(self.code, i32::from(self.said["verdict"] == "fail"), "{:#}", self.said);
        assert!(verdict != "fail" || self.code == 1);
    }
}

#[test]
fn an_exchange_that_holds_is_well() {
    let patient = Patient::new();
    let before = listed(patient.directory.path());
    let examined = patient.examined();
    assert_eq!(examined.code, 0, "{:#}", examined.said);
    for (check, what) in [
        ("entropy", "seeded"),
        ("clock-sync", "is synchronised"),
        ("clock", "it is 2"),
        ("configuration", "12 agencies"),
        ("files", "are readable"),
        ("certificate", "ends in 8"),
        ("revocation-list", "us-ny ends in 6 days"),
        ("authority", "us-ny ends in 36"),
        ("disk-sync", "a sync takes"),
        ("store", "a start makes it"),
        ("ports", "are free"),
    ] {
        examined.has(check, "ok", what);
    }
    assert_eq!(listed(patient.directory.path()), before, "it left something behind");
    // For people: a line for each.
    let mut command = comity("doctor");
    let output = command.arg("--config").arg(patient.path(CONFIG_FILE)).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.lines().all(|line| ["ok   ", "warn ", "fail "].iter().any(|word| line.starts_with(word))), "{said}");
}

fn listed(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_configuration_that_does_not_hold_fails() {
    let patient = Patient::new();
    patient.write("[server]\nworkers = 5000\n");
    patient.finds("configuration", "fail", "line 2, workers: 5000 is not from 0 to 1024");
    patient.configure(|config| config.tls.key = "certs/us-ice.key".into());
    patient.finds("configuration", "fail", "the gateway's own certificate cannot be used");
    patient.configure(|config| config.tls.revocation_lists.clear());
    patient.finds("configuration", "warn", "revocation is not checked");
}

#[test]
fn a_clock_that_is_behind_or_left_to_itself_is_found() {
    let patient = Patient::new();
    patient.set_age(CONFIG_FILE, -1);
    patient.finds("clock", "fail", "and the configuration is of");
    patient.set_age(CONFIG_FILE, 0);
    patient.clock_is("no");
    patient.finds("clock-sync", "warn", "is not synchronised");
    fs::remove_file(patient.tools.path().join("timedatectl")).unwrap();
    Examined::by(patient.asked().env("PATH", patient.tools.path())).has("clock-sync", "warn", "cannot be read");
}

#[test]
fn files_that_are_open_to_others_or_missing_are_found() {
    let patient = Patient::new();
    patient.set_mode("certs/gateway.key", 0o644);
    patient.finds("files", "fail", "certs/gateway.key (tls.key) is a secret with mode 0644");
    patient.set_mode("certs/gateway.key", 0o600);
    patient.set_mode("keys/cursor.key", 0o604);
    patient.finds("files", "fail", "keys/cursor.key (keys.directory) is a secret with mode 0604");
    patient.set_mode("keys/cursor.key", 0o600);
    patient.set_mode("certs/us-ny-ca.pem", 0o666);
    patient.configure(|config| {
        let authority = config.registry.certificate_authorities.iter_mut().find(|authority| authority.id == "us-ny");
        authority.unwrap().certificate = comity::identity::pem::PemSource("certs/us-ny-ca.pem".to_owned());
    });
    patient.finds("files", "warn", "certs/us-ny-ca.pem (registry.certificate_authorities.certificate) has mode 0666");
    patient.set_mode("certs/us-ny-ca.pem", 0o644);
    patient.set_mode(CONFIG_FILE, 0o664);
    patient.finds("files", "warn", "comity.toml (--config) has mode 0664");
    patient.set_mode(CONFIG_FILE, 0o644);
    // Only root can give a file away.
    if std::os::unix::fs::chown(patient.path("certs/gateway.pem"), Some(12_345), None).is_ok() {
        patient.finds("files", "warn", "certs/gateway.pem (tls.certificate) belongs to user 12345");
    }
    fs::remove_file(patient.path("certs/us-ny.crl.pem")).unwrap();
    patient.finds("files", "fail", "certs/us-ny.crl.pem (tls.revocation_lists) cannot be read");
}

#[test]
fn lists_and_key_sets_that_nobody_renews_are_found() {
    let patient = Patient::new();
    patient.configure(|config| config.tls.revocation_lists = vec!["certs/us-ny.crl.pem".into()]);
    patient.finds("revocation-list", "warn", "us-tx has none");
    patient.configure(|config| config.tls.revocation_lists.clear());
    patient.finds("revocation-list", "warn", "there is none");
    let set = r#"{"keys":[]}"#;
    fs::write(patient.path("set.json"), set).unwrap();
    patient.configure(|config| config.registry.agencies[0].token.as_mut().unwrap().jwks = Some("set.json".into()));
    patient.finds("key-set", "ok", "0 days old");
    patient.set_age("set.json", 100);
    patient.finds("key-set", "warn", "100 days old");
}

#[test]
fn a_disk_that_does_not_keep_is_found() {
    let patient = Patient::new();
    patient.configure(|config| config.store.path = Some("nowhere/comity.db".into()));
    let examined = patient.examined();
    examined.has("file-system", "fail", "nowhere cannot be looked at");
    examined.has("disk-space", "fail", "nowhere");
    examined.has("disk-sync", "fail", "a file cannot be written and synced");
    examined.has("store", "fail", "its directory is not there");
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        patient.configure(|config| config.store.path = Some(memory.join("comity-doctor-test.db")));
        patient.finds("file-system", "fail", "/dev/shm is on tmpfs");
    }
    patient.configure(|config| config.store.path = Some("/proc/comity.db".into()));
    patient.finds("disk-sync", "fail", "/proc");
}

#[test]
fn a_store_that_is_not_ours_or_was_left_unfinished_is_found() {
    let patient = Patient::new();
    let store = patient.path("comity.db");
    fs::write(&store, "no database at all, but as long as the beginning of one would have to be, and longer").unwrap();
    patient.finds("store", "fail", "file is not a database");
    fs::remove_file(&store).unwrap();
    let mut child =
        comity("serve").arg("--config").arg(patient.path(CONFIG_FILE)).stdout(Stdio::piped()).spawn().unwrap();
    ready_line(&mut child);
    // It runs, and is told of and left alone.
    let examined = patient.examined();
    assert_eq!(examined.code, 0, "{:#}", examined.said);
    examined.has("store", "ok", &format!("process {} serves it", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    let log_len = fs::metadata(patient.path("comity.db-wal")).map_or(0, |about| about.len());
    if log_len > 0 {
        patient.finds("store", "warn", &format!("was left with a write-ahead log of {log_len} bytes"));
    } else {
        patient.finds("store", "ok", "nobody serves it");
    }
    fs::write(patient.path("comity.db-wal"), [0; 32]).unwrap();
    patient.finds("store", "warn", "was left with a write-ahead log of 32 bytes");
    let other = patient.path("second.db");
    fs::hard_link(&store, other).unwrap();
    patient.finds("store", "fail", "has a second name");
}

#[test]
fn limits_ports_and_names_are_found() {
    let patient = Patient::new();
    let mut few = Command::new("sh");
    few.args([
        "-c",
        "ulimit -n 256 && exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_comity"),
        "doctor",
        "--json",
        "--config",
    ]);
    Examined::by(few.arg(patient.path(CONFIG_FILE))).has(
        "open-files",
        "warn",
        "256 may be open, and 4608 may be wanted",
    );

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    patient.configure(|config| config.server.listen = address);
    patient.finds("ports", "warn", &format!("{address} is in use"));
    patient.configure(|config| config.server.listen = "192.0.2.1:8443".parse().unwrap());
    patient.finds("ports", "fail", "a listener cannot be bound");

    let made =
        said(comity("witness").args(["init", "--name", "witness.example/1", "--dir"]).arg(patient.path("witness")), 0);
    let key = made.lines().next().unwrap();
    let policy = |host: &str| {
        fs::write(patient.path("witnesses.policy"), format!("witness w {key} https://{host}\nquorum w\n")).unwrap();
    };
    policy("no.such.host.invalid");
    patient.configure(|config| {
        config.witness.policy = Some("witnesses.policy".into());
        config.witness.authorities = Some("certs/gateway-ca.pem".into());
    });
    patient.finds("witness-names", "warn", "no.such.host.invalid has no address");
    policy("localhost");
    patient.finds("witness-names", "ok", "localhost is");
}
