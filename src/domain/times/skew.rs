//! How far the clocks of an agency and of the gateway may stand apart.

use jiff::{SignedDuration, Timestamp};

/// How far the clocks of an agency and of the gateway may stand apart.
pub const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A time of our clock, as an agency's own may have it at the earliest.
pub(super) fn earlier(recorded: Timestamp) -> Timestamp {
    recorded.checked_sub(SKEW).unwrap_or(Timestamp::MIN)
}

/// A time of our clock, as an agency's own may have it at the latest.
pub(super) fn later(recorded: Timestamp) -> Timestamp {
    recorded.checked_add(SKEW).unwrap_or(Timestamp::MAX)
}
