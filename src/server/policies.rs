//! The policy set, read again while the gateway runs: all of another one takes its place, or nothing does.
//!
//! A candidate is read within limits, parsed, validated against the schema, held against its own tables of cases, and
//! handed to the writer, which records that it comes into force. Whatever is wrong with it is said where the keepers
//! look, and it is left aside until its files change again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::domain::ids::JurisdictionId;
use crate::metrics::{Metrics, table};
use crate::policy::cases::{self, Failure};
use crate::policy::digest::digest_of;
use crate::policy::engine::Engine;
use crate::policy::in_force::InForce;
use crate::policy::load::{PolicyError, PolicySet};
use crate::recorder::{Activated, Handle, SubmitError};

/// Characters of a reason that are repeated: Cedar can say much.
const REASON_LEN_MAX: usize = 500;

/// Why a policy set cannot be in force here. Carries policy text at most, never a case's facts.
#[derive(Debug, thiserror::Error)]
pub enum UnfitSet {
    /// It cannot be read, or is not valid.
    #[error("the policies cannot be used: {0}")]
    Policy(#[from] PolicyError),
    /// A jurisdiction without a law: nothing there could ever be permitted.
    #[error("there is no policy pack for the jurisdiction {0}")]
    NoLaw(JurisdictionId),
    /// The law does not say what its own table of cases expects.
    #[error("the policies do not hold against their own cases: {0}")]
    Cases(String),
}

/// Why a policy set was not taken up. The one before stays in force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The set is not fit.
    #[error(transparent)]
    Unfit(#[from] UnfitSet),
    /// The writer could not record that it comes into force.
    #[error("the activation was not recorded: {0}")]
    NotRecorded(#[from] SubmitError),
}

/// What came of reading the policies anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// They are the ones in force, or built in.
    Unchanged,
    /// They are in force now, and so many entries say so.
    Activated {
        /// In the logs of the jurisdictions whose law changed.
        entries: usize,
    },
}

/// The set of these files made ready to be asked, if it is fit for these jurisdictions.
pub(super) fn fit(
    files: &BTreeMap<String, String>,
    jurisdictions: &BTreeSet<JurisdictionId>,
) -> Result<Engine, UnfitSet> {
    let set = with_laws(PolicySet::from_files(files)?, jurisdictions)?;
    let report = cases::run(&set);
    if let Some(Failure { file, case, problem, .. }) = report.failures.first() {
        let case = case.as_ref().map(|case| format!(": {case}")).unwrap_or_default();
        return Err(UnfitSet::Cases(format!("{file}{case}: {problem}")));
    }
    Ok(Engine::new(set))
}

/// The set that is built in: its cases are run when it is built.
pub(super) fn built_in(jurisdictions: &BTreeSet<JurisdictionId>) -> Result<Engine, UnfitSet> {
    Ok(Engine::new(with_laws(PolicySet::embedded()?, jurisdictions)?))
}

fn with_laws(set: PolicySet, jurisdictions: &BTreeSet<JurisdictionId>) -> Result<PolicySet, UnfitSet> {
    let without_law = jurisdictions.iter().find(|id| !set.jurisdictions().any(|known| known == *id));
    without_law.map_or(Ok(set), |without_law| Err(UnfitSet::NoLaw(without_law.clone())))
}

/// Where the policies come from, and what became of those read last.
#[derive(Debug)]
pub(super) struct PolicyReloader {
    /// None: they are built in, and never change.
    directory: Option<PathBuf>,
    jurisdictions: BTreeSet<JurisdictionId>,
    in_force: InForce,
    recorder: Handle,
    metrics: Arc<Metrics>,
    /// For the readiness probe: why the newest files are not in force.
    pub(super) detail: watch::Sender<Option<String>>,
    seen: Mutex<LastLook>,
}

/// What was seen of the files, so that nothing is tried twice.
#[derive(Debug, Default)]
struct LastLook {
    /// At the last look. A set that is still being written differs from look to look.
    last: Option<[u8; 32]>,
    /// Was not taken up.
    refused: Option<Refused>,
    /// A set that was found good was not recorded everywhere: it is tried again, though the door may ask it already.
    owed: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Files([u8; 32]),
    /// The files could not be read, for this reason.
    Unreadable(String),
}

impl PolicyReloader {
    /// Those of a configuration, with a set of them in force.
    pub(super) fn of(config: &Config, base: &Path, in_force: InForce, recorder: Handle, metrics: Arc<Metrics>) -> Self {
        for outcome in ["activated", "unchanged", "failed"] {
            metrics.add(&table::POLICY_RELOADS, &[outcome.into()], 0);
        }
        let directory = config.policy.directory.as_ref().map(|directory| base.join(directory));
        let jurisdictions = config.jurisdictions.clone();
        let (detail, seen) = (watch::Sender::new(None), Mutex::default());
        Self { directory, jurisdictions, in_force, recorder, metrics, detail, seen }
    }

