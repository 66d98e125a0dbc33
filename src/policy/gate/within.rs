//! Whether what somebody is about to do stands within what the law was found to say.

use std::sync::Arc;

use crate::domain::agency::{ActorKind, Caller};
use crate::domain::detainer::{Answer, AnswerKind};
use crate::domain::determination::{Determination, FieldClass, LawAction, LawView, Ruling};
use crate::policy::gate::Denial;

/// Whether a person acts.
pub(super) fn by_officer(caller: &Caller) -> bool {
    caller.actor.as_ref().is_some_and(|actor| actor.kind == ActorKind::Officer)
}

/// The answer an officer gives must stand within the law: nothing forbidden, nothing left to a person done by a
/// machine, no duty left without a reason.
pub(super) fn answer_stands_within(answer: &Answer, caller: &Caller, law: &LawView) -> Result<(), Denial> {
    let promised: &[(LawAction, &Arc<Determination>)] = match answer.kind {
        // Whoever honors a hold promises to notify too: there is nobody to hold for otherwise.
        AnswerKind::HonorHold => &[(LawAction::Hold, &law.hold), (LawAction::Notify, &law.notify)],
        AnswerKind::NotifyOnly => &[(LawAction::Notify, &law.notify)],
        AnswerKind::Decline | AnswerKind::PendingReview => &[],
    };
    let left: &[(LawAction, &Arc<Determination>)] = match answer.kind {
        AnswerKind::HonorHold => &[],
        AnswerKind::NotifyOnly => &[(LawAction::Hold, &law.hold)],
        AnswerKind::Decline | AnswerKind::PendingReview => {
            &[(LawAction::Hold, &law.hold), (LawAction::Notify, &law.notify)]
        }
    };
    let reasoned = answer.reason.is_some();
    for (action, determination) in promised {
        allowed(*action, determination, by_officer(caller) && reasoned)?;
    }
    match left.iter().find(|(_, determination)| determination.ruling == Ruling::Must) {
        Some((action, determination)) if !reasoned => {
            Err(Denial::ReasonRequired { action: *action, determination: Arc::clone(determination) })
        }
        Some(_) | None => Ok(()),
    }
}

/// A pick-up is offered where the law lets the person be handed over, and lets the requester be told where they are.
pub(super) fn offer_stands_within(reason: Option<&String>, caller: &Caller, law: &LawView) -> Result<(), Denial> {
    let by_person = by_officer(caller) && reason.is_some();
    allowed(LawAction::Transfer, &law.transfer, by_person)?;
    let told = law.disclosable.contains(FieldClass::Custody) || (law.review.contains(FieldClass::Custody) && by_person);
    if told {
        return Ok(());
    }
    let barring = if law.review.contains(FieldClass::Custody) { Ruling::Review } else { Ruling::MustNot };
    let ground = law.disclosure.iter().find(|ground| ground.ruling == barring).unwrap_or(&law.transfer);
    allowed(LawAction::Disclose, ground, false)
}

/// Nothing forbidden, and nothing left to a person done without one.
fn allowed(action: LawAction, determination: &Arc<Determination>, by_person: bool) -> Result<(), Denial> {
    let determination = Arc::clone(determination);
    match determination.ruling {
        Ruling::Must | Ruling::May => Ok(()),
        Ruling::Review if by_person => Ok(()),
        Ruling::Review => Err(Denial::ReviewRequired { action, determination }),
        Ruling::MustNot => Err(Denial::Forbidden { action, determination }),
    }
}
