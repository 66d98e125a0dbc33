//! The house rules: which room may use which, who may name what, how a file opens and where it ends.
#![cfg(test)]

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/log_lines.rs"]
mod log_lines;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom. A room is the first part of a path in `src/`; using oneself goes without saying.
const USES: [(&str, &[&str]); 33] = [
    ("audit", &["domain", "ledger"]),
    ("claims", &["domain", "ledger"]),
    ("domain", &[]),
    ("niem", &["domain"]),
    ("paper", &["domain", "wire"]),
    ("ed25519", &[]),
    ("files", &[]),
    ("quota", &[]),
    ("random", &[]),
    ("sockets", &[]),
    ("traces", &[]),
    ("ledger", &["ed25519"]),
    ("wire", &["domain"]),
    ("identity", &["domain", "ed25519", "files"]),
    ("metrics", &["domain"]),
    ("policy", &["domain", "identity"]),
    ("store", &["domain", "files", "random", "wire", "ledger"]),
    ("recorder", &["domain", "random", "wire", "policy", "ledger", "store", "metrics", "traces"]),
    ("feed", &["domain", "wire", "policy", "ledger", "store"]),
    ("export", &["domain", "ledger", "recorder", "wire"]),
    ("reports", &["claims", "domain", "wire", "policy", "ledger", "store", "export"]),
    ("accept", &["domain", "files", "identity", "quota"]),
    ("api", &BENEATH_API),
    ("client", &["files", "ledger", "traces", "wire"]),
    ("witness", &["domain", "files", "wire", "ledger", "store", "metrics", "recorder", "client", "sockets"]),
    // Each room owns its part of the configuration; this one puts the parts together.
    (
        "config",
        &[
            "audit", "domain", "files", "identity", "policy", "ledger", "store", "recorder", "feed", "api", "accept",
            "witness",
        ],
    ),
    (
        "server",
        &[
            "audit", "domain", "files", "random", "wire", "identity", "policy", "ledger", "store", "metrics",
            "recorder", "feed", "reports", "api", "accept", "quota", "config", "witness", "sockets", "traces",
        ],
    ),
    ("doctor", &["accept", "config", "domain", "files", "identity", "server", "store"]),
    ("verify", &["domain", "ledger", "recorder", "store", "wire"]),
    (
        "sandbox",
        &[
            "accept", "api", "audit", "client", "config", "domain", "identity", "ledger", "recorder", "server",
            "witness",
        ],
    ),
    (
        "demo",
        &[
            "client", "config", "domain", "identity", "ledger", "recorder", "sandbox", "server", "store", "verify",
            "wire",
        ],
    ),
    ("partner", &["client", "config", "demo", "domain", "files", "identity", "ledger", "sandbox", "wire"]),
    ("cli", &EVERY_ROOM),
];

const BENEATH_API: [&str; 15] = [
    "audit", "domain", "ed25519", "files", "ledger", "wire", "identity", "policy", "store", "metrics", "recorder",
    "feed", "reports", "traces", "witness",
];

const EVERY_ROOM: [&str; 32] = [
    "audit", "claims", "domain", "ed25519", "files", "random", "ledger", "wire", "identity", "policy", "store",
    "metrics", "recorder", "feed", "reports", "api", "client", "config", "server", "verify", "sandbox", "demo",
    "accept", "quota", "export", "witness", "sockets", "doctor", "partner", "traces", "niem", "paper",
];

/// Names that stay in some rooms.
const NAMES: [(&[&str], &[&str]); 5] = [
    (&["opentelemetry", "opentelemetry_otlp", "opentelemetry_sdk", "tracing_opentelemetry"], &["traces"]),
    (&["prost", "prost_types", "prost_reflect", "tonic_prost"], &["wire"]),
    (&["rusqlite", "tokio_postgres", "tokio_postgres_rustls", "sqlx"], &["store"]),
    (
        &["rustls", "tokio_rustls", "hyper_rustls"],
        &["accept", "server", "client", "identity", "store", "files", "witness"],
    ),
    (
        // The crate, not our room of the same name.
        &[
            "::metrics",
            "use metrics",
            "metrics::counter",
            "metrics::gauge",
            "metrics::histogram",
            "metrics_exporter_prometheus",
        ],
        &["metrics"],
    ),
];

