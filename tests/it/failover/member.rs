//! One member of a cluster: Patroni and the PostgreSQL that it runs, and how they are killed and cut off.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use comity::sandbox::private_postgres::OrdinaryUser;

const GUARDIAN: &str = include_str!("guardian.py");
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const LOG_LINES: usize = 25;

/// A program and all that comes of it, which end with this value or with the process that holds it.
#[derive(Debug)]
pub(crate) struct Guarded(Child);

impl Guarded {
    pub(crate) fn start(user: OrdinaryUser, home: &Path, log: &Path, words: &[String]) -> Self {
        let child = user
            .command(Path::new("/usr/bin/python3"), home)
            .args(["-I", "-c", GUARDIAN])
            .arg(log)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Else an interrupt from the terminal would end the program before its guardian.
            .process_group(0)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Has every process stopped (`s`), or lets it go on (`c`).
    fn tell(&mut self, letter: u8) {
        self.0.stdin.as_mut().unwrap().write_all(&[letter]).unwrap();
        let mut answer = [0];
        self.0.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
        assert_eq!(answer, [letter]);
    }
}

impl Drop for Guarded {
    /// Returns when no process is left.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// How a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Running,
    Killed,
    CutOff,
}

/// A member of a cluster.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) port: u16,
    api_port: u16,
    user: OrdinaryUser,
    /// Its directory: `data`, what Patroni was told, and a log.
    place: PathBuf,
    guarded: Option<Guarded>,
    pub(crate) condition: Condition,
}

/// What the members of a cluster share.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) user: OrdinaryUser,
    /// Holds `server.pem` and `server.key`.
    pub(crate) place: &'a Path,
    pub(crate) binaries: &'a Path,
    pub(crate) etcd_port: u16,
    pub(crate) password: &'a str,
}

impl Member {
    /// Writes down what Patroni is to do, and starts it.
    pub(crate) fn start(name: &str, port: u16, api_port: u16, shared: &Shared<'_>) -> Self {
        let place = shared.place.join(name);
        shared.user.make_directory(&place).unwrap();
        let told = settings(name, port, api_port, &place, shared);
        shared.user.give(&place.join("patroni.yml"), &told).unwrap();
        let mut member = Self {
            name: name.to_owned(),
            port,
            api_port,
            user: shared.user,
            place,
            guarded: None,
            condition: Condition::Killed,
        };
        member.run();
        member
    }

    pub(crate) fn run(&mut self) {
        assert_eq!(self.condition, Condition::Killed, "{} runs", self.name);
        let words = ["/usr/bin/patroni".to_owned(), self.place.join("patroni.yml").display().to_string()];
        self.guarded = Some(Guarded::start(self.user, &self.place, &self.log(), &words));
        self.condition = Condition::Running;
    }

    /// Stops every process where it stands, then kills them all.
    pub(crate) fn kill(&mut self) {
        drop(self.guarded.take());
        self.condition = Condition::Killed;
        // As nothing of a machine that failed runs on; the next server must not take an id for this one's.
        drop(fs::remove_file(self.place.join("data/postmaster.pid")));
    }

    /// Stops every process: whoever asks it something gets no answer, and finds no closed door either.
    pub(crate) fn cut(&mut self) {
        assert_eq!(self.condition, Condition::Running, "{} does not run", self.name);
        self.guarded.as_mut().unwrap().tell(b's');
        self.condition = Condition::CutOff;
    }

    pub(crate) fn mend(&mut self) {
        assert_eq!(self.condition, Condition::CutOff, "{} is not cut off", self.name);
        self.guarded.as_mut().unwrap().tell(b'c');
        self.condition = Condition::Running;
    }

    /// Whether Patroni answers with yes: `primary` is asked of a leader, `sync` of who may become the next one.
    pub(crate) fn is(&self, role: &str) -> bool {
        self.condition == Condition::Running && self.status(role).is_some_and(|status| status == "200")
    }

    fn status(&self, path: &str) -> Option<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.api_port));
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT).ok()?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).ok()?;
        stream.write_all(format!("GET /{path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1).map(str::to_owned)
    }

    fn log(&self) -> PathBuf {
        self.place.join("log")
    }

    /// What it said last.
    pub(crate) fn last_words(&self) -> String {
        format!("== {} {:?}\n{}", self.name, self.condition, tail(&self.log()))
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

/// What Patroni is told: JSON would do, but this is how its manual writes it.
fn settings(name: &str, port: u16, api_port: u16, place: &Path, shared: &Shared<'_>) -> String {
    let (place, top) = (place.display(), shared.place.display());
    let (binaries, etcd_port, password) = (shared.binaries.display(), shared.etcd_port, shared.password);
    format!(
        r"
scope: comity
name: {name}
restapi: {{listen: '127.0.0.1:{api_port}', connect_address: '127.0.0.1:{api_port}'}}
etcd3: {{host: '127.0.0.1:{etcd_port}'}}
watchdog: {{mode: 'off'}}
bootstrap:
  dcs:
    # Patroni wants ttl >= loop_wait + 2 * retry_timeout, and no ttl under 20.
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    maximum_lag_on_failover: 65536
    synchronous_mode: true
    synchronous_mode_strict: true
    # What has to be the same everywhere is taken from here alone.
    postgresql: {{parameters: {{max_connections: 60, wal_keep_size: 256MB}}}}
  initdb: [encoding: UTF8, locale: C, no-sync]
postgresql:
  listen: '127.0.0.1:{port}'
  connect_address: '127.0.0.1:{port}'
  data_dir: '{place}/data'
  bin_dir: '{binaries}'
  pgpass: '{place}/pgpass'
  use_slots: true
  use_pg_rewind: false
  # A primary that was killed with more than the others have begins anew from a copy of theirs.
  remove_data_directory_on_diverged_timelines: true
  remove_data_directory_on_rewind_failure: true
  basebackup: [checkpoint: fast, no-sync]
  authentication:
    superuser: {{username: comity, password: '{password}'}}
    replication: {{username: follower, password: '{password}'}}
  parameters:
    unix_socket_directories: ''
    ssl: 'on'
    ssl_min_protocol_version: TLSv1.3
    ssl_cert_file: '{top}/server.pem'
    ssl_key_file: '{top}/server.key'
    password_encryption: scram-sha-256
    fsync: 'on'
    synchronous_commit: 'on'
    shared_buffers: 32MB
    # A follower that is silent for so long is given up, so that another can take its place.
    wal_sender_timeout: 5s
    wal_receiver_timeout: 5s
    wal_retrieve_retry_interval: 1s
    log_line_prefix: '%m [%p] %a '
    lc_messages: C
  pg_hba:
    - local all all reject
    - hostssl all comity 127.0.0.1/32 scram-sha-256
    - hostssl replication follower 127.0.0.1/32 scram-sha-256
"
    )
}
