//! Takes up another configuration while the gateway runs: the registry, authorities, certificates and revocation lists, the
//! keys that sign tokens and checkpoints, and limits.
//!
//! Everything is read and checked as a start does before anything changes, so a configuration is taken up as a whole or not
//! at all. What was refused is not tried again before a file changes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::accept::{TlsMaterial, TlsState};
use crate::api::BulkLimits;
use crate::audit::{Act, AuditFile, Outcome};
use crate::config::{
    Config, Difference, KeysConfig, differences, in_force, keys_for_a_restart, named_files, read_signer, secret_files,
};
use crate::domain::agency::Caller;
use crate::domain::ids::LogName;
use crate::domain::zone::Zones;
use crate::identity::registry::{Member, Registry};
use crate::ledger::{Checkpoint, Signer, VerifierKey};
use crate::metrics::{Metrics, table};
use crate::recorder::{Handle, WriterSettings, origin};
use crate::server::certificates::ExpiryWatch;
use crate::server::condition::Agencies;
use crate::server::error::ServerError;
use crate::server::layers::Layers;
use crate::server::sampling::Sampler;
use crate::server::writer;
use crate::store::Reader;

/// Everything that a configuration changes while the gateway runs.
#[derive(Debug)]
pub(super) struct Adopters {
    pub(super) tls: Arc<TlsState>,
    pub(super) layers: Layers,
    pub(super) bulk: Arc<BulkLimits>,
    pub(super) recorder: Handle,
    pub(super) reader: Arc<dyn Reader>,
    pub(super) sampler: Arc<Sampler>,
    pub(super) expiry: Arc<ExpiryWatch>,
    pub(super) audit: Option<Arc<AuditFile>>,
    /// The agencies that probes speak of.
    pub(super) agencies: watch::Sender<Arc<Agencies>>,
    /// The keys that checkpoints are verified with before witnesses are asked.
    pub(super) verifiers: Arc<ArcSwap<Vec<VerifierKey>>>,
    /// The time zone of each jurisdiction. They do not change.
    pub(super) zones: Zones,
    pub(super) metrics: Arc<Metrics>,
}

/// Reloads the configuration.
#[derive(Debug)]
pub(super) struct Reloader {
    /// The file of the configuration. `None`: there is none, and only the files that it names are read again.
    file: Option<PathBuf>,
    base: PathBuf,
    started_with: Config,
    adopters: Adopters,
    last_look: Mutex<LastLook>,
    now: ArcSwap<ConfigurationNow>,
    /// What an operator should know: why the newest files were not taken up, and which keys wait for a restart.
    pub(super) detail: watch::Sender<Vec<String>>,
}

/// What tells one content of a file from another without reading it: device, inode, length, and when it was last written and
/// changed. `None`: there is no such file.
type Stamp = Option<(u64, u64, u64, (i64, i64), (i64, i64))>;

/// What was seen of the files.
#[derive(Debug)]
struct LastLook {
    /// The files to look at: those that the configuration named when it was last read.
    files: Vec<PathBuf>,
    seen: Vec<Stamp>,
    /// What was there when they were last read. `None`: they are to be read again.
    tried: Option<Vec<Stamp>>,
}

/// The configuration as it is now.
#[derive(Debug, Clone)]
pub(super) struct ConfigurationNow {
    started_with: Config,
    /// The newest that was taken up.
    newest: Config,
    /// Why a newer one was not taken up.
    pub(super) refusal: Option<String>,
}

impl ConfigurationNow {
    /// What is in force, as TOML.
    pub(super) fn in_force(&self) -> Result<String, toml::ser::Error> {
        in_force(&self.started_with, &self.newest)
    }

    /// How the newest differs from that of the start.
    pub(super) fn differences(&self) -> Vec<Difference> {
        differences(&self.started_with, &self.newest)
    }
}

