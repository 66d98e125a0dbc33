//! Writes what a party is shown of some logs as an export, in the layout of docs/export.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity::domain::determination::FieldClass;
use comity::ledger::{Hash, Receipt, leaf_hash};
use comity::wire::{enums, v1};
use serde_json::{Value, json};

use crate::harness::Party;

/// The entries of a log as lines, and its head.
#[derive(Clone)]
struct Log {
    lines: Vec<Value>,
    note: String,
}

/// An export.
#[derive(Clone)]
pub(super) struct Copy {
    audience: String,
    logs: BTreeMap<String, Log>,
}

impl Copy {
    pub(super) async fn of(party: &Party, agency: &str, names: &[&str]) -> Self {
        let mut logs = BTreeMap::new();
        for name in names {
            let (mut lines, mut note) = (Vec::new(), String::new());
            for entry in party.entries(name).await.accepted() {
                let request = v1::ProveInclusionRequest { name: entry.name.clone() };
                let proof = party.prove_inclusion(request).await.accepted().proof;
                let proof = Receipt::parse(&proof).unwrap();
                note.clone_from(&proof.checkpoint);
                lines.push(line(&entry, &proof));
            }
            logs.insert((*name).to_owned(), Log { lines, note });
        }
        Self { audience: format!("agencies/{agency}"), logs }
    }

    /// Leaves out every second entry, so many in all. Which they were: index and hash of the leaf.
    pub(super) fn withhold(&mut self, count: usize) -> Vec<(u64, String)> {
        let log = self.logs.values_mut().next().unwrap();
        let all = std::mem::take(&mut log.lines);
        let mut withheld = Vec::new();
        for (at, line) in all.into_iter().enumerate() {
            if at % 2 == 1 && withheld.len() < count {
                let leaf = STANDARD.decode(line["leaf"].as_str().unwrap()).unwrap();
                withheld.push((line["index"].as_u64().unwrap(), leaf_hash(&leaf).to_string()));
            } else {
                log.lines.push(line);
            }
        }
        assert_eq!(withheld.len(), count, "there are too few entries");
        withheld
    }

    pub(super) fn change_a_byte_of_content(&mut self) {
        let log = self.logs.values_mut().next().unwrap();
        let content = &mut log.lines[0]["openings"][0]["content"];
        let mut bytes = STANDARD.decode(content.as_str().unwrap()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        *content = json!(STANDARD.encode(bytes));
    }

    pub(super) fn write(&self, directory: &Path) {
        let mut listed = Vec::new();
        for (name, Log { lines, note }) in &self.logs {
            let mut note_lines = note.lines();
            let (origin, size, root) =
                (note_lines.next().unwrap(), note_lines.next().unwrap(), note_lines.next().unwrap());
            let prefix = origin.strip_suffix(&format!("/{name}")).unwrap();
            let (jurisdiction, kind) = name.strip_prefix("jurisdictions/").unwrap().split_once("/logs/").unwrap();
            let place = directory.join(jurisdiction).join(kind);
            fs::create_dir_all(&place).unwrap();
            let entries: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
            let entries = entries.concat();
            fs::write(place.join("entries.jsonl"), entries).unwrap();
            let size: u64 = size.parse().unwrap();
            fs::write(place.join("checkpoints.jsonl"), format!("{}\n", json!({"size": size, "note": note}))).unwrap();
            let path = format!("{jurisdiction}/{kind}/entries.jsonl");
            listed
                .push((prefix.to_owned(), json!({"log": name, "size": size, "root": root, "entries": {"path": path}})));
        }
        let logs: Vec<&Value> = listed.iter().map(|(_, log)| log).collect();
        let origin = &listed.first().unwrap().0;
        let manifest = json!({
            "layout": "comity-export/1", "origin": origin, "audience": self.audience, "payloads": "all", "logs": logs,
        });
        fs::write(directory.join("manifest.json"), format!("{manifest}\n")).unwrap();
    }
}

fn line(entry: &v1::Entry, proof: &Receipt) -> Value {
    let hashes: Vec<String> = proof.proof.iter().map(Hash::to_base64).collect();
    let openings: Vec<Value> = entry
        .openings
        .iter()
        .map(|opening| {
            let class: FieldClass = enums::from_wire(opening.field_class).unwrap();
            json!({
                "class": class.word(),
                "salt": STANDARD.encode(&opening.salt),
                "content": STANDARD.encode(&opening.content),
            })
        })
        .collect();
    let size: u64 = proof.checkpoint.lines().nth(1).unwrap().parse().unwrap();
    json!({
        "index": proof.index,
        "leaf": STANDARD.encode(&entry.leaf),
        "openings": openings,
        "proof": {"size": size, "hashes": hashes},
    })
}
