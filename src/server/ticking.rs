//! Looks at the legal clocks, again and again.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::recorder::{Handle, SubmitError, Ticked};

/// Fires what is due until the gateway drains. What is due then fires at the next start.
pub(super) async fn tick(recorder: Handle, every: Duration, drain: CancellationToken) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // A full queue has its say elsewhere, and there is a next time.
        if let Err(SubmitError::Stopped) = fire_all(&recorder).await {
            return;
        }
    }
}

/// Fires everything that is due, a batch at a time, so that writes come in between.
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
