//! A log's key is rolled into another: both sign side by side, and whoever knows either can verify.

use std::fs;

use comity::config::BesideKey;
use comity::ledger::{CheckpointError, Head, NoteError, Signer, VerifierKey, pem_from_pkcs8};
use comity::server::{Environment, Gateway};

use crate::harness::World;
use crate::harness::requests::{NY_EXCHANGE, detainer_for};
use crate::witness::{ORIGIN, comity};

fn opens(note: &str, key: &VerifierKey) -> bool {
    match Head::open(note, ORIGIN, std::slice::from_ref(key)) {
        Ok(_) => true,
        Err(CheckpointError::Note(NoteError::UnknownKey { .. })) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_log_key_is_rolled_while_both_sign_side_by_side() {
    let mut world = World::start();
    let old_name = world.config().keys.signer_name.clone();
    let old = world.gateway().verifier().clone();
    let (signer, pkcs8) = Signer::generate("comity.example/gateway-2").unwrap();
    let new = signer.verifier().clone();
    let keys = world.directory().join("keys");
    let private = |name: &str, text: &str| {
        fs::write(keys.join(name), text).unwrap();
        fs::set_permissions(keys.join(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    private("log-signing-2.pem", &pem_from_pkcs8(&pkcs8));
    let mut kept = Vec::new();
    let lodge = async |world: &World| {
        let receipt = world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted().receipt.unwrap();
        let note = world.ice().checkpoint(NY_EXCHANGE).await.accepted();
        assert!(receipt.proof.ends_with(&note));
        note
    };
    kept.push((lodge(&world).await, true, false));

    // Both sign.
    world.stop().await;
    world.change(|config| {
        config.keys.beside =
            vec![BesideKey { name: "comity.example/gateway-2".into(), file: "log-signing-2.pem".into() }];
    });
    world.open_again();
    kept.push((lodge(&world).await, true, true));

    // The new one alone. The old one is named as long as something that it signed is to be read.
    world.stop().await;
    let old_pem = fs::read_to_string(keys.join("log-signing.pem")).unwrap();
    private("log-signing.pem", &pem_from_pkcs8(&pkcs8));
    fs::remove_file(keys.join("log-signing-2.pem")).unwrap();
    world.change(|config| {
        config.keys.beside.clear();
        config.keys.signer_name = "comity.example/gateway-2".to_owned();
    });
    let refused = Gateway::start(world.config(), world.directory(), Environment::default()).unwrap_err();
    assert!(refused.to_string().contains("the writer failed"), "{refused}");
    world.change(|config| config.keys.retired = vec![old.to_string()]);
    world.open_again();
    assert_eq!(world.gateway().verifier(), &new);
    kept.push((lodge(&world).await, false, true));
    world.stop().await;

    for (note, by_old, by_new) in &kept {
        assert_eq!((opens(note, &old), opens(note, &new)), (*by_old, *by_new), "{note}");
    }
    // Offline it takes both keys: in one file, or in a policy.
    let directory = world.directory();
    let file = |name: &str, text: String| {
        fs::write(directory.join(name), text).unwrap();
        directory.join(name).to_str().unwrap().to_owned()
    };
    let verify = |args: &[&str]| comity().arg("verify").arg(directory).args(args).output().unwrap();
    let (old_alone, new_alone) = (file("old.vkey", format!("{old}\n")), file("new.vkey", format!("{new}\n")));
    for key in [&old_alone, &new_alone] {
        assert_eq!(verify(&["--key", key]).status.code(), Some(1));
    }
    let both = file("both.vkey", format!("{old}\n{new}\n"));
    assert!(verify(&["--key", &both]).status.success());
    let policy = file("rolled.policy", format!("log {old}\nlog {new}\nquorum none\n"));
    let mut args = vec!["--policy".to_owned(), policy];
    for (at, (note, ..)) in kept.iter().enumerate() {
        args.extend(["--against".to_owned(), file(&format!("kept-{at}"), note.clone())]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let verified = verify(&args);
    assert!(verified.status.success(), "{verified:?}");
    let half = file("half.policy", format!("log {new}\nquorum none\n"));
    assert_eq!(verify(&["--policy", &half]).status.code(), Some(1));
    // One key is one key.
    world.change(|config| config.keys.retired.push(new.to_string()));
    let refused = Gateway::start(world.config(), world.directory(), Environment::default()).unwrap_err();
    assert!(refused.to_string().contains("one key is named twice"), "{refused}");
    assert!(!old_pem.is_empty() && old_name == "comity.example/gateway");
}
