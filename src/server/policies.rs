//! Reloads the policy set while the gateway runs. Another set replaces the whole set in force, or nothing changes.
//!
//! A candidate is read within limits, parsed, validated against the schema, and tested against its own cases. Then the
//! writer records its activation. If anything is wrong, the operator is told, and the candidate is left alone until its
//! files change again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::audit::{Act, AuditFile, Outcome};
use crate::config::{Config, ConfigError};
use crate::domain::ids::JurisdictionId;
use crate::metrics::{Metrics, table};
use crate::policy::cases::{self, Failure};
use crate::policy::digest::digest_of;
use crate::policy::engine::Engine;
use crate::policy::in_force::GateInForce;
use crate::policy::load::{PolicyError, PolicySet};
use crate::recorder::{Activated, Handle, SubmitError};
use crate::server::signatures::{SIGNATURES, Signatures, UnsignedSet};

/// The most characters of a reason that are repeated. Cedar's messages can be long.
const REASON_LEN_MAX: usize = 500;

/// Why a policy set cannot be in force here. Carries policy text at most, never facts of a case.
#[derive(Debug, thiserror::Error)]
pub enum UnfitSet {
    /// It cannot be read, or is not valid.
    #[error("the policies cannot be used: {0}")]
    Policy(#[from] PolicyError),
    /// A jurisdiction has no law: nothing could ever be permitted there.
    #[error("there is no policy pack for the jurisdiction {0}")]
    NoLaw(JurisdictionId),
    /// The law does not give what its own cases expect.
    #[error("the policies do not hold against their own cases: {0}")]
    Cases(String),
    /// It is not signed as it must be.
    #[error(transparent)]
    Unsigned(#[from] UnsignedSet),
}

/// Why a policy set was not activated. The set before it stays in force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The set cannot be in force here.
    #[error(transparent)]
    Unfit(#[from] UnfitSet),
    /// The writer could not record the activation.
    #[error("the activation was not recorded: {0}")]
    NotRecorded(#[from] SubmitError),
}

/// The outcome of reloading the policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// The policies are those in force, or built in.
    Unchanged,
    /// The policies are now in force.
    Activated {
        /// How many entries record it, in the logs of the jurisdictions whose law changed.
        entries: usize,
    },
}

/// A policy set in a directory: its files, and the signatures beside them where they are needed.
#[derive(Debug)]
pub(super) struct Candidate {
    files: BTreeMap<String, String>,
    signatures: Option<String>,
}

impl Candidate {
    /// Reads a directory, within limits.
    pub(super) fn read(directory: &Path, signatures: &Signatures) -> Result<Self, UnfitSet> {
        Ok(Self { files: PolicySet::files_in(directory)?, signatures: signatures.read(directory) })
    }

    /// The digest of the set.
    fn digest(&self) -> [u8; 32] {
        digest_of(&self.files)
    }

    /// The digest of everything that was read: a set may be signed after it was refused.
    fn seen(&self) -> [u8; 32] {
        let signatures = self.signatures.iter().map(|note| (SIGNATURES.to_owned(), note.clone()));
        digest_of(&self.files.clone().into_iter().chain(signatures).collect())
    }
}

/// Builds an engine from a candidate, if it is valid for these jurisdictions and signed as it must be.
pub(super) fn fit(
    candidate: &Candidate,
    signatures: &Signatures,
    jurisdictions: &BTreeSet<JurisdictionId>,
) -> Result<Engine, UnfitSet> {
    // First, so that nothing is made of what nobody vouches for.
    signatures.check(candidate.digest(), candidate.signatures.as_deref())?;
    let set = with_laws(PolicySet::from_files(&candidate.files)?, jurisdictions)?;
    if let Some(Failure { file, case, problem, .. }) = cases::first_failure(&set) {
        let case = case.as_ref().map(|case| format!(": {case}")).unwrap_or_default();
        return Err(UnfitSet::Cases(format!("{file}{case}: {problem}")));
    }
    Ok(Engine::new(set))
}

/// The built-in set. Its cases were tested when it was built. Nobody has signed it.
pub(super) fn built_in(signatures: &Signatures, jurisdictions: &BTreeSet<JurisdictionId>) -> Result<Engine, UnfitSet> {
    let set = PolicySet::embedded()?;
    signatures.check(set.digest(), None)?;
    Ok(Engine::new(with_laws(set, jurisdictions)?))
}

fn with_laws(set: PolicySet, jurisdictions: &BTreeSet<JurisdictionId>) -> Result<PolicySet, UnfitSet> {
    let without_law = jurisdictions.iter().find(|id| !set.jurisdictions().any(|known| known == *id));
    without_law.map_or(Ok(set), |without_law| Err(UnfitSet::NoLaw(without_law.clone())))
}

/// Reloads the policies from their directory.
#[derive(Debug)]
pub(super) struct PolicyReloader {
    /// The directory. `None` if the policies are built in and never change.
    directory: Option<PathBuf>,
    jurisdictions: BTreeSet<JurisdictionId>,
    signatures: Signatures,
    in_force: GateInForce,
    recorder: Handle,
    metrics: Arc<Metrics>,
    audit: Option<Arc<AuditFile>>,
    /// Why the newest files are not in force, for the readiness probe.
    pub(super) detail: watch::Sender<Option<String>>,
    seen: Mutex<LastLook>,
}

/// What was seen of the files, so that no set is tried twice.
#[derive(Debug, Default)]
struct LastLook {
    /// The digest at the last look. It changes from look to look while files are being written.
    last: Option<[u8; 32]>,
    /// The files that were refused.
    refused: Option<Refused>,
    /// A valid set was not recorded everywhere. It is tried again, even if the gate already uses it.
    owed: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Files([u8; 32]),
    /// The files could not be read, for this reason.
    Unreadable(String),
}

impl PolicyReloader {
    /// Starts with the set that is in force.
    pub(super) fn of(
        config: &Config,
        base: &Path,
        in_force: GateInForce,
        recorder: Handle,
        (metrics, audit): (Arc<Metrics>, Option<Arc<AuditFile>>),
    ) -> Result<Self, ConfigError> {
        for outcome in ["activated", "unchanged", "failed"] {
            metrics.add(&table::POLICY_RELOADS, &[outcome.into()], 0);
        }
        let directory = config.policy.directory.as_ref().map(|directory| base.join(directory));
        let jurisdictions = config.jurisdictions.clone();
        let signatures = Signatures::of(&config.policy)?;
        let (detail, seen) = (watch::Sender::new(None), Mutex::default());
        Ok(Self { directory, jurisdictions, signatures, in_force, recorder, metrics, audit, detail, seen })
    }

    /// Whether the policies are built in, and so never change.
    pub(super) fn are_built_in(&self) -> bool {
        self.directory.is_none()
    }

    /// Reloads the policies on request.
    pub(super) fn reload(&self) -> Result<Reloaded, ReloadError> {
        let mut seen = self.last_look();
        let Some(directory) = &self.directory else { return Ok(self.unchanged(&mut seen)) };
        match Candidate::read(directory, &self.signatures) {
            Ok(candidate) if !seen.owed && candidate.digest() == self.in_force.gate().engine().digest() => {
                Ok(self.unchanged(&mut seen))
            }
            Ok(candidate) => self.activate(&candidate, &mut seen),
            Err(error) => Err(self.refuse(Refused::Unreadable(error.to_string()), error.into(), &mut seen)),
        }
    }

    /// Checks whether the files have changed, and activates them once two looks in a row saw the same files.
    pub(super) fn check_files(&self) {
        let mut seen = self.last_look();
        let Some(directory) = &self.directory else { return };
        let candidate = match Candidate::read(directory, &self.signatures) {
            Ok(candidate) => candidate,
            Err(error) => {
                let refused = Refused::Unreadable(error.to_string());
                if seen.refused.as_ref() != Some(&refused) {
                    self.refuse(refused, error.into(), &mut seen);
                }
                return;
            }
        };
        let now = candidate.seen();
        let at_rest = seen.last.replace(now) == Some(now);
        if !seen.owed && candidate.digest() == self.in_force.gate().engine().digest() {
            // The files are again those in force.
            seen.refused = None;
            self.set_detail(None);
        } else if at_rest && seen.refused != Some(Refused::Files(now)) {
            // `activate` has reported any refusal.
            let _said = self.activate(&candidate, &mut seen);
        }
    }

    fn activate(&self, candidate: &Candidate, seen: &mut LastLook) -> Result<Reloaded, ReloadError> {
        let taken = fit(candidate, &self.signatures, &self.jurisdictions)
            .map_err(ReloadError::from)
            .and_then(|engine| Ok(self.recorder.activate(&Arc::new(engine))?));
        seen.owed = false;
        match taken {
            // The set is valid but was not recorded: try it again at the next look.
            Err(error @ ReloadError::NotRecorded(_)) => {
                let error = self.refuse(Refused::Files(candidate.seen()), error, seen);
                (seen.refused, seen.owed) = (None, true);
                Err(error)
            }
            Err(error @ ReloadError::Unfit(_)) => Err(self.refuse(Refused::Files(candidate.seen()), error, seen)),
            Ok(Activated::Already) => Ok(self.unchanged(seen)),
            Ok(Activated::First) => Ok(self.activated(0, seen)),
            Ok(Activated::Instead { entries }) => Ok(self.activated(entries, seen)),
        }
    }

    fn activated(&self, entries: usize, seen: &mut LastLook) -> Reloaded {
        seen.refused = None;
        self.set_detail(None);
        self.metrics.increment(&table::POLICY_RELOADS, &["activated".into()]);
        let digest = hex::encode(self.in_force.gate().engine().digest());
        self.audit(Outcome::Success, Some(&digest));
        tracing::info!(digest, entries, "another policy set is in force");
        Reloaded::Activated { entries }
    }

    fn unchanged(&self, seen: &mut LastLook) -> Reloaded {
        seen.refused = None;
        self.set_detail(None);
        self.metrics.increment(&table::POLICY_RELOADS, &["unchanged".into()]);
        tracing::info!("the policies are the ones in force");
        Reloaded::Unchanged
    }

    fn refuse(&self, refused: Refused, error: ReloadError, seen: &mut LastLook) -> ReloadError {
        seen.refused = Some(refused);
        let reason = one_line(&error.to_string());
        tracing::error!(reason, "a policy set was not taken up: the one before stays in force");
        self.metrics.increment(&table::POLICY_RELOADS, &["failed".into()]);
        self.audit(Outcome::Failure, None);
        self.set_detail(Some(reason));
        error
    }

    fn audit(&self, outcome: Outcome, policies: Option<&str>) {
        if let Some(audit) = &self.audit {
            let _counted = audit.act(&Act::PoliciesReloaded { outcome, policies });
        }
    }

    fn set_detail(&self, detail: Option<String>) {
        self.detail.send_if_modified(|said| {
            let news = *said != detail;
            *said = detail;
            news
        });
    }

    fn last_look(&self) -> MutexGuard<'_, LastLook> {
        // The worst that a panicking thread leaves behind is that a set is tried again.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a reason on one line, for a probe and a log line.
fn one_line(reason: &str) -> String {
    let line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(REASON_LEN_MAX).collect()
}
