//! A batch as statements: a few for each table, however many rows there are.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::case::StoredCase;
use crate::domain::ids::{CaseName, OfficerPseudonym};
use crate::ledger::tile_to_bytes;
use crate::store::data_keys::BatchKeys;
use crate::store::postgres::names::Names;
use crate::store::postgres::session::Statement;
use crate::store::postgres::statement::{WriteStatement, WriteStatements, id};
use crate::store::postgres::{agenda, appeals, inbox, search};
use crate::store::sealed::{self, EntryRow};
use crate::store::search::Changes;
use crate::store::vault::{Key, WrappingKey};
use crate::store::{
    Append, HeadMove, NewDelivery, NewDisclosure, NewEntry, NewRequest, PolicyInForce, StoreError, rows,
};

/// Moves a head only if it is where the batch was planned from.
const HEADS: &str = "UPDATE heads SET size = new.size, root = new.root, recorded_at = new.recorded_at \
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bigint[]) \
        AS new (log, from_size, from_root, size, root, recorded_at) \
    WHERE heads.log = new.log AND heads.size = new.from_size AND heads.root = new.from_root RETURNING heads.log";
const CHECKPOINTS: &str = "INSERT INTO checkpoints (position, note) SELECT * FROM unnest($1::bigint[], $2::text[])";
const TILES: &str = "INSERT INTO tiles (position, hashes) SELECT * FROM unnest($1::bigint[], $2::bytea[]) \
    ON CONFLICT (position) DO UPDATE SET hashes = excluded.hashes";
const ENTRIES: &str = "INSERT INTO entries (position, batch_size, leaf, audience, clear, sealed, answer) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::bytea[], $6::bytea[], $7::bytea[])";
const NEW_CASES: &str = "INSERT INTO cases (jurisdiction, kind, id, holder, sealed, issuer, data_key) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bytea[])";
const CASES: &str = "UPDATE cases SET holder = new.holder, sealed = new.sealed \
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[]) \
        AS new (jurisdiction, kind, id, holder, sealed) \
    WHERE cases.jurisdiction = new.jurisdiction AND cases.kind = new.kind AND cases.id = new.id";
const REPLACE_KEYS: &str = "UPDATE cases SET data_key = new.data_key \
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) AS new (jurisdiction, kind, id, data_key) \
    WHERE cases.jurisdiction = new.jurisdiction AND cases.kind = new.kind AND cases.id = new.id";
const FORGET_ANSWERS: &str = "UPDATE appeal_items SET answer = NULL \
    FROM unnest($1::bigint[], $2::bytea[]) AS gone (jurisdiction, detainer) \
    WHERE appeal_items.jurisdiction = gone.jurisdiction AND appeal_items.detainer = gone.detainer";
const REQUESTS: &str = "INSERT INTO requests (agency, request_id, digest, position) \
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bigint[]) ON CONFLICT DO NOTHING";
/// The same request id was used at another gateway for a write to another jurisdiction. The locks on heads do not
/// exclude that.
pub(super) const TAKEN: &str = "a request id was taken meanwhile";
/// The first confirmation of a position counts.
const DELIVERIES: &str = "INSERT INTO deliveries (agency, log, position, start, recorded_at) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING";
const POLICY: &str = "INSERT INTO policy (id, digest, files, since) VALUES (1, $1, $2, $3) \
    ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, files = excluded.files, since = excluded.since";
const DISCLOSURES: &str = "INSERT INTO disclosures (recorded_at, recipient, officer, method, resources, classes) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[])";

/// The unsealed part of a batch; its heads come first.
pub(super) fn in_the_clear(append: &Append, names: &Names, keys: &BatchKeys) -> Result<WriteStatements, StoreError> {
    let mut writes = WriteStatements::default();
    writes.add([WriteStatement::of(heads(&append.heads, names)?)]);
    writes.add(tree(&append.heads, names)?);
    writes.add(agenda::write(&append.agenda, names, |case| keys.new_of(case).is_some())?);
    writes.add(requests(&append.requests, names)?);
    writes.add(deliveries(&append.deliveries, names)?);
    writes.add(inbox::write(&append.consumers, names)?);
    writes.add(append.policy.as_ref().map(policy).transpose()?);
    writes.add(disclosures(&append.disclosures, names)?);
    Ok(writes)
}

