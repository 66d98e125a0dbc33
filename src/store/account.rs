//! The account of disclosures: what was disclosed of which case, to whom and by which method (5 USC 552a(c)).

use jiff::Timestamp;

use crate::domain::determination::FieldClasses;
use crate::domain::ids::{AgencyId, OfficerPseudonym};
use crate::store::{StoreError, rows};

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
