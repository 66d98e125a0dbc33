//! How many entries wait for a consumer, counted from leaves and audiences alone. Nothing is unsealed.

use jiff::Timestamp;

use crate::domain::agency::Caller;
use crate::domain::ids::LogName;
use crate::domain::inbox::{Consumer, EntryPosition};
use crate::feed::recorded_for;
use crate::store::{Reader, StoreError};

/// The most entries of a log that one count looks at. The result says if there are more.
const LOOKED_AT_MAX: u64 = 10_000;
const PAGE_LEN: u64 = 500;

/// What waits for a consumer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many entries wait, among those looked at.
    pub count: u64,
    /// When the oldest of them was recorded.
    pub oldest: Option<Timestamp>,
    /// There are more entries than were looked at.
    pub incomplete: bool,
}

/// Counts what waits for a consumer in logs of these sizes. `agency` is the consumer's agency, whoever asks. Blocks on
/// the store.
pub fn backlog(
    reader: &dyn Reader,
    agency: &Caller,
    consumer: &Consumer,
    logs: &[(LogName, u64)],
) -> Result<Backlog, StoreError> {
    let passed_over: Vec<EntryPosition> = consumer.passed_over().collect();
    let mut backlog = Backlog::default();
    for (log, size) in logs {
        let from = consumer.position(log.kind);
        let end = (*size).min(from.saturating_add(LOOKED_AT_MAX));
        backlog.incomplete |= end < *size;
        let mut next = from;
        while next < end {
            let limit = usize::try_from(PAGE_LEN.min(end.saturating_sub(next))).unwrap_or_default();
            let found = reader.headers(log, next, limit)?;
            let Some(last) = found.last().map(|header| header.index) else { break };
            next = last.saturating_add(1);
            for header in found {
                let position = EntryPosition { log: log.kind, index: header.index };
                if passed_over.contains(&position) {
                    continue;
                }
                if let Some(recorded_at) = recorded_for(agency, &header, &log.jurisdiction)? {
                    backlog.count = backlog.count.saturating_add(1);
                    backlog.oldest = Some(backlog.oldest.map_or(recorded_at, |oldest| oldest.min(recorded_at)));
                }
            }
        }
    }
    Ok(backlog)
}
