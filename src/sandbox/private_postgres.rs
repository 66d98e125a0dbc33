//! A private PostgreSQL server for demos and tests: the machine's own binaries, run as an ordinary user in a directory.

mod ordinary;

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::sandbox::files::write_public;

pub use ordinary::{OrdinaryUser, ordinary_user};
use ordinary::{children_of, output_of, parent_of, signal};

/// Its superuser and first database.
const NAME: &str = "comity";
/// Where Debian keeps one directory for each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// A free port may be taken before the server binds it.
const PORT_TRIES: u32 = 5;
const KILL_LIMIT: Duration = Duration::from_secs(10);
const START_LIMIT_S: &str = "60";
/// Stops the server in a directory once its input is closed, and removes the directory if one is given.
const WATCHER: &str = r#"read -r _; "$1" -D "$2" -m immediate stop; [ -z "$3" ] || rm -rf -- "$3""#;

/// A server that stops with this value, or with the process that holds it.
pub struct PrivateServer {
    binaries: PathBuf,
    user: OrdinaryUser,
    place: PathBuf,
    port: u16,
    password: String,
    /// Its input is a pipe that the system closes when we end, however we end. Then it stops the server.
    watcher: Child,
}

/// Whether a commit that the server acknowledged survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Yes: every commit is synced, as in production.
    Synced,
    /// No: for tests, where a sync only costs time.
    Unsynced,
}

/// The server's certificate, which clients see at `localhost`, and the authority they trust.
#[derive(Clone)]
pub struct Tls {
    /// The server's certificate and its intermediates.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: String,
    /// The certificate that clients trust.
    pub authority_pem: String,
}

impl PrivateServer {
    /// Makes a server with an empty database `comity` and starts it. The directory is created if needed and then
    /// belongs to the ordinary user. If that user cannot reach it (a temporary directory of root's, for example),
    /// everything is kept in a temporary directory instead, which is removed with the server.
    pub fn start(directory: &Path, tls: &Tls, durability: Durability) -> Result<Self> {
        let (binaries, user) = (binaries()?, ordinary_user()?);
        let (place, away) = directory_for(directory, user)?;
        let pg_ctl = binaries.join("pg_ctl");
        let watcher = user
            .command(Path::new("/bin/sh"), &place)
            .args(["-c", WATCHER, "watcher"])
            .args([&pg_ctl, &place.join("data"), &if away { place.clone() } else { PathBuf::new() }])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Otherwise an interrupt from the terminal would end the watcher with us.
            .process_group(0)
            .spawn()
            .context("cannot start /bin/sh")?;
        let mut server = Self { binaries, user, place, port: 0, password: random_hex()?, watcher };
        server.prepare(tls)?;
        server.start_on_a_free_port(durability)?;
        server.create_database(NAME)?;
        Ok(server)
    }

    /// The URL of the database `comity`, with the password.
    pub fn url(&self) -> String {
        self.url_of(NAME)
    }

    /// The URL of a database, with the password.
    pub fn url_of(&self, database: &str) -> String {
        let authority = percent_encoded(&self.authority().display().to_string());
        let (password, port) = (&self.password, self.port);
        format!("postgres://{NAME}:{password}@localhost:{port}/{database}?sslrootcert={authority}")
    }

    /// Adds an empty database.
    pub fn create_database(&self, name: &str) -> Result<()> {
        output_of(self.client("createdb").args(["--", name])).map(drop)
    }

