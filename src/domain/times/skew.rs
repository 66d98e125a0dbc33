//! How far the clocks of an agency and of the gateway may stand apart.

use jiff::{SignedDuration, Timestamp};

/// How far the clocks of an agency and of the gateway may stand apart.
pub const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The earliest time that an agency's clock may have shown at a time of ours.
pub(super) fn earlier(recorded: Timestamp) -> Timestamp {
    recorded.checked_sub(SKEW).unwrap_or(Timestamp::MIN)
}

/// The latest time that an agency's clock may have shown at a time of ours.
pub(super) fn later(recorded: Timestamp) -> Timestamp {
    recorded.checked_add(SKEW).unwrap_or(Timestamp::MAX)
}
