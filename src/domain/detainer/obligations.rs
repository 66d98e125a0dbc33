//! The obligations of a detainer's custodian.

use crate::domain::detainer::Detainer;
use crate::domain::determination::Obligation;
use crate::domain::obligation::{Evidence, EvidenceMethod, OwedObligation};

impl Detainer {
    /// The obligation of this kind, if it arose.
    pub fn owed(&self, obligation: Obligation) -> Option<&OwedObligation> {
        self.obligations.iter().find(|owed| owed.obligation == obligation)
    }

    /// The evidence that a recorded service of a copy gives for an obligation.
    pub(in crate::domain) fn met_by_service(&self, obligation: Obligation) -> Option<Evidence> {
        let service = self.service.as_ref()?;
        let met = match obligation {
            Obligation::ServeCopy | Obligation::TellTheSubject => true,
            Obligation::TellCounsel => service.counsel_told,
            Obligation::InterviewAdvisal
            | Obligation::AnnualCount
            | Obligation::RecordInFile
            | Obligation::TellTheJudge => false,
        };
        met.then_some(Evidence { method: EvidenceMethod::ServiceOfCopy, met_at: service.served_at, note: None })
    }

    /// Replaces the obligation of the same kind, or adds it.
    pub(in crate::domain) fn put_owed(&mut self, owed: &OwedObligation) {
        match self.obligations.iter_mut().find(|known| known.obligation == owed.obligation) {
            Some(known) => known.clone_from(owed),
            None => self.obligations.push(owed.clone()),
        }
    }
}
