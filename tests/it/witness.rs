//! Witnesses and the logs that they cosign, as processes that speak over the wire (docs/witness.md).

mod away;
mod fork;
mod manual;
mod rolled;
mod stock;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use comity::client::http::{HttpAnswer, HttpClient, HttpUrl};
use comity::config::Config;
use comity::domain::agency::ActorKind;
use comity::ledger::{CosignerKey, TrustPolicy};
use comity::sandbox::{CONFIG_FILE, Sandbox};
use comity::wire::v1;
use comity::witness::{LogConfig, WitnessConfig};
use http::Method;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::raw;
use crate::harness::requests::{NY_CUSTODY, NY_EXCHANGE, detainer_for, intake_at};
use crate::harness::{Party, sandbox_directory};

/// The origin of New York's exchange log in a sandbox.
const ORIGIN: &str = "comity.example/jurisdictions/us-ny/logs/exchange";

/// Long enough on a machine that is busy with something else; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

fn comity() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    command.env_remove("COMITY_AUDIT_LOG").env_remove("COMITY_LOG");
    command
}

/// A process of ours that runs, with what it said when it was ready. Killed when dropped.
struct Process {
    child: Child,
    ready: serde_json::Value,
    errors: PathBuf,
}

impl Process {
    fn start(command: &mut Command, errors: &Path) -> Self {
        let errors = errors.to_owned();
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&errors).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str(&line) else {
            child.wait().unwrap();
            panic!("it does not start: {}", fs::read_to_string(errors).unwrap());
        };
        Self { child, ready, errors }
    }

    fn address(&self, name: &str) -> SocketAddr {
        self.ready[name].as_str().unwrap().parse().unwrap()
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    /// Waits until it has said something.
    async fn says(&self, words: &str) {
        until(words, async || self.said().contains(words).then_some(())).await;
    }

    /// A counter or gauge, by its name with its labels.
    async fn metric(&self, name: &str) -> Option<u64> {
        let mut socket = TcpStream::connect(self.address("ops")).await.unwrap();
        socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    fn stop(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{}", self.said());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer.
async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "it never came to be: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A witness of ours in a directory of its own.
struct Witness {
    directory: TempDir,
    keys: Vec<CosignerKey>,
}

impl Witness {
    /// As `comity witness init` makes it, and with these logs to watch.
    fn establish(name: &str, logs: Vec<LogConfig>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().join("witness");
        let made = comity().args(["witness", "init", "--name", name, "--dir"]).arg(&at).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let keys = String::from_utf8(made.stdout).unwrap();
        let keys = keys.lines().map(|line| CosignerKey::parse(line).unwrap()).collect();
        let witness = Self { directory, keys };
        witness.change(|config| {
            config.listen = "127.0.0.1:0".parse().unwrap();
            config.ops_listen = "127.0.0.1:0".parse().unwrap();
            config.logs = logs;
        });
        witness
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("witness")
    }

    fn change(&self, change: impl FnOnce(&mut WitnessConfig)) {
        let path = self.path().join("witness.toml");
        let mut config = WitnessConfig::read(&path).unwrap();
        change(&mut config);
        fs::write(path, toml::to_string(&config).unwrap()).unwrap();
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = comity();
        command.args(["witness", verb, "--config"]).arg(self.path().join("witness.toml"));
        command
    }

    fn serve(&self) -> Process {
        Process::start(&mut self.command("serve"), &self.directory.path().join("errors"))
    }

    /// How many logs it has cosigned a head of.
    fn heads(&self) -> usize {
        fs::read_dir(self.path().join("heads")).unwrap().count()
    }
}

/// A gateway in a directory of its own, as a process.
struct Site {
    directory: TempDir,
    sandbox: Sandbox,
}

impl Site {
    fn establish() -> Self {
        let directory = sandbox_directory();
        let sandbox = Sandbox::establish(directory.path()).unwrap();
        Self { directory, sandbox }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn vkey(&self) -> String {
        fs::read_to_string(self.path().join("keys/log.vkey")).unwrap().trim_end().to_owned()
    }

    /// A log as a witness has it in its configuration.
    fn log(&self, origin: &str) -> LogConfig {
        LogConfig { origin: origin.to_owned(), keys: vec![self.vkey()], follow: None }
    }

    /// The exchange logs of both jurisdictions.
    fn exchange_logs(&self) -> Vec<LogConfig> {
        vec![self.log(ORIGIN), self.log(&ORIGIN.replace("us-ny", "us-tx"))]
    }

    /// Writes a policy in which all of these witnesses are asked for.
    fn policy(&self, witnesses: &[(&CosignerKey, String)]) -> TrustPolicy {
        let mut text = format!("log {}\n", self.vkey());
        let names: Vec<String> = (0..witnesses.len()).map(|at| format!("w{at}")).collect();
        for (name, (key, url)) in names.iter().zip(witnesses) {
            writeln!(text, "witness {name} {key} {url}").unwrap();
        }
        writeln!(text, "group all all {}\nquorum all", names.join(" ")).unwrap();
        fs::write(self.path().join("witnesses.policy"), &text).unwrap();
        TrustPolicy::parse(text.as_bytes()).unwrap()
    }

    /// Serves with the policy that was written, if one was.
    fn serve(&self, change: impl FnOnce(&mut Config)) -> Process {
        let mut config = self.sandbox.config.clone();
        config.witness.policy =
            Some("witnesses.policy".into()).filter(|path: &PathBuf| self.path().join(path).exists());
        config.witness.push_every_ms = 10;
        change(&mut config);
        let path = self.path().join(CONFIG_FILE);
        fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
        Process::start(comity().args(["serve", "--config"]).arg(&path), &self.path().join("errors"))
    }

    fn party(&self, gateway: &Process, agency: &str) -> Party {
        let (credentials, token) = (self.sandbox.credentials(agency), self.sandbox.token(agency, ActorKind::System));
        Party::new(gateway.address("grpc"), credentials.unwrap(), token.unwrap())
    }

    fn verify(&self, args: &[&str]) -> Output {
        comity().arg("verify").arg(self.path()).args(args).output().unwrap()
    }
}

async fn checkpoint_of(party: &Party, log: &str) -> v1::GetCheckpointResponse {
    party.get_checkpoint(v1::GetCheckpointRequest { log: log.to_owned() }).await.accepted()
}

/// The head that a quorum has cosigned, once it has this size.
async fn cosigned_at(party: &Party, log: &str, size: i64) -> v1::Witnessed {
    let ask = async || {
        let witnessed = checkpoint_of(party, log).await.witnessed?;
        (witnessed.quorum && witnessed.size == size).then_some(witnessed)
    };
    until("a quorum", ask).await
}

/// Asks a witness as a log does.
async fn add(witness: &Process, body: &str) -> HttpAnswer {
    let url = HttpUrl::parse(&format!("http://{}", witness.address("witness"))).unwrap();
    HttpClient::new(None, 30_000).unwrap().post(&url, "add-checkpoint", body.to_owned()).await.unwrap()
}

#[tokio::test]
async fn two_witnesses_cosign_the_logs_of_a_gateway_and_it_shows_the_quorum() {
    let site = Site::establish();
    let [plain, secure] = ["witness.us-tx.example/1", "witness.us-ice.example/1"]
        .map(|name| Witness::establish(name, site.exchange_logs()));
    // One of them far away, so with a certificate: the sandbox's own, which is good for this machine.
    for file in ["gateway.pem", "gateway.key"] {
        fs::copy(site.path().join("certs").join(file), secure.path().join(file)).unwrap();
    }
    secure.change(|config| {
        config.tls = Some(comity::witness::TlsConfig { certificate: "gateway.pem".into(), key: "gateway.key".into() });
    });
    let (first, second) = (plain.serve(), secure.serve());
    // A policy names either key of a witness: here Ed25519 of the one and ML-DSA-44 of the other.
    let urls = [
        format!("http://{}", first.address("witness")),
        format!("https://localhost:{}/", second.address("witness").port()),
    ];
    let policy = site.policy(&[(&plain.keys[0], urls[0].clone()), (&secure.keys[1], urls[1].clone())]);
    let gateway = site.serve(|config| config.witness.authorities = Some("certs/gateway-ca.pem".into()));
    let (ice, doccs) = (site.party(&gateway, "us-ice"), site.party(&gateway, "us-ny-doccs"));
    assert_eq!(checkpoint_of(&ice, NY_EXCHANGE).await.witnessed, None, "nothing is there to cosign");
    for size in 1..=4 {
        ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
        let witnessed = cosigned_at(&ice, NY_EXCHANGE, size).await;
        assert_eq!(witnessed.witnesses, ["w0", "w1"]);
        let (head, found) = policy.open(&witnessed.checkpoint, ORIGIN).unwrap();
        assert_eq!((head.size(), found.len()), (u64::try_from(size).unwrap(), 2));
    }
    // What stays within New York does so: nobody was asked for its custody log.
    doccs.open(intake_at("us-ny-doccs")).await.accepted();
    ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    let newest = cosigned_at(&ice, NY_EXCHANGE, 5).await;
    assert_eq!(checkpoint_of(&doccs, NY_CUSTODY).await.witnessed, None);
    assert_eq!((plain.heads(), secure.heads()), (1, 1));
    assert_eq!(first.metric("comity_witness_requests_total{outcome=\"unknown-log\"}").await, Some(0));
    let lag = "comity_witness_lag_entries{jurisdiction=\"us-ny\",log=\"exchange\"}";
    until("no lag", async || gateway.metric(lag).await.filter(|lag| *lag == 0)).await;
    // Whoever reads the log as tiles finds the cosigned head, too.
    let mut line = raw::open(gateway.address("grpc"), &site.sandbox.credentials("us-ice").unwrap()).await;
    let token = site.sandbox.token("us-ice", ActorKind::System).unwrap();
    let page = raw::ask(&mut line, Method::GET, &format!("/{NY_EXCHANGE}/checkpoint"), &token).await;
    assert_eq!(String::from_utf8(page.body).unwrap(), newest.checkpoint);
    drop(line);
    // The store is what it was, and what was cosigned is held against it by the policy.
    gateway.stop();
    let kept = site.path().join("kept");
    fs::write(&kept, &newest.checkpoint).unwrap();
    let policy = site.path().join("witnesses.policy");
    let args = ["--policy", policy.to_str().unwrap(), "--against", kept.to_str().unwrap()];
    let verified = site.verify(&args);
    assert!(verified.status.success(), "{verified:?}");
    // With a line less it is no longer what the policy asks for.
    let lines: Vec<&str> = newest.checkpoint.lines().collect();
    fs::write(&kept, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    let refused = site.verify(&args);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("the quorum of witnesses has not cosigned it"), "{said}");
    // After a start every witness is asked again, and has nothing against it.
    let gateway = site.serve(|config| config.witness.authorities = Some("certs/gateway-ca.pem".into()));
    cosigned_at(&site.party(&gateway, "us-ice"), NY_EXCHANGE, 5).await;
    for process in [gateway, first, second] {
        assert!(!process.said().contains("\"level\":\"ERROR\""), "{}", process.said());
        process.stop();
    }
}

#[tokio::test]
async fn a_log_that_nobody_pushes_is_followed() {
    let site = Site::establish();
    let gateway = site.serve(|_| ());
    let ice = site.party(&gateway, "us-ice");
    let certs = site.path().join("certs");
    // A federal agency may read New York's exchange log, so it can be its witness.
    let follow = comity::witness::FollowConfig {
        address: gateway.address("grpc").to_string(),
        server_name: "localhost".to_owned(),
        authorities: certs.join("gateway-ca.pem"),
        certificate: certs.join("us-ice.pem"),
        key: certs.join("us-ice.key"),
        every_ms: 100,
    };
    let witness =
        Witness::establish("witness.us-ice.example/1", vec![LogConfig { follow: Some(follow), ..site.log(ORIGIN) }]);
    let serving = witness.serve();
    let mut cosigned = 0;
    for size in [1, 3, 6] {
        while cosigned < size {
            ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
            cosigned += 1;
        }
        // A request that builds on just this size is refused until the witness knows it, and changes nothing when it does.
        let asked = format!("old {size}\n\n{}", checkpoint_of(&ice, NY_EXCHANGE).await.checkpoint);
        until("the witness has seen it", async || (add(&serving, &asked).await.status == 200).then_some(())).await;
    }
    serving.kill();
    // What it saw, it still knows.
    let serving = witness.serve();
    let asked = format!("old 1\n\n{}", checkpoint_of(&ice, NY_EXCHANGE).await.checkpoint);
    assert_eq!(add(&serving, &asked).await.body, "6\n");
    assert!(!serving.said().contains("ERROR"), "{}", serving.said());
    // A gateway that is away is said once, and followed again when it is back.
    gateway.stop();
    serving.says("the log cannot be followed").await;
}

#[test]
fn what_a_witness_would_die_of_is_said_before() {
    let site = Site::establish();
    let witness = Witness::establish("witness.example/1", site.exchange_logs());
    let good = fs::read_to_string(witness.path().join("witness.toml")).unwrap();
    let check = || witness.command("check-config").output().unwrap();
    let said = String::from_utf8(check().stdout).unwrap();
    assert!(said.contains("# good: 2 logs") && said.contains(&format!("# cosigns by {}", witness.keys[1])), "{said}");
    let change = |from: &str, to: &str| good.replacen(from, to, 1);
    for (text, why) in [
        (change("listen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:0\""), "so it needs [tls]"),
        (change("witness.example/1", "witness.example/2"), "does not name the keys of this witness"),
        (change("witness.example/1", "a b"), "name: must have no space"),
        (change("us-tx", "us-ny"), "each needs an origin of its own"),
        (change("keys = [\"comity", "keys = [\"Comity"), "the verifier key's hash does not match"),
        (change("directory = \".\"", "directory = \"nowhere\""), "cannot be read"),
        (change("[[log]]", "else = 1\n[[log]]"), "unknown field"),
        (change("[[log]]", "[tls]\ncertificate = \"a\"\nkey = \"witness.pem\"\n[[log]]"), "cannot be read"),
    ] {
        fs::write(witness.path().join("witness.toml"), &text).unwrap();
        let checked = check();
        let said = String::from_utf8(checked.stderr).unwrap();
        assert!(!checked.status.success() && said.contains(why), "{why}: {said}");
        let served = witness.command("serve").output().unwrap();
        assert!(!served.status.success() && String::from_utf8_lossy(&served.stderr).contains(why), "{served:?}");
    }
    fs::write(witness.path().join("witness.toml"), &good).unwrap();
    let serving = witness.serve();
    let twice = witness.command("serve").output().unwrap();
    assert!(String::from_utf8_lossy(&twice.stderr).contains("another witness has"), "{twice:?}");
    serving.stop();
    // Without what it saw it does not begin anew.
    fs::remove_dir_all(witness.path().join("heads")).unwrap();
    assert!(!check().status.success());
}

#[test]
fn witnesses_that_cannot_be_asked_are_found_by_a_check() {
    let site = Site::establish();
    let witness = Witness::establish("witness.example/1", Vec::new());
    let key = &witness.keys[0];
    let check = |change: &dyn Fn(&mut Config)| {
        let mut config = site.sandbox.config.clone();
        config.witness.policy = Some("witnesses.policy".into());
        change(&mut config);
        let path = site.path().join(CONFIG_FILE);
        fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
        let checked = comity().args(["check-config", "--config"]).arg(&path).output().unwrap();
        (checked.status.success(), String::from_utf8(checked.stderr).unwrap())
    };
    let policy = |text: &str| fs::write(site.path().join("witnesses.policy"), text).unwrap();
    assert!(check(&|_| ()).1.contains("witnesses.policy cannot be read"));
    for (text, why) in [
        ("quorum none\n".to_owned(), "there is no witness line"),
        (format!("witness w {key}\nquorum w\n"), "the witness w has no URL"),
        (format!("witness w {key} http://192.0.2.1\nquorum w\n"), "plain http is for this machine alone"),
        (format!("witness w {key} https://192.0.2.1\nquorum w\n"), "[witness] authorities is not set"),
        (
            format!("witness w {key} http://127.0.0.1\nquorum v\n"),
            "line 2: it names a witness or group that no line before it defines",
        ),
    ] {
        policy(&text);
        let (good, said) = check(&|_| ());
        assert!(!good && said.contains(why), "{why}: {said}");
    }
    policy(&format!("witness w {key} http://127.0.0.1:1\nquorum w\n"));
    assert!(check(&|_| ()).0);
    let of = |id: &'static str| {
        move |config: &mut Config| {
            config.witness.custody.insert(id.parse().unwrap(), "witnesses.policy".into());
        }
    };
    assert!(check(&of("us-ny")).0);
    assert!(check(&of("us-ca")).1.contains("[witness] custody: us-ca is not served"));
}
