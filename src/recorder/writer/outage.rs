//! Begins a batch on logs that other gateways may have extended, and waits for a database that is unreachable.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::domain::ids::LogName;
use crate::metrics::table;
use crate::recorder::writer::commit::head;
use crate::recorder::writer::error::RecorderError;
use crate::recorder::writer::head::check_head;
use crate::recorder::writer::state::Recorder;
use crate::recorder::writer::status::{Outage, PolicyCheck, WriterStatus};
use crate::store::{Append, BatchStart, StoreError};

/// The first and the longest pause between two tries to reach the database.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// How long a writer goes on trying after it was asked to stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

impl Recorder {
    /// Begins a batch over the logs that it touches, and catches up with what other gateways have recorded in them.
    pub(in crate::recorder) fn begin(
        &mut self,
        is_touched: impl Fn(&LogName) -> bool,
    ) -> Result<PolicyCheck, RecorderError> {
        let touched: BTreeSet<_> = self.logs.keys().filter(|log| is_touched(log)).cloned().collect();
        let (heads, policy) = match self.store.begin(&touched)? {
            BatchStart::AsLeft => {
                // A commit whose outcome was unknown may have left it like this.
                if self.away.is_some() {
                    touched.iter().try_for_each(|log| self.catch_up(log))?;
                }
                return Ok(PolicyCheck::Current);
            }
            BatchStart::Shared { heads, policy } => (heads, policy),
        };
        self.must_end = true;
        for (log, stored) in heads {
            if self.logs.get(&log).map(|state| head(&state.tree)) != Some(stored) {
                self.catch_up(&log)?;
            }
        }
        let known = self.policy.as_ref().map(|policy| policy.digest);
        Ok(if policy == known { PolicyCheck::Current } else { PolicyCheck::Superseded })
    }

    fn catch_up(&mut self, log: &LogName) -> Result<(), RecorderError> {
        let state = self.store.recover(log)?;
        check_head(&mut *self.store, &self.origin, log, &state, &self.signer)?;
        self.logs.insert(log.clone(), state);
        Ok(())
    }

    /// Ends a batch that writes nothing.
    pub(in crate::recorder) fn end(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.must_end) { self.store.commit(&Append::default()) } else { Ok(()) }
    }

    /// Waits until it is worth trying again. Returns an error soon after the writer was asked to stop, because it could
    /// otherwise wait for ever.
    pub(in crate::recorder) fn retry_after_outage(&mut self, why: &str) -> Result<(), RecorderError> {
        self.must_end = false;
        let away = self.away.get_or_insert_with(|| {
            tracing::warn!(why, "the database is away: writes wait for it");
            self.status.send_replace(WriterStatus::StoreAway);
            self.metrics.increment(&table::STORE_INTERRUPTIONS, &[]);
            self.metrics.increment_gauge(&table::STORE_AWAY);
            Outage { since: Instant::now(), pause: PAUSE, stop_requested_at: None }
        });
        if self.stopping.load(Ordering::SeqCst) {
            let requested_at = *away.stop_requested_at.get_or_insert_with(Instant::now);
            if requested_at.elapsed() > STOP_GRACE {
                return Err(StoreError::Interrupted(why.to_owned()).into());
            }
        }
        std::thread::sleep(away.pause);
        away.pause = away.pause.saturating_mul(2).min(PAUSE_MAX);
        Ok(())
    }

    /// Reports that the database answers again, and that nothing else keeps the writer from recording.
    pub(in crate::recorder) fn recovered(&mut self) {
        if let Some(away) = self.away.take() {
            let gap_ms = u64::try_from(away.since.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(gap_ms, "the database is back");
            self.metrics.decrement_gauge(&table::STORE_AWAY);
        }
        self.set_status(WriterStatus::None);
    }

    /// Reports that nothing can be judged before this gateway has another policy set.
    pub(in crate::recorder) fn superseded(&mut self) {
        self.recovered();
        if self.set_status(WriterStatus::OtherLaw) {
            tracing::warn!(
                "another policy set came into force by another gateway: nothing is judged before it is taken up"
            );
        }
    }

    fn set_status(&self, status: WriterStatus) -> bool {
        self.status.send_if_modified(|known| std::mem::replace(known, status) != status)
    }
}
