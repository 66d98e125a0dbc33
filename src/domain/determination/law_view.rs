//! The rulings of the law on one detainer.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::determination::{Determination, FieldClasses, Withheld};
use crate::domain::disclosure::DisclosableClasses;
use crate::domain::facts::CaseFacts;

/// The rulings of the law on one detainer at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawView {
    /// On holding past release.
    pub hold: Arc<Determination>,
    /// On telling of the release.
    pub notify: Arc<Determination>,
    /// On handing the person over.
    pub transfer: Arc<Determination>,
    /// On letting the requester speak with the person.
    pub interview: Arc<Determination>,
    /// Classes for which `disclose` is ruled must or may. `disclosure::visible_to_issuer` says which of them are shown.
    pub disclosable: DisclosableClasses,
    /// Classes for which `disclose` is ruled review: a person decides.
    pub review: FieldClasses,
    /// Classes that need a person's decision or are forbidden, each with the citations of what withholds it.
    pub withheld: Arc<[Withheld]>,
    /// The determinations on disclosure, one for each distinct ruling.
    pub disclosure: Vec<Arc<Determination>>,
    /// Digest of the policy set that was evaluated.
    pub policy_digest: [u8; 32],
    /// The facts that were judged.
    pub facts: Arc<CaseFacts>,
    /// When they were judged.
    pub judged_at: Timestamp,
}
