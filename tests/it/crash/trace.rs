//! What a gateway asks of the system, seen and tampered with by `strace`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The store's files. Nothing else is tampered with: no socket, no log.
const FILES: [&str; 4] = ["comity.db", "comity.db-wal", "comity.db-shm", "comity.db-journal"];
/// Every way that SQLite and the library write and sync.
pub(crate) const WRITES: [&str; 7] = ["write", "pwrite64", "pwritev", "fsync", "fdatasync", "ftruncate", "fallocate"];

/// Whether processes can be traced here. If not, says so: a machine that forbids it is no fault of ours.
pub(crate) fn is_possible(what: &str) -> bool {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let possible = tried.is_ok_and(|status| status.success());
    if !possible {
        println!("LEFT OUT: {what} (strace is missing or may not trace: run tests/run, allow ptrace)");
    }
    possible
}

/// Words before a command, so that its calls upon the store's files are recorded.
pub(crate) fn recording(directory: &Path, log: &Path, more: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = ["strace", "-f", "-y", "-ttt", "-o"].map(str::to_owned).into();
    words.push(log.display().to_string());
    for file in FILES {
        words.extend(["-P".to_owned(), directory.join(file).display().to_string()]);
    }
    words.push(format!("-etrace={}", WRITES.join(",")));
    words.extend(more.iter().map(|&word| word.to_owned()));
    words
}

/// A tracer that came later.
pub(crate) struct Attached(Child);

impl Attached {
    /// Returns when every thread of a process is traced.
    pub(crate) fn to(pid: u32, words: &[String]) -> Self {
        let said = tempfile::NamedTempFile::new().unwrap();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .args(["-p", &pid.to_string()])
            .stderr(File::create(said.path()).unwrap())
            .spawn()
            .unwrap();
        let mut text = String::new();
        while !text.contains("attached") {
            std::thread::sleep(Duration::from_millis(2));
            text.clear();
            File::open(said.path()).unwrap().read_to_string(&mut text).unwrap();
        }
        Self(child)
    }

    /// The process has ended, and so does its tracer.
    pub(crate) fn done(mut self) {
        self.0.wait().unwrap();
    }
}

/// One line of a record. A call during which others were seen has two: where it began, and where it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) thread: u32,
    pub(crate) at_us: i64,
    pub(crate) call: String,
    /// The file's name, or what the socket is; empty where a call only ends.
    pub(crate) file: String,
    pub(crate) begins: bool,
    pub(crate) ends: bool,
    pub(crate) text: String,
}

impl Event {
    pub(crate) fn is_sync(&self) -> bool {
        ["fsync", "fdatasync"].contains(&self.call.as_str())
    }

    pub(crate) fn was_injected(&self) -> bool {
        self.text.ends_with("(INJECTED)")
    }

    /// What the call gave back.
    pub(crate) fn result(&self) -> Option<i64> {
        self.text.rsplit_once(" = ")?.1.split(' ').next()?.parse().ok()
    }
}

/// Reads a record, in the order in which things were seen.
pub(crate) fn read(log: &Path) -> Vec<Event> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(event).collect()
}

/// The same with each call whole, where it ended: on a busy machine others are seen while one is under way. A call that
/// never ended, since its process was killed in it, is left out.
pub(crate) fn read_whole(log: &Path) -> Vec<Event> {
    let mut begun: BTreeMap<u32, Event> = BTreeMap::new();
    let whole = |event: Event| match (event.begins, event.ends) {
        (true, true) => Some(event),
        (true, false) => {
            begun.insert(event.thread, event);
            None
        }
        (false, _) => {
            let start = begun.remove(&event.thread)?;
            let arguments = start.text.strip_suffix("<unfinished ...>").unwrap_or(&start.text).trim_end().to_owned();
            let (_, rest) = event.text.split_once(" resumed>").unwrap_or_default();
            Some(Event { text: arguments + rest, file: start.file, begins: true, ..event })
        }
    };
    read(log).into_iter().filter_map(whole).collect()
}

fn event(line: &str) -> Option<Event> {
    let (thread, rest) = line.split_once(' ')?;
    let (at, text) = rest.trim_start().split_once(' ')?;
    let (seconds, micros) = at.split_once('.')?;
    let at_us = seconds.parse::<i64>().ok()? * 1_000_000 + micros.parse::<i64>().ok()?;
    let resumed = text.strip_prefix("<... ");
    let call = match resumed {
        Some(rest) => rest.split_once(" resumed>")?.0,
        None => text.split_once('(')?.0,
    };
    let file = if resumed.is_some() { "" } else { text.split_once('<').map_or("", |(_, rest)| named(rest)) };
    Some(Event {
        thread: thread.parse().ok()?,
        at_us,
        call: call.to_owned(),
        file: file.to_owned(),
        begins: resumed.is_none(),
        ends: !text.ends_with("<unfinished ...>"),
        text: text.to_owned(),
    })
}

/// `/a/b/comity.db>, ...` is `comity.db`, and `TCP:[a->b]>, ...` is `TCP:[a->b]`.
fn named(rest: &str) -> &str {
    if rest.starts_with("TCP") {
        return rest.split_once(']').map_or(rest, |(socket, _)| socket);
    }
    let path = rest.split_once('>').map_or(rest, |(path, _)| path);
    path.rsplit('/').next().unwrap_or(path)
}

/// Where a tracer writes.
pub(crate) fn log_in(directory: &Path) -> PathBuf {
    directory.join("trace.log")
}
