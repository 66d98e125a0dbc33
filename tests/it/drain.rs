//! A gateway that is asked to end has kept every write that it acknowledged, once. One that is killed: see `crash`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use comity::config::ServerConfig;
use comity::domain::agency::ActorKind;
use comity::sandbox::Sandbox;
use comity::wire::Message as _;
use comity::wire::v1;
use tokio::task::JoinSet;

use crate::harness::process::dev;
use crate::harness::requests::{NY_EXCHANGE, detainer_for};
use crate::harness::{Kept, Party, sandbox_directory};

const CALLERS: usize = 8;

/// `comity dev` as a process of its own.
struct Process {
    child: Child,
    grpc: SocketAddr,
}

impl Process {
    /// Returns when it says that it is ready.
    fn start(directory: &Path) -> Self {
        let (child, grpc) = dev(directory);
        Self { child, grpc }
    }

    fn ice(&self, directory: &Path) -> Party {
        let sandbox = Sandbox::establish(directory).unwrap();
        Party::new(
            self.grpc,
            sandbox.credentials("us-ice").unwrap(),
            sandbox.token("us-ice", ActorKind::System).unwrap(),
        )
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// How it ended, and how long that took.
    async fn ended(mut self) -> (std::process::ExitStatus, Duration) {
        let begun = Instant::now();
        let status = tokio::task::spawn_blocking(move || self.child.wait().unwrap()).await.unwrap();
        (status, begun.elapsed())
    }
}

/// What clients asked and were told.
#[derive(Default)]
struct Journal {
    acknowledged: Vec<(v1::LodgeDetainerRequest, Vec<u8>)>,
    /// Asked, and never answered.
    unknown: Vec<v1::LodgeDetainerRequest>,
}

/// Lodges detainers without a pause until the gateway is gone.
async fn load(ice: &Party, journal: &Arc<Mutex<Journal>>) -> JoinSet<()> {
    ice.client().await;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (ice, journal) = (ice.clone(), Arc::clone(journal));
        callers.spawn(async move {
            loop {
                let request = detainer_for("us-ny-doccs");
                let answer = ice.lodge(request.clone()).await.0;
                let mut journal = journal.lock().unwrap();
                let Ok(answer) = answer else {
                    journal.unknown.push(request);
                    return;
                };
                journal.acknowledged.push((request, answer.encode_to_vec()));
            }
        });
    }
    callers
}

/// Everything acknowledged is there, as acknowledged, and nothing twice; what became of the rest can be asked.
async fn settle(directory: &Path, journal: &Journal) {
    let process = Process::start(directory);
    let ice = process.ice(directory);
    for (request, answer) in &journal.acknowledged {
        assert_eq!(&ice.lodge(request.clone()).await.accepted().encode_to_vec(), answer, "the same receipt");
    }
    for request in &journal.unknown {
        ice.lodge(request.clone()).await.accepted();
    }
    let entries = Kept::of(directory).entries(&NY_EXCHANGE.parse().unwrap()).len();
    assert_eq!(entries, journal.acknowledged.len() + journal.unknown.len(), "none lost, none doubled");
    drop(ice);
    process.signal("-TERM");
    assert!(process.ended().await.0.success());
    assert_verified(directory);
}

fn assert_verified(directory: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_comity")).arg("verify").arg(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn told_to_stop_under_load_it_drains_in_time_and_loses_nothing() {
    let directory = sandbox_directory();
    let process = Process::start(directory.path());
    let journal: Arc<Mutex<Journal>> = Arc::default();
    let callers = load(&process.ice(directory.path()), &journal).await;
    let begun = Instant::now();
    while journal.lock().unwrap().acknowledged.len() <= CALLERS {
        assert!(begun.elapsed() < Duration::from_mins(1), "the load is no load");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    process.signal("-TERM");
    let (status, took) = process.ended().await;
    assert!(status.success(), "{status:?}");
    // It did not wait until the time for it was up: calls under way take milliseconds.
    assert!(took < Duration::from_millis(ServerConfig::default().drain_timeout_ms), "the drain took {took:?}");
    callers.join_all().await;
    let journal = std::mem::take(&mut *journal.lock().unwrap());
    println!("{} acknowledged, {} unknown, drained in {took:?}", journal.acknowledged.len(), journal.unknown.len());
    assert!(journal.acknowledged.len() > CALLERS);
    // No call failed that could have been answered: whatever was recorded, its caller was told.
    let entries = Kept::of(directory.path()).entries(&NY_EXCHANGE.parse().unwrap()).len();
    assert_eq!(entries, journal.acknowledged.len(), "recorded, and its caller was told nothing");
    assert_verified(directory.path());
    settle(directory.path(), &journal).await;
}
