//! Verifies the files of an audit log offline: that each line follows the one before, over all files, and that its heads sign
//! it. Whatever was taken out, put in, moved or changed is found at its line. A tail that was cut off together with its heads
//! is found by a head that was kept elsewhere.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::audit::chain::{Links, Tip};
use crate::audit::head;
use crate::ledger::{Checkpoint, VerifierKey};

/// Longer lines are none of ours.
const LINE_LEN_MAX: u64 = 256 * 1_024;

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Files.
    pub files: usize,
    /// Lines in them.
    pub lines: u64,
    /// The number of the first line: 0 unless earlier files were not given.
    pub first: u64,
    /// Signed heads.
    pub heads: u64,
    /// Lines after the last head, which nothing has signed yet.
    pub unsigned: u64,
    /// Heads kept elsewhere that the lines agree with.
    pub kept: usize,
}

/// Why files are no whole audit log.
#[derive(Debug, thiserror::Error)]
pub enum AuditFault {
    /// A line is not the one that was written there.
    #[error("{} line {line}: {what}", file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// The line in it, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// A head that was kept elsewhere signs what is not there.
    #[error("a head that was kept signs {size} lines: {what}")]
    NotAsKept {
        /// How many lines it signs.
        size: u64,
        /// What there is.
        what: &'static str,
    },
    /// The file begins with no line of an audit log.
    #[error("{} is no audit log", .0.display())]
    NotAnAuditLog(PathBuf),
    /// What was kept is no head of an audit log.
    #[error("what was kept is no head of an audit log: it is of {0:?}")]
    NoHead(String),
    /// A head that was kept is of lines before the first that was given.
    #[error("a head that was kept signs {0} lines, and what was given begins later")]
    BeforeTheFirst(u64),
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Verifies the files of one log, in whatever order they are named. Without keys, heads are held against the chain and their
/// signatures are not looked at. `kept` are heads from elsewhere, whose signatures the caller has checked.
pub fn verify(files: &[PathBuf], keys: Option<&[VerifierKey]>, kept: &[Checkpoint]) -> Result<Verified, AuditFault> {
    let mut ordered: Vec<(u64, &Path)> =
        files.iter().map(|file| Ok((first_of(file)?, file.as_path()))).collect::<Result<_, AuditFault>>()?;
    ordered.sort_unstable();
    let mut walk = Walk::new(keys, kept)?;
    for (_, file) in ordered {
        walk.file(file)?;
    }
    walk.end()
}

/// The number of a file's first line.
fn first_of(file: &Path) -> Result<u64, AuditFault> {
    let mut lines = open(file)?;
    let line = next_line(&mut lines, file)?.ok_or_else(|| AuditFault::NotAnAuditLog(file.to_owned()))?;
    let said = line.strip_suffix(b"\n").and_then(Links::parse);
    said.map(|links| links.sequence).ok_or_else(|| AuditFault::NotAnAuditLog(file.to_owned()))
}

/// A walk over all lines.
struct Walk<'a> {
    keys: Option<&'a [VerifierKey]>,
    /// By size, the largest first.
    kept: Vec<&'a Checkpoint>,
    tip: Option<Tip>,
    found: Verified,
}

impl<'a> Walk<'a> {
    fn new(keys: Option<&'a [VerifierKey]>, kept: &'a [Checkpoint]) -> Result<Self, AuditFault> {
        if let Some(other) = kept.iter().find(|head| !head::is_origin(head.origin())) {
            return Err(AuditFault::NoHead(other.origin().to_owned()));
        }
        let mut kept: Vec<&Checkpoint> = kept.iter().collect();
        kept.sort_by_key(|head| std::cmp::Reverse(head.size()));
        Ok(Self { keys, kept, tip: None, found: Verified::default() })
    }

