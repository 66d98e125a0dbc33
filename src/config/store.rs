//! Where the store is. An address may hold a password, which is never shown.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::config::error::ConfigError;
use crate::domain::ids::JurisdictionId;
use crate::store::StoreLocation;
use crate::store::postgres::Address;

/// Where the store is: a file for one gateway, or a database that several gateways share.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// The database file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"), example = "/var/lib/comity/comity.db")]
    pub path: Option<PathBuf>,
    /// The address of a PostgreSQL database, instead of a file: `postgres://...?sslrootcert=FILE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub url: Option<StoreUrl>,
    /// Jurisdictions that are kept elsewhere, each shard with its own writer.
    #[serde(default, rename = "shard", skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardConfig>,
}

/// Where the logs of some jurisdictions are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShardConfig {
    /// The jurisdictions. Each belongs to one shard at most.
    pub jurisdictions: BTreeSet<JurisdictionId>,
    /// The database file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub path: Option<PathBuf>,
    /// The address of a database, instead of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub url: Option<StoreUrl>,
}

/// The jurisdictions of a shard, and its location.
pub type ShardLocation = (BTreeSet<JurisdictionId>, StoreLocation);

impl StoreConfig {
    /// A store in a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..Self::default() }
    }

    /// A store in a database.
    pub fn server(url: impl Into<String>) -> Self {
        Self { url: Some(StoreUrl(url.into())), ..Self::default() }
    }

    /// The location of each jurisdiction's store. Relative paths start at `base`.
    pub fn locations(&self, all: &BTreeSet<JurisdictionId>, base: &Path) -> Result<Vec<ShardLocation>, ConfigError> {
        let mut rest = all.clone();
        let mut places = Vec::new();
        for ShardConfig { jurisdictions, path, url } in &self.shards {
            if let Some(stranger) = jurisdictions.iter().find(|jurisdiction| !rest.remove(jurisdiction)) {
                return Err(ConfigError::Store(format!("{stranger} is kept in another shard, or not served at all")));
            }
            if jurisdictions.is_empty() {
                return Err(ConfigError::Store("a shard without jurisdictions".to_owned()));
            }
            places.push((jurisdictions.clone(), location(path.as_ref(), url.as_ref(), base)?));
        }
        if !rest.is_empty() {
            places.push((rest, location(self.path.as_ref(), self.url.as_ref(), base)?));
        }
        let mut files = BTreeSet::new();
        for (_, place) in &places {
            if let StoreLocation::File(path) = place {
                // Resolve links: two paths to one file would give it two writers.
                let file = path.canonicalize().unwrap_or_else(|_| path.clone());
                if !files.insert(file) {
                    return Err(ConfigError::Store(format!("two shards are kept in {place}")));
                }
            }
        }
        Ok(places)
    }
}

fn location(path: Option<&PathBuf>, url: Option<&StoreUrl>, base: &Path) -> Result<StoreLocation, ConfigError> {
    match (path, url) {
        (Some(path), None) => Ok(StoreLocation::File(base.join(path))),
        (None, Some(StoreUrl(url))) => Ok(StoreLocation::Server(Address::parse(url, base)?)),
        (Some(_), Some(_)) | (None, None) => {
            Err(ConfigError::Store("a store is either a `path` or a `url`".to_owned()))
        }
    }
}

/// A store's address as given. It is always shown without its password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct StoreUrl(String);

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_passwords(&self.0))
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&without_passwords(&self.0))
    }
}

/// Removes every password in an address from a text, for messages that quote a configuration.
pub(super) fn without_passwords(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let (address, behind) = after.split_at(after.find(ends).unwrap_or(after.len()));
        // Up to the last @: an unescaped password is a password all the same.
        let (user, place) = address.rsplit_once('@').map_or((None, address), |(user, place)| (Some(user), place));
        if let Some(user) = user {
            shown.push_str(user.split_once(':').map_or(user, |(name, _)| name));
            shown.push('@');
        }
        shown.push_str(&without_parameter(place));
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

fn without_parameter(place: &str) -> String {
    let Some((before, query)) = place.split_once('?') else { return place.to_owned() };
    let kept: Vec<&str> = query.split('&').filter(|part| !part.starts_with("password=")).collect();
    if kept.is_empty() { before.to_owned() } else { format!("{before}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (given, shown) in [
            ("postgres://comity:sesame@db/c", "postgres://comity@db/c"),
            ("postgres://comity:ses@m/e@a,b:5/c?x=1", "postgres://comity@a,b:5/c?x=1"),
            ("postgres://db/c?user=comity&password=sesame&x=1", "postgres://db/c?user=comity&x=1"),
            ("postgres://db/c?password=sesame", "postgres://db/c"),
            ("postgres://comity@db/c", "postgres://comity@db/c"),
            ("found \"postgres://a:sesame@b\" and `x://c:sesame@d`", "found \"postgres://a@b\" and `x://c@d`"),
            ("nothing of the kind: a@b", "nothing of the kind: a@b"),
        ] {
            assert_eq!(without_passwords(given), shown);
        }
        let config = StoreConfig::server("postgres://comity:sesame@db/c?password=sesame");
        assert!(!format!("{config:?}{}", toml::to_string(&config).unwrap()).contains("sesame"));
    }

    #[test]
    fn each_jurisdiction_has_one_place() {
        let check = |text: &str, expected: Result<&[(&str, &str)], &str>| {
            let config: StoreConfig = toml::from_str(text).unwrap();
            let all = ["us-ny", "us-tx"].map(|id| id.parse().unwrap()).into();
            let places = config.locations(&all, Path::new("/base")).map_err(|error| error.to_string());
            let places = places.as_ref().map_err(String::as_str).map(|places| {
                let shown = places.iter().map(|(of, place)| {
                    let of: Vec<&str> = of.iter().map(JurisdictionId::as_str).collect();
                    (of.join(" "), place.to_string())
                });
                shown.collect::<Vec<_>>()
            });
            let expected = expected.map(|places| {
                places.iter().map(|(of, place)| ((*of).to_owned(), (*place).to_owned())).collect::<Vec<_>>()
            });
            assert_eq!(places, expected, "{text}");
        };
        let either = "the store: a store is either a `path` or a `url`";
        let twice = "the store: us-tx is kept in another shard, or not served at all";
        check("path = 'c.db'", Ok(&[("us-ny us-tx", "/base/c.db")]));
        check("", Err(either));
        check("path = 'c.db'\nurl = 'postgres://a/b'", Err(either));
        let tx = "[[shard]]\njurisdictions = ['us-tx']\npath = 't.db'\n";
        check(&format!("path = 'c.db'\n{tx}"), Ok(&[("us-tx", "/base/t.db"), ("us-ny", "/base/c.db")]));
        check(tx, Err(either));
        check(&format!("path = 'c.db'\n{tx}{tx}"), Err(twice));
        check(&format!("path = 't.db'\n{tx}"), Err("the store: two shards are kept in /base/t.db"));
        check(
            "path = 'c.db'\n[[shard]]\njurisdictions = ['us-ca']\npath = 't.db'",
            Err("the store: us-ca is kept in another shard, or not served at all"),
        );
    }
}
