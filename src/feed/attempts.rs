//! Delivery attempts of open streams. They tell a failing consumer from one whose processes start at the same time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::inbox::{EntryPosition, InboxConsumer};

type Held = (InboxConsumer, EntryPosition);

/// One for the whole gateway. Open streams bound its size: each holds one entry at most.
#[derive(Debug, Clone, Default)]
pub struct ActiveAttempts(Arc<Mutex<BTreeSet<Held>>>);

impl ActiveAttempts {
    /// Begins an attempt, which lasts until the guard is dropped. `None` if another stream of the consumer is
    /// attempting the same entry; sending it here too is not a new attempt.
    pub fn begin(&self, whose: &InboxConsumer, position: EntryPosition) -> Option<AttemptGuard> {
        let held = (whose.clone(), position);
        self.held().insert(held.clone()).then(|| AttemptGuard { attempts: self.clone(), held })
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt in progress.
#[derive(Debug)]
pub struct AttemptGuard {
    attempts: ActiveAttempts,
    held: Held,
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        self.attempts.held().remove(&self.held);
    }
}
