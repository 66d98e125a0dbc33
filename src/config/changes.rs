//! How a configuration differs from the one that a gateway was started with: which keys are in force at once, and which wait
//! for a restart. The schema says which do not.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::config::reference::{is_marked_live, properties, schema, table_in};

/// A key whose value differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The key, with the tables that it is in.
    pub key: String,
    /// Its value at the start. `None`: it had none.
    pub at_start: Option<Value>,
    /// Its value now.
    pub now: Option<Value>,
    /// It is read at a start alone.
    pub waits: bool,
}

/// The keys that differ between two configurations.
pub fn differences<C: JsonSchema + Serialize>(started_with: &C, now: &C) -> Vec<Difference> {
    // A configuration that was read can be written.
    let written = |config: &C| serde_json::to_value(config).unwrap_or_default();
    let mut found = Vec::new();
    gather("", &schema::<C>(), (&written(started_with), &written(now)), &mut found);
    found
}

/// The keys that differ between two configurations and are read at a start alone.
pub fn keys_for_a_restart<C: JsonSchema + Serialize>(started_with: &C, now: &C) -> Vec<String> {
    differences(started_with, now).into_iter().filter(|differs| differs.waits).map(|differs| differs.key).collect()
}

/// The configuration that is in force once `now` was taken up, as TOML: keys that wait for a restart have the value of the start.
pub fn in_force<C: JsonSchema + Serialize>(started_with: &C, now: &C) -> Result<String, toml::ser::Error> {
    let mut table = toml::Table::try_from(now)?;
    let start = toml::Table::try_from(started_with)?;
    for differs in differences(started_with, now).iter().filter(|differs| differs.waits) {
        let path: Vec<&str> = differs.key.split('.').collect();
        put(&mut table, &path, find(&start, &path));
    }
    toml::to_string(&table)
}

fn find<'a>(table: &'a toml::Table, path: &[&str]) -> Option<&'a toml::Value> {
    let (first, rest) = path.split_first()?;
    let found = table.get(*first)?;
    if rest.is_empty() { Some(found) } else { find(found.as_table()?, rest) }
}

fn put(table: &mut toml::Table, path: &[&str], value: Option<&toml::Value>) {
    match (path, value) {
        ([key], Some(value)) => drop(table.insert((*key).to_owned(), value.clone())),
        ([key], None) => drop(table.remove(*key)),
        ([first, rest @ ..], _) => {
            let inner = table.entry(*first).or_insert_with(|| toml::Table::new().into());
            if let Some(inner) = inner.as_table_mut() {
                put(inner, rest, value);
            }
        }
        ([], _) => {}
    }
}

fn gather(table: &str, schema: &Value, (before, after): (&Value, &Value), found: &mut Vec<Difference>) {
    for (name, about) in properties(schema) {
        let values = (before.get(name), after.get(name));
        if values.0 == values.1 {
            continue;
        }
        let key = if table.is_empty() { name.clone() } else { format!("{table}.{name}") };
        let is_live = is_marked_live(about);
        match (table_in(about), values) {
            (Some((inner, false)), (Some(before), Some(after))) if !is_live => {
                gather(&key, inner, (before, after), found);
            }
            (_, (at_start, now)) => {
                let waits = !is_live;
                found.push(Difference { key, at_start: at_start.cloned(), now: now.cloned(), waits });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::reference::tables;
    use crate::config::{Config, example};

    use super::*;

    fn config(changed: &[(&str, &str)]) -> Config {
        let mut text = example(&tables::<Config>());
        for (before, after) in changed {
            assert!(text.contains(before), "{before} in {text}");
            text = text.replace(before, after);
        }
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn a_key_waits_for_a_restart_unless_its_schema_says_otherwise() {
        let waits = |changed: &[(&str, &str)]| keys_for_a_restart(&config(&[]), &config(changed));
        assert_eq!(waits(&[]), Vec::<String>::new());
        let live = [
            ("id = \"us-ny-doccs\"", "id = \"us-ny-erie-jail\""),
            ("trust_domain = \"comity.example\"", "trust_domain = \"other.example\""),
            ("[rate]", "[rate]\nburst = 7"),
            ("[token]", "[token]\nleeway_s = 7"),
            ("[server]", "[server]\nin_flight_max = 7"),
            ("[accept]", "[accept]\nconnection_age_max_s = 7"),
            ("certificate = \"certs/gateway.pem\"", "certificate = \"certs/other.pem\""),
            ("signer_name = \"comity.example/gateway\"", "signer_name = \"comity.example/other\""),
        ];
        assert_eq!(waits(&live), Vec::<String>::new());
        let others = [
            ("jurisdictions = [\"us-ny\"]\n#", "jurisdictions = [\"us-ny\", \"us-tx\"]\n#"),
            ("[server]", "[server]\nlisten = \"127.0.0.1:1\"\nin_flight_max = 7"),
            ("[accept]", "[accept]\nconnections_max = 7"),
            ("path = \"/var/lib/comity/comity.db\"", "path = \"/var/lib/comity/other.db\""),
        ];
        assert_eq!(waits(&others), ["jurisdictions", "server.listen", "accept.connections_max", "store.path"]);
    }

    #[test]
    fn what_is_in_force_has_live_keys_as_they_are_and_others_as_they_were() {
        let changed = config(&[
            ("[server]", "[server]\nlisten = \"127.0.0.1:1\"\nin_flight_max = 7"),
            ("[token]", "[token]\nleeway_s = 7"),
            ("path = \"/var/lib/comity/comity.db\"", "path = \"/var/lib/comity/other.db\""),
        ]);
        let start = config(&[]);
        let read: Config = toml::from_str(&in_force(&start, &changed).unwrap()).unwrap();
        let expected = config(&[("[server]", "[server]\nin_flight_max = 7"), ("[token]", "[token]\nleeway_s = 7")]);
        assert_eq!(differences(&expected, &read), []);
        let keys: Vec<_> =
            differences(&start, &changed).into_iter().map(|differs| (differs.key, differs.waits)).collect();
        let named = |key: &str, waits| (key.to_owned(), waits);
        let all = [
            named("server.listen", true),
            named("server.in_flight_max", false),
            named("token", false),
            named("store.path", true),
        ];
        assert_eq!(keys, all);
    }
}
