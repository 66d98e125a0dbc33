//! A subscription: a cursor over the logs of a jurisdiction, filtered by audience, and narrowed again when an entry is
//! delivered.
//!
//! There is no outbox beside the log. What an agency is owed is what the log holds for it after its cursor.

mod attempts;
mod backlog;
mod cursor;
mod disclosure_filter;
mod outstanding;
mod replaying;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

pub use attempts::{ActiveAttempts, AttemptGuard};
pub use backlog::{Backlog, backlog};
pub use cursor::{Cursor, CursorKey};
pub use disclosure_filter::{DisclosureFilter, VisibleClasses};
pub use outstanding::{Outstanding, Waiting};
pub use replaying::{judge_again, recorded_within};

use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::command::Method;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::{JurisdictionId, LogKind, LogName};
use crate::domain::inbox::{Consumer, EntryPosition};
use crate::policy::gate::Gate;
use crate::store::{EntryHeader, Reader, StoreError, StoredEntry};
use crate::wire::{Message as _, entry, v1};

/// Entries read at a time.
const PAGE_LEN: usize = 48;
/// A page ends with the entry that reaches this many bytes, which bounds what an unread stream holds.
pub const PAGE_BYTES_MAX: usize = 256 * 1_024;

/// Whether a caller may read a log at all. The parties read the exchange log. Only the jurisdiction's own agencies and
/// oversight read the custody log, since even its size reveals something.
pub fn may_read(caller: &Caller, log: &LogName) -> bool {
    let within = caller.agency.kind.holds_people() || caller.agency.kind == AgencyKind::Oversight;
    let allowed = match log.kind {
        LogKind::Exchange => within || caller.agency.kind == AgencyKind::Federal,
        LogKind::Custody => within,
    };
    allowed && caller.takes_part_in(&log.jurisdiction)
}

/// Whether an entry of this method is a proof of delivery. It is never delivered itself: otherwise two inboxes would
/// acknowledge each other for ever.
fn is_proof_of_delivery(method: &str) -> bool {
    [Method::AcknowledgeInbox, Method::AcknowledgeParked].iter().any(|known| known.rpc() == method)
}

/// When an entry was recorded that is to be delivered to an agency. `None`: it is not for the agency, or proves a delivery.
fn recorded_for(
    agency: &Caller,
    header: &EntryHeader,
    jurisdiction: &JurisdictionId,
) -> Result<Option<Timestamp>, StoreError> {
    if header.audience.classes_for(agency, jurisdiction).is_none() {
        return Ok(None);
    }
    let leaf = header.read_leaf()?;
    Ok((!is_proof_of_delivery(&leaf.method)).then_some(leaf.recorded_at))
}

/// An entry that is ready to be delivered.
#[derive(Debug)]
pub struct PendingDelivery {
    /// Its position in the logs.
    pub position: EntryPosition,
    /// The entry, as far as the caller may know it now.
    pub entry: v1::Entry,
    /// The classes shown, for the account of disclosures.
    pub classes: FieldClasses,
    /// The cursor after the entry.
    pub cursor: Cursor,
}

/// A page of a subscription.
#[derive(Debug, Default)]
pub struct Page {
    /// Entries for the caller.
    pub entries: Vec<PendingDelivery>,
    /// There is nothing more.
    pub caught_up: bool,
    bytes: usize,
}

/// One subscription of a consumer to one jurisdiction.
#[derive(Debug)]
pub struct Feed {
    reader: Arc<dyn Reader>,
    caller: Caller,
    logs: Vec<(LogName, watch::Receiver<u64>)>,
    cursor: Cursor,
    passed_over: BTreeSet<EntryPosition>,
}

impl Feed {
    /// A subscription of a consumer, starting at a cursor. Logs that the caller may not read are left out.
    pub fn new(
        reader: Arc<dyn Reader>,
        caller: Caller,
        heads: impl IntoIterator<Item = (LogName, watch::Receiver<u64>)>,
        cursor: Cursor,
        consumer: &Consumer,
    ) -> Self {
        let logs = heads.into_iter().filter(|(log, _)| may_read(&caller, log)).collect();
        Self { reader, caller, logs, cursor, passed_over: consumer.passed_over().collect() }
    }

    /// The position of the subscription.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Reads the next page. One gate judges the whole page by the law of now. Blocks on the store: call it off the
    /// network threads.
    pub fn page(&mut self, gate: &Gate, now: Timestamp) -> Result<Page, StoreError> {
        let mut page = Page { caught_up: true, ..Page::default() };
        let Self { reader, caller, logs, cursor, passed_over } = self;
        let mut disclosure_filter = DisclosureFilter::new(&**reader, gate, caller, now);
        for (log, head) in logs {
            let size = *head.borrow_and_update();
            let from = cursor.of(log.kind);
            if from >= size {
                continue;
            }
            // Do not read beyond the published head, so that a reader that has caught up is at the end of a batch.
            let owed = usize::try_from(size.saturating_sub(from)).unwrap_or(PAGE_LEN);
            let found = reader.entries_for(caller, log, from, owed.min(PAGE_LEN))?;
            let end = found.last().map_or(size, |entry| entry.index.saturating_add(1));
            let mut full = false;
            for stored in found {
                full = page.bytes >= PAGE_BYTES_MAX;
                if full {
                    break;
                }
                let position = EntryPosition { log: log.kind, index: stored.index };
                cursor.set(log.kind, stored.index.saturating_add(1));
                if !passed_over.contains(&position) {
                    page.take(position, log, stored, &mut disclosure_filter, cursor)?;
                }
            }
            if full {
                page.caught_up = false;
                break;
            }
            cursor.set(log.kind, end);
            page.caught_up &= end >= size;
        }
        Ok(page)
    }

    /// Waits until a log has grown or the heartbeat is due. Returns false when the writer has ended.
    pub async fn wait(&mut self, heartbeat: Duration) -> bool {
        let grown = self.logs.iter_mut().map(|(_, head)| Box::pin(head.changed()));
        tokio::select! {
            (outcome, _, _) = futures_util::future::select_all(grown) => outcome.is_ok(),
            () = tokio::time::sleep(heartbeat) => true,
        }
    }

    /// Whether the caller may read no log of the jurisdiction.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }
}

impl Page {
    /// Adds an entry if it is for the caller.
    fn take(
        &mut self,
        position: EntryPosition,
        log: &LogName,
        stored: StoredEntry,
        disclosure_filter: &mut DisclosureFilter<'_>,
        cursor: &mut Cursor,
    ) -> Result<(), StoreError> {
        let Some(visible) = disclosure_filter.visible(&stored, &log.jurisdiction)? else { return Ok(()) };
        let leaf = stored.read_leaf()?;
        if is_proof_of_delivery(&leaf.method) {
            return Ok(());
        }
        if log.kind == LogKind::Exchange {
            cursor.exchange_seen = cursor.exchange;
        }
        let classes = visible.classes;
        let entry = entry::show(log, stored.index, stored.leaf, &stored.openings, classes, &visible.withheld);
        self.bytes = self.bytes.saturating_add(entry.encoded_len());
        self.entries.push(PendingDelivery { position, entry, classes, cursor: *cursor });
        Ok(())
    }
}
