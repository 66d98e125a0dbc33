//! Commands on an appeal: issue it, answer it for one detainer, answer it by law.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::appeal::{
    AnswerByLaw, Appeal, AppealAnswer, AppealAnswerKind, DetainerOutcome, Issue, Selection, revealed_class,
};
use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::detainer::{Addressee, Answer, Detainer, DetainerState};
use crate::domain::determination::{FieldClass, FieldClasses, LawView};
use crate::domain::disclosure::visible_to_issuer;
use crate::domain::event::{Counts, Event, Party, Record, Revision, retraction};
use crate::domain::ids::{CaseName, LogKind};
use crate::domain::permit::Permitted;
use crate::domain::record::{about_detainer, counts, disclosed_classes, disclosure_of};
use crate::domain::refusal::Refusal;

pub(super) fn issue(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    issue: &Issue,
    id: Uuid,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let limits = case.appealing.limits;
    if issue.members.is_empty() {
        return Err(Refusal::NothingChosen);
    }
    if issue.members.len() > limits.members_max {
        return Err(Refusal::AppealTooLarge);
    }
    if issue.due_at <= now {
        return Err(Refusal::DueAlready);
    }
    if case.appealing.due.iter().filter(|due| **due > now).count() >= limits.open_max {
        return Err(Refusal::TooManyAppeals);
    }
    let issuer = permitted.caller().agency.id.clone();
    let appeal = Appeal {
        name: CaseName::appeal(permitted.jurisdiction().clone(), id),
        issuer: issuer.clone(),
        ground: issue.ground.clone(),
        due_at: issue.due_at,
        size: u32::try_from(issue.members.len()).unwrap_or(u32::MAX),
        custodians: issue.members.iter().filter_map(|member| member.addressed.clone()).collect(),
        to_jurisdiction: issue.members.iter().any(|member| member.addressed.is_none()),
        issued_at: now,
    };
    // Only the issuer sees which detainers are in it. Each custodian lists its own.
    let visible: FieldClasses = [FieldClass::Count, FieldClass::Request].into_iter().collect();
    let addressed = appeal.custodians.iter().cloned().map(Party::Agency);
    let addressed = addressed.chain(appeal.to_jurisdiction.then_some(Party::Custodians));
    let own = [(Party::Agency(issuer), FieldClasses::all()), (Party::Oversight, FieldClasses::all())];
    let filter = match &issue.selection {
        Selection::Filter(filter) => Some(filter.clone()),
        Selection::Listed(_) => None,
    };
    Ok(vec![Record {
        log: LogKind::Exchange,
        resource: appeal.name.clone(),
        audience: addressed.map(|party| (party, visible)).chain(own).collect(),
        counts: Counts::default(),
        determinations: Vec::new(),
        policy_digest: None,
        event: Event::AppealIssued {
            appeal: Box::new(appeal),
            members: issue.members.iter().map(|member| member.id).collect(),
            filter,
        },
    }])
}

/// Answers an appeal for one detainer. The answer must agree with the detainer: an appeal is no way around the law that
/// the detainer was answered under.
pub(super) fn give_answer(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    answer: &AppealAnswer,
) -> Result<Vec<Record>, Refusal> {
    let appeal = case.appeal.as_ref().ok_or(Refusal::NoSuchCase)?;
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    let item = case.item.as_ref().ok_or(Refusal::NoSuchCase)?;
    let law = permitted.law(&detainer.name).ok_or(Refusal::NoSuchCase)?;
    if detainer.state == DetainerState::Withdrawn {
        return Err(Refusal::NoLongerStands);
    }
    if !DetainerOutcome::known_to_custodian(detainer).supports(answer.kind) {
        return Err(Refusal::NotBorneOut);
    }
    let named = Addressee::Agency(permitted.caller().agency.id.clone());
    // One custodian does not speak for the whole jurisdiction before it has said that it holds the person.
    if detainer.request.addressee != named && detainer.custodian.is_none() {
        return Err(Refusal::AwaitsHolder);
    }
    let addressee = if detainer.request.addressee == named { &named } else { &Addressee::Jurisdiction };
    let revealed_class = revealed_class(answer.kind, detainer.answer.as_ref().map(|given| given.kind), addressee);
    let before = Revision::after(item.disclosed.as_ref());
    let disclosed = if issuer_knows(detainer, law, answer.kind) {
        disclosed_classes(detainer, law, revealed_class, before)
    } else {
        match before {
            Revision::First => FieldClasses::NONE,
            Revision::Corrected => retraction(),
        }
    };
    let custodian = Party::Agency(permitted.caller().agency.id.clone());
    let event = Event::AppealAnswered {
        appeal: appeal.name.clone(),
        detainer: detainer.name.clone(),
        answer: answer.clone(),
        revealed_class,
        revision: before,
        disclosure: disclosure_of(disclosed, revealed_class),
    };
    Ok(vec![about_detainer(detainer, &custodian, law, disclosed, counts(detainer, case, permitted, disclosed), event)])
}

/// Whether the issuer was told, and may still be told, of the detainer what the answer would reveal.
fn issuer_knows(detainer: &Detainer, law: &LawView, kind: AppealAnswerKind) -> bool {
    let seen = detainer.redacted_for_issuer(visible_to_issuer(detainer, law));
    let supported = DetainerOutcome::known_to_issuer(&seen).supports(kind);
    match kind {
        // The issuer may know another answer than the one that stands.
        AppealAnswerKind::StandsByAnswer => {
            let stands = detainer.answer.as_ref().map(|answer| Answer { reason: None, ..answer.clone() });
            supported && seen.issuer_view.answer == stands
        }
        AppealAnswerKind::WillHold
        | AppealAnswerKind::WillNotify
        | AppealAnswerKind::AlreadyReleased
        | AppealAnswerKind::NoSuchPerson
        | AppealAnswerKind::Barred => supported,
    }
}

/// Answers an appeal by law. Such an answer depends only on what the issuer asked and was told, and on the custodian's
/// class. So the issuer may see all of it.
pub(super) fn bar(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    judged: &AnswerByLaw,
) -> Result<Vec<Record>, Refusal> {
    let appeal = case.appeal.as_ref().ok_or(Refusal::NoSuchCase)?;
    // The other answer may concern the same detainers.
    if judged.overtaken {
        return Err(Refusal::AnsweredMeanwhile);
    }
    if judged.bars.is_empty() {
        return Err(Refusal::NothingBarred);
    }
    let custodian = permitted.caller().agency.id.clone();
    let visible = [FieldClass::Count, FieldClass::Answer].into_iter().collect();
    Ok(vec![Record {
        log: LogKind::Exchange,
        resource: appeal.name.clone(),
        audience: vec![
            (Party::Agency(custodian.clone()), FieldClasses::all()),
            (Party::Oversight, FieldClasses::all()),
            (Party::Agency(appeal.issuer.clone()), visible),
        ],
        counts: Counts { custodian_class: permitted.caller().agency.class, ..Counts::default() },
        determinations: Vec::new(),
        policy_digest: judged.policy_digest,
        event: Event::AppealBarred { appeal: appeal.name.clone(), custodian, bars: judged.bars.clone() },
    }])
}
