//! PostgreSQL as the second store is meant to be run: three members, of which one leads and one always has what was
//! acknowledged (Patroni, with etcd as its memory). All on this machine, in a temporary directory, as an ordinary user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use comity::sandbox::files::write_public;
use comity::sandbox::private_postgres::{OrdinaryUser, Tls, binaries, free_ports, ordinary_user};
use tempfile::TempDir;

use crate::failover::member::{Condition, Guarded, Member, Shared, tail};

const ETCD: &str = "/usr/bin/etcd";
const START_LIMIT: Duration = Duration::from_mins(2);
const CHANGE_LIMIT: Duration = Duration::from_secs(90);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A cluster that runs. Members are told by their number, from 0 on.
#[derive(Debug)]
pub(crate) struct Cluster {
    // In this order: whoever has lost his etcd does not stay leader.
    members: Vec<Member>,
    _etcd: Guarded,
    user: OrdinaryUser,
    binaries: PathBuf,
    password: String,
    // Last, so that it is removed when everybody has gone.
    directory: TempDir,
}

/// Whether a cluster can run on this machine; what is missing, if not.
pub(crate) fn is_possible() -> Result<(), String> {
    binaries().map_err(|missing| missing.to_string())?;
    for (program, package) in [(ETCD, "etcd-server"), ("/usr/bin/patroni", "patroni"), ("/usr/bin/python3", "python3")]
    {
        if !Path::new(program).exists() {
            return Err(format!("{program} is missing: apt-get install {package}"));
        }
    }
    Ok(())
}

impl Cluster {
    /// Returns when one member leads, the others follow, one of them synchronously, and all hold a database `comity`.
    pub(crate) fn start(tls: &Tls) -> Self {
        let (user, binaries) = (ordinary_user().unwrap(), binaries().unwrap());
        let directory = tempfile::Builder::new().prefix("comity-cluster-").tempdir().unwrap();
        let place = directory.path();
        user.make_directory(place).unwrap();
        user.give(&place.join("server.key"), &tls.key_pem).unwrap();
        write_public(&place.join("server.pem"), &tls.certificate_pem).unwrap();
        write_public(&place.join("authority.pem"), &tls.authority_pem).unwrap();
        let password = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap().trim().to_owned();
        let ports = free_ports(8).unwrap();
        let etcd = start_etcd(user, place, ports[0], ports[1]);
        let shared = Shared { user, place, binaries: &binaries, etcd_port: ports[0], password: &password };
        let member = |number: usize| {
            Member::start(&format!("member{number}"), ports[2 + 2 * number], ports[3 + 2 * number], &shared)
        };
        let members = (0..3).map(member).collect();
        let cluster = Self { members, _etcd: etcd, user, binaries, password, directory };
        cluster.wait_until("it is healthy", START_LIMIT, || cluster.is_healthy().then_some(()));
        // A write, and so accepted only once another member has it; the third has it a little later.
        cluster.ask(cluster.leader(), "postgres", "CREATE DATABASE comity").unwrap();
        let everywhere = || (0..cluster.members.len()).all(|member| cluster.ask(member, "comity", "SELECT 1").is_ok());
        cluster.wait_until("everybody holds the database", CHANGE_LIMIT, || everywhere().then_some(()));
        cluster
    }

    /// How clients reach the database `comity`, whoever leads. Holds the password.
    pub(crate) fn url(&self) -> String {
        let hosts: Vec<String> = self.members.iter().map(|member| format!("localhost:{}", member.port)).collect();
        format!(
            "postgres://comity:{}@{}/comity?target_session_attrs=read-write&connect_timeout=2&sslrootcert={}",
            self.password,
            hosts.join(","),
            self.authority().display()
        )
    }

    /// Who leads. While nobody does, waits.
    pub(crate) fn leader(&self) -> usize {
        self.wait_until("somebody leads", CHANGE_LIMIT, || self.find("primary"))
    }

