//! The reference of the configuration says what reading does, and the file to begin with can be begun with.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use comity::config::Config;
use comity::config::reference::{Key, Table, tables};
use comity::sandbox::{CONFIG_FILE, Sandbox};
use comity::witness::WitnessConfig;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::harness::process::{comity, ready_line, said};
use crate::harness::sandbox_directory;

/// A witness' file with each of its tables.
const WITNESS: &str = r#"
name = "witness.example/1"
directory = "."
[tls]
certificate = "witness.crt.pem"
key = "witness.key.pem"
[[log]]
origin = "comity.example/jurisdictions/us-ny/logs/exchange"
keys = []
[log.follow]
address = "localhost:8443"
server_name = "localhost"
authorities = "ca.pem"
certificate = "us-tx-dps.pem"
key = "us-tx-dps.key"
"#;

fn printed(arguments: &[&str]) -> String {
    said(comity("config").args(arguments), 0)
}

/// A gateway's file with nothing that may be left out but what an example begins with.
fn least() -> Config {
    toml::from_str(&printed(&["example"])).unwrap()
}

#[test]
fn the_page_says_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(kept == printed(&["reference"]), "write it anew: comity config reference > docs/configuration.md");
}

#[test]
fn every_key_has_a_meaning_and_a_type() {
    for table in [tables::<Config>(), tables::<WitnessConfig>()].concat() {
        assert!(table.name.is_empty() || !table.meaning.is_empty(), "{}", table.header());
        for key in &table.keys {
            let at = format!("{} {}", table.header(), key.name);
            assert!(key.meaning.ends_with('.') && !key.kind.is_empty() && !key.kind.ends_with(": "), "{at}: {key:?}");
            assert!(key.kind != "integer" || key.range.is_some(), "{at} has no range");
        }
    }
}

/// The value of a key in a configuration, the first of several tables standing for all.
fn at<'a>(written: &'a mut Value, table: &Table, key: &str) -> Option<&'a mut Value> {
    let mut found = written;
    for name in table.name.split('.').filter(|name| !name.is_empty()) {
        found = found.get_mut(name)?;
        if found.is_array() {
            found = found.get_mut(0)?;
        }
    }
    found.get_mut(key)
}

/// What a configuration has that says nothing of a key, beside what the reference says that it has. How many there are.
fn defaults_hold<C: JsonSchema + Serialize>(config: &C) -> usize {
    let mut written = serde_json::to_value(config).unwrap();
    let mut compared = 0;
    for table in tables::<C>() {
        for key in table.keys.iter().filter(|key| key.example.is_none()) {
            let (Some(default), Some(used)) = (&key.default, at(&mut written, &table, &key.name)) else { continue };
            assert_eq!(used, default, "{} {}", table.header(), key.name);
            compared += 1;
        }
    }
    compared
}

#[test]
fn every_default_is_the_one_that_is_used() {
    let gateway = defaults_hold(&least());
    let witness = defaults_hold(&toml::from_str::<WitnessConfig>(WITNESS).unwrap());
    assert!(gateway > 55 && witness == 3, "{gateway}, {witness}");
}

/// Whether a configuration is read with another value at a key.
fn is_read<C: Serialize + DeserializeOwned>(config: &C, table: &Table, key: &str, value: u64) -> bool {
    let mut written = serde_json::to_value(config).unwrap();
    *at(&mut written, table, key).unwrap_or_else(|| panic!("{} {key} is not written", table.header())) = json!(value);
    serde_json::from_value::<C>(written).is_ok()
}

/// Every number at both ends of its range, and one beyond. How many there are.
fn ranges_hold<C: JsonSchema + Serialize + DeserializeOwned>(config: &C) -> usize {
    let mut held = 0;
    for table in tables::<C>() {
        for key in &table.keys {
            let Some((least, most)) = key.range else { continue };
            let is_read = |value| is_read(config, &table, &key.name, value);
            assert!(is_read(least) && is_read(most), "{} {}: {least} to {most}", table.header(), key.name);
            assert!(least == 0 || !is_read(least - 1), "{} {}: below {least}", table.header(), key.name);
            assert!(!is_read(most + 1), "{} {}: above {most}", table.header(), key.name);
            held += 1;
        }
    }
    held
}

