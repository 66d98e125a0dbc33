//! How the logs stand as a batch begins, where others write to them too; and waiting for a database that is away.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::domain::ids::LogName;
use crate::metrics::table;
use crate::recorder::batch::{Recorder, RecorderError};
use crate::recorder::durable::head;
use crate::recorder::head::check_head;
use crate::store::{Append, Standing, StoreError};

/// Between two tries to reach a database that is away: the first, and the longest.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// How long a writer that is told to stop goes on trying.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Whether a batch can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// By the set in force.
    Lawfully,
    /// Another gateway has let another set come into force, which this one has yet to take up. Nothing is judged by the
    /// set before: the log says that it is over.
    Overruled,
}

/// What keeps a writer from recording anything, for probes to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// Nothing does.
    None,
    /// The database cannot be reached, or takes no writes: writes wait, and what is read fails.
    StoreAway,
    /// Another policy set is in force, which this gateway has yet to take up.
    OtherLaw,
}

/// A database that is away.
#[derive(Debug)]
pub(super) struct Away {
    since: Instant,
    pause: Duration,
    told_to_stop: Option<Instant>,
}

impl Recorder {
    /// Begins a batch over the logs that are touched, and catches up with what others have recorded in them.
    pub(super) fn begin(&mut self, is_touched: impl Fn(&LogName) -> bool) -> Result<Begun, RecorderError> {
        let touched: BTreeSet<_> = self.logs.keys().filter(|log| is_touched(log)).cloned().collect();
        let (heads, policy) = match self.store.begin(&touched)? {
            Standing::AsLeft => {
                // As it was left by a commit of which nobody knows.
                if self.away.is_some() {
                    touched.iter().try_for_each(|log| self.catch_up(log))?;
                }
                return Ok(Begun::Lawfully);
            }
            Standing::Shared { heads, policy } => (heads, policy),
        };
        self.must_end = true;
        for (log, stands) in heads {
            if self.logs.get(&log).map(|state| head(&state.tree)) != Some(stands) {
                self.catch_up(&log)?;
            }
        }
        let known = self.policy.as_ref().map(|policy| policy.digest);
        Ok(if policy == known { Begun::Lawfully } else { Begun::Overruled })
    }

    fn catch_up(&mut self, log: &LogName) -> Result<(), RecorderError> {
        let state = self.store.recover(log)?;
        check_head(&mut *self.store, &self.origin, log, &state, &self.signer)?;
        self.logs.insert(log.clone(), state);
        Ok(())
    }

    /// Ends a batch in which nothing is written.
    pub(super) fn end(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.must_end) { self.store.commit(&Append::default()) } else { Ok(()) }
    }

    /// Waits until it is worth trying again. An error once the writer is told to stop: it would never end.
    pub(super) fn wait_out(&mut self, why: &str) -> Result<(), RecorderError> {
        self.must_end = false;
        let away = self.away.get_or_insert_with(|| {
            tracing::warn!(why, "the database is away: writes wait for it");
            self.hindrance.send_replace(Hindrance::StoreAway);
            self.metrics.increment(&table::STORE_INTERRUPTIONS, &[]);
            self.metrics.increment_gauge(&table::STORE_AWAY);
            Away { since: Instant::now(), pause: PAUSE, told_to_stop: None }
        });
        if self.stopping.load(Ordering::SeqCst) {
            let told = *away.told_to_stop.get_or_insert_with(Instant::now);
            if told.elapsed() > STOP_GRACE {
                return Err(StoreError::Interrupted(why.to_owned()).into());
            }
        }
        std::thread::sleep(away.pause);
        away.pause = away.pause.saturating_mul(2).min(PAUSE_MAX);
        Ok(())
    }

    /// The database answers again, and nothing else is in the way.
    pub(super) fn back(&mut self) {
        if let Some(away) = self.away.take() {
            let gap_ms = u64::try_from(away.since.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(gap_ms, "the database is back");
            self.metrics.decrement_gauge(&table::STORE_AWAY);
        }
        self.told(Hindrance::None);
    }

    /// Nothing can be judged before another set is taken up.
    pub(super) fn overruled(&mut self) {
        self.back();
        if self.told(Hindrance::OtherLaw) {
            tracing::warn!(
                "another policy set came into force by another gateway: nothing is judged before it is taken up"
            );
        }
    }

    fn told(&self, hindrance: Hindrance) -> bool {
        self.hindrance.send_if_modified(|known| std::mem::replace(known, hindrance) != hindrance)
    }
}
