//! `LedgerService`: entries, checkpoints and proofs.

mod accounting;
mod receipts;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use crate::api::context::Api;
use crate::api::status;
use crate::api::stream::{MessageSender, ResponseStream};
use crate::audit::call;
use crate::domain::agency::Caller;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::LogName;
use crate::domain::method::ReadMethod;
use crate::feed::{PAGE_BYTES_MAX, VisibleClasses, may_read};
use crate::ledger::{self, Hash, Receipt};
use crate::store::{DisclosedResource, StoreError, StoredEntry};
use crate::wire::v1::ledger_service_server::LedgerService;
use crate::wire::{Message as _, Violations, entry, parse, show, v1};

/// Entries read at once.
const PAGE_LEN: usize = 48;

/// The service.
#[derive(Debug, Clone)]
pub struct Ledger(pub Arc<Api>);

#[tonic::async_trait]
impl LedgerService for Ledger {
    type ListEntriesStream = ResponseStream<v1::ListEntriesResponse>;

    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let caller = Api::caller(&request)?;
        let log = self.0.readable(&caller, parse::log("log", &request.get_ref().log))?;
        // The checkpoint of the published size: a larger one that another gateway signed may not be durable everywhere
        // yet.
        let head = self.0.head(&log);
        let witnessed = self.0.cosignatures.newest(&log).map(|witnessed| v1::Witnessed {
            checkpoint: witnessed.note,
            size: show::wire_position(witnessed.size),
            quorum: witnessed.is_quorum,
            witnesses: witnessed.witnesses,
        });
        let checkpoint = self.0.read(move |reader| reader.checkpoint_at(&log, head)).await?;
        Ok(Response::new(v1::GetCheckpointResponse { checkpoint: checkpoint.unwrap_or_default(), witnessed }))
    }

    async fn get_entry(&self, request: Request<v1::GetEntryRequest>) -> Result<Response<v1::GetEntryResponse>, Status> {
        let caller = Api::caller(&request)?;
        let name = &request.get_ref().name;
        let (log, stored, visible) = self.0.entry(&caller, ReadMethod::GetEntry, name).await?;
        let VisibleClasses { classes, withheld } = visible;
        let shown = entry::show(&log, stored.index, stored.leaf, &stored.openings, classes, &withheld);
        let resources = vec![DisclosedResource::entry(&log, stored.index)];
        self.0.disclose(&caller, ReadMethod::GetEntry, &log.jurisdiction, resources, classes).await?;
        Ok(Response::new(v1::GetEntryResponse { entry: Some(shown) }))
    }

    async fn list_entries(
        &self,
        request: Request<v1::ListEntriesRequest>,
    ) -> Result<Response<Self::ListEntriesStream>, Status> {
        let caller = Api::caller(&request)?;
        let opener = Api::opener(&request, ReadMethod::ListEntries.word())?;
        let request = request.into_inner();
        let log = self.0.readable(&caller, parse::log("log", &request.log))?;
        let from = parse::position("start_index", request.start_index).map_err(|faults| status::violations(&faults))?;
        let tree_size =
            parse::position("tree_size", request.tree_size).map_err(|faults| status::violations(&faults))?;
        let head = self.0.head(&log);
        if tree_size > head {
            return Err(status::beyond_head());
        }
        let proven_in = Some(tree_size).filter(|size| *size > 0);
        let range = from..proven_in.unwrap_or(head);
        let (outgoing, answers) = self.0.outgoing();
        let api = Arc::clone(&self.0);
        let served = async move {
            let serve = async |sender| list(&api, &caller, &log, (range, proven_in), &sender).await;
            api.serve_stream(opener, outgoing, serve).await;
        };
        tokio::spawn(call::carried(served.in_current_span()));
        Ok(Response::new(answers))
    }

    async fn prove_inclusion(
        &self,
        request: Request<v1::ProveInclusionRequest>,
    ) -> Result<Response<v1::ProveInclusionResponse>, Status> {
        let caller = Api::caller(&request)?;
        let (log, stored, _) = self.0.entry(&caller, ReadMethod::ProveInclusion, &request.get_ref().name).await?;
        let (index, size) = (stored.index, self.0.head(&log));
        let proof = self
            .0
            .read(move |reader| {
                let Some(checkpoint) = reader.checkpoint_at(&log, size)? else { return Ok(None) };
                let proof = ledger::prove_inclusion(index, size, |tile| reader.tile(&log, tile))?;
                Ok(Some(Receipt { index, proof, checkpoint }))
            })
            .await?;
        let proof = proof.ok_or_else(|| status::internal("an entry cannot be proven"))?;
        Ok(Response::new(v1::ProveInclusionResponse { proof: proof.to_string() }))
    }

    async fn prove_consistency(
        &self,
        request: Request<v1::ProveConsistencyRequest>,
    ) -> Result<Response<v1::ProveConsistencyResponse>, Status> {
        let caller = Api::caller(&request)?;
        let request = request.into_inner();
        let log = self.0.readable(&caller, parse::log("log", &request.log))?;
        let faults = |faults: Violations| status::violations(&faults);
        let old_size = parse::position("old_size", request.old_size).map_err(faults)?;
        let new_size = parse::position("new_size", request.new_size).map_err(faults)?;
        let head = self.0.head(&log);
        let new_size = if new_size == 0 { head } else { new_size };
        if old_size == 0 || old_size > new_size || new_size > head {
            return Err(status::beyond_head());
        }
        let (proof, checkpoint) = self
            .0
            .read(move |reader| {
                let proof = ledger::prove_consistency(old_size, new_size, |tile| reader.tile(&log, tile))?;
                Ok((proof, reader.checkpoint_at(&log, new_size)?))
            })
            .await?;
        Ok(Response::new(v1::ProveConsistencyResponse {
            new_size: show::wire_position(new_size),
            hashes: proof.iter().map(|hash| hash.as_bytes().to_vec()).collect(),
            checkpoint: checkpoint.unwrap_or_default(),
        }))
    }

    async fn list_receipts(
        &self,
        request: Request<v1::ListReceiptsRequest>,
    ) -> Result<Response<v1::ListReceiptsResponse>, Status> {
        let caller = Api::caller(&request)?;
        Ok(Response::new(self.0.list_receipts(&caller, request.into_inner()).await?))
    }

    async fn get_accounting(
        &self,
        request: Request<v1::GetAccountingRequest>,
    ) -> Result<Response<v1::GetAccountingResponse>, Status> {
        let caller = Api::caller(&request)?;
        Ok(Response::new(self.0.accounting(&caller, request.into_inner()).await?))
    }
}

