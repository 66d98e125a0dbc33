//! Converts domain values to messages: resources as a reader may see them, and events as they are recorded.

mod appeal;
mod clock;
mod duty;
mod event;
mod interview;
mod judged;
mod parts;
mod resource;
mod roster;

use jiff::Timestamp;

pub use appeal::{appeal, appeal_item, appeal_tally};
pub use duty::{obligation, obligation_etag, review, review_etag};
pub use event::{determinations, event, inbox_acknowledged, policy_activated};
pub use judged::{determination, judged};
pub use parts::move_offer;
pub use resource::{
    custody, custody_etag, detainer, detainer_etag, transfer, transfer_etag, transfer_withheld, withheld,
};
pub use roster::roster_finding;

use crate::domain::ids::{AgencyId, CaseName, LogKind};

/// `agencies/{id}`.
pub fn agency_name(agency: &AgencyId) -> String {
    format!("agencies/{agency}")
}

/// A time.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// A page token: the position of an open item in a list.
pub fn due_token(due_at: Timestamp, case: &CaseName, key: &str) -> String {
    format!("{}.{}.{key}", due_at.as_nanosecond(), case.id)
}

/// A page token of a list of receipts.
pub fn receipts_token(kind: LogKind, position: u64, first: Option<&AgencyId>) -> String {
    format!("{}.{position}.{}", kind.word(), first.map_or("", AgencyId::as_str))
}

/// A position in a log. No log reaches 2^63 entries.
pub fn wire_position(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
