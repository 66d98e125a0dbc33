//! Fires due legal clocks at regular intervals.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::recorder::{Handle, SubmitError, Ticked};

/// Fires due clocks until the gateway drains. The rest fires at the next start.
pub(super) async fn tick(recorder: Handle, every: Duration, drain: CancellationToken) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // A full queue is reported elsewhere, and the next tick tries again.
        if let Err(SubmitError::Stopped) = fire_all(&recorder).await {
            return;
        }
    }
}

/// Fires every clock that is due, one batch at a time, so that writes come in between.
pub(super) async fn fire_all(recorder: &Handle) -> Result<usize, SubmitError> {
    let mut fired = 0usize;
    loop {
        let Ticked { fired: now, more } = recorder.tick().await?;
        fired = fired.saturating_add(now);
        if !more {
            return Ok(fired);
        }
    }
}
