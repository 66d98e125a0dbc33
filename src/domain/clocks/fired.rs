//! What a case stores of the clocks that have fired.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::clocks::running::{Firing, Running, key};
use crate::domain::determination::HoldClock;

/// A clock that has fired, as a case stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// Its key in the agenda.
    pub key: String,
    /// When it was first due.
    pub first_due_at: Timestamp,
    /// How many times it has fired.
    pub times: u32,
    /// When it last fired, by our clock.
    pub recorded_at: Timestamp,
    /// The clock that bounded the hold.
    pub hold_clock: Option<HoldClock>,
}

/// The fired clocks of a case, the newest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FiredClocks(Vec<Fired>);

/// How many fired clocks a case stores, beside those still running. Only a few run at once, and the log has them all.
const FIRED_MAX: usize = 64;

impl FiredClocks {
    pub(in crate::domain) fn find(&self, key: &str) -> Option<&Fired> {
        self.0.iter().find(|fired| fired.key == key)
    }

    /// Whether none has fired.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records a firing; `running` lists the running clocks.
    ///
    /// INVARIANT: a running clock is not forgotten, or it would fire again.
    pub fn record(&mut self, firing: &Firing, recorded_at: Timestamp, running: impl FnOnce() -> Vec<Running>) {
        let Firing { clock, about, due_at, times, hold_clock, .. } = firing;
        let key = key(*clock, about);
        if let Some(known) = self.0.iter_mut().find(|fired| fired.key == key) {
            (known.times, known.recorded_at) = (*times, recorded_at);
            return;
        }
        if self.0.len() >= FIRED_MAX {
            let running: Vec<String> = running().iter().map(Running::key).collect();
            let oldest = self.0.iter().position(|fired| !running.contains(&fired.key));
            oldest.map(|oldest| self.0.remove(oldest));
        }
        let (first_due_at, times, hold_clock) = (*due_at, *times, *hold_clock);
        self.0.push(Fired { key, first_due_at, times, recorded_at, hold_clock });
    }
}
