//! The row of the policy set in force.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::store::{PolicyInForce, StoreError, rows, sealed};

pub(super) fn read(connection: &Connection) -> Result<Option<PolicyInForce>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT digest, files, since FROM policy")?;
    let found: Option<(Vec<u8>, String, i64)> =
        statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    found.map(|(digest, files, since)| sealed::policy_in_force(&digest, &files, since)).transpose()
}

pub(super) fn write(transaction: &Transaction<'_>, policy: &PolicyInForce) -> Result<(), StoreError> {
    transaction.prepare_cached("INSERT OR REPLACE INTO policy VALUES (1, ?1, ?2, ?3)")?.execute(params![
        policy.digest.as_slice(),
        sealed::policy_files(policy)?,
        rows::nanoseconds(policy.since)?
    ])?;
    Ok(())
}
