//! `LedgerService`: the evidence.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::api::{Api, status};
use crate::domain::agency::Caller;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::LogName;
use crate::feed::may_read;
use crate::ledger::{self, Receipt};
use crate::store::StoredEntry;
use crate::wire::v1::ledger_service_server::LedgerService;
use crate::wire::{Violations, entry, parse, show, v1};

/// Entries read at once. With the longest messages, some two megabytes for a stream that is not read.
const PAGE_LEN: usize = 48;

/// The service.
#[derive(Debug, Clone)]
pub struct Ledger(pub Arc<Api>);

#[tonic::async_trait]
impl LedgerService for Ledger {
    type ListEntriesStream = Pin<Box<dyn Stream<Item = Result<v1::ListEntriesResponse, Status>> + Send>>;

    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let caller = Api::caller(&request)?;
        let log = self.0.readable(&caller, parse::log("log", &request.get_ref().log))?;
        let checkpoint = self.0.read(move |reader| reader.checkpoint(&log)).await?;
        let checkpoint = checkpoint.map(|(_, note)| note).unwrap_or_default();
        Ok(Response::new(v1::GetCheckpointResponse { checkpoint }))
    }

    async fn get_entry(&self, request: Request<v1::GetEntryRequest>) -> Result<Response<v1::GetEntryResponse>, Status> {
        let caller = Api::caller(&request)?;
        let (log, stored) = self.0.entry(&caller, &request.get_ref().name).await?;
        let classes = stored.audience.classes_for(&caller, &log.jurisdiction).ok_or_else(status::not_found)?;
        let shown = entry::show(&log, stored.index, stored.leaf, &stored.openings, classes);
        self.0.disclose(&caller, "LedgerService/GetEntry", &[&shown.name], classes).await?;
        Ok(Response::new(v1::GetEntryResponse { entry: Some(shown) }))
    }

    async fn list_entries(
        &self,
        request: Request<v1::ListEntriesRequest>,
    ) -> Result<Response<Self::ListEntriesStream>, Status> {
        let caller = Api::caller(&request)?;
        let expiry = Api::expiry(&request)?;
        let request = request.into_inner();
        let log = self.0.readable(&caller, parse::log("log", &request.log))?;
        let from = parse::position("start_index", request.start_index).map_err(|faults| status::violations(&faults))?;
        let end = self.0.head(&log);
        let (sender, receiver) = self.0.channel();
        let api = Arc::clone(&self.0);
        tokio::spawn(async move {
            api.serve_stream(expiry, &sender, list(&api, &caller, &log, from..end, &sender)).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn prove_inclusion(
        &self,
        request: Request<v1::ProveInclusionRequest>,
    ) -> Result<Response<v1::ProveInclusionResponse>, Status> {
        let caller = Api::caller(&request)?;
        let (log, stored) = self.0.entry(&caller, &request.get_ref().name).await?;
        let index = stored.index;
        let proof = self
            .0
            .read(move |reader| {
                let Some((size, checkpoint)) = reader.checkpoint(&log)? else { return Ok(None) };
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
}

impl Api {
    /// The log, if the caller may read it; else it does not exist.
    fn readable(&self, caller: &Caller, log: Result<LogName, Violations>) -> Result<LogName, Status> {
        let log = log.map_err(|faults| status::violations(&faults))?;
        let open = self.heads.contains_key(&log) && may_read(caller, &log);
        if open { Ok(log) } else { Err(status::not_found()) }
    }

    /// The published size of a log: everything below it is durable.
    fn head(&self, log: &LogName) -> u64 {
        self.heads.get(log).map_or(0, |head| *head.borrow())
    }

    /// An entry that the caller is in the audience of; else it does not exist.
    async fn entry(&self, caller: &Caller, name: &str) -> Result<(LogName, StoredEntry), Status> {
        let (log, index) = parse::entry_name("name", name).map_err(|faults| status::violations(&faults))?;
        let log = self.readable(caller, Ok(log))?;
        if index >= self.head(&log) {
            return Err(status::not_found());
        }
        let (place, whose) = (log.clone(), caller.clone());
        let found = self.read(move |reader| Ok(reader.entries_for(&whose, &place, index, 1)?.pop())).await?;
        let found = found.filter(|entry| entry.index == index);
        let found = found.filter(|entry| entry.audience.classes_for(caller, &log.jurisdiction).is_some());
        Ok((log, found.ok_or_else(status::not_found)?))
    }
}

/// Streams what the caller is in the audience of, page by page, each accounted for before it leaves.
async fn list(
    api: &Api,
    caller: &Caller,
    log: &LogName,
    range: std::ops::Range<u64>,
    sender: &mpsc::Sender<Result<v1::ListEntriesResponse, Status>>,
) -> Result<(), Status> {
    let mut next = range.start;
    while next < range.end {
        let (place, whose) = (log.clone(), caller.clone());
        let found = api.read(move |reader| reader.entries_for(&whose, &place, next, PAGE_LEN)).await?;
        let Some(last) = found.last().map(|entry| entry.index) else { return Ok(()) };
        next = last.saturating_add(1);
        let mut classes = FieldClasses::NONE;
        let mut shown = Vec::new();
        for stored in found.into_iter().filter(|entry| entry.index < range.end) {
            let Some(visible) = stored.audience.classes_for(caller, &log.jurisdiction) else { continue };
            classes = classes.union(visible);
            shown.push(entry::show(log, stored.index, stored.leaf, &stored.openings, visible));
        }
        let names: Vec<&str> = shown.iter().map(|entry| entry.name.as_str()).collect();
        api.disclose(caller, "LedgerService/ListEntries", &names, classes).await?;
        for entry in shown {
            api.send(sender, v1::ListEntriesResponse { entry: Some(entry) }).await?;
        }
    }
    Ok(())
}
