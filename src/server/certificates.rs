//! Reloads the gateway's own certificate and the revocation lists while it runs, and reports when they expire.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::accept::{self, TlsMaterial, TlsState, TrustError};
use crate::audit::{Act, AuditFile, Outcome};
use crate::config::Config;
use crate::identity::clock::WallClock;
use crate::identity::registry::Registry;
use crate::metrics::{Metrics, table};

/// How often expiry times are checked.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Reloads certificates and revocation lists from their files.
#[derive(Debug)]
pub(super) struct CertificateReloader {
    files: accept::TlsFiles,
    base: PathBuf,
    pub(super) registry: Arc<Registry>,
    pub(super) state: Arc<TlsState>,
    wall: WallClock,
    metrics: Arc<Metrics>,
    audit: Option<Arc<AuditFile>>,
    /// Why the newest files are not in force. `None` if they are.
    refused: Mutex<Option<String>>,
    /// Warnings for the operator.
    pub(super) detail: watch::Sender<Vec<String>>,
}

impl CertificateReloader {
    /// Starts from the certificates that were read at the start.
    pub(super) fn of(
        config: &Config,
        base: &Path,
        (registry, state): (Arc<Registry>, Arc<TlsState>),
        wall: &WallClock,
        metrics: &Arc<Metrics>,
        audit: Option<&Arc<AuditFile>>,
    ) -> Self {
        for outcome in ["activated", "failed"] {
            metrics.add(&table::CERTIFICATE_RELOADS, &[outcome.into()], 0);
        }
        let certificates = Self {
            files: config.tls.clone(),
            base: base.to_owned(),
            registry,
            state,
            wall: wall.clone(),
            metrics: Arc::clone(metrics),
            audit: audit.cloned(),
            refused: Mutex::default(),
            detail: watch::Sender::default(),
        };
        certificates.check_expiry();
        certificates
    }

    /// Activates what the files now hold, and cuts the connections that would now be refused. Returns how many were
    /// cut. On an error nothing has changed.
    pub(super) fn reload(&self) -> Result<usize, TrustError> {
        let reloaded = self.reload_files();
        let outcome = if reloaded.is_ok() { "activated" } else { "failed" };
        self.metrics.increment(&table::CERTIFICATE_RELOADS, &[outcome.into()]);
        if let Some(audit) = &self.audit {
            let outcome = if reloaded.is_ok() { Outcome::Success } else { Outcome::Failure };
            let cut = *reloaded.as_ref().unwrap_or(&0);
            let _counted = audit.act(&Act::CertificatesReloaded { outcome, cut });
        }
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = reloaded.as_ref().err().map(ToString::to_string);
        self.check_expiry();
        reloaded
    }

    fn reload_files(&self) -> Result<usize, TrustError> {
        let material = TlsMaterial::read(&self.files, &self.base)?;
        let cut = self.state.reload(material, Arc::clone(&self.registry))?;
        tracing::info!(cut, "certificates and revocation lists reloaded");
        Ok(cut)
    }

    /// Checks expiry times until it is told to stop.
    pub(super) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            self.check_expiry();
        }
    }

    /// Updates the expiry metrics, and logs each warning once when it first applies.
    fn check_expiry(&self) {
        let expiries = self.state.expiries();
        self.metrics.set_timestamp(&table::CERTIFICATE_EXPIRY, &[], expiries.own.ends);
        if let Some(first) = expiries.lists.iter().filter_map(|(_, term)| Some((*term)?.ends)).min() {
            self.metrics.set_timestamp(&table::REVOCATION_LIST_EXPIRY, &[], first);
        }
        if let Some(first) = expiries.authorities_end {
            self.metrics.set_timestamp(&table::AUTHORITY_EXPIRY, &[], first);
        }
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let refused = refused.map(|why| format!("certificates not taken up: {why}"));
        let now: Vec<String> = refused.into_iter().chain(expiries.warnings(self.wall.now())).collect();
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
