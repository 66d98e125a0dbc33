//! What is left of a sequence: everything that can be read is compared, and the store checks itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity::domain::agency::{AgencyKind, Caller};
use comity::domain::agenda::ItemKind;
use comity::domain::case::StoredCase;
use comity::domain::event::Party;
use comity::domain::ids::LogName;
use comity::ledger::{Hash, TileId};
use comity::store::{AgendaFilter, Audience, Reader, Store, StoredEntry, Wanted};
use comity::verify::{Claim, KeptReceipt, verify};
use proptest::prelude::*;

use crate::model::places;
use crate::model::plain::Log;
use crate::model::play::{Player, Same};
use crate::model::real::{ORIGIN, VERIFIER, WRAPPING_KEY, all_cases};
use crate::sample;

/// Everything that a store gives back, byte by byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    logs: BTreeMap<String, LeftLog>,
    cases: Vec<String>,
    open: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct LeftLog {
    /// Leaf, contents, audience, and the answer with the size of its batch.
    entries: Vec<(Vec<u8>, String, String, String)>,
    checkpoints: Vec<(u64, String)>,
    tiles: Vec<Hash>,
}

impl Left {
    fn by(reader: &dyn Reader) -> Self {
        let logs = reader.logs().unwrap().into_iter().map(|log| (log.to_string(), LeftLog::of(reader, &log)));
        let cases = all_cases(reader).unwrap().iter().map(|case| serde_json::to_string(case).unwrap()).collect();
        let open = places().into_iter().flat_map(|jurisdiction| {
            let (holder, unassigned, after, limit) = (None, true, None, usize::MAX);
            let filter = AgendaFilter { jurisdiction, kind: ItemKind::Clock, holder, unassigned, after, limit };
            reader.agenda(&filter).unwrap().into_iter().map(|listed| format!("{listed:?}"))
        });
        Self { logs: logs.collect(), cases, open: open.collect() }
    }
}

impl LeftLog {
    fn of(reader: &dyn Reader, log: &LogName) -> Self {
        let entry = |stored: StoredEntry| {
            let answer = reader.answer(log, stored.index).unwrap();
            let answer =
                answer.map(|found| (hex::encode(found.answer.unwrap()), found.leaf == stored.leaf, found.batch_size));
            // `Debug` of contents keeps them to itself.
            let opened = stored.openings.iter().map(|of| format!("{:?} {:?} {:?}", of.class, of.salt, of.content));
            let opened = opened.collect::<Vec<_>>().join("\n");
            (stored.leaf, opened, stored.audience.to_text(), format!("{answer:?}"))
        };
        let entries: Vec<_> = reader.entries(log, 0, usize::MAX).unwrap().into_iter().map(entry).collect();
        let tiles =
            if entries.is_empty() { Vec::new() } else { reader.tile(log, TileId { level: 0, index: 0 }).unwrap() };
        Self { entries, checkpoints: reader.checkpoints(log).unwrap(), tiles }
    }
}

/// Stops the process, and compares what it left.
pub(super) fn compare(player: &mut Player) -> Result<Left, TestCaseError> {
    player.real.stop();
    // A database is held against a file that was.
    if player.real.disk.is_file() {
        verified(player)?;
    }
    let mut store = player.real.disk.open(&WRAPPING_KEY).unwrap();
    for (name, log) in &player.plain.logs {
        let state = store.recover(name).unwrap();
        prop_assert_eq!(state.tree.size(), log.size());
        prop_assert_eq!(state.tree.root(), log.root(log.size()));
        prop_assert_eq!(state.recorded_at, log.recorded_at());
        // What a database gives back is held against what the file did.
        if player.real.disk.is_file() {
            compare_entries(&*store, name, log)?;
        }
    }
    let kept: BTreeMap<_, _> = all_cases(&*store.reader()).unwrap().into_iter().map(named).collect();
    let due: BTreeMap<_, _> = player.plain.cases.values().flatten().collect();
    prop_assert_eq!(kept.iter().collect::<BTreeMap<_, _>>(), due);
    compare_remembered(player, &mut *store)?;
    Ok(Left::by(&*store.reader()))
}

fn named(case: StoredCase) -> (comity::domain::ids::CaseName, StoredCase) {
    (case.name().clone(), case)
}

