//! A database that goes away and comes back, and what may be said of where it is.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use comity::domain::agency::ActorKind;
use comity::sandbox::private_postgres::Durability;
use tonic::Code;

use crate::gateways::Exchange;
use crate::harness::postgres::{self, Database};
use crate::harness::requests::detainer_for;
use crate::harness::{Party, probe};

const PATIENCE: Duration = Duration::from_secs(40);

async fn until(ops: std::net::SocketAddr, path: &str, says: &str) {
    let begun = Instant::now();
    while !String::from_utf8(probe::probe(ops, path).await).unwrap().contains(says) {
        assert!(begun.elapsed() < PATIENCE, "{path} never said {says}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn ice(exchange: &Exchange, gateway: &crate::crash::gateway::Gateway) -> Party {
    let sandbox = comity::sandbox::Sandbox::establish(exchange.directory.path()).unwrap();
    let token = sandbox.token("us-ice", ActorKind::System).unwrap();
    Party::new(gateway.grpc, sandbox.credentials("us-ice").unwrap(), token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_wait_for_a_database_that_is_away_and_probes_say_so() {
    let Some(server) = postgres::start(Durability::Synced) else { return };
    let exchange = Exchange::with_ticks(Database::of(&server).url());
    let gateway = exchange.start(0);
    let ice = ice(&exchange, &gateway);
    let first = ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    server.kill().unwrap();
    until(gateway.ops, "/readyz", "store-away").await;
    until(gateway.ops, "/metrics", "comity_store_away 1").await;
    let waiting = tokio::spawn({
        let ice = ice.clone();
        async move { ice.lodge(detainer_for("us-ny-doccs")).await }
    });
    ice.detainer(&first.detainer.unwrap().name).await.refused(Code::Unavailable, "UNAVAILABLE");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "it was answered while nothing could be recorded");
    server.start_again().unwrap();
    waiting.await.unwrap().accepted();
    until(gateway.ops, "/readyz", "serving").await;
    until(gateway.ops, "/metrics", "comity_store_away 0").await;
    until(gateway.ops, "/metrics", "comity_store_interruptions_total 1").await;
    gateway.stop();
}

/// Runs the command as a user would.
fn comity(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_comity")).args(words).output().unwrap()
}

#[test]
fn no_password_is_shown_and_no_server_is_taken_at_its_word() {
    let Some(database) = Database::whole() else { return };
    let (before, after) = database.url().split_once('@').unwrap();
    let (_, password) = before.rsplit_once(':').unwrap();
    let stranger = tempfile::NamedTempFile::new().unwrap();
    fs::write(stranger.path(), postgres::certificates("localhost").1).unwrap();
    let (place, _) = after.split_once("?sslrootcert=").unwrap();
    let stranger = format!("{before}@{place}?sslrootcert={}", stranger.path().display());
    let wrong = "an-old-password";
    let said = |output: &Output| {
        let text = [&output.stdout, &output.stderr].map(|part| String::from_utf8_lossy(part).into_owned()).concat();
        assert!(!text.contains(password) && !text.contains(wrong), "the password is shown: {text}");
        text
    };
    let check = |url: &str, expected: &str| {
        let exchange = Exchange::on(url);
        let config = exchange.config(0);
        // It reads what is configured, and tries nothing.
        let checked = comity(&["--log", "trace", "check-config", "--config", config]);
        assert!(checked.status.success() && said(&checked).contains("url = \"postgres://comity@"));
        let served = comity(&["--log", "trace", "serve", "--config", config]);
        let text = said(&served);
        assert!(
            !served.status.success() && text.contains(expected),
            "not {expected}: {}",
            text.lines().last().unwrap()
        );
    };
    check(&stranger, "UnknownIssuer");
    let elsewhere = |place: &str| format!("{before}@{}", after.replacen("localhost", place, 1));
    check(&elsewhere("127.0.0.1"), "certificate not valid for name");
    check(&database.url().replacen(password, wrong, 1), "password authentication failed");
    check(&database.url().replacen(&format!("/{}?", name_of(&database)), "/nowhere?", 1), "3D000");
    // One that works says nothing of it either, whatever it logs.
    let exchange = Exchange::on(database.url());
    let gateway = exchange.start_saying(0, "trace");
    exchange.load(&[0], 1).after(5);
    let logged = gateway.logged();
    gateway.stop();
    assert!(logged.contains("\"level\":\"TRACE\"") && !logged.contains(password), "the password is in the log");
    assert!(!logged.contains("\"target\":\"tokio_postgres"), "what is written to the database is in the log");
    // A configuration that cannot be read is not quoted.
    let broken = tempfile::NamedTempFile::new().unwrap();
    for text in [
        format!("[store]\nurl = \"{}\" oops\n", database.url()),
        format!("store = \"{}\"\n", database.url()),
        format!("[store]\npath = 7\nurl = \"{}\"\n", database.url()),
    ] {
        fs::write(broken.path(), text).unwrap();
        let refused = comity(&["check-config", "--config", &broken.path().display().to_string()]);
        assert!(!refused.status.success() && said(&refused).contains("line "));
    }
    let refused = comity(&["verify", "--store", &stranger, &Path::new(".").display().to_string()]);
    assert!(!refused.status.success());
    said(&refused);
}

fn name_of(database: &Database) -> String {
    let (before, _) = database.url().split_once('?').unwrap();
    before.rsplit_once('/').unwrap().1.to_owned()
}
