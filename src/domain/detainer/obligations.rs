//! What the custodian of a detainer owes.

use crate::domain::detainer::Detainer;
use crate::domain::determination::Obligation;
use crate::domain::obligation::{Evidence, EvidenceMethod, OwedObligation};

impl Detainer {
    /// An obligation that arose upon it.
    pub fn owed(&self, obligation: Obligation) -> Option<&OwedObligation> {
        self.obligations.iter().find(|owed| owed.obligation == obligation)
    }

    /// What the service of a copy on the person is evidence of.
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

    /// Puts an obligation in the place of the one before of its kind.
    pub(in crate::domain) fn put_owed(&mut self, owed: &OwedObligation) {
        match self.obligations.iter_mut().find(|known| known.obligation == owed.obligation) {
            Some(known) => known.clone_from(owed),
            None => self.obligations.push(owed.clone()),
        }
    }
}
