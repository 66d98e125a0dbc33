//! What entries are about, by the names of entries that an account has.

use std::collections::BTreeMap;
use std::fmt;

use crate::store::{Reader, StoreError};

/// Finds what entries are about.
pub struct EntrySubjects<'a> {
    reader: &'a dyn Reader,
    /// What entries on the present page of an account are about: what several agencies received is named by each.
    known: BTreeMap<String, String>,
}

impl<'a> EntrySubjects<'a> {
    /// Of the entries of a store.
    pub fn new(reader: &'a dyn Reader) -> Self {
        Self { reader, known: BTreeMap::new() }
    }

    /// Begins another page. What was found on the last one is forgotten.
    pub fn turn_page(&mut self) {
        self.known.clear();
    }

    /// The name of what an entry is about. Any other name is its own.
    pub fn of(&mut self, name: &str) -> Result<String, StoreError> {
        let Some((log, index)) = name.split_once("/entries/") else { return Ok(name.to_owned()) };
        if let Some(subject) = self.known.get(name) {
            return Ok(subject.clone());
        }
        let broken = StoreError::Broken("a disclosure names no entry");
        let (Ok(log), Ok(index)) = (log.parse(), index.parse()) else { return Err(broken) };
        let header = self.reader.headers(&log, index, 1)?.pop();
        let subject =
            header.map(|header| header.read_leaf()).transpose()?.map_or_else(|| name.to_owned(), |leaf| leaf.resource);
        self.known.insert(name.to_owned(), subject.clone());
        Ok(subject)
    }
}

impl fmt::Debug for EntrySubjects<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntrySubjects").finish_non_exhaustive()
    }
}