impl Reloader {
    /// Starts with the configuration that the gateway was started with. `seen` is what was there before it was read.
    pub(super) fn of(config: &Config, base: &Path, seen: FilesSeen, adopters: Adopters) -> Self {
        for outcome in ["activated", "failed"] {
            adopters.metrics.add(&table::CONFIGURATION_RELOADS, &[outcome.into()], 0);
        }
        let FilesSeen { file, files, stamps } = seen;
        let last_look = Mutex::new(LastLook { files, seen: stamps.clone(), tried: Some(stamps) });
        let (base, started_with, detail) = (base.to_owned(), config.clone(), watch::Sender::default());
        let now = ConfigurationNow { started_with: config.clone(), newest: config.clone(), refusal: None };
        Self { file, base, started_with, adopters, last_look, now: ArcSwap::from_pointee(now), detail }
    }

    /// The configuration as it is now.
    pub(super) fn configuration(&self) -> ConfigurationNow {
        ConfigurationNow::clone(&self.now.load())
    }

    /// Takes up what the files now hold, and cuts the connections that would now be refused. Returns how many were cut. On an
    /// error nothing has changed, unless only some of several writers answered in time: then it is tried again. Blocks: call
    /// it off the network threads.
    pub(super) fn reload(&self) -> Result<usize, ServerError> {
        self.reload_from(&mut self.last_look())
    }

    /// Takes up what has changed, once two looks in a row have seen the same.
    pub(super) fn look(&self) {
        let mut last = self.last_look();
        let now = stamps(&last.files);
        let is_at_rest = last.seen == now;
        last.seen.clone_from(&now);
        if is_at_rest && last.tried.as_ref() != Some(&now) {
            // The reload has reported any refusal.
            let _reported = self.reload_from(&mut last);
        }
    }

    fn reload_from(&self, last: &mut LastLook) -> Result<usize, ServerError> {
        let mut tried = stamps(&last.files);
        let outcome = self.read_config().and_then(|config| {
            // Before they are read: a change meanwhile is seen at the next look.
            last.files = files_of(self.file.as_deref(), &config, &self.base);
            tried = stamps(&last.files);
            let cut = self.take_up(&config)?;
            let waiting = keys_for_a_restart(&self.started_with, &config);
            let started_with = self.started_with.clone();
            self.now.store(Arc::new(ConfigurationNow { started_with, newest: config, refusal: None }));
            Ok((cut, waiting))
        });
        last.seen.clone_from(&tried);
        last.tried = Some(tried).filter(|_| !matches!(outcome, Err(ServerError::NotAdopted(_))));
        let (word, detail) = match &outcome {
            Ok((cut, waiting)) => {
                tracing::info!(cut, "the configuration was read again");
                ("activated", waiting.iter().map(|key| format!("a change of {key} waits for a restart")).collect())
            }
            Err(error) => {
                tracing::error!(%error, "the configuration was not taken up: the one before stays in force");
                self.now.store(Arc::new(ConfigurationNow { refusal: Some(error.to_string()), ..self.configuration() }));
                ("failed", vec![format!("not taken up: {error}")])
            }
        };
        self.adopters.metrics.increment(&table::CONFIGURATION_RELOADS, &[word.into()]);
        if let Some(audit) = &self.adopters.audit {
            let (cut, outcome) = outcome.as_ref().map_or((0, Outcome::Failure), |(cut, _)| (*cut, Outcome::Success));
            let _counted = audit.act(&Act::ConfigurationReloaded { outcome, cut });
        }
        self.set_detail(detail);
        self.adopters.expiry.check();
        outcome.map(|(cut, _)| cut)
    }

    fn read_config(&self) -> Result<Config, ServerError> {
        let Some(file) = &self.file else { return Ok(self.started_with.clone()) };
        let config = Config::read(file)?;
        config.check()?;
        Ok(config)
    }

