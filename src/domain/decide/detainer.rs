//! Commands on a detainer: lodge, amend, acknowledge, answer, verify the warrant, serve a copy, withdraw.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::calendar::day_of_record;
use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::correction::Correction;
use crate::domain::custody::{Custody, CustodyState};
use crate::domain::decide::eligibility;
use crate::domain::decide::notice::{belated_notice, knows_of_custody, knows_of_promise};
use crate::domain::decide::review::{decided_by_answer, recorded};
use crate::domain::detainer::{
    Acknowledgement, Addressee, Answer, AnswerKind, Detainer, DetainerState, Finding, LiftReason, Request,
};
use crate::domain::determination::{FieldClass, FieldClasses};
use crate::domain::event::{Event, Party, Record, Revision};
use crate::domain::ids::CaseName;
use crate::domain::permit::Permitted;
use crate::domain::record::{
    about_detainer, counts, determinations, disclosed_classes, disclosure_of, from_issuer, internal_about_detainer,
};
use crate::domain::refusal::Refusal;
use crate::domain::service::ServiceOfCopy;
use crate::domain::warrant::{VerificationOutcome, WarrantVerification};

pub(super) fn lodge(permitted: &Permitted<CaseCommand>, request: &Request, id: Uuid, now: Timestamp) -> Vec<Record> {
    let name = CaseName::detainer(permitted.jurisdiction().clone(), id);
    let detainer = Detainer::lodged(name, permitted.caller().agency.id.clone(), Arc::new(request.clone()), now);
    // The issuer may read back what it wrote. Nothing of the custodian's is in it yet.
    let law = permitted.law(&detainer.name);
    vec![from_issuer(&detainer, law, Event::DetainerLodged(Box::new(detainer.clone())))]
}

/// An issuer may amend its detainer unless it knows that it has ended. A refusal after a release that was not disclosed
/// to the issuer would reveal the release.
pub(super) fn amend(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    request: &Request,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    if known_to_have_ended(detainer) {
        return Err(Refusal::NoLongerStands);
    }
    let request = Arc::new(detainer.amended_by(request, day_of_record(now)));
    let lodged = Detainer::lodged(detainer.name.clone(), detainer.issuer.clone(), request, detainer.lodged_at);
    let amended = Detainer { request_version: detainer.request_version.saturating_add(1), ..lodged };
    let counted = Detainer { issuer_view: detainer.issuer_view.clone(), ..amended.clone() };
    let law = permitted.law(&detainer.name);
    Ok(vec![from_issuer(&counted, law, Event::DetainerAmended(Box::new(amended)))])
}

/// Whether its issuer lifted it, or was told of an end of the custody.
pub(super) fn known_to_have_ended(detainer: &Detainer) -> bool {
    match detainer.issuer_view.state {
        DetainerState::Released | DetainerState::Closed | DetainerState::Withdrawn => true,
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Duplicate
        | DetainerState::NotInCustody
        | DetainerState::NotFoundInTime
        | DetainerState::UnderReview
        | DetainerState::HoldHonored
        | DetainerState::NotifyOnly
        | DetainerState::Declined => false,
    }
}

/// Records what the custodian found of the warrant. The issuer does not see the entry, because an agency that looks into
/// a warrant may hold the person. It learns only what follows from it.
pub(super) fn verify(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    verification: &WarrantVerification,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    if detainer.state == DetainerState::Withdrawn {
        return Err(Refusal::NoLongerStands);
    }
    if detainer.holder().is_none() {
        return Err(Refusal::AwaitsHolder);
    }
    let counted = detainer.verified_now().is_some_and(|verified| !verified.refused());
    if verification.outcome == VerificationOutcome::Withdrawn && !counted {
        return Err(Refusal::NothingVerified);
    }
    let law = permitted.law(&detainer.name).ok_or(Refusal::NoSuchCase)?;
    let verified = detainer.verified_by(verification, &permitted.caller().agency.id, now);
    let after = Detainer { verified: Some(verified.clone()), ..detainer.clone() };
    let event = Event::WarrantVerified { detainer: detainer.name.clone(), verified: Box::new(verified) };
    let custodian = permitted.caller().agency.id.clone();
    let record = Record {
        determinations: determinations(&detainer.name, law),
        ..internal_about_detainer(detainer, custodian, Some(law.policy_digest), event)
    };
    let mut records = vec![record];
    records.extend(belated_notice(&after, case, permitted));
    records.extend(eligibility::belated(&after, case, permitted));
    Ok(records)
}

