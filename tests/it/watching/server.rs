//! Prometheus itself, which scrapes a gateway: what a dashboard shows is what it answers.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::probe::body;

const SCRAPE_EVERY: &str = "200ms";
const PATIENCE: Duration = Duration::from_mins(1);

/// A server that scrapes one gateway. Ended when dropped.
pub(super) struct Prometheus {
    address: SocketAddr,
    child: Child,
    _directory: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// `None` where it is not installed, and that is said.
    pub(super) fn scrape(ops: SocketAddr) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("prometheus.yaml");
        let job = format!("  - job_name: comity\n    static_configs: [{{targets: ['{ops}']}}]\n");
        let config = format!("global: {{scrape_interval: {SCRAPE_EVERY}}}\nscrape_configs:\n{job}");
        fs::write(&file, config).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let started = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            // Written past the test runner, which keeps to itself what a passing test prints.
            writeln!(std::io::stderr(), "LEFT OUT: what Prometheus answers (run tests/run)").unwrap();
            return None;
        };
        Some(Self { address, child, _directory: directory })
    }

    /// What it answers to a query: the value of each series.
    pub(super) async fn answer(&self, query: &str) -> Vec<Value> {
        let spelt = query.bytes().fold(String::new(), |spelt, byte| spelt + &format!("%{byte:02X}"));
        let answer: Value =
            serde_json::from_str(&body(self.address, &format!("/api/v1/query?query={spelt}")).await).unwrap();
        answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {answer}")).clone()
    }

    /// Waits until it has scraped so often from now on.
    pub(super) async fn scrapes_more(&self, times: u64) {
        let begun = Instant::now();
        let mut before = None;
        loop {
            assert!(begun.elapsed() < PATIENCE, "Prometheus does not scrape");
            tokio::time::sleep(Duration::from_millis(100)).await;
            if tokio::net::TcpStream::connect(self.address).await.is_err() {
                continue;
            }
            let counted = self.answer("count_over_time(up{job=\"comity\"}[1h])").await;
            let count = counted.first().and_then(|series| series["value"][1].as_str()?.parse::<u64>().ok());
            let Some(count) = count else { continue };
            if count >= before.get_or_insert(count).saturating_add(times) {
                return;
            }
        }
    }
}
