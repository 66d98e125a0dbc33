//! The obligations of a detainer's custodian.

use crate::domain::detainer::Detainer;
use crate::domain::determination::Obligation;
use crate::domain::obligation::{Evidence, EvidenceMethod, OwedObligation};

impl Detainer {
    /// The obligation of this kind, if it arose.
    pub fn owed(&self, obligation: Obligation) -> Option<&OwedObligation> {
        self.obligations.iter().find(|owed| owed.obligation == obligation)
    }

    /// The evidence that is recorded for an obligation already: a service of a copy, or an advisal before an interview.
    pub(in crate::domain) fn recorded_evidence(&self, obligation: Obligation) -> Option<Evidence> {
        self.met_by_service(obligation).or_else(|| self.met_by_advisal(obligation))
    }

    fn met_by_advisal(&self, obligation: Obligation) -> Option<Evidence> {
        let advisal = self.interview.as_ref()?.answer.as_ref()?.advisal.as_ref()?;
        let is_it = obligation == Obligation::InterviewAdvisal;
        is_it.then_some(Evidence { method: EvidenceMethod::Advisal, met_at: advisal.advised_at, note: None })
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