pub(super) fn acknowledge(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    acknowledgement: &Acknowledgement,
    correction: Option<&Correction>,
) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    match correction {
        None => awaits_finding(detainer, acknowledgement)?,
        Some(_) => may_correct_finding(detainer, acknowledgement)?,
    }
    match acknowledgement.finding {
        Finding::MatchedCustody => may_link(case, detainer)?,
        Finding::Duplicate => may_be_duplicate(case, detainer)?,
        Finding::NoSuchPerson | Finding::IdentityMismatch | Finding::NotInCustody | Finding::NotFoundInTime => {}
    }
    let law = permitted.law(&detainer.name).ok_or(Refusal::NoSuchCase)?;
    // Everything else disclosed to the issuer depends on the finding. That includes an answer, even if the finding
    // itself was withheld.
    let earlier = detainer.acknowledgement.as_ref().map(|found| found.finding);
    // An issuer that was told that the person was not in custody then knows nothing of a match that came after it.
    let told_of_finding = detainer.issuer_view.finding.is_some() && detainer.issuer_view.finding == earlier;
    let knows = told_of_finding || detainer.issuer_view.answer.is_some() || knows_of_custody(detainer);
    // An issuer that was told so is not told again: a custodian often says it anew because it took somebody in.
    let not_yet = Some(Finding::NotInCustody);
    let told_before = detainer.issuer_view.finding == not_yet && Some(acknowledgement.finding) == not_yet;
    let revision = Revision::of_command(correction, knows.then_some(detainer));
    let disclosed =
        if told_before { FieldClasses::NONE } else { disclosed_classes(detainer, law, FieldClass::Custody, revision) };
    let counts = match acknowledgement.finding {
        Finding::MatchedCustody => counts(detainer, case, permitted, disclosed),
        // It was matched to somebody else's custody, and the law was not asked about that one.
        Finding::NoSuchPerson
        | Finding::IdentityMismatch
        | Finding::Duplicate
        | Finding::NotInCustody
        | Finding::NotFoundInTime => counts(detainer, &Case::default(), permitted, disclosed),
    };
    let custodian = permitted.caller().agency.id.clone();
    let event = Event::DetainerAcknowledged {
        detainer: detainer.name.clone(),
        custodian: custodian.clone(),
        acknowledgement: acknowledgement.clone(),
        correction: correction.cloned(),
        disclosure: disclosure_of(disclosed, FieldClass::Custody),
    };
    let mut records = vec![about_detainer(detainer, &Party::Agency(custodian), law, disclosed, counts, event)];
    if acknowledgement.finding == Finding::MatchedCustody {
        // No officer has decided anything on this match yet.
        let after =
            Detainer { state: DetainerState::Matched, reviews: Vec::new(), notice_index: None, ..detainer.clone() };
        records.extend(belated_notice(&after, case, permitted));
        records.extend(eligibility::belated(&after, case, permitted));
    }
    Ok(records)
}

/// A first finding needs a detainer without finding.
fn awaits_finding(detainer: &Detainer, acknowledgement: &Acknowledgement) -> Result<(), Refusal> {
    match detainer.state {
        DetainerState::Lodged | DetainerState::NotInCustody => {}
        // It was put under review before the person was found, so the finding is still due.
        DetainerState::UnderReview if detainer.linked_custody().is_none() => {}
        DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::HoldHonored
        | DetainerState::NotifyOnly => {
            return Err(Refusal::AlreadyAcknowledged);
        }
        DetainerState::Declined => return Err(Refusal::AlreadyAnswered),
        DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Duplicate
        | DetainerState::NotFoundInTime
        | DetainerState::Released
        | DetainerState::Closed
        | DetainerState::Withdrawn => return Err(Refusal::NoLongerStands),
    }
    match (acknowledgement.finding, &detainer.request.addressee) {
        (
            Finding::NoSuchPerson
            | Finding::IdentityMismatch
            | Finding::Duplicate
            | Finding::NotInCustody
            | Finding::NotFoundInTime,
            Addressee::Jurisdiction,
        ) => Err(Refusal::AwaitsHolder),
        (Finding::MatchedCustody, _) | (_, Addressee::Agency(_)) => Ok(()),
    }
}

