//! Counts under keys, and the table that they make.

use std::collections::BTreeMap;

use crate::reports::report::{Row, Table};

/// A number of things as a count.
pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Counts under keys of equal length.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<Vec<String>, u64>);

impl Tally {
    /// Counts one more.
    pub(super) fn add(&mut self, key: &[&str]) {
        self.add_many(key, 1);
    }

    /// Counts so many more. With 0, the row is there all the same.
    pub(super) fn add_many(&mut self, key: &[&str], count: u64) {
        let key = key.iter().map(|word| (*word).to_owned()).collect();
        let counted = self.0.entry(key).or_default();
        *counted = counted.saturating_add(count);
    }

    /// What was counted under a key.
    pub(super) fn of(&self, key: &[&str]) -> u64 {
        let key: Vec<String> = key.iter().map(|word| (*word).to_owned()).collect();
        self.0.get(&key).copied().unwrap_or_default()
    }

    /// The keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Vec<String>> {
        self.0.keys()
    }

    /// The table.
    pub(super) fn table(self, name: &str, title: &str, of: &str, columns: &[&str]) -> Table {
        Table {
            name: name.to_owned(),
            title: title.to_owned(),
            of: of.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows: self.0.into_iter().map(|(key, count)| Row { key, count: Some(count) }).collect(),
        }
    }
}
