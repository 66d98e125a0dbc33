//! What each agency has yet to confirm, followed as the logs grow. Each entry is looked at once for all agencies whose
//! look has come as far, so that the effort does not grow with the log. Nothing is unsealed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::ids::{AgencyId, ConsumerId, JurisdictionId, LogName};
use crate::domain::inbox::{Consumer, EntryPosition, Inbox};
use crate::feed::{may_read, recorded_for};
use crate::store::{EntryHeader, Reader, StoreError};

/// The most entries of a log that are counted for an agency.
const WAITING_MAX: usize = 1_000;
/// Entries read at a time, and how often for each log in one turn. What is left is looked at in the next turn.
const PAGE_LEN: u64 = 500;
const PAGES_MAX: usize = 8;

/// What an agency has yet to confirm in one jurisdiction, by the consumer that is furthest behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many entries, up to a limit for each log.
    pub count: u64,
    /// When the oldest of them was recorded.
    pub oldest: Option<Timestamp>,
}

/// Follows what agencies have yet to confirm.
#[derive(Debug)]
pub struct Outstanding {
    logs: BTreeMap<LogName, Vec<Follower>>,
}

/// How far one agency's part of a log was looked at.
#[derive(Debug)]
struct Follower {
    agency: Caller,
    /// Confirmed before this, by the consumer that is furthest behind.
    confirmed: u64,
    /// Looked at before this.
    looked_at: u64,
    /// Entries between the two that are for the agency: index and time of record.
    waiting: VecDeque<(u64, Timestamp)>,
    /// Entries that the consumer passes over.
    passed_over: BTreeSet<EntryPosition>,
}

impl Outstanding {
    /// Of agencies in logs. Oversight is left out: it has no backlog, as everything is for it.
    pub fn new(agencies: &[Caller], logs: impl IntoIterator<Item = LogName>) -> Self {
        let mut outstanding = Self { logs: logs.into_iter().map(|log| (log, Vec::new())).collect() };
        outstanding.set_agencies(agencies);
        outstanding
    }

    /// Follows these agencies from now on. Of one that is the same as before, what was looked at stays so.
    pub fn set_agencies(&mut self, agencies: &[Caller]) {
        for (log, followers) in &mut self.logs {
            let readers = agencies.iter().filter(|agency| agency.agency.kind != AgencyKind::Oversight);
            let mut before = std::mem::take(followers);
            followers.extend(readers.filter(|agency| may_read(agency, log)).map(|agency| {
                let at = before.iter().position(|follower| follower.agency == *agency);
                at.map_or_else(|| Follower::new(agency.clone()), |at| before.swap_remove(at))
            }));
        }
    }

    /// Looks at what was confirmed and recorded since the last turn, in logs of these sizes. Nothing waits for a consumer that is
    /// parked. Blocks on the store.
    pub fn follow(
        &mut self,
        reader: &dyn Reader,
        sizes: &BTreeMap<LogName, u64>,
        is_parked: &dyn Fn(&AgencyId, &ConsumerId) -> bool,
    ) -> Result<(), StoreError> {
        let mut inboxes: BTreeMap<(AgencyId, JurisdictionId), Inbox> = BTreeMap::new();
        for (log, followers) in &mut self.logs {
            let Some(size) = sizes.get(log).copied() else { continue };
            for follower in &mut *followers {
                let of = (follower.agency.agency.id.clone(), log.jurisdiction.clone());
                let inbox = match inboxes.entry(of) {
                    Entry::Occupied(read) => read.into_mut(),
                    Entry::Vacant(unread) => {
                        let (agency, jurisdiction) = unread.key();
                        let read = reader.inbox(agency, jurisdiction)?;
                        unread.insert(read)
                    }
                };
                follower.confirm(inbox, log, size, is_parked);
            }
            look(reader, log, size, followers)?;
        }
        Ok(())
    }

