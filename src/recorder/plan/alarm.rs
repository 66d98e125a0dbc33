//! Alarms: entries that somebody must look at soon. An alarm is counted and logged once its entry is durable.

use tracing::Span;

use crate::domain::event::{Event, Record};
use crate::domain::ids::LogName;
use crate::domain::review::ReviewState;
use crate::metrics::{Metrics, table};
use crate::recorder::plan::naming::is_alarm;

/// An entry that somebody must look at.
#[derive(Debug)]
pub(in crate::recorder) struct Alarm {
    /// The entry.
    entry: String,
    what: Alarmed,
    /// Of the call or the clock that brought it about.
    span: Span,
}

#[derive(Debug)]
enum Alarmed {
    /// A person was handed over, and the law did not allow it.
    UnlawfulHandOver,
    /// A person was released before an officer decided a review.
    ReleasedUndecided {
        /// What the review was about.
        matter: &'static str,
    },
    /// A promise is suspended until an officer decides.
    PromiseSuspended,
}

impl Alarm {
    /// The alarm of a record at this position of its log, if the record needs one.
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
        Some(Self { entry: log.entry(index), what, span: Span::current() })
    }

    /// Counts and logs it. MUST be called only when its entry is durable.
    pub(in crate::recorder) fn report(&self, metrics: &Metrics) {
        let entry = &self.entry;
        let _entered = self.span.enter();
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
