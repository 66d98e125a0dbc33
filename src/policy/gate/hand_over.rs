//! Handing a person to the requester. It is recorded whatever the law says; if the law did not allow it, an officer
//! must explain.

use std::sync::Arc;

use crate::domain::correction::Correction;
use crate::domain::custody::ActualRelease;
use crate::domain::detainer::Detainer;
use crate::domain::disclosure::may_hand_over;
use crate::domain::facts::Stage;
use crate::domain::hand_over::{self, HandedTo};
use crate::domain::ids::CaseName;
use crate::policy::gate::denial::Denial;
use crate::policy::gate::question::{CommandQuestion, Laws};
use crate::policy::gate::within::by_officer;

impl CommandQuestion<'_> {
    /// Checks a release. If it hands the person to a requester, the law on that is asked.
    pub(super) fn laws_on_release(
        &self,
        release: &ActualRelease,
        correction: Option<&Correction>,
        to: &HandedTo,
    ) -> Result<Laws, Denial> {
        let concerned: Vec<&Detainer> = match correction {
            // Every issuer that learned of the release gets the correction, even if its detainer no longer stands.
            Some(_) => self.case.linked.iter().collect(),
            None => self.case.linked.iter().filter(|detainer| hand_over::is_active_or_picked_up(detainer)).collect(),
        };
        let laws = self.laws_for_holder(Stage::Release, concerned.into_iter())?;
        let on_the_custody = |name: &CaseName| self.case.linked.iter().any(|detainer| detainer.name == *name);
        if !to.detainer.as_ref().is_none_or(on_the_custody) {
            return Err(Denial::NotFound);
        }
        let Some(judged) = hand_over::of_release(self.case, release, correction, to, |name| laws.get(name)) else {
            return Ok(laws);
        };
        if judged.is_unlawful() && !self.explains(to.reason.as_ref()) {
            let law = judged.unlawful.first().and_then(|detainer| laws.get(&detainer.name));
            return Err(Denial::HandOverUnexplained { determination: law.map(|law| Arc::clone(&law.transfer)) });
        }
        Ok(laws)
    }

    /// Checks a report of either side that the person changed hands. A claim may have been raised since the offer.
    pub(super) fn laws_on_confirmation(&self, reason: Option<&String>) -> Result<Laws, Denial> {
        let linked = self.case.custody.as_ref();
        if let Ok(detainer) = self.as_issuer() {
            // Judged as for its custodian. The issuer is not asked for a reason: that would reveal what the law
            // withholds from it.
            let holder = detainer.holder();
            let class = holder.and_then(|id| self.gate.agency(id)?.class);
            return Ok(Laws::from([self.law_on_detainer(Stage::Transfer, detainer, linked, class)]));
        }
        let detainer = self.as_custodian()?;
        let laws = self.laws_on_one(Stage::Transfer, detainer, linked);
        match laws.get(&detainer.name).filter(|law| !may_hand_over(detainer, law)) {
            Some(law) if !self.explains(reason) => {
                Err(Denial::HandOverUnexplained { determination: Some(Arc::clone(&law.transfer)) })
            }
            Some(_) | None => Ok(laws),
        }
    }

    /// Whether an officer acts and gives a reason.
    fn explains(&self, reason: Option<&String>) -> bool {
        by_officer(self.caller()) && reason.is_some()
    }
}
