//! Whether the disk under a store keeps what it is given, and for how long there is room.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FsWord, statfs, statvfs};

use crate::config::Config;
use crate::doctor::finding::Finding;
use crate::store::StoreLocation;

const SPACE: &str = "disk-space";
const KIND: &str = "file-system";
const SYNC: &str = "disk-sync";
const AUDIT: &str = "audit-log";

const GIB: u64 = 1 << 30;
/// With less, a gateway stops within minutes of a busy day.
const FREE_MIN: u64 = GIB / 4;
/// With less, somebody should make room.
const FREE_LOW: u64 = 5 * GIB;
/// A write waits for one sync at least. Slower ones are felt.
const SYNC_SLOW: Duration = Duration::from_millis(50);
/// How many syncs are measured. The middle one is told.
const SYNCS: usize = 9;

/// What a file system is to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fitness {
    Fit,
    /// It is gone with the machine or the container.
    Fleeting,
    /// SQLite's write-ahead log cannot be shared over a network.
    Remote,
    Unknown,
}

/// By their numbers (`linux/magic.h`, and their own sources).
const FILE_SYSTEMS: [(FsWord, &str, Fitness); 14] = [
    (0xef53, "ext4", Fitness::Fit),
    (0x5846_5342, "xfs", Fitness::Fit),
    (0x9123_683e, "btrfs", Fitness::Fit),
    (0x2fc1_2fc1, "zfs", Fitness::Fit),
    (0xf2f5_2010, "f2fs", Fitness::Fit),
    (0x0102_1994, "tmpfs", Fitness::Fleeting),
    (0x8584_58f6, "ramfs", Fitness::Fleeting),
    (0x794c_7630, "overlayfs", Fitness::Unknown),
    (0x6573_5546, "fuse", Fitness::Unknown),
    (0x6969, "nfs", Fitness::Remote),
    (0xff53_4d42, "cifs", Fitness::Remote),
    (0xfe53_4d42, "smb2", Fitness::Remote),
    (0x0102_1997, "9p", Fitness::Remote),
    (0x00c3_6400, "ceph", Fitness::Remote),
];

/// Looks at the directory of each store that is a file.
pub(super) fn disks(config: &Config, base: &Path) -> Vec<Finding> {
    let located = config.store.locations(&config.jurisdictions, base).unwrap_or_default();
    let directories: BTreeSet<PathBuf> = located.iter().filter_map(|(_, place)| directory_of(place)).collect();
    directories.iter().flat_map(|directory| [kind(directory), space(directory), sync(directory)]).collect()
}

/// Looks at the disk of the audit log: without room there no call is taken.
pub(super) fn audit(reserve_len: u64, file: Option<&Path>) -> Finding {
    let Some(file) = file else {
        let found = "no --audit-log is given: denied calls are logged on standard error, and other calls have no line";
        return Finding::warn(AUDIT, found, "give what the gateway is started with (docs/audit.md)");
    };
    let directory = parent(file);
    match statvfs(&directory) {
        Ok(about) => judge_audit(&directory, about.f_bavail.saturating_mul(about.f_frsize), reserve_len),
        Err(error) => {
            let found = format!("{}: {error}", directory.display());
            Finding::fail(AUDIT, found, "make the directory, or mount it: a gateway does not start")
        }
    }
}

fn judge_audit(directory: &Path, free: u64, reserve_len: u64) -> Finding {
    let found = format!("{}: {} are free for the audit log", directory.display(), gib(free));
    // The half of the reserve is for the lines of operators alone.
    if free < reserve_len / 2 {
        Finding::fail(AUDIT, found, "make room: no call is taken with less than half of audit.reserve_len")
    } else if free < reserve_len.saturating_mul(4) {
        Finding::warn(AUDIT, found, "make room before audit.reserve_len is reached")
    } else {
        Finding::ok(AUDIT, found)
    }
}

