//! What somebody must look at soon, told once it is durable.

use crate::domain::event::Record;
use crate::domain::ids::LogName;
use crate::meters::{Meters, table};
use crate::recorder::naming::is_alarm;

/// A hand-over that the law did not allow.
#[derive(Debug)]
pub(super) struct Alarm {
    /// The entry that says so.
    entry: String,
}

impl Alarm {
    /// Of a record that took this place in its log, if it is one.
    pub(super) fn of(record: &Record, index: u64) -> Option<Self> {
        let log = LogName { jurisdiction: record.resource.jurisdiction.clone(), kind: record.log };
        is_alarm(record).then(|| Self { entry: log.entry(index) })
    }

    /// Counts it, and says that there is one.
    pub(super) fn tell(&self, meters: &Meters) {
        meters.count(&table::UNLAWFUL_HAND_OVERS, &[]);
        tracing::warn!(entry = self.entry, "a person was handed over and the law did not allow it");
    }
}
