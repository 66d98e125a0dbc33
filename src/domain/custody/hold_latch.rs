//! The hold latch of a custody: the moment of otherwise-release and the holds promised at it. `hold.rs` has the rules.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::determination::HoldClock;
use crate::domain::ids::{AgencyId, CaseName, FacilityCode};

/// The moment of otherwise-release and the holds that were promised when it was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLatch {
    /// When the custodian had expected to release the person.
    pub moment: Timestamp,
    /// The custodian at that moment.
    pub custodian: AgencyId,
    /// The facility at that moment. The hold runs out by the calendar of its time zone, wherever the person is moved.
    pub facility: FacilityCode,
    /// The holds. Empty if the latch was made from an alarm that fired before latches were kept.
    pub holds: Vec<LatchedHold>,
    /// What ended it. None: it has not ended.
    #[serde(default)]
    pub end: Option<HoldEnd>,
}

/// One hold of a latch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatchedHold {
    /// The detainer that asks for it.
    pub detainer: CaseName,
    /// The clock that bounds it. None: the law names none.
    pub clock: Option<HoldClock>,
}

/// What ended a hold past the moment of otherwise-release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldEnd {
    /// The person left at that time: released, died, escaped, or gone by a document. A correction takes it back.
    Left(Timestamp),
    /// From that time on the person is held on another ground.
    OtherGround(Timestamp),
}

impl HoldEnd {
    fn at(self) -> Timestamp {
        match self {
            Self::Left(at) | Self::OtherGround(at) => at,
        }
    }
}

impl HoldLatch {
    /// Whether it ended because the person left.
    pub(in crate::domain) fn has_left(&self) -> bool {
        matches!(self.end, Some(HoldEnd::Left(_)))
    }

    /// Whether the person was still held under it at a time.
    pub fn held_at(&self, at: Timestamp) -> bool {
        // A release dated in the future ends nothing before its date.
        self.end.is_none_or(|end| at < end.at())
    }
}
