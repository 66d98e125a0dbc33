//! A power cut, simulated: of everything a gateway wrote, only what was synced is there afterwards, and perhaps some of
//! the rest. A sync that failed has lost what it should have synced, and later ones do not bring it back.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::crash::client::Order;
use crate::crash::gateway::Gateway;
use crate::crash::journal::Journal;
use crate::crash::trace::{self, Event};
use crate::crash::{Trial, audit, number};
use crate::harness::copy;

/// Which sync of a life fails: of the log's header, of names met for the first time, of whole batches.
const SYNCS: RangeInclusive<u32> = 2..=6;

const KEPT: [&str; 2] = ["comity.db", "comity.db-wal"];

/// A disk with a cache that a power cut empties.
#[derive(Debug, Default, Clone)]
struct Disk(BTreeMap<String, Cached>);

#[derive(Debug, Default, Clone)]
struct Cached {
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

impl Change {
    fn make(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*at..end].copy_from_slice(bytes);
            }
            Self::Resize(len) => file.resize(*len, 0),
        }
    }
}

impl Disk {
    /// What lies in a directory, taken as durable.
    fn of(directory: &Path) -> Self {
        let cached = |name: &str| Cached { durable: fs::read(directory.join(name)).unwrap(), unsynced: Vec::new() };
        Self(KEPT.into_iter().map(|name| (name.to_owned(), cached(name))).collect())
    }

    fn follow(&mut self, event: &Event) {
        let Some(file) = self.0.get_mut(&event.file) else { return };
        // Without a result it was killed in the call.
        let Some(result) = event.result() else { return };
        match (event.call.as_str(), result) {
            ("pwrite64", 1..) => file.unsynced.push(written(&event.text)),
            ("ftruncate", 0) => file.unsynced.push(Change::Resize(last_number(&event.text))),
            ("fsync" | "fdatasync", 0) => {
                let Cached { durable, unsynced } = file;
                unsynced.drain(..).for_each(|change| change.make(durable));
            }
            ("fsync" | "fdatasync", _) => file.unsynced.clear(),
            (_, ..=-1) => {}
            _ => panic!("not a call that this disk knows: {}", event.text),
        }
    }

    /// The files after a cut: what is durable, and as much else as `lasts` says.
    fn cut(&self, directory: &Path, mut lasts: impl FnMut() -> bool) {
        for (name, Cached { durable, unsynced }) in &self.0 {
            let mut file = durable.clone();
            unsynced.iter().filter(|_| lasts()).for_each(|change| change.make(&mut file));
            fs::write(directory.join(name), file).unwrap();
        }
    }
}

/// `pwrite64(4<...>, "...", 24, 8248) = 24`
fn written(text: &str) -> Change {
    let (_, rest) = text.split_once('"').unwrap();
    let (quoted, numbers) = rest.rsplit_once("\", ").unwrap();
    let numbers: Vec<usize> =
        numbers.split(')').next().unwrap().split(", ").map(|number| number.parse().unwrap()).collect();
    let bytes = unquoted(quoted);
    assert_eq!(bytes.len(), numbers[0], "the record has not all of it");
    Change::Write { at: numbers[1], bytes }
}

fn last_number(text: &str) -> usize {
    text.split(')').next().unwrap().rsplit(", ").next().unwrap().parse().unwrap()
}

/// Undoes the escapes of C.
fn unquoted(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let digits = rest.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        if digits > 0 {
            let octal = std::str::from_utf8(&rest[..digits]).unwrap();
            bytes.push(u8::from_str_radix(octal, 8).unwrap());
            rest = &rest[digits..];
            continue;
        }
        bytes.push(match rest[0] {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 0x0b,
            b'f' => 0x0c,
            other => other,
        });
        rest = &rest[1..];
    }
    bytes
}

/// Lives of one gateway, recorded, on a disk that was durable at the beginning.
struct Recorded {
    trial: Trial,
    disk: Disk,
    lives: usize,
}

impl Recorded {
    fn new() -> Self {
        let trial = Trial::new();
        // The file itself is made, and durable.
        trial.start().stop();
        let disk = Disk::of(trial.directory());
        Self { trial, disk, lives: 0 }
    }

    fn log(&self, life: usize) -> PathBuf {
        self.trial.kept.path().join(format!("life-{life}.log"))
    }

