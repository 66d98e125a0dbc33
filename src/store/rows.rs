//! How values are stored in rows: packed positions, numbers for names, times, and the context of sealed bytes. Both
//! engines use the same form, so that a store can be copied row by row.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::case::StoredCase;
use crate::domain::ids::{AgencyId, CaseKind, CaseName};
use crate::ledger::TileId;
use crate::store::{Append, Audience, StoreError};

/// Increased when a table changes, in both schemas, with a step from the version before in both (`taken_over.rs`). A store of a later
/// version is refused, as is one that no step leads from.
pub(super) const SCHEMA_VERSION: i32 = 7;

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

/// A size or an index as stored.
pub(super) fn integer(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| TOO_LARGE)
}

/// A size or an index as read.
pub(super) fn size(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Broken("a size is negative"))
}

/// A limit for SQL.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Nanoseconds since 1970. Valid until the year 2262.
pub(super) fn nanoseconds(time: Timestamp) -> Result<i64, StoreError> {
    i64::try_from(time.as_nanosecond()).map_err(|_| TOO_LARGE)
}

/// The time for nanoseconds since 1970.
pub(super) fn time(nanoseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).map_err(|_| StoreError::Broken("a time is out of range"))
}

/// The number of a kind of case.
pub(super) fn kind(kind: CaseKind) -> i64 {
    match kind {
        CaseKind::Detainer => 1,
        CaseKind::Custody => 2,
        CaseKind::Appeal => 3,
    }
}

/// The kind of case for a number.
pub(super) fn case_kind(number: i64) -> Result<CaseKind, StoreError> {
    [CaseKind::Detainer, CaseKind::Custody, CaseKind::Appeal]
        .into_iter()
        .find(|of| kind(*of) == number)
        .ok_or(StoreError::Broken("a number is no kind of case"))
}

/// An audience as read.
pub(super) fn audience(text: &str) -> Result<Audience, StoreError> {
    Audience::parse(text).ok_or(StoreError::Broken("an audience is not of a known layout"))
}

/// The next full hour. It is stored unsealed, for counting open appeals, and reveals no more of an appeal than that
/// requires.
pub(super) fn full_hour(at: Timestamp) -> Timestamp {
    const HOUR_S: i64 = 3_600;
    let seconds = at.as_second().saturating_add(i64::from(at.subsec_nanosecond() > 0));
    let hours = seconds.saturating_add(HOUR_S.saturating_sub(1)).div_euclid(HOUR_S);
    Timestamp::from_second(hours.saturating_mul(HOUR_S)).unwrap_or(at)
}

/// The issuer and the holder of a case, if it has them.
pub(super) fn parties(case: &StoredCase) -> (Option<&AgencyId>, Option<&AgencyId>) {
    match case {
        StoredCase::Custody(custody) => (None, Some(&custody.custodian)),
        StoredCase::Appeal(appeal) => (Some(&appeal.issuer), None),
        StoredCase::Expunged(left) => (left.issuer.as_ref(), left.holder.as_ref()),
        StoredCase::Detainer(detainer) => (Some(&detainer.issuer), detainer.holder()),
    }
}

/// Every name whose number a batch's rows need.
pub(super) fn names(append: &Append) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = append.heads.iter().map(|head| head.log.to_string()).collect();
    names.extend(append.requests.iter().map(|request| request.agency.to_string()));
    names.extend(append.disclosures.iter().map(|disclosure| disclosure.recipient.to_string()));
    for delivery in &append.deliveries {
        names.extend([delivery.agency.to_string(), delivery.log.to_string()]);
    }
    for consumer in &append.consumers {
        names.extend([consumer.whose.agency.to_string(), consumer.whose.jurisdiction.to_string()]);
    }
    for case in &append.cases {
        names.insert(case.name().jurisdiction.to_string());
        let (issuer, holder) = parties(case);
        names.extend([issuer, holder].into_iter().flatten().map(ToString::to_string));
    }
    for change in &append.agenda {
        names.insert(change.case.jurisdiction.to_string());
        names.extend(change.open.iter().filter_map(|item| item.holder.as_ref()).map(ToString::to_string));
    }
    names
}

/// The context that a case's sealed state is bound to.
pub(super) fn case_context(name: &CaseName) -> Vec<u8> {
    format!("case {name}").into_bytes()
}

/// The context that a sealed answer to an appeal is bound to.
pub(super) fn item_context(appeal: &CaseName, detainer: &CaseName) -> Vec<u8> {
    format!("item {detainer} of {appeal}").into_bytes()
}

/// The context that an entry's sealed content is bound to, so that no column of its row can change alone.
pub(super) struct Bound<'a> {
    pub(super) position: i64,
    pub(super) batch_size: i64,
    pub(super) leaf: &'a [u8],
    pub(super) audience: &'a str,
    pub(super) clear: &'a [u8],
    /// The sealed answer. Absent and empty differ.
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

/// The context that a recorded answer is bound to.
pub(super) fn answer_context(position: i64) -> Vec<u8> {
    [b"answer".as_slice(), &position.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_case_is_read_back_from_its_number() {
        for of in [CaseKind::Detainer, CaseKind::Custody, CaseKind::Appeal] {
            assert_eq!(case_kind(kind(of)).unwrap(), of);
        }
        assert!(case_kind(0).is_err() && case_kind(4).is_err());
    }
}
