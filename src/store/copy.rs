//! Copies a store to another location row by row, on either engine. Every sealed byte stays the same and opens with the
//! same keys. A backup is such a copy in a file, made while the store may be served.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};

use crate::store::copy::Kind::{Bytes, Integer, Text};
use crate::store::search::{INDEX, MARK};
use crate::store::{StoreError, StoreLocation, postgres, sqlite};

/// Rows read and written at a time.
pub(super) const PAGE_LEN: usize = 2_000;

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

/// A row, in the order of a table's columns.
pub(super) type Cells = Vec<Cell>;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    fn take_into(&self, context: &mut Context) {
        let integer;
        let (kind, bytes): (u8, &[u8]) = match self {
            Self::Null => (0, &[]),
            Self::Integer(number) => {
                integer = number.to_be_bytes();
                (1, &integer)
            }
            Self::Text(text) => (2, text.as_bytes()),
            Self::Bytes(bytes) => (3, bytes),
        };
        context.update(&[kind]);
        context.update(&bytes.len().to_be_bytes());
        context.update(bytes);
    }
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Text,
    Bytes,
}

/// A table that both schemas have.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// How many of the first columns form the key.
    pub(super) key_len: usize,
    pub(super) columns: &'static [(&'static str, Kind)],
}

impl Table {
    /// The column names, as a list.
    pub(super) fn list(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The key's column names, as a list.
    pub(super) fn key(&self) -> String {
        self.columns.iter().take(self.key_len).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

const fn table(name: &'static str, key_len: usize, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, key_len, columns }
}

/// The logs of a store that was restored.
pub(super) const RESTORED: &str = "restored";

/// Every table. Referenced tables come first, and key columns come first within a table.
pub(super) const TABLES: [Table; 19] = [
    table("names", 1, &[("id", Integer), ("name", Text)]),
    table("heads", 1, &[("log", Integer), ("size", Integer), ("root", Bytes), ("recorded_at", Integer)]),
    table(
        "entries",
        1,
        &[
            ("position", Integer),
            ("batch_size", Integer),
            ("leaf", Bytes),
            ("audience", Text),
            ("clear", Bytes),
            ("sealed", Bytes),
            ("answer", Bytes),
        ],
    ),
    table("checkpoints", 1, &[("position", Integer), ("note", Text)]),
    table("tiles", 1, &[("position", Integer), ("hashes", Bytes)]),
    table(
        "cases",
        3,
        &[
            ("jurisdiction", Integer),
            ("kind", Integer),
            ("id", Bytes),
            ("issuer", Integer),
            ("holder", Integer),
            ("data_key", Bytes),
            ("sealed", Bytes),
        ],
    ),
    table(INDEX, 4, &[("jurisdiction", Integer), ("kind", Integer), ("term", Bytes), ("id", Bytes)]),
    table(MARK, 1, &[("id", Integer), ("mark", Bytes)]),
    table(
        "agenda",
        5,
        &[
            ("jurisdiction", Integer),
            ("case_kind", Integer),
            ("case_id", Bytes),
            ("kind", Text),
            ("key", Text),
            ("due_at", Integer),
            ("holder", Integer),
        ],
    ),
    table("appeals", 4, &[("jurisdiction", Integer), ("issuer", Integer), ("due_at", Integer), ("id", Bytes)]),
    table(
        "appeal_items",
        3,
        &[("jurisdiction", Integer), ("appeal", Bytes), ("detainer", Bytes), ("bar", Integer), ("answer", Bytes)],
    ),
    table("appeal_bars", 3, &[("jurisdiction", Integer), ("appeal", Bytes), ("number", Integer), ("bar", Text)]),
    table("requests", 2, &[("agency", Integer), ("request_id", Bytes), ("digest", Bytes), ("position", Integer)]),
    table(
        "deliveries",
        4,
        &[("agency", Integer), ("log", Integer), ("position", Integer), ("start", Integer), ("recorded_at", Integer)],
    ),
    table(
        "consumers",
        1,
        &[
            ("id", Integer),
            ("agency", Integer),
            ("jurisdiction", Integer),
            ("name", Text),
            ("exchange", Integer),
            ("custody", Integer),
        ],
    ),
    table(
        "attempts",
        2,
        &[("consumer", Integer), ("position", Integer), ("tries", Integer), ("since", Integer), ("standing", Text)],
    ),
    table(RESTORED, 1, &[("log", Integer), ("size", Integer)]),
    table("policy", 1, &[("id", Integer), ("digest", Bytes), ("files", Text), ("since", Integer)]),
    table(
        "disclosures",
        1,
        &[
            ("id", Integer),
            ("recorded_at", Integer),
            ("recipient", Integer),
            ("officer", Text),
            ("method", Text),
            ("resources", Text),
            ("classes", Integer),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables of a schema with their columns and types, in the order of names.
    fn read(schema: &str) -> BTreeMap<String, Vec<(String, Kind)>> {
        let lines = schema.lines().map(|line| line.split("--").next().unwrap_or_default().trim());
        let mut tables: BTreeMap<String, Vec<(String, Kind)>> = BTreeMap::new();
        let mut current = String::new();
        for line in lines {
            if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
                current = rest.trim_end_matches(" (").to_owned();
            }
            let mut words = line.split_whitespace();
            let (Some(name), Some(kind)) = (words.next(), words.next()) else { continue };
            let kind = match kind.trim_end_matches(',') {
                "INTEGER" | "BIGINT" => Integer,
                "TEXT" => Text,
                "BLOB" | "BYTEA" => Bytes,
                _ => continue,
            };
            tables.entry(current.clone()).or_default().push((name.to_owned(), kind));
        }
        for columns in tables.values_mut() {
            columns.sort_by(|one, other| one.0.cmp(&other.0));
        }
        tables
    }

    #[test]
    fn nothing_of_either_schema_is_left_out() {
        let columns = |table: &Table| {
            let mut columns: Vec<_> = table.columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
            columns.sort_by(|one, other| one.0.cmp(&other.0));
            (table.name.to_owned(), columns)
        };
        let ours: BTreeMap<_, _> = TABLES.iter().map(columns).collect();
        assert_eq!(read(include_str!("sqlite/schema.sql")), ours);
        let mut postgres = read(include_str!("postgres/schema.sql"));
        assert!(postgres.remove("comity").is_some());
        assert_eq!(postgres, ours);
    }
}
