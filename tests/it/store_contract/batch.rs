//! Batches as the recorder would hand them to a store, and what must then be read from it.

use std::collections::BTreeMap;

use comity::domain::case::StoredCase;
use comity::domain::custody::Custody;
use comity::domain::detainer::Detainer;
use comity::domain::determination::{FieldClass, FieldClasses};
use comity::domain::event::Party;
use comity::domain::ids::{AgencyId, CaseKind, CaseName, LogKind, LogName, RequestId};
use comity::ledger::{self, Hash, TileId, Tree};
use comity::store::{
    Append, Audience, CaseFilter, Head, HeadMove, LogState, NewDelivery, NewEntry, NewRequest, Reader, SeenRequest,
    Store, Wanted,
};
use comity::wire::entry::{self, Header, Opening};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::sample;

const LOGS: [LogKind; 2] = [LogKind::Exchange, LogKind::Custody];

pub(super) fn log(kind: LogKind) -> LogName {
    LogName { jurisdiction: sample::jurisdiction(), kind }
}

/// A detainer of ICE's.
pub(super) fn detainer(id: u128, addressee: Option<&str>) -> StoredCase {
    let now = sample::start();
    let name = CaseName::detainer(sample::jurisdiction(), Uuid::from_u128(id));
    let issuer = sample::officer("ice").agency.id.clone();
    StoredCase::Detainer(Box::new(Detainer::lodged(name, issuer, sample::request(addressee), now)))
}

pub(super) fn custody(id: u128, custodian: &str) -> StoredCase {
    let now = sample::start();
    let name = CaseName::custody(sample::jurisdiction(), Uuid::from_u128(id));
    let custodian = sample::officer(custodian).agency.id.clone();
    StoredCase::Custody(Box::new(Custody::opened(name, custodian, sample::intake(), now)))
}

/// The answer kept with an entry.
pub(super) fn answer(index: u64) -> Vec<u8> {
    format!("answer {index} for Quackenbush").into_bytes()
}

/// Where the logs stand, and everything committed so far.
#[derive(Debug)]
pub(super) struct Drafts {
    states: BTreeMap<LogName, LogState>,
    pub(super) requests: BTreeMap<(AgencyId, RequestId), SeenRequest>,
    pub(super) expected: Everything,
}

impl Drafts {
    pub(super) fn new() -> Self {
        let empty = || LogState { tree: Tree::empty(), recorded_at: Timestamp::UNIX_EPOCH };
        let states: BTreeMap<_, _> = LOGS.map(|kind| (log(kind), empty())).into();
        let logs = states.keys().map(|log| (log.to_string(), LogRead::default())).collect();
        Self { states, requests: BTreeMap::new(), expected: Everything { logs, cases: BTreeMap::new() } }
    }

    /// Reads where the logs stand.
    pub(super) fn recover(store: &mut dyn Store) -> Self {
        let states: BTreeMap<_, _> = LOGS.map(|kind| (log(kind), store.recover(&log(kind)).unwrap())).into();
        let expected = everything(&*store.reader());
        for (log, state) in &states {
            assert_eq!(state.recorded_at, expected.last_time(log).unwrap_or(Timestamp::UNIX_EPOCH));
        }
        Self { states, requests: BTreeMap::new(), expected }
    }

    /// One entry for each; the cases are kept as given.
    pub(super) fn batch(&mut self, about: &[(LogKind, Option<&StoredCase>)]) -> Append {
        let head = |state: &LogState| Head { size: state.tree.size(), root: state.tree.root() };
        let before: BTreeMap<LogName, Head> =
            self.states.iter().map(|(log, state)| (log.clone(), head(state))).collect();
        let mut append = Append::default();
        for (kind, case) in about {
            self.entry(&mut append, &log(*kind), *case);
        }
        for (log, state) in &mut self.states {
            let (from, to) = (before[log], head(state));
            if to.size == from.size {
                continue;
            }
            let checkpoint = format!("{log}\n{}\n{}\n", to.size, to.root.to_base64());
            let tiles = state.tree.take_changed();
            let read = self.expected.logs.entry(log.to_string()).or_default();
            read.checkpoints.push((to.size, checkpoint.clone()));
            read.tiles.extend(tiles.iter().cloned());
            let recorded_at = state.recorded_at;
            append.heads.push(HeadMove { log: log.clone(), from, to, recorded_at, checkpoint, tiles });
        }
        append
    }