/// The sealed part of a batch.
pub(super) fn sealed(
    append: &Append,
    names: &Names,
    vault: &WrappingKey,
    keys: &BatchKeys,
) -> Result<WriteStatements, StoreError> {
    let mut writes = WriteStatements::default();
    writes.add(entries(append, names, vault, keys)?);
    writes.add(cases(&append.cases, names, keys)?);
    writes.add(search::write(&Changes::of(append, keys, vault)?, names)?);
    writes.add(appeals::write(&append.appeals, names, keys)?);
    writes.add(expunge(names, keys)?);
    Ok(writes)
}

/// Replaces the data keys of expunged cases, and takes out what was answered of them.
fn expunge(names: &Names, keys: &BatchKeys) -> Result<Vec<WriteStatement>, StoreError> {
    let (mut jurisdictions, mut kinds, mut ids, mut stored_keys) = (vec![], vec![], vec![], vec![]);
    for (case, stored) in keys.replacing() {
        jurisdictions.push(names.number(case.jurisdiction.as_str())?);
        kinds.push(rows::kind(case.kind));
        ids.push(id(case.id));
        stored_keys.push(stored.clone());
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let answers = Statement::new(FORGET_ANSWERS).with(jurisdictions.clone()).with(ids.clone());
    let count = ids.len();
    let replace = Statement::new(REPLACE_KEYS).with(jurisdictions).with(kinds).with(ids).with(stored_keys);
    Ok(vec![WriteStatement::all(replace, count, "a case that is expunged is not there"), WriteStatement::of(answers)])
}

/// Moves the heads that are where the batch was planned from, and returns which were moved.
fn heads(moves: &[HeadMove], names: &Names) -> Result<Statement, StoreError> {
    let (mut logs, mut from_sizes, mut from_roots) = (vec![], vec![], vec![]);
    let (mut sizes, mut roots, mut times) = (vec![], vec![], vec![]);
    for head in moves {
        logs.push(names.number(&head.log.to_string())?);
        from_sizes.push(rows::integer(head.from.size)?);
        from_roots.push(head.from.root.as_bytes().to_vec());
        sizes.push(rows::integer(head.to.size)?);
        roots.push(head.to.root.as_bytes().to_vec());
        times.push(rows::nanoseconds(head.recorded_at)?);
    }
    Ok(Statement::new(HEADS).with(logs).with(from_sizes).with(from_roots).with(sizes).with(roots).with(times))
}

/// Checkpoints and tiles.
fn tree(moves: &[HeadMove], names: &Names) -> Result<Vec<WriteStatement>, StoreError> {
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    let (mut positions, mut notes) = (vec![], vec![]);
    let (mut tiles, mut hashes) = (vec![], vec![]);
    for head in moves {
        let log = names.number(&head.log.to_string())?;
        positions.push(rows::position(log, head.to.size)?);
        notes.push(head.checkpoint.clone());
        for (tile, made) in &head.tiles {
            tiles.push(rows::tile_position(log, *tile)?);
            hashes.push(tile_to_bytes(made));
        }
    }
    Ok([Statement::new(CHECKPOINTS).with(positions).with(notes), Statement::new(TILES).with(tiles).with(hashes)]
        .map(WriteStatement::of)
        .into())
}

fn entries(
    append: &Append,
    names: &Names,
    vault: &Key,
    keys: &BatchKeys,
) -> Result<Option<WriteStatement>, StoreError> {
    let (mut positions, mut batch_sizes, mut leaves, mut audiences) = (vec![], vec![], vec![], vec![]);
    let (mut clear, mut personal, mut answers) = (vec![], vec![], vec![]);
    let mut logs = BTreeMap::new();
    for head in &append.heads {
        logs.insert(&head.log, (names.number(&head.log.to_string())?, head.to.size));
    }
    let sealed = sealed::seal_all(&append.entries, |new: &NewEntry| {
        let (log, batch_size) = *logs.get(&new.log).ok_or(StoreError::Broken("an entry has no head"))?;
        EntryRow::seal(rows::position(log, new.index)?, batch_size, new, keys.of_entry(vault, new)?)
    });
    for row in sealed? {
        positions.push(row.position);
        batch_sizes.push(row.batch_size);
        leaves.push(row.leaf);
        audiences.push(row.audience);
        clear.push(row.clear);
        personal.push(row.sealed);
        answers.push(row.answer);
    }
    let ask = Statement::new(ENTRIES).with(positions).with(batch_sizes).with(leaves).with(audiences);
    Ok((!append.entries.is_empty()).then(|| WriteStatement::of(ask.with(clear).with(personal).with(answers))))
}

fn cases(cases: &[StoredCase], names: &Names, batch_keys: &BatchKeys) -> Result<Vec<WriteStatement>, StoreError> {
    let last: BTreeMap<&CaseName, &StoredCase> = cases.iter().map(|case| (case.name(), case)).collect();
    let (new, changed): (Vec<_>, Vec<_>) = last.into_iter().partition(|(name, _)| batch_keys.new_of(name).is_some());
    let mut writes = Vec::new();
    for (sql, cases) in [(NEW_CASES, new), (CASES, changed)] {
        if cases.is_empty() {
            continue;
        }
        let number = |agency: Option<&_>| {
            agency.map(|agency: &crate::domain::ids::AgencyId| names.number(agency.as_str())).transpose()
        };
        let states = sealed::seal_all(&cases, |(_, case)| sealed::seal_case(case, batch_keys.of_state(case)?))?;
        let (mut jurisdictions, mut kinds, mut ids, mut holders) = (vec![], vec![], vec![], vec![]);
        let (mut issuers, mut keys) = (vec![], vec![]);
        for (name, case) in &cases {
            let (issuer, holder) = rows::parties(case);
            jurisdictions.push(names.number(name.jurisdiction.as_str())?);
            kinds.push(rows::kind(name.kind));
            ids.push(id(name.id));
            holders.push(number(holder)?);
            issuers.push(number(issuer)?);
            keys.extend(batch_keys.new_of(name).cloned());
        }
        let mut ask = Statement::new(sql).with(jurisdictions).with(kinds).with(ids).with(holders).with(states);
        if sql == NEW_CASES {
            ask = ask.with(issuers).with(keys);
        }
        writes.push(WriteStatement::all(ask, cases.len(), "a case that was loaded is not there"));
    }
    Ok(writes)
}

fn requests(requests: &[NewRequest], names: &Names) -> Result<Option<WriteStatement>, StoreError> {
    let (mut agencies, mut ids, mut digests, mut positions) = (vec![], vec![], vec![], vec![]);
    for NewRequest { agency, request_id, seen } in requests {
        agencies.push(names.number(agency.as_str())?);
        ids.push(id(request_id.0));
        digests.push(seen.digest.to_vec());
        positions.push(rows::position(names.number(&seen.log.to_string())?, seen.index)?);
    }
    if agencies.iter().zip(&ids).collect::<BTreeSet<_>>().len() < requests.len() {
        // Another attempt would fail the same way.
        return Err(StoreError::Broken("a batch records a request twice"));
    }
    let ask = Statement::new(REQUESTS).with(agencies).with(ids).with(digests).with(positions);
    Ok((!requests.is_empty()).then(|| WriteStatement::all(ask, requests.len(), TAKEN)))
}

fn deliveries(deliveries: &[NewDelivery], names: &Names) -> Result<Option<WriteStatement>, StoreError> {
    let (mut agencies, mut logs, mut positions) = (vec![], vec![], vec![]);
    let (mut starts, mut times) = (vec![], vec![]);
    for delivery in deliveries {
        agencies.push(names.number(delivery.agency.as_str())?);
        logs.push(names.number(&delivery.log.to_string())?);
        positions.push(rows::integer(delivery.position)?);
        starts.push(rows::integer(delivery.from)?);
        times.push(rows::nanoseconds(delivery.recorded_at)?);
    }
    let ask = Statement::new(DELIVERIES).with(agencies).with(logs).with(positions).with(starts).with(times);
    Ok((!deliveries.is_empty()).then(|| WriteStatement::of(ask)))
}

fn policy(policy: &PolicyInForce) -> Result<WriteStatement, StoreError> {
    let ask = Statement::new(POLICY).with(policy.digest.to_vec()).with(sealed::policy_files(policy)?);
    Ok(WriteStatement::of(ask.with(rows::nanoseconds(policy.since)?)))
}

fn disclosures(disclosures: &[NewDisclosure], names: &Names) -> Result<Option<WriteStatement>, StoreError> {
    let (mut times, mut recipients, mut officers) = (vec![], vec![], vec![]);
    let (mut methods, mut resources, mut classes) = (vec![], vec![], vec![]);
    for disclosure in disclosures {
        times.push(rows::nanoseconds(disclosure.recorded_at)?);
        recipients.push(names.number(disclosure.recipient.as_str())?);
        officers.push(disclosure.officer.as_ref().map(OfficerPseudonym::as_str).map(ToOwned::to_owned));
        methods.push(disclosure.method.word());
        resources.push(disclosure.resource_names());
        classes.push(i64::from(disclosure.classes.bits()));
    }
    let ask = Statement::new(DISCLOSURES).with(times).with(recipients).with(officers).with(methods);
    Ok((!disclosures.is_empty()).then(|| WriteStatement::of(ask.with(resources).with(classes))))
}
