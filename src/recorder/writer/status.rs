//! What keeps the writer from recording.

use std::time::{Duration, Instant};

/// Whether a batch can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::recorder) enum PolicyCheck {
    /// It can, by the policy set in force.
    Current,
    /// It cannot: another gateway has brought another set into force, and this one does not have it yet. The old set MUST
    /// NOT judge any more, because the log says that it was replaced.
    Superseded,
}

/// What keeps a writer from recording. Probes report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterStatus {
    /// Nothing.
    None,
    /// The database is unreachable or takes no writes. Writes wait, and reads fail.
    StoreAway,
    /// Another policy set is in force, and this gateway does not have it yet.
    OtherLaw,
}

/// An outage of the database.
#[derive(Debug)]
pub(in crate::recorder) struct Outage {
    pub(in crate::recorder) since: Instant,
    pub(in crate::recorder) pause: Duration,
    pub(in crate::recorder) stop_requested_at: Option<Instant>,
}
