//! What a custody stores for its clocks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::clocks::FiredClocks;
use crate::domain::clocks::running::{ClockKind, key, minute};
use crate::domain::custody::hold_latch::HoldLatch;

/// What a custody stores for its clocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustodyClocks {
    /// When the custodian raised the open claim to citizenship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// The time of an expected release that was reached before the release was postponed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached_at: Option<Timestamp>,
    /// The hold that outlasted the moment of otherwise-release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latch: Option<HoldLatch>,
    /// When the present expected release was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// When an officer last cited another ground to hold the person on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_ground_at: Option<Timestamp>,
    /// Clocks that have fired.
    #[serde(default, skip_serializing_if = "FiredClocks::is_empty")]
    pub fired: FiredClocks,
}

impl CustodyClocks {
    /// Whether the over-hold alarm for a moment of otherwise-release has fired.
    pub(in crate::domain) fn fired_over_hold(&self, moment: Timestamp) -> bool {
        self.fired.find(&key(ClockKind::OverHold, &minute(moment).to_string())).is_some()
    }
}
