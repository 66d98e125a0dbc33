//! What keeps the writer from recording anything.

use std::time::{Duration, Instant};

/// Whether a batch can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::recorder) enum PolicyCheck {
    /// By the set in force.
    Current,
    /// Another gateway has let another set come into force, which this one has yet to take up. Nothing is judged by the
    /// set before: the log says that it is over.
    Superseded,
}

/// What keeps a writer from recording anything, for probes to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterStatus {
    /// Nothing does.
    None,
    /// The database cannot be reached, or takes no writes: writes wait, and what is read fails.
    StoreAway,
    /// Another policy set is in force, which this gateway has yet to take up.
    OtherLaw,
}

/// A database that is away.
#[derive(Debug)]
pub(in crate::recorder) struct Outage {
    pub(in crate::recorder) since: Instant,
    pub(in crate::recorder) pause: Duration,
    pub(in crate::recorder) stop_requested_at: Option<Instant>,
}
