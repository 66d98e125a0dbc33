//! What the law rules on `disclose`, as only the rules of what may be shown can read it.

mod rules;

pub use rules::{IssuerClasses, may_hand_over, visible_to_issuer, withheld};
pub(in crate::domain) use rules::{notice_permitted_by_officer, release_left_to_officer, visible_by_law};

use crate::domain::determination::{FieldClass, FieldClasses};

/// Classes of which `disclose` is ruled must or may. INVARIANT: only [`rules`] reads the set, so that nobody is shown a
/// class on `disclose` alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DisclosableClasses(FieldClasses);

impl DisclosableClasses {
    /// As the law rules on `disclose`, class by class.
    pub fn by_law(classes: FieldClasses) -> Self {
        Self(classes)
    }

    /// Whether `disclose` allows a class. Whether it is shown [`told`] says.
    pub fn contains(self, class: FieldClass) -> bool {
        self.0.contains(class)
    }
}
