//! Puts the writers together: where they write, by which clock, and how long the legal clocks run.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::config::{Config, Secrets};
use crate::domain::ids::FacilityCode;
use crate::domain::timetable::Timetable;
use crate::domain::zone::Zones;
use crate::identity::registry::Registry;
use crate::metrics::Metrics;
use crate::policy::in_force::GateInForce;
use crate::recorder::{Clock, Duties, Entropy, Handle, Heads, Parts, Recorder, RecorderError, WriterStatus};
use crate::server::error::ServerError;
use crate::server::store_check::{check_jurisdictions, check_location, check_restored, check_wrapping_key};
use crate::store::{Reader, Sharded};

/// What the writers are started with.
pub(super) struct WriterInputs {
    /// The clock that entries are recorded by.
    pub(super) clock: Clock,
    /// The source of blinding values, salts and ids.
    pub(super) entropy: Entropy,
    /// How long the legal clocks run.
    pub(super) timetable: Timetable,
    /// Where the writers count.
    pub(super) metrics: Arc<Metrics>,
}

/// The running writers, one for each shard of the store, and the handles to them.
pub(super) struct RunningWriters {
    pub(super) handle: Handle,
    pub(super) reader: Arc<dyn Reader>,
    pub(super) heads: Heads,
    /// For each shard, what keeps it from recording.
    pub(super) writer_statuses: Vec<watch::Receiver<WriterStatus>>,
    pub(super) threads: Vec<JoinHandle<Result<(), RecorderError>>>,
}

/// Recovers the logs and starts the writers.
pub(super) fn start(
    config: &Config,
    base: &Path,
    secrets: &Secrets,
    in_force: &GateInForce,
    writes: WriterInputs,
) -> Result<RunningWriters, ServerError> {
    let WriterInputs { clock, mut entropy, timetable, metrics } = writes;
    let (mut handles, mut readers, mut heads) = (Vec::new(), Vec::new(), Heads::new());
    let (mut writer_statuses, mut threads) = (Vec::new(), Vec::new());
    for (jurisdictions, location) in config.store.locations(&config.jurisdictions, base)? {
        check_location(&location)?;
        let store = location.open(&secrets.wrapping)?;
        check_restored(&location)?;
        check_jurisdictions(&*store.reader(), &jurisdictions, &location)?;
        check_wrapping_key(&*store.reader(), &jurisdictions)?;
        let running = Recorder::start(Parts {
            store,
            in_force: in_force.clone(),
            signer: secrets.signer.clone(),
            origin: config.log.origin.clone(),
            clock: clock.clone(),
            entropy: entropy.fork(),
            jurisdictions: jurisdictions.iter().cloned().collect(),
            config: config.recorder,
            inboxes: config.inbox.limits(),
            appeals: config.appeals,
            duties: Duties { review: config.review, obligation: config.obligation },
            timetable: timetable.clone(),
            firings_len_max: config.clocks.firings_len_max,
            metrics: Arc::clone(&metrics),
        })?;
        handles.push(running.handle);
        readers.push((jurisdictions.into_iter().collect(), running.reader));
        heads.extend(running.heads);
        writer_statuses.push(running.status);
        threads.push(running.thread);
    }
    let handle = Handle::joined(handles).ok_or(ServerError::NoJurisdiction)?;
    Ok(RunningWriters { handle, reader: Sharded::over(readers), heads, writer_statuses, threads })
}

/// How long clocks run, and the time zone of each custodian and facility.
pub(super) fn timetable(config: &Config, registry: &Registry, zones: &Zones) -> Timetable {
    let agency_zones = registry.members().filter_map(|member| Some((member.agency.id.clone(), member.zone.clone()?)));
    let facility_zones = registry.members().flat_map(|member| {
        let of_agency =
            |(facility, zone): (&FacilityCode, &TimeZone)| ((member.agency.id.clone(), facility.clone()), zone.clone());
        member.facility_zones.iter().map(of_agency)
    });
    config.clocks.timetable(Timetable {
        zones: zones.clone(),
        agency_zones: agency_zones.collect(),
        facility_zones: facility_zones.collect(),
        ..Timetable::default()
    })
}