impl Api {
    /// The log, if the caller may read it. Otherwise it does not exist for this caller.
    pub(super) fn readable(&self, caller: &Caller, log: Result<LogName, Violations>) -> Result<LogName, Status> {
        let log = log.map_err(|faults| status::violations(&faults))?;
        let open = self.heads.contains_key(&log) && may_read(caller, &log);
        if open { Ok(log) } else { Err(status::not_found()) }
    }

    /// The published size of a log. Everything below it is durable.
    pub(super) fn head(&self, log: &LogName) -> u64 {
        self.heads.get(log).map_or(0, |head| *head.borrow())
    }

    /// An entry and what the caller may be shown of it now. For a caller outside its audience it does not exist.
    async fn entry(
        &self,
        caller: &Caller,
        method: ReadMethod,
        name: &str,
    ) -> Result<(LogName, StoredEntry, VisibleClasses), Status> {
        let (log, index) = parse::entry_name("name", name).map_err(|faults| status::violations(&faults))?;
        let log = self.readable(caller, Ok(log))?;
        // Read beyond the end too: a missing entry takes as long as somebody else's.
        let head = self.head(&log);
        let found = self.shown(caller, method, &log, index, 1).await?.pop();
        let found = found.filter(|(entry, _)| entry.index == index && index < head);
        let (stored, visible) = found.ok_or_else(status::not_found)?;
        Ok((log, stored, visible.ok_or_else(status::not_found)?))
    }

