//! A configuration file to begin with: what has to be said, with values to replace, and every other key as a comment with
//! its default.

use std::fmt::Write as _;

use crate::config::page::literal;
use crate::config::reference::{Key, Table};

/// The longest line of a comment.
const LINE_LEN: usize = 110;

/// A file to begin with, from its tables.
pub fn example(tables: &[Table]) -> String {
    let mut text = String::from(
        "# Everything that is not a comment is to be replaced. A key that is commented out has the value that is shown, or none.\n",
    );
    // What has to be said comes first, so that it is not lost among what need not be.
    let (begun, rest): (Vec<&Table>, Vec<&Table>) = tables.iter().partition(|table| is_begun(table, tables));
    for table in begun {
        write_table(table, true, &mut text);
    }
    if !rest.is_empty() {
        text.push_str("\n# What need not be said.\n");
    }
    for table in rest {
        write_table(table, holds_without_a_word(table), &mut text);
    }
    text
}

/// Whether the table has a value to begin with, in itself or within.
fn is_begun(table: &Table, tables: &[Table]) -> bool {
    let within = format!("{}.", table.name);
    let of_it = tables.iter().filter(|other| other.name == table.name || other.name.starts_with(&within));
    table.name.is_empty() || of_it.flat_map(|table| &table.keys).any(|key| key.example.is_some())
}

/// Whether the table may stand there with nothing in it, so that any one of its keys can be said.
fn holds_without_a_word(table: &Table) -> bool {
    !table.is_list && table.keys.iter().all(|key| key.is_optional)
}

fn write_table(table: &Table, counts: bool, text: &mut String) {
    text.push('\n');
    if !table.name.is_empty() {
        comment(&table.meaning, text);
        let mark = if counts { "" } else { "# " };
        let _ = writeln!(text, "{mark}{}", table.header());
    }
    for key in &table.keys {
        write_key(key, text);
    }
}

fn write_key(key: &Key, text: &mut String) {
    let unsaid = key.unit.as_ref().filter(|unit| !key.meaning.to_lowercase().contains(unit.as_str()));
    let unit = unsaid.map(|unit| format!(" In {unit}.")).unwrap_or_default();
    comment(&format!("{}{unit}", key.meaning), text);
    // Writing to a text cannot fail.
    let _ = match (&key.example, &key.default) {
        (Some(example), _) => writeln!(text, "{} = {}", key.name, literal(example)),
        (None, Some(default)) => writeln!(text, "# {} = {}", key.name, literal(default)),
        (None, None) => writeln!(text, "# {} = ... ({})", key.name, key.kind),
    };
}

/// Writes a text as comments of the length of a line.
fn comment(text: &str, out: &mut String) {
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.len().saturating_add(word.len()) >= LINE_LEN {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}
