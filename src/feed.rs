//! A subscription: a cursor over the logs of a jurisdiction, filtered by audience.
//!
//! There is no outbox beside the log: what an agency is owed is what the log holds for it after its cursor.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::watch;

use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::command::Method;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::{AgencyId, JurisdictionId, LogKind, LogName};
use crate::store::{Reader, StoreError};
use crate::wire::{entry, v1};

/// Entries read at once. With the longest messages, some two megabytes for a stream that is not read.
const PAGE_LEN: usize = 48;

/// How far an agency has read: entries before these positions were delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// In the exchange log.
    pub exchange: u64,
    /// Just after the last entry of the exchange log that was for the agency.
    pub exchange_seen: u64,
    /// In the custody log; stays 0 for those who may not read it.
    pub custody: u64,
}

impl Cursor {
    fn of(&self, kind: LogKind) -> u64 {
        match kind {
            LogKind::Exchange => self.exchange,
            LogKind::Custody => self.custody,
        }
    }

    fn set(&mut self, kind: LogKind, position: u64) {
        match kind {
            LogKind::Exchange => self.exchange = position,
            LogKind::Custody => self.custody = position,
        }
    }
}

/// Makes cursors opaque and good for one agency and jurisdiction alone.
#[derive(Clone)]
pub struct CursorKey(hmac::Key);

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(withheld)")
    }
}

const TAG_LEN: usize = 16;
const BODY_LEN: usize = 24;

impl CursorKey {
    /// From 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// A cursor as it is handed out.
    pub fn seal(&self, agency: &AgencyId, jurisdiction: &JurisdictionId, cursor: Cursor) -> String {
        let numbers = [cursor.exchange, cursor.exchange_seen, cursor.custody];
        let mut bytes = numbers.map(u64::to_be_bytes).concat();
        let tag = hmac::sign(&self.0, &context(agency, jurisdiction, &bytes));
        bytes.extend(tag.as_ref().iter().take(TAG_LEN));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A cursor handed back. `None`: not one that was given to this agency for this jurisdiction.
    pub fn open(&self, agency: &AgencyId, jurisdiction: &JurisdictionId, text: &str) -> Option<Cursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY_LEN)?;
        let expected = hmac::sign(&self.0, &context(agency, jurisdiction, body));
        let expected = expected.as_ref().get(..TAG_LEN)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(expected, tag).ok()?;
        let mut numbers = body.chunks_exact(8).map(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)));
        let mut next = || numbers.next().flatten();
        Some(Cursor { exchange: next()?, exchange_seen: next()?, custody: next()? })
    }
}

fn context(agency: &AgencyId, jurisdiction: &JurisdictionId, body: &[u8]) -> Vec<u8> {
    [b"inbox cursor\0", agency.as_str().as_bytes(), b"\0", jurisdiction.as_str().as_bytes(), b"\0", body].concat()
}

/// Whether a caller may read a log at all: the exchange log its parties, the custody log the jurisdiction's own
/// agencies and oversight, since its very size is nobody else's business.
pub fn may_read(caller: &Caller, log: &LogName) -> bool {
    let within = caller.agency.kind.holds_people() || caller.agency.kind == AgencyKind::Oversight;
    let allowed = match log.kind {
        LogKind::Exchange => within || caller.agency.kind == AgencyKind::Federal,
        LogKind::Custody => within,
    };
    allowed && caller.takes_part_in(&log.jurisdiction)
}

/// What came of reading on.
#[derive(Debug, Default)]
pub struct Page {
    /// Entries for the caller, each with the cursor after it.
    pub entries: Vec<(v1::Entry, Cursor)>,
    /// Classes of what is shown, for the account of disclosures.
    pub classes: FieldClasses,
    /// There was nothing more.
    pub caught_up: bool,
}

/// One agency's subscription to one jurisdiction.
#[derive(Debug)]
pub struct Feed {
    reader: Arc<dyn Reader>,
    caller: Caller,
    logs: Vec<(LogName, watch::Receiver<u64>)>,
    cursor: Cursor,
}

impl Feed {
    /// A subscription from a cursor on. Logs the caller may not read are left out.
    pub fn new(
        reader: Arc<dyn Reader>,
        caller: Caller,
        heads: impl IntoIterator<Item = (LogName, watch::Receiver<u64>)>,
        cursor: Cursor,
    ) -> Self {
        let logs = heads.into_iter().filter(|(log, _)| may_read(&caller, log)).collect();
        Self { reader, caller, logs, cursor }
    }

    /// Where the subscription stands.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Reads on, up to a page. Blocks on the store: call it off the network threads.
    pub fn page(&mut self) -> Result<Page, StoreError> {
        let mut page = Page { caught_up: true, ..Page::default() };
        for (log, head) in &mut self.logs {
            let size = *head.borrow_and_update();
            let from = self.cursor.of(log.kind);
            if from >= size {
                continue;
            }
            // Not beyond the published head, so that who has caught up stands at the end of a batch.
            let owed = usize::try_from(size.saturating_sub(from)).unwrap_or(PAGE_LEN);
            let found = self.reader.entries_for(&self.caller, log, from, owed.min(PAGE_LEN))?;
            let end = found.last().map_or(size, |entry| entry.index.saturating_add(1));
            page.caught_up &= end >= size;
            for stored in found {
                self.cursor.set(log.kind, stored.index.saturating_add(1));
                let Some(classes) = stored.audience.classes_for(&self.caller, &log.jurisdiction) else { continue };
                // Proof of delivery is never itself delivered, else two inboxes would acknowledge each other for ever.
                let acknowledged = entry::read_leaf(&stored.leaf)
                    .map_err(|_| StoreError::Broken("a leaf is not of a known layout"))?
                    .method
                    == Method::AcknowledgeInbox.rpc();
                if acknowledged {
                    continue;
                }
                if log.kind == LogKind::Exchange {
                    self.cursor.exchange_seen = self.cursor.exchange;
                }
                page.classes = page.classes.union(classes);
                let shown = entry::show(log, stored.index, stored.leaf, &stored.openings, classes);
                page.entries.push((shown, self.cursor));
            }
            self.cursor.set(log.kind, end);
        }
        Ok(page)
    }

    /// Waits until a log has grown, or the heartbeat is due. False when the writer has ended.
    pub async fn wait(&mut self, heartbeat: Duration) -> bool {
        let grown = self.logs.iter_mut().map(|(_, head)| Box::pin(head.changed()));
        tokio::select! {
            (outcome, _, _) = futures_util::future::select_all(grown) => outcome.is_ok(),
            () = tokio::time::sleep(heartbeat) => true,
        }
    }

    /// Whether the caller may read any log of the jurisdiction.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_agency_and_jurisdiction_alone() {
        let key = CursorKey::new(&[3; 32]);
        let (ice, ny): (AgencyId, JurisdictionId) = ("us-ice".parse().unwrap(), "us-ny".parse().unwrap());
        let cursor = Cursor { exchange: 7, exchange_seen: 5, custody: 9 };
        let text = key.seal(&ice, &ny, cursor);
        assert_eq!(key.open(&ice, &ny, &text), Some(cursor));
        assert_eq!(key.open(&"us-cbp".parse().unwrap(), &ny, &text), None);
        assert_eq!(key.open(&ice, &"us-tx".parse().unwrap(), &text), None);
        assert_eq!(CursorKey::new(&[4; 32]).open(&ice, &ny, &text), None);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open(&ice, &ny, &String::from_utf8(bytes).unwrap()), None, "{at}");
        }
    }
}