fn gib(len: u64) -> String {
    let mib = len >> 20;
    format!("{}.{} GiB", mib / 1_024, mib % 1_024 * 10 / 1_024)
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn directory_of(place: &StoreLocation) -> Option<PathBuf> {
    let StoreLocation::File(path) = place else { return None };
    // Where a link leads to, the store is.
    let path = path.canonicalize().unwrap_or_else(|_| path.clone());
    Some(parent(&path))
}

fn kind(directory: &Path) -> Finding {
    let shown = directory.display();
    let Ok(about) = statfs(directory) else {
        return Finding::fail(KIND, format!("{shown} cannot be looked at"), "make the directory, or mount it");
    };
    let known = FILE_SYSTEMS.iter().find(|(number, ..)| *number == about.f_type);
    let (name, fitness) = known.map_or(("of another kind", Fitness::Unknown), |(_, name, fitness)| (*name, *fitness));
    let found = format!("{shown} is on {name}");
    match fitness {
        Fitness::Fit => Finding::ok(KIND, found),
        Fitness::Fleeting => {
            Finding::fail(KIND, found, "put the store on a disk: this is memory, and gone with the machine")
        }
        Fitness::Remote => Finding::fail(KIND, found, "put the store on a local disk, or in PostgreSQL"),
        Fitness::Unknown => Finding::warn(KIND, found, "see that it outlives the container and keeps what is synced"),
    }
}

fn space(directory: &Path) -> Finding {
    match statvfs(directory) {
        Ok(about) => judge_space(directory, about.f_bavail.saturating_mul(about.f_frsize)),
        Err(error) => {
            Finding::fail(SPACE, format!("{}: {error}", directory.display()), "make the directory, or mount it")
        }
    }
}

fn judge_space(directory: &Path, free: u64) -> Finding {
    let found = format!("{}: {} are free", directory.display(), gib(free));
    if free < FREE_MIN {
        Finding::fail(SPACE, found, "make room: a gateway stops at the first write that fails")
    } else if free < FREE_LOW {
        Finding::warn(SPACE, found, "make room before it is needed")
    } else {
        Finding::ok(SPACE, found)
    }
}

fn sync(directory: &Path) -> Finding {
    match time_of_sync(directory) {
        Ok(took) => judge_sync(directory, took),
        Err(error) => {
            let found = format!("{}: a file cannot be written and synced: {error}", directory.display());
            Finding::fail(SYNC, found, "mount it writable, and let the gateway's user write there")
        }
    }
}

fn judge_sync(directory: &Path, took: Duration) -> Finding {
    let found = format!("{}: a sync takes {:.1} ms", directory.display(), took.as_secs_f64() * 1_000.0);
    if took > SYNC_SLOW {
        Finding::warn(SYNC, found, "give the store a faster disk: no write is answered sooner")
    } else {
        Finding::ok(SYNC, found)
    }
}

/// How long the middle one of some syncs takes, of a file of its own that is gone afterwards.
fn time_of_sync(directory: &Path) -> io::Result<Duration> {
    let path = directory.join(format!(".comity-doctor-{}", std::process::id()));
    let mut file = File::options().write(true).create_new(true).open(&path)?;
    let took: io::Result<Vec<Duration>> = (0..SYNCS).map(|_| sync_once(&mut file)).collect();
    fs::remove_file(&path)?;
    let mut took = took?;
    took.sort();
    Ok(took.get(SYNCS / 2).copied().unwrap_or_default())
}

fn sync_once(file: &mut File) -> io::Result<Duration> {
    let begun = Instant::now();
    file.write_all(&[0; 4_096])?;
    file.sync_all()?;
    Ok(begun.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict::{Fail, Ok, Warn};

    #[test]
    fn little_room_and_slow_syncs_are_said() {
        let here = Path::new("/store");
        let space = [0, FREE_MIN - 1, FREE_MIN, FREE_LOW - 1, FREE_LOW].map(|free| judge_space(here, free).verdict);
        assert_eq!(space, [Fail, Fail, Warn, Warn, Ok]);
        assert_eq!(judge_space(here, 5 * GIB + GIB / 2).found, "/store: 5.5 GiB are free");
        let sync = [1, 50, 51].map(|ms| judge_sync(here, Duration::from_millis(ms)).verdict);
        assert_eq!(sync, [Ok, Ok, Warn]);
    }

    #[test]
    fn room_for_audit_lines_is_judged_by_the_reserve() {
        let here = Path::new("/log");
        let found = [511, 512, 4_095, 4_096].map(|free| judge_audit(here, free, 1_024).verdict);
        assert_eq!(found, [Fail, Warn, Warn, Ok]);
        let lost = here.join("nowhere/audit.log");
        assert_eq!((audit(1_024, Some(&lost)).verdict, audit(1_024, None).verdict), (Fail, Warn));
    }

    #[test]
    fn what_was_written_to_time_a_sync_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(sync(directory.path()).check, SYNC);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        assert_eq!(sync(&directory.path().join("nowhere")).verdict, Fail);
    }
}
