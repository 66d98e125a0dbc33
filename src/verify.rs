//! Verifies a store offline: recomputes everything it claims and checks it against pinned keys.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::domain::broken::Broken;
use crate::domain::ids::LogName;
use crate::ledger::{self, Checkpoint, Hash, LogVerifier, Receipt, Tree, VerifiedLog, VerifierKey, VerifyError};
use crate::recorder::origin;
use crate::store::{Reader, StoreLocation, StoredEntry};
use crate::wire::entry;

const PAGE_LEN: usize = 1_024;

/// What is verified, and against which keys and checkpoints.
#[derive(Debug)]
pub struct Claim {
    /// Where the store is.
    pub store: StoreLocation,
    /// The data directory, which may hold receipts.
    pub directory: PathBuf,
    /// The pinned keys of the logs.
    pub keys: Vec<VerifierKey>,
    /// The key that opens sealed content.
    pub wrapping_key: Option<[u8; 32]>,
    /// The prefix of a log's name in the origin of its checkpoints.
    pub origin: String,
    /// Checkpoints kept elsewhere.
    pub against: Vec<String>,
}

/// What was kept elsewhere is not evidence by this key. This says nothing about the store.
#[derive(Debug, thiserror::Error)]
#[error("what was kept is no {what} of this key: {why}")]
pub struct NotEvidence {
    what: &'static str,
    why: String,
}

impl NotEvidence {
    /// The text is not a checkpoint by this key.
    pub fn checkpoint(why: String) -> Self {
        Self { what: "checkpoint", why }
    }

    /// The text is not a receipt by this key.
    pub fn receipt(why: &str) -> Self {
        Self { what: "receipt", why: why.to_owned() }
    }
}

/// What was verified.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Logs.
    pub logs: u64,
    /// Entries whose leaf is in the tree.
    pub entries: u64,
    /// Commitments that were opened.
    pub commitments: u64,
    /// Entries whose case was expunged: of these, only what is for counting was opened.
    pub expunged: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Receipts.
    pub receipts: u64,
}

/// A receipt as a client keeps it: one JSON object on a line of `receipts/AGENCY.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptReceipt {
    /// The name of the log.
    pub log: String,
    /// The index of the entry.
    pub index: u64,
    /// The leaf's bytes, base64.
    pub leaf: String,
    /// The proof (C2SP tlog-proof).
    pub proof: String,
}

/// Recomputes and checks everything.
pub fn verify(claim: &Claim) -> Result<Verified> {
    let reader = claim.store.read(claim.wrapping_key.as_ref())?;
    let mut verified = Verified::default();
    let mut logs = Vec::new();
    for log in reader.logs()? {
        if let Some(whole) = verify_log(claim, &*reader, &log, &mut verified)? {
            logs.push((log, whole));
        }
        verified.logs = verified.logs.saturating_add(1);
    }
    for kept in &claim.against {
        against(claim, &logs, kept)?;
    }
    for path in receipt_files(&claim.directory)? {
        let text = std::fs::read_to_string(&path).map_err(|error| nowhere(format!("{}: {error}", path.display())))?;
        for line in text.split_inclusive('\n') {
            verify_receipt(line, &logs)?;
            verified.receipts = verified.receipts.saturating_add(1);
        }
    }
    Ok(verified)
}

fn verify_log(claim: &Claim, reader: &dyn Reader, log: &LogName, found: &mut Verified) -> Result<Option<VerifiedLog>> {
    let at = |index: Option<u64>, what: String| Broken { log: Some(log.clone()), index, what };
    let mut verifier = LogVerifier::new(&origin(&claim.origin, log), claim.keys.clone());
    let mut tree = Tree::empty();
    let checkpoints = reader.checkpoints(log)?;
    let mut due = checkpoints.iter().peekable();
    // A database may be in use: entries recorded after the checkpoints were read are not verified here.
    let newest = checkpoints.last().map_or(0, |(size, _)| *size);
    let is_served = |size: u64| matches!(claim.store, StoreLocation::Server(_)) && size >= newest;
    loop {
        let mut page = page(reader, log, verifier.size())?;
        page.retain(|stored| !is_served(stored.index));
        if page.is_empty() {
            break;
        }
        for stored in page {
            let index = verifier.entry(&stored.leaf);
            tree.append(ledger::leaf_hash(&stored.leaf));
            let opened = check_entry(&stored, index, claim.wrapping_key.is_some());
            let opened = opened.map_err(|what| at(Some(index), what.to_owned()))?;
            found.commitments = found.commitments.saturating_add(opened);
            found.expunged = found.expunged.saturating_add(u64::from(stored.expunged));
            found.entries = found.entries.saturating_add(1);
            while let Some((_, note)) = due.next_if(|(size, _)| *size == verifier.size()) {
                verifier.checkpoint(note).map_err(|error| at(Some(index), error.to_string()))?;
                found.checkpoints = found.checkpoints.saturating_add(1);
            }
        }
    }
    let size = verifier.size();
    if let Some((signed, _)) = due.next() {
        bail!(at(Some(size), format!("a checkpoint of {signed} entries was signed: the tail was cut")));
    }
    if reader.head(log)? != Some(size) && !is_served(size) {
        bail!(at(Some(size), "the stored head is of another size".to_owned()));
    }
    for (tile, hashes) in tree.take_changed() {
        let stored = reader.tile(log, tile)?;
        if stored != hashes && !(is_served(size) && stored.starts_with(&hashes)) {
            bail!(at(None, format!("tile {tile} is not of this log")));
        }
    }
    match checkpoints.last() {
        None if size == 0 => Ok(None),
        None => bail!(at(Some(0), "entries that no checkpoint covers".to_owned())),
        Some((_, head)) => Ok(Some(verifier.finish(head).map_err(|error| at(None, error.to_string()))?)),
    }
}

