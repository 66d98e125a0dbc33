//! `ListReceipts`: what became of a write, each step with its proof.
//!
//! There is no index of entries by resource. A call looks through a part of a log, and its answer says where the next one
//! goes on. Nothing is unsealed for it.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp};
use tonic::Status;

use crate::api::context::Api;
use crate::api::status;
use crate::domain::agency::{Caller, gateway};
use crate::domain::event::Party;
use crate::domain::ids::{AgencyId, CaseName, LogKind, LogName};
use crate::domain::method::Method;
use crate::feed::{may_read, recorded_within};
use crate::ledger::{self, Receipt};
use crate::store::{EntryHeader, Reader, StoreError};
use crate::wire::{Violations, parse, show, v1};

/// Entries that one call looks at.
const LOOKED_AT_MAX: usize = 4_096;
/// Entries read at once.
const PAGE_LEN: usize = 256;
/// A name was made before its entry was recorded, by a clock that may have been ahead.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What is looked for, and from where on.
struct Search {
    caller: Caller,
    resource: Option<CaseName>,
    /// The write that was asked for by its request id. Nothing before it counts.
    write: Option<(LogName, u64)>,
    log: LogName,
    range: Range<u64>,
    /// Who recorded the first entry about the resource.
    first: Option<AgencyId>,
    limit: usize,
}

/// What a part of a log has.
struct Found {
    receipts: Vec<v1::StagedReceipt>,
    /// Where to go on. The end of the range: this log is done.
    next: u64,
    first: Option<AgencyId>,
}

impl Api {
    /// The receipts of a resource, or of what a request id recorded.
    pub(super) async fn list_receipts(
        &self,
        caller: &Caller,
        request: v1::ListReceiptsRequest,
    ) -> Result<v1::ListReceiptsResponse, Status> {
        let faults = |faults: Violations| status::violations(&faults);
        let limit = parse::page_size(request.page_size).map_err(faults)?;
        let token = parse::receipts_token(&request.page_token).map_err(|_| status::invalid_cursor())?;
        let (resource, write) = match request.of {
            None => return Err(status::missing("of")),
            Some(v1::list_receipts_request::Of::Resource(name)) => {
                (Some(parse::resource("resource", &name).map_err(faults)?), None)
            }
            Some(v1::list_receipts_request::Of::Write(id)) => {
                let id = parse::request_id_in("write", &id).map_err(faults)?;
                let agency = caller.agency.id.clone();
                let found = self.read(move |reader| written(reader, reader.request(&agency, &id)?));
                let (resource, log, index) = found.await?.ok_or_else(status::not_found)?;
                (resource, Some((log, index)))
            }
        };
        let jurisdiction = resource.as_ref().map(|name| &name.jurisdiction);
        let jurisdiction = jurisdiction.or(write.as_ref().map(|(log, _)| &log.jurisdiction)).cloned();
        let jurisdiction = jurisdiction.ok_or_else(status::not_found)?;
        let logs = LogName::both_of(&jurisdiction);
        let logs = logs.into_iter().filter(|log| self.heads.contains_key(log) && may_read(caller, log));
        let from = token.as_ref().map_or(LogKind::Exchange, |(kind, ..)| *kind);
        let mut logs = logs.filter(|log| log.kind >= from).peekable();
        let log = logs.next().ok_or_else(status::not_found)?;
        let head = self.head(&log);
        let (start, first) = match token {
            Some((kind, start, first)) if kind == log.kind => (Some(start), first),
            Some(_) | None => (None, None),
        };
        let search = Search { caller: caller.clone(), resource, write, log, range: 0..head, first, limit };
        let kind = search.log.kind;
        let found = self.read(move |reader| search.look(reader, start)).await?;
        let more = found.next < head;
        let next_page_token = match logs.peek() {
            _ if more => show::receipts_token(kind, found.next, found.first.as_ref()),
            Some(next) => show::receipts_token(next.kind, 0, found.first.as_ref()),
            None => String::new(),
        };
        Ok(v1::ListReceiptsResponse { receipts: found.receipts, next_page_token })
    }
}

/// What the entry of a write is about, and where it is.
fn written(
    reader: &dyn Reader,
    at: Option<(LogName, u64)>,
) -> Result<Option<(Option<CaseName>, LogName, u64)>, StoreError> {
    let Some((log, index)) = at else { return Ok(None) };
    let Some(header) = reader.headers(&log, index, 1)?.pop() else { return Ok(None) };
    Ok(Some((header.read_leaf()?.resource.parse().ok(), log, index)))
}

impl Search {
    /// Looks through a part of the log.
    fn look(mut self, reader: &dyn Reader, start: Option<u64>) -> Result<Found, StoreError> {
        let mut next = self.begin(reader, start)?;
        let (mut receipts, mut looked_at) = (Vec::new(), 0usize);
        while next < self.range.end && looked_at < LOOKED_AT_MAX && receipts.len() < self.limit {
            let page = reader.headers(&self.log, next, PAGE_LEN)?;
            if page.is_empty() {
                next = self.range.end;
            }
            for header in page {
                if header.index >= self.range.end || receipts.len() >= self.limit {
                    break;
                }
                next = header.index.saturating_add(1);
                looked_at = looked_at.saturating_add(1);
                self.take(reader, &header, &mut receipts)?;
            }
        }
        Ok(Found { receipts, next: next.min(self.range.end), first: self.first })
    }

