//! A gateway under attack: a process of its own, what it had recorded and audited before, and what became of each case.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use comity::config::Config;
use comity::domain::agency::ActorKind;
use comity::identity::development::DevelopmentAuthority;
use comity::sandbox::Sandbox;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::process::ready;
use crate::harness::requests::{NY_EXCHANGE, detainer_for, intake_at, match_of};
use crate::harness::{Kept, Party, Rows, sandbox_directory};
use crate::hostile::certificates;
use crate::sample::CANARIES;

/// For an audit line to be written; only a case that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(3);
/// For one case. What takes longer is stuck.
const CASE_TIMEOUT: Duration = Duration::from_secs(40);

/// Shorter than anybody would run with, so that what is slow is found out soon.
pub(super) const HANDSHAKE_MS: u64 = 1_000;
pub(super) const REQUEST_MS: u64 = 1_500;
/// Twice as long, a flood is read from whoever answers no PING in the meantime.
const KEEP_ALIVE_MS: u64 = 4_000;

/// What every token holds (RFC 7515, section 3.1: its second part is a JSON object) and no hash, key or signature ever does by
/// chance, as its first part does: base64 has no stop.
pub(super) const TOKEN: &str = ".eyJ";

/// One row: what is done, what its doer sees, and what an auditor sees: the reason, and the cause where there is one.
pub(super) struct Case<'a, A> {
    name: &'a str,
    attack: A,
    seen: &'a str,
    audited: &'a str,
}

/// What is due, where either of two ends is: which comes depends on who is faster, and neither is a fault. Of each, what is
/// audited is due with it.
fn due<'a>(either: &'a str, audited: &'a str, seen: &str) -> (&'a str, &'a str) {
    let ends = || either.split(OR).zip(audited.split(OR));
    ends().find(|(due, _)| *due == seen).or_else(|| ends().next()).unwrap_or((either, audited))
}

/// Between two ends of a case.
const OR: &str = " || ";

/// A row of a table that is written as tuples.
impl<'a, A> From<(&'a str, A, &'a str, &'a str)> for Case<'a, A> {
    fn from((name, attack, seen, audited): (&'a str, A, &'a str, &'a str)) -> Self {
        Self { name, attack, seen, audited }
    }
}

/// The gateway and the tally.
pub(super) struct Siege {
    pub(super) sandbox: Sandbox,
    pub(super) grpc: SocketAddr,
    pub(super) ops: SocketAddr,
    /// A detainer that stands, and its custody.
    pub(super) detainer: String,
    pub(super) custody: String,
    child: Child,
    rows: Rows,
    audited: usize,
    faults: Vec<String>,
    groups: Vec<(&'static str, usize)>,
    // Last, so that it is removed when the gateway has gone.
    directory: TempDir,
}

impl Siege {
    /// Starts `comity serve`, and lets it do some honest work first.
    pub(super) async fn lay() -> Self {
        Self::lay_with(|_| ()).await
    }

    /// With another configuration.
    pub(super) async fn lay_with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = sandbox_directory();
        let mut sandbox = Sandbox::establish(directory.path()).unwrap();
        let config = &mut sandbox.config;
        config.accept.handshake_timeout_ms = HANDSHAKE_MS;
        // Everybody attacks from one address here. What an address may have is tried by the acceptor's own tests.
        config.accept.handshakes_per_address_max = 1_000;
        config.server.request_timeout_ms = REQUEST_MS;
        config.server.keep_alive_interval_ms = KEEP_ALIVE_MS;
        config.server.keep_alive_timeout_ms = KEEP_ALIVE_MS;
        // Each denial is compared, so that none may be counted only.
        (config.audit.denials_per_s, config.audit.denials_burst) = (1_000_000, 1_000_000);
        certificates::prepare(directory.path(), config);
        change(config);
        let (child, grpc, ops) = serve(directory.path(), config);
        let nothing = String::new;
        let mut siege = Self {
            rows: Kept::of(directory.path()).rows(),
            sandbox,
            grpc,
            ops,
            detainer: nothing(),
            custody: nothing(),
            child,
            audited: 0,
            faults: Vec::new(),
            groups: Vec::new(),
            directory,
        };
        let (ice, doccs) = (siege.party("us-ice"), siege.party("us-ny-doccs"));
        siege.custody = doccs.open(intake_at("us-ny-doccs")).await.accepted().custody.unwrap().name;
        siege.detainer = ice.lodge(detainer_for("us-ny-doccs")).await.accepted().detainer.unwrap().name;
        doccs.acknowledge(match_of(&siege.detainer, &siege.custody)).await.accepted();
        siege.rows = Kept::of(siege.directory()).rows();
        siege
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// An agency's unattended system, which is honest.
    pub(super) fn party(&self, agency: &str) -> Party {
        let (credentials, token) = (self.sandbox.credentials(agency), self.token(agency));
        Party::new(self.grpc, credentials.unwrap(), token)
    }

