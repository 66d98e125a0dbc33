//! When a person becomes eligible for a release, which is not yet a release that is expected.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// For which release a person becomes eligible.
    pub enum ReleaseEligibilityKind {
        /// Parole: `j:IncarcerationParoleEligibilityDate`.
        Parole = "parole",
        /// Conditional release: `j:SupervisionReleaseEligibilityDate`.
        Conditional = "conditional",
        /// The earliest possible release of any kind.
        Earliest = "earliest",
    }
}

/// When a person becomes eligible for a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseEligibility {
    /// For which.
    pub kind: ReleaseEligibilityKind,
    /// From which day on.
    pub eligible_on: Date,
    /// When the date was worked out, as the custodian says.
    pub as_of: Option<Timestamp>,
}

/// Puts an eligibility in place of the one of its kind, if there is one. At most one of each kind is kept.
pub(in crate::domain) fn put(all: &mut Vec<ReleaseEligibility>, eligibility: &ReleaseEligibility) {
    remove(all, eligibility.kind);
    all.push(eligibility.clone());
}

/// Removes the eligibility of a kind.
pub(in crate::domain) fn remove(all: &mut Vec<ReleaseEligibility>, kind: ReleaseEligibilityKind) {
    all.retain(|one| one.kind != kind);
}
