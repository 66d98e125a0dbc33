//! What this process used: processor time by thread, bytes written to disk, memory, and the gateway's own counts.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The name of the recording thread.
const WRITER: &str = "recorder";

/// What was used up to a moment, or between two moments.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage {
    /// Processor time of each thread, by its id and name.
    threads: BTreeMap<(u64, String), Duration>,
    /// Bytes written to disk.
    pub(super) written: u64,
    /// Batches made durable.
    pub(super) commits: u64,
    /// Batches.
    pub(super) batches: u64,
    /// Writes and deliveries in these batches.
    pub(super) jobs: f64,
}

impl Usage {
    pub(super) fn now(ops: SocketAddr) -> Result<Self> {
        let mut threads = BTreeMap::new();
        for task in std::fs::read_dir("/proc/self/task")? {
            let path = task?.path();
            // A thread that has just ended used nothing more.
            let Ok((thread, time)) = of_thread(&path) else { continue };
            threads.insert(thread, time);
        }
        let io = std::fs::read_to_string("/proc/self/io")?;
        let figures = scraped(ops)?;
        let figure = |name: &str| number(&figures, name);
        Ok(Self {
            threads,
            written: integer(&io, "write_bytes:")?,
            commits: integer(&figures, "comity_commit_duration_seconds_count").unwrap_or(0),
            batches: integer(&figures, "comity_batch_jobs_count").unwrap_or(0),
            jobs: figure("comity_batch_jobs_sum").unwrap_or(0.0),
        })
    }

    pub(super) fn since(mut self, before: &Self) -> Self {
        for (thread, time) in &mut self.threads {
            *time = time.saturating_sub(before.threads.get(thread).copied().unwrap_or_default());
        }
        self.written = self.written.saturating_sub(before.written);
        self.commits = self.commits.saturating_sub(before.commits);
        self.batches = self.batches.saturating_sub(before.batches);
        self.jobs -= before.jobs;
        self
    }

    /// The processor time of all threads.
    pub(super) fn cpu(&self) -> Duration {
        self.threads.values().sum()
    }

    /// The processor time of the recording thread.
    pub(super) fn writer_cpu(&self) -> Duration {
        self.threads.iter().filter(|((_, name), _)| name == WRITER).map(|(_, time)| *time).sum()
    }
}

/// Resident memory.
pub(super) fn rss_kb() -> Result<u64> {
    integer(&std::fs::read_to_string("/proc/self/status")?, "VmRSS:")
}

fn of_thread(path: &Path) -> Result<((u64, String), Duration)> {
    let id = path.file_name().and_then(|name| name.to_str()).context("a thread has no number")?.parse()?;
    let name = std::fs::read_to_string(path.join("comm"))?.trim().to_owned();
    let schedule = std::fs::read_to_string(path.join("schedstat"))?;
    let ran_ns = schedule.split(' ').next().context("a thread has no time")?.parse()?;
    Ok(((id, name), Duration::from_nanos(ran_ns)))
}

/// The gateway's metrics.
fn scraped(ops: SocketAddr) -> Result<String> {
    let mut connection = TcpStream::connect(ops)?;
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    connection.read_to_string(&mut text)?;
    Ok(text)
}

fn number(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("there is no {name}"))?;
    let word = line.split_whitespace().next().with_context(|| format!("{name} is nothing"))?;
    Ok(word.parse()?)
}

fn integer(text: &str, name: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("there is no {name}"))?;
    let word = line.split_whitespace().next().with_context(|| format!("{name} is nothing"))?;
    Ok(word.parse()?)
}
