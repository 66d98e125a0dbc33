//! The policies of this repository, built in so that the binary runs without a directory.

use std::collections::BTreeMap;

/// Files of `policies/`, each under its name there.
macro_rules! files {
    ($($name:literal,)+) => { &[$(($name, include_str!(concat!("../../policies/", $name)))),+] };
}

/// Every file of the set, by name.
const EMBEDDED: &[(&str, &str)] = files![
    "access.cedar",
    "comity.cedarschema",
    "law/_safeguards.cases.toml",
    "law/_safeguards.cedar",
    "law/switches.toml",
    "law/us-ca.cases.toml",
    "law/us-ca.cedar",
    "law/us-ca.offences.toml",
    "law/us-co.cases.toml",
    "law/us-co.cedar",
    "law/us-fl.cases.toml",
    "law/us-fl.cedar",
    "law/us-il.cases.toml",
    "law/us-il.cedar",
    "law/us-nj.cases.toml",
    "law/us-nj.cedar",
    "law/us-nj.offences.toml",
    "law/us-ny-nyc.cases.toml",
    "law/us-ny-nyc.cedar",
    "law/us-ny-nyc.offences.toml",
    "law/us-ny.cases.toml",
    "law/us-ny.cedar",
    "law/us-tx.cases.toml",
    "law/us-tx.cedar",
    "law/us-wa.cases.toml",
    "law/us-wa.cedar",
];

/// Every file of the set, owned.
pub(crate) fn files() -> BTreeMap<String, String> {
    EMBEDDED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The built-in text of a file.
pub(crate) fn built_in(name: &str) -> Option<&'static str> {
    EMBEDDED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
