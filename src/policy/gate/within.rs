//! Whether what somebody is about to do is within what the law says.

use std::sync::Arc;

use crate::domain::agency::{ActorKind, Caller};
use crate::domain::custody::Custody;
use crate::domain::detainer::{Acknowledgement, Answer, AnswerKind, Detainer};
use crate::domain::determination::{Determination, FieldClass, LawAction, LawView, Ruling};
use crate::domain::interview::{InterviewAnswer, InterviewOutcome};
use crate::domain::matching;
use crate::domain::review::{ReviewDecision, ReviewMatter};
use crate::policy::gate::denial::Denial;

/// Whether an officer acts.
pub(super) fn by_officer(caller: &Caller) -> bool {
    caller.actor.as_ref().is_some_and(|actor| actor.kind == ActorKind::Officer)
}

/// If the records disagree in what a match was made by, an officer must vouch for it with a reason. The caller sees
/// both records, so the answer reveals nothing.
pub(super) fn match_borne_out(
    found: &Acknowledgement,
    caller: &Caller,
    detainer: &Detainer,
    custody: &Custody,
) -> Result<(), Denial> {
    let disputed = matching::disputed(found, &detainer.request.subject, &custody.intake.subject);
    let vouched = by_officer(caller) && found.reason.is_some();
    if disputed.is_empty() || vouched { Ok(()) } else { Err(Denial::MatchDisputed(disputed)) }
}

/// An answer must be within the law: nothing forbidden, nothing that is left to a person done by a system, no departure
/// from a duty without a reason.
pub(super) fn check_answer(answer: &Answer, caller: &Caller, detainer: &Detainer, law: &LawView) -> Result<(), Denial> {
    let promised: &[(LawAction, &Arc<Determination>)] = match answer.kind {
        // Whoever honors a hold also promises to notify: otherwise nobody comes for the person.
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
        let by_person = (by_officer(caller) && reasoned) || permitted(*action, detainer, determination);
        allowed(*action, determination, by_person)?;
    }
    match left.iter().find(|(_, determination)| determination.ruling == Ruling::Must) {
        Some((action, determination)) if !reasoned => {
            Err(Denial::ReasonRequired { action: *action, determination: Arc::clone(determination) })
        }
        Some(_) | None => Ok(()),
    }
}

/// A pick-up may be offered if the law allows handing the person over, and allows disclosing to the requester where they are.
pub(super) fn check_offer(
    reason: Option<&String>,
    caller: &Caller,
    detainer: &Detainer,
    law: &LawView,
) -> Result<(), Denial> {
    let by_person = by_officer(caller) && reason.is_some();
    let may_hand_over = by_person || permitted(LawAction::Transfer, detainer, &law.transfer);
    allowed(LawAction::Transfer, &law.transfer, may_hand_over)?;
    let may_disclose =
        law.disclosable.contains(FieldClass::Custody) || (law.review.contains(FieldClass::Custody) && by_person);
    if may_disclose {
        return Ok(());
    }
    let barring = if law.review.contains(FieldClass::Custody) { Ruling::Review } else { Ruling::MustNot };
    let hanging = law.disclosure.iter().find(|ground| ground.unverified);
    let barred = law.disclosure.iter().find(|ground| ground.ruling == barring);
    let ground = barred.or(hanging).unwrap_or(&law.transfer);
    allowed(LawAction::Disclose, ground, false)
}

/// An interview takes place only if the law allows it. Where the law demands it, the custodian gives a reason for not letting
/// it take place; that the person refuses needs none.
pub(super) fn check_interview(
    answer: &InterviewAnswer,
    caller: &Caller,
    detainer: &Detainer,
    law: &LawView,
) -> Result<(), Denial> {
    let (action, determination, reasoned) = (LawAction::Interview, &law.interview, answer.reason.is_some());
    match answer.outcome {
        InterviewOutcome::Consented | InterviewOutcome::ConsentedWithCounsel => {
            let by_person = (by_officer(caller) && reasoned) || permitted(action, detainer, determination);
            allowed(action, determination, by_person)
        }
        InterviewOutcome::Declined if determination.ruling == Ruling::Must && !reasoned => {
            Err(Denial::ReasonRequired { action, determination: Arc::clone(determination) })
        }
        InterviewOutcome::Declined | InterviewOutcome::Refused => Ok(()),
    }
}

/// An officer must not permit what the law now forbids.
pub(super) fn check_decision(matter: ReviewMatter, decision: ReviewDecision, law: &LawView) -> Result<(), Denial> {
    let (action, determination) = match matter {
        ReviewMatter::Hold => (LawAction::Hold, &law.hold),
        ReviewMatter::Notify | ReviewMatter::Disclose => (LawAction::Notify, &law.notify),
        ReviewMatter::Transfer => (LawAction::Transfer, &law.transfer),
        ReviewMatter::CitizenshipClaim => return Ok(()),
    };
    match decision {
        ReviewDecision::Permit => allowed(action, determination, true),
        ReviewDecision::Refuse => Ok(()),
    }
}

/// Whether an officer has permitted the act, on the same grounds on which the law leaves it to a person now.
fn permitted(action: LawAction, detainer: &Detainer, determination: &Determination) -> bool {
    let matter = match action {
        LawAction::Hold => ReviewMatter::Hold,
        LawAction::Notify => ReviewMatter::Notify,
        LawAction::Transfer => ReviewMatter::Transfer,
        LawAction::Disclose | LawAction::Interview => ReviewMatter::Disclose,
    };
    detainer.permits(matter, &determination.policies)
}

/// Refuses what is forbidden, and what is left to a person if no person decided.
fn allowed(action: LawAction, determination: &Arc<Determination>, by_person: bool) -> Result<(), Denial> {
    let determination = Arc::clone(determination);
    match determination.ruling {
        Ruling::Must | Ruling::May => Ok(()),
        Ruling::Review if determination.unverified => Err(Denial::VerificationRequired { action, determination }),
        Ruling::Review if by_person => Ok(()),
        Ruling::Review => Err(Denial::ReviewRequired { action, determination }),
        Ruling::MustNot => Err(Denial::Forbidden { action, determination }),
    }
}
