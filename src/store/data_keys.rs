//! The data keys of cases, as stored on either engine: one for each case, wrapped. Expunging a case replaces its key, so
//! that what was sealed before can be opened no more. The new key says from which entries on it seals.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::case::StoredCase;
use crate::domain::ids::{CaseName, LogKind};
use crate::domain::search::{self, Term};
use crate::store::vault::{Key, VaultError};
use crate::store::{Append, NewEntry, SealedFrom, StoreError, rows};

/// Length of a wrapped key, in bytes: nonce, key and tag.
const WRAPPED_LEN: usize = 12 + 32 + 16;
/// Length of what is stored of a key whose case was not expunged, in bytes. Of any other more is stored.
pub(super) const LEN_UNLESS_EXPUNGED: i32 = 12 + 32 + 16;

/// The data key of a case.
#[derive(Debug)]
pub(super) struct DataKey {
    pub(super) key: Key,
    /// After an expungement: what it seals.
    from: Option<SealedFrom>,
}

impl DataKey {
    /// Makes a key, and what is stored of it.
    fn make(vault: &Key, case: &CaseName, from: Option<SealedFrom>) -> Result<(Key, Vec<u8>), StoreError> {
        let (key, mut stored) = vault.new_data_key(&context(case, from))?;
        stored.extend(from.into_iter().flat_map(to_bytes));
        Ok((key, stored))
    }

    /// Opens what is stored of a key.
    pub(super) fn open(vault: &Key, case: &CaseName, stored: &[u8]) -> Result<Self, StoreError> {
        let (wrapped, from) = parts(stored)?;
        Ok(Self { key: vault.unwrap_data_key(wrapped, &context(case, from))?, from })
    }

    /// The key, if it is the one that an entry of its case is sealed under. `None`: the case was expunged since.
    pub(super) fn of_entry(&self, log: LogKind, index: u64) -> Option<&Key> {
        self.from.is_none_or(|from| index >= from.of(log)).then_some(&self.key)
    }
}

/// What is stored of a key, wrapped under another wrapping key.
pub(super) fn rewrapped(stored: &[u8], case: &CaseName, from: &Key, to: &Key) -> Result<Vec<u8>, StoreError> {
    let (wrapped, sealed_from) = parts(stored)?;
    let context = context(case, sealed_from);
    let mut stored = from.rewrap_data_key(wrapped, &context, to)?;
    stored.extend(sealed_from.into_iter().flat_map(to_bytes));
    Ok(stored)
}

fn parts(stored: &[u8]) -> Result<(&[u8], Option<SealedFrom>), StoreError> {
    let (wrapped, from) = stored.split_at_checked(WRAPPED_LEN).ok_or(VaultError::Unopened)?;
    let from = if from.is_empty() { None } else { Some(from_bytes(from).ok_or(VaultError::Unopened)?) };
    Ok((wrapped, from))
}

fn to_bytes(from: SealedFrom) -> impl Iterator<Item = u8> {
    from.exchange.to_be_bytes().into_iter().chain(from.custody.to_be_bytes())
}

fn from_bytes(bytes: &[u8]) -> Option<SealedFrom> {
    let (exchange, custody) = bytes.split_at_checked(8)?;
    let number = |bytes: &[u8]| Some(u64::from_be_bytes(bytes.try_into().ok()?));
    Some(SealedFrom { exchange: number(exchange)?, custody: number(custody)? })
}

/// The context that a wrapped key is bound to.
fn context(case: &CaseName, from: Option<SealedFrom>) -> Vec<u8> {
    let mut context = rows::case_context(case);
    context.extend(from.into_iter().flat_map(to_bytes));
    context
}

/// What is remembered of a case from its loading to the end of the batch.
#[derive(Debug)]
pub(super) struct LoadedCase {
    key: Key,
    /// What it is found by.
    terms: BTreeSet<Term>,
}

impl LoadedCase {
    /// With its data key.
    pub(super) fn new(case: &StoredCase, key: Key) -> Self {
        Self { key, terms: search::terms(case) }
    }
}

/// The keys of a batch.
#[derive(Debug)]
pub(super) struct BatchKeys {
    /// Of the cases that were loaded, and of new ones.
    loaded: HashMap<CaseName, LoadedCase>,
    /// What is stored of the keys of new cases.
    new: BTreeMap<CaseName, Vec<u8>>,
    /// The keys that replace those of expunged cases, and what is stored of them.
    replacing: BTreeMap<CaseName, (SealedFrom, Key, Vec<u8>)>,
}

