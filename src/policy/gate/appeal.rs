//! What the law bars of an appeal, by what its issuer asked and by what the custodian is: never by a custody.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::agency::{AgencyClass, Caller};
use crate::domain::appeal::{AppealAnswer, AppealAnswerKind};
use crate::domain::detainer::{Answer, AnswerKind, Detainer};
use crate::domain::determination::{Determination, LawAction, LawView, Ruling};
use crate::domain::facts::{CaseFacts, Stage};
use crate::policy::gate::question::facts_of;
use crate::policy::gate::within::answer_stands_within;
use crate::policy::gate::{Denial, Gate};

/// What the law bars, and on what ground.
#[derive(Debug, Clone)]
pub struct Barring {
    /// Which act: the hold where the form asks for one, else the notice.
    pub action: LawAction,
    /// On what ground.
    pub determination: Arc<Determination>,
}

impl Gate {
    /// Whether the law bars what a detainer asks of a custodian of this class. Nothing counts but the request and the
    /// class, both of which the issuer knows: so it may know the answer. Where the law would keep even that from it, or
    /// could not be asked, it is left to a person.
    pub fn bars(&self, detainer: &Detainer, class: Option<AgencyClass>, now: Timestamp) -> Option<Barring> {
        let request = &detainer.request;
        let as_of = self.as_of(&detainer.name.jurisdiction, now);
        let asked = facts_of(Stage::Answer, self.requester(detainer), request, (None, None), as_of);
        let facts = CaseFacts { custodian_class: class, ..asked };
        let law = self.engine.law(&detainer.name.jurisdiction, &facts, now);
        let (action, determination) =
            if request.form.asks_for_hold() { (LawAction::Hold, &law.hold) } else { (LawAction::Notify, &law.notify) };
        let told = AnswerKind::Decline.revealed_class(&request.addressee);
        let barred = determination.ruling == Ruling::MustNot && !determination.failed && law.disclosable.contains(told);
        barred.then(|| Barring { action, determination: Arc::clone(determination) })
    }
}

/// What an answer to an appeal promises or refuses must stand within the law as an answer to the detainer must.
pub(super) fn appeal_answer_stands_within(
    answer: &AppealAnswer,
    caller: &Caller,
    detainer: &Detainer,
    law: &LawView,
) -> Result<(), Denial> {
    let kind = match answer.kind {
        AppealAnswerKind::WillHold => AnswerKind::HonorHold,
        AppealAnswerKind::WillNotify => AnswerKind::NotifyOnly,
        AppealAnswerKind::Barred => AnswerKind::Decline,
        // These say what was said or recorded before, under the law of its own moment.
        AppealAnswerKind::StandsByAnswer | AppealAnswerKind::AlreadyReleased | AppealAnswerKind::NoSuchPerson => {
            return Ok(());
        }
    };
    let AppealAnswer { legal_basis, reason, occurred_at, .. } = answer.clone();
    answer_stands_within(&Answer { kind, ground: None, legal_basis, reason, occurred_at }, caller, detainer, law)
}
