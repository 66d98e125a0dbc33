//! The address of a database server, and how its identity is checked. No text made of it holds the password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::files::read_secret;
use crate::store::StoreError;
use crate::store::postgres::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A dead peer is noticed after about ten seconds, whether or not anything was sent.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_TRIES: u32 = 3;
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// The address of a database that may hold a store: `postgres://USER@HOST:PORT,HOST:PORT/DATABASE?sslrootcert=PATH`.
///
/// Every host MUST present a certificate for its own name, issued under `sslrootcert`. In addition to libpq's
/// parameters there is `passfile`: a file that holds only the password and that only its owner can read. It is read
/// again for each connection.
#[derive(Clone)]
pub struct Address(Arc<Parts>);

struct Parts {
    /// One for each host, in the order they are tried.
    hosts: Vec<Config>,
    shuffled: bool,
    passfile: Option<PathBuf>,
    tls: MakeRustlsConnect,
    printable: String,
}

impl Address {
    /// Parses a URL. Relative paths in it start at `base`.
    pub fn parse(url: &str, base: &Path) -> Result<Self, StoreError> {
        let url = Url::split(url)?;
        let path = |name: &str| url.own(name).map(|path| base.join(path));
        if url.own("sslmode").is_some_and(|mode| mode != "verify-full") {
            return refused("sslmode must be verify-full: the server's certificate and name are always checked");
        }
        let Some(authority) = path("sslrootcert") else {
            return refused("sslrootcert must name the file with the authority that the server's certificate is from");
        };
        let own_certificate = match (path("sslcert"), path("sslkey")) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(_), None) | (None, Some(_)) => return refused("sslcert and sslkey go together"),
        };
        let tls = tls::connector(&authority, own_certificate.as_ref().map(|(chain, key)| (&**chain, &**key)))?;
        let config: Config = url.rest().parse().or_else(|_| refused("is not a PostgreSQL URL of a known layout"))?;
        if ![TargetSessionAttrs::Any, TargetSessionAttrs::ReadWrite].contains(&config.get_target_session_attrs()) {
            return refused("target_session_attrs must be read-write");
        }
        let passfile = path("passfile");
        if passfile.is_some() && config.get_password().is_some() {
            return refused("the password is either in the URL or in passfile");
        }
        passfile.as_deref().map(read_password).transpose()?;
        let shuffled = config.get_load_balance_hosts() == LoadBalanceHosts::Random;
        let hosts = hosts(&config, url.sets("keepalives_idle"))?;
        let printable = without_password(&config, &url);
        Ok(Self(Arc::new(Parts { hosts, shuffled, passfile, tls, printable })))
    }

    /// The URL without the password.
    pub fn printable(&self) -> &str {
        &self.0.printable
    }

    /// The hosts to connect to, in the order they are tried.
    pub(super) fn hosts(&self) -> Result<Vec<Config>, StoreError> {
        let mut hosts = self.0.hosts.clone();
        if self.0.shuffled {
            fastrand::shuffle(&mut hosts);
        }
        if let Some(passfile) = &self.0.passfile {
            let password = read_password(passfile)?;
            for host in &mut hosts {
                host.password(&password);
            }
        }
        Ok(hosts)
    }

    pub(super) fn tls(&self) -> MakeRustlsConnect {
        self.0.tls.clone()
    }
}

/// Shows the address without the password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.printable())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.0.printable)
    }
}

fn refused<T>(why: &str) -> Result<T, StoreError> {
    Err(StoreError::Address(why.to_owned()))
}

/// A URL with its parameters split off. Errors never quote the URL: a misplaced part may be the password.
struct Url<'a> {
    before: &'a str,
    /// Names, with their values as written in the URL.
    parameters: Vec<(&'a str, &'a str)>,
}

/// Parameters that we handle ourselves.
const OWN: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "passfile"];

