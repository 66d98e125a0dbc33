//! A gateway as an operator runs it: `comity serve` in a process of its own, perhaps under a tracer.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::process::ready;

/// Longer than anything here takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    /// Of the gateway itself, which under a tracer is a grandchild.
    pub(crate) pid: u32,
    pub(crate) grpc: SocketAddr,
    pub(crate) ops: SocketAddr,
    scratch: TempDir,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) errors: String,
}

impl Ended {
    /// With a code that a supervisor sees, and a line that a person reads.
    pub(crate) fn is_loud(&self) -> bool {
        !self.status.success() && (self.errors.contains("\"level\":\"ERROR\"") || self.errors.contains("comity: "))
    }
}

impl Gateway {
    /// Returns when it says that it is ready, or how it ended without. `under` goes before the command.
    pub(crate) fn start(directory: &Path, under: &[String]) -> Result<Self, Ended> {
        Self::started(Starting::new(directory, under))
    }

    /// By a configuration of its own.
    pub(crate) fn start_by(config: &Path) -> Result<Self, Ended> {
        Self::start_saying(config, "info")
    }

    /// The same, logging as it is told.
    pub(crate) fn start_saying(config: &Path, log: &str) -> Result<Self, Ended> {
        Self::started(Starting::by(config, &[], log))
    }

    fn started(starting: Starting) -> Result<Self, Ended> {
        let Starting { mut child, scratch } = starting;
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some((grpc, ops)) = ready(&line) else {
            return Err(ended(child, &scratch));
        };
        let pid = fs::read_to_string(scratch.path().join("pid")).unwrap().trim().parse().unwrap();
        Ok(Self { child, pid, grpc, ops, scratch })
    }

    pub(crate) fn signal(&self, signal: &str) {
        // It may have ended before.
        Command::new("kill").args([signal, &self.pid.to_string()]).stderr(Stdio::null()).status().unwrap();
    }

    /// The word of `/readyz`, or nothing when nobody answers.
    pub(crate) fn ready(&self) -> String {
        let mut answer = String::new();
        let asked = TcpStream::connect(self.ops).and_then(|mut socket| {
            socket.set_read_timeout(Some(Duration::from_secs(2)))?;
            socket.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
            socket.read_to_string(&mut answer)
        });
        if asked.is_err() {
            return String::new();
        }
        answer.trim_end().rsplit('\n').next().unwrap_or_default().to_owned()
    }

    /// Returns when it has said that it records nothing more.
    #[track_caller]
    pub(crate) fn await_failure(&self) {
        let begun = Instant::now();
        while !errors_in(&self.scratch).contains("the writer stopped") {
            assert!(begun.elapsed() < PATIENCE, "it does not answer, and does not say why");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What it has logged so far.
    pub(crate) fn logged(&self) -> String {
        errors_in(&self.scratch)
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(self) -> Ended {
        ended(self.child, &self.scratch)
    }

    /// Stops it as a supervisor of services does.
    #[track_caller]
    pub(crate) fn stop(self) {
        self.signal("-TERM");
        let ended = self.ended();
        assert!(ended.status.success(), "{ended:?}");
    }

    pub(crate) fn kill(self) {
        self.signal("-KILL");
        self.ended();
    }
}

/// A gateway that has not said that it is ready.
pub(crate) struct Starting {
    child: Child,
    scratch: TempDir,
}

impl Starting {
    pub(crate) fn new(directory: &Path, under: &[String]) -> Self {
        Self::by(&directory.join("comity.toml"), under, "info")
    }

    fn by(config: &Path, under: &[String], log: &str) -> Self {
        // Outside of its directory, which may be full or read-only.
        let scratch = tempfile::tempdir().unwrap();
        let errors = scratch.path().join("stderr.log");
        let pid = scratch.path().join("pid");
        let shell = ["sh", "-c", "echo $$ >\"$0\"; exec \"$@\""].map(str::to_owned);
        let config = config.display().to_string();
        let serve = [env!("CARGO_BIN_EXE_comity"), "--log", log, "serve", "--config", &config].map(str::to_owned);
        let words: Vec<String> =
            under.iter().cloned().chain(shell).chain([pid.display().to_string()]).chain(serve).collect();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        Self { child, scratch }
    }

    /// However far it has come.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn ended(mut child: Child, scratch: &TempDir) -> Ended {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Ended { status, errors: errors_in(scratch) };
        }
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn errors_in(scratch: &TempDir) -> String {
    fs::read_to_string(scratch.path().join("stderr.log")).unwrap_or_default()
}
