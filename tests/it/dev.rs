//! `comity dev`, as somebody who has just come uses it: a directory, an address, and somebody on the other side.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use comity::config::Config;
use comity::sandbox::{CONFIG_FILE, Sandbox};
use comity::wire::v1;
use jiff::Timestamp;
use tempfile::TempDir;
use tonic::Code;

use crate::harness::Party;
use crate::harness::process::ready_line;
use crate::harness::requests::{NY, NY_EXCHANGE, detainer_for};

/// For what comes of itself. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_mins(2);

/// `comity dev` on a directory of its own.
struct Dev {
    child: Child,
    grpc: SocketAddr,
    ops: SocketAddr,
}

impl Dev {
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut child = command(directory, arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (grpc, ops) = ready_line(&mut child);
        Self { child, grpc, ops }
    }

    fn party(&self, directory: &Path, agency: &str) -> Party {
        let certificate = |name: String| std::fs::read(directory.join("certs").join(name)).unwrap();
        let credentials = comity::client::Credentials {
            authorities_pem: certificate("gateway-ca.pem".to_owned()),
            certificate_pem: certificate(format!("{agency}.pem")),
            key_pem: certificate(format!("{agency}.key")),
        };
        Party::new(self.grpc, credentials, token(directory, agency))
    }

    fn stop(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success() && self.child.wait().unwrap().success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    command.args(["--log", "warn", "dev", "--dir"]).arg(directory).args(arguments);
    command
}

fn token(directory: &Path, agency: &str) -> String {
    std::fs::read_to_string(directory.join(format!("tokens/{agency}.jwt"))).unwrap()
}

const ANY_PORT: [&str; 4] = ["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0"];

#[tokio::test]
async fn dev_serves_where_its_file_says_and_keeps_what_stands_in_it() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join(CONFIG_FILE);
    let addresses = || {
        let server = Config::read(&file).unwrap().server;
        (server.listen, server.ops_listen)
    };
    let first = Dev::start(directory.path(), &ANY_PORT);
    let at = (first.grpc, first.ops);
    assert_eq!(addresses(), at);
    assert_ne!(at.0.port(), 0);
    first.stop();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("# mine\n{text}")).unwrap();
    // Once more, and nobody says where.
    let second = Dev::start(directory.path(), &[]);
    assert_eq!((second.grpc, second.ops), at);
    second.party(directory.path(), "us-ice").lodge(detainer_for("us-ny-doccs")).await.accepted();
    second.stop();
    let third = Dev::start(directory.path(), &ANY_PORT);
    assert_eq!(addresses(), (third.grpc, third.ops));
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("# mine\n"), "what somebody wrote is kept");
}

/// The law of a new exchange stands in its directory, and one that was there before is not touched.
#[tokio::test]
async fn dev_lays_its_law_once() {
    let directory = TempDir::new().unwrap();
    Sandbox::establish(directory.path()).unwrap();
    let dev = Dev::start(directory.path(), &ANY_PORT);
    assert!(!directory.path().join("policies").exists(), "it has the law that it had");
    dev.stop();
    let directory = TempDir::new().unwrap();
    Dev::start(directory.path(), &ANY_PORT).stop();
    let law = directory.path().join("policies/law/us-ny.cedar");
    assert_eq!(Config::read(&directory.path().join(CONFIG_FILE)).unwrap().policy.directory, Some("policies".into()));
    std::fs::write(&law, format!("{}\n// mine\n", std::fs::read_to_string(&law).unwrap())).unwrap();
    Dev::start(directory.path(), &ANY_PORT).stop();
    assert!(std::fs::read_to_string(&law).unwrap().ends_with("// mine\n"));
}

