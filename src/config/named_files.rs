//! The files that a configuration names, found by what its schema says of each key, so that none is forgotten.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::config::reference::{properties, schema, table_in};

/// A file or directory that a configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// The key that names it, as `tls.certificate`.
    pub key: String,
    /// Its path, as given.
    pub path: PathBuf,
    /// Whether only its owner and its group may read it.
    pub is_secret: bool,
}

/// The files that a configuration names.
pub fn named_files<C: JsonSchema + Serialize>(config: &C) -> Vec<NamedFile> {
    let mut found = Vec::new();
    // A configuration that was read can be written.
    let written = serde_json::to_value(config).unwrap_or_default();
    gather("", &schema::<C>(), &written, &mut found);
    found
}

fn gather(table: &str, schema: &Value, written: &Value, found: &mut Vec<NamedFile>) {
    for (name, about) in properties(schema) {
        let Some(value) = written.get(name) else { continue };
        let key = if table.is_empty() { name.clone() } else { format!("{table}.{name}") };
        match table_in(about) {
            Some((inner, true)) => all(value).iter().for_each(|one| gather(&key, inner, one, found)),
            Some((inner, false)) => gather(&key, inner, value, found),
            None => found.extend(paths(about, value).map(|(path, is_secret)| NamedFile {
                key: key.clone(),
                path: path.into(),
                is_secret,
            })),
        }
    }
}

/// The paths that a value holds, and whether they are of secrets.
fn paths<'a>(about: &Value, value: &'a Value) -> impl Iterator<Item = (&'a str, bool)> {
    let format = about.get("format").and_then(Value::as_str).unwrap_or_default();
    let (is_path, is_secret) = (["path", "secret", "pem"].contains(&format), format == "secret");
    let one = value.as_str().into_iter();
    let listed = all(value).iter().filter_map(Value::as_str);
    let by_name = value.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
    one.chain(listed)
        .chain(by_name)
        // PEM may stand in the configuration itself.
        .filter(move |text| is_path && !text.trim_start().starts_with("-----BEGIN "))
        .map(move |path| (path, is_secret))
}

fn all(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