    pub(super) fn token(&self, agency: &str) -> String {
        self.sandbox.token(agency, ActorKind::System).unwrap()
    }

    pub(super) fn authority(&self, name: &str) -> DevelopmentAuthority {
        authority(self.directory(), name)
    }

    /// Runs each case: what its doer sees, what is audited, that nothing was recorded, and that honest work goes on.
    pub(super) async fn check<A>(
        &mut self,
        group: &'static str,
        cases: Vec<Case<'_, A>>,
        attack: impl AsyncFn(&Self, A) -> String,
    ) {
        self.groups.push((group, cases.len()));
        for case in cases {
            let seen = tokio::time::timeout(CASE_TIMEOUT, attack(self, case.attack)).await;
            let seen = seen.unwrap_or_else(|_| "stuck".to_owned());
            let (due, audited_due) = due(case.seen, case.audited, &seen);
            self.compare(group, case.name, "seen", &seen, due);
            let audited = self.new_audit_lines(lines_in(audited_due)).await;
            self.compare(group, case.name, "audited", &audited.join(" | "), audited_due);
            let rows = Kept::of(self.directory()).rows();
            if rows != self.rows {
                self.faults.push(format!("{group}: {}: recorded {rows:?}", case.name));
                self.rows = rows;
            }
        }
        // A line that came late is of no case.
        let late = self.new_audit_lines(0).await;
        self.compare(group, "(after all)", "audited", &late.join(" | "), "");
        self.party("us-ny-doccs").checkpoint(NY_EXCHANGE).await.accepted();
    }

    pub(super) fn compare(&mut self, group: &str, case: &str, what: &str, found: &str, expected: &str) {
        if found != expected {
            self.faults.push(format!("{group}: {case}: {what} {found:?}, not {expected:?}"));
        }
    }

