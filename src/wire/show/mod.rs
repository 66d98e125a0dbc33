//! Writes domain values as messages: resources as a reader may see them, and events as they are recorded.

mod event;
mod judged;
mod parts;
mod resource;

use jiff::Timestamp;

pub use event::{determinations, event, inbox_acknowledged};
pub use judged::judged;
pub use resource::{
    custody, custody_etag, detainer, detainer_etag, transfer, transfer_etag, transfer_withheld, withheld,
};

use crate::domain::ids::AgencyId;

/// `agencies/{id}`.
pub fn agency_name(agency: &AgencyId) -> String {
    format!("agencies/{agency}")
}

/// A time.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// A position in a log. A log of more than 2^63 entries will not be.
pub fn wire_position(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
