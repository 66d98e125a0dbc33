//! The policy set in force. One set answers every question of a call, and it is replaced as a whole.
//!
//! Only the recorder replaces it, once the activation is durable. Whoever judges takes the gate once and asks it
//! everything, so that no call is judged by parts of two sets. That includes admission, which may have been asked of
//! the previous set when the call arrived.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::policy::gate::Gate;

/// Holds the policy set in force. Cheap to clone; all clones see the same set.
#[derive(Debug, Clone)]
pub struct GateInForce(Arc<ArcSwap<Gate>>);

impl GateInForce {
    /// Starts with this gate.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self(Arc::new(ArcSwap::new(gate)))
    }

    /// The gate of the set in force now. The returned gate does not change.
    pub fn gate(&self) -> Arc<Gate> {
        self.0.load_full()
    }

    /// Replaces the gate for every later call of [`Self::gate`].
    pub fn replace(&self, gate: Arc<Gate>) {
        self.0.store(gate);
    }
}