/// Rooms that do not know of networks, files and clocks, and what would betray that they do.
const PURE: [&str; 4] = ["domain", "ed25519", "ledger", "niem"];
const IMPURE: [&str; 10] = [
    "tokio",
    "tonic",
    "axum",
    "hyper",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "Timestamp::now",
    "Instant::now",
];

/// Texts that stand in these files alone, or below these folders. Proofs run from the command line and never while serving.
const PLACES: [(&str, &[&str]); 5] = [
    ("by_gate(", &["src/policy/gate/permit.rs", "src/domain/permit.rs"]),
    ("SystemTime::now", &[]),
    ("super::super", &[]),
    ("cedar_policy_symcc", &["src/policy/prove/solver.rs"]),
    ("policy::prove", &["src/policy/prove.rs", "src/policy/prove/", "src/cli/policy/prove.rs"]),
];

const SQL: [&str; 8] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "BEGIN ", "ALTER ", "PRAGMA "];

const LINES_MAX: usize = 600;

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

#[test]
fn the_house_rules_hold() {
    let mut files = Vec::new();
    for directory in ["src", "tests", "benches"] {
        gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut files);
    }
    assert!(files.len() > 50, "the sources were not found");
    let mut faults: Vec<Fault> = files.iter().flat_map(|file| check_file(file)).collect();
    faults.sort();
    let listed: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert!(listed.is_empty(), "{} breaches of the house rules:\n{}", listed.len(), listed.join("\n"));
}

#[test]
fn every_room_has_a_row() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(source).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".rs");
        assert!(["lib", "main"].contains(&name) || uses(name).is_some(), "{name} has no row in the table");
    }
}

#[test]
fn what_is_forbidden_is_found() {
    fn check(file: &str, code: &str, expected: &[(usize, &str)]) {
        let text = format!("//! Why.\n{code}");
        let faults = check_text(file, &text);
        let found: Vec<(usize, &str)> = faults.iter().map(|fault| (fault.line, fault.what.as_str())).collect();
        assert_eq!(found, expected, "{file}: {code}");
    }
    let domain = "src/domain/decide.rs";
    check(domain, "use crate::domain::ids;", &[]);
    check(domain, "use crate::store::Store;", &[(2, "domain must not use store")]);
    check(domain, "\nfn f() { crate::wire::show() }", &[(3, "domain must not use wire")]);
    check(
        domain,
        "use crate::{domain::ids, store::{Store, sqlite}, wire};",
        &[(2, "domain must not use store"), (2, "domain must not use wire")],
    );
    check(domain, "use crate::{\n    domain,\n    ledger::Tree,\n};", &[(4, "domain must not use ledger")]);
    check(domain, "#[cfg(test)]\nmod tests { use crate::api; }", &[(3, "domain must not use api")]);
    check(domain, "use crate::nowhere;", &[(2, "domain must not use nowhere")]);
    check(domain, "// use crate::store::Store;\n/* crate::wire */ /// [`crate::api`]", &[]);
    check(
        domain,
        r##"const A: &str = "crate::store"; const B: &str = r#"prost " SystemTime::now"#; const C: char = '"';"##,
        &[],
    );
    check(domain, "fn f<'a>(x: &'a str) { tokio::spawn(x); }", &[(2, "domain must not name tokio")]);
    check(domain, "let now = jiff::Timestamp::now();", &[(2, "domain must not name Timestamp::now")]);
    check("src/feed.rs", "use super::server::Config;", &[(2, "feed must not use server")]);
    check("src/store/mod.rs", "use super::policy;", &[(2, "store must not use policy")]);
    check("src/store/sqlite/read.rs", "use super::rows;", &[]);
    check("src/client/tls.rs", "use crate::domain::ids;", &[(2, "client must not use domain")]);
    check(
        "src/api/status.rs",
        "use crate::{server::Drain, cli};",
        &[(2, "api must not use server"), (2, "api must not use cli")],
    );
    check("src/recorder/plan.rs", "use prost::Message;", &[(2, "recorder must not name prost")]);
    check("src/recorder/plan.rs", "use crate::wire::{prost_like, Message};", &[]);
    check("src/cli/pki.rs", "use tokio_rustls::TlsAcceptor;", &[(2, "cli must not name tokio_rustls")]);
    check("src/api/inbox.rs", "db.run(\"SELECT 1\")", &[(2, "api must not speak SQL")]);
    check("src/api/inbox.rs", "rusqlite::open()", &[(2, "api must not name rusqlite")]);
    check("src/store/sqlite/write.rs", "db.run(\"SELECT 1\"); rusqlite::open()", &[]);
    check("src/api/write.rs", "Permitted::by_gate(a, b)", &[(2, "by_gate( does not belong here")]);
    check("src/policy/gate/permit.rs", "Permitted::by_gate(a, b)", &[]);
    check("src/cli.rs", "std::time::SystemTime::now()", &[(2, "SystemTime::now does not belong here")]);
    check("src/wire/parse/fields.rs", "use super::super::words;", &[(2, "super::super does not belong here")]);
    let proofs = "use crate::policy::prove::Finding;";
    check("src/recorder/plan.rs", proofs, &[(2, "policy::prove does not belong here")]);
    check("src/cli/policy/prove.rs", proofs, &[]);
    check("src/policy/prove/law.rs", "use cedar_policy_symcc::Env;", &[(2, "cedar_policy_symcc does not belong here")]);
    check("src/main.rs", "use comity::cli;", &[]);
    check("tests/it/world.rs", "Permitted::by_gate(a, b); use prost::Message;", &[]);

    let unopened = check_text("src/cli.rs", "use std::fs;\n");
    assert_eq!(
        unopened.first().map(Fault::to_string).unwrap(),
        "src/cli.rs:1: a file opens with //! and what it is for"
    );
    let long = check_text("tests/it/main.rs", &"//! Long.\n".repeat(LINES_MAX + 1));
    assert_eq!(long.first().map(Fault::to_string).unwrap(), "tests/it/main.rs:601: a file ends after 600 lines");
}

