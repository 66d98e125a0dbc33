//! The file of a chain: opened, read on where an earlier process left it, appended to and rotated.
//!
//! A line is written by one call of write(2), so it is in the kernel's hands when it is written: whoever kills the gateway
//! afterwards does not take it back. Nothing is ever removed from a file but what is no whole line, and that is set apart
//! beside it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::audit::chain::{Fields, Tip};
use crate::audit::record::Act;
use crate::audit::tail::Tail;

/// A file that is open, and the chain that ends in it.
#[derive(Debug)]
pub(super) struct ChainFile {
    path: PathBuf,
    file: File,
    /// A pipe or a device has no end to go on from, and is never rotated.
    is_regular: bool,
    /// The number of its first line.
    first: u64,
    tip: Tip,
    /// Bytes of a line that was not written whole, and not yet taken back.
    torn_len: u64,
}

impl ChainFile {
    /// Opens the file. A new one is readable by its owner alone, and goes on with the chain of the newest file that was
    /// rotated away beside it, if there is one.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::opened(path, None)
    }

    /// Opens the path again, since after a rotation it names another file. On an error the old file stays in use. Returns
    /// whether it is another one.
    pub(super) fn reopen(&mut self) -> io::Result<bool> {
        if self.is_regular && self.is_at_its_path() {
            return Ok(false);
        }
        // Whatever was written is durable before its file is out of sight.
        if self.is_regular {
            self.file.sync_data()?;
        }
        *self = Self::opened(&self.path, Some(self.tip))?;
        Ok(true)
    }

    /// Begins another file and gives this one a name with the number of its first line. On an error, or when somebody
    /// else has moved the file, it stays in use.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        if !self.is_regular || !self.is_at_its_path() {
            return Ok(());
        }
        self.file.sync_data()?;
        let (kept, fresh) = (beside(&self.path, &format!(".{:012}", self.first)), beside(&self.path, ".new"));
        drop(fs::remove_file(&fresh));
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&fresh)?;
        lock(&file)?;
        let (path, first) = (self.path.clone(), self.tip.sequence);
        let mut next = Self { path, file, is_regular: true, first, tip: self.tip, torn_len: 0 };
        next.act(&Act::Continued { aside: None })?;
        // At no moment is there no file at the path: a start would begin another chain.
        match fs::hard_link(&self.path, &kept) {
            Ok(()) => {}
            // Left by a gateway that was killed right here.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_same(&kept, &self.file) => {}
            Err(error) => return Err(error),
        }
        fs::rename(&fresh, &self.path)?;
        *self = next;
        Ok(())
    }

    /// The end of the chain.
    pub(super) fn tip(&self) -> Tip {
        self.tip
    }

    /// The length of the file; 0 of what is none.
    pub(super) fn len(&self) -> u64 {
        if self.is_regular { self.file.metadata().map_or(0, |about| about.len()) } else { 0 }
    }

    /// The room left on its disk, in bytes. `None`: it is on none.
    pub(super) fn room(&self) -> Option<u64> {
        let about = rustix::fs::fstatvfs(&self.file).ok().filter(|_| self.is_regular)?;
        Some(about.f_bavail.saturating_mul(about.f_frsize))
    }

    /// The file, to be synced while others go on writing. `None`: it cannot be.
    pub(super) fn to_sync(&self) -> Option<File> {
        if self.is_regular { self.file.try_clone().ok() } else { None }
    }

    /// Appends a line with these fields. Returns it. On an error it is not there, in part or whole.
    pub(super) fn append(&mut self, fields: &Fields) -> io::Result<Vec<u8>> {
        let line = self.tip.line(Timestamp::now(), fields);
        self.append_line(line)
    }

    /// Appends the next line of the chain, which stands without its newline.
    pub(super) fn append_line(&mut self, line: String) -> io::Result<Vec<u8>> {
        let next = self.tip.after(line.as_bytes());
        let mut line = line.into_bytes();
        line.push(b'\n');
        self.write(&line)?;
        self.tip = next;
        Ok(line)
    }

    fn act(&mut self, act: &Act<'_>) -> io::Result<()> {
        let fields = Fields::of(act).ok_or_else(|| io::Error::other("a line cannot be spelt"))?;
        self.append(&fields).map(drop)
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.take_back()?;
        let mut rest = line;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return self.failed(line, rest, io::ErrorKind::WriteZero.into()),
                Ok(len) => rest = rest.get(len..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.failed(line, rest, error),
            }
        }
        Ok(())
    }

    fn failed(&mut self, line: &[u8], rest: &[u8], error: io::Error) -> io::Result<()> {
        let written = line.len().saturating_sub(rest.len());
        self.torn_len = u64::try_from(written).unwrap_or(u64::MAX);
        // If this fails as well, it is tried again before the next line.
        drop(self.take_back());
        Err(error)
    }

    /// Takes back what was written of a line that is not whole.
    fn take_back(&mut self) -> io::Result<()> {
        if self.torn_len > 0 && self.is_regular {
            let len = self.file.metadata()?.len();
            self.file.set_len(len.saturating_sub(self.torn_len))?;
        }
        self.torn_len = 0;
        Ok(())
    }

    fn is_at_its_path(&self) -> bool {
        is_same(&self.path, &self.file)
    }

    fn opened(path: &Path, after: Option<Tip>) -> io::Result<Self> {
        let is_regular = fs::metadata(path).map_or(true, |about| about.is_file());
        let file = OpenOptions::new().read(is_regular).append(true).create(true).mode(0o600).open(path)?;
        let mut this =
            Self { path: path.to_owned(), file, is_regular, first: 0, tip: after.unwrap_or(Tip::FIRST), torn_len: 0 };
        if !is_regular {
            this.begin(None)?;
            return Ok(this);
        }
        lock(&this.file)?;
        match Tail::read(&this.file)? {
            Tail::Empty => {
                this.tip = after.or_else(|| rotated(path)).unwrap_or(Tip::FIRST);
                this.begin(None)?;
            }
            Tail::Chain { tip, first, ended, torn } if after.is_none_or(|after| after == tip) => {
                (this.tip, this.first) = (tip, first);
                this.set_apart(&torn)?;
                if !ended && after.is_none() || !torn.is_empty() {
                    this.act(&Act::Recovered { torn_len: torn.len() })?;
                }
            }
            Tail::Chain { .. } | Tail::Foreign => return this.put_aside(after),
        }
        Ok(this)
    }

    /// Writes the first line of a file.
    fn begin(&mut self, aside: Option<&str>) -> io::Result<()> {
        self.first = self.tip.sequence;
        let act = if self.tip == Tip::FIRST { Act::Begun { aside } } else { Act::Continued { aside } };
        self.act(&act)
    }

    /// Keeps what is no whole line in a file of its own, and takes it out of this one.
    fn set_apart(&mut self, torn: &[u8]) -> io::Result<()> {
        if torn.is_empty() {
            return Ok(());
        }
        let kept = beside(&self.path, &format!(".torn-{:012}", self.tip.sequence));
        let mut kept = OpenOptions::new().append(true).create(true).mode(0o600).open(kept)?;
        kept.write_all(torn)?;
        kept.sync_data()?;
        self.torn_len = u64::try_from(torn.len()).map_err(io::Error::other)?;
        self.take_back()
    }

    /// Gives a file that is no end of this chain another name, and begins a new one in its place, which says so.
    fn put_aside(self, after: Option<Tip>) -> io::Result<Self> {
        let name = format!(".unread-{}", Timestamp::now().as_millisecond());
        let aside = beside(&self.path, &name);
        fs::rename(&self.path, &aside)?;
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&self.path)?;
        lock(&file)?;
        let tip = after.or_else(|| rotated(&self.path)).unwrap_or(Tip::FIRST);
        let mut this = Self { file, tip, ..self };
        let aside = aside.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        this.begin(Some(&aside))?;
        Ok(this)
    }
}

