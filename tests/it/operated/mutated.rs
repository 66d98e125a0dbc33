//! Whatever becomes of a configuration and the files that it names: `check-config` says good exactly when `serve` becomes
//! ready and answers a write.
//!
//! `COMITY_MUTATED` says how many configurations, `COMITY_MUTATED_SEED` from which seed. The whole of it is 2,000.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use comity::client::{self, Client, Retry};
use comity::config::Config;
use comity::domain::agency::ActorKind;
use comity::identity::clock::WallClock;
use comity::sandbox::{Sandbox, credential_files, mint_for};
use comity::server::{Environment, Gateway, check, check_start};
use fastrand::Rng;

use crate::flood::told;
use crate::harness::requests::{detainer_for, intake_at};
use crate::harness::sandbox_directory;

const CASES: u64 = 200;
const SEED: u64 = 1;

/// What stands in place of a value.
const VALUES: [&str; 41] = [
    "0",
    "1",
    "2",
    "10",
    "100",
    "1000",
    "20000",
    "-1",
    "63",
    "1000000",
    "9223372036854775807",
    "18446744073709551616",
    "1.5",
    "nan",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\" \"",
    "\"x\"",
    "\"us-ny\"",
    "[\"us-ny\"]",
    "[\"us-ny\", \"us-ny\"]",
    "[\"us-ny\", \"us-tx\", \"us-ca\"]",
    "[\"nowhere\"]",
    "\"certs/gateway.pem\"",
    "\"certs/us-ny-ca.pem\"",
    "\"certs/us-ice.pem\"",
    "\"certs/us-ice.key\"",
    "\"certs/us-ny.crl.pem\"",
    "[\"certs/us-ny.crl.pem\"]",
    "\"keys\"",
    "\"keys/log-signing.pem\"",
    "\"certs\"",
    "\"/nowhere/at/all\"",
    "\"127.0.0.1:1\"",
    "\"[::1]:0\"",
    "\"192.0.2.1:8443\"",
    "\"nowhere/comity.db\"",
    "\"certs/comity.db\"",
    "\"2026-02-30\"",
];

