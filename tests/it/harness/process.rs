//! `comity serve` as a process of its own, with all that it says kept.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use comity::config::Config;
use comity::domain::agency::ActorKind;
use comity::sandbox::{CONFIG_FILE, Sandbox};
use tempfile::TempDir;

use crate::harness::{Party, sandbox_directory};

const BINARY: &str = env!("CARGO_BIN_EXE_comity");

/// A gateway that runs. Killed when dropped.
pub(crate) struct Served {
    pub(crate) grpc: SocketAddr,
    pub(crate) ops: SocketAddr,
    pub(crate) sandbox: Sandbox,
    child: Child,
    stdout: BufReader<ChildStdout>,
    said: String,
    journal: TempDir,
    directory: TempDir,
}

/// What one left behind.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    /// Logs and audit lines.
    pub(crate) stderr: Vec<u8>,
    pub(crate) directory: TempDir,
}

impl Served {
    /// Returns when it says that it is ready. `log` is a filter, as `info`.
    pub(crate) fn start(log: &str, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_on(log, change, |_| ())
    }

    /// The same, with something else in its directory beforehand.
    pub(crate) fn start_on(log: &str, change: impl FnOnce(&mut Config), lay: impl FnOnce(&Path)) -> Self {
        Self::start_with(log, change, lay, |_| Vec::new())
    }

    /// In an environment that says more than the configuration.
    pub(crate) fn start_under(
        log: &str,
        change: impl FnOnce(&mut Config),
        environment: &[(&'static str, String)],
    ) -> Self {
        let environment = environment.iter().map(|(name, value)| (*name, value.into())).collect();
        Self::start_with(log, change, |_| (), |_| environment)
    }

    /// With an audit log, by this name in its directory.
    pub(crate) fn start_audited(
        log: &str,
        change: impl FnOnce(&mut Config),
        lay: impl FnOnce(&Path),
        audit: &str,
    ) -> Self {
        Self::start_with(log, change, lay, |directory| vec![("COMITY_AUDIT_LOG", directory.join(audit).into())])
    }

    /// In an environment that depends on its directory.
    pub(crate) fn start_with(
        log: &str,
        change: impl FnOnce(&mut Config),
        lay: impl FnOnce(&Path),
        environment: impl FnOnce(&Path) -> Vec<(&'static str, OsString)>,
    ) -> Self {
        let directory = sandbox_directory();
        lay(directory.path());
        let sandbox = Sandbox::establish(directory.path()).unwrap();
        let mut config = sandbox.config.clone();
        change(&mut config);
        let path = directory.path().join(CONFIG_FILE);
        std::fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
        let journal = tempfile::tempdir().unwrap();
        let stderr = File::create(journal.path().join("stderr")).unwrap();
        let mut child = Command::new(BINARY)
            .args(["--log", log, "serve", "--config"])
            .arg(&path)
            .env_remove("COMITY_AUDIT_LOG")
            .envs(environment(directory.path()))
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        stdout.read_line(&mut said).unwrap();
        let (grpc, ops) = ready(&said).expect("it did not say that it is ready");
        Self { grpc, ops, sandbox, child, stdout, said, journal, directory }
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn party(&self, agency: &str, actor: ActorKind) -> Party {
        let credentials = self.sandbox.credentials(agency).unwrap();
        Party::new(self.grpc, credentials, self.sandbox.token(agency, actor).unwrap())
    }

    /// Most memory it ever held, in KiB, as the kernel counted it.
    pub(crate) fn memory_max_kib(&self) -> u64 {
        self.memory_kib("VmHWM:")
    }

    /// Memory it holds now, in KiB.
    pub(crate) fn memory_now_kib(&self) -> u64 {
        self.memory_kib("VmRSS:")
    }

    fn memory_kib(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(figure)).expect("the kernel does not tell");
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Bytes that it has written as logs and audit lines.
    pub(crate) fn logged_len(&self) -> u64 {
        std::fs::metadata(self.journal.path().join("stderr")).unwrap().len()
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Tells it to read again what it can read again.
    pub(crate) fn hang_up(&self) {
        assert!(Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Stops it as an operator would.
    pub(crate) fn stop(self) -> Ended {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        self.ended_by_itself()
    }

    /// What it left behind, once it has ended.
    pub(crate) fn ended_by_itself(mut self) -> Ended {
        let status = self.child.wait().unwrap();
        self.stdout.read_to_string(&mut self.said).unwrap();
        let stderr = std::fs::read(self.journal.path().join("stderr")).unwrap();
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        Ended { status, stdout: std::mem::take(&mut self.said), stderr, directory }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Only what a test that failed leaves behind: one that was stopped has been waited for.
        if self.is_running() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// `comity dev` as a process of its own, and where it serves. Returns when it says that it is ready.
pub(crate) fn dev(directory: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(BINARY)
        .args(["--log", "error", "dev", "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--dir"])
        .arg(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (grpc, _) = ready_line(&mut child);
    (child, grpc)
}

/// Where a gateway that was just started serves calls and where operators ask. Returns when it says that it is ready.
pub(crate) fn ready_line(child: &mut Child) -> (SocketAddr, SocketAddr) {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    ready(&line).expect("it did not say that it is ready")
}

/// Where a gateway serves calls and where operators ask, by the line that says that it is ready.
pub(crate) fn ready(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let ready: serde_json::Value = serde_json::from_str(line).ok()?;
    let address = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
    Some((address("grpc"), address("ops")))
}

/// `comity verify` finds the directory whole.
pub(crate) fn assert_verified(directory: &Path) -> String {
    let output = Command::new(BINARY).arg("verify").arg(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A command of `comity`, which nothing around it tells where to log or to keep.
pub(crate) fn comity(command: &str) -> Command {
    let mut comity = Command::new(BINARY);
    comity.env_remove("COMITY_AUDIT_LOG").env_remove("COMITY_LOG").env_remove("COMITY_STORE").arg(command);
    comity
}

/// What a command said, on either way out.
#[track_caller]
pub(crate) fn said(command: &mut Command, code: i32) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "{command:?}:\n{said}");
    said
}
