//! An item of the agenda: one thing to do about a case.

use jiff::Timestamp;

use crate::domain::ids::AgencyId;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The kinds of agenda item.
    pub enum ItemKind {
        /// A legal clock. The gateway fires it when it is due.
        Clock = "clock",
        /// An officer must decide what the law leaves to a person.
        Review = "review",
        /// An obligation must be met.
        Obligation = "obligation",
        /// The law must be asked again about every detainer on a custody. The gateway does so when it is due.
        Judgement = "judgement",
        /// The custodian did not find the person, and is asked again until then. The gateway ends the detainer when it is due.
        Expiry = "expiry",
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What kind.
    pub kind: ItemKind,
    /// Distinguishes it from others of its kind in the case: a word, then a slash and what it is about.
    pub key: String,
    /// By when.
    pub due_at: Timestamp,
    /// The agency that must act. None: whichever custodian of the jurisdiction holds the person.
    pub holder: Option<AgencyId>,
}