    /// A life under a tracer that may also tamper; ends by itself, or is stopped.
    fn live(&mut self, order: Order, tamper: &[&str]) {
        let more = [&["-s", "33554432"], tamper].concat();
        let words = trace::recording(self.trial.directory(), &self.log(self.lives), &more);
        self.lives += 1;
        let gateway = Gateway::start(self.trial.directory(), &words).unwrap();
        self.trial.client(&gateway, order).done();
        if tamper.is_empty() {
            gateway.stop();
        } else {
            assert!(!gateway.ended().status.success());
        }
    }

    /// Cuts the power before each of some calls, and once after the last.
    fn cut(&self, what: &str) {
        let events: Vec<Event> = (0..self.lives).flat_map(|life| trace::read_whole(&self.log(life))).collect();
        let journal = self.trial.journal();
        let seed = number("COMITY_CRASH_SEED", fastrand::u64(..u64::from(u32::MAX)));
        let mut chance = fastrand::Rng::with_seed(seed);
        let (mut disk, mut cuts, mut acknowledged) = (self.disk.clone(), 0, 0);
        // Around every sync, and before some of the other calls.
        let near = |at: usize| {
            let around = events.get(at.saturating_sub(1)..events.len().min(at + 1)).unwrap_or_default();
            around.iter().any(|event| event.is_sync() && event.file != "comity.db-shm")
        };
        for at in 0..=events.len() {
            if near(at) || at == events.len() || chance.u8(..16) == 0 {
                let until = events.get(at).map_or(i64::MAX, |event| event.at_us);
                let told = told_until(&journal, until);
                acknowledged = acknowledged.max(told.acknowledged.len());
                for share in [0, chance.u8(1..=3)] {
                    let image = TempDir::new().unwrap();
                    copy(&self.trial.directory().join("keys"), &made(image.path().join("keys")));
                    disk.cut(image.path(), || chance.u8(..4) < share);
                    audit::check(image.path(), &told);
                    cuts += 1;
                }
            }
            if let Some(event) = events.get(at) {
                disk.follow(event);
            }
        }
        assert_eq!(acknowledged, journal.acknowledged.len());
        println!(
            "{what}: {cuts} power cuts over {} calls (seed {seed}), {acknowledged} acknowledged, 0 lost",
            events.len()
        );
    }
}

fn made(directory: PathBuf) -> PathBuf {
    fs::create_dir(&directory).unwrap();
    directory
}

/// What clients had been told at a time. They may have asked anything.
fn told_until(journal: &Journal, until_us: i64) -> Journal {
    let told = journal.acknowledged.iter().filter(|(_, line)| line.at_us <= until_us);
    let acknowledged = told.map(|(id, line)| (id.clone(), line.clone())).collect();
    Journal { asked: journal.asked.clone(), acknowledged, ..Journal::default() }
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    if !trace::is_possible("power cuts") {
        return;
    }
    let mut recorded = Recorded::new();
    recorded.live(Order { lanes: 4, stories: 2, again: 0, patience_s: 0 }, &[]);
    recorded.cut("under load, and at the stop");
}

/// What a killed gateway had written and not synced is read by the next one, which may vouch for it: it is in the
/// system's cache alone, and a power cut then must not take it.
#[test]
fn what_a_kill_left_unsynced_is_durable_before_it_is_vouched_for() {
    if !trace::is_possible("power cuts after a kill") {
        return;
    }
    for sync in SYNCS {
        let mut recorded = Recorded::new();
        let kill = format!("-einject=fsync,fdatasync:signal=KILL:when={sync}");
        recorded.live(Order { lanes: 1, stories: 1, again: 0, patience_s: 0 }, &[&kill]);
        recorded.live(Order { lanes: 1, stories: 0, again: usize::MAX, patience_s: 0 }, &[]);
        recorded.cut("killed before a sync, and started again");
    }
}

/// The same of a sync that failed: the system may hold what it could not write for written.
#[test]
fn what_a_failed_sync_lost_is_written_again_before_it_is_vouched_for() {
    if !trace::is_possible("power cuts after a failed sync") {
        return;
    }
    for sync in SYNCS {
        let mut recorded = Recorded::new();
        let fail = format!("-einject=fsync,fdatasync:error=EIO:when={sync}");
        recorded.live(Order { lanes: 1, stories: 1, again: 0, patience_s: 0 }, &[&fail]);
        recorded.live(Order { lanes: 1, stories: 0, again: usize::MAX, patience_s: 0 }, &[]);
        recorded.cut("a sync failed, and started again");
    }
}
