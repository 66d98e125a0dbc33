//! The reference of the configuration as a page of docs/.

use std::fmt::Write as _;

use serde_json::Value;

use crate::config::reference::{Key, Table};

const OPENING: &str = "\
# Configuration

Made from the types that the files are read into by `comity config reference`; a test holds this page against them. `comity config
example` prints a file to begin with, `comity check-config` says whether one is good, and `comity doctor` whether the machine is.

A file is TOML. A key that is not listed here is refused, and so is a number outside of its range, with line and key. Relative paths
start at the directory of the file. A key without a default MUST be there, unless it says *optional*.

**What changes without a restart:** the last column says *yes* where another value is taken up while the gateway runs, and so is what
the file holds that such a key names: on SIGHUP, and when `server.look_every_ms` shows that a file has changed. All of it is checked as
at a start, and taken up together or not at all; `/readyz` says why not. A change of any other key waits for a restart, and `/readyz`
names the key. SIGHUP also opens the audit file anew (`--audit-log`). The password file of a database (`passfile` in `store.url`) is
read for each new connection.
";

const GATEWAY: &str = "\n## The gateway: `comity serve`\n";

const WITNESS: &str = "
## A witness: `comity witness serve`

What this witness itself serves with is read once. SIGHUP ends it. See [witness.md](witness.md).
";

/// The page, as docs/configuration.md has it, from the tables of both files.
pub fn page(gateway: &[Table], witness: &[Table]) -> String {
    let mut page = format!("{OPENING}{GATEWAY}");
    for table in gateway {
        section(table, &mut page);
    }
    page.push_str(WITNESS);
    for table in witness {
        section(table, &mut page);
    }
    page
}

fn section(table: &Table, page: &mut String) {
    let title =
        if table.name.is_empty() { "Before the first table".to_owned() } else { format!("`{}`", table.header()) };
    // Writing to a text cannot fail.
    let _ = writeln!(page, "\n### {title}\n");
    let number = if table.is_list { " Any number of them." } else { "" };
    if !table.name.is_empty() {
        let _ = writeln!(page, "{}{number}\n", table.meaning);
    }
    if table.keys.is_empty() {
        return;
    }
    page.push_str("| key | type | default | range | meaning | without a restart |\n|---|---|---|---|---|---|\n");
    for key in &table.keys {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {} |",
            key.name,
            cell(&kind(key)),
            default(key),
            range(key),
            cell(&key.meaning),
            without_restart(key),
        );
    }
}

fn without_restart(key: &Key) -> String {
    match (&key.reread, key.is_live) {
        (_, true) => "yes".to_owned(),
        (Some(when), false) => format!("its file: {when}"),
        (None, false) => String::new(),
    }
}

fn kind(key: &Key) -> String {
    match &key.unit {
        Some(unit) => format!("{}, {unit}", key.kind),
        None => key.kind.clone(),
    }
}

fn default(key: &Key) -> String {
    match &key.default {
        Some(value) => format!("`{}`", literal(value)),
        None if key.is_optional => "*optional*".to_owned(),
        None => String::new(),
    }
}

fn range(key: &Key) -> String {
    key.range.map(|(least, most)| format!("{} to {}", digits(least), digits(most))).unwrap_or_default()
}

/// A text as a cell of a table holds it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A value as the file has it.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), digits),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        // Texts and truths are written alike in both.
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Object(_) => value.to_string(),
    }
}

/// A number as TOML lets it be read: `16_777_216`.
fn digits(number: u64) -> String {
    let plain = number.to_string();
    let groups = plain.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join("_")
}
