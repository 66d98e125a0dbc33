//! What a gateway is held to: every receipt proves its entry, and a log only grows.
//!
//! Of each log the largest checkpoint is remembered that was proven to extend all those before. A receipt is checked
//! when it comes. That the log grew to it is checked with the next heartbeat of an inbox, or after some seconds. After
//! a fork nothing more is sent to the gateway: what it answers would be of another history.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ledger::{self, Checkpoint, Hash, Receipt, VerifierKey, verify_consistency};
use crate::wire::{entry, v1};

/// How long receipts may come before the growth of their log is checked.
const GROWTH_EVERY: Duration = Duration::from_secs(5);
/// How many sizes of a log are remembered with their roots, to notice two roots of one size at once.
const ROOTS_MAX: usize = 256;

/// Why a gateway is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// A receipt does not prove its entry, or a checkpoint is not by the log's key.
    #[error("what the gateway gave as evidence of {log} does not hold: {why}")]
    NotProven {
        /// The log.
        log: String,
        /// What is wrong with it.
        why: String,
    },
    /// The log is not the one that was seen before.
    #[error("{log} has forked: {why}. Keep what you have of it, and tell the other parties")]
    Forked {
        /// The log.
        log: String,
        /// What differs.
        why: String,
    },
}

/// The head of a log, as a checkpoint signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    size: u64,
    root: Hash,
    note: String,
}

/// Two heads of a log: the larger must begin with the smaller.
#[derive(Debug, Clone)]
pub(super) struct Growth {
    older: Head,
    newer: Head,
}

impl Growth {
    /// The sizes of the two.
    pub(super) fn sizes(&self) -> (u64, u64) {
        (self.older.size, self.newer.size)
    }
}

/// What was seen of a log.
#[derive(Debug, Default)]
struct Seen {
    /// The largest head that was proven to extend all those before it.
    proven: Option<Head>,
    /// The newest head that is still to be held against it.
    newest: Option<Head>,
    /// Roots by size.
    roots: BTreeMap<u64, Hash>,
    checked_at: Option<Instant>,
    /// The last note whose signature was checked: the receipts of a batch have it in common.
    last: Option<Head>,
}

#[derive(Debug, Default)]
struct State {
    logs: BTreeMap<String, Seen>,
    forked: Option<EvidenceError>,
}