    /// Checks everything, then changes everything.
    fn take_up(&self, config: &Config) -> Result<usize, ServerError> {
        let Adopters { tls, layers, bulk, recorder, sampler, agencies, verifiers, zones, .. } = &self.adopters;
        let registry = Arc::new(Registry::load(&config.registry, &self.base, &self.started_with.jurisdictions)?);
        let material = TlsMaterial::read(&config.tls, &self.base)?;
        let prepared = tls.prepare(material, Arc::clone(&registry))?;
        // The directory of the keys waits for a restart.
        let directory = self.started_with.keys.directory.clone();
        let signer = read_signer(&KeysConfig { directory, ..config.keys.clone() }, &self.base)?;
        self.check_signed(&signer)?;
        let keys = signer.verifiers();
        let named = registry.agencies();
        let settings = WriterSettings {
            agencies: Arc::clone(&named),
            timetable: writer::timetable(&self.started_with, &registry, zones),
            signer,
        };
        // The writer comes first, since it alone can fail. Nobody but it judges who may do what. Heads that it signs by either
        // set of keys are verified meanwhile.
        let both = verifiers.load().iter().chain(&keys).cloned().collect();
        verifiers.store(Arc::new(both));
        recorder.adopt(&settings).map_err(ServerError::NotAdopted)?;
        verifiers.store(Arc::new(keys));
        layers.adopt(config, &registry);
        bulk.allow(&config.rate);
        let callers: Vec<Caller> = registry.members().map(as_caller).collect();
        sampler.set_agencies(&callers);
        agencies.send_replace(named);
        tls.allow(config.accept.clone());
        Ok(tls.switch(prepared))
    }

    /// Checks that the newest checkpoint of each log is signed by one of the keys. Otherwise the next start would find logs
    /// that nobody it knows has signed.
    fn check_signed(&self, signer: &Signer) -> Result<(), ServerError> {
        let keys = signer.verifiers();
        for log in self.started_with.jurisdictions.iter().flat_map(LogName::both_of) {
            if let Some((_, note)) = self.adopters.reader.checkpoint(&log)? {
                let origin = origin(&self.started_with.log.origin, &log);
                Checkpoint::open(&note, &origin, &keys).map_err(|_| ServerError::HeadOfOtherKey(log))?;
            }
        }
        Ok(())
    }

    fn set_detail(&self, now: Vec<String>) {
        self.detail.send_if_modified(|known| {
            let other = *known != now;
            *known = now;
            other
        });
    }

    fn last_look(&self) -> MutexGuard<'_, LastLook> {
        // The worst that a panicking thread leaves behind is that files are read again.
        self.last_look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there was of the files before they were read at the start.
#[derive(Debug)]
pub(super) struct FilesSeen {
    file: Option<PathBuf>,
    files: Vec<PathBuf>,
    stamps: Vec<Stamp>,
}

impl FilesSeen {
    /// Looks at the files of a configuration.
    pub(super) fn now(file: Option<PathBuf>, config: &Config, base: &Path) -> Self {
        let files = files_of(file.as_deref(), config, base);
        let stamps = stamps(&files);
        Self { file, files, stamps }
    }
}

/// The configuration, and the files that are read again with it.
fn files_of(file: Option<&Path>, config: &Config, base: &Path) -> Vec<PathBuf> {
    let named = named_files(config).into_iter().filter(|named| {
        let is_below = |table: &str| named.key.starts_with(table);
        is_below("tls.") || is_below("registry.")
    });
    let keys = base.join(&config.keys.directory);
    let signing = config.keys.beside.iter().map(|key| keys.join(&key.file));
    let signing = signing.chain([keys.join(secret_files::SIGNING)]);
    let mut files: Vec<PathBuf> = file.map(Path::to_owned).into_iter().collect();
    files.extend(named.map(|named| base.join(named.path)).chain(signing));
    // The directory itself tells what was added or taken away, but not what was written anew in its place.
    files.extend(config.registry.record_files(base));
    files
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let found = fs::metadata(path).ok()?;
        let (written, changed) = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
        Some((found.dev(), found.ino(), found.len(), written, changed))
    };
    files.iter().map(stamp).collect()
}

/// An agency as its certificate alone shows it.
pub(super) fn as_caller(member: &Member) -> Caller {
    Caller { agency: Arc::clone(&member.agency), actor: None }
}
