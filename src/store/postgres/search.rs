//! The search index in a database.

use std::collections::BTreeSet;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::domain::ids::CaseName;
use crate::store::postgres::connection::Connection;
use crate::store::postgres::names::Names;
use crate::store::postgres::session::Statement;
use crate::store::postgres::statement::{WriteStatement, id};
use crate::store::postgres::table;
use crate::store::search::{self, Change, Changes};
use crate::store::vault::WrappingKey;
use crate::store::{CaseFilter, FoundBy, StoreError, data_keys, rows};

/// Cases of each term after a place, for whom they belong to, and the first of all these.
const FOUND: &str = "SELECT DISTINCT ON (found.id) found.id, found.data_key, found.sealed \
    FROM unnest($8::bytea[]) AS wanted (term) \
    CROSS JOIN LATERAL (SELECT cases.id, data_key, sealed FROM search \
        JOIN cases ON cases.jurisdiction = search.jurisdiction AND cases.kind = search.kind AND cases.id = search.id \
        WHERE search.jurisdiction = $1 AND search.kind = $2 AND search.term = wanted.term AND search.id > $3 \
        AND length(data_key) <= $7 \
        AND ($4::text IS NULL OR issuer = (SELECT id FROM names WHERE name = $4) \
            OR holder = (SELECT id FROM names WHERE name = $4) OR ($5 AND holder IS NULL)) \
        ORDER BY search.id LIMIT $6) AS found \
    ORDER BY found.id LIMIT $6";
/// The oldest cases of each term.
const IDS: &str = "SELECT found.id FROM unnest($3::bytea[]) AS wanted (term) \
    CROSS JOIN LATERAL (SELECT id FROM search \
        WHERE jurisdiction = $1 AND kind = $2 AND term = wanted.term ORDER BY id LIMIT $4) AS found";
const GONE: &str = "DELETE FROM search \
    USING unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) AS gone (jurisdiction, kind, term, id) \
    WHERE search.jurisdiction = gone.jurisdiction AND search.kind = gone.kind AND search.term = gone.term \
    AND search.id = gone.id";
const NEW: &str = "INSERT INTO search (jurisdiction, kind, term, id) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) ON CONFLICT DO NOTHING";
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// Gateways that start at the same time take turns.
const LOCK: &str = "LOCK TABLE search_key IN EXCLUSIVE MODE";
const READ_MARK: &str = "SELECT mark FROM search_key";
const ANY_CASE: &str = "SELECT FROM cases LIMIT 1";
const CLEAR: &str = "TRUNCATE search, search_key";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// The cases that have one of the terms of a filter, in order: the id of each, its wrapped key and its sealed state.
pub(super) fn find(
    connection: &Connection,
    vault: &WrappingKey,
    jurisdiction: i64,
    filter: &CaseFilter,
) -> Result<Vec<Row>, StoreError> {
    let after = id(filter.after.unwrap_or(Uuid::nil()));
    let terms: Vec<Vec<u8>> = search::wanted(vault, filter)?.iter().map(|term| term.to_vec()).collect();
    let ask = Statement::new(FOUND).with(jurisdiction).with(rows::kind(filter.kind)).with(after);
    let ask = ask.with(filter.agency.as_ref().map(ToString::to_string)).with(filter.unassigned);
    let ask = ask.with(rows::limit(filter.limit)).with(data_keys::LEN_UNLESS_EXPUNGED).with(terms);
    let [found] = connection.run([ask])?;
    Ok(found.rows)
}

/// The cases that a batch needs by their terms.
pub(super) fn names(
    connection: &Connection,
    vault: &WrappingKey,
    numbers: &Names,
    wanted: &FoundBy,
) -> Result<BTreeSet<CaseName>, StoreError> {
    let mut asked = Vec::new();
    let mut statements = Vec::new();
    for ((jurisdiction, kind), terms) in wanted {
        let Some(number) = numbers.get(jurisdiction.as_str()) else { continue };
        let terms = search::digests(vault, (jurisdiction, *kind), terms)?;
        let terms: Vec<Vec<u8>> = terms.iter().map(|term| term.to_vec()).collect();
        let ask = Statement::new(IDS).with(number).with(rows::kind(*kind)).with(terms);
        statements.push(ask.with(search::found_len_max()));
        asked.push((jurisdiction, *kind));
    }
    let mut found = BTreeSet::new();
    if statements.is_empty() {
        return Ok(found);
    }
    for ((jurisdiction, kind), answer) in asked.into_iter().zip(connection.run_each(statements)?) {
        for row in answer?.rows {
            let id =
                Uuid::from_slice(row.try_get(0)?).map_err(|_| StoreError::Broken("a case's id has another length"))?;
            found.insert(CaseName { jurisdiction: jurisdiction.clone(), kind, id });
        }
    }
    Ok(found)
}

/// What a batch changes.
pub(super) fn write(changes: &Changes<'_>, names: &Names) -> Result<Vec<WriteStatement>, StoreError> {
    let mut writes = Vec::new();
    for (sql, rows) in [(GONE, &changes.gone), (NEW, &changes.new)] {
        let (mut jurisdictions, mut kinds, mut terms, mut ids) = (vec![], vec![], vec![], vec![]);
        for Change { case, term } in rows {
            jurisdictions.push(names.number(case.jurisdiction.as_str())?);
            kinds.push(rows::kind(case.kind));
            terms.push(term.to_vec());
            ids.push(id(case.id));
        }
        if !ids.is_empty() {
            writes.push(WriteStatement::of(Statement::new(sql).with(jurisdictions).with(kinds).with(terms).with(ids)));
        }
    }
    Ok(writes)
}

/// Builds the index, if there is none.
pub(super) fn establish(connection: &Connection, vault: &WrappingKey) -> Result<(), StoreError> {
    let [.., mark, cases] = connection.run([BEGIN, LOCK, READ_MARK, ANY_CASE].map(Statement::new))?;
    let mark: Option<Vec<u8>> = mark.rows.first().map(|row| row.try_get(0)).transpose()?;
    // A rotation deletes the mark. So another mark over sealed cases means another key, which is refused elsewhere.
    let own = search::mark(vault)?;
    if mark.is_some_and(|mark| !cases.rows.is_empty() || own == mark) {
        return connection.run([Statement::new(ROLLBACK)]).map(drop);
    }
    let built = connection.run([Statement::new(CLEAR)]).and_then(|_| {
        search::build(vault, &mut |of, after, len| table::page(connection, of, after, len), &mut |of, rows| {
            if rows.is_empty() { Ok(()) } else { table::insert(connection, of, rows) }
        })
    });
    if built.is_err() {
        connection.run([Statement::new(ROLLBACK)])?;
    }
    let cases = built?;
    connection.commit(vec![Statement::new(COMMIT)])?;
    if cases > 0 {
        tracing::info!(cases, "the search index was built anew");
    }
    Ok(())
}