/// Locks a file, so that two processes never write into one chain. The lock ends with the process.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another process writes its audit lines there")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a path leads to an open file.
fn is_same(path: &Path, file: &File) -> bool {
    let (Ok(there), Ok(here)) = (fs::metadata(path), file.metadata()) else { return false };
    (there.dev(), there.ino()) == (here.dev(), here.ino())
}

/// A path with something added to its name.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

/// The end of the chain in the newest of the files that were rotated away from this path, by a gateway or by others.
fn rotated(path: &Path) -> Option<Tip> {
    let name = path.file_name()?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let others = fs::read_dir(directory).ok()?.filter_map(|entry| {
        let entry = entry.ok()?;
        let other = entry.file_name();
        let rest = other.as_bytes().strip_prefix(name.as_bytes())?;
        let is_rotated = matches!(rest.first(), Some(b'.' | b'-')) && !is_set_apart(rest) && rest != b".new";
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let file = File::open(entry.path()).ok().filter(|_| is_rotated && is_file)?;
        match Tail::read(&file).ok()? {
            Tail::Chain { tip, .. } => Some(tip),
            Tail::Empty | Tail::Foreign => None,
        }
    });
    others.max_by_key(|tip| tip.sequence)
}

fn is_set_apart(rest: &[u8]) -> bool {
    rest.starts_with(b".torn-") || rest.starts_with(b".unread-")
}
