//! What systemd is told while a gateway serves (`sd_notify(3)`), and that nobody is told that one is alive whose writer is not.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use comity::sandbox::{CONFIG_FILE, Sandbox};
use tempfile::TempDir;

use crate::harness::process::comity;
use crate::harness::sandbox_directory;

/// Long enough on a machine that is busy with something else; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A service manager and the gateway that it started.
struct Manager {
    socket: UnixDatagram,
    child: Child,
    _directory: TempDir,
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Manager {
    /// Starts a gateway that is to say every `watchdog_ms` that it is alive. Returns when it has printed that it is ready.
    fn start(watchdog_ms: Option<u64>) -> Self {
        let directory = sandbox_directory();
        let mut config = Sandbox::establish(directory.path()).unwrap().config;
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.server.ops_listen = "127.0.0.1:0".parse().unwrap();
        let path = directory.path().join(CONFIG_FILE);
        std::fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
        let name = directory.path().join("notify");
        let socket = UnixDatagram::bind(&name).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = comity("serve");
        command.env("NOTIFY_SOCKET", &name).env_remove("WATCHDOG_PID").env_remove("WATCHDOG_USEC");
        if let Some(ms) = watchdog_ms {
            command.env("WATCHDOG_USEC", (ms * 1_000).to_string());
        }
        let mut child =
            command.arg("--config").arg(&path).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("\"ready\":true"), "{line}");
        Self { socket, child, _directory: directory }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// The next thing that is told.
    fn told(&self) -> Vec<String> {
        let mut bytes = [0; 4_096];
        let len = self.socket.recv(&mut bytes).expect("nothing is told");
        std::str::from_utf8(&bytes[..len]).unwrap().lines().map(str::to_owned).collect()
    }

    /// The next thing that is told but that it is alive.
    fn told_besides(&self) -> Vec<String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let told = self.told();
            if told != ["WATCHDOG=1"] {
                return told;
            }
        }
        panic!("it says nothing but that it is alive")
    }

    /// Everything that is still to be read, once it has ended.
    fn rest(&mut self) -> Vec<String> {
        assert!(self.child.wait().unwrap().success());
        self.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut bytes = [0; 4_096];
        let mut rest = Vec::new();
        while let Ok(len) = self.socket.recv(&mut bytes) {
            rest.extend(std::str::from_utf8(&bytes[..len]).unwrap().lines().map(str::to_owned));
        }
        rest
    }
}

#[test]
fn systemd_is_told_of_a_start_a_reload_and_a_stop() {
    let mut manager = Manager::start(None);
    assert_eq!(manager.told(), ["READY=1"]);
    manager.signal("HUP");
    let reloading = manager.told();
    assert_eq!(reloading[0], "RELOADING=1");
    // systemd.service(5), Type=notify-reload.
    let since: u64 = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
    assert!(since > 0 && reloading.len() == 2);
    assert_eq!(manager.told(), ["READY=1"]);
    manager.signal("TERM");
    assert_eq!(manager.told(), ["STOPPING=1"]);
    assert_eq!(manager.rest(), Vec::<String>::new());
}

/// A core holds keys and names. The limit is lifted here, so that nothing but the gateway can be why there is none.
#[test]
fn no_core_is_dumped_of_a_gateway() {
    let aborted = |command: &[&str], directory: &std::path::Path, is_ready: &dyn Fn(&mut Child)| {
        let unlimited = "ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\"";
        let mut child = Command::new("sh")
            .args(["-c", unlimited])
            .args(command)
            .current_dir(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        is_ready(&mut child);
        assert!(Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().unwrap().success());
        child.wait().unwrap()
    };
    let directory = sandbox_directory();
    let said = |child: &mut Child| {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
    };
    let other = aborted(&["sh", "-c", "echo ready; exec sleep 60"], directory.path(), &said);
    assert_eq!(other.signal(), Some(6));
    if !other.core_dumped() {
        println!("LEFT OUT: nothing dumps a core on this machine");
        return;
    }
    let served = aborted(&[env!("CARGO_BIN_EXE_comity"), "dev", "--dir", "."], directory.path(), &said);
    assert_eq!(served.signal(), Some(6));
    assert!(!served.core_dumped(), "a core was dumped");
}

#[test]
fn whoever_asks_is_told_that_it_is_alive_until_it_stops() {
    let mut manager = Manager::start(Some(200));
    assert_eq!(manager.told(), ["READY=1"]);
    let begun = Instant::now();
    for _ in 0..10 {
        assert_eq!(manager.told(), ["WATCHDOG=1"]);
    }
    // Twice in each period, and no more often: the first comes at once.
    assert!(begun.elapsed() >= Duration::from_millis(800), "{:?}", begun.elapsed());
    manager.signal("TERM");
    assert_eq!(manager.told_besides(), ["STOPPING=1"]);
    assert_eq!(manager.rest(), Vec::<String>::new());
}