fn gather(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn check_file(path: &Path) -> Vec<Fault> {
    let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap().to_owned();
    // This file names everything that is forbidden.
    let own = name == "tests/architecture.rs";
    check_text(&name, &fs::read_to_string(path).unwrap())
        .into_iter()
        .filter(|fault| !own || fault.line > LINES_MAX)
        .collect()
}

/// Every rule on one file.
fn check_text(file: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |line, what| faults.push(Fault { file: file.to_owned(), line, what });
    if !text.starts_with("//!") {
        fault(1, "a file opens with //! and what it is for".to_owned());
    }
    if text.lines().count() > LINES_MAX {
        fault(LINES_MAX + 1, format!("a file ends after {LINES_MAX} lines"));
    }
    let (code, strings) = separate(text);
    if let Some(room) = room(file) {
        let mut used: Vec<(usize, String)> = uses_of(&code, file, room);
        used.sort();
        for (at, other) in used {
            if other != room && !uses(room).unwrap_or(&[]).contains(&other.as_str()) {
                fault(line(text, at), format!("{room} must not use {other}"));
            }
        }
        for (names, rooms) in NAMES {
            for (at, name) in found(&code, names).filter(|_| !rooms.contains(&room)) {
                fault(line(text, at), format!("{room} must not name {name}"));
            }
        }
        for (at, name) in found(&code, &IMPURE).filter(|_| PURE.contains(&room)) {
            fault(line(text, at), format!("{room} must not name {name}"));
        }
        for (at, _) in
            strings.iter().filter(|(_, string)| room != "store" && SQL.iter().any(|verb| string.starts_with(verb)))
        {
            fault(line(text, *at), format!("{room} must not speak SQL"));
        }
    }
    if file.starts_with("src/") {
        for (what, places) in PLACES {
            for (at, _) in code.match_indices(what).filter(|_| !places.iter().any(|place| file.starts_with(place))) {
                fault(line(text, at), format!("{what} does not belong here"));
            }
        }
    }
    faults
}

fn uses(room: &str) -> Option<&'static [&'static str]> {
    USES.iter().find(|(name, _)| *name == room).map(|(_, others)| *others)
}

