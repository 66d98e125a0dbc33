//! What docs/witness.md has somebody type, typed.

use std::fs;

use comity::config::KeysConfig;
use comity::ledger::{CosignerKey, TrustPolicy};
use comity::witness::{PushConfig, WitnessConfig};

use crate::witness::{Process, Site, comity};

const MANUAL: &str = include_str!("../../../docs/witness.md");

/// The fenced blocks of a language, in order. One inside a list is indented.
fn blocks(language: &str) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), None::<String>);
    for line in MANUAL.lines() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(begun), None) if begun == language => open = Some(String::new()),
            (Some(_), Some(block)) => found.push(block),
            (None, Some(block)) => open = Some(format!("{block}{}\n", line.trim_start())),
            (Some(_) | None, None) => {}
        }
    }
    found
}

fn run(words: &str) -> String {
    let ran = comity().args(words.split(' ').skip(1)).output().unwrap();
    assert!(ran.status.success(), "{words}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[tokio::test]
async fn what_the_manual_has_somebody_type_works() {
    let site = Site::establish();
    let place = tempfile::tempdir().unwrap();
    let place = place.path().join("comity-witness");
    let here = |text: &str| text.trim_end().replace("/var/lib/comity-witness", place.to_str().unwrap());
    let commands: Vec<String> =
        blocks("sh").iter().flat_map(|block| here(block).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let [init, check, serve] = commands.as_slice() else { panic!("{commands:?}") };
    let printed = run(init);
    let keys: Vec<CosignerKey> = printed.lines().map(|line| CosignerKey::parse(line).unwrap()).collect();
    let tomls = blocks("toml");
    let [witness, push, rolling, rolled] = tomls.as_slice() else { panic!("{tomls:?}") };

    let cert = |name: &str| site.path().join("certs").join(name).to_str().unwrap().to_owned();
    let mut text = witness.clone();
    for (as_written, here) in [
        ("0.0.0.0:7443", "127.0.0.1:0"),
        ("127.0.0.1:7444", "127.0.0.1:0"),
        ("comity.example/gateway+1a2b3c4d+Ad...", &site.vkey()),
        ("witness.crt.pem", &cert("gateway.pem")),
        ("witness.key.pem", &cert("gateway.key")),
        ("gateway-ca.pem", &cert("gateway-ca.pem")),
        ("us-tx-dps.pem", &cert("us-ice.pem")),
        ("us-tx-dps.key", &cert("us-ice.key")),
    ] {
        assert!(text.contains(as_written), "{as_written}");
        text = text.replace(as_written, here);
    }
    fs::write(place.join("witness.toml"), text).unwrap();
    assert!(run(check).contains("# good: 1 logs"));
    let serving = Process::start(comity().args(serve.split(' ').skip(1)), &site.path().join("witness-errors"));
    serving.stop();
    assert_eq!(WitnessConfig::read(&place.join("witness.toml")).unwrap().name, keys[0].name());

    // The gateway's side: its part of the configuration, and the policy it names.
    let push: toml::Table = toml::from_str(push).unwrap();
    let push: PushConfig = push["witness"].clone().try_into().unwrap();
    assert_eq!((push.push_every_ms, push.timeout_ms), (1_000, 5_000));
    let [policy] = &blocks("text")[..] else { panic!("one policy") };
    let (other, _) = comity::ledger::Cosigner::generate("witness.dhs.example/1").unwrap();
    let policy = policy
        .replace("comity.example/gateway+1a2b3c4d+Ad...", &site.vkey())
        .replace("witness.us-tx.example/1+5e6f7a8b+BC...", &keys[0].to_string())
        .replace("witness.dhs.example/1+9c0d1e2f+Bg...", &other.keys()[1].to_string());
    let read = TrustPolicy::parse(policy.as_bytes()).unwrap();
    assert!(read.is_quorum(|at| at == 1) && !read.is_quorum(|_| false));
    fs::write(site.path().join(push.policy.as_ref().unwrap()), policy).unwrap();
    fs::copy(cert("gateway-ca.pem"), site.path().join(push.authorities.as_ref().unwrap())).unwrap();
    push.plan(site.path(), &site.sandbox.config.jurisdictions).unwrap();
    let keys_of = |text: &String| -> KeysConfig {
        toml::from_str::<toml::Table>(text).unwrap()["keys"].clone().try_into().unwrap()
    };
    assert_eq!((keys_of(rolling).beside.len(), keys_of(rolled).retired.len()), (1, 1));
}
