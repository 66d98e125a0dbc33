//! What is done a few at a time, over all callers.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Pages of resources put together at once, over all callers.
const LISTS_MAX: usize = 16;
/// Appeals read whole at once: each may be over thousands of detainers.
const LOOKED_MAX: usize = 4;
/// Questions about the law itself, and pages of replays, considered at once over all callers: they cost the processor,
/// and must leave it to those who ask about cases.
const CONSIDERED_MAX: usize = 2;

/// What is done a few at a time, over all callers: the rest waits for its turn.
#[derive(Debug)]
pub struct Turns {
    /// Pages of resources put together.
    pub(super) lists: Arc<Semaphore>,
    /// Appeals read whole.
    pub(super) appeals: Arc<Semaphore>,
    /// Questions about the law itself considered.
    pub(super) considered: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let turns = |count| Arc::new(Semaphore::new(count));
        Self { lists: turns(LISTS_MAX), appeals: turns(LOOKED_MAX), considered: turns(CONSIDERED_MAX) }
    }
}
