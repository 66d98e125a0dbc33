//! Authorization as proof in a type: what a value has been checked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::agency::Caller;
use crate::domain::determination::LawView;
use crate::domain::ids::{CaseName, JurisdictionId};

/// A value with its caller, method and jurisdiction checked: this kind of caller may call this method.
#[derive(Debug, Clone)]
pub struct Admitted<T> {
    /// Who calls.
    pub caller: Caller,
    /// The one jurisdiction whose law applies and whose logs are written.
    pub jurisdiction: JurisdictionId,
    /// The value.
    pub value: T,
}

/// A value that the gate permitted, given the facts of the case. It carries the rulings of the law, and every time in
/// it was checked to be possible.
///
/// INVARIANT: only `policy/gate/permit.rs` makes it; the architecture test lets no other file call `by_gate`.
#[derive(Debug, Clone)]
pub struct Permitted<T> {
    admitted: Admitted<Arc<T>>,
    laws: BTreeMap<CaseName, LawView>,
}

impl<T> Permitted<T> {
    /// Only the gate may call this.
    pub fn by_gate(admitted: Admitted<Arc<T>>, laws: BTreeMap<CaseName, LawView>) -> Self {
        Self { admitted, laws }
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.admitted.caller
    }

    /// The jurisdiction whose law applies and whose logs are written.
    pub fn jurisdiction(&self) -> &JurisdictionId {
        &self.admitted.jurisdiction
    }

    /// What was permitted.
    pub fn value(&self) -> &T {
        &self.admitted.value
    }

    /// The rulings of the law on a detainer. `None`: the command does not touch it.
    pub fn law(&self, detainer: &CaseName) -> Option<&LawView> {
        self.laws.get(detainer)
    }
}