/// Entries from an index on. If they cannot be read together, finds the first that cannot be read.
fn page(reader: &dyn Reader, log: &LogName, from: u64) -> Result<Vec<StoredEntry>> {
    let together = reader.entries(log, from, PAGE_LEN);
    let Err(error) = together else { return Ok(together?) };
    for index in from.. {
        let broken = |what: String| Broken { log: Some(log.clone()), index: Some(index), what };
        match reader.entries(log, index, 1) {
            Err(error) => bail!(broken(error.to_string())),
            Ok(found) if found.is_empty() => break,
            Ok(_) => {}
        }
    }
    bail!(error)
}

/// Checks that the entry has its own index and that every commitment opens. Returns how many were opened.
fn check_entry(stored: &StoredEntry, index: u64, unsealed: bool) -> Result<u64, &'static str> {
    let leaf = entry::read_leaf(&stored.leaf).map_err(|_| "the leaf is not of a known layout")?;
    if stored.index != index || leaf.index != index {
        return Err("an entry is missing or bears another's index");
    }
    let mut opened = 0u64;
    for opening in &stored.openings {
        let commitment = leaf.commitments.iter().find(|(class, _)| *class == opening.class);
        let (_, hash) = commitment.ok_or("content that the leaf does not commit to")?;
        if !ledger::opens(Hash::from_bytes(*hash), &opening.salt, &opening.content) {
            return Err("content that is not what the leaf commits to");
        }
        opened = opened.saturating_add(1);
    }
    if unsealed && !stored.expunged && stored.openings.len() != leaf.commitments.len() {
        return Err("a commitment without its content");
    }
    Ok(opened)
}

fn against(claim: &Claim, logs: &[(LogName, VerifiedLog)], kept: &str) -> Result<()> {
    let named = kept.lines().next().unwrap_or_default();
    let Some((log, whole)) = logs.iter().find(|(log, _)| origin(&claim.origin, log) == named) else {
        // A checkpoint by the key for a log that is missing here is evidence. Any other text is not.
        let signed = Checkpoint::open_received(kept, named, &claim.keys);
        signed.map_err(|error| NotEvidence::checkpoint(error.to_string()))?;
        bail!(nowhere("a kept checkpoint is of no log here: the log is missing".to_owned()));
    };
    match whole.against(kept) {
        Ok(_) => Ok(()),
        Err(VerifyError::Kept(error)) => Err(NotEvidence::checkpoint(error.to_string()).into()),
        Err(error) => bail!(Broken { log: Some(log.clone()), index: None, what: error.to_string() }),
    }
}

fn receipt_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let receipts = directory.join("receipts");
    if !receipts.is_dir() {
        return Ok(Vec::new());
    }
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(receipts)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.sort();
    Ok(files)
}

fn verify_receipt(line: &str, logs: &[(LogName, VerifiedLog)]) -> Result<()> {
    let json = line.strip_suffix('\n').ok_or_else(|| nowhere("a receipt's line does not end".to_owned()))?;
    let kept: KeptReceipt = serde_json::from_str(json).map_err(|error| nowhere(format!("a receipt: {error}")))?;
    // A receipt has one spelling, so that none of its bytes can change unnoticed.
    if serde_json::to_string(&kept)? != json {
        bail!(nowhere("a receipt is not spelled as it was given".to_owned()));
    }
    let log = logs.iter().find(|(log, _)| log.to_string() == kept.log);
    let (log, whole) = log.ok_or_else(|| nowhere("a receipt of no log here".to_owned()))?;
    let broken = |what: &str| Broken { log: Some(log.clone()), index: Some(kept.index), what: what.to_owned() };
    let receipt = Receipt::parse(&kept.proof).map_err(|error| broken(&error.to_string()))?;
    let leaf = STANDARD.decode(&kept.leaf).map_err(|_| broken("a receipt's leaf is not base64"))?;
    if receipt.index != kept.index || whole.leaf(kept.index) != Some(ledger::leaf_hash(&leaf)) {
        bail!(broken("a receipt is of another entry"));
    }
    whole.receipt(&receipt).map_err(|error| broken(&error.to_string()))?;
    Ok(())
}

fn nowhere(what: String) -> Broken {
    Broken { log: None, index: None, what }
}