    /// The audit lines since the last look, when there are as many as are waited for.
    async fn new_audit_lines(&mut self, wanted: usize) -> Vec<String> {
        let enough = async {
            loop {
                let lines = self.audit_lines();
                if lines.len() >= self.audited + wanted {
                    return lines;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let lines = tokio::time::timeout(PATIENCE, enough).await.unwrap_or_else(|_| self.audit_lines());
        let new: Vec<String> = lines.iter().skip(self.audited).map(audited).collect();
        self.audited = lines.len();
        // A flood of one thing is told as one.
        match new.split_first() {
            // Which of them had lasted long enough when another came is for the machine to say.
            Some((_, rest)) if rest.len() > 9 && new.iter().all(|line| TOO_LONG.contains(&line.as_str())) => {
                vec![format!("{} times {}", new.len(), TOO_LONG.join(" or "))]
            }
            Some((first, rest)) if rest.len() > 9 && rest.iter().all(|line| line == first) => {
                vec![format!("{} times {first}", new.len())]
            }
            _ => new,
        }
    }

    fn audit_lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.directory().join("audit.log")).unwrap();
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(is_of_a_denial)
            .collect()
    }

    /// Forgets the most memory so far, and says how much it is now, in KiB.
    pub(super) fn memory_from_here_kib(&self) -> u64 {
        // proc_pid_clear_refs(5): resets VmHWM to what is resident.
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
        self.memory_peak_kib()
    }

    /// Most memory the gateway had since then, in KiB.
    pub(super) fn memory_peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sockets and files it has open.
    pub(super) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Says what held, of the whole table.
    pub(super) async fn lift(self) {
        let groups = self.groups.clone();
        self.lift_uncounted().await;
        let total: usize = groups.iter().map(|(_, count)| count).sum();
        let each: Vec<_> = groups.iter().map(|(group, count)| format!("{group} {count}")).collect();
        println!("hostile: {total} cases ({})", each.join(", "));
        assert!(total >= 150, "only {total} cases");
    }

    /// Ends the gateway as SIGTERM does, and fails if anything did not hold.
    pub(super) async fn lift_uncounted(mut self) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        // Not by waiting here: the clients' side of every connection runs on this thread.
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        if !status.success() {
            self.faults.push(format!("the gateway ended with {status}"));
        }
        for name in ["audit.log", "error.log"] {
            let text = fs::read_to_string(self.directory.path().join(name)).unwrap();
            for word in CANARIES.iter().filter(|word| text.contains(**word)) {
                self.faults.push(format!("{name} names a person: {word}"));
            }
            // One JSON object a line: what a peer wrote can neither forge a line nor reach a terminal.
            if text.contains('\u{1b}') || text.lines().any(|line| serde_json::from_str::<Value>(line).is_err()) {
                self.faults.push(format!("{name} holds a line that is not JSON"));
            }
            if text.contains(TOKEN) || text.contains("panicked") {
                self.faults.push(format!("{name} holds a token or a panic"));
            }
        }
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }
}

impl Drop for Siege {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn serve(directory: &Path, config: &Config) -> (Child, SocketAddr, SocketAddr) {
    let path = directory.join("hostile.toml");
    fs::write(&path, toml::to_string(config).unwrap()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_comity"))
        .args(["--log", "info,comity=trace", "--audit-log"])
        .arg(directory.join("audit.log"))
        .arg("serve")
        .arg("--config")
        .arg(path)
        .stdout(Stdio::piped())
        .stderr(fs::File::create(directory.join("error.log")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (grpc, ops) = ready(&line).unwrap();
    (child, grpc, ops)
}

/// An authority of a sandbox, with its key.
pub(super) fn authority(directory: &Path, name: &str) -> DevelopmentAuthority {
    let read = |path: String| fs::read_to_string(directory.join(path)).unwrap();
    let (certificate, key) = (read(format!("certs/{name}-ca.pem")), read(format!("keys/authorities/{name}.key")));
    DevelopmentAuthority::from_pem(&certificate, &key).unwrap()
}

/// Whether a line is about a call that was denied, or about what a peer did to its connection.
fn is_of_a_denial(line: &Value) -> bool {
    let of_a_peer = ["connection_refused", "connection_cut", "stream_ended"];
    let event = line["event"].as_str().unwrap();
    of_a_peer.contains(&event) || event == "call" && line["outcome"] == "denied"
}

/// Why a handshake ends that lasts too long: by itself, or because others wait.
const TOO_LONG: [&str; 2] = ["handshake_timeout", "handshake_slot_taken"];

/// How many lines an expectation is about: none, one, or `300 times` one.
fn lines_in(expected: &str) -> usize {
    let times = expected.split_once(" times ").and_then(|(times, _)| times.parse().ok());
    times.unwrap_or_else(|| usize::from(!expected.is_empty()))
}

/// What an audit line is about, in short.
fn audited(line: &Value) -> String {
    let reason = line["reason"].as_str().unwrap_or("no reason");
    match line["cause"].as_str() {
        None | Some("") => reason.to_owned(),
        Some(cause) => format!("{reason}: {cause}"),
    }
}

/// Seconds from now, as certificates and tokens count.
pub(super) fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(seconds)
}