    /// They never change.
    pub(super) fn are_built_in(&self) -> bool {
        self.directory.is_none()
    }

    /// Reads the policies anew because somebody asked.
    pub(super) fn reload(&self) -> Result<Reloaded, ReloadError> {
        let mut seen = self.last_look();
        let Some(directory) = &self.directory else { return Ok(self.unchanged(&mut seen)) };
        let read = PolicySet::files_in(directory).map_err(UnfitSet::from);
        match read {
            Ok(files) if !seen.owed && digest_of(&files) == self.in_force.gate().engine().digest() => {
                Ok(self.unchanged(&mut seen))
            }
            Ok(files) => self.activate(&files, &mut seen),
            Err(error) => Err(self.refuse(Refused::Unreadable(error.to_string()), error.into(), &mut seen)),
        }
    }

    /// Looks whether the files have changed, and takes them up when they have come to rest.
    pub(super) fn check_files(&self) {
        let mut seen = self.last_look();
        let Some(directory) = &self.directory else { return };
        let files = match PolicySet::files_in(directory) {
            Ok(files) => files,
            Err(error) => {
                let (error, refused) =
                    (UnfitSet::from(error), |error: &UnfitSet| Refused::Unreadable(error.to_string()));
                if seen.refused.as_ref() != Some(&refused(&error)) {
                    self.refuse(refused(&error), error.into(), &mut seen);
                }
                return;
            }
        };
        let digest = digest_of(&files);
        let at_rest = seen.last.replace(digest) == Some(digest);
        if !seen.owed && digest == self.in_force.gate().engine().digest() {
            // What was wrong has been taken back.
            seen.refused = None;
            self.set_detail(None);
        } else if at_rest && seen.refused != Some(Refused::Files(digest)) {
            // Said where it was refused.
            let _said = self.activate(&files, &mut seen);
        }
    }

    /// Looks every so often, until the gateway drains.
    pub(super) async fn watch(&self, every: Duration, drain: CancellationToken) {
        while drain.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            self.check_files();
        }
    }

    fn activate(&self, files: &BTreeMap<String, String>, seen: &mut LastLook) -> Result<Reloaded, ReloadError> {
        let taken = fit(files, &self.jurisdictions)
            .map_err(ReloadError::from)
            .and_then(|engine| Ok(self.recorder.activate(&Arc::new(engine))?));
        seen.owed = false;
        match taken {
            // It is fit, and was not recorded: it is tried again at the next look.
            Err(error @ ReloadError::NotRecorded(_)) => {
                let error = self.refuse(Refused::Files(digest_of(files)), error, seen);
                (seen.refused, seen.owed) = (None, true);
                Err(error)
            }
            Err(error @ ReloadError::Unfit(_)) => Err(self.refuse(Refused::Files(digest_of(files)), error, seen)),
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
        self.set_detail(Some(reason));
        error
    }

    fn set_detail(&self, detail: Option<String>) {
        self.detail.send_if_modified(|said| {
            let news = *said != detail;
            *said = detail;
            news
        });
    }

    fn last_look(&self) -> MutexGuard<'_, LastLook> {
        // What a panicking thread leaves behind says at worst that something is to be tried again.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A probe's answer and a line of a log have one line.
fn one_line(reason: &str) -> String {
    let line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(REASON_LEN_MAX).collect()
}
