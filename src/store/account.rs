//! The account of disclosures: what was shown of which case, to whom and by which method (5 USC 552a(c)).

use jiff::Timestamp;

use crate::domain::determination::FieldClasses;
use crate::domain::ids::{AgencyId, OfficerPseudonym};
use crate::store::{StoreError, rows};

/// One disclosure as it was counted, before anything left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosed {
    /// Its number in this store. They grow with time, and may have gaps.
    pub number: i64,
    /// When, by our clock.
    pub recorded_at: Timestamp,
    /// To whom.
    pub recipient: AgencyId,
    /// To which officer or system of theirs.
    pub officer: Option<OfficerPseudonym>,
    /// By which method: the purpose.
    pub method: String,
    /// Which resources, cases and entries, by name.
    pub resources: Vec<String>,
    /// Which classes, of all of them together.
    pub classes: FieldClasses,
}

/// The account of one store, for reading.
pub trait Account {
    /// Disclosures after a number, oldest first, at most so many.
    fn disclosures(&self, after: i64, limit: usize) -> Result<Vec<Disclosed>, StoreError>;
}

/// A row of the account: its number, when, to whom, which officer, by which method, which resources, which classes.
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
