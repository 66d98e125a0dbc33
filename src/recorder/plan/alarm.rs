//! What somebody must look at soon, beside its entry: counted and said once the entry is durable.

use crate::domain::event::{Event, Record};
use crate::domain::ids::LogName;
use crate::domain::review::ReviewState;
use crate::metrics::{Metrics, table};
use crate::recorder::plan::naming::is_alarm;

/// What somebody must know of.
#[derive(Debug)]
pub(in crate::recorder) struct Alarm {
    /// The entry that says it.
    entry: String,
    what: Alarmed,
}

#[derive(Debug)]
enum Alarmed {
    /// A person was handed over, and the law did not allow it.
    UnlawfulHandOver,
    /// A person was released before an officer had decided what was left to one.
    ReleasedUndecided {
        /// What was left to one.
        matter: &'static str,
    },
    /// What was promised waits for an officer.
    PromiseSuspended,
}

impl Alarm {
    /// Of a record that took this place in its log, if anybody must know of it.
    pub(in crate::recorder) fn of(record: &Record, index: u64) -> Option<Self> {
        let what = if is_alarm(record) {
            Alarmed::UnlawfulHandOver
        } else if let Event::ReviewResolved { review, .. } = &record.event {
            let overtaken = review.state == ReviewState::ReleasedUndecided;
            overtaken.then(|| Alarmed::ReleasedUndecided { matter: review.matter.word() })?
        } else if let Event::PromiseSuspended { .. } = &record.event {
            Alarmed::PromiseSuspended
        } else {
            return None;
        };
        let log = LogName { jurisdiction: record.resource.jurisdiction.clone(), kind: record.log };
        Some(Self { entry: log.entry(index), what })
    }

    /// Counts it and says it. When its entry is durable.
    pub(in crate::recorder) fn report(&self, metrics: &Metrics) {
        let entry = &self.entry;
        match self.what {
            Alarmed::UnlawfulHandOver => {
                metrics.increment(&table::UNLAWFUL_HAND_OVERS, &[]);
                tracing::warn!(entry, "a person was handed over and the law did not allow it");
            }
            Alarmed::ReleasedUndecided { matter } => {
                metrics.increment(&table::RELEASED_UNDECIDED, &[matter.into()]);
                tracing::warn!(entry, matter, "a person was released before it was decided what is left to an officer");
            }
            Alarmed::PromiseSuspended => {
                metrics.increment(&table::PROMISES_SUSPENDED, &[]);
                tracing::warn!(entry, "what was promised is no longer allowed, and waits for an officer");
            }
        }
    }
}
