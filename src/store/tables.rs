//! The tables of both schemas, and their rows as both engines read and write them where rows are carried as they are.

use aws_lc_rs::digest::Context;

use crate::store::StoreError;
use crate::store::tables::Kind::{Bytes, Integer, Text};

/// Rows read and written at a time.
pub(super) const PAGE_LEN: usize = 2_000;

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
    pub(super) fn take_into(&self, context: &mut Context) {
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
/// The search index.
pub(super) const INDEX: &str = "search";
/// Under which key the search index was built.
pub(super) const MARK: &str = "search_key";

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

/// A table by its name.
pub(super) fn named(name: &str) -> Result<&'static Table, StoreError> {
    TABLES.iter().find(|known| known.name == name).ok_or(StoreError::Broken("a row is of no table"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
