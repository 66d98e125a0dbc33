//! Puts a store under another wrapping key, in one transaction: a store is under the one key or the other, whenever the
//! process ends. What was sealed before stays sealed as it is; only the data keys, and the entries of no case, are
//! wrapped anew. With the old key gone, no older copy of the store can be read.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::{CaseName, JurisdictionId};
use crate::store::copy::Source;
use crate::store::data_keys::{DataKey, rewrapped};
use crate::store::sealed::{self, EntryRow};
use crate::store::search::{case_name, jurisdictions};
use crate::store::tables::{Cell, Cells, INDEX, MARK, PAGE_LEN, Table, named};
use crate::store::vault::{Key, VaultError};
use crate::store::{StoreError, StoreLocation, postgres, sqlite};

const BROKEN: StoreError = StoreError::Broken("a row is not of a known layout");

/// What was wrapped anew.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Rewrapped {
    /// Data keys of cases.
    pub cases: u64,
    /// Entries of no case.
    pub entries: u64,
}

/// Puts a store under another wrapping key. Changes nothing in one that is under it already. It MUST NOT be served
/// meanwhile; if that is detected, nothing is changed.
pub fn rewrap(location: &StoreLocation, from: &[u8; 32], to: &[u8; 32]) -> Result<Rewrapped, StoreError> {
    let mut store: Box<dyn InPlace> = match location {
        StoreLocation::File(path) => Box::new(sqlite::InPlace::open(path)?),
        StoreLocation::Server(address) => Box::new(postgres::InPlace::open(address)?),
    };
    let jurisdictions = jurisdictions(&mut |table, after, len| store.page(table, after, len))?;
    let rewrap = Rewrap { from: Key::new(from)?, to: Key::new(to)?, jurisdictions };
    let mut done = Rewrapped::default();
    let mut cases = BTreeSet::new();
    replace(&mut *store, "cases", |row| {
        let name = case_name(&rewrap.jurisdictions, &row)?;
        let again = rewrap.data_key(row, &name)?;
        done.cases = done.cases.saturating_add(u64::from(again.is_some()));
        cases.insert(name);
        Ok(again)
    })?;
    replace(&mut *store, "entries", |row| {
        let row = entry(row)?;
        if sealed::case_of(&row.leaf)?.is_some_and(|case| cases.contains(&case)) {
            return Ok(None);
        }
        let again = rewrap.entry(row)?;
        done.entries = done.entries.saturating_add(u64::from(again.is_some()));
        Ok(again.map(cells))
    })?;
    if done != Rewrapped::default() {
        // Whoever opens the store next indexes it under the new key.
        for name in [INDEX, MARK] {
            store.clear(named(name)?)?;
        }
    }
    store.finish()?;
    Ok(done)
}

/// Goes through the rows of a table, and replaces those that are given anew.
fn replace(
    store: &mut dyn InPlace,
    name: &str,
    mut anew: impl FnMut(Cells) -> Result<Option<Cells>, StoreError>,
) -> Result<(), StoreError> {
    let table = named(name)?;
    let mut after: Option<Cells> = None;
    loop {
        let page = store.page(table, after.as_deref(), PAGE_LEN)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.iter().take(table.key_len).cloned().collect());
        let rows = page.into_iter().filter_map(|row| anew(row).transpose()).collect::<Result<Vec<_>, _>>()?;
        store.set(table, rows)?;
    }
}

/// A store whose rows are replaced, all in one transaction.
pub(super) trait InPlace: Source {
    /// Replaces rows that are there.
    fn set(&mut self, table: &Table, rows: Vec<Cells>) -> Result<(), StoreError>;

    /// Removes every row.
    fn clear(&mut self, table: &Table) -> Result<(), StoreError>;

    /// Makes everything durable. Without this call nothing is changed.
    fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

struct Rewrap {
    from: Key,
    to: Key,
    jurisdictions: BTreeMap<i64, JurisdictionId>,
}

impl Rewrap {
    /// The row of a case with its key under the new wrapping key. `None`: it is under it already.
    fn data_key(&self, mut row: Cells, name: &CaseName) -> Result<Option<Cells>, StoreError> {
        let Some(Cell::Bytes(stored)) = row.get_mut(DATA_KEY) else { return Err(BROKEN) };
        match rewrapped(stored, name, &self.from, &self.to) {
            Ok(again) => *stored = again,
            Err(_) if DataKey::open(&self.to, name, stored).is_ok() => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(Some(row))
    }

    /// An entry of no case under the new wrapping key. `None`: it is under it already.
    fn entry(&self, row: EntryRow) -> Result<Option<EntryRow>, StoreError> {
        if row.openings(Some(&self.to)).is_ok() {
            return Ok(None);
        }
        row.resealed(&self.from, &self.to).map(Some)
    }
}

/// The column of `cases` that holds the wrapped key.
const DATA_KEY: usize = 5;

fn entry(row: Cells) -> Result<EntryRow, StoreError> {
    let row: [Cell; 7] = row.try_into().map_err(|_| BROKEN)?;
    let [
        Cell::Integer(position),
        Cell::Integer(batch_size),
        Cell::Bytes(leaf),
        Cell::Text(audience),
        Cell::Bytes(clear),
        Cell::Bytes(sealed),
        answer,
    ] = row
    else {
        return Err(BROKEN);
    };
    let answer = match answer {
        Cell::Null => None,
        Cell::Bytes(answer) => Some(answer),
        Cell::Integer(_) | Cell::Text(_) => return Err(VaultError::Unopened.into()),
    };
    Ok(EntryRow { position, batch_size, leaf, audience, clear, sealed, answer })
}

fn cells(row: EntryRow) -> Cells {
    let EntryRow { position, batch_size, leaf, audience, clear, sealed, answer } = row;
    vec![
        Cell::Integer(position),
        Cell::Integer(batch_size),
        Cell::Bytes(leaf),
        Cell::Text(audience),
        Cell::Bytes(clear),
        Cell::Bytes(sealed),
        answer.map_or(Cell::Null, Cell::Bytes),
    ]
}
