//! Commands on an interview: its issuer asks for it and withdraws it, the custodian says what the person answers.

use jiff::Timestamp;

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::decide::detainer::known_to_have_ended;
use crate::domain::detainer::{Addressee, Detainer, DetainerState};
use crate::domain::event::{Event, Party, Record, Revision};
use crate::domain::interview::{Interview, InterviewAnswer, InterviewOutcome, InterviewRequest};
use crate::domain::permit::Permitted;
use crate::domain::record::{about_detainer, counts, disclosed_classes, disclosure_of, from_issuer, interview_ruling};
use crate::domain::refusal::Refusal;

/// Depends on nothing but what the issuer was told: a refusal MUST NOT reveal more.
pub(super) fn request(case: &Case, request: &InterviewRequest, now: Timestamp) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    if known_to_have_ended(detainer) {
        return Err(Refusal::NoLongerStands);
    }
    if detainer.interview.as_ref().is_some_and(Interview::is_open_to_issuer) {
        return Err(Refusal::InterviewOpen);
    }
    let interview = Interview::requested(request.clone(), now);
    Ok(vec![from_issuer(detainer, None, Event::InterviewRequested { detainer: detainer.name.clone(), interview })])
}

/// As [`request`].
pub(super) fn withdraw(case: &Case) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    if !detainer.interview.as_ref().is_some_and(Interview::is_open_to_issuer) {
        return Err(Refusal::NoInterview);
    }
    Ok(vec![from_issuer(detainer, None, Event::InterviewWithdrawn { detainer: detainer.name.clone() })])
}

/// The person may think otherwise, so an answer may replace one that was given before.
pub(super) fn answer(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    answer: &InterviewAnswer,
) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    if detainer.state == DetainerState::Withdrawn {
        return Err(Refusal::NoLongerStands);
    }
    let asked = detainer.interview.as_ref().filter(|interview| !interview.is_withdrawn).ok_or(Refusal::NoInterview)?;
    may_answer(case, detainer, answer.outcome)?;
    let law = permitted.law(&detainer.name).ok_or(Refusal::NoSuchCase)?;
    let custodian = permitted.caller().agency.id.clone();
    let revealed_class = answer.outcome.revealed_class(&detainer.answered_for_by(&custodian));
    let revision = Revision::after(asked.told_as.as_ref());
    let disclosed = disclosed_classes(detainer, law, revealed_class, revision);
    let event = Event::InterviewAnswered {
        detainer: detainer.name.clone(),
        answer: answer.clone(),
        revealed_class,
        revision,
        disclosure: disclosure_of(disclosed, revealed_class),
    };
    let counts = counts(detainer, case, permitted, disclosed);
    let mut record = about_detainer(detainer, &Party::Agency(custodian), law, disclosed, counts, event);
    record.determinations.push(interview_ruling(&detainer.name, law));
    Ok(vec![record])
}

/// Only a person who is there says anything. One custodian does not decline for a whole jurisdiction.
fn may_answer(case: &Case, detainer: &Detainer, outcome: InterviewOutcome) -> Result<(), Refusal> {
    let is_asked_alone = matches!(detainer.request.addressee, Addressee::Agency(_));
    match (&case.custody, outcome) {
        (None, InterviewOutcome::Declined) if is_asked_alone => Ok(()),
        (None, InterviewOutcome::Declined) => Err(Refusal::AwaitsHolder),
        (None, InterviewOutcome::Consented | InterviewOutcome::ConsentedWithCounsel | InterviewOutcome::Refused) => {
            Err(Refusal::NotMatched)
        }
        (Some(custody), _) if custody.released.is_some() => Err(Refusal::AlreadyReleased),
        (Some(custody), _) if custody.closing.is_some() => Err(Refusal::AlreadyClosed),
        (Some(_), _) => Ok(()),
    }
}
