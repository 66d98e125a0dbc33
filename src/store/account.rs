//! The account of disclosures: what was disclosed of which case, to whom and by which method (5 USC 552a(c)).

use jiff::Timestamp;

use crate::domain::determination::FieldClasses;
use crate::domain::ids::{AgencyId, OfficerPseudonym};
use crate::store::{Reader, StoreError, rows};

/// A disclosure, recorded before anything left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosed {
    /// Its number in this store. Numbers grow with time and may have gaps.
    pub number: i64,
    /// When, by our clock.
    pub recorded_at: Timestamp,
    /// The recipient.
    pub recipient: AgencyId,
    /// The officer or system of the recipient.
    pub officer: Option<OfficerPseudonym>,
    /// The method, which states the purpose.
    pub method: String,
    /// The names of the cases and entries.
    pub resources: Vec<String>,
    /// The classes disclosed, over all resources.
    pub classes: FieldClasses,
}

/// Reads the account of one store.
pub trait Account {
    /// At most `limit` disclosures after a number, oldest first.
    fn disclosures(&self, after: i64, limit: usize) -> Result<Vec<Disclosed>, StoreError>;
}

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

impl std::fmt::Debug for EntrySubjects<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EntrySubjects").finish_non_exhaustive()
    }
}

/// A row of the account: number, time, recipient, officer, method, resources, classes.
pub(super) type DisclosureRow = (i64, i64, String, Option<String>, String, String, i64);

impl Disclosed {
    pub(super) fn of(
        (number, recorded_at, recipient, officer, method, resources, classes): DisclosureRow,
    ) -> Result<Self, StoreError> {
        let broken = |_| StoreError::Broken("a disclosure is not of a known layout");
        Ok(Self {
            number,
            recorded_at: rows::time(recorded_at)?,
            recipient: recipient.parse().map_err(|_| StoreError::Broken("a disclosure was made to nobody known"))?,
            officer: officer
                .map(|officer| officer.parse())
                .transpose()
                .map_err(|_| StoreError::Broken("a disclosure was made to no pseudonym"))?,
            method,
            resources: resources.lines().map(str::to_owned).collect(),
            classes: FieldClasses::from_bits(u32::try_from(classes).map_err(broken)?),
        })
    }
}
