//! Entries that open streams are trying: a consumer whose processes start together is not failing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::inbox::{EntryPosition, InboxConsumer};

type Held = (InboxConsumer, EntryPosition);

/// One for the gateway. Bounded by its open streams: each holds one entry at most.
#[derive(Debug, Clone, Default)]
pub struct Trying(Arc<Mutex<BTreeSet<Held>>>);

impl Trying {
    /// Holds an entry for a stream until the hold is dropped. `None`: another stream of the consumer holds it, so that
    /// sending it here as well is no new try.
    pub fn hold(&self, whose: &InboxConsumer, place: EntryPosition) -> Option<Hold> {
        let held = (whose.clone(), place);
        self.held().insert(held.clone()).then(|| Hold { trying: self.clone(), held })
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry being tried.
#[derive(Debug)]
pub struct Hold {
    trying: Trying,
    held: Held,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.trying.held().remove(&self.held);
    }
}