    /// What waits for each agency in each jurisdiction, as of the last turn.
    pub fn waiting(&self) -> BTreeMap<(AgencyId, JurisdictionId), Waiting> {
        let mut all: BTreeMap<_, Waiting> = BTreeMap::new();
        for (log, followers) in &self.logs {
            for follower in followers {
                let of = (follower.agency.agency.id.clone(), log.jurisdiction.clone());
                let waiting = all.entry(of).or_default();
                for (_, recorded_at) in follower.owed(log) {
                    waiting.count = waiting.count.saturating_add(1);
                    waiting.oldest = Some(waiting.oldest.map_or(*recorded_at, |oldest| oldest.min(*recorded_at)));
                }
            }
        }
        all
    }
}

/// Reads on from where looks have come to. Those nearest to the end of the log come first: one agency that is far behind
/// keeps no other from being looked at.
fn look(reader: &dyn Reader, log: &LogName, size: u64, followers: &mut [Follower]) -> Result<(), StoreError> {
    for _ in 0..PAGES_MAX {
        let unfinished = followers.iter().filter(|follower| follower.looked_at < size && follower.has_room());
        let Some(from) = unfinished.map(|follower| follower.looked_at).max() else { break };
        let limit = usize::try_from(PAGE_LEN.min(size.saturating_sub(from))).unwrap_or_default();
        let found = reader.headers(log, from, limit)?;
        let Some(last) = found.last().map(|header| header.index) else { break };
        for follower in followers.iter_mut().filter(|follower| follower.looked_at == from && follower.has_room()) {
            follower.take(&found, &log.jurisdiction)?;
            follower.looked_at = last.saturating_add(1);
        }
    }
    Ok(())
}

impl Follower {
    fn new(agency: Caller) -> Self {
        let (waiting, passed_over) = (VecDeque::new(), BTreeSet::new());
        Self { agency, confirmed: 0, looked_at: 0, waiting, passed_over }
    }

    /// Takes note of how far the consumer that is furthest behind has confirmed a log of this size.
    fn confirm(&mut self, inbox: &Inbox, log: &LogName, size: u64, is_parked: &dyn Fn(&AgencyId, &ConsumerId) -> bool) {
        let served = inbox.0.iter().filter(|(consumer, _)| !is_parked(&self.agency.agency.id, consumer));
        let furthest_behind = served.map(|(_, consumer)| consumer).min_by_key(|consumer| consumer.position(log.kind));
        // An agency without a consumer has everything to confirm, one whose consumers are all parked nothing.
        let without_one = if inbox.0.is_empty() { 0 } else { size };
        let confirmed = furthest_behind.map_or(without_one, |consumer| consumer.position(log.kind));
        if confirmed < self.confirmed {
            // Another consumer began, or is parked no more: what it has yet to confirm is looked at anew.
            self.waiting.clear();
            self.looked_at = confirmed;
        }
        self.confirmed = confirmed;
        self.looked_at = self.looked_at.max(confirmed);
        while self.waiting.front().is_some_and(|(index, _)| *index < confirmed) {
            self.waiting.pop_front();
        }
        self.passed_over = furthest_behind.map(Consumer::passed_over).into_iter().flatten().collect();
    }

    /// Takes those of some entries that are for the agency.
    fn take(&mut self, entries: &[EntryHeader], jurisdiction: &JurisdictionId) -> Result<(), StoreError> {
        for header in entries {
            if let Some(recorded_at) = recorded_for(&self.agency, header, jurisdiction)? {
                self.waiting.push_back((header.index, recorded_at));
            }
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    fn owed(&self, log: &LogName) -> impl Iterator<Item = &(u64, Timestamp)> {
        let is_owed = |(index, _): &&(u64, Timestamp)| {
            !self.passed_over.contains(&EntryPosition { log: log.kind, index: *index })
        };
        self.waiting.iter().filter(is_owed).take(WAITING_MAX)
    }
}