    /// Where to begin: nothing about a case was recorded long before its name was made.
    fn begin(&self, reader: &dyn Reader, start: Option<u64>) -> Result<u64, StoreError> {
        let earliest = match &self.write {
            Some((log, index)) if *log == self.log => return Ok(start.unwrap_or(0).max(*index)),
            Some((log, index)) => {
                let header = reader.headers(log, *index, 1)?.pop();
                header.map(|header| header.read_leaf()).transpose()?.map(|leaf| leaf.recorded_at)
            }
            None => self.resource.as_ref().and_then(made_at),
        };
        if let Some(start) = start.filter(|start| *start > 0) {
            return Ok(start);
        }
        let earliest = earliest.and_then(|at| at.checked_sub(SKEW).ok());
        Ok(recorded_within(reader, &self.log, self.range.end, earliest, None)?.start)
    }

    /// Takes an entry, if it is about the resource and the caller may know of it.
    fn take(
        &mut self,
        reader: &dyn Reader,
        header: &EntryHeader,
        receipts: &mut Vec<v1::StagedReceipt>,
    ) -> Result<(), StoreError> {
        if !self.is_visible(header) {
            return Ok(());
        }
        let leaf = header.read_leaf()?;
        let is_the_write = self.write.as_ref().is_some_and(|(log, index)| *log == self.log && *index == header.index);
        let is_about_it = self.resource.as_ref().is_some_and(|name| leaf.resource == name.to_string());
        let agency = leaf.agency.strip_prefix("agencies/").and_then(|id| id.parse::<AgencyId>().ok());
        let Some(agency) = agency.filter(|agency| (is_the_write || is_about_it) && *agency != gateway()) else {
            return Ok(());
        };
        let first = self.first.get_or_insert_with(|| agency.clone());
        if agency != *first {
            receipts.push(self.proven(reader, header, v1::ReceiptStage::ActedUpon)?);
            return Ok(());
        }
        receipts.push(self.proven(reader, header, v1::ReceiptStage::Accepted)?);
        if self.log.kind == LogKind::Exchange {
            for (party, _) in &header.audience.0 {
                if let Party::Agency(addressee) = party
                    && *addressee != agency
                    && let Some(confirmation) = self.confirmation(reader, addressee, header.index)?
                {
                    receipts.push(self.proven(reader, &confirmation, v1::ReceiptStage::Delivered)?);
                }
            }
        }
        Ok(())
    }

    fn is_visible(&self, header: &EntryHeader) -> bool {
        header.audience.classes_for(&self.caller, &self.log.jurisdiction).is_some()
    }

    /// The entry by which an agency first confirmed an entry of this log, if the caller may know of it.
    fn confirmation(
        &self,
        reader: &dyn Reader,
        agency: &AgencyId,
        index: u64,
    ) -> Result<Option<EntryHeader>, StoreError> {
        let Some(at) = reader.delivery(agency, &self.log, index)? else { return Ok(None) };
        // What a confirmation covers bears the time of its entry.
        let (log, name) = (&self.log, show::agency_name(agency));
        let mut next = recorded_within(reader, log, self.range.end, Some(at), None)?.start;
        loop {
            let page = reader.headers(log, next, PAGE_LEN)?;
            let Some(last) = page.last() else { return Ok(None) };
            next = last.index.saturating_add(1);
            for header in page {
                let leaf = header.read_leaf()?;
                if leaf.recorded_at != at || header.index >= self.range.end {
                    return Ok(None);
                }
                if leaf.agency == name && confirms(&leaf.method) && self.is_visible(&header) {
                    return Ok(Some(header));
                }
            }
        }
    }

    /// The receipt of an entry, against the newest checkpoint.
    fn proven(
        &self,
        reader: &dyn Reader,
        header: &EntryHeader,
        stage: v1::ReceiptStage,
    ) -> Result<v1::StagedReceipt, StoreError> {
        const UNSIGNED: StoreError = StoreError::Broken("the head of a log is not signed");
        let (index, size) = (header.index, self.range.end);
        let checkpoint = reader.checkpoint_at(&self.log, size)?.ok_or(UNSIGNED)?;
        let proof = ledger::prove_inclusion(index, size, |tile| reader.tile(&self.log, tile))?;
        let receipt = v1::Receipt {
            log: self.log.to_string(),
            index: show::wire_position(index),
            leaf: header.leaf.clone(),
            proof: Receipt { index, proof, checkpoint }.to_string(),
        };
        Ok(v1::StagedReceipt { stage: stage.into(), receipt: Some(receipt) })
    }
}

/// Whether a method confirms an inbox.
fn confirms(method: &str) -> bool {
    [Method::AcknowledgeInbox, Method::AcknowledgeParked].iter().any(|known| known.rpc() == method)
}

/// When a name was made: a UUID of version 7 begins with its time.
fn made_at(name: &CaseName) -> Option<Timestamp> {
    let (seconds, nanoseconds) = name.id.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
}
