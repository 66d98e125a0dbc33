//! Several stores read as one, each jurisdiction from the store that keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::agency::Caller;
use crate::domain::case::StoredCase;
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId, LogName, RequestId};
use crate::domain::inbox::Inbox;
use crate::ledger::{Hash, TileId};
use crate::store::appeals::{ItemFilter, Listed};
use crate::store::{
    AgendaFilter, CaseFilter, CasesOf, Disclosed, EntryHeader, ListedItem, PolicyInForce, Reader, RecordedAnswer,
    StoreError, StoredEntry,
};

/// Readers by jurisdiction.
#[derive(Debug)]
pub struct Sharded {
    shard_of: BTreeMap<JurisdictionId, usize>,
    shards: Vec<Arc<dyn Reader>>,
}

impl Sharded {
    /// Joins shards with the jurisdictions that each keeps. A single shard is returned as it is.
    pub fn over(shards: Vec<(Vec<JurisdictionId>, Arc<dyn Reader>)>) -> Arc<dyn Reader> {
        if let [(_, only)] = shards.as_slice() {
            return Arc::clone(only);
        }
        let (mut shard_of, mut readers) = (BTreeMap::new(), Vec::new());
        for (kept, reader) in shards {
            shard_of.extend(kept.into_iter().map(|jurisdiction| (jurisdiction, readers.len())));
            readers.push(reader);
        }
        Arc::new(Self { shard_of, shards: readers })
    }

    fn of(&self, jurisdiction: &JurisdictionId) -> Result<&dyn Reader, StoreError> {
        let shard = self.shard_of.get(jurisdiction).and_then(|at| self.shards.get(*at));
        Ok(&**shard.ok_or(StoreError::Broken("a jurisdiction is kept in no shard"))?)
    }
}

impl Reader for Sharded {
    fn case(&self, name: &CaseName) -> Result<Option<StoredCase>, StoreError> {
        // A jurisdiction that is not kept here has no cases.
        self.of(&name.jurisdiction).map_or(Ok(None), |shard| shard.case(name))
    }

    fn case_of(&self, whose: &CasesOf, name: &CaseName) -> Result<Option<StoredCase>, StoreError> {
        self.of(&name.jurisdiction).map_or(Ok(None), |shard| shard.case_of(whose, name))
    }

    fn cases(&self, filter: &CaseFilter) -> Result<Vec<StoredCase>, StoreError> {
        self.of(&filter.jurisdiction).map_or(Ok(Vec::new()), |shard| shard.cases(filter))
    }

    fn entries(&self, log: &LogName, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        self.of(&log.jurisdiction)?.entries(log, from, limit)
    }

    fn entries_for(
        &self,
        caller: &Caller,
        log: &LogName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        self.of(&log.jurisdiction)?.entries_for(caller, log, from, limit)
    }

    fn answer(&self, log: &LogName, index: u64) -> Result<Option<RecordedAnswer>, StoreError> {
        self.of(&log.jurisdiction)?.answer(log, index)
    }

    fn checkpoint(&self, log: &LogName) -> Result<Option<(u64, String)>, StoreError> {
        self.of(&log.jurisdiction)?.checkpoint(log)
    }

    fn checkpoint_at(&self, log: &LogName, size: u64) -> Result<Option<String>, StoreError> {
        self.of(&log.jurisdiction)?.checkpoint_at(log, size)
    }

    fn checkpoints(&self, log: &LogName) -> Result<Vec<(u64, String)>, StoreError> {
        self.of(&log.jurisdiction)?.checkpoints(log)
    }

    fn head(&self, log: &LogName) -> Result<Option<u64>, StoreError> {
        self.of(&log.jurisdiction)?.head(log)
    }

    fn tile(&self, log: &LogName, tile: TileId) -> Result<Vec<Hash>, StoreError> {
        self.of(&log.jurisdiction)?.tile(log, tile)
    }

    fn headers(&self, log: &LogName, from: u64, limit: usize) -> Result<Vec<EntryHeader>, StoreError> {
        self.of(&log.jurisdiction)?.headers(log, from, limit)
    }

    fn inbox(&self, agency: &AgencyId, jurisdiction: &JurisdictionId) -> Result<Inbox, StoreError> {
        self.of(jurisdiction).map_or(Ok(Inbox::default()), |shard| shard.inbox(agency, jurisdiction))
    }

    /// The set of the first shard: a set comes into force in each shard, one after the other.
    fn policy(&self) -> Result<Option<PolicyInForce>, StoreError> {
        self.shards.first().map_or(Ok(None), |shard| shard.policy())
    }

    fn agenda(&self, filter: &AgendaFilter) -> Result<Vec<ListedItem>, StoreError> {
        self.of(&filter.jurisdiction).map_or(Ok(Vec::new()), |shard| shard.agenda(filter))
    }

    fn items(&self, filter: &ItemFilter) -> Result<Vec<Listed>, StoreError> {
        self.of(&filter.appeal.jurisdiction).map_or(Ok(Vec::new()), |shard| shard.items(filter))
    }

    fn request(&self, agency: &AgencyId, request_id: &RequestId) -> Result<Option<(LogName, u64)>, StoreError> {
        let found = self.shards.iter().find_map(|shard| shard.request(agency, request_id).transpose());
        found.transpose()
    }

    fn delivery(&self, agency: &AgencyId, log: &LogName, index: u64) -> Result<Option<Timestamp>, StoreError> {
        self.of(&log.jurisdiction)?.delivery(agency, log, index)
    }

    fn disclosures(
        &self,
        jurisdiction: &JurisdictionId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Disclosed>, StoreError> {
        self.of(jurisdiction).map_or(Ok(Vec::new()), |shard| shard.disclosures(jurisdiction, after, limit))
    }

    fn logs(&self) -> Result<Vec<LogName>, StoreError> {
        let mut logs = Vec::new();
        for shard in &self.shards {
            logs.extend(shard.logs()?);
        }
        logs.sort();
        Ok(logs)
    }

    fn probe(&self) -> Result<(), StoreError> {
        self.shards.iter().try_for_each(|shard| shard.probe())
    }
}
