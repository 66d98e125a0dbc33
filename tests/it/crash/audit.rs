//! Holds a store against a journal: everything acknowledged is where it was acknowledged, once, and provable; and
//! there is nothing that nobody asked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use comity::config::{read_key, secret_files};
use comity::ledger::{Receipt, VerifierKey, leaf_hash};
use comity::store::StoreLocation;
use comity::store::StoredEntry;
use comity::verify::{Claim, verify};
use comity::wire::entry;

use crate::crash::journal::{Acknowledged, Journal};
use crate::harness::Kept;

const ORIGIN: &str = "comity.example";

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Requests that the journal names.
    pub(crate) asked: usize,
    /// Of those, acknowledged.
    pub(crate) acknowledged: usize,
    /// Of those, in the store.
    pub(crate) recorded: usize,
    /// Entries of all logs.
    pub(crate) entries: usize,
}

/// Panics at the first that is lost, doubled, moved or not provable.
#[track_caller]
pub(crate) fn check(directory: &Path, journal: &Journal) -> Found {
    if journal.asked.is_empty() {
        // Perhaps killed before there were tables: that it starts again is all that can be asked of it.
        return Found::default();
    }
    let kept = Kept::of(directory);
    let logs: BTreeMap<String, Vec<StoredEntry>> =
        kept.logs().into_iter().map(|log| (log.to_string(), kept.entries(&log))).collect();
    let key = std::fs::read_to_string(directory.join("keys/log.vkey")).unwrap();
    let keys = vec![VerifierKey::parse(key.trim_end()).unwrap()];
    for acknowledged in journal.acknowledged.values() {
        let entry = usize::try_from(acknowledged.index).ok().and_then(|index| logs.get(&acknowledged.log)?.get(index));
        let entry = entry.unwrap_or_else(|| panic!("lost: {} of {}", acknowledged.index, acknowledged.log));
        assert_eq!(entry.leaf, acknowledged.leaf, "another entry stands where this was acknowledged");
        let receipt = Receipt::parse(&acknowledged.proof).unwrap();
        assert_eq!(i64::try_from(receipt.index).unwrap(), acknowledged.index);
        let origin = format!("{ORIGIN}/{}", acknowledged.log);
        receipt.verify(leaf_hash(&acknowledged.leaf), &origin, &keys).expect("a receipt verifies offline");
    }
    let recorded = check_requests(&kept, journal);
    check_nothing_doubled(&logs);
    let entries = logs.values().map(Vec::len).sum();
    let wrapping_key = read_key(&directory.join("keys").join(secret_files::WRAPPING)).unwrap();
    let claim = Claim {
        store: StoreLocation::File(directory.join("comity.db")),
        directory: directory.to_owned(),
        keys,
        wrapping_key: Some(*wrapping_key),
        origin: ORIGIN.to_owned(),
        against: newest_checkpoints(journal),
    };
    let verified = verify(&claim).unwrap_or_else(|broken| panic!("{broken:#}"));
    assert_eq!(usize::try_from(verified.entries).unwrap(), entries);
    Found { asked: journal.asked.len(), acknowledged: journal.acknowledged.len(), recorded, entries }
}

/// A request is remembered at the place it was acknowledged at; and what is remembered was asked, and has one answer.
fn check_requests(kept: &Kept, journal: &Journal) -> usize {
    let requests: HashMap<String, (String, i64)> =
        kept.requests().into_iter().map(|request| (request.id, (request.log, request.index))).collect();
    for (id, Acknowledged { log, index, .. }) in &journal.acknowledged {
        assert_eq!(requests.get(id), Some(&(log.clone(), *index)), "the place of request {id}");
    }
    let asked: BTreeSet<&String> = journal.asked.iter().map(|asked| &asked.request_id).collect();
    assert!(requests.keys().all(|id| asked.contains(id)), "recorded, and nobody asked");
    let places: BTreeSet<&(String, i64)> = requests.values().collect();
    assert_eq!(places.len(), requests.len(), "two requests at one place");
    assert_eq!(kept.answers(), requests.len(), "an answer is kept for each request, and for nothing else");
    requests.len()
}

/// No step of a story happens twice: each is one entry about its case in a log.
fn check_nothing_doubled(logs: &BTreeMap<String, Vec<StoredEntry>>) {
    for (log, entries) in logs {
        let leaves = entries.iter().map(|stored| entry::read_leaf(&stored.leaf).unwrap());
        let mut seen = BTreeSet::new();
        for leaf in leaves.filter(|leaf| !leaf.method.starts_with("InboxService/")) {
            let twice = format!("{} of {} twice in {log}", leaf.method, leaf.resource);
            assert!(seen.insert((leaf.method, leaf.resource)), "{twice}");
        }
    }
}

/// The largest checkpoint of each log that anybody was given: the log must still contain it.
fn newest_checkpoints(journal: &Journal) -> Vec<String> {
    let mut newest: BTreeMap<&str, (i64, &str)> = BTreeMap::new();
    for Acknowledged { log, index, proof, .. } in journal.acknowledged.values() {
        let kept = newest.entry(log).or_insert((-1, ""));
        if *index > kept.0 {
            *kept = (*index, proof);
        }
    }
    newest.into_values().map(|(_, proof)| Receipt::parse(proof).unwrap().checkpoint).collect()
}
