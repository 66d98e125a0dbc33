//! Checks that everything acknowledged is in the log: at its index, with its leaf, under a valid head.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::cli::bench::driver::Acknowledged;
use crate::config::Config;
use crate::domain::ids::{LogKind, LogName};
use crate::ledger;
use crate::store::StoreLocation;

/// Entries read at a time.
const PAGE_LEN: usize = 4_096;

/// Checks every acknowledged entry. Returns the store's size in bytes if it is a file.
pub(super) fn all_is_there(config: &Config, base: &Path, acknowledged: &[Acknowledged]) -> Result<Option<u64>> {
    let place = place_of(config, base)?;
    // No wrapping key: leaves are never sealed.
    let reader = place.read(None)?;
    let log = LogName { jurisdiction: "us-ny".parse()?, kind: LogKind::Exchange };
    let doubled = acknowledged.array_windows().find(|[one, next]| one.index == next.index);
    ensure!(doubled.is_none(), "one place was acknowledged twice: {doubled:?}");
    let (size, _) = reader.checkpoint(&log)?.context("the log has no head")?;
    let (mut hashes, mut from) = (Vec::new(), 0);
    while from < size {
        let page = reader.entries(&log, from, PAGE_LEN)?;
        ensure!(!page.is_empty(), "the log ends at {from} and not at {size}");
        hashes.extend(page.iter().map(|entry| ledger::leaf_hash(&entry.leaf)));
        from = u64::try_from(hashes.len())?;
    }
    for Acknowledged { index, leaf_hash } in acknowledged {
        let found = hashes.get(usize::try_from(*index)?).map(ledger::Hash::as_bytes);
        ensure!(found == Some(leaf_hash), "the entry acknowledged at {index} is not there");
    }
    let root = ledger::root_at(size, |tile| reader.tile(&log, tile))?;
    let mut tree = ledger::Tree::empty();
    for hash in hashes {
        tree.append(hash);
    }
    ensure!(tree.root() == root, "the entries do not make up the head");
    match place {
        StoreLocation::File(path) => Ok(Some(std::fs::metadata(path)?.len())),
        StoreLocation::Server(_) => Ok(None),
    }
}

/// The location of a configuration's store.
fn place_of(config: &Config, base: &Path) -> Result<StoreLocation> {
    let places = config.store.locations(&config.jurisdictions, base)?;
    places.into_iter().map(|(_, place)| place).next().context("there is no store")
}