#[test]
fn every_range_is_the_one_that_reading_holds_to() {
    let gateway = ranges_hold(&least());
    let witness = ranges_hold(&toml::from_str::<WitnessConfig>(WITNESS).unwrap());
    assert!(gateway > 45 && witness == 1, "{gateway}, {witness}");
}

/// An issuer's public key as it would publish it (RFC 7517, RFC 8037).
fn key_set(pem: &str) -> String {
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(der).unwrap();
    let key = URL_SAFE_NO_PAD.encode(&der[der.len() - 32..]);
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "1", "x": key }] })
        .to_string()
}

/// The files that the example names, and the example itself with free ports and a place for its store.
fn filled_in(directory: &Path) -> String {
    Sandbox::establish(directory).unwrap();
    let public = fs::read_to_string(directory.join("keys/tokens/us-ny-doccs.pub.pem")).unwrap();
    fs::write(directory.join("certs/us-ny-doccs.jwks.json"), key_set(&public)).unwrap();
    let example = printed(&["example"]);
    [
        ("# listen = \"127.0.0.1:8443\"", "listen = \"127.0.0.1:0\""),
        ("# ops_listen = \"127.0.0.1:9443\"", "ops_listen = \"127.0.0.1:0\""),
        ("path = \"/var/lib/comity/comity.db\"", "path = \"comity.db\""),
    ]
    .iter()
    .fold(example, |text, (from, to)| {
        assert_eq!(text.matches(&format!("\n{from}\n")).count(), 1, "{from}");
        text.replace(from, to)
    })
}

#[test]
fn a_gateway_starts_from_the_example_once_it_is_filled_in() {
    let directory = sandbox_directory();
    let text = filled_in(directory.path());
    let path = directory.path().join(CONFIG_FILE);
    fs::write(&path, &text).unwrap();
    let checked = said(comity("check-config").arg("--config").arg(&path), 0);
    assert!(checked.contains("# good: 1 agencies, 1 jurisdictions"), "{checked}");
    let mut child = comity("serve").arg("--config").arg(&path).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let (_, ops) = ready_line(&mut child);
    said(comity("health").args(["--ops", &ops.to_string()]), 0);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What stands there as a comment is what holds without it.
#[test]
fn a_comment_of_the_example_changes_nothing_once_it_counts() {
    let example = printed(&["example"]);
    let is_default = |line: &&str| {
        line.split_once(" = ").is_some_and(|(key, value)| {
            key.strip_prefix("# ").is_some_and(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
                && !value.starts_with("...")
        })
    };
    assert!(example.lines().filter(is_default).count() > 50);
    let said: Vec<&str> = example.lines().map(|line| if is_default(&line) { &line[2..] } else { line }).collect();
    let all: Config = toml::from_str(&said.join("\n")).unwrap();
    assert_eq!(serde_json::to_value(&all).unwrap(), serde_json::to_value(least()).unwrap());
    assert!(printed(&["example", "--witness"]).contains("name = \"witness.example.gov/1\""));
    toml::from_str::<WitnessConfig>(&printed(&["example", "--witness"])).unwrap();
}

/// What SIGHUP takes up is tried by the tests of `reload`; these keys and no others name it.
#[test]
fn what_changes_without_a_restart_is_what_the_page_says() {
    let keys = |tables: Vec<Table>, which: fn(&Key) -> bool| -> Vec<String> {
        let keys = tables.into_iter().flat_map(|table| {
            let name = table.name.clone();
            table.keys.into_iter().filter(which).map(move |key| format!("{name}.{}", key.name))
        });
        keys.collect()
    };
    let reread = |tables: Vec<Table>| keys(tables, |key| key.reread.is_some());
    assert_eq!(reread(tables::<Config>()), ["policy.directory"]);
    let live = keys(tables::<Config>(), |key| key.is_live);
    for key in
        ["tls.certificate", "tls.key", "tls.revocation_lists", "registry.agencies.token.jwks", "keys.beside.file"]
    {
        assert!(live.iter().any(|live| live == key), "{key} in {live:?}");
    }
    assert!(keys(tables::<WitnessConfig>(), |key| key.is_live).is_empty());
    assert_eq!(
        reread(tables::<WitnessConfig>()),
        ["log.follow.authorities", "log.follow.certificate", "log.follow.key"]
    );
}
