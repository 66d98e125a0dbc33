//! What is done about an audit log by the clock, on a thread of its own: counts of denials are written, the chain is signed,
//! the file is synced and rotated, its disk is looked at, and where lines could not be written it is tried again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::audit::config::Config;
use crate::audit::handle::{AuditFile, Room};

/// How often it looks whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Keeps an audit log while a gateway runs.
#[derive(Debug)]
pub struct Keeper {
    audit: Arc<AuditFile>,
    config: Config,
    counted: Instant,
    signed: Instant,
    synced: Instant,
    cannot_rotate: bool,
}

impl Keeper {
    /// Keeps a log that has just begun.
    pub fn new(audit: Arc<AuditFile>, config: Config) -> Self {
        let now = Instant::now();
        Self { audit, config, counted: now, signed: now, synced: now, cannot_rotate: false }
    }

    /// Looks every second, until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            self.look(Instant::now());
        }
    }

    /// Does what is due.
    pub fn look(&mut self, now: Instant) {
        self.look_at_room();
        if let Some(lost) = self.audit.try_again() {
            tracing::warn!(lost, "audit lines are written again");
        }
        self.audit.connect_syslog();
        if is_due(&mut self.counted, self.config.summary_every_s, now) {
            self.audit.write_counts();
        }
        if is_due(&mut self.signed, self.config.head_every_s, now) {
            self.audit.sign();
        }
        if self.config.file_len_max > 0 {
            self.rotate();
        }
        if self.config.sync_every_s > 0
            && is_due(&mut self.synced, self.config.sync_every_s, now)
            && let Err(error) = self.audit.sync()
        {
            tracing::error!(%error, "audit lines were not synced");
        }
    }

    fn look_at_room(&self) {
        match self.audit.look_at_room(self.config.reserve_len) {
            None => {}
            Some(Room::Enough) => tracing::info!("there is room for audit lines again"),
            Some(Room::ForCalls) => {
                tracing::warn!("there is little room for audit lines: denials are counted only");
            }
            Some(Room::ForOperators) => tracing::error!("there is no room for audit lines: calls are refused"),
        }
    }

    fn rotate(&mut self) {
        let rotated = self.audit.rotate_from(self.config.file_len_max);
        // Said once: it is tried at each look.
        if let Err(error) = &rotated
            && !self.cannot_rotate
        {
            tracing::error!(%error, "the file of audit lines cannot be rotated");
        }
        self.cannot_rotate = rotated.is_err();
    }
}

fn is_due(last: &mut Instant, every_s: u32, now: Instant) -> bool {
    let due = now.saturating_duration_since(*last) >= Duration::from_secs(every_s.into());
    if due {
        *last = now;
    }
    due
}
