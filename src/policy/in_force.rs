//! The policy set in force: one set answers every question of a call, and is exchanged as a whole.
//!
//! The recorder alone puts another in its place, when the activation is durable. Whoever judges takes the gate once and
//! asks it everything, so that no call is judged by half of each; that includes the question of the door, which may have
//! been asked of the set before.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::policy::gate::Gate;

/// Where the set in force is found. Cheap to clone; all clones show the same.
#[derive(Debug, Clone)]
pub struct InForce(Arc<ArcSwap<Gate>>);

impl InForce {
    /// Begins with a set.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self(Arc::new(ArcSwap::new(gate)))
    }

    /// The gate under the set of this moment. It stays the same for whoever holds it.
    pub fn gate(&self) -> Arc<Gate> {
        self.0.load_full()
    }

    /// Puts another in its place, for whoever asks from now on.
    pub fn take_up(&self, gate: Arc<Gate>) {
        self.0.store(gate);
    }
}
