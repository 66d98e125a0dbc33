//! The search index, the same on both engines: which cases have which terms. A term is stored as a digest under a key that
//! is derived from the wrapping key, in the transaction that stores its case, and is deleted when the case is expunged.
//!
//! A mark says that the index was built, and under which key. A store without a mark, since it was made by an earlier version
//! or was put under another wrapping key, is indexed when it is opened.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::domain::asked_again::ASKED_AGAIN_LEN_MAX;
use crate::domain::case::StoredCase;
use crate::domain::ids::{CaseKind, CaseName, JurisdictionId};
use crate::domain::search::{self, Term};
use crate::store::data_keys::BatchKeys;
use crate::store::tables::{Cell, Cells, INDEX, MARK, PAGE_LEN, Table, named};
use crate::store::vault::{Indexed, WrappingKey};
use crate::store::{Append, CaseFilter, StoreError, rows, sealed};

/// A row of the index that is added or removed.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) case: &'a CaseName,
    pub(super) term: Indexed,
}

/// What a batch changes of the index.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    pub(super) gone: Vec<Change<'a>>,
    pub(super) new: Vec<Change<'a>>,
}

impl<'a> Changes<'a> {
    /// What a batch changes: the terms of each case as it leaves it, against those as it was loaded.
    pub(super) fn of(append: &'a Append, keys: &BatchKeys, vault: &WrappingKey) -> Result<Self, StoreError> {
        let last: BTreeMap<&CaseName, &StoredCase> = append.cases.iter().map(|case| (case.name(), case)).collect();
        let mut changes = Self::default();
        for (name, case) in last {
            let (before, after) = (keys.terms_of(name)?, search::terms(case));
            for term in before.difference(&after) {
                changes.gone.push(Change { case: name, term: indexed(vault, name, term)? });
            }
            for term in after.difference(before) {
                changes.new.push(Change { case: name, term: indexed(vault, name, term)? });
            }
        }
        Ok(changes)
    }
}

/// A term of a case as it is stored. It says in which jurisdiction and of which kind: of the same person, the terms of two
/// jurisdictions differ.
fn indexed(vault: &WrappingKey, case: &CaseName, term: &Term) -> Result<Indexed, StoreError> {
    digest(vault, &case.jurisdiction, case.kind, term)
}

fn digest(
    vault: &WrappingKey,
    jurisdiction: &JurisdictionId,
    kind: CaseKind,
    term: &Term,
) -> Result<Indexed, StoreError> {
    Ok(vault.indexed(format!("{jurisdiction}\0{}\0{}", kind.collection(), term.text()).as_bytes())?)
}

/// The terms of a filter, as they are stored.
pub(super) fn wanted(vault: &WrappingKey, filter: &CaseFilter) -> Result<Vec<Indexed>, StoreError> {
    digests(vault, (&filter.jurisdiction, filter.kind), &filter.terms)
}

/// The terms of one kind of case in a jurisdiction, as they are stored.
pub(super) fn digests<'t>(
    vault: &WrappingKey,
    (jurisdiction, kind): (&JurisdictionId, CaseKind),
    terms: impl IntoIterator<Item = &'t Term>,
) -> Result<Vec<Indexed>, StoreError> {
    terms.into_iter().map(|term| digest(vault, jurisdiction, kind, term)).collect()
}

/// How many cases of one term a batch is given, the oldest first.
pub(super) fn found_len_max() -> i64 {
    rows::limit(ASKED_AGAIN_LEN_MAX)
}

/// The mark of an index under a key.
pub(super) fn mark(vault: &WrappingKey) -> Result<Vec<u8>, StoreError> {
    Ok(vault.indexed(b"mark")?.to_vec())
}

/// Reads a page of a table.
pub(super) type ReadPage<'a> = &'a mut dyn FnMut(&Table, Option<&[Cell]>, usize) -> Result<Vec<Cells>, StoreError>;

/// Adds rows to a table.
pub(super) type InsertRows<'a> = &'a mut dyn FnMut(&Table, Vec<Cells>) -> Result<(), StoreError>;

/// Builds the index of all cases, in one transaction of the caller's with the removal of what there was. Returns how many
/// cases it is of.
pub(super) fn build(vault: &WrappingKey, page: ReadPage<'_>, insert: InsertRows<'_>) -> Result<u64, StoreError> {
    let jurisdictions = jurisdictions(page)?;
    let (index, cases) = (named(INDEX)?, named("cases")?);
    let mut indexed_cases = 0u64;
    let mut after: Option<Cells> = None;
    loop {
        let found = page(cases, after.as_deref(), PAGE_LEN)?;
        let Some(last) = found.last() else { break };
        after = Some(last.iter().take(cases.key_len).cloned().collect());
        let mut rows = Vec::new();
        for row in &found {
            let name = case_name(&jurisdictions, row)?;
            let [place @ .., _, _, _, _] = row.as_slice() else { return Err(BROKEN) };
            let [.., Cell::Bytes(key), Cell::Bytes(state)] = row.as_slice() else { return Err(BROKEN) };
            let [Cell::Integer(jurisdiction), Cell::Integer(kind), Cell::Bytes(id)] = place else { return Err(BROKEN) };
            let (case, _) = sealed::open_case(vault, &name, key, state)?;
            for term in search::terms(&case) {
                let term = indexed(vault, &name, &term)?.to_vec();
                let cells = vec![
                    Cell::Integer(*jurisdiction),
                    Cell::Integer(*kind),
                    Cell::Bytes(term),
                    Cell::Bytes(id.clone()),
                ];
                rows.push(cells);
            }
            indexed_cases = indexed_cases.saturating_add(1);
        }
        insert(index, rows)?;
    }
    insert(named(MARK)?, vec![vec![Cell::Integer(1), Cell::Bytes(mark(vault)?)]])?;
    Ok(indexed_cases)
}

const BROKEN: StoreError = StoreError::Broken("a row is not of a known layout");

/// The jurisdictions by their numbers.
pub(super) fn jurisdictions(page: ReadPage<'_>) -> Result<BTreeMap<i64, JurisdictionId>, StoreError> {
    let names = named("names")?;
    let mut known = BTreeMap::new();
    let mut after: Option<Cells> = None;
    loop {
        let found = page(names, after.as_deref(), PAGE_LEN)?;
        let Some(last) = found.last() else { return Ok(known) };
        after = Some(last.iter().take(names.key_len).cloned().collect());
        for row in &found {
            let [Cell::Integer(number), Cell::Text(name)] = row.as_slice() else { return Err(BROKEN) };
            // Logs have numbers too, and their names are none of a jurisdiction.
            known.extend(name.parse().ok().map(|jurisdiction| (*number, jurisdiction)));
        }
    }
}

/// The name of the case that a row is of.
pub(super) fn case_name(jurisdictions: &BTreeMap<i64, JurisdictionId>, row: &Cells) -> Result<CaseName, StoreError> {
    let [Cell::Integer(jurisdiction), Cell::Integer(kind), Cell::Bytes(id), ..] = row.as_slice() else {
        return Err(BROKEN);
    };
    let jurisdiction = jurisdictions.get(jurisdiction).ok_or(BROKEN)?.clone();
    let kind = rows::case_kind(*kind)?;
    Ok(CaseName { jurisdiction, kind, id: Uuid::from_slice(id).map_err(|_| BROKEN)? })
}
