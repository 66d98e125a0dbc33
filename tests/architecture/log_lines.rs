//! `docs/logging.md` lists every event of the code, by its level, its message, its fields and its file, and lists no other.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::circles::code;
use crate::{found, gather, separate};

const MACROS: [&str; 5] = ["error!", "warn!", "info!", "debug!", "trace!"];

/// The level of audit lines, which have none in the document.
const AUDIT: &str = "audit";

/// An event, as the code writes it or the document lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    /// The message; of an audit line its `event`.
    message: String,
    level: String,
    file: String,
    fields: BTreeSet<String>,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, level, file, fields } = self;
        write!(f, "{file}: {level} `{message}` {fields:?}")
    }
}

/// The events of a file.
fn written(file: &str, text: &str) -> Vec<Event> {
    // Both have the length of the text, but for the tests at its end.
    let (code, (_, strings)) = (code(text), separate(text));
    let event = |(at, name): (usize, &str)| {
        let begin = at + name.len() + 1;
        let mut event = Event {
            message: String::new(),
            level: name.trim_end_matches('!').to_uppercase(),
            file: file.to_owned(),
            fields: BTreeSet::new(),
        };
        for (from, to) in arguments(&code[begin..]) {
            let (from, to) = (begin + from, begin + to);
            let text = strings.iter().find(|(at, _)| (from..to).contains(at)).map(|(_, text)| text.clone());
            let (name, value) = code[from..to].split_once([':', '=']).unwrap_or((&code[from..to], ""));
            match (name.trim().trim_start_matches(['%', '?']), text.filter(|_| value.trim().is_empty())) {
                ("target", Some(target)) if target == AUDIT => AUDIT.clone_into(&mut event.level),
                ("" | "event", Some(message)) => event.message = message,
                ("", None) => {}
                (field, _) => _ = event.fields.insert(field.to_owned()),
            }
        }
        event
    };
    found(&code, &MACROS).map(event).collect()
}

/// Where each argument begins and ends, of a macro whose bracket has been opened.
fn arguments(code: &str) -> Vec<(usize, usize)> {
    let (mut depth, mut begin, mut arguments) = (0_usize, 0, Vec::new());
    for (at, c) in code.char_indices() {
        match c {
            ')' if depth == 0 => {
                arguments.push((begin, at));
                break;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push((begin, at));
                begin = at + 1;
            }
            _ => {}
        }
    }
    arguments
}

/// The events that a document lists: a row for each, its level and message first, or the word of an audit line; then its fields
/// and, last, its files.
fn listed(document: &str) -> Vec<Event> {
    let (mut section, mut events) = ("", Vec::new());
    for line in document.lines() {
        section = line.strip_prefix("## ").unwrap_or(section);
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (level, message, fields) = match (section, &cells[..]) {
            ("Events", [level, message, fields, .., _]) => (*level, message, fields),
            ("The audit file", [message, fields, .., _, _]) => (AUDIT, message, fields),
            _ => continue,
        };
        let Some(message) = words(message).pop().filter(|_| line.starts_with('|')) else { continue };
        // What stands in brackets is said of a field.
        let fields: BTreeSet<String> =
            fields.split('(').flat_map(|part| words(part.rsplit(')').next().unwrap_or(part))).collect();
        events.extend(words(cells[cells.len() - 1]).into_iter().map(|file| Event {
            message: message.clone(),
            level: level.to_owned(),
            file,
            fields: fields.clone(),
        }));
    }
    events
}

/// What stands between backticks.
fn words(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What one of the two has and the other lacks.
fn differences(code: &[Event], document: &[Event]) -> Vec<String> {
    let lacks = |has: &[Event], other: &[Event], what: &str| -> Vec<String> {
        has.iter().filter(|event| !other.contains(event)).map(|event| format!("{what} {event}")).collect()
    };
    [lacks(code, document, "not in the document:"), lacks(document, code, "not in the code:")].concat()
}

#[test]
fn every_event_is_in_the_document_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = Vec::new();
    gather(&root.join("src"), &mut files);
    let sources = files.iter().filter(|path| !path.iter().any(|part| part == "tests" || part == "tests.rs"));
    let of_file = |path: &PathBuf| {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        written(name, &fs::read_to_string(path).unwrap())
    };
    let written: Vec<Event> = sources.flat_map(of_file).collect();
    assert!(written.len() > 60, "only {} events were found", written.len());
    let listed = listed(&fs::read_to_string(root.join("docs/logging.md")).unwrap());
    let differences = differences(&written, &listed);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    let twice: Vec<_> =
        listed.iter().filter(|event| listed.iter().filter(|other| other == event).count() > 1).collect();
    assert!(twice.is_empty(), "listed twice: {twice:?}");
}

#[test]
fn an_event_is_found_and_told_from_another() {
    fn event(level: &str, message: &str, fields: &[&str]) -> Event {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Event { message: message.to_owned(), level: level.to_owned(), file: "src/a.rs".to_owned(), fields }
    }
    let source = r#"
        tracing::warn!(%error, back_off_ms = back_off.as_millis(), "cannot accept");
        // tracing::warn!("a comment");
        Err(error) => error!(
            error = format!("{error:#}, {}", f(1, 2)), entry = self.entry, ?reason, "two, or three"
        ),
        tracing::info!("ready");
        tracing::info!(target: "audit", event = "call_denied", agency, reason = "fixed");
        tracing::error_span!("call", method);
        #[cfg(test)]
        mod tests { tracing::info!("of a test"); }
    "#;
    let expected = [
        event("ERROR", "two, or three", &["error", "entry", "reason"]),
        event("WARN", "cannot accept", &["error", "back_off_ms"]),
        event("INFO", "ready", &[]),
        event(AUDIT, "call_denied", &["agency", "reason"]),
    ];
    assert_eq!(written("src/a.rs", source), expected);
    let document = "\
        ## The audit file\n\
        | event | fields | means | who acts, and how | file |\n|---|---|---|---|---|\n\
        | `call_denied` | `agency`, `reason` (always `fixed`) | It was. | Nobody | `src/a.rs` |\n\
        ## Elsewhere\n| ERROR | `by hand` | | Nobody | `src/a.rs` |\n\
        ## Events\n\
        | level | message | fields | who acts, and how | file |\n|---|---|---|---|---|\n\
        | ERROR | `two, or three` | `error`, `entry`, `reason` | A developer, if `reason` says so | `src/a.rs` |\n\
        | WARN | `cannot accept` | `error`, `back_off_ms` | Nobody | `src/a.rs` |\n\
        | INFO | `ready` | | Nobody | `src/a.rs` |\n";
    assert_eq!(differences(&expected, &listed(document)), Vec::<String>::new());
    // A row too few or too many, and one that differs in anything.
    for (row, in_its_place, count) in [
        ("| INFO | `ready` | | Nobody | `src/a.rs` |\n", "", 1),
        ("| INFO | `ready` |", "| INFO | `steady` | | Nobody | `src/a.rs` |\n| INFO | `ready` |", 1),
        ("| INFO | `ready` |", "| DEBUG | `ready` |", 2),
        ("`ready` | |", "`ready` | `grpc` |", 2),
        ("| `src/a.rs` |\n## Else", "| `src/b.rs` |\n## Else", 2),
        ("| Nobody | `src/a.rs` |\n## Else", "| Nobody | `src/a.rs`, `src/b.rs` |\n## Else", 1),
    ] {
        assert!(document.contains(row), "{row}");
        let found = differences(&expected, &listed(&document.replacen(row, in_its_place, 1)));
        assert_eq!(found.len(), count, "{row} -> {in_its_place}: {found:?}");
    }
}