impl<'a> Url<'a> {
    fn split(url: &'a str) -> Result<Self, StoreError> {
        let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) else {
            return refused("does not begin with postgres://");
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if rest.matches('@').count() != authority.matches('@').take(1).count() {
            return refused("an @ other than the one before the host is written %40, and so are / and the like");
        }
        let (before, query) = url.split_once('?').unwrap_or((url, ""));
        let mut parameters = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(parameter) => parameters.push(parameter),
                None => return refused("has a parameter without a value"),
            }
        }
        Ok(Self { before, parameters })
    }

    fn sets(&self, name: &str) -> bool {
        self.parameters.iter().any(|(set, _)| *set == name)
    }

    fn own(&self, name: &str) -> Option<String> {
        let (_, value) = self.parameters.iter().rev().find(|(set, _)| *set == name)?;
        decoded(value)
    }

    /// The URL that is left for the library to parse.
    fn rest(&self) -> String {
        let others = self.parameters.iter().filter(|(name, _)| !OWN.contains(name));
        let others: Vec<String> = others.map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}?{}", self.before, others.join("&"))
    }
}

/// Decodes `%41` to `A`. `None` if the result is not UTF-8.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.split_at_checked(2).filter(|_| *first == b'%');
        let byte = escaped.and_then(|(digits, rest)| Some((*hex::decode(digits).ok()?.first()?, rest)));
        let (byte, after) = byte.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// A configuration for each host alone, so that a silent host costs only its own time.
fn hosts(config: &Config, keepalives_given: bool) -> Result<Vec<Config>, StoreError> {
    let names = config.get_hosts();
    if names.is_empty() {
        return refused("names no host");
    }
    if ![0, names.len()].contains(&config.get_hostaddrs().len())
        || ![1, names.len()].contains(&config.get_ports().len())
    {
        return refused("has not as many ports or addresses as hosts");
    }
    let one = |(at, name): (usize, &Host)| {
        let Host::Tcp(name) = name else { return refused("a host must have a name, which its certificate is in") };
        let mut one = Config::new();
        one.host(name.as_str());
        config.get_hostaddrs().get(at).map(|address| one.hostaddr(*address));
        config.get_ports().get(at).or(config.get_ports().first()).map(|port| one.port(*port));
        config.get_user().map(|user| one.user(user));
        config.get_password().map(|password| one.password(password));
        config.get_dbname().map(|database| one.dbname(database));
        config.get_options().map(|options| one.options(options));
        one.application_name(config.get_application_name().unwrap_or("comity"));
        one.ssl_mode(SslMode::Require).ssl_negotiation(config.get_ssl_negotiation());
        one.channel_binding(config.get_channel_binding());
        one.target_session_attrs(TargetSessionAttrs::ReadWrite);
        one.connect_timeout(config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT));
        one.tcp_user_timeout(config.get_tcp_user_timeout().copied().unwrap_or(UNACKNOWLEDGED));
        one.keepalives(config.get_keepalives());
        one.keepalives_idle(if keepalives_given { config.get_keepalives_idle() } else { KEEPALIVE_IDLE });
        one.keepalives_interval(config.get_keepalives_interval().unwrap_or(KEEPALIVE_INTERVAL));
        one.keepalives_retries(config.get_keepalives_retries().unwrap_or(KEEPALIVE_TRIES));
        Ok(one)
    };
    names.iter().enumerate().map(one).collect()
}

fn without_password(config: &Config, url: &Url<'_>) -> String {
    let host = |(at, host): (usize, &Host)| {
        let name = match host {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]"),
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        let port = config.get_ports().get(at).or(config.get_ports().first()).copied().unwrap_or(5_432);
        format!("{name}:{port}")
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    let user = config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
    let database = config.get_dbname().unwrap_or_default();
    let parameters = url.parameters.iter().filter(|(name, _)| *name != "password");
    let parameters: Vec<String> = parameters.map(|(name, value)| format!("{name}={value}")).collect();
    format!("postgres://{user}{}/{database}?{}", hosts.join(","), parameters.join("&"))
}

/// Reads the password from a secret file.
fn read_password(path: &Path) -> Result<String, StoreError> {
    let password = read_secret(path).map_err(|error| StoreError::Address(format!("passfile: {error}")))?;
    let password = password.trim_end_matches(['\n', '\r']);
    if password.is_empty() || password.contains('\n') {
        refused("passfile must hold the password, in one line")
    } else {
        Ok(password.to_owned())
    }
}
