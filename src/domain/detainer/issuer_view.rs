//! A detainer as its issuer sees it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::custody::ReleaseEligibility;
use crate::domain::detainer::{Answer, DetainerState, Finding, ReleaseView};
use crate::domain::determination::Withheld;
use crate::domain::ids::AgencyId;
use crate::domain::service::ServiceOfCopy;

/// What was disclosed to the issuer. The issuer sees this and its own request, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerView {
    /// The state, as far as disclosed.
    pub state: DetainerState,
    /// The custodian, once the finding was disclosed.
    pub custodian: Option<AgencyId>,
    /// The finding, once disclosed.
    pub finding: Option<Finding>,
    /// The last answer disclosed, without its reason. A later answer that was not disclosed is not in it.
    pub answer: Option<Answer>,
    /// The last service of a copy disclosed.
    pub service: Option<ServiceOfCopy>,
    /// What was disclosed of the end of the custody.
    #[serde(default, skip_serializing_if = "ReleaseView::is_empty")]
    pub release: ReleaseView,
    /// When the person becomes eligible for a release, as far as disclosed: the last of each kind. Read back in entries
    /// alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub eligibilities: Vec<ReleaseEligibility>,
    /// The state in this view just before the end of the custody was disclosed. A withdrawal keeps it, because a
    /// correction goes to every issuer that was told of the end.
    pub ended_from: Option<DetainerState>,
    /// When the view last changed, by our clock.
    pub updated_at: Timestamp,
    /// Counts the changes of the view.
    pub version: u64,
    /// Classes that are withheld. Not stored: worked out by the law of the moment whenever the view is read.
    #[serde(skip)]
    pub withheld: Vec<Withheld>,
}

impl IssuerView {
    /// The view of a detainer as lodged.
    pub fn lodged(now: Timestamp) -> Self {
        Self {
            state: DetainerState::Lodged,
            custodian: None,
            finding: None,
            answer: None,
            service: None,
            release: ReleaseView::default(),
            eligibilities: Vec::new(),
            ended_from: None,
            updated_at: now,
            version: 1,
            withheld: Vec::new(),
        }
    }
}

/// Who reads a detainer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewpoint {
    /// Its issuer: reads its own request and what was disclosed to it.
    Issuer,
    /// Its custodian, or oversight: reads everything.
    Custodian,
}
