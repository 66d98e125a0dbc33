//! Reports when the gateway's certificate, the revocation lists and the authorities expire.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::accept::TlsState;
use crate::identity::clock::WallClock;
use crate::metrics::{Metrics, table};

/// How often expiry times are checked.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Watches what expires.
#[derive(Debug)]
pub(super) struct ExpiryWatch {
    tls: Arc<TlsState>,
    wall: WallClock,
    metrics: Arc<Metrics>,
    /// Warnings for the operator.
    pub(super) detail: watch::Sender<Vec<String>>,
}

impl ExpiryWatch {
    /// Starts with the certificates that are in force.
    pub(super) fn of(tls: &Arc<TlsState>, wall: &WallClock, metrics: &Arc<Metrics>) -> Self {
        let (tls, metrics) = (Arc::clone(tls), Arc::clone(metrics));
        let expiry = Self { tls, wall: wall.clone(), metrics, detail: watch::Sender::default() };
        expiry.check();
        expiry
    }

    /// Checks expiry times until it is told to stop.
    pub(super) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            self.check();
        }
    }

    /// Updates the expiry metrics, and logs each warning once when it first applies.
    pub(super) fn check(&self) {
        let expiries = self.tls.expiries();
        self.metrics.set_timestamp(&table::CERTIFICATE_EXPIRY, &[], expiries.own.ends);
        if let Some(first) = expiries.lists.iter().filter_map(|(_, term)| Some((*term)?.ends)).min() {
            self.metrics.set_timestamp(&table::REVOCATION_LIST_EXPIRY, &[], first);
        }
        if let Some(first) = expiries.authorities_end {
            self.metrics.set_timestamp(&table::AUTHORITY_EXPIRY, &[], first);
        }
        let now = expiries.warnings(self.wall.now());
        self.detail.send_if_modified(|known| {
            for warning in now.iter().filter(|warning| !known.contains(warning)) {
                tracing::warn!(warning, "certificates");
            }
            let other = *known != now;
            *known = now;
            other
        });
    }
}