    fn entry(&mut self, append: &mut Append, log: &LogName, case: Option<&StoredCase>) {
        let state = self.states.get_mut(log).unwrap();
        let index = state.tree.size();
        let later = SignedDuration::from_secs(i64::try_from(index).unwrap());
        let recorded_at = sample::start().checked_add(later).unwrap();
        let resource = case.map_or_else(|| "jurisdictions/us-ny".to_owned(), |case| case.name().to_string());
        let opening = |class, salt, content: &str| Opening { class, salt: [salt; 32], content: content.into() };
        let openings = vec![
            opening(FieldClass::Count, 1, "for counting"),
            opening(FieldClass::Identity, 2, "Zebulon Quackenbush, called Quigley"),
            opening(FieldClass::Identifiers, 3, "079314159"),
        ];
        let caller = sample::officer("ice");
        let header = Header {
            index,
            recorded_at,
            agency: &caller.agency.id,
            officer: &caller.actor.as_ref().unwrap().pseudonym,
            method: "DetainerService/LodgeDetainer",
            resource: &resource,
            policy_digest: None,
            blinding: [9; 32],
        };
        let commitments =
            openings.iter().map(|opening| (opening.class, *ledger::commit(&opening.salt, &opening.content).as_bytes()));
        let leaf = entry::leaf(&header, commitments);
        state.tree.append(ledger::leaf_hash(&leaf));
        state.recorded_at = recorded_at;
        let audience = Audience(vec![(Party::Oversight, FieldClasses::all())]);

        let read = self.expected.logs.entry(log.to_string()).or_default();
        let opened = openings.iter().map(|opening| (opening.class, opening.salt, opening.content.clone())).collect();
        read.entries.push((index, leaf.clone(), opened, audience.clone()));
        if let Some(case) = case {
            self.expected.cases.insert(case.name().clone(), case.clone());
            append.cases.retain(|kept| kept.name() != case.name());
            append.cases.push(case.clone());
        }
        let request = u128::from(index) << 8 | u128::from(log.kind == LogKind::Custody);
        let seen = SeenRequest { digest: [5; 32], log: log.clone(), index };
        let request_id = RequestId(Uuid::from_u128(request + 1));
        self.requests.insert((caller.agency.id.clone(), request_id), seen.clone());
        append.requests.push(NewRequest { agency: caller.agency.id.clone(), request_id, seen });
        append.entries.push(NewEntry {
            log: log.clone(),
            index,
            case: case.map(|case| case.name().clone()),
            leaf,
            openings,
            audience,
            answer: Some(answer(index)),
        });
    }

    pub(super) fn size(&self, kind: LogKind) -> u64 {
        self.states[&log(kind)].tree.size()
    }

    /// Roots of the exchange and the custody log.
    pub(super) fn roots(&self) -> Vec<Hash> {
        self.states.values().map(|state| state.tree.root()).collect()
    }
}

/// Everything that a batch would have brought.
pub(super) fn wanted(append: &Append) -> Wanted {
    Wanted {
        cases: append.cases.iter().map(|case| case.name().clone()).collect(),
        requests: append.requests.iter().map(|request| (request.agency.clone(), request.request_id)).collect(),
        deliveries: append
            .deliveries
            .iter()
            .map(|delivery| (delivery.agency.clone(), delivery.log.clone(), delivery.position.saturating_sub(1)))
            .collect(),
        ..Wanted::default()
    }
}

type EntryRead = (u64, Vec<u8>, Vec<(FieldClass, [u8; 32], Vec<u8>)>, Audience);

/// All that can be read of one log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogRead {
    entries: Vec<EntryRead>,
    checkpoints: Vec<(u64, String)>,
    tiles: BTreeMap<TileId, Vec<Hash>>,
}

/// All that can be read of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Everything {
    logs: BTreeMap<String, LogRead>,
    cases: BTreeMap<CaseName, StoredCase>,
}

impl Everything {
    fn last_time(&self, log: &LogName) -> Option<Timestamp> {
        let (_, leaf, _, _) = self.logs.get(&log.to_string())?.entries.last()?;
        Some(entry::read_leaf(leaf).unwrap().recorded_at)
    }
}

pub(super) fn everything(reader: &dyn Reader) -> Everything {
    let logs = reader.logs().unwrap().into_iter().map(|log| (log.to_string(), read_log(reader, &log))).collect();
    let mut cases = BTreeMap::new();
    for kind in [CaseKind::Detainer, CaseKind::Custody, CaseKind::Appeal] {
        let (jurisdiction, limit) = (sample::jurisdiction(), usize::MAX);
        let (agency, terms, after) = (None, Vec::new(), None);
        let filter = CaseFilter { jurisdiction, kind, agency, unassigned: false, terms, after, limit };
        for case in reader.cases(&filter).unwrap() {
            assert_eq!(reader.case(case.name()).unwrap().as_ref(), Some(&case));
            cases.insert(case.name().clone(), case);
        }
    }
    Everything { logs, cases }
}

fn read_log(reader: &dyn Reader, log: &LogName) -> LogRead {
    let entries = reader.entries(log, 0, usize::MAX).unwrap().into_iter().map(|entry| {
        let opened = entry.openings.into_iter().map(|opening| (opening.class, opening.salt, opening.content));
        (entry.index, entry.leaf, opened.collect(), entry.audience)
    });
    let entries: Vec<EntryRead> = entries.collect();
    let checkpoints = reader.checkpoints(log).unwrap();
    assert_eq!(reader.checkpoint(log).unwrap(), checkpoints.last().cloned());
    for (size, note) in &checkpoints {
        assert_eq!(reader.checkpoint_at(log, *size).unwrap().as_ref(), Some(note));
    }
    let mut tiles = BTreeMap::new();
    for level in 0..2 {
        // A tile that was never written is broken, not empty: a proof must not be made of nothing.
        let ids = (0..).map(|index| TileId { level, index });
        tiles.extend(ids.map_while(|tile| Some((tile, reader.tile(log, tile).ok()?))));
    }
    LogRead { entries, checkpoints, tiles }
}

/// Everything before `position` received by ICE, so many days after the start.
pub(super) fn delivered(position: u64, day: usize) -> NewDelivery {
    let days = SignedDuration::from_hours(24 * i64::try_from(day).unwrap());
    NewDelivery {
        agency: sample::officer("ice").agency.id.clone(),
        log: log(LogKind::Exchange),
        from: 0,
        position,
        recorded_at: sample::start().checked_add(days).unwrap(),
    }
}
