//! One report at a time for each agency: a report reads whole logs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::AgencyId;

/// The agencies that a report is being computed for.
#[derive(Debug, Clone, Default)]
pub(super) struct ActiveReports(Arc<Mutex<BTreeSet<AgencyId>>>);

/// A report that is being computed.
#[derive(Debug)]
pub(super) struct ActiveReport {
    active: ActiveReports,
    agency: AgencyId,
}

impl ActiveReports {
    /// None: one is being computed for this agency already.
    pub(super) fn begin(&self, agency: &AgencyId) -> Option<ActiveReport> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(agency.clone());
        is_first.then(|| ActiveReport { active: self.clone(), agency: agency.clone() })
    }
}

impl Drop for ActiveReport {
    fn drop(&mut self) {
        self.active.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.agency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agency_has_one_report_at_a_time() {
        let active = ActiveReports::default();
        let (ice, doccs) = ("us-ice".parse().unwrap(), "us-ny-doccs".parse().unwrap());
        let first = active.begin(&ice).unwrap();
        assert!(active.begin(&ice).is_none());
        assert!(active.begin(&doccs).is_some());
        drop(first);
        assert!(active.begin(&ice).is_some());
    }
}
