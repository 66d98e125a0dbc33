//! A book of claims: one requester's claims about one jurisdiction, a JSON value on each line.
//!
//! The first line says whose it is. Then comes each file that was imported: a line for the file, one line for each of its rows
//! (a claim, a duplicate or a rejection), and a line with the reconciliation. So the sums can be recomputed from the book, and
//! an import that was cut off goes on after the last whole line. The lines are the leaves of an RFC 6962 tree.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::claims::claim::{Claim, Fault};
use crate::claims::error::ClaimsError;
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::ledger::{self, Hash, Tree};

/// Version of the layout of a book.
const LAYOUT: &str = "comity-claims/1";
/// Longest line, in bytes.
const LINE_LEN_MAX: u64 = 64 * 1_024;

/// Whose claims a book holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// `comity-claims/1`.
    layout: String,
    /// About which jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// Who claims it.
    pub claimed_by: AgencyId,
}

impl Head {
    /// The claims of a requester about a jurisdiction.
    pub fn new(jurisdiction: JurisdictionId, claimed_by: AgencyId) -> Self {
        Self { layout: LAYOUT.to_owned(), jurisdiction, claimed_by }
    }

    /// The name of the book's tree, as a checkpoint has an origin.
    pub fn origin(&self) -> String {
        format!("claims/{}/{}", self.jurisdiction, self.claimed_by)
    }
}

/// A file that was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its layout: `ice-detainers`.
    pub layout: String,
}

/// What became of the rows of a file. INVARIANT: `rows` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    /// Rows read.
    pub rows: u64,
    /// Claims that were not there before.
    pub accepted: u64,
    /// Rows that were there before, whole.
    pub duplicates: u64,
    /// Rows that are no claim.
    pub rejected: u64,
}

impl Reconciliation {
    fn count(&mut self, row: &Row) {
        let which = match row {
            Row::Claim(_) => &mut self.accepted,
            Row::DuplicateOf(_) => &mut self.duplicates,
            Row::Rejected(_) => &mut self.rejected,
        };
        *which = which.saturating_add(1);
        self.rows = self.rows.saturating_add(1);
    }
}

/// What a row of a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Row {
    /// A claim.
    Claim(Box<Claim>),
    /// The same row as one before: the id of its claim.
    DuplicateOf(String),
    /// Not a claim.
    Rejected(Vec<Fault>),
}

/// A line after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Begin(SourceFile),
    Row(Row),
    End(Reconciliation),
}

/// A file of which not every row is in the book yet.
#[derive(Debug, Clone)]
pub(super) struct Unfinished {
    pub(super) source: SourceFile,
    pub(super) so_far: Reconciliation,
}

/// Everything that a book says.
#[derive(Debug)]
pub struct Claims {
    /// Whose claims.
    pub head: Head,
    /// The files, each with its reconciliation.
    pub files: Vec<(SourceFile, Reconciliation)>,
    /// The claims, in order.
    pub claims: Vec<Claim>,
    /// Rows that were rejected: the file, counted from 0, the row as a spreadsheet numbers it, and its faults.
    pub rejected: Vec<(usize, u64, Vec<Fault>)>,
    /// Lines of the book: the size of its tree.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    unfinished: Option<Unfinished>,
    ids: HashMap<String, usize>,
    /// Bytes of whole lines.
    whole_len: u64,
}

