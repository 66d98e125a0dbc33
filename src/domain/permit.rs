//! Authorization as a proof that travels inward as a type.

use std::collections::BTreeMap;

use crate::domain::agency::Caller;
use crate::domain::determination::LawView;
use crate::domain::ids::{CaseName, JurisdictionId};

/// A value whose caller, method and jurisdiction were proven at the door: this kind of caller may call this method.
#[derive(Debug, Clone)]
pub struct Admitted<T> {
    /// Who calls.
    pub caller: Caller,
    /// Whose law and logs are touched: exactly one jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// What is asked.
    pub value: T,
}

/// A value that the gate let pass with the case's facts before it: what the law says is attached, and no time in it is one
/// that cannot be.
///
/// INVARIANT: made only by `policy/gate.rs`; the architecture test holds that no other file calls `by_gate`.
#[derive(Debug, Clone)]
pub struct Permitted<T> {
    admitted: Admitted<T>,
    laws: BTreeMap<CaseName, LawView>,
}

impl<T> Permitted<T> {
    /// Called by the gate alone.
    pub fn by_gate(admitted: Admitted<T>, laws: BTreeMap<CaseName, LawView>) -> Self {
        Self { admitted, laws }
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.admitted.caller
    }

    /// Whose law and logs are touched.
    pub fn jurisdiction(&self) -> &JurisdictionId {
        &self.admitted.jurisdiction
    }

    /// What was permitted.
    pub fn value(&self) -> &T {
        &self.admitted.value
    }

    /// What the law says of a detainer. `None` where the command does not touch it.
    pub fn law(&self, detainer: &CaseName) -> Option<&LawView> {
        self.laws.get(detainer)
    }
}
