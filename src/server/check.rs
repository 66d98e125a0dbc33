//! Reads a configuration and everything it names, and checks that it fits together, before anything is served.

use std::path::Path;
use std::sync::Arc;

use crate::accept::{TlsMaterial, TlsState};
use crate::config::{Config, Secrets};
use crate::domain::agency::Agency;
use crate::domain::zone::Zones;
use crate::identity::clock::WallClock;
use crate::identity::registry::Registry;
use crate::ledger::VerifierKey;
use crate::policy::engine::Engine;
use crate::policy::gate::Gate;
use crate::server::error::ServerError;
use crate::server::policies::{self, Candidate};
use crate::server::signatures::Signatures;
use crate::witness::push::PushPlan;

/// A configuration that was checked, with everything it names.
#[derive(Debug)]
pub struct CheckedConfig {
    pub(super) secrets: Secrets,
    pub(super) registry: Arc<Registry>,
    pub(super) engine: Arc<Engine>,
    pub(super) zones: Zones,
    pub(super) tls: Arc<TlsState>,
    pub(super) witnesses: PushPlan,
    /// What an operator should look at. None of it prevents serving.
    pub warnings: Vec<String>,
    /// The public key of the logs.
    pub verifier: VerifierKey,
    /// Every key that has signed or signs them, that one first.
    pub verifiers: Vec<VerifierKey>,
    /// The digest of the policy set.
    pub policy_digest: [u8; 32],
    /// How many agencies are registered.
    pub agencies: usize,
}

impl CheckedConfig {
    /// A gate over the agencies and the law of the configuration.
    pub fn gate(&self) -> Gate {
        Gate::new(Arc::clone(&self.engine), self.registry.agencies()).with_zones(self.zones.clone())
    }

    /// The agencies of the registry.
    pub fn members(&self) -> impl Iterator<Item = &Agency> {
        self.registry.members().map(|member| &*member.agency)
    }

    /// The witnesses that would be asked.
    pub fn witnesses(&self) -> &PushPlan {
        &self.witnesses
    }

    /// The public key of the audit log.
    pub fn audit_key(&self) -> &VerifierKey {
        self.secrets.audit_signer.verifier()
    }

    /// The key that opens sealed content.
    pub fn wrapping_key(&self) -> &[u8; 32] {
        &self.secrets.wrapping
    }
}

/// Reads everything that a configuration names, as a start does, and checks that it fits together. Changes nothing and
/// connects to no database.
pub fn check(config: &Config, base: &Path, wall: &WallClock) -> Result<CheckedConfig, ServerError> {
    config.check()?;
    let secrets = Secrets::read(&config.keys, base)?;
    let registry = Arc::new(Registry::load(&config.registry, base, &config.jurisdictions)?);
    let signatures = Signatures::of(&config.policy)?;
    let engine = Arc::new(match &config.policy.directory {
        None => policies::built_in(&signatures, &config.jurisdictions)?,
        Some(directory) => {
            let candidate = Candidate::read(&base.join(directory), &signatures)?;
            policies::fit(&candidate, &signatures, &config.jurisdictions)?
        }
    });
    let zones = Zones::with(&config.time_zones)?;
    let (verifier, verifiers) = (secrets.signer.verifier().clone(), secrets.signer.verifiers());
    let material = TlsMaterial::read(&config.tls, base)?;
    let tls = TlsState::new(config.accept.clone(), material, Arc::clone(&registry), wall.clone())?;
    let witnesses = config.witness.plan(base, &config.jurisdictions)?;
    // A database address is parsed here, not connected to.
    config.store.locations(&config.jurisdictions, base)?;
    let (policy_digest, agencies) = (engine.digest(), registry.members().count());
    let warnings = tls.expiries().warnings(wall.now());
    Ok(CheckedConfig {
        secrets,
        registry,
        engine,
        zones,
        tls,
        witnesses,
        warnings,
        verifier,
        verifiers,
        policy_digest,
        agencies,
    })
}