    /// Who has everything that was acknowledged, and follows if the leader falls. While nobody does, waits.
    pub(crate) fn synchronous_standby(&self) -> usize {
        self.wait_until("somebody is synchronous", CHANGE_LIMIT, || self.synchronous_standby_now())
    }

    /// A leader and all other members, each of which streams from it, one synchronously.
    pub(crate) fn wait_for_healthy(&self, limit: Duration) {
        assert!(self.members.iter().all(|member| member.condition == Condition::Running), "{self:?}");
        self.wait_until("it is healthy", limit, || self.is_healthy().then_some(()));
    }

    /// The machine of a member fails: none of its processes runs on.
    pub(crate) fn kill(&mut self, member: usize) {
        self.members[member].kill();
    }

    /// Starts a member that was killed.
    pub(crate) fn start_member(&mut self, member: usize) {
        self.members[member].run();
    }

    /// A member answers nothing any more, and hears nothing.
    pub(crate) fn cut(&mut self, member: usize) {
        self.members[member].cut();
    }

    /// A member that was cut off goes on where it was.
    pub(crate) fn mend(&mut self, member: usize) {
        self.members[member].mend();
    }

    /// Asks one member something in SQL, by `psql`; lines of values, or what was wrong.
    pub(crate) fn ask(&self, member: usize, database: &str, sql: &str) -> Result<String, String> {
        let output = self.psql(database, sql).env("PGPORT", self.members[member].port.to_string()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut command = self.user.command(Path::new("/usr/bin/timeout"), self.directory.path());
        command.arg("20").arg(self.binaries.join("psql")).args(["-X", "-A", "-t", "-q", "-d", database, "-c", sql]);
        command.envs([("PGHOST", "localhost"), ("PGUSER", "comity"), ("PGCONNECT_TIMEOUT", "2")]);
        command.env("PGPASSWORD", &self.password).env("PGSSLMODE", "verify-full");
        command.env("PGSSLROOTCERT", self.authority());
        command
    }

    fn is_healthy(&self) -> bool {
        let Some(leader) = self.find("primary") else { return false };
        let streaming =
            self.ask(leader, "postgres", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'");
        let expected = (self.members.len() - 1).to_string();
        streaming.is_ok_and(|count| count == expected) && self.synchronous_standby_now().is_some()
    }

    fn synchronous_standby_now(&self) -> Option<usize> {
        let sql = "SELECT application_name FROM pg_stat_replication WHERE sync_state = 'sync'";
        let name = self.ask(self.find("primary")?, "postgres", sql).ok()?;
        let member = self.members.iter().position(|member| member.name == name)?;
        // PostgreSQL waits for it; but only if Patroni has written that down too may it lead.
        self.members[member].is("sync").then_some(member)
    }

    fn find(&self, role: &str) -> Option<usize> {
        self.members.iter().position(|member| member.is(role))
    }

    fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    fn wait_until<T>(&self, what: &str, limit: Duration, tried: impl Fn() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = tried() {
                return found;
            }
            assert!(begun.elapsed() < limit, "{limit:?} have passed before {what}\n{}", self.last_words());
            sleep(ASK_AGAIN_AFTER);
        }
    }

    /// What everybody said last.
    pub(crate) fn last_words(&self) -> String {
        let members: Vec<String> = self.members.iter().map(Member::last_words).collect();
        format!("{}\n== etcd\n{}", members.join("\n"), tail(&self.directory.path().join("etcd.log")))
    }
}

fn start_etcd(user: OrdinaryUser, place: &Path, port: u16, peer_port: u16) -> Guarded {
    let (own, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer_port}"));
    let words = [
        ETCD.to_owned(),
        format!("--data-dir={}", place.join("etcd").display()),
        format!("--listen-client-urls={own}"),
        format!("--advertise-client-urls={own}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
    ];
    Guarded::start(user, place, &place.join("etcd.log"), &words)
}