/// The room of a file; none for `main.rs` and `lib.rs`, which name every room, and for tests.
fn room(file: &str) -> Option<&str> {
    let room = file.strip_prefix("src/")?.split('/').next()?.trim_end_matches(".rs");
    Some(room).filter(|room| !["main", "lib"].contains(room))
}

/// Rooms that code reaches, each with where.
fn uses_of(code: &str, file: &str, room: &str) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = at + path.len();
        match code[rest..].strip_prefix('{') {
            Some(group) => used.extend(first_parts(group).into_iter().map(|(inside, name)| (rest + 1 + inside, name))),
            None => used.push((at, word(&code[rest..]).to_owned())),
        }
    }
    // From the door of a room, `super` is the crate.
    let is_door = file == format!("src/{room}.rs") || file == format!("src/{room}/mod.rs");
    for (at, path) in code.match_indices("super::").filter(|_| is_door) {
        let name = word(&code[at + path.len()..]);
        if uses(name).is_some() {
            used.push((at, name.to_owned()));
        }
    }
    used
}

/// The first part of each path in `a::b, c::{d, e}, f}`, up to the brace that closes it.
fn first_parts(group: &str) -> Vec<(usize, String)> {
    let (mut depth, mut begins, mut parts) = (0_usize, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !c.is_whitespace() => {
                parts.push((at, word(&group[at..]).to_owned()));
                begins = false;
            }
            _ => {}
        }
    }
    parts
}

/// The identifier that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
    &text[..end]
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where whole names occur.
fn found<'a>(code: &'a str, names: &'a [&'a str]) -> impl Iterator<Item = (usize, &'a str)> {
    names.iter().flat_map(move |name| {
        code.match_indices(name).filter(move |(at, name)| {
            let before = code[..*at].chars().next_back();
            let after = code[at + name.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    })
}

fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Code with comments and strings blanked out in place, and the strings.
fn separate(text: &str) -> (String, Vec<(usize, String)>) {
    let (mut code, mut strings) = (String::with_capacity(text.len()), Vec::new());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (len, string) = match c {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), None),
            '/' if rest.starts_with("/*") => (block_comment(rest), None),
            '"' => quoted(rest, "\"", true),
            'r' if !code.chars().next_back().is_some_and(is_word) && raw(rest).is_some() => {
                let hashes = raw(rest).unwrap_or_default();
                let (len, string) = quoted(&rest[1 + hashes..], &format!("\"{}", "#".repeat(hashes)), false);
                (1 + hashes + len, string)
            }
            '\'' => (character(rest), None),
            _ => (0, None),
        };
        if len == 0 {
            code.push(c);
            at += c.len_utf8();
            continue;
        }
        strings.extend(string.map(|string| (at, string)));
        code.extend(rest[..len].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        at += len;
    }
    (code, strings)
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") if depth == 1 => return at + 2,
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

/// The hashes of a raw string, if one begins here.
fn raw(rest: &str) -> Option<usize> {
    let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
    rest[1 + hashes..].starts_with('"').then_some(hashes)
}

/// Length and content of a string.
fn quoted(rest: &str, end: &str, escapes: bool) -> (usize, Option<String>) {
    let mut at = 1;
    while at < rest.len() {
        if rest.as_bytes()[at..].starts_with(end.as_bytes()) {
            return (at + end.len(), Some(rest[1..at].to_owned()));
        }
        at += if escapes && rest.as_bytes()[at] == b'\\' { 2 } else { 1 };
    }
    (rest.len(), None)
}

/// Length of a character literal; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut inside = rest[1..].char_indices();
    match (inside.next(), inside.next()) {
        (Some((_, '\\')), Some((next, escaped))) => {
            let after = 1 + next + escaped.len_utf8();
            rest[after..].find('\'').map_or(0, |end| after + end + 1)
        }
        (Some(_), Some((next, '\''))) => next + 2,
        _ => 0,
    }
}