impl BatchKeys {
    /// With the keys of the cases that were loaded. Makes one for each new case, and for each that is expunged.
    pub(super) fn make(
        vault: &Key,
        append: &Append,
        mut loaded: HashMap<CaseName, LoadedCase>,
    ) -> Result<Self, StoreError> {
        let mut new = BTreeMap::new();
        for case in &append.cases {
            if !loaded.contains_key(case.name()) {
                let (key, stored) = DataKey::make(vault, case.name(), None)?;
                loaded.insert(case.name().clone(), LoadedCase { key, terms: BTreeSet::new() });
                new.insert(case.name().clone(), stored);
            }
        }
        let mut replacing = BTreeMap::new();
        for expunged in &append.expunged {
            let (key, stored) = DataKey::make(vault, &expunged.case, Some(expunged.from))?;
            replacing.insert(expunged.case.clone(), (expunged.from, key, stored));
        }
        Ok(Self { loaded, new, replacing })
    }

    /// What is stored of the key of a case, if the case is new.
    pub(super) fn new_of(&self, case: &CaseName) -> Option<&Vec<u8>> {
        self.new.get(case)
    }

    /// The cases that are expunged, and what is stored of the keys that replace theirs.
    pub(super) fn replacing(&self) -> impl Iterator<Item = (&CaseName, &Vec<u8>)> {
        self.replacing.iter().map(|(case, (.., stored))| (case, stored))
    }

    /// The key that seals what is recorded about a case within this batch, other than entries and its state.
    pub(super) fn of(&self, case: &CaseName) -> Result<&Key, StoreError> {
        Ok(&self.case(case)?.key)
    }

    /// What the case was found by before the batch. A new case was found by nothing.
    pub(super) fn terms_of(&self, case: &CaseName) -> Result<&BTreeSet<Term>, StoreError> {
        Ok(&self.case(case)?.terms)
    }

    fn case(&self, case: &CaseName) -> Result<&LoadedCase, StoreError> {
        self.loaded.get(case).ok_or(StoreError::Broken("a case has no key"))
    }

    /// The key that seals an entry: of its case, or the wrapping key itself.
    pub(super) fn of_entry<'a>(&'a self, vault: &'a Key, entry: &NewEntry) -> Result<&'a Key, StoreError> {
        let Some(case) = &entry.case else { return Ok(vault) };
        match self.replacing.get(case) {
            Some((from, key, _)) if entry.index >= from.of(entry.log.kind) => Ok(key),
            // What was recorded in the same batch before the case was expunged is destroyed too.
            Some(_) | None => self.of(case),
        }
    }

    /// The key that seals the state of a case.
    pub(super) fn of_state(&self, case: &StoredCase) -> Result<&Key, StoreError> {
        match self.replacing.get(case.name()) {
            Some((_, key, _)) => Ok(key),
            None => self.of(case.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn case(id: u128) -> CaseName {
        CaseName::custody("us-ny".parse().unwrap(), Uuid::from_u128(id))
    }

    #[test]
    fn what_replaces_a_key_opens_with_where_it_begins_and_no_other() {
        let vault = Key::new(&[7; 32]).unwrap();
        let from = SealedFrom { exchange: 3, custody: 300 };
        let (key, stored) = DataKey::make(&vault, &case(1), Some(from)).unwrap();
        let sealed = key.seal(b"content", b"here").unwrap();
        let opened = DataKey::open(&vault, &case(1), &stored).unwrap();
        assert_eq!(opened.key.open(&sealed, b"here").unwrap(), b"content");
        for (log, begins) in [(LogKind::Exchange, 3), (LogKind::Custody, 300)] {
            assert!(opened.of_entry(log, begins).is_some() && opened.of_entry(log, begins - 1).is_none());
        }
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            assert!(DataKey::open(&vault, &case(1), &changed).is_err(), "{at}");
        }
        for len in 0..stored.len() {
            assert!(DataKey::open(&vault, &case(1), &stored[..len]).is_err(), "{len}");
        }
        assert!(DataKey::open(&vault, &case(2), &stored).is_err());
    }

    #[test]
    fn a_rewrapped_key_is_the_same_key_under_another() {
        let (vault, next) = (Key::new(&[7; 32]).unwrap(), Key::new(&[8; 32]).unwrap());
        for from in [None, Some(SealedFrom { exchange: 3, custody: 0 })] {
            let (key, stored) = DataKey::make(&vault, &case(1), from).unwrap();
            let again = rewrapped(&stored, &case(1), &vault, &next).unwrap();
            assert!(DataKey::open(&vault, &case(1), &again).is_err());
            let opened = DataKey::open(&next, &case(1), &again).unwrap();
            let sealed = key.seal(b"content", b"here").unwrap();
            assert_eq!(opened.key.open(&sealed, b"here").unwrap(), b"content");
            assert_eq!(opened.from, from);
        }
    }
}