/// As anybody can who has the database, the keys and receipts.
fn verified(player: &mut Player) -> Same {
    let directory = &player.real.disk.directory;
    let receipts = directory.join("receipts");
    fs::create_dir(&receipts).unwrap();
    let line = |((log, index), proof): (&(LogName, u64), &String)| {
        let leaf = STANDARD.encode(&player.plain.logs[log].entry(*index).leaf);
        let kept = KeptReceipt { log: log.to_string(), index: *index, leaf, proof: proof.clone() };
        serde_json::to_string(&kept).unwrap() + "\n"
    };
    let lines: String = player.receipts.iter().map(line).collect();
    fs::write(receipts.join("all.jsonl"), lines).unwrap();
    let claim = Claim {
        store: player.real.disk.place(),
        directory: directory.clone(),
        keys: vec![VERIFIER.clone()],
        wrapping_key: Some(WRAPPING_KEY),
        origin: ORIGIN.to_owned(),
        against: Vec::new(),
    };
    let whole = verify(&claim).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let logs = player.plain.logs.values();
    let count = |len: usize| u64::try_from(len).unwrap();
    prop_assert_eq!(whole.logs, count(logs.len()));
    prop_assert_eq!(whole.entries, logs.clone().map(Log::size).sum::<u64>());
    prop_assert_eq!(whole.checkpoints, logs.map(|log| count(log.batches.len())).sum::<u64>());
    prop_assert_eq!(whole.receipts, count(player.receipts.len()));
    *player.tally.entry("entries".to_owned()).or_default() += whole.entries;
    Ok(())
}

fn compare_entries(store: &dyn Store, name: &LogName, log: &Log) -> Same {
    let reader = store.reader();
    let entries = reader.entries(name, 0, usize::MAX).unwrap();
    prop_assert_eq!(entries.len(), log.entries.len());
    for (stored, due) in entries.iter().zip(&log.entries) {
        prop_assert_eq!(&stored.leaf, &due.leaf);
        prop_assert!(stored.openings == due.openings, "{} {} opens to something else", name, stored.index);
        prop_assert_eq!(&stored.audience, &due.audience);
        let answer = reader.answer(name, stored.index).unwrap();
        prop_assert_eq!(answer.as_ref().map(|found| found.answer.as_ref().unwrap()), due.answer.as_ref());
        prop_assert!(answer.is_none_or(|found| found.batch_size == log.batch_of(stored.index)));
    }
    let sizes: Vec<u64> = reader.checkpoints(name).unwrap().iter().map(|(size, _)| *size).collect();
    prop_assert_eq!(&sizes, &log.batches);
    for caller in ["cbp", "nassau"].map(sample::officer) {
        let shown = reader.entries_for(&caller, name, 0, usize::MAX).unwrap();
        let shown: Vec<bool> = shown.iter().map(|entry| !entry.openings.is_empty()).collect();
        let due: Vec<bool> = log.entries.iter().map(|entry| is_for(&entry.audience, &caller)).collect();
        prop_assert_eq!(shown, due, "{} as {} sees it", name, caller.agency.id);
    }
    Ok(())
}

fn is_for(audience: &Audience, caller: &Caller) -> bool {
    audience.0.iter().any(|(party, _)| match party {
        Party::Agency(agency) => *agency == caller.agency.id,
        Party::Custodians => matches!(caller.agency.kind, AgencyKind::State | AgencyKind::County),
        Party::Requesters => caller.agency.kind == AgencyKind::Federal,
        Party::Oversight => caller.agency.kind == AgencyKind::Oversight,
    })
}

/// Request ids and first deliveries, as a writer would load them.
fn compare_remembered(player: &Player, store: &mut dyn Store) -> Same {
    let plain = &player.plain;
    let requests: BTreeSet<_> = player.requests().collect();
    let each = |((agency, log), positions): (&(_, LogName), &BTreeMap<u64, _>)| {
        let (agency, log): (comity::domain::ids::AgencyId, _) = (Clone::clone(agency), log.clone());
        positions.keys().map(move |position| (agency.clone(), log.clone(), position - 1)).collect::<Vec<_>>()
    };
    let deliveries: BTreeSet<_> = plain.deliveries.iter().flat_map(each).collect();
    let wanted = Wanted { requests, deliveries: deliveries.clone(), ..Wanted::default() };
    let loaded = store.load(&wanted).unwrap();
    prop_assert_eq!(&loaded.requests, &plain.requests);
    for (agency, log, index) in deliveries {
        let positions = &plain.deliveries[&(agency.clone(), log.clone())];
        let first = positions.iter().filter(|(position, _)| **position > index).map(|(_, at)| *at).min();
        prop_assert_eq!(loaded.deliveries.get(&(agency, log, index)).copied(), first);
    }
    Ok(())
}
