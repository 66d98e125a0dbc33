//! What came of handshakes, counted for whoever watches: refusals by reason, and the end of each agency's certificate.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::accept::refusal::Refusal;
use crate::domain::ids::AgencyId;

/// What came of handshakes. It grows with the reasons and the agencies that there are, not with the handshakes.
#[derive(Debug)]
pub(super) struct HandshakeTally {
    refused: Mutex<BTreeMap<&'static str, u64>>,
    certificate_ends: Mutex<BTreeMap<AgencyId, Timestamp>>,
}

impl Default for HandshakeTally {
    fn default() -> Self {
        let refused = Refusal::OF_ANYBODY.map(|refusal| (refusal.reason(), 0));
        Self { refused: Mutex::new(refused.into()), certificate_ends: Mutex::default() }
    }
}

impl HandshakeTally {
    /// Counts a connection that was refused.
    pub(super) fn refuse(&self, reason: &'static str) {
        let mut refused = lock(&self.refused);
        let count = refused.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes note of the certificate that an agency connected with.
    pub(super) fn connected(&self, agency: &AgencyId, certificate_ends: Timestamp) {
        lock(&self.certificate_ends).insert(agency.clone(), certificate_ends);
    }

    /// Refusals by reason.
    pub(super) fn refused(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.refused).clone()
    }

    /// The end of the certificate that each agency last connected with.
    pub(super) fn certificate_ends(&self) -> BTreeMap<AgencyId, Timestamp> {
        lock(&self.certificate_ends).clone()
    }
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
