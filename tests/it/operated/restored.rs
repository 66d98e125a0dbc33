//! A store that was restored, and the account of what was shown of it.

use std::fs;
use std::path::{Path, PathBuf};

use comity::domain::agency::ActorKind;
use comity::server::{Environment, Gateway};

use crate::harness::requests::{NY_EXCHANGE, detainer_for};
use crate::harness::{Party, World, copy};
use crate::operated::{becomes_ready, comity};

/// Starts a gateway on a copy of a world's directory, held against a checkpoint that was kept elsewhere.
fn serve(directory: &Path, kept: &Path) -> Result<(), String> {
    becomes_ready(comity().args(["serve", "--config"]).arg(config_in(directory)).arg("--against").arg(kept))
}

fn config_in(directory: &Path) -> PathBuf {
    directory.join("as-served.toml")
}

#[tokio::test]
async fn a_store_from_an_older_backup_is_not_served_against_what_was_kept() {
    let mut world = World::start();
    fs::write(config_in(world.directory()), toml::to_string(world.config()).unwrap()).unwrap();
    let early = tempfile::NamedTempFile::new().unwrap();
    world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    fs::write(&early, world.ice().checkpoint(NY_EXCHANGE).await.accepted()).unwrap();
    world.stop().await;
    let backup = tempfile::tempdir().unwrap();
    copy(world.directory(), backup.path());
    world.open_again();
    world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    let late = tempfile::NamedTempFile::new().unwrap();
    fs::write(&late, world.ice().checkpoint(NY_EXCHANGE).await.accepted()).unwrap();
    world.stop().await;

    for kept in [&early, &late] {
        serve(world.directory(), kept.path()).unwrap();
    }
    serve(backup.path(), early.path()).unwrap();
    let said = serve(backup.path(), late.path()).unwrap_err();
    assert!(said.contains("the store is older than the checkpoint, or has lost its end"), "{said}");

    // Served without it, it grows another log under the same key.
    let gateway = Gateway::start(world.config(), backup.path(), Environment::default()).unwrap();
    let (credentials, token) = (world.sandbox.credentials("us-ice"), world.sandbox.token("us-ice", ActorKind::System));
    let ice = Party::new(gateway.grpc(), credentials.unwrap(), token.unwrap());
    for _ in 0..3 {
        ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    }
    drop(ice);
    tokio::task::spawn_blocking(|| gateway.stop()).await.unwrap().unwrap();
    let said = serve(backup.path(), late.path()).unwrap_err();
    assert!(said.contains("are not those that were signed"), "{said}");

    for (text, why) in [
        ("", "no checkpoint of this key"),
        ("comity.example/nowhere\n1\nAAAA\n", "no checkpoint of this key"),
        (&fs::read_to_string(&early).unwrap().replace("comity.example/juris", "comity.example/Juris"), "no checkpoint"),
    ] {
        fs::write(&early, text).unwrap();
        let said = serve(world.directory(), early.path()).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn the_account_of_disclosures_is_read_case_by_case() {
    let mut world = World::start();
    let matched = world.matched("us-ny-doccs").await;
    let other = world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted().detainer.unwrap().name;
    world.ice().detainer(&matched.detainer).await.accepted();
    world.doccs().custody(&matched.custody).await.accepted();
    world.ice().receive("jurisdictions/us-ny", "").await.accepted();
    world.stop().await;
    let account = |args: &[&str]| {
        let output = comity().arg("disclosures").arg(world.directory()).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let lines = |args: &[&str]| -> Vec<(String, String, Vec<String>)> {
        let all = account(&[&["--json"], args].concat());
        let read = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| line[name].as_str().unwrap().to_owned();
            let classes = line["classes"].as_array().unwrap().iter().map(|class| class.as_str().unwrap().to_owned());
            (field("method"), field("recipient"), classes.collect())
        };
        all.lines().map(read).collect()
    };
    let told = lines(&["--of", &matched.detainer, "--to", "us-ice"]);
    let methods: Vec<&str> = told.iter().map(|(method, ..)| method.as_str()).collect();
    assert_eq!(methods, ["DetainerService/GetDetainer", "InboxService/Receive"]);
    assert!(told[1].2.contains(&"custody".to_owned()), "{told:?}");
    let of_custody = lines(&["--of", &matched.custody]);
    assert_eq!(of_custody.len(), 1);
    assert_eq!(of_custody[0].1, "us-ny-doccs");
    assert_eq!(lines(&["--of", &other]).len(), 1, "by the inbox alone");
    assert_eq!(lines(&["--before", "2020-01-01T00:00:00Z"]), []);
    let plain = account(&["--to", "us-ny-doccs"]);
    assert!(plain.contains(&matched.custody) && plain.ends_with("1 disclosures\n"), "{plain}");
}
