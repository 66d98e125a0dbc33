//! A PostgreSQL server for tests: the one that `tests/run` has started, or else one of this process. Each test has a schema
//! or a database of its own on it.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use comity::identity::development::{CertificateOptions, DevelopmentAuthority};
use comity::sandbox::private_postgres::{Durability, PrivateServer, Tls, binaries};
use comity::store::postgres::Address;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Names the URL of a server that is there already.
const URL: &str = "COMITY_POSTGRES";
/// Names a file: the URL is written there, and the server runs until standard input ends.
const SERVE: &str = "COMITY_POSTGRES_SERVE";

static SHARED: LazyLock<Option<Shared>> = LazyLock::new(Shared::find);

struct Shared {
    url: String,
    /// Stops by itself with this process.
    _server: Option<PrivateServer>,
}

impl Shared {
    fn find() -> Option<Self> {
        if let Some(url) = std::env::var_os(URL) {
            let url = url.into_string().unwrap();
            return Some(Self { url, _server: None });
        }
        let server = start(Durability::Unsynced)?;
        Some(Self { url: server.url(), _server: Some(server) })
    }
}

/// Whether this machine has a server. If not, that is said aloud.
pub(crate) fn is_there() -> bool {
    SHARED.is_some()
}

/// A server of a test's own. None, said aloud, where this machine has no PostgreSQL.
pub(crate) fn start(durability: Durability) -> Option<PrivateServer> {
    if let Err(error) = binaries() {
        assert!(std::env::var_os("CI").is_none(), "{error:#}");
        // Not by `eprintln`, which tests that pass keep to themselves.
        writeln!(io::stderr(), "LEFT OUT: the store in PostgreSQL ({error:#})").unwrap();
        return None;
    }
    let (tls, _) = certificates("localhost");
    Some(PrivateServer::start(&place(), &tls, durability).unwrap())
}

/// What a server of this name shows, and another authority.
pub(crate) fn certificates(name: &str) -> (Tls, String) {
    let now = Timestamp::now();
    let authority = DevelopmentAuthority::generate("database authority", now).unwrap();
    let stranger = DevelopmentAuthority::generate("another authority", now).unwrap();
    let options = CertificateOptions {
        dns_names: vec![name.to_owned()],
        addresses: Vec::new(),
        ..CertificateOptions::server(now)
    };
    let certificate = authority.issue(&options).unwrap();
    let tls = Tls {
        certificate_pem: certificate.pem,
        key_pem: certificate.key_pem,
        authority_pem: authority.certificate.pem,
    };
    (tls, stranger.certificate.pem)
}

/// A directory that is gone with this process, or when the next one looks.
pub(crate) fn place() -> std::path::PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres");
    fs::create_dir_all(&all).unwrap();
    for entry in fs::read_dir(&all).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let process = name.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
    all.join(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst)))
}

/// A place on the shared server for one test.
#[derive(Debug)]
pub(crate) struct Database {
    url: String,
}

impl Database {
    /// An empty schema: what differs from a database is only what is set for a whole one.
    pub(crate) fn schema() -> Option<Self> {
        let shared = Self { url: SHARED.as_ref()?.url.clone() };
        let name = fresh();
        shared.run(&format!("CREATE SCHEMA {name}"));
        Some(Self { url: format!("{}&options=-csearch_path%3D{name}", shared.url) })
    }

    /// Ends every other connection to the database, as the server does when it goes down.
    pub(crate) fn drop_connections(&self) {
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }

    /// An empty database.
    pub(crate) fn whole() -> Option<Self> {
        let shared = Self { url: SHARED.as_ref()?.url.clone() };
        let name = fresh();
        shared.run(&format!("CREATE DATABASE {name}"));
        let (before, parameters) = shared.url.split_once('?').unwrap();
        let (server, _) = before.rsplit_once('/').unwrap();
        Some(Self { url: format!("{server}/{name}?{parameters}") })
    }

    /// The first database of a server of a test's own.
    pub(crate) fn of(server: &PrivateServer) -> Self {
        Self { url: server.url() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn address(&self) -> Address {
        Address::parse(&self.url, Path::new("/")).unwrap()
    }

    /// Runs SQL over a connection of its own. The first column of each row.
    pub(crate) fn run(&self, sql: &str) -> Vec<String> {
        self.try_run(sql).unwrap()
    }

    pub(crate) fn try_run(&self, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
        // On a thread of its own: tests may be inside a runtime.
        std::thread::scope(|scope| scope.spawn(|| self.run_here(sql)).join().unwrap())
    }

    fn run_here(&self, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
        let (before, parameters) = self.url.split_once('?').unwrap();
        let is_authority = |part: &&str| part.starts_with("sslrootcert=");
        let authority = parameters.split('&').find(is_authority).unwrap().trim_start_matches("sslrootcert=");
        let rest: Vec<&str> = parameters.split('&').filter(|part| !is_authority(part)).collect();
        let url = format!("{before}?sslmode=require&{}", rest.join("&"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tls(Path::new(authority))).await?;
            tokio::spawn(connection);
            let messages = client.simple_query(sql).await?;
            let row = |message: &SimpleQueryMessage| {
                let SimpleQueryMessage::Row(row) = message else { return None };
                Some(row.get(0).unwrap_or_default().to_owned())
            };
            Ok(messages.iter().filter_map(row).collect())
        })
    }
}

fn tls(authority: &Path) -> MakeRustlsConnect {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// A name that nobody has: processes share the server.
fn fresh() -> String {
    format!("t{}", uuid::Uuid::new_v4().simple())
}

/// For `tests/run`: one server for the tests of every process.
#[test]
fn serves_other_processes_when_asked() {
    let Some(file) = std::env::var_os(SERVE) else { return };
    let Some(server) = start(Durability::Unsynced) else { return };
    let written = Path::new(&file).with_extension("part");
    File::create(&written).unwrap().write_all(server.url().as_bytes()).unwrap();
    fs::rename(&written, &file).unwrap();
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    fs::remove_file(&file).unwrap();
}