    /// The inclusion proofs of entries in the tree of a size.
    async fn proofs(&self, log: &LogName, indexes: Vec<u64>, size: u64) -> Result<Vec<Vec<Vec<u8>>>, Status> {
        let log = log.clone();
        let read = self.read(move |reader| {
            // Neighbours have most of their tiles in common.
            let mut tiles = BTreeMap::new();
            let mut tile = |id| match tiles.entry(id) {
                Entry::Occupied(known) => Ok::<_, StoreError>(Vec::clone(known.get())),
                Entry::Vacant(place) => Ok(place.insert(reader.tile(&log, id)?).clone()),
            };
            let mut proof = |index| ledger::prove_inclusion(index, size, &mut tile);
            indexes.into_iter().map(|index| Ok(proof(index)?)).collect::<Result<Vec<_>, StoreError>>()
        });
        let bytes = |hashes: Vec<Hash>| hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect();
        Ok(read.await?.into_iter().map(bytes).collect())
    }

    /// Entries from a position on, each with what the caller may be shown of it now.
    async fn shown(
        &self,
        caller: &Caller,
        method: ReadMethod,
        log: &LogName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(StoredEntry, Option<VisibleClasses>)>, Status> {
        let (place, whose) = (log.clone(), caller.clone());
        let read = self.read_for(caller, method, move |reader, disclosure_filter| {
            let found = reader.entries_for(&whose, &place, from, limit)?.into_iter();
            found
                .map(|stored| Ok((disclosure_filter.visible(&stored, &place.jurisdiction)?, stored)))
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(read.await?.into_iter().map(|(visible, stored)| (stored, visible)).collect())
    }
}

/// Streams the entries whose audience includes the caller, page by page. Each page is accounted for before it leaves.
/// Each entry comes with its proof in the tree of a size, if one is given.
async fn list(
    api: &Api,
    caller: &Caller,
    log: &LogName,
    (range, proven_in): (std::ops::Range<u64>, Option<u64>),
    sender: &MessageSender<v1::ListEntriesResponse>,
) -> Result<(), Status> {
    let mut next = range.start;
    while next < range.end {
        let found = api.shown(caller, ReadMethod::ListEntries, log, next, PAGE_LEN).await?;
        if found.is_empty() {
            return Ok(());
        }
        let (mut classes, mut shown, mut indexes, mut bytes) = (FieldClasses::NONE, Vec::new(), Vec::new(), 0usize);
        for (stored, visible) in found.into_iter().filter(|(entry, _)| entry.index < range.end) {
            if bytes >= PAGE_BYTES_MAX {
                break;
            }
            next = stored.index.saturating_add(1);
            let Some(visible) = visible else { continue };
            classes = classes.union(visible.classes);
            let (openings, withheld) = (&stored.openings, &visible.withheld);
            let entry = entry::show(log, stored.index, stored.leaf, openings, visible.classes, withheld);
            bytes = bytes.saturating_add(entry.encoded_len());
            indexes.push(stored.index);
            shown.push(entry);
        }
        let resources = indexes.iter().map(|index| DisclosedResource::entry(log, *index)).collect();
        api.disclose(caller, ReadMethod::ListEntries, &log.jurisdiction, resources, classes).await?;
        let mut proofs = match proven_in {
            Some(size) => api.proofs(log, indexes, size).await?.into_iter(),
            None => Vec::new().into_iter(),
        };
        for entry in shown {
            let hashes = proofs.next().unwrap_or_default();
            sender.send(v1::ListEntriesResponse { entry: Some(entry), hashes }).await?;
        }
    }
    Ok(())
}
