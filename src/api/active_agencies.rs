//! One at a time for each agency, of work that reads whole logs or holds much in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::AgencyId;

/// The agencies that something is being done for.
#[derive(Debug, Clone, Default)]
pub(super) struct ActiveAgencies(Arc<Mutex<BTreeSet<AgencyId>>>);

/// Something that is being done for an agency. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct ActiveAgency {
    active: ActiveAgencies,
    agency: AgencyId,
}

impl ActiveAgencies {
    /// None: it is being done for this agency already.
    pub(super) fn begin(&self, agency: &AgencyId) -> Option<ActiveAgency> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(agency.clone());
        is_first.then(|| ActiveAgency { active: self.clone(), agency: agency.clone() })
    }
}

impl Drop for ActiveAgency {
    fn drop(&mut self) {
        self.active.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.agency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agency_has_one_at_a_time() {
        let active = ActiveAgencies::default();
        let (ice, doccs) = ("us-ice".parse().unwrap(), "us-ny-doccs".parse().unwrap());
        let first = active.begin(&ice).unwrap();
        assert!(active.begin(&ice).is_none());
        assert!(active.begin(&doccs).is_some());
        drop(first);
        assert!(active.begin(&ice).is_some());
    }
}
