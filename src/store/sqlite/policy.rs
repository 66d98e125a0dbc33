//! The policy set in force, in its one row.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::store::sqlite::rows;
use crate::store::{PolicyInForce, StoreError};

const BROKEN: StoreError = StoreError::Broken("the policy set in force is not of a known layout");

pub(super) fn read(connection: &Connection) -> Result<Option<PolicyInForce>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT digest, files, since FROM policy")?;
    let found: Option<(Vec<u8>, String, i64)> =
        statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let Some((digest, files, since)) = found else { return Ok(None) };
    let digest = digest.try_into().map_err(|_| BROKEN)?;
    let files: BTreeMap<String, String> = serde_json::from_str(&files).map_err(|_| BROKEN)?;
    let file = |(name, text): (String, String)| {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| BROKEN)?;
        Ok((name, digest))
    };
    let files = files.into_iter().map(file).collect::<Result<_, StoreError>>()?;
    Ok(Some(PolicyInForce { digest, files, since: rows::time(since)? }))
}

pub(super) fn write(transaction: &Transaction<'_>, policy: &PolicyInForce) -> Result<(), StoreError> {
    let files: BTreeMap<&str, String> =
        policy.files.iter().map(|(name, digest)| (name.as_str(), hex::encode(digest))).collect();
    let files = serde_json::to_string(&files).map_err(|_| BROKEN)?;
    transaction.prepare_cached("INSERT OR REPLACE INTO policy VALUES (1, ?1, ?2, ?3)")?.execute(params![
        policy.digest.as_slice(),
        files,
        rows::nanoseconds(policy.since)?
    ])?;
    Ok(())
}
