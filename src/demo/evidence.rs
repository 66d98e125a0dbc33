//! What a client keeps: entries it was shown, each checked against its leaf, and receipts, each verified on arrival.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_cache::sync::Cache;

use crate::domain::command::Method;
use crate::domain::determination::{FieldClass, FieldClasses};
use crate::domain::ids::{LogKind, LogName};
use crate::ledger::{self, Checkpoint, Hash, Receipt, VerifierKey};
use crate::recorder::origin;
use crate::verify::KeptReceipt;
use crate::wire::{entry, enums, parse, v1};

/// How many verified checkpoints are remembered. All receipts and heartbeats of a batch carry the same one.
const REMEMBERED_MAX: usize = 16;

/// The keys that a client trusts, the origin of the logs, and the checkpoints verified last.
#[derive(Debug)]
pub(super) struct PinnedKeys {
    keys: Vec<VerifierKey>,
    origin: String,
    /// Notes, byte for byte, with the checkpoints they sign.
    remembered: Cache<String, Checkpoint>,
}

impl PinnedKeys {
    pub(super) fn new(key: VerifierKey, origin: &str) -> Self {
        Self { keys: vec![key], origin: origin.to_owned(), remembered: Cache::new(REMEMBERED_MAX) }
    }

    /// Verifies a checkpoint of a log, unless the same note was verified before.
    pub(super) fn open(&self, log: &LogName, note: &str) -> Result<Checkpoint> {
        let origin = origin(&self.origin, log);
        if let Some(known) = self.remembered.get(note).filter(|known| known.origin() == origin) {
            return Ok(known);
        }
        let checkpoint = Checkpoint::open(note, &origin, &self.keys)?;
        self.remembered.insert(note.to_owned(), checkpoint.clone());
        Ok(checkpoint)
    }

    /// The size of the tree that a checkpoint signs; 0 for a log without entries.
    pub(super) fn size(&self, log: &LogName, note: &str) -> Result<u64> {
        if note.is_empty() { Ok(0) } else { Ok(self.open(log, note)?.size()) }
    }
}

impl Clone for PinnedKeys {
    /// The same keys for another client, with nothing verified yet.
    fn clone(&self) -> Self {
        Self { keys: self.keys.clone(), origin: self.origin.clone(), remembered: Cache::new(REMEMBERED_MAX) }
    }
}

/// An entry as it was shown to a client.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) log: LogName,
    pub(super) index: u64,
    pub(super) method: String,
    /// `jurisdictions/us-ny/detainers/{uuid}`, or a custody.
    pub(super) resource: String,
    pub(super) seen: EntryView,
    /// The event, as far as it was shown.
    pub(super) event: Option<v1::event::Event>,
}

/// What was seen of an entry. Every class shown was checked against the leaf, so this is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryView {
    pub(super) leaf: Hash,
    pub(super) shown: FieldClasses,
    pub(super) withheld: FieldClasses,
}

/// Entries by log and index.
pub(super) type View = BTreeMap<LogName, BTreeMap<u64, EntryView>>;

impl Entry {
    /// Reads an entry and checks every content against the leaf's commitments.
    pub(super) fn open(entry: &v1::Entry) -> Result<Self> {
        let named = parse::entry_name("name", &entry.name).ok().context("an entry is not named as one")?;
        let (log, index) = named;
        let leaf = entry::read_leaf(&entry.leaf)?;
        ensure!(leaf.index == index, "{log}: the leaf at {index} bears another's index");
        let commitments: BTreeMap<FieldClass, [u8; 32]> = leaf.commitments.iter().copied().collect();
        for opening in &entry.openings {
            let class = enums::from_wire(opening.field_class).context("a content of no class")?;
            let hash = commitments.get(&class).context("a content that the leaf does not commit to")?;
            let salt: [u8; 32] = opening.salt.as_slice().try_into().context("a salt of another length")?;
            let opens = ledger::opens(Hash::from_bytes(*hash), &salt, &opening.content);
            ensure!(opens, "{log}: a content at {index} is not what its leaf commits to");
        }
        let class = |number| enums::from_wire::<FieldClass>(number);
        let shown: FieldClasses = entry.openings.iter().filter_map(|opening| class(opening.field_class)).collect();
        let withheld: FieldClasses = entry.withheld.iter().copied().filter_map(class).collect();
        let committed: FieldClasses = commitments.keys().copied().collect();
        let whole = shown.union(withheld) == committed && shown.without(withheld) == shown;
        ensure!(whole, "{log}: what is shown and withheld at {index} is not what its leaf commits to");
        let seen = EntryView { leaf: ledger::leaf_hash(&entry.leaf), shown, withheld };
        let event = entry::merge(entry)?.event;
        Ok(Self { log, index, method: leaf.method, resource: leaf.resource, seen, event })
    }

    /// Whether it is a proof of delivery, which no inbox delivers.
    pub(super) fn proves_delivery(&self) -> bool {
        self.method == Method::AcknowledgeInbox.rpc()
    }

    /// Whether it is in the exchange log, which other sovereigns read.
    pub(super) fn is_exchanged(&self) -> bool {
        self.log.kind == LogKind::Exchange
    }
}

/// The entry that a receipt promises: its log, its index and the hash of its leaf.
pub(super) type ReceiptedEntry = (LogName, u64, Hash);

/// The receipts of one agency, verified, and kept in the form that `comity verify` reads.
#[derive(Debug)]
pub(super) struct Receipts {
    file: BufWriter<File>,
    /// The entries promised.
    pub(super) promised: Vec<ReceiptedEntry>,
    /// The largest tree that a receipt was signed in, by log.
    pub(super) heads: BTreeMap<LogName, u64>,
}

impl Receipts {
    /// Keeps receipts in a new file.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { file: BufWriter::new(file), promised: Vec::new(), heads: BTreeMap::new() })
    }

    /// Keeps a verified receipt.
    pub(super) fn keep(&mut self, verified: Verified) -> Result<()> {
        self.file.write_all(verified.line.as_bytes())?;
        let head = self.heads.entry(verified.log.clone()).or_default();
        *head = verified.head.max(*head);
        self.promised.push((verified.log, verified.index, verified.leaf));
        Ok(())
    }

    /// Writes everything to the file.
    pub(super) fn flush(&mut self) -> Result<()> {
        Ok(self.file.flush()?)
    }
}

/// A verified receipt.
#[derive(Debug)]
pub(super) struct Verified {
    log: LogName,
    index: u64,
    leaf: Hash,
    head: u64,
    line: String,
}

impl Verified {
    /// Verifies a receipt offline: leaf, proof, signed checkpoint, pinned key.
    pub(super) fn new(receipt: v1::Receipt, pinned: &PinnedKeys) -> Result<Self> {
        let log: LogName = receipt.log.parse()?;
        let index = u64::try_from(receipt.index)?;
        let leaf = ledger::leaf_hash(&receipt.leaf);
        let proof = Receipt::parse(&receipt.proof)?;
        ensure!(proof.index == index, "a receipt proves another index than it says");
        // Like `Receipt::verify`, but a signature that was verified before is not verified again.
        let signed = pinned.open(&log, &proof.checkpoint).context("a receipt's checkpoint does not verify")?;
        ledger::verify_inclusion(leaf, index, signed.size(), &proof.proof, signed.root())
            .context("a receipt does not verify")?;
        let kept = KeptReceipt { log: receipt.log, index, leaf: STANDARD.encode(&receipt.leaf), proof: receipt.proof };
        Ok(Self { log, index, leaf, head: signed.size(), line: format!("{}\n", serde_json::to_string(&kept)?) })
    }
}
