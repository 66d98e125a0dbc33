//! Copies a store to another location row by row, on either engine. Every sealed byte stays the same and opens with the
//! same keys. A backup is such a copy in a file, made while the store may be served.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};

use crate::store::tables::{Cell, Cells, PAGE_LEN, RESTORED, TABLES, Table};
use crate::store::{StoreError, StoreLocation, postgres, sqlite};

/// What was copied.
#[derive(Debug)]
pub struct Copied {
    /// The tables in the order they were copied, with their row counts.
    pub rows: Vec<(String, u64)>,
    /// The digest of each table as it was read, as [`digest`] computes it.
    pub digests: BTreeMap<String, [u8; 32]>,
}

/// Copies everything from one location to another, which MUST be empty. The copy is complete or absent. The original
/// MUST NOT be served meanwhile; if that is detected, the copy is refused.
///
/// `progress` is told the table and how many of its rows are copied so far.
pub fn copy(
    from: &StoreLocation,
    to: &StoreLocation,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<Copied, StoreError> {
    let source: Box<dyn Source> = match from {
        StoreLocation::File(path) => Box::new(sqlite::Original::alone(path)?),
        StoreLocation::Server(address) => Box::new(postgres::Original::alone(address)?),
    };
    carry(source, target(to)?, Marks::AsTheyAre, progress)
}

/// Copies everything as it is at one moment to a file, which MUST NOT be there. The original may be served meanwhile.
/// What is copied is durable at the original: a backup never has an entry that the original could still lose.
pub fn backup(from: &StoreLocation, to: &Path, progress: &mut dyn FnMut(&str, u64)) -> Result<Copied, StoreError> {
    if to.exists() {
        return Err(StoreError::File(std::io::ErrorKind::AlreadyExists.into()));
    }
    let source: Box<dyn Source> = match from {
        StoreLocation::File(path) => Box::new(sqlite::Original::as_of_now(path)?),
        StoreLocation::Server(address) => Box::new(postgres::Original::as_of_now(address)?),
    };
    carry(source, Box::new(sqlite::Duplicate::open(to)?), Marks::AsTheyAre, progress)
}

/// Copies everything from a backup to a location, which MUST be empty, and marks each log as restored, in the same
/// transaction. See [`StoreLocation::restored`].
pub fn restore(from: &Path, to: &StoreLocation, progress: &mut dyn FnMut(&str, u64)) -> Result<Copied, StoreError> {
    carry(Box::new(sqlite::Original::alone(from)?), target(to)?, Marks::EachLog, progress)
}

/// What becomes of the marks of a store that was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    AsTheyAre,
    EachLog,
}

fn target(to: &StoreLocation) -> Result<Box<dyn Target>, StoreError> {
    Ok(match to {
        StoreLocation::File(path) => Box::new(sqlite::Duplicate::open(path)?),
        StoreLocation::Server(address) => Box::new(postgres::Duplicate::open(address)?),
    })
}

fn carry(
    mut source: Box<dyn Source>,
    mut target: Box<dyn Target>,
    marks: Marks,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<Copied, StoreError> {
    for table in &TABLES {
        if !target.is_empty(table)? {
            return Err(StoreError::Address("there is a store already where it is to be copied to".to_owned()));
        }
    }
    let (mut rows, mut digests, mut heads) = (Vec::new(), BTreeMap::new(), Vec::new());
    for table in &TABLES {
        let (mut copied, mut context) = (0u64, Context::new(&SHA256));
        let is_marks = table.name == RESTORED;
        pages(&mut *source, table, |page| {
            page.iter().flatten().for_each(|cell| cell.take_into(&mut context));
            copied = copied.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
            if table.name == "heads" {
                // A mark is the first two columns of a head: its log and its size.
                heads.extend(page.iter().map(|head| head.iter().take(2).cloned().collect::<Cells>()));
            }
            if marks == Marks::AsTheyAre || !is_marks {
                target.insert(table, page)?;
            }
            progress(table.name, copied);
            Ok(())
        })?;
        if marks == Marks::EachLog && is_marks && !heads.is_empty() {
            target.insert(table, std::mem::take(&mut heads))?;
        }
        digests.insert(table.name.to_owned(), finish(context)?);
        rows.push((table.name.to_owned(), copied));
    }
    target.finish()?;
    Ok(Copied { rows, digests })
}

fn finish(context: Context) -> Result<[u8; 32], StoreError> {
    let digest = context.finish();
    digest.as_ref().try_into().map_err(|_| StoreError::Broken("a digest has another length"))
}

/// The SHA-256 of every table, over its rows in key order. Equal rows give equal digests on every engine.
pub fn digest(location: &StoreLocation) -> Result<BTreeMap<String, [u8; 32]>, StoreError> {
    let mut source: Box<dyn Source> = match location {
        StoreLocation::File(path) => Box::new(sqlite::Original::open(path)?),
        StoreLocation::Server(address) => Box::new(postgres::Original::open(address)?),
    };
    let mut digests = BTreeMap::new();
    for table in &TABLES {
        let mut context = Context::new(&SHA256);
        pages(&mut *source, table, |page| {
            page.iter().flatten().for_each(|cell| cell.take_into(&mut context));
            Ok(())
        })?;
        digests.insert(table.name.to_owned(), finish(context)?);
    }
    Ok(digests)
}

/// Reads a table page by page, in key order.
fn pages(
    source: &mut dyn Source,
    table: &Table,
    mut each: impl FnMut(Vec<Cells>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after: Option<Cells> = None;
    loop {
        let page = source.page(table, after.as_deref(), PAGE_LEN)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.iter().take(table.key_len).cloned().collect());
        each(page)?;
    }
}

/// An engine to copy from. It shows the state at the time it was opened.
pub(super) trait Source {
    /// Rows in key order, after a key.
    fn page(&mut self, table: &Table, after: Option<&[Cell]>, len: usize) -> Result<Vec<Cells>, StoreError>;
}

/// An engine to copy to.
pub(super) trait Target {
    /// Whether a table has no rows.
    fn is_empty(&mut self, table: &Table) -> Result<bool, StoreError>;

    /// Adds rows.
    fn insert(&mut self, table: &Table, rows: Vec<Cells>) -> Result<(), StoreError>;

    /// Makes everything that was added durable. Without this call nothing is kept.
    fn finish(self: Box<Self>) -> Result<(), StoreError>;
}
