//! How values stand in rows: packed positions, small numbers for names, and what sealed bytes are bound to.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::Connection;

use crate::domain::ids::{CaseKind, CaseName, LogName};
use crate::ledger::TileId;
use crate::store::{Audience, StoreError};

/// Bits of an index within a packed position.
const INDEX_BITS: u32 = 40;
const TILE_INDEX_BITS: u32 = 40;
const TILE_LEVEL_BITS: u32 = 4;

const TOO_LARGE: StoreError = StoreError::Broken("a number is too large for its row");

/// `log << 40 | index`.
pub(super) fn position(log: i64, index: u64) -> Result<i64, StoreError> {
    let index = i64::try_from(index).map_err(|_| TOO_LARGE)?;
    if index >> INDEX_BITS != 0 || log >> (62 - INDEX_BITS) != 0 {
        return Err(TOO_LARGE);
    }
    Ok((log << INDEX_BITS) | index)
}

/// The log and the index of a position.
pub(super) fn unpack(position: i64) -> Result<(i64, u64), StoreError> {
    let index = position & ((1 << INDEX_BITS) - 1);
    Ok((position >> INDEX_BITS, u64::try_from(index).map_err(|_| TOO_LARGE)?))
}

/// `log << 44 | level << 40 | index`.
pub(super) fn tile_position(log: i64, tile: TileId) -> Result<i64, StoreError> {
    let index = i64::try_from(tile.index).map_err(|_| TOO_LARGE)?;
    let level = i64::from(tile.level);
    let fits = index >> TILE_INDEX_BITS == 0 && level >> TILE_LEVEL_BITS == 0 && log >> (62 - 44) == 0;
    if !fits {
        return Err(TOO_LARGE);
    }
    Ok((log << (TILE_INDEX_BITS + TILE_LEVEL_BITS)) | (level << TILE_INDEX_BITS) | index)
}

/// A size or an index as SQL has it.
pub(super) fn integer(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| TOO_LARGE)
}

/// Nanoseconds since 1970, good until the year 2262.
pub(super) fn nanoseconds(time: Timestamp) -> Result<i64, StoreError> {
    i64::try_from(time.as_nanosecond()).map_err(|_| TOO_LARGE)
}

/// The time of so many nanoseconds since 1970.
pub(super) fn time(nanoseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).map_err(|_| StoreError::Broken("a time is out of range"))
}

/// The number of a kind of case.
pub(super) fn kind(kind: CaseKind) -> i64 {
    match kind {
        CaseKind::Detainer => 1,
        CaseKind::Custody => 2,
    }
}

/// The kind of case of a number.
pub(super) fn case_kind(number: i64) -> Result<CaseKind, StoreError> {
    [CaseKind::Detainer, CaseKind::Custody]
        .into_iter()
        .find(|of| kind(*of) == number)
        .ok_or(StoreError::Broken("a number is no kind of case"))
}

/// Every name and its number.
pub(super) fn names(connection: &Connection) -> Result<HashMap<String, i64>, StoreError> {
    let mut statement = connection.prepare("SELECT name, id FROM names")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The log of a number.
pub(super) fn log_name(names: &HashMap<String, i64>, number: i64) -> Result<LogName, StoreError> {
    let name = names.iter().find(|(_, id)| **id == number).map(|(name, _)| name);
    name.and_then(|name| name.parse().ok()).ok_or(StoreError::Broken("a number is no log's"))
}

/// An audience as stored.
pub(super) fn audience(text: &str) -> Result<Audience, StoreError> {
    Audience::parse(text).ok_or(StoreError::Broken("an audience is not of a known layout"))
}

/// What a case's sealed state is bound to.
pub(super) fn case_context(name: &CaseName) -> Vec<u8> {
    format!("case {name}").into_bytes()
}

/// What an entry's sealed content is bound to: no column of its row can change alone.
pub(super) struct Bound<'a> {
    pub(super) position: i64,
    pub(super) batch_size: i64,
    pub(super) leaf: &'a [u8],
    pub(super) audience: &'a str,
    pub(super) clear: &'a [u8],
    /// As sealed. Absent and empty differ.
    pub(super) answer: Option<&'a [u8]>,
}

impl Bound<'_> {
    pub(super) fn context(&self) -> Vec<u8> {
        let mut context = b"entry".to_vec();
        context.extend_from_slice(&self.position.to_be_bytes());
        context.extend_from_slice(&self.batch_size.to_be_bytes());
        context.push(u8::from(self.answer.is_some()));
        for part in [self.leaf, self.audience.as_bytes(), self.clear, self.answer.unwrap_or_default()] {
            context.extend_from_slice(&part.len().to_be_bytes());
            context.extend_from_slice(part);
        }
        context
    }
}

/// What a recorded answer is bound to.
pub(super) fn answer_context(position: i64) -> Vec<u8> {
    [b"answer".as_slice(), &position.to_be_bytes()].concat()
}
