//! The index of open items, as the writer updates it and readers list it.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::agenda::{Item, ItemKind};
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId};
use crate::store::{StoreError, rows};

const BROKEN: StoreError = StoreError::Broken("an open item cannot be read");

/// What changed in the open items of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgendaChange {
    /// The case.
    pub case: CaseName,
    /// Items that are no longer open.
    pub closed: Vec<(ItemKind, String)>,
    /// Items that are new, due at another time, or somebody else's to act upon.
    pub open: Vec<Item>,
}

impl AgendaChange {
    /// The difference between two states. `None` if nothing needs writing.
    pub fn between(before: &[Item], after: &[Item], case: CaseName) -> Option<Self> {
        let same = |one: &Item, other: &Item| (one.kind, &one.key) == (other.kind, &other.key);
        let gone = |old: &&Item| !after.iter().any(|new| same(old, new));
        let closed: Vec<_> = before.iter().filter(gone).map(|item| (item.kind, item.key.clone())).collect();
        let open: Vec<_> = after.iter().filter(|item| !before.contains(item)).cloned().collect();
        (!closed.is_empty() || !open.is_empty()).then_some(Self { case, closed, open })
    }
}

/// An open item and the case it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedItem {
    /// The case.
    pub case: CaseName,
    /// The item.
    pub item: Item,
}

impl ListedItem {
    /// Its position in a list.
    pub fn position(&self) -> AgendaPosition {
        AgendaPosition { due_at: self.item.due_at, case: self.case.clone(), key: self.item.key.clone() }
    }
}

/// A position in a list of open items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgendaPosition {
    /// When the item is due.
    pub due_at: Timestamp,
    /// The case.
    pub case: CaseName,
    /// The key of the item within its kind.
    pub key: String,
}

/// Which open items to list.
#[derive(Debug, Clone)]
pub struct AgendaFilter {
    /// The jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// The kind.
    pub kind: ItemKind,
    /// Items that this agency has to act upon; `None` for everybody's.
    pub holder: Option<AgencyId>,
    /// Include items that are nobody's in particular.
    pub unassigned: bool,
    /// Start after this position.
    pub after: Option<AgendaPosition>,
    /// The most items.
    pub limit: usize,
}

/// A row of `agenda`, with the holder's name.
pub(super) struct ItemRow {
    pub(super) case_kind: i64,
    pub(super) case_id: Vec<u8>,
    pub(super) kind: String,
    pub(super) key: String,
    pub(super) due_at: i64,
    pub(super) holder: Option<String>,
}

impl ItemRow {
    pub(super) fn listed(self, jurisdiction: &JurisdictionId) -> Result<ListedItem, StoreError> {
        let id = Uuid::from_slice(&self.case_id).map_err(|_| BROKEN)?;
        let case = CaseName { jurisdiction: jurisdiction.clone(), kind: rows::case_kind(self.case_kind)?, id };
        let holder = self.holder.map(|agency| agency.parse::<AgencyId>()).transpose().map_err(|_| BROKEN)?;
        let kind = self.kind.parse().map_err(|_| BROKEN)?;
        Ok(ListedItem { case, item: Item { kind, key: self.key, due_at: rows::time(self.due_at)?, holder } })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_what_differs_is_written() {
        let item = |key: &str, second| Item {
            kind: ItemKind::Clock,
            key: key.to_owned(),
            due_at: Timestamp::from_second(second).unwrap(),
            holder: None,
        };
        let case = || CaseName::detainer("us-ny".parse().unwrap(), Uuid::from_u128(1));
        let check = |before: &[Item], after: &[Item], expected: Option<(&[&str], &[Item])>| {
            let change = AgendaChange::between(before, after, case());
            let change = change.as_ref().map(|change| {
                let closed: Vec<_> = change.closed.iter().map(|(_, key)| key.as_str()).collect();
                (closed, change.open.clone())
            });
            assert_eq!(change, expected.map(|(closed, open)| (closed.to_vec(), open.to_vec())));
        };
        check(&[], &[], None);
        check(&[item("a", 1)], &[item("a", 1)], None);
        check(&[item("a", 1), item("b", 1)], &[item("b", 2)], Some((&["a"], &[item("b", 2)])));
        check(&[], &[item("a", 1)], Some((&[], &[item("a", 1)])));
    }
}
