//! What each key of a configuration file is, read from the types that the file is read into (JSON Schema, by `schemars`):
//! meanings are doc comments, defaults and ranges those that reading uses.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// A table of a configuration file.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its dotted name. Empty for the keys that stand before the first table.
    pub name: String,
    /// Whether there may be any number of it.
    pub is_list: bool,
    /// Whether it may be left out.
    pub is_optional: bool,
    /// What it is for.
    pub meaning: String,
    /// Its keys, by name.
    pub keys: Vec<Key>,
}

/// A key of a table.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// What its value is, in words.
    pub kind: String,
    /// What a number counts, if its name does not say it.
    pub unit: Option<String>,
    /// What holds if it is left out.
    pub default: Option<Value>,
    /// Whether it may be left out.
    pub is_optional: bool,
    /// A value to begin with. Keys that have one stand in the file that an operator begins with.
    pub example: Option<Value>,
    /// The least and the greatest number.
    pub range: Option<(u64, u64)>,
    /// Whether another value is taken up while the gateway runs, and what is in the file that it names.
    pub is_live: bool,
    /// When the file that it names is read again while the gateway runs, if the key itself waits for a restart.
    pub reread: Option<String>,
    /// What it is for.
    pub meaning: String,
}

/// The schema of a configuration file, with every type in its place.
pub fn schema<C: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<C>().to_value()
}

/// Every table of a configuration file, each before those within it.
pub fn tables<C: JsonSchema>() -> Vec<Table> {
    let schema = schema::<C>();
    let mut tables = Vec::new();
    let whole = Table {
        name: String::new(),
        is_list: false,
        is_optional: false,
        meaning: text(&schema, "description"),
        keys: Vec::new(),
    };
    gather(whole, &schema, false, &mut tables);
    tables
}

impl Table {
    /// The table as the file names it.
    pub fn header(&self) -> String {
        if self.is_list { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }
}

/// Fills a table with its keys, and adds it and those within it. Where a table is live, all within it is.
fn gather(mut table: Table, schema: &Value, is_live: bool, tables: &mut Vec<Table>) {
    let mut within = Vec::new();
    for (name, about) in properties(schema) {
        let is_optional = !is_required(schema, name);
        let meaning = text(about, "description");
        let is_live = is_live || is_marked_live(about);
        if let Some((inner, is_list)) = table_in(about) {
            let name = if table.name.is_empty() { name.clone() } else { format!("{}.{name}", table.name) };
            within.push((Table { name, is_list, is_optional, meaning, keys: Vec::new() }, inner, is_live));
            continue;
        }
        let default = about.get("default").filter(|default| !default.is_null()).cloned();
        table.keys.push(Key {
            name: name.clone(),
            kind: kind(about),
            unit: unit(name, about),
            default,
            is_optional,
            example: about.get("examples").and_then(|examples| examples.get(0)).cloned(),
            range: range(about),
            is_live,
            reread: about.get("x-reread").and_then(Value::as_str).map(str::to_owned),
            meaning,
        });
    }
    tables.push(table);
    for (table, inner, is_live) in within {
        gather(table, inner, is_live, tables);
    }
}

/// The keys of a schema with theirs.
pub(super) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// Whether a schema says that another value is taken up while the gateway runs.
pub(super) fn is_marked_live(about: &Value) -> bool {
    about.get("x-live").and_then(Value::as_bool) == Some(true)
}

/// The schema of the table that a key holds, and whether it holds any number of them.
pub(super) fn table_in(about: &Value) -> Option<(&Value, bool)> {
    if about.get("properties").is_some() {
        return Some((about, false));
    }
    about.get("items").filter(|items| items.get("properties").is_some()).map(|items| (items, true))
}

fn is_required(schema: &Value, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|required| required.iter().any(|key| key.as_str() == Some(name)))
}

/// A text of a schema, on one line.
fn text(schema: &Value, key: &str) -> String {
    let text = schema.get(key).and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a value is, in words.
fn kind(about: &Value) -> String {
    let words = words(about);
    if !words.is_empty() {
        return words.join(", ");
    }
    let one = match about.get("format").and_then(Value::as_str) {
        Some("path" | "secret") => Some("path"),
        Some("pem") => Some("PEM, or the path of a file of it"),
        Some("address") => Some("address and port"),
        _ => None,
    };
    match (json_type(about), one) {
        ("array", Some(one)) => format!("list: {one}"),
        ("array", None) => format!("list: {}", about.get("items").map(kind).unwrap_or_default()),
        ("object", Some(one)) => format!("table: {one} by name"),
        ("object", None) => {
            format!("table: {} by name", about.get("additionalProperties").map(kind).unwrap_or_default())
        }
        (_, Some(one)) => one.to_owned(),
        ("string", None) => "text".to_owned(),
        (other, None) => other.to_owned(),
    }
}

/// The type of a value that is there.
fn json_type(about: &Value) -> &str {
    let kind = about.get("type");
    let listed = || kind?.as_array()?.iter().filter_map(Value::as_str).find(|name| *name != "null");
    kind.and_then(Value::as_str).or_else(listed).unwrap_or_default()
}

/// The words of an enumeration.
fn words(about: &Value) -> Vec<String> {
    let alternatives = ["oneOf", "anyOf"].iter().filter_map(|key| about.get(key)?.as_array()).flatten();
    let nested = alternatives.flat_map(|one| match one.get("const").and_then(Value::as_str) {
        Some(word) => vec![format!("`{word}`")],
        None => words(one),
    });
    let listed = about.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    nested.chain(listed.map(|word| format!("`{word}`"))).collect()
}

/// What a number counts: as its schema says, or as its name ends.
fn unit(name: &str, about: &Value) -> Option<String> {
    const ENDINGS: [(&str, &str); 6] = [
        ("_per_s", "per second"),
        ("_s", "seconds"),
        ("_ms", "milliseconds"),
        ("_minutes", "minutes"),
        ("_hours", "hours"),
        ("_days", "business days"),
    ];
    if json_type(about) != "integer" {
        return None;
    }
    let said = about.get("x-unit").and_then(Value::as_str);
    said.or_else(|| ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, unit)| *unit)).map(str::to_owned)
}

fn range(about: &Value) -> Option<(u64, u64)> {
    let least = about.get("minimum")?.as_u64()?;
    let widest = match about.get("format").and_then(Value::as_str) {
        Some("uint32") => Some(u64::from(u32::MAX)),
        _ => None,
    };
    Some((least, about.get("maximum").and_then(Value::as_u64).or(widest)?))
}