impl Claims {
    /// Reads a book whose every import is finished. Nothing of it is taken on trust: each line and each sum is checked.
    pub fn read(path: &Path) -> Result<Self, ClaimsError> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let claims = Self::read_all(file)?.ok_or(ClaimsError::Line(1))?;
        match &claims.unfinished {
            Some(unfinished) => Err(ClaimsError::Unfinished(unfinished.source.sha256.clone())),
            None if claims.whole_len != len => Err(ClaimsError::Line(claims.size.saturating_add(1))),
            None => Ok(claims),
        }
    }

    /// Reads the whole lines. None: there is not even a first line.
    fn read_all(file: File) -> Result<Option<Self>, ClaimsError> {
        let mut lines = BufReader::new(file);
        let (mut line, mut tree) = (Vec::new(), Tree::empty());
        let mut claims: Option<Self> = None;
        let mut at = 0u64;
        loop {
            line.clear();
            at = at.saturating_add(1);
            let read = (&mut lines).take(LINE_LEN_MAX).read_until(b'\n', &mut line)?;
            if line.pop_if(|last| *last == b'\n').is_none() {
                // A line that was cut off is no line. One that is too long was never written here.
                let cut_off = u64::try_from(read).is_ok_and(|read| read < LINE_LEN_MAX);
                return if cut_off { Ok(claims.map(|claims| claims.under(&tree))) } else { Err(ClaimsError::Line(at)) };
            }
            tree.append(ledger::leaf_hash(&line));
            let whole_len = u64::try_from(read).unwrap_or(u64::MAX);
            match &mut claims {
                None => {
                    let head: Head = serde_json::from_slice(&line).map_err(|_| ClaimsError::Line(at))?;
                    if head.layout != LAYOUT {
                        return Err(ClaimsError::Line(at));
                    }
                    claims = Some(Self::empty(head, whole_len));
                }
                Some(claims) => {
                    let line = serde_json::from_slice(&line).map_err(|_| ClaimsError::Line(at))?;
                    claims.take(line).ok_or(ClaimsError::Line(at))?;
                    claims.whole_len = claims.whole_len.saturating_add(whole_len);
                }
            }
        }
    }

    fn empty(head: Head, whole_len: u64) -> Self {
        Self {
            head,
            files: Vec::new(),
            claims: Vec::new(),
            rejected: Vec::new(),
            size: 0,
            root: ledger::empty_root(),
            unfinished: None,
            ids: HashMap::new(),
            whole_len,
        }
    }

    fn under(self, tree: &Tree) -> Self {
        Self { size: tree.size(), root: tree.root(), ..self }
    }

    /// Takes a line. None: it cannot stand here.
    fn take(&mut self, line: Line) -> Option<()> {
        match (line, &mut self.unfinished) {
            (Line::Begin(source), None) => {
                self.unfinished = Some(Unfinished { source, so_far: Reconciliation::default() });
            }
            (Line::Row(row), Some(unfinished)) => {
                unfinished.so_far.count(&row);
                let rows = unfinished.so_far.rows;
                match row {
                    Row::Claim(claim) => {
                        let at = self.claims.len();
                        if self.ids.insert(claim.id.clone(), at).is_some() {
                            return None;
                        }
                        self.claims.push(*claim);
                    }
                    Row::DuplicateOf(id) => return self.ids.get(&id).map(|_| ()),
                    // The first row of a spreadsheet is the header.
                    Row::Rejected(faults) => self.rejected.push((self.files.len(), rows.saturating_add(1), faults)),
                }
            }
            (Line::End(sums), Some(unfinished)) => {
                if sums != unfinished.so_far {
                    return None;
                }
                self.files.push((unfinished.source.clone(), sums));
                self.unfinished = None;
            }
            (Line::Begin(_), Some(_)) | (Line::Row(_) | Line::End(_), None) => return None,
        }
        Some(())
    }

    /// Where a claim with this id stands.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.ids.contains_key(id)
    }
}

/// A book that is written to, by one process at a time.
#[derive(Debug)]
pub struct Book {
    claims: Claims,
    file: BufWriter<File>,
}

impl Book {
    /// Opens a book, or begins one. A line that a crash cut off is removed.
    pub fn open(path: &Path, head: &Head) -> Result<Self, ClaimsError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ClaimsError::Busy),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let found = Claims::read_all(file.try_clone()?)?;
        let is_new = found.is_none();
        let claims = found.unwrap_or_else(|| Claims::empty(head.clone(), 0));
        if claims.head != *head {
            let Head { claimed_by, jurisdiction, .. } = claims.head;
            return Err(ClaimsError::OtherBook {
                claimed_by: claimed_by.to_string(),
                jurisdiction: jurisdiction.to_string(),
            });
        }
        file.set_len(claims.whole_len)?;
        let mut file = BufWriter::new(file);
        file.seek(SeekFrom::Start(claims.whole_len))?;
        let mut book = Self { claims, file };
        if is_new {
            book.write(&head)?;
            book.sync()?;
        }
        Ok(book)
    }

    /// The sums of a file, if all of it is in the book already.
    pub(super) fn finished(&self, sha256: &str) -> Option<Reconciliation> {
        self.claims.files.iter().find(|(source, _)| source.sha256 == sha256).map(|(_, sums)| *sums)
    }

    /// Begins a file, or goes on with it: what of it is in the book.
    pub(super) fn begin(&mut self, source: &SourceFile) -> Result<Reconciliation, ClaimsError> {
        match &self.claims.unfinished {
            Some(unfinished) if unfinished.source == *source => Ok(unfinished.so_far),
            Some(unfinished) => Err(ClaimsError::OtherUnfinished(unfinished.source.sha256.clone())),
            None => {
                self.add(Line::Begin(source.clone()))?;
                Ok(Reconciliation::default())
            }
        }
    }

    /// Adds what a row is. It is durable after the next [`Book::sync`].
    pub(super) fn row(&mut self, row: Row) -> Result<(), ClaimsError> {
        self.add(Line::Row(row))
    }

    /// Ends a file with its sums.
    pub(super) fn end(&mut self) -> Result<Reconciliation, ClaimsError> {
        let sums = self.claims.unfinished.as_ref().map(|unfinished| unfinished.so_far).unwrap_or_default();
        self.add(Line::End(sums))?;
        self.sync()?;
        Ok(sums)
    }

    /// Whether a claim is in the book.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.claims.knows(id)
    }

    /// Makes everything so far durable.
    pub(super) fn sync(&mut self) -> Result<(), ClaimsError> {
        self.file.flush()?;
        Ok(self.file.get_ref().sync_data()?)
    }

    fn add(&mut self, line: Line) -> Result<(), ClaimsError> {
        self.write(&line)?;
        let at = self.claims.size;
        self.claims.take(line).ok_or(ClaimsError::Line(at))
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), ClaimsError> {
        let mut text = serde_json::to_vec(line).map_err(ClaimsError::Encode)?;
        text.push(b'\n');
        Ok(self.file.write_all(&text)?)
    }
}
