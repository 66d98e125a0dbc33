//! Which keys of a configuration wait for a restart. The schema says which do not.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::config::reference::{is_marked_live, properties, schema, table_in};

/// The keys that differ between two configurations and are read at a start alone.
pub fn keys_for_a_restart<C: JsonSchema + Serialize>(started_with: &C, now: &C) -> Vec<String> {
    // A configuration that was read can be written.
    let written = |config: &C| serde_json::to_value(config).unwrap_or_default();
    let mut found = Vec::new();
    gather("", &schema::<C>(), (&written(started_with), &written(now)), &mut found);
    found
}

fn gather(table: &str, schema: &Value, (before, after): (&Value, &Value), found: &mut Vec<String>) {
    for (name, about) in properties(schema) {
        let values = (before.get(name), after.get(name));
        if values.0 == values.1 || is_marked_live(about) {
            continue;
        }
        let key = if table.is_empty() { name.clone() } else { format!("{table}.{name}") };
        match (table_in(about), values) {
            (Some((inner, false)), (Some(before), Some(after))) => gather(&key, inner, (before, after), found),
            _ => found.push(key),
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
}
