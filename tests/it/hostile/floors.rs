//! What is built in: versions below which a known fault would be ours, and how a release is compiled.

use std::collections::BTreeMap;

/// A version below which there is a fault, and which.
const FLOORS: [(&str, [u64; 3], &str); 6] = [
    ("h2", [0, 4, 20], "resets provoked without end (RUSTSEC-2024-0003, MadeYouReset)"),
    ("rustls", [0, 23, 18], "panics on a client hello (RUSTSEC-2024-0399)"),
    ("rustls-webpki", [0, 103, 13], "revocation lists that are not looked at"),
    ("jsonwebtoken", [10, 3, 0], "claims of the wrong type pass for absent ones"),
    ("tokio", [1, 44, 2], "a broadcast channel that clones in parallel (RUSTSEC-2025-0023)"),
    ("rusqlite", [0, 38, 0], "its bundled SQLite can lose the log when it is reset"),
];

fn versions() -> BTreeMap<String, Vec<[u64; 3]>> {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let lock: toml::Value = toml::from_str(&lock).unwrap();
    let mut versions: BTreeMap<String, Vec<[u64; 3]>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let text = package["version"].as_str().unwrap().split(['-', '+']).next().unwrap();
        let numbers: Vec<u64> = text.split('.').map(|number| number.parse().unwrap()).collect();
        let name = package["name"].as_str().unwrap().to_owned();
        versions.entry(name).or_default().push(numbers.try_into().unwrap());
    }
    versions
}

#[test]
fn nothing_with_a_known_fault_is_built_in() {
    let versions = versions();
    for (name, floor, fault) in FLOORS {
        let locked = versions.get(name).unwrap_or_else(|| panic!("{name} is not locked"));
        assert!(locked.iter().all(|version| *version >= floor), "{name} {locked:?}: {fault}");
    }
    // 3.51.3: a write-ahead log that is reset while it is read.
    assert!(rusqlite::version_number() >= 3_051_003, "SQLite {}", rusqlite::version());
}

#[test]
fn a_number_that_overflows_ends_its_call_in_a_release_too() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let manifest: toml::Value = toml::from_str(&manifest).unwrap();
    assert_eq!(manifest["profile"]["release"]["overflow-checks"].as_bool(), Some(true));
}
