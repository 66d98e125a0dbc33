//! The numbers of logs, agencies and jurisdictions that are known here. A number never changes its name. Only a number
//! from a transaction that was not committed is forgotten.

use std::collections::{BTreeSet, HashMap};

use crate::domain::ids::{AgencyId, LogName};
use crate::store::StoreError;
use crate::store::postgres::connection::Connection;
use crate::store::postgres::session::{Answer, Statement};

const ALL: &str = "SELECT name, id FROM names";
const FIND: &str = "SELECT name, id FROM names WHERE name = ANY($1::text[])";
/// In the order of names, so that two gateways that number the same names do not deadlock. No number is used up for a
/// name that has one.
const NUMBER: &str = "INSERT INTO names (name) \
    SELECT new.name FROM unnest($1::text[]) AS new (name) \
    WHERE NOT EXISTS (SELECT FROM names WHERE names.name = new.name) \
    ORDER BY new.name COLLATE \"C\" ON CONFLICT DO NOTHING";

/// Names and their numbers.
#[derive(Debug, Default)]
pub(super) struct Names {
    kept: HashMap<String, i64>,
    /// Numbers given in the current transaction.
    given: HashMap<String, i64>,
    by_number: HashMap<i64, String>,
}

impl Names {
    /// The number of a name, if it is known.
    pub(super) fn get(&self, name: &str) -> Option<i64> {
        self.kept.get(name).or_else(|| self.given.get(name)).copied()
    }

    /// The number of a name that must be known.
    pub(super) fn number(&self, name: &str) -> Result<i64, StoreError> {
        self.get(name).ok_or(StoreError::Broken("a name has no number"))
    }

    /// Looks up unknown names. For those that stay unknown nothing is stored.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        names: impl IntoIterator<Item = String>,
    ) -> Result<(), StoreError> {
        let unknown: BTreeSet<String> = names.into_iter().filter(|name| self.get(name).is_none()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let [found] = connection.run([Statement::new(FIND).with(unknown.into_iter().collect::<Vec<_>>())])?;
        self.keep(&found)
    }

    /// Gives numbers to names without one, within the current transaction.
    pub(super) fn number_all(&mut self, connection: &Connection, names: BTreeSet<String>) -> Result<(), StoreError> {
        let unknown: Vec<String> = names.into_iter().filter(|name| self.get(name).is_none()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let [_, found] =
            connection.run([Statement::new(NUMBER).with(unknown.clone()), Statement::new(FIND).with(unknown)])?;
        self.given.extend(read(&found)?);
        Ok(())
    }

    /// The log with a number.
    pub(super) fn log(&mut self, connection: &Connection, number: i64) -> Result<LogName, StoreError> {
        self.name(connection, number)?.parse().map_err(|_| StoreError::Broken("a number is no log's"))
    }

    /// The agency with a number.
    pub(super) fn agency(&mut self, connection: &Connection, number: i64) -> Result<AgencyId, StoreError> {
        self.name(connection, number)?.parse().map_err(|_| StoreError::Broken("a number is no agency's"))
    }

    fn name(&mut self, connection: &Connection, number: i64) -> Result<&str, StoreError> {
        if !self.by_number.contains_key(&number) {
            // Another gateway gave this number.
            let [all] = connection.run([Statement::new(ALL)])?;
            self.keep(&all)?;
        }
        self.by_number.get(&number).map(String::as_str).ok_or(StoreError::Broken("a number is no name's"))
    }

    fn keep(&mut self, found: &Answer) -> Result<(), StoreError> {
        for (name, number) in read(found)?.into_iter().filter(|(name, _)| !self.given.contains_key(name)) {
            self.by_number.insert(number, name.clone());
            self.kept.insert(name, number);
        }
        Ok(())
    }

    /// The current transaction was committed.
    pub(super) fn settle(&mut self) {
        for (name, number) in self.given.drain() {
            self.by_number.insert(number, name.clone());
            self.kept.insert(name, number);
        }
    }

    /// The current transaction failed, or its outcome is unknown.
    pub(super) fn forget(&mut self) {
        self.given.clear();
    }
}

fn read(found: &Answer) -> Result<Vec<(String, i64)>, StoreError> {
    found.rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