/// A sandbox that is put right again after each case.
struct Bench {
    directory: tempfile::TempDir,
    good: String,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Bench {
    fn new() -> Self {
        let directory = sandbox_directory();
        let sandbox = Sandbox::establish(directory.path()).unwrap();
        let mut config = sandbox.config.clone();
        (config.server.listen, config.server.ops_listen) =
            ("127.0.0.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap());
        config.server.workers = 1;
        let tls = [config.tls.certificate.clone(), config.tls.key.clone()];
        let keys = ["log-signing.pem", "wrapping.key", "pseudonym.key", "request-digest.key", "cursor.key"];
        let named = tls
            .into_iter()
            .chain(config.tls.revocation_lists.clone())
            .chain(keys.map(|key| Path::new("keys").join(key)))
            .chain(["federal", "us-ny", "us-tx"].map(|id| format!("certs/{id}-ca.pem").into()))
            .chain(["us-ice", "us-ny-doccs"].map(|id| format!("keys/tokens/{id}.pub.pem").into()));
        let files = named.map(|path| directory.path().join(path)).map(|path| (path.clone(), fs::read(path).unwrap()));
        Self { good: toml::to_string(&config).unwrap(), files: files.collect(), directory }
    }

    fn restore(&self) {
        for (path, text) in &self.files {
            if path.is_dir() {
                fs::remove_dir(path).unwrap();
            }
            if fs::read(path).ok().as_deref() != Some(text) {
                fs::write(path, text).unwrap();
            }
            fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        }
        // What another key or another name has signed would be refused ever after.
        for file in ["comity.db", "comity.db-wal", "comity.db-shm", "comity.db-lock"] {
            let _was_never_made = fs::remove_file(self.directory.path().join(file));
        }
    }

    /// Changes a file that the configuration names; says how.
    fn damage(&self, rng: &mut Rng) -> String {
        let (path, text) = &self.files[rng.usize(..self.files.len())];
        let (_, other) = &self.files[rng.usize(..self.files.len())];
        if !path.is_file() {
            return format!("{} is left as it is", path.display());
        }
        let mut text = text.clone();
        let how = match rng.usize(..11) {
            0 => {
                fs::remove_file(path).unwrap();
                return format!("{} is gone", path.display());
            }
            1 => {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
                return format!("{} is a directory", path.display());
            }
            2 => {
                let mode = [0o600, 0o640, 0o440, 0o644, 0o666][rng.usize(..5)];
                fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
                return format!("{} has the mode {mode:o}", path.display());
            }
            3 => {
                text.truncate(rng.usize(..=text.len()));
                "is cut"
            }
            4 => {
                text.clear();
                "is empty"
            }
            5 => {
                text.clone_from(other);
                "is another"
            }
            6 => {
                text.extend(other);
                "is followed by another"
            }
            7 => {
                text = [&[0xef, 0xbb, 0xbf][..], &text].concat();
                "begins with a mark"
            }
            8 => {
                text = String::from_utf8(text).unwrap().replace('\n', "\r\n").into_bytes();
                "has the line ends of another system"
            }
            9 => {
                let at = rng.usize(..text.len());
                text[at] = rng.u8(..);
                "has another byte"
            }
            _ => {
                text.extend(b"\n# said beside it\n");
                "says more"
            }
        };
        fs::write(path, text).unwrap();
        format!("{} {how}", path.display())
    }

    fn case(&self, seed: u64) -> Result<bool, String> {
        let mut rng = Rng::with_seed(seed);
        let (mut text, mut how) = (self.good.clone(), Vec::new());
        for _ in 0..rng.usize(1..3) {
            if rng.u8(..3) == 0 {
                how.push(self.damage(&mut rng));
            } else {
                how.push(mutate(&mut text, &mut rng));
            }
        }
        let path = self.directory.path().join("comity.toml");
        fs::write(&path, &text).unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let checked = checked(&path, self.directory.path());
            let served = self.served(&path);
            match (&checked, &served) {
                (Ok(()), Ok(())) => Ok(true),
                (Err(_), Err(Served::Not(_))) => Ok(false),
                _ => Err(format!("check-config: {checked:?}; serve: {served:?}")),
            }
        }));
        let outcome = outcome.unwrap_or_else(|_| Err("it panicked".to_owned()));
        outcome.map_err(|error| format!("COMITY_MUTATED=1 COMITY_MUTATED_SEED={seed}: {how:?}\n{error}"))
    }

    /// Starts a gateway, and has it answer a write.
    fn served(&self, path: &Path) -> Result<(), Served> {
        let not = |error: String| Served::Not(error);
        let config = Config::read(path).map_err(|error| not(error.to_string()))?;
        let gateway = Gateway::start(&config, self.directory.path(), Environment::default());
        let gateway = gateway.map_err(|error| not(format!("{:#}", anyhow::Error::from(error))))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let renamed = config.registry.trust_domain != "comity.example";
        let answered = if renamed { Ok(()) } else { runtime.block_on(self.write(&config, &gateway)) };
        drop(runtime);
        let stopped = gateway.stop();
        answered.map_err(Served::Dumb)?;
        stopped.map_err(|error| Served::Dumb(error.to_string()))
    }

    /// Whoever the changed registry still knows writes: one that gets through is enough.
    async fn write(&self, config: &Config, gateway: &Gateway) -> Result<(), String> {
        let mut said = Vec::new();
        for round in 1..5 {
            for agency in ["us-ice", "us-ny-doccs", "us-tx-harris-jail", "us-ny-erie-jail"] {
                match self.write_as(agency, config, gateway.grpc()).await {
                    Ok(()) => return Ok(()),
                    Err(error) => said.push(format!("{agency}: {error}")),
                }
            }
            // The smallest of limits let few calls pass in a second.
            tokio::time::sleep(Duration::from_millis(300 * round)).await;
        }
        Err(said.join("; "))
    }

    async fn write_as(&self, agency: &str, config: &Config, address: SocketAddr) -> Result<(), String> {
        let (directory, token) = (self.directory.path(), &config.token);
        let lifetime_s = token.lifetime_max_s.min(600);
        let minted = mint_for(directory, &token.audience, agency, "clerk", ActorKind::System, lifetime_s).unwrap();
        let credentials = credential_files(directory, agency);
        let client = client::Config::new(address.to_string(), "localhost", credentials, minted.as_str());
        let client = Client::connect(client).await.map_err(|error| error.to_string())?.with_retry(Retry::NEVER);
        let answer = if agency == "us-ice" {
            client.detainers().lodge_detainer(detainer_for("us-ny-doccs")).await.map(|_| ())
        } else {
            client.custodies().open_custody(intake_at(agency)).await.map(|_| ())
        };
        answer.map_err(|status| format!("{:?} {}", status.code(), status.message()))
    }
}

