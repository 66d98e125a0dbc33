//! What the law was found to say of one detainer, act by act and class by class.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::determination::{Determination, FieldClasses, Withheld};
use crate::domain::disclosure::DisclosableClasses;
use crate::domain::facts::CaseFacts;

/// What the law was found to say of one detainer at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawView {
    /// On holding past release.
    pub hold: Arc<Determination>,
    /// On telling of the release.
    pub notify: Arc<Determination>,
    /// On handing the person over.
    pub transfer: Arc<Determination>,
    /// Classes of which `disclose` is ruled must or may. What is shown, `disclosable::told` says.
    pub disclosable: DisclosableClasses,
    /// Classes left to a person: `disclose` ruled review.
    pub review: FieldClasses,
    /// Classes that may not be shown without a person's decision, each with the citations of what withholds it.
    pub withheld: Arc<[Withheld]>,
    /// What the disclosure rulings rest on, one for each distinct ruling.
    pub disclosure: Vec<Arc<Determination>>,
    /// Digest of the policy set that was asked.
    pub policy_digest: [u8; 32],
    /// The facts that it was asked on.
    pub facts: Arc<CaseFacts>,
    /// When it was asked.
    pub judged_at: Timestamp,
}
