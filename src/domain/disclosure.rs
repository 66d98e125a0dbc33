//! The classes that the law rules disclosable. Only the rules below can turn them into what an issuer sees.

mod rules;

pub use rules::{IssuerClasses, may_hand_over, visible_to_issuer, withheld};
pub(in crate::domain) use rules::{notice_permitted_by_officer, release_left_to_officer, visible_by_law};

use crate::domain::determination::{FieldClass, FieldClasses};

/// The classes for which `disclose` is ruled must or may.
///
/// INVARIANT: only `disclosure/rules.rs` reads the set, so that no class is shown on the ruling on `disclose` alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DisclosableClasses(FieldClasses);

impl DisclosableClasses {
    /// The classes that the law rules disclosable.
    pub fn by_law(classes: FieldClasses) -> Self {
        Self(classes)
    }

    /// Whether `disclose` allows a class. Whether the issuer sees it, [`visible_to_issuer`] says.
    pub fn contains(self, class: FieldClass) -> bool {
        self.0.contains(class)
    }
}