/// Why nobody was served.
#[derive(Debug)]
enum Served {
    /// It did not become ready.
    Not(#[expect(dead_code, reason = "printed")] String),
    /// It became ready, and answered nobody.
    Dumb(#[expect(dead_code, reason = "printed")] String),
}

/// What `check-config` says.
fn checked(path: &Path, base: &Path) -> Result<(), String> {
    let config = Config::read(path).map_err(|error| error.to_string())?;
    let said = |error| format!("{:#}", anyhow::Error::from(error));
    let checked = check(&config, base, &WallClock::system()).map_err(said)?;
    check_start(&config, base, &checked).map(|_| ()).map_err(said)
}

/// Changes a line of a configuration, or what stands around it; says how.
fn mutate(text: &mut String, rng: &mut Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let settings: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains(" = ")).collect();
    if settings.is_empty() {
        return "nothing is left".to_owned();
    }
    // Most lines are of the agencies: those that name files, listeners and limits come as often.
    let agencies = settings.iter().position(|at| lines[*at].starts_with("trust_domain")).unwrap_or(settings.len());
    let among = if rng.bool() && agencies > 0 { &settings[..agencies] } else { &settings[..] };
    let words: Vec<usize> = among.iter().copied().filter(|at| lines[*at].contains('"')).collect();
    let among = if rng.bool() && !words.is_empty() { &words } else { among };
    let at = among[rng.usize(..among.len())];
    let line = lines[at].clone();
    let (key, value) = line.split_once(" = ").unwrap();
    let how = match rng.usize(..16) {
        0 => {
            lines.remove(at);
            "is gone"
        }
        1 => {
            lines.insert(at, line.clone());
            "is there twice"
        }
        2 => {
            lines[at] = format!("{key}x = {value}");
            "is another"
        }
        3 => {
            let other = settings[rng.usize(..settings.len())];
            lines.swap(at, other);
            "has changed its place"
        }
        4 => {
            let len = rng.usize(..text.len());
            let cut = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= len).last().unwrap_or(0);
            text.truncate(cut);
            return format!("cut after {cut}");
        }
        5 => {
            lines[at] = format!("{key} = {}", value.replacen('"', "\" ", 1));
            "begins with a space"
        }
        6 => {
            lines[at] = format!("{key} = {}", value.replacen('"', "\"\\u0000", 1));
            "begins with nothing"
        }
        7 => {
            lines[at] = format!("{key} = {}", value.to_uppercase());
            "is in capitals"
        }
        _ => {
            lines[at] = format!("{key} = {}", VALUES[rng.usize(..VALUES.len())]);
            "has another value"
        }
    };
    *text = lines.join("\n");
    format!("line {}, {key} {how}: {}", at + 1, text.lines().nth(at).unwrap_or_default())
}

#[test]
fn check_config_says_good_exactly_when_serve_serves() {
    let count = told("COMITY_MUTATED").unwrap_or(CASES);
    let seed = told("COMITY_MUTATED_SEED").unwrap_or(SEED);
    println!("COMITY_MUTATED_SEED={seed}");
    let begun = Instant::now();
    let (next, good, failed) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                let bench = Bench::new();
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= count {
                        return;
                    }
                    match bench.case(seed.wrapping_add(nth)) {
                        Ok(served) => _ = good.fetch_add(u64::from(served), Ordering::Relaxed),
                        Err(error) => failed.lock().unwrap().push(error),
                    }
                    bench.restore();
                }
            });
        }
    });
    let (good, failed) = (good.into_inner(), failed.into_inner().unwrap());
    println!("{count} configurations in {:.1?}: {good} served, {} refused", begun.elapsed(), count - good);
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n"));
    // Both ends are met.
    assert!(count < CASES || (good > count / 20 && good < count), "{good} of {count}");
}
