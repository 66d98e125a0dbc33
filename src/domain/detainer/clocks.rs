//! What a detainer stores for its clocks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::clocks::FiredClocks;
use crate::domain::determination::{HoldClock, Ruling};

/// What a detainer stores for its clocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetainerClocks {
    /// When the request was last amended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amended_at: Option<Timestamp>,
    /// When the person was found, if the custodian was asked again after it did not hold them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_at: Option<Timestamp>,
    /// When its issuer raised the open claim to citizenship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// The last ruling on notice to the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Ruling>,
    /// The clock that the law last bounded a hold by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_clock: Option<HoldClock>,
    /// When a promise to hold last lapsed in the custody that it is matched to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_lapsed_at: Option<Timestamp>,
    /// Clocks that have fired.
    #[serde(default, skip_serializing_if = "FiredClocks::is_empty")]
    pub fired: FiredClocks,
}
