//! Tells systemd what a gateway is at (`sd_notify(3)`). Where nobody asked to be told, nothing is.

use std::future::pending;
use std::time::Duration;

use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// It serves, after a start or a reload.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It reads files again, and is ready once more when that is done.
pub(super) fn reloading() {
    // systemd since 253 wants to know when a reload began.
    match NotifyState::monotonic_usec_now() {
        Ok(since) => tell(&[NotifyState::Reloading, since]),
        Err(error) => tracing::warn!(%error, "the system has no monotonic clock"),
    }
}

/// It drains.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// It is alive.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = notify(states) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

/// Says when the service manager wants to hear that the gateway is alive: twice in each of its periods.
pub(super) struct Watchdog(Option<Interval>);

impl Watchdog {
    /// As the service manager asked when it started this process. On a runtime.
    pub(super) fn as_asked() -> Self {
        let period = watchdog_enabled().map(|period| period / 2).filter(|period| *period > Duration::ZERO);
        Self(period.map(|period| {
            let mut interval = interval(period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        }))
    }

    /// Resolves when it is time. Never, if nobody asked.
    pub(super) async fn due(&mut self) {
        match &mut self.0 {
            Some(interval) => {
                interval.tick().await;
            }
            None => pending().await,
        }
    }
}
