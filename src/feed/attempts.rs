//! Entries that open streams are trying: a consumer whose processes start together is not failing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::inbox::{Place, Whose};

type Held = (Whose, Place);

/// One for the gateway. Bounded by its open streams: each holds one entry at most.
#[derive(Debug, Clone, Default)]
pub struct ActiveAttempts(Arc<Mutex<BTreeSet<Held>>>);

impl ActiveAttempts {
    /// Holds an entry for a stream until the hold is dropped. `None`: another stream of the consumer holds it, so that
    /// sending it here as well is no new try.
    pub fn begin(&self, whose: &Whose, place: Place) -> Option<AttemptGuard> {
        let held = (whose.clone(), place);
        self.held().insert(held.clone()).then(|| AttemptGuard { attempts: self.clone(), held })
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry being tried.
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