#[tokio::test]
async fn what_expires_is_made_anew_while_dev_runs() {
    let directory = TempDir::new().unwrap();
    let term = [ANY_PORT.as_slice(), &["--term", "12"]].concat();
    let dev = Dev::start(directory.path(), &term);
    let files = ["certs/us-ice.pem", "certs/gateway.pem", "certs/federal.crl.pem", "tokens/us-ice.jwt"];
    let read = || files.map(|file| std::fs::read_to_string(directory.path().join(file)).unwrap());
    let (first, begun) = (read(), Timestamp::now());
    let first_party = dev.party(directory.path(), "us-ice");
    first_party.entries(NY_EXCHANGE).await.accepted();
    // Until nothing that it began with is good any more, by the leeway of five seconds that a token has.
    while Timestamp::now().duration_since(begun).as_secs() < 12 + 6 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let stale = Party::new(dev.grpc, credentials_of(&first[0], directory.path()), first[3].clone());
    let refused = stale.entries(NY_EXCHANGE).await.0.unwrap_err();
    assert_ne!(refused.code(), Code::Ok, "what it began with has ended");
    let until = Instant::now() + PATIENCE;
    loop {
        // A connection of its own each time: the lists are looked at in the handshake.
        match dev.party(directory.path(), "us-ice").entries(NY_EXCHANGE).await.0 {
            Ok(_) => break,
            Err(status) => assert!(Instant::now() < until, "nothing was made anew: {status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for ((file, first), now) in files.iter().zip(&first).zip(read()) {
        assert_ne!(*first, now, "{file}");
    }
}

fn credentials_of(certificate: &str, directory: &Path) -> comity::client::Credentials {
    comity::client::Credentials {
        authorities_pem: std::fs::read(directory.join("certs/gateway-ca.pem")).unwrap(),
        certificate_pem: certificate.as_bytes().to_vec(),
        key_pem: std::fs::read(directory.join("certs/us-ice.key")).unwrap(),
    }
}

#[tokio::test]
async fn a_counterpart_plays_the_other_side() {
    let directory = TempDir::new().unwrap();
    let both = ["--counterpart", "us-ny-doccs", "--counterpart", "us-tx-harris-jail"];
    let dev = Dev::start(directory.path(), &[ANY_PORT.as_slice(), &both].concat());
    let ice = dev.party(directory.path(), "us-ice");
    for (agency, answered) in
        [("us-ny-doccs", v1::DetainerState::NotifyOnly), ("us-tx-harris-jail", v1::DetainerState::HoldHonored)]
    {
        let asked = detainer_now(agency);
        let parent = asked.parent.clone();
        let name = ice.lodge(asked).await.accepted().detainer.unwrap().name;
        let until = Instant::now() + PATIENCE;
        loop {
            let stands = ice.detainer(&name).await.accepted().state();
            // What comes last: word of the release that it has scheduled.
            let told = ice.receive(&parent, "").await.accepted().deliveries;
            let noticed = told.iter().any(is_notice);
            if stands == answered && noticed {
                break;
            }
            assert!(Instant::now() < until, "{agency}: {stands:?}, noticed: {noticed}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    // Whom nobody plays does nothing.
    let name = ice.lodge(detainer_now("us-ny-erie-jail")).await.accepted().detainer.unwrap().name;
    assert_eq!(ice.detainer(&name).await.accepted().state(), v1::DetainerState::Lodged);
    drop(dev);
    // And it meets nobody twice.
    let dev = Dev::start(directory.path(), &both);
    let doccs = dev.party(directory.path(), "us-ny-doccs");
    let held = doccs.custodies(NY).await.accepted();
    assert_eq!(held.len(), 1);
    let refused = |agency: &str| -> Output { command(directory.path(), &["--counterpart", agency]).output().unwrap() };
    for (agency, why) in [("us-ice", "holds nobody"), ("us-nowhere", "no agency of the sandbox")] {
        let refused = refused(agency);
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains(why), "{agency}");
    }
}

/// Made today: a gateway of its own process goes by the clock on the wall.
fn detainer_now(agency: &str) -> v1::LodgeDetainerRequest {
    let mut request = detainer_for(agency);
    let detainer = request.detainer.as_mut().unwrap();
    detainer.occurred_at = None;
    request
}

/// Whether it is word of a release that is to come.
fn is_notice(delivery: &v1::Delivery) -> bool {
    let event = comity::wire::entry::merge(delivery.entry.as_ref().unwrap()).unwrap().event;
    matches!(event, Some(v1::event::Event::ReleaseNoticed(_)))
}
