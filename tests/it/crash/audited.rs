//! The audit log of a gateway that is killed at any moment: whoever was answered has a line, whoever has a line had called,
//! and the chain is whole.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use comity::audit::{AuditFault, Verified, verify};
use comity::config::{Config, PolicyConfig};
use comity::domain::agency::ActorKind;
use comity::ledger::VerifierKey;
use comity::sandbox::Sandbox;
use comity::wire::Message as _;
use comity::wire::v1;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::crash::gateway::Gateway;
use crate::crash::{Trial, number};
use crate::harness::raw::{self, Call};
use crate::harness::requests::{NY_EXCHANGE, detainer_for};

/// Connections that call at the same time.
const LANES: usize = 4;

/// What clients did, each call by its trace id.
#[derive(Default)]
struct Told {
    begun: Mutex<HashSet<String>>,
    answered: Mutex<HashSet<String>>,
    next: AtomicU64,
}

/// Calls until nobody answers: reads, writes, and what is denied.
async fn call_on(gateway: std::net::SocketAddr, sandbox: Arc<Sandbox>, told: Arc<Told>) {
    let token = sandbox.token("us-ice", ActorKind::System).unwrap();
    let mut line = raw::open(gateway, &sandbox.credentials("us-ice").unwrap()).await;
    let checkpoint = v1::GetCheckpointRequest { log: NY_EXCHANGE.to_owned() }.encode_to_vec();
    loop {
        let number = told.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (path, token, message) = match number % 4 {
            0 => ("/comity.v1.LedgerService/GetCheckpoint", token.as_str(), checkpoint.clone()),
            1 => ("/comity.v1.DetainerService/LodgeDetainer", "", detainer_for("us-ny-doccs").encode_to_vec()),
            _ => (
                "/comity.v1.DetainerService/LodgeDetainer",
                token.as_str(),
                detainer_for("us-ny-doccs").encode_to_vec(),
            ),
        };
        let mut call = Call::new(path, token, &message);
        let trace = format!("{number:032x}");
        call.put("traceparent", format!("00-{trace}-00f067aa0ba902b7-01").as_bytes());
        told.begun.lock().unwrap().insert(trace.clone());
        match raw::send(&mut line, call, |_| false).await {
            Ok(reply) if reply.status.is_some() => _ = told.answered.lock().unwrap().insert(trace),
            Ok(_) | Err(_) => return,
        }
    }
}

/// Changes a configuration.
pub(super) fn configure(directory: &Path, change: impl FnOnce(&mut Config)) {
    let path = directory.join("comity.toml");
    let mut config = Config::read(&path).unwrap();
    change(&mut config);
    std::fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
}

/// The traces of the lines of calls, each once.
fn traces(path: &Path) -> HashSet<String> {
    let mut traces = HashSet::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["event"] == "call" {
            let trace = line["trace"].as_str().unwrap().to_owned();
            assert!(traces.insert(trace), "two lines of one call: {line}");
        }
    }
    traces
}

/// An exchange that is killed over and over, and those who call it.
struct Lives {
    trial: Trial,
    sandbox: Arc<Sandbox>,
    audit_log: PathBuf,
    keys: [VerifierKey; 1],
    told: Arc<Told>,
}

impl Lives {
    fn new() -> Self {
        let trial = Trial::new();
        let sandbox = Arc::new(Sandbox::establish(trial.directory()).unwrap());
        configure(trial.directory(), |config| {
            // The law that is built in is read the fastest.
            config.policy = PolicyConfig::default();
            // None of what is denied may be a count, which a kill would take.
            let audit = &mut config.audit;
            (audit.denials_per_s, audit.denials_burst, audit.head_every_s) = (1_000_000, 1_000_000, 1);
        });
        let audit_log = trial.kept.path().join("audit.log");
        let key = std::fs::read_to_string(trial.directory().join("keys/log.vkey")).unwrap();
        let keys = [VerifierKey::parse(key.trim_end()).unwrap()];
        Self { trial, sandbox, audit_log, keys, told: Arc::default() }
    }

    /// One life under load, to its kill.
    fn live(&self, runtime: &Runtime, moments: &mut fastrand::Rng) {
        let under = ["env".to_owned(), format!("COMITY_AUDIT_LOG={}", self.audit_log.display())];
        let gateway = Gateway::start(self.trial.directory(), &under).unwrap_or_else(|ended| panic!("{ended:?}"));
        let answered = || self.told.answered.lock().unwrap().len();
        let (grpc, before) = (gateway.grpc, answered());
        let call = || runtime.spawn(call_on(grpc, Arc::clone(&self.sandbox), Arc::clone(&self.told)));
        let lanes: Vec<_> = (0..LANES).map(|_| call()).collect();
        // Not before there is something to kill it in the midst of, however busy the machine is.
        let started = Instant::now();
        while answered() == before && started.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(moments.u64(..40_000)));
        gateway.kill();
        for lane in lanes {
            // One that was still connecting has called nothing.
            drop(runtime.block_on(lane));
        }
        self.verify().unwrap_or_else(|fault| panic!("{fault}"));
    }

    fn verify(&self) -> Result<Verified, AuditFault> {
        verify(std::slice::from_ref(&self.audit_log), Some(&self.keys), &[])
    }

    /// Holds the lines against what clients did. How many were answered, have a line, and were begun.
    fn settle(&self, moments: &mut fastrand::Rng) -> [usize; 3] {
        let (begun, answered) = (self.told.begun.lock().unwrap(), self.told.answered.lock().unwrap());
        let lines = traces(&self.audit_log);
        assert_eq!(answered.difference(&lines).next(), None, "answered, and without a line");
        assert_eq!(lines.difference(&begun).next(), None, "a line of a call that nobody made");
        // A line that was taken out shows, and whose it was is not needed to see it.
        let text = std::fs::read_to_string(&self.audit_log).unwrap();
        let mut without: Vec<&str> = text.lines().collect();
        without.remove(moments.usize(..without.len() - 1));
        std::fs::write(&self.audit_log, without.join("\n") + "\n").unwrap();
        assert!(self.verify().is_err(), "a line was taken out");
        [answered.len(), lines.len(), begun.len()]
    }
}

#[test]
fn killed_at_any_moment_whoever_was_answered_has_a_line_and_the_chain_is_whole() {
    let kills = number("COMITY_AUDIT_KILLS", 200);
    let seed = number("COMITY_CRASH_SEED", fastrand::u64(..u64::from(u32::MAX)));
    let begun = Instant::now();
    // Two exchanges beside each other, since most of a life is its start.
    let side = |kills: u64, number: u64| {
        move || {
            let mut moments = fastrand::Rng::with_seed(seed.wrapping_add(number));
            let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let lives = Lives::new();
            for _ in 0..kills {
                lives.live(&runtime, &mut moments);
            }
            lives.settle(&mut moments)
        }
    };
    let tallies: Vec<[usize; 3]> = std::thread::scope(|scope| {
        let both = [(kills / 2, 0), (kills - kills / 2, 1)].map(|(kills, number)| scope.spawn(side(kills, number)));
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let [answered, lines, called] = [0, 1, 2].map(|at| tallies.iter().map(|tally| tally[at]).sum::<usize>());
    println!(
        "{kills} kills (COMITY_CRASH_SEED={seed}) in {:.0?}: {answered} answers <= {lines} audit lines <= {called} calls begun",
        begun.elapsed(),
    );
    assert!(answered >= usize::try_from(kills).unwrap(), "the load was no load");
    assert!(called > answered, "no call was ever cut off");
}
