//! The search index in a file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use uuid::Uuid;

use crate::domain::ids::CaseName;
use crate::store::search::{self, Change, Changes};
use crate::store::sqlite::table;
use crate::store::vault::WrappingKey;
use crate::store::{CaseFilter, FoundBy, StoreError, data_keys, rows};

/// Cases of a term after a place, for whom they belong to. The place and the limit are of the term's own rows.
const FOUND: &str = "SELECT cases.id, data_key, sealed FROM search CROSS JOIN cases \
    ON cases.jurisdiction = search.jurisdiction AND cases.kind = search.kind AND cases.id = search.id \
    WHERE search.jurisdiction = ?1 AND search.kind = ?2 AND search.term = ?3 AND search.id > ?4 \
    AND length(data_key) <= ?8 \
    AND (?5 IS NULL OR issuer = ?5 OR holder = ?5 OR (?6 AND holder IS NULL)) \
    ORDER BY search.id LIMIT ?7";

/// The oldest cases of a term.
const IDS: &str = "SELECT id FROM search WHERE jurisdiction = ?1 AND kind = ?2 AND term = ?3 ORDER BY id LIMIT ?4";

/// The id of a case, its wrapped key and its sealed state.
pub(super) type Found = (Vec<u8>, Vec<u8>, Vec<u8>);

/// The cases that have one of the terms of a filter, in order. `agency`: the number of the agency whose they are.
pub(super) fn find(
    connection: &Connection,
    vault: &WrappingKey,
    jurisdiction: i64,
    agency: Option<i64>,
    filter: &CaseFilter,
) -> Result<Vec<Found>, StoreError> {
    let mut statement = connection.prepare_cached(FOUND)?;
    let after = filter.after.unwrap_or(Uuid::nil());
    let mut found: BTreeMap<Vec<u8>, (Vec<u8>, Vec<u8>)> = BTreeMap::new();
    for term in search::wanted(vault, filter)? {
        let bounds = params![
            jurisdiction,
            rows::kind(filter.kind),
            term.as_slice(),
            after.as_bytes().as_slice(),
            agency,
            filter.unassigned,
            rows::limit(filter.limit),
            data_keys::LEN_UNLESS_EXPUNGED
        ];
        let of_term = statement.query_map(bounds, |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
        for row in of_term {
            found.extend([row?]);
        }
    }
    Ok(found.into_iter().take(filter.limit).map(|(id, (key, state))| (id, key, state)).collect())
}

/// The cases that a batch needs by their terms.
pub(super) fn names(
    connection: &Connection,
    vault: &WrappingKey,
    numbers: &HashMap<String, i64>,
    wanted: &FoundBy,
) -> Result<BTreeSet<CaseName>, StoreError> {
    let mut found = BTreeSet::new();
    for ((jurisdiction, kind), terms) in wanted {
        let Some(number) = numbers.get(jurisdiction.as_str()) else { continue };
        let mut statement = connection.prepare_cached(IDS)?;
        for term in search::digests(vault, (jurisdiction, *kind), terms)? {
            let bounds = params![number, rows::kind(*kind), term.as_slice(), search::found_len_max()];
            for id in statement.query_map(bounds, |row| row.get::<_, Vec<u8>>(0))? {
                let id = Uuid::from_slice(&id?).map_err(|_| StoreError::Broken("a case's id has another length"))?;
                found.insert(CaseName { jurisdiction: jurisdiction.clone(), kind: *kind, id });
            }
        }
    }
    Ok(found)
}

/// Writes what a batch changes.
pub(super) fn write(
    transaction: &Transaction<'_>,
    number: &impl Fn(&str) -> Result<i64, StoreError>,
    changes: &Changes<'_>,
) -> Result<(), StoreError> {
    const GONE: &str = "DELETE FROM search WHERE jurisdiction = ?1 AND kind = ?2 AND term = ?3 AND id = ?4";
    const NEW: &str = "INSERT OR IGNORE INTO search VALUES (?1, ?2, ?3, ?4)";
    let each = |sql: &str, rows: &[Change<'_>]| {
        for Change { case, term } in rows {
            let id = case.id.as_bytes().as_slice();
            let row = params![number(case.jurisdiction.as_str())?, rows::kind(case.kind), term.as_slice(), id];
            transaction.prepare_cached(sql)?.execute(row)?;
        }
        Ok(())
    };
    each(GONE, &changes.gone)?;
    each(NEW, &changes.new)
}

/// Builds the index, if there is none.
pub(super) fn establish(connection: &mut Connection, vault: &WrappingKey) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let own = search::mark(vault)?;
    let mark: Option<Vec<u8>> =
        transaction.query_row("SELECT mark FROM search_key", [], |row| row.get(0)).optional()?;
    // A rotation deletes the mark. So another mark over sealed cases means that this key opens none of them: that is found
    // by whoever reads one.
    let has_cases: bool = transaction.query_row("SELECT EXISTS (SELECT 1 FROM cases)", [], |row| row.get(0))?;
    if mark.is_some_and(|mark| has_cases || own == mark) {
        return Ok(());
    }
    transaction.execute_batch("DELETE FROM search; DELETE FROM search_key;")?;
    let cases =
        search::build(vault, &mut |of, after, len| table::page(&transaction, of, after, len), &mut |of, rows| {
            table::insert(&transaction, of, &rows)
        })?;
    transaction.commit()?;
    if cases > 0 {
        tracing::info!(cases, "the search index was built anew");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite would run a query.
    fn plan(sql: &str) -> String {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("schema.sql")).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.raw_query().mapped(|row| row.get::<_, String>(3)).map(Result::unwrap).collect::<Vec<_>>();
        steps.join("; ")
    }

    #[test]
    fn a_page_is_found_by_the_keys_of_both_tables_in_their_order() {
        let plan = plan(FOUND);
        let index = "SEARCH search USING PRIMARY KEY (jurisdiction=? AND kind=? AND term=? AND id>?)";
        let cases = "SEARCH cases USING PRIMARY KEY (jurisdiction=? AND kind=? AND id=?)";
        assert_eq!(plan, format!("{index}; {cases}"), "neither a scan nor a sort");
    }
}
