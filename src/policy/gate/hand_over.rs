//! Handing a person to the requester: recorded whatever the law says of it, and explained by an officer where the law did
//! not allow it.

use std::sync::Arc;

use crate::domain::correction::Correction;
use crate::domain::custody::ActualRelease;
use crate::domain::detainer::Detainer;
use crate::domain::disclosure::may_hand_over;
use crate::domain::facts::Stage;
use crate::domain::hand_over::{self, HandedTo};
use crate::domain::ids::CaseName;
use crate::policy::gate::question::{Laws, Question};
use crate::policy::gate::within::by_officer;
use crate::policy::gate::{Denial, addressee};

impl Question<'_> {
    /// Of a release. One that hands the person to a requester is held against what the law says of that.
    pub(super) fn of_release(
        &self,
        release: &ActualRelease,
        correction: Option<&Correction>,
        to: &HandedTo,
    ) -> Result<Laws, Denial> {
        let concerned: Vec<&Detainer> = match correction {
            // Whoever was told of it is told better, whether the detainer stands or not.
            Some(_) => self.case.linked.iter().collect(),
            None => self.case.linked.iter().filter(|detainer| hand_over::stands(detainer)).collect(),
        };
        let laws = self.of_holder(Stage::Release, concerned.into_iter())?;
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

    /// Of what each side says of a pick-up: that the person changed hands. A claim may have been raised since the offer.
    pub(super) fn of_confirmation(&self, reason: Option<&String>) -> Result<Laws, Denial> {
        let linked = self.case.custody.as_ref();
        if let Ok(detainer) = self.issuers() {
            // Judged as its custodian would be. Nothing is asked of the issuer: it would learn what it was not told.
            let holder = detainer.custodian.as_ref().or(addressee(detainer));
            let class = holder.and_then(|id| self.gate.agency(id)?.class);
            return Ok(Laws::from([self.of_detainer(Stage::Transfer, detainer, linked, class)]));
        }
        let detainer = self.custodians()?;
        let laws = self.of_one(Stage::Transfer, detainer, linked);
        match laws.get(&detainer.name).filter(|law| !may_hand_over(detainer, law)) {
            Some(law) if !self.explains(reason) => {
                Err(Denial::HandOverUnexplained { determination: Some(Arc::clone(&law.transfer)) })
            }
            Some(_) | None => Ok(laws),
        }
    }

    /// Whether a person says why.
    fn explains(&self, reason: Option<&String>) -> bool {
        by_officer(self.caller()) && reason.is_some()
    }
}
