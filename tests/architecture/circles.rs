//! No circle of files: whoever reads one file of `src/` follows its names downward and never comes back to it.
//!
//! A file uses another where it names something of it by a path from the crate's root, or something of its own child.
//! Declaring a child and handing on its names (`mod`, `pub use`) is no use, nor is what tests alone need.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::{gather, separate};

type Module = Vec<String>;

/// A module of a crate.
struct Source {
    /// What it uses: paths from the crate's root.
    uses: Vec<Module>,
    /// What it hands on from elsewhere.
    hands_on: Vec<Module>,
}

impl Source {
    fn of(module: &Module, text: &str) -> Self {
        let code = code(text);
        Self { uses: paths(&code, module, false), hands_on: paths(&code, module, true) }
    }
}

/// The sources of a crate by their modules.
struct Sources(BTreeMap<Module, Source>);

impl Sources {
    fn read(root: &Path) -> Self {
        let mut files: Vec<PathBuf> = Vec::new();
        gather(root, &mut files);
        let source = |path: &PathBuf| {
            let module = path.strip_prefix(root).unwrap().with_extension("");
            let mut module: Module = module.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            module.pop_if(|last| last == "mod");
            // Nobody uses the roots, and what is for tests alone is no source.
            let is_left_out = module.iter().any(|part| ["lib", "main", "tests"].contains(&part.as_str()));
            let source = || Source::of(&module, &fs::read_to_string(path).unwrap());
            (!is_left_out).then(source).map(|source| (module, source))
        };
        Self(files.iter().filter_map(source).collect())
    }

    /// The file that a path leads into, and what of it; through names that are handed on to where they are defined.
    fn resolve(&self, path: &[String], depth: usize) -> Option<(Module, Option<String>)> {
        let len = (1..=path.len()).rev().find(|len| self.0.contains_key(&path[..*len]))?;
        let (module, name) = (path[..len].to_vec(), path.get(len).cloned());
        let Some(wanted) = name.as_ref().filter(|_| depth < 5) else { return Some((module, name)) };
        for path in &self.0[&module].hands_on {
            let own = path.strip_prefix(module.as_slice()).is_some_and(|rest| rest == std::slice::from_ref(wanted));
            let found = (path.last() == Some(wanted) && !own).then(|| self.resolve(path, depth + 1)).flatten();
            if let Some(found) = found.filter(|(of, _)| *of != module) {
                return Some(found);
            }
        }
        Some((module, name))
    }

    /// Which files each file uses.
    fn uses(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let of = |(module, source): (&Module, &Source)| {
            let used = source.uses.iter().filter_map(|path| self.resolve(path, 0));
            // A module named for itself is no name of it.
            used.filter(|(used, name)| used != module && name.is_some()).map(|(used, _)| used).collect()
        };
        self.0.iter().map(|entry| (entry.0, of(entry))).collect()
    }

    /// Files that lead back to themselves, each with one way round.
    fn circles(&self) -> Vec<String> {
        let uses = self.uses();
        let mut circles = BTreeSet::new();
        for start in uses.keys() {
            let mut from: BTreeMap<&Module, &Module> = BTreeMap::new();
            let mut next = vec![*start];
            while let Some(at) = next.pop() {
                for used in uses.get(at).into_iter().flatten() {
                    if used == *start {
                        let mut way = vec![at.join("::")];
                        let mut back = at;
                        while let Some(before) = from.get(back).filter(|_| back != *start) {
                            back = before;
                            way.push(back.join("::"));
                        }
                        way.sort();
                        circles.insert(way.join(", "));
                        next.clear();
                        break;
                    }
                    if !from.contains_key(used) {
                        from.insert(used, at);
                        next.push(used);
                    }
                }
            }
        }
        circles.into_iter().collect()
    }
}

/// The code of a file, without comments and texts, up to its own tests.
pub(crate) fn code(text: &str) -> String {
    let (mut code, _) = separate(text);
    let is_block =
        |after: &str| after.split(['{', ';']).next().is_some_and(|head| after[head.len()..].starts_with('{'));
    let tests = code.match_indices("#[cfg(test)]").find(|(at, _)| is_block(&code[*at..])).map(|(at, _)| at);
    code.truncate(tests.unwrap_or(code.len()));
    code
}