    fn file(&mut self, file: &Path) -> Result<(), AuditFault> {
        let mut lines = open(file)?;
        self.found.files = self.found.files.saturating_add(1);
        let mut number = 0_u64;
        while let Some(line) = next_line(&mut lines, file)? {
            number = number.saturating_add(1);
            self.line(&line).map_err(|fault| fault.at(file, number))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let line = line.strip_suffix(b"\n").ok_or(Fault::Line("it is not whole".to_owned()))?;
        let links = Links::parse(line).ok_or(Fault::Line("it is no audit line".to_owned()))?;
        let tip = match self.tip {
            Some(tip) => tip,
            None => self.begin(&links)?,
        };
        self.hold_against_kept(tip)?;
        if links.sequence != tip.sequence {
            return Err(Fault::Line(format!("it has number {}, and {} is next", links.sequence, tip.sequence)));
        }
        if !tip.is_before(&links) {
            return Err(Fault::Line("it does not follow the line before, as that is now".to_owned()));
        }
        self.found.unsigned = self.found.unsigned.saturating_add(1);
        // A head whose event was changed is one that is misspelt.
        if links.event == "head" || links.note.is_some() {
            head::check(line, &links, tip, self.keys).map_err(|fault| Fault::Line(fault.to_string()))?;
            self.found.heads = self.found.heads.saturating_add(1);
            self.found.unsigned = 0;
        }
        self.found.lines = self.found.lines.saturating_add(1);
        self.tip = Some(tip.after(line));
        Ok(())
    }

    /// Where the first line that was given says that it stands.
    fn begin(&mut self, links: &Links) -> Result<Tip, Fault> {
        self.found.first = links.sequence;
        if links.sequence == 0 {
            return Ok(Tip::FIRST);
        }
        // Each file begins so. Otherwise lines before this one were taken out of it.
        if links.event != "continued" {
            return Err(Fault::Line("the lines before it are not there".to_owned()));
        }
        if let Some(head) = self.kept.last().filter(|head| head.size() < links.sequence) {
            return Err(Fault::Kept(AuditFault::BeforeTheFirst(head.size())));
        }
        let previous = hex::decode(&links.previous).ok().and_then(|bytes| bytes.as_slice().try_into().ok());
        let previous = previous.ok_or(Fault::Line("it is no audit line".to_owned()))?;
        Ok(Tip { sequence: links.sequence, previous })
    }

    fn hold_against_kept(&mut self, tip: Tip) -> Result<(), Fault> {
        while let Some(head) = self.kept.last().filter(|head| head.size() <= tip.sequence) {
            if (head.size(), head.root()) != (tip.sequence, tip.previous) {
                let what = "others stand there";
                return Err(Fault::Kept(AuditFault::NotAsKept { size: head.size(), what }));
            }
            self.kept.pop();
            self.found.kept = self.found.kept.saturating_add(1);
        }
        Ok(())
    }

    fn end(mut self) -> Result<Verified, AuditFault> {
        if let Some(tip) = self.tip {
            self.hold_against_kept(tip).map_err(|fault| fault.at(Path::new(""), 0))?;
        }
        match self.kept.last() {
            Some(head) => Err(AuditFault::NotAsKept { size: head.size(), what: "there are fewer" }),
            None => Ok(self.found),
        }
    }
}

/// What is wrong at a line.
enum Fault {
    Line(String),
    Kept(AuditFault),
}

impl Fault {
    fn at(self, file: &Path, line: u64) -> AuditFault {
        match self {
            Self::Line(what) => AuditFault::Broken { file: file.to_owned(), line, what },
            Self::Kept(fault) => fault,
        }
    }
}

fn open(file: &Path) -> Result<BufReader<File>, AuditFault> {
    let opened = File::open(file).map(BufReader::new);
    opened.map_err(|source| AuditFault::Unreadable { file: file.to_owned(), source })
}

/// The next line with its newline, if it has one.
fn next_line(lines: &mut BufReader<File>, file: &Path) -> Result<Option<Vec<u8>>, AuditFault> {
    let mut line = Vec::new();
    let read = lines.by_ref().take(LINE_LEN_MAX).read_until(b'\n', &mut line);
    read.map_err(|source| AuditFault::Unreadable { file: file.to_owned(), source })?;
    Ok((!line.is_empty()).then_some(line))
}

#[cfg(test)]
mod tests;
