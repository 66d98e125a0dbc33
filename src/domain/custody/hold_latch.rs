//! The moment of otherwise-release and the holds promised when it was reached, as a custody keeps them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::determination::HoldClock;
use crate::domain::ids::{AgencyId, CaseName, FacilityCode};

/// The moment of otherwise-release and the holds that were promised when it was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLatch {
    /// When the custodian had expected to release the person.
    pub moment: Timestamp,
    /// Who held the person then.
    pub custodian: AgencyId,
    /// Where the person was then: the hold runs out by the days of that place, wherever the person is moved.
    pub facility: FacilityCode,
    /// The holds. Empty where it was latched from an alarm that had fired before latches were kept.
    pub holds: Vec<LatchedHold>,
    /// What ended it. None: nothing yet.
    #[serde(default)]
    pub end: Option<HoldEnd>,
}

/// One hold of a latch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatchedHold {
    /// Under which detainer.
    pub detainer: CaseName,
    /// Which clock bounds it. None: the law names none.
    pub clock: Option<HoldClock>,
}

/// What ends a hold past the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldEnd {
    /// The person left then: released, dead, escaped, or gone by a document. A correction takes it back.
    Left(Timestamp),
    /// Since then the person is held on another ground.
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
        // A release that is dated in the future ends nothing before its date.
        self.end.is_none_or(|end| at < end.at())
    }
}
