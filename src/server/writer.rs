//! The writer as it is put together: where it writes, by which clock, and how long the legal clocks run.

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::config::{Config, Secrets};
use crate::domain::ids::FacilityCode;
use crate::domain::timetable::Timetable;
use crate::domain::zone::Zones;
use crate::identity::registry::Registry;
use crate::meters::Meters;
use crate::policy::in_force::InForce;
use crate::recorder::{Clock, Duties, Entropy, Parts, Recorder, Running};
use crate::server::ServerError;
use crate::store::sqlite::SqliteStore;

/// What a writer writes by.
pub(super) struct Writes {
    /// The time of record.
    pub(super) clock: Clock,
    /// Blinding, salts and ids.
    pub(super) entropy: Entropy,
    /// How long the legal clocks run.
    pub(super) timetable: Timetable,
    /// Where it counts.
    pub(super) meters: Arc<Meters>,
}

/// Recovers the logs and starts the writer.
pub(super) fn start(
    config: &Config,
    base: &Path,
    secrets: Secrets,
    in_force: &InForce,
    writes: Writes,
) -> Result<Running, ServerError> {
    let Writes { clock, entropy, timetable, meters } = writes;
    let store = SqliteStore::open_alone(&base.join(&config.store.path), &secrets.wrapping)?;
    Ok(Recorder::start(Parts {
        store: Box::new(store),
        in_force: in_force.clone(),
        signer: secrets.signer,
        origin: config.log.origin.clone(),
        clock,
        entropy,
        jurisdictions: config.jurisdictions.iter().cloned().collect(),
        config: config.recorder,
        inboxes: config.inbox.limits(),
        appeals: config.appeals,
        duties: Duties { review: config.review, obligation: config.obligation },
        timetable,
        firings_len_max: config.clocks.firings_len_max,
        meters,
    })?)
}

/// How long clocks run, and in which time zone each custodian and facility lies.
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
