//! What the clocks of a detainer turn on, beside the rest of its state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::clocks::FiredClocks;
use crate::domain::determination::{HoldClock, Ruling};

/// What a detainer keeps for its clocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetainerClocks {
    /// When the request was amended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amended_at: Option<Timestamp>,
    /// When its issuer raised the claim to citizenship that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// What the law was last found to say of telling the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Ruling>,
    /// Which clock it was last found to bound a hold by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_clock: Option<HoldClock>,
    /// When a promise to hold last lapsed, of the custody that it is matched to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_lapsed_at: Option<Timestamp>,
    /// Clocks that fired.
    #[serde(default, skip_serializing_if = "FiredClocks::is_empty")]
    pub fired: FiredClocks,
}
