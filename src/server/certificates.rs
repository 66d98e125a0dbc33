//! The gateway's own certificate and the revocation lists, read again while it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Config;
use crate::identity::clock::WallClock;
use crate::identity::registry::Registry;
use crate::meters::{Meters, table};
use crate::server::accept::{self, Material, TlsState, TrustError};

/// Where certificates come from, to be read again.
#[derive(Debug)]
pub(super) struct Certificates {
    files: accept::Files,
    base: PathBuf,
    registry: Arc<Registry>,
    pub(super) state: Arc<TlsState>,
    meters: Arc<Meters>,
}

impl Certificates {
    /// Reads them for the first time.
    pub(super) fn read(
        config: &Config,
        base: &Path,
        registry: Arc<Registry>,
        wall: &WallClock,
        meters: &Arc<Meters>,
    ) -> Result<Self, TrustError> {
        let material = Material::read(&config.tls, base)?;
        show_expiry(meters, material.not_after());
        for outcome in ["activated", "failed"] {
            meters.add(&table::CERTIFICATE_RELOADS, &[outcome.into()], 0);
        }
        let state = TlsState::new(config.accept.clone(), material, Arc::clone(&registry), wall.clone())?;
        Ok(Self { files: config.tls.clone(), base: base.to_owned(), registry, state, meters: Arc::clone(meters) })
    }

    /// Goes over to what the files now hold, and cuts the connections that would now be refused; says how many. On an
    /// error nothing has changed.
    pub(super) fn reload(&self) -> Result<usize, TrustError> {
        let reloaded = self.read_anew();
        let outcome = if reloaded.is_ok() { "activated" } else { "failed" };
        self.meters.count(&table::CERTIFICATE_RELOADS, &[outcome.into()]);
        reloaded
    }

    fn read_anew(&self) -> Result<usize, TrustError> {
        let material = Material::read(&self.files, &self.base)?;
        let not_after = material.not_after();
        let cut = self.state.reload(material, Arc::clone(&self.registry))?;
        show_expiry(&self.meters, not_after);
        tracing::info!(cut, "certificates and revocation lists reloaded");
        Ok(cut)
    }
}

/// Shows when the gateway's own certificate ends.
fn show_expiry(meters: &Meters, not_after: Option<Timestamp>) {
    if let Some(not_after) = not_after {
        meters.moment(&table::CERTIFICATE_EXPIRY, not_after);
    }
}
