//! What entries are about, by the names of entries that an account has.

use std::fmt;

use crate::store::{Reader, StoreError};

/// Finds what entries are about.
pub struct EntrySubjects<'a> {
    reader: &'a dyn Reader,
    /// The entry that was asked for last, and what it is about: a page of an account names an entry several times in a row.
    last: Option<(String, String)>,
}

impl<'a> EntrySubjects<'a> {
    /// Of the entries of a store.
    pub fn new(reader: &'a dyn Reader) -> Self {
        Self { reader, last: None }
    }

    /// The name of what an entry is about. Any other name is its own.
    pub fn of(&mut self, name: &str) -> Result<String, StoreError> {
        let Some((log, index)) = name.split_once("/entries/") else { return Ok(name.to_owned()) };
        if let Some((_, subject)) = self.last.as_ref().filter(|(entry, _)| entry == name) {
            return Ok(subject.clone());
        }
        let broken = StoreError::Broken("a disclosure names no entry");
        let (Ok(log), Ok(index)) = (log.parse(), index.parse()) else { return Err(broken) };
        let header = self.reader.headers(&log, index, 1)?.pop();
        let subject =
            header.map(|header| header.read_leaf()).transpose()?.map_or_else(|| name.to_owned(), |leaf| leaf.resource);
        self.last = Some((name.to_owned(), subject.clone()));
        Ok(subject)
    }
}

impl fmt::Debug for EntrySubjects<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntrySubjects").finish_non_exhaustive()
    }
}