/// A finding is corrected step by step: a match is undone before another is made, so that each correction is about one
/// custody.
fn may_correct_finding(detainer: &Detainer, acknowledgement: &Acknowledgement) -> Result<(), Refusal> {
    let earlier = detainer.acknowledgement.as_ref().ok_or(Refusal::NothingToCorrect)?;
    match (earlier.finding, acknowledgement.finding) {
        (Finding::MatchedCustody, Finding::MatchedCustody) => Err(Refusal::MatchedAlready),
        // A withdrawn detainer is not matched again. But issuers that were told of a mistaken match still learn of the
        // mistake.
        (_, Finding::MatchedCustody) if detainer.state == DetainerState::Withdrawn => Err(Refusal::NoLongerStands),
        (
            Finding::MatchedCustody
            | Finding::NoSuchPerson
            | Finding::IdentityMismatch
            | Finding::Duplicate
            | Finding::NotInCustody
            | Finding::NotFoundInTime,
            _,
        ) => Ok(()),
    }
}

/// Whether the detainer may end as a duplicate. Only its own issuer's may be named: another issuer's stands beside it, and
/// nobody learns of that one. Addressed to the jurisdiction, it waits for the holder, because one custodian does not speak
/// for all of it.
fn may_be_duplicate(case: &Case, detainer: &Detainer) -> Result<(), Refusal> {
    if detainer.request.addressee == Addressee::Jurisdiction {
        return Err(Refusal::AwaitsHolder);
    }
    let other = case.other.as_ref().ok_or(Refusal::NotADuplicate)?;
    let same_issuer = other.issuer == detainer.issuer && other.name.jurisdiction == detainer.name.jurisdiction;
    let stands = other.state.is_active() && other.name != detainer.name;
    if same_issuer && stands { Ok(()) } else { Err(Refusal::NotADuplicate) }
}

/// Whether the detainer may be linked to the custody found.
fn may_link(case: &Case, detainer: &Detainer) -> Result<(), Refusal> {
    // A case has one law and one pair of logs. An agency that takes part in two jurisdictions cannot link across them.
    let of_the_jurisdiction = |custody: &&Custody| custody.name.jurisdiction == detainer.name.jurisdiction;
    let custody = case.custody.as_ref().filter(of_the_jurisdiction).ok_or(Refusal::NoSuchCase)?;
    match custody.state {
        CustodyState::Released => return Err(Refusal::AlreadyReleased),
        CustodyState::Closed => return Err(Refusal::AlreadyClosed),
        CustodyState::MovedOn => return Err(Refusal::NoSuchCase),
        CustodyState::Held | CustodyState::ReleaseScheduled => {}
    }
    if case.active().any(|other| other.issuer == detainer.issuer) {
        return Err(Refusal::AlreadyLodged);
    }
    Ok(())
}

pub(super) fn give_answer(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    answer: &Answer,
    correction: Option<&Correction>,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    match correction {
        None => awaits_answer(detainer, answer)?,
        Some(_) => may_correct_answer(detainer)?,
    }
    if case.custody.is_none() {
        match answer.kind {
            AnswerKind::HonorHold | AnswerKind::NotifyOnly => return Err(Refusal::NotMatched),
            AnswerKind::Decline | AnswerKind::PendingReview => {}
        }
    }
    let law = permitted.law(&detainer.name).ok_or(Refusal::NoSuchCase)?;
    let told_with = answer.kind.revealed_class(&detainer.answered_for_by(&permitted.caller().agency.id));
    // If custody may be disclosed but answers may not, the answer is still not disclosed.
    let revealed_class = if law.disclosable.contains(FieldClass::Answer) { told_with } else { FieldClass::Answer };
    // A suspended promise is answered anew. An issuer that knew of the promise learns that it no longer stands.
    let revision = if knows_of_promise(detainer) {
        Revision::Corrected
    } else {
        Revision::of_command(correction, detainer.issuer_view.answer.as_ref())
    };
    let disclosed = disclosed_classes(detainer, law, revealed_class, revision);
    let custodian = permitted.caller().agency.id.clone();
    let settled = decided_by_answer(detainer, permitted.caller(), law, answer, now);
    let event = Event::DetainerAnswered {
        detainer: detainer.name.clone(),
        custodian: custodian.clone(),
        answer: answer.clone(),
        correction: correction.cloned(),
        disclosure: disclosure_of(disclosed, revealed_class),
    };
    let counts = counts(detainer, case, permitted, disclosed);
    let mut records = vec![about_detainer(detainer, &Party::Agency(custodian), law, disclosed, counts, event)];
    let mut after = Detainer { state: answer.kind.state(), ..detainer.clone() };
    for review in settled {
        after.put_review(&review);
        records.push(recorded(detainer, Some(law), review));
    }
    records.extend(belated_notice(&after, case, permitted));
    records.extend(eligibility::belated(&after, case, permitted));
    Ok(records)
}

