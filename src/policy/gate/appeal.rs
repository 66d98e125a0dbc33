//! What the law bars of an appeal, judged by what the issuer asked and by the custodian's class, never by a custody.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::agency::{AgencyClass, Caller};
use crate::domain::appeal::{AppealAnswer, AppealAnswerKind};
use crate::domain::detainer::{Answer, AnswerKind, Detainer};
use crate::domain::determination::{Determination, LawAction, LawView, Ruling};
use crate::domain::facts::{CaseFacts, Stage};
use crate::policy::gate::Gate;
use crate::policy::gate::denial::Denial;
use crate::policy::gate::facts::facts_of;
use crate::policy::gate::within::check_answer;

/// An act that the law bars, and why.
#[derive(Debug, Clone)]
pub struct LegalBar {
    /// What the form asks for first.
    pub action: LawAction,
    /// Of notice and transfer, what the law forbids besides.
    pub also: Vec<LawAction>,
    /// Why.
    pub determination: Arc<Determination>,
}

impl Gate {
    /// Whether the law bars what a detainer asks of a custodian of this class. Only the request and the class count.
    /// The issuer knows both, so it may know the answer. `None` also where the law withholds this answer from the
    /// issuer, or could not be asked: then a person decides.
    pub fn bars(&self, detainer: &Detainer, class: Option<AgencyClass>, now: Timestamp) -> Option<LegalBar> {
        let request = &detainer.request;
        let as_of = self.as_of(&detainer.name.jurisdiction, now);
        let facts = facts_of(Stage::Answer, self.requester(detainer), request, (None, None), as_of);
        let facts = CaseFacts { custodian_class: class, ..facts };
        let law = self.engine.law(&detainer.name.jurisdiction, &facts, now);
        let action = request.form.first_action();
        let determination = if action == LawAction::Hold { &law.hold } else { &law.notify };
        let forbids = |determination: &Determination| determination.ruling == Ruling::MustNot && !determination.failed;
        let gist = AnswerKind::Decline.revealed_class(&request.addressee);
        let others = [(LawAction::Notify, &law.notify), (LawAction::Transfer, &law.transfer)];
        let also = || {
            let others = others.into_iter().filter(|(other, said)| *other != action && forbids(said));
            others.map(|(other, _)| other).collect()
        };
        let barred = forbids(determination) && law.disclosable.contains(gist);
        barred.then(|| LegalBar { action, also: also(), determination: Arc::clone(determination) })
    }
}

/// An answer to an appeal must be within the law, as an answer to the detainer must.
pub(super) fn check_appeal_answer(
    answer: &AppealAnswer,
    caller: &Caller,
    detainer: &Detainer,
    law: &LawView,
) -> Result<(), Denial> {
    let kind = match answer.kind {
        AppealAnswerKind::WillHold => AnswerKind::HonorHold,
        AppealAnswerKind::WillNotify => AnswerKind::NotifyOnly,
        AppealAnswerKind::Barred => AnswerKind::Decline,
        // These repeat what was answered or recorded before, under the law of that time.
        AppealAnswerKind::StandsByAnswer | AppealAnswerKind::AlreadyReleased | AppealAnswerKind::NoSuchPerson => {
            return Ok(());
        }
    };
    let AppealAnswer { legal_basis, reason, occurred_at, .. } = answer.clone();
    check_answer(&Answer { kind, ground: None, legal_basis, reason, occurred_at }, caller, detainer, law)
}