/// What a client holds a gateway to.
pub(super) struct Evidence {
    /// Empty: no key is pinned, and signatures are not checked. Everything else is.
    keys: Vec<VerifierKey>,
    state: Mutex<State>,
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Evidence {
    /// Begins with checkpoints that were kept, one for each log.
    pub(super) fn new(keys: Vec<VerifierKey>, kept: &[String]) -> Result<Self, EvidenceError> {
        let evidence = Self { keys, state: Mutex::default() };
        for note in kept {
            let origin = note.lines().next().unwrap_or_default();
            let log = origin.find("jurisdictions/").and_then(|at| origin.get(at..)).unwrap_or(origin).to_owned();
            let head = evidence.open(&log, note)?;
            evidence.state().logs.entry(log).or_default().proven = Some(head);
        }
        Ok(evidence)
    }

    /// The newest checkpoint of each log that was proven to extend all those before it. Keep them over a restart.
    pub(super) fn checkpoints(&self) -> Vec<String> {
        self.state().logs.values().filter_map(|seen| seen.proven.as_ref()).map(|head| head.note.clone()).collect()
    }

    /// Nothing is sent to a gateway whose log has forked.
    pub(super) fn check_standing(&self) -> Result<(), EvidenceError> {
        self.state().forked.clone().map_or(Ok(()), Err)
    }

    /// Checks a receipt. Returns whether it is time to check that its log only grew.
    pub(super) fn receipt(&self, receipt: &v1::Receipt) -> Result<bool, EvidenceError> {
        let head = self.check_receipt(receipt)?;
        self.note(&receipt.log, head)
    }

    /// Checks the checkpoint of a heartbeat. An empty one is of a log without entries. That its log grew is to be checked
    /// next.
    pub(super) fn heartbeat(&self, log: &str, note: &str) -> Result<(), EvidenceError> {
        if note.is_empty() {
            let had_entries = self.state().logs.get(log).is_some_and(|seen| seen.proven.is_some());
            return if had_entries { Err(self.forked(log, "it has no entry any more".to_owned())) } else { Ok(()) };
        }
        let head = self.open(log, note)?;
        self.note(log, head).map(drop)
    }

    /// Checks that an entry is in the log that the receipt names, by the bytes of its leaf.
    fn check_receipt(&self, receipt: &v1::Receipt) -> Result<Head, EvidenceError> {
        let v1::Receipt { log, index, leaf, proof } = receipt;
        let fault = |why: &dyn fmt::Display| EvidenceError::NotProven { log: log.clone(), why: why.to_string() };
        let parsed = Receipt::parse(proof).map_err(|error| fault(&error))?;
        let header = entry::read_leaf(leaf).map_err(|error| fault(&error))?;
        if i64::try_from(parsed.index).ok() != Some(*index) || header.index != parsed.index {
            return Err(fault(&"it is of another index"));
        }
        let head = self.open(log, &parsed.checkpoint)?;
        ledger::verify_inclusion(ledger::leaf_hash(leaf), parsed.index, head.size, &parsed.proof, head.root)
            .map_err(|error| fault(&error))?;
        Ok(head)
    }

    /// Reads a checkpoint of a log. Without pinned keys its signatures are not checked.
    fn open(&self, log: &str, note: &str) -> Result<Head, EvidenceError> {
        if let Some(last) =
            self.state().logs.get(log).and_then(|seen| seen.last.clone()).filter(|last| last.note == note)
        {
            return Ok(last);
        }
        let fault = |why: &dyn fmt::Display| EvidenceError::NotProven { log: log.to_owned(), why: why.to_string() };
        let origin = note.lines().next().unwrap_or_default();
        // The origin is the gateway's prefix and the log.
        if !origin.ends_with(&format!("/{log}")) && origin != log {
            return Err(fault(&"a checkpoint of another log"));
        }
        let (size, root) = if self.keys.is_empty() {
            unsigned(note).ok_or_else(|| fault(&"it is no checkpoint"))?
        } else {
            let opened = Checkpoint::open_received(note, origin, &self.keys).map_err(|error| fault(&error))?;
            (opened.size(), opened.root())
        };
        let head = Head { size, root, note: note.to_owned() };
        self.state().logs.entry(log.to_owned()).or_default().last = Some(head.clone());
        Ok(head)
    }

    /// Remembers a head. Returns whether it is time to check that the log grew to it.
    fn note(&self, log: &str, head: Head) -> Result<bool, EvidenceError> {
        let mut state = self.state();
        let seen = state.logs.entry(log.to_owned()).or_default();
        let known = seen.roots.insert(head.size, head.root);
        let proven = seen.proven.as_ref().filter(|proven| proven.size == head.size).map(|proven| proven.root);
        if [known, proven].into_iter().flatten().any(|root| root != head.root) {
            drop(state);
            return Err(self.forked(log, format!("two roots were signed over {} entries", head.size)));
        }
        while seen.roots.len() > ROOTS_MAX {
            seen.roots.pop_first();
        }
        seen.newest = Some(head);
        Ok(seen.checked_at.is_none_or(|at| at.elapsed() >= GROWTH_EVERY))
    }

    /// What is to be asked of a log: whether the smaller of two heads is the beginning of the larger. `None`: nothing.
    pub(super) fn question(&self, log: &str) -> Option<Growth> {
        let mut state = self.state();
        let seen = state.logs.entry(log.to_owned()).or_default();
        seen.checked_at = Some(Instant::now());
        let newest = seen.newest.take()?;
        let Some(proven) = seen.proven.clone() else {
            seen.proven = Some(newest);
            return None;
        };
        // Of two heads of one size, it was checked that they are the same.
        match proven.size.cmp(&newest.size) {
            Ordering::Equal => None,
            Ordering::Less => Some(Growth { older: proven, newer: newest }),
            Ordering::Greater => Some(Growth { older: newest, newer: proven }),
        }
    }

    /// Takes the answer to a question.
    pub(super) fn answered(&self, log: &str, growth: Growth, proof: &[Hash]) -> Result<(), EvidenceError> {
        let Growth { older, newer } = growth;
        if let Err(why) = verify_consistency(older.size, older.root, newer.size, newer.root, proof) {
            let sizes = format!("its {} entries do not begin with the {} that were signed", newer.size, older.size);
            return Err(self.forked(log, format!("{sizes} ({why})")));
        }
        let mut state = self.state();
        let seen = state.logs.entry(log.to_owned()).or_default();
        // Another call may have been further meanwhile.
        if seen.proven.as_ref().is_none_or(|known| known.size < newer.size) {
            seen.proven = Some(newer);
        }
        Ok(())
    }

    /// The gateway has not as many entries as were signed before.
    pub(super) fn lost(&self, log: &str, growth: &Growth) -> EvidenceError {
        self.forked(log, format!("{} entries were signed, and it has not so many", growth.newer.size))
    }

    /// There was no answer: the question is to be asked again.
    pub(super) fn unanswered(&self, log: &str, growth: Growth) {
        let mut state = self.state();
        let seen = state.logs.entry(log.to_owned()).or_default();
        let is_proven = |head: &Head| seen.proven.as_ref() == Some(head);
        let open = if is_proven(&growth.newer) { growth.older } else { growth.newer };
        seen.newest.get_or_insert(open);
    }

    fn forked(&self, log: &str, why: String) -> EvidenceError {
        let forked = EvidenceError::Forked { log: log.to_owned(), why };
        tracing::error!(%forked, "the gateway is not believed any more");
        self.state().forked.get_or_insert_with(|| forked.clone());
        forked
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Verifies a receipt offline, by the keys of its log, as a client does for every write.
pub fn verify_receipt(receipt: &v1::Receipt, keys: &[VerifierKey]) -> Result<(), EvidenceError> {
    Evidence::new(keys.to_vec(), &[])?.check_receipt(receipt).map(drop)
}

/// Verifies offline that a log grew from one checkpoint to another, by the keys of the log.
pub fn verify_growth(
    log: &str,
    [older, newer]: [&str; 2],
    proof: &[Vec<u8>],
    keys: &[VerifierKey],
) -> Result<(), EvidenceError> {
    let evidence = Evidence::new(keys.to_vec(), &[])?;
    let (older, newer) = (evidence.open(log, older)?, evidence.open(log, newer)?);
    evidence.note(log, older.clone())?;
    evidence.note(log, newer.clone())?;
    let hashes = proof.iter().map(|bytes| Hash::try_from(bytes.as_slice()).ok()).collect::<Option<Vec<Hash>>>();
    evidence.answered(log, Growth { older, newer }, &hashes.unwrap_or_default())
}

/// Checks each content of an entry against what its leaf commits to.
pub fn verify_openings(shown: &v1::Entry) -> Result<(), EvidenceError> {
    if shown.openings.is_empty() {
        return Ok(());
    }
    let fault = |why: &dyn fmt::Display| EvidenceError::NotProven { log: shown.name.clone(), why: why.to_string() };
    let leaf = entry::read_leaf(&shown.leaf).map_err(|error| fault(&error))?;
    for opening in entry::openings_of(shown.clone()).map_err(|error| fault(&error))? {
        let committed = leaf.commitments.iter().find(|(class, _)| *class == opening.class);
        let opens = |(_, hash): &(_, [u8; 32])| ledger::opens(Hash::from_bytes(*hash), &opening.salt, &opening.content);
        if !committed.is_some_and(opens) {
            return Err(fault(&"a content that is not what the leaf commits to"));
        }
    }
    Ok(())
}

/// Size and root of a checkpoint whose signatures nobody checks.
fn unsigned(note: &str) -> Option<(u64, Hash)> {
    let (text, _) = note.split_once("\n\n")?;
    let mut lines = text.lines().skip(1);
    Some((lines.next()?.parse().ok()?, Hash::from_base64(lines.next()?)?))
}
