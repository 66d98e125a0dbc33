//! An item of the agenda: one thing that is to be done about a case.

use jiff::Timestamp;

use crate::domain::ids::AgencyId;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What kind of thing is to be done.
    pub enum ItemKind {
        /// Something must have happened by then. The gateway fires it when it is due.
        Clock = "clock",
        /// An officer must decide what the law leaves to a person.
        Review = "review",
        /// What the law asks besides must be done.
        Obligation = "obligation",
        /// The law is to be asked again of every detainer that stands on a custody. The gateway does so when it is due.
        Judgement = "judgement",
    }
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What kind.
    pub kind: ItemKind,
    /// Tells it from others of its kind in its case: a word, and what it is about after a slash.
    pub key: String,
    /// By when.
    pub due_at: Timestamp,
    /// Who must act. None: whichever custodian of the jurisdiction holds the person.
    pub holder: Option<AgencyId>,
}