    /// A client program (`psql`, `pg_dump`), with its connection settings in the environment.
    pub fn client(&self, program: &str) -> Command {
        let mut command = self.user.command(&self.binaries.join(program), &self.place);
        command.envs([
            ("PGHOST", "localhost"),
            ("PGUSER", NAME),
            ("PGDATABASE", "postgres"),
            ("PGSSLMODE", "verify-full"),
        ]);
        command.env("PGPORT", self.port.to_string()).env("PGPASSWORD", &self.password);
        command.env("PGSSLROOTCERT", self.authority()).env("PGCONNECT_TIMEOUT", "10");
        command
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file that the server logs to.
    pub fn log(&self) -> PathBuf {
        self.place.join("log")
    }

    /// Closes every connection and stops the server in good order.
    pub fn stop(&self) -> Result<()> {
        output_of(self.control().args(["-m", "fast", "stop"])).map(drop)
    }

    /// Starts a stopped or killed server again on the same port.
    pub fn start_again(&self) -> Result<()> {
        let limit = ["-w", "-t", START_LIMIT_S, "-l"];
        let started = output_of(self.control().args(limit).arg(self.log()).arg("start"));
        started.map(drop).with_context(|| format!("the server logged:\n{}", tail(&self.log())))
    }

    /// Kills the server and all its processes, as if the machine had failed.
    pub fn kill(&self) -> Result<()> {
        let lock = self.place.join("data/postmaster.pid");
        let file = fs::read_to_string(&lock).context("no server runs")?;
        let postmaster = file.lines().next().unwrap_or_default().trim().parse().context("no process id")?;
        // Stop it first, so that it starts no more children while they are counted.
        signal("STOP", &[postmaster])?;
        let mut all = children_of(postmaster);
        all.push(postmaster);
        signal("KILL", &all)?;
        let begun = Instant::now();
        while all.iter().any(|&pid| parent_of(pid).is_some()) {
            ensure!(begun.elapsed() < KILL_LIMIT, "the server outlives its killing");
            sleep(Duration::from_millis(5));
        }
        // Until the process is reaped its id is taken, and the next server would believe that it still runs.
        fs::remove_file(lock).context("cannot remove the lock of a dead server")
    }

    fn prepare(&self, tls: &Tls) -> Result<()> {
        let password = self.place.join("password");
        self.user.give(&password, &self.password)?;
        self.user.give(&self.place.join("server.key"), &tls.key_pem)?;
        write_public(&self.place.join("server.pem"), &tls.certificate_pem)?;
        write_public(&self.authority(), &tls.authority_pem)?;
        // Not synced: a new database holds nothing of value.
        let words = ["--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C", "--username", NAME];
        let auth = ["--auth-local=reject", "--auth-host=scram-sha-256", "--pwfile"];
        let mut initdb = self.user.command(&self.binaries.join("initdb"), &self.place);
        output_of(initdb.args(words).args(auth).arg(&password).arg("--pgdata").arg(self.place.join("data")))?;
        fs::remove_file(&password)?;
        // Only with TLS and with the password.
        let access = "local all all reject\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        self.user.give(&self.place.join("data/pg_hba.conf"), access)
    }

    fn start_on_a_free_port(&mut self, durability: Durability) -> Result<()> {
        let mut tries = 1;
        loop {
            self.port = free_port()?;
            let settings = settings(self.port, &self.place, durability);
            self.user.give(&self.place.join("data/postgresql.conf"), &settings)?;
            let failed = match self.start_again() {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            if tries == PORT_TRIES || !tail(&self.log()).contains("Address already in use") {
                return Err(failed);
            }
            fs::remove_file(self.log())?;
            tries += 1;
        }
    }

    fn control(&self) -> Command {
        let mut command = self.user.command(&self.binaries.join("pg_ctl"), &self.place);
        command.arg("-D").arg(self.place.join("data"));
        command
    }

    fn authority(&self) -> PathBuf {
        self.place.join("authority.pem")
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        // Closing its input makes the watcher stop the server, just as if we had been killed.
        drop(self.watcher.stdin.take());
        self.watcher.wait().ok();
    }
}

impl fmt::Debug for PrivateServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateServer").field("place", &self.place).field("port", &self.port).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

/// The directory of `initdb`, `pg_ctl` and `postgres`: the newest version on this machine.
pub fn binaries() -> Result<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let found = fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut versions: Vec<PathBuf> = found.filter(|path| version(path).is_some()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(version(path)));
    let elsewhere = ["/usr/local/pgsql/bin", "/usr/bin"].map(PathBuf::from);
    let has_all = |path: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| path.join(name).is_file());
    let mut places = versions.into_iter().map(|path| path.join("bin")).chain(elsewhere);
    places.find(has_all).context("no PostgreSQL server is installed here: apt-get install postgresql")
}

/// A free port on 127.0.0.1, as [`free_ports`].
pub fn free_port() -> Result<u16> {
    free_ports(1)?.into_iter().next().context("no port is free")
}

/// Distinct free ports on 127.0.0.1. They are below the ephemeral range, so that a server that is stopped for a while
/// finds its port free again.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    let mut held = Vec::new();
    while held.len() < count {
        // The system's choice of an ephemeral port serves as a random number.
        let lent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, 18_000 + lent % 14_000)));
    }
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// The directory of the server, and whether it differs from the one asked for.
fn directory_for(directory: &Path, user: OrdinaryUser) -> Result<(PathBuf, bool)> {
    user.make_directory(directory)?;
    let place = fs::canonicalize(directory)?;
    // Ask as that user, since every parent directory matters.
    if user.command(Path::new("/usr/bin/test"), Path::new("/")).arg("-w").arg(&place).status()?.success() {
        return Ok((place, false));
    }
    let place = std::env::temp_dir().join(format!("comity-postgres-{}", random_hex()?));
    user.make_directory(&place)?;
    Ok((place, true))
}

fn settings(port: u16, place: &Path, durability: Durability) -> String {
    // The configuration file doubles a quote within a path.
    let file = |name: &str| place.join(name).display().to_string().replace('\'', "''");
    let synced = if durability == Durability::Synced { "on" } else { "off" };
    format!(
        "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 100\n\
         ssl = on\nssl_min_protocol_version = 'TLSv1.3'\nssl_cert_file = '{}'\nssl_key_file = '{}'\n\
         password_encryption = 'scram-sha-256'\nwal_level = replica\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n\
         lc_messages = 'C'\nlog_line_prefix = '%m [%p] %a '\n\
         fsync = {synced}\nsynchronous_commit = {synced}\nfull_page_writes = {synced}\n",
        file("server.pem"),
        file("server.key")
    )
}

fn random_hex() -> Result<String> {
    let mut bytes = [0; 24];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}")?;
    }
    Ok(hex)
}

fn percent_encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
