//! What the clocks of a custody turn on, beside the rest of its state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::clocks::FiredClocks;
use crate::domain::clocks::running::{ClockKind, key, minute};
use crate::domain::custody::hold_latch::HoldLatch;

/// What a custody keeps for its clocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustodyClocks {
    /// When the custodian raised the claim to citizenship that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// An expected release that was reached before it was put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached_at: Option<Timestamp>,
    /// The hold that outlasted the moment of otherwise-release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latch: Option<HoldLatch>,
    /// When the expected release was entered as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// When an officer last cited another ground to hold the person on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_ground_at: Option<Timestamp>,
    /// Clocks that fired.
    #[serde(default, skip_serializing_if = "FiredClocks::is_empty")]
    pub fired: FiredClocks,
}

impl CustodyClocks {
    /// Whether the alarm of a hold past a moment has fired.
    pub(in crate::domain) fn fired_over_hold(&self, moment: Timestamp) -> bool {
        self.fired.find(&key(ClockKind::OverHold, &minute(moment).to_string())).is_some()
    }
}