/// Paths from the crate's root: of names that are handed on (`pub use`), or of all others.
fn paths(code: &str, module: &[String], handed_on: bool) -> Vec<Module> {
    let mut found = Vec::new();
    let mut done = 0;
    while let Some(colons) = code[done..].find("::").map(|at| done + at) {
        let before = |c: char| !c.is_alphanumeric() && c != '_';
        let start = code[..colons].rfind(before).map_or(0, |before| before + 1).max(done);
        let statement = code[..start].trim_end().rsplit([';', '}']).next().unwrap_or_default().trim_start();
        let is_handed_on = statement.starts_with("pub") && statement.ends_with("use");
        let (mut tree, len) = tree(&code[start..]);
        if is_handed_on == handed_on {
            for path in &mut tree {
                match path.first().map(String::as_str) {
                    Some("crate") => drop(path.remove(0)),
                    Some("self") => drop(path.splice(..1, module.iter().cloned())),
                    Some("super") => drop(path.splice(..1, module[..module.len() - 1].iter().cloned())),
                    _ => drop(path.splice(..0, module.iter().cloned())),
                }
            }
            found.extend(tree);
        }
        done = start + len.max(colons - start + 2);
    }
    found
}

/// The paths of a tree such as `a::{b, c::D}`, and how long it is.
fn tree(text: &str) -> (Vec<Module>, usize) {
    let (mut path, mut at) = (Module::new(), 0);
    loop {
        let word: String = text[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        at += word.len();
        if !word.is_empty() {
            path.push(word);
        }
        let Some(after) = text[at..].strip_prefix("::") else { return (vec![path], at) };
        at += 2;
        if !after.starts_with('{') {
            if after.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                continue;
            }
            return (vec![path], at);
        }
        at += 1;
        let mut all = Vec::new();
        loop {
            at += text[at..].len() - text[at..].trim_start_matches([' ', '\n', ',']).len();
            if at >= text.len() {
                return (all, at);
            }
            if text[at..].starts_with('}') {
                return (all, at + 1);
            }
            let (inner, len) = tree(&text[at..]);
            if len == 0 {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
                continue;
            }
            at += len;
            for below in inner {
                let own = if below == ["self"] { Module::new() } else { below };
                all.push(path.iter().cloned().chain(own).collect());
            }
            // `as` gives another name, which no file has.
            if let Some(after) = text[at..].strip_prefix(" as ") {
                at += 4 + after.find([',', '}']).unwrap_or(after.len());
            }
        }
    }
}

#[test]
fn no_files_lead_back_to_themselves() {
    let sources = Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.0.len() > 200, "the sources were not found");
    let uses: usize = sources.uses().values().map(BTreeSet::len).sum();
    assert!(uses > 1_000, "only {uses} uses were found");
    let circles = sources.circles();
    assert!(circles.is_empty(), "{} circles of files:\n{}", circles.len(), circles.join("\n"));
}

#[test]
fn a_circle_is_found() {
    let sources = |files: &[(&str, &str)]| {
        let module = |path: &str| -> Module { path.split("::").map(str::to_owned).collect() };
        let source = |(path, text): &(&str, &str)| {
            let module = module(path);
            let source = Source::of(&module, text);
            (module, source)
        };
        Sources(files.iter().map(source).collect())
    };
    let none: [&str; 0] = [];
    // Two files, by `use` and by a path within the code.
    let two = [("a::b", "use crate::a::c::{Own, Other as Name};"), ("a::c", "fn f() { crate::a::b::g() }")];
    assert_eq!(sources(&two).circles(), ["a::b, a::c"]);
    // A child that needs its parent, which needs it.
    let family = [("a", "mod b;\nfn f() { b::g() }"), ("a::b", "use crate::a::Type;")];
    assert_eq!(sources(&family).circles(), ["a, a::b"]);
    // Three, in a ring.
    let ring = [("a", "use crate::b::B;"), ("b", "use crate::c::C;"), ("c", "use crate::{a::A, d};"), ("d", "")];
    assert_eq!(sources(&ring).circles(), ["a, b, c"]);
    // A name that a parent hands on is its child's.
    let handed_on = [("a", "mod b;\npub use b::B;\nmod c;"), ("a::b", ""), ("a::c", "use crate::a::B;")];
    assert_eq!(sources(&handed_on).circles(), none);
    // Comments, texts and tests do not count.
    let unsaid = [
        ("a", "use crate::b::B;"),
        ("b", "// crate::a::A\nconst A: &str = \"crate::a::A\";\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
    ];
    assert_eq!(sources(&unsaid).circles(), none);
}
