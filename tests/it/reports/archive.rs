//! Writes what a party is shown of some logs as an export, and with entries withheld or changed.

use std::collections::BTreeMap;
use std::path::Path;

use comity::domain::ids::LogName;
use comity::export::{Audience, ExportWriter, Payloads, Proof};
use comity::ledger::{Checkpoint, Receipt, leaf_hash};
use comity::wire::entry::Opening;
use comity::wire::{enums, v1};

use crate::harness::Party;

#[derive(Clone)]
struct Entry {
    index: u64,
    leaf: Vec<u8>,
    openings: Vec<Opening>,
    proof: Proof,
}

/// The entries of a log and its head.
#[derive(Clone)]
struct Log {
    entries: Vec<Entry>,
    note: String,
}

/// An export.
#[derive(Clone)]
pub(super) struct Copy {
    audience: Audience,
    logs: BTreeMap<LogName, Log>,
}

impl Copy {
    pub(super) async fn of(party: &Party, agency: &str, names: &[&str]) -> Self {
        let mut logs = BTreeMap::new();
        for name in names {
            let (mut entries, mut note) = (Vec::new(), String::new());
            for entry in party.entries(name).await.accepted() {
                let request = v1::ProveInclusionRequest { name: entry.name.clone() };
                let receipt = Receipt::parse(&party.prove_inclusion(request).await.accepted().proof).unwrap();
                let size = Checkpoint::unverified(&receipt.checkpoint).unwrap().size();
                note = receipt.checkpoint;
                entries.push(Entry {
                    index: receipt.index,
                    leaf: entry.leaf,
                    openings: entry.openings.iter().map(opening).collect(),
                    proof: Proof { size, hashes: receipt.proof },
                });
            }
            logs.insert(name.parse().unwrap(), Log { entries, note });
        }
        Self { audience: Audience::Agency(agency.parse().unwrap()), logs }
    }

    fn first_log(&mut self) -> &mut Log {
        self.logs.values_mut().next().unwrap()
    }

    /// Leaves out every second entry, so many in all. Which they were: index and hash of the leaf.
    pub(super) fn withhold(&mut self, count: usize) -> Vec<(u64, String)> {
        let entries = &mut self.first_log().entries;
        let withheld: Vec<Entry> = entries.iter().skip(1).step_by(2).take(count).cloned().collect();
        entries.retain(|entry| withheld.iter().all(|withheld| withheld.index != entry.index));
        assert_eq!(withheld.len(), count, "there are too few entries");
        withheld.iter().map(|entry| (entry.index, leaf_hash(&entry.leaf).to_string())).collect()
    }

    pub(super) fn change_a_byte_of_content(&mut self) {
        *self.first_log().entries[0].openings[0].content.last_mut().unwrap() ^= 1;
    }

    pub(super) fn write(&self, directory: &Path) {
        let mut heads = self.logs.iter().map(|(name, log)| (name, log, Checkpoint::unverified(&log.note).unwrap()));
        let prefix =
            |name: &LogName, head: &Checkpoint| head.origin().strip_suffix(&format!("/{name}")).unwrap().to_owned();
        let (name, _, head) = heads.clone().next().unwrap();
        let mut export =
            ExportWriter::begin(directory, &prefix(name, &head), self.audience.clone(), Payloads::All).unwrap();
        for (name, Log { entries, note }, head) in &mut heads {
            let mut log = export.log(name).unwrap();
            for Entry { index, leaf, openings, proof } in entries {
                log.entry(*index, leaf.clone(), openings, proof.clone()).unwrap();
            }
            log.checkpoint(head.size(), note).unwrap();
            export.end_log(log, head.size(), head.root()).unwrap();
        }
        export.finish().unwrap();
    }
}

fn opening(opening: &v1::Opening) -> Opening {
    Opening {
        class: enums::from_wire(opening.field_class).unwrap(),
        salt: opening.salt.as_slice().try_into().unwrap(),
        content: opening.content.clone(),
    }
}