/// A first answer needs a detainer without answer.
fn awaits_answer(detainer: &Detainer, answer: &Answer) -> Result<(), Refusal> {
    match (detainer.state, answer.kind) {
        (DetainerState::Matched | DetainerState::UnderReview, _) => Ok(()),
        // A decline or a pending review needs no match and reveals none. But one custodian cannot give it for the whole
        // jurisdiction.
        (DetainerState::Lodged | DetainerState::NotInCustody, AnswerKind::Decline | AnswerKind::PendingReview) => {
            match detainer.request.addressee {
                Addressee::Agency(_) => Ok(()),
                Addressee::Jurisdiction => Err(Refusal::AwaitsHolder),
            }
        }
        (DetainerState::Lodged | DetainerState::NotInCustody, AnswerKind::HonorHold | AnswerKind::NotifyOnly) => {
            Err(Refusal::NotMatched)
        }
        (DetainerState::HoldHonored | DetainerState::NotifyOnly | DetainerState::Declined, _) => {
            Err(Refusal::AlreadyAnswered)
        }
        (
            DetainerState::NoSuchPerson
            | DetainerState::IdentityMismatch
            | DetainerState::Duplicate
            | DetainerState::NotFoundInTime
            | DetainerState::Released
            | DetainerState::Closed
            | DetainerState::Withdrawn,
            _,
        ) => Err(Refusal::NoLongerStands),
    }
}

/// An answer can be corrected while it stands.
fn may_correct_answer(detainer: &Detainer) -> Result<(), Refusal> {
    match detainer.state {
        DetainerState::HoldHonored | DetainerState::NotifyOnly | DetainerState::Declined => Ok(()),
        DetainerState::Lodged | DetainerState::NotInCustody | DetainerState::Matched | DetainerState::UnderReview => {
            Err(Refusal::NothingToCorrect)
        }
        DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Duplicate
        | DetainerState::NotFoundInTime
        | DetainerState::Released
        | DetainerState::Closed
        | DetainerState::Withdrawn => Err(Refusal::NoLongerStands),
    }
}

/// Allowed after the person has left: evidence of service may come late.
pub(super) fn serve(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    service: &ServiceOfCopy,
    correction: Option<&Correction>,
) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    if detainer.state == DetainerState::Withdrawn {
        return Err(Refusal::NoLongerStands);
    }
    if case.custody.is_none() {
        return Err(Refusal::NotMatched);
    }
    match (&detainer.service, correction) {
        (Some(_), None) => return Err(Refusal::AlreadyServed),
        (None, Some(_)) => return Err(Refusal::NothingToCorrect),
        (None, None) | (Some(_), Some(_)) => {}
    }
    let law = permitted.law(&detainer.name).ok_or(Refusal::NoSuchCase)?;
    let disclosed = disclosed_classes(
        detainer,
        law,
        FieldClass::Custody,
        Revision::of_command(correction, detainer.issuer_view.service.as_ref()),
    );
    let event = Event::CopyServed {
        detainer: detainer.name.clone(),
        service: service.clone(),
        correction: correction.cloned(),
        disclosure: disclosure_of(disclosed, FieldClass::Custody),
    };
    let custodian = Party::Agency(permitted.caller().agency.id.clone());
    let counts = counts(detainer, case, permitted, disclosed);
    Ok(vec![about_detainer(detainer, &custodian, law, disclosed, counts, event)])
}

/// An issuer may lift its detainer in every state but withdrawn. A refusal after a release that was not disclosed to
/// the issuer would reveal the release.
pub(super) fn withdraw(case: &Case, reason: LiftReason) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    if detainer.state == DetainerState::Withdrawn {
        return Err(Refusal::AlreadyWithdrawn);
    }
    Ok(vec![from_issuer(detainer, None, Event::DetainerWithdrawn { detainer: detainer.name.clone(), reason })])
}
