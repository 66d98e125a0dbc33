//! A detainer as its issuer sees it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::detainer::{Answer, DetainerState, Finding};
use crate::domain::determination::Withheld;
use crate::domain::ids::AgencyId;
use crate::domain::service::ServiceOfCopy;

/// What the issuer has been told. The issuer's view is made of this and its own request, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerView {
    /// State, as far as disclosed.
    pub state: DetainerState,
    /// Who took it on, once the finding was disclosed.
    pub custodian: Option<AgencyId>,
    /// The finding was disclosed.
    pub finding: Option<Finding>,
    /// The answer that was disclosed last, without its reason. A later one that was not stays out of sight.
    pub answer: Option<Answer>,
    /// The service of a copy that was disclosed last.
    pub service: Option<ServiceOfCopy>,
    /// Where it was shown to stand when the end of the custody was disclosed. It outlives a withdrawal: a correction
    /// reaches whoever was told.
    pub ended_from: Option<DetainerState>,
    /// When the view last changed, by our clock.
    pub updated_at: Timestamp,
    /// Counts the changes of the view.
    pub version: u64,
    /// Classes that it is not shown. Not kept: worked out when it is shown, by the law of that moment.
    #[serde(skip)]
    pub withheld: Vec<Withheld>,
}

impl IssuerView {
    /// As it is shown when lodged.
    pub fn lodged(now: Timestamp) -> Self {
        Self {
            state: DetainerState::Lodged,
            custodian: None,
            finding: None,
            answer: None,
            service: None,
            ended_from: None,
            updated_at: now,
            version: 1,
            withheld: Vec::new(),
        }
    }
}

/// From where a detainer is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewpoint {
    /// Its issuer: its own request, and what it has been told.
    Issuer,
    /// Its custodian, or oversight: everything.
    Custodian,
}
