//! The rule book: a permitted command upon a case gives events, or a refusal in one sentence.
//!
//! The same as a table: docs/lifecycle.md, which a test runs cell by cell.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::custody::{ActualRelease, Custody, CustodyState, Intake, ScheduledRelease};
use crate::domain::detainer::{
    Acknowledgement, Addressee, Answer, AnswerKind, Detainer, DetainerState, Finding, LiftReason, Request,
};
use crate::domain::determination::{FieldClass, FieldClasses, LawView, Ruling};
use crate::domain::event::{Counts, Event, Party, Record};
use crate::domain::ids::{CaseName, LogKind};
use crate::domain::permit::Permitted;
use crate::domain::record::{
    audience_of, concerning, counts, disclosure_of, holding_and_notice, internal, of_standing, shown_with,
};

/// Why a command changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such case, or none the caller may know of.
    #[error("there is no such case")]
    NoSuchCase,
    /// Acknowledged before.
    #[error("the detainer was already acknowledged")]
    AlreadyAcknowledged,
    /// Answered before.
    #[error("the detainer was already answered")]
    AlreadyAnswered,
    /// Hold and notice need a custody.
    #[error("the detainer is not matched to a custody")]
    NotMatched,
    /// Released, withdrawn, or nobody was found.
    #[error("the detainer no longer stands")]
    NoLongerStands,
    /// Lifted before.
    #[error("the detainer was already withdrawn")]
    AlreadyWithdrawn,
    /// One active detainer per issuer on one custody.
    #[error("a detainer of the same issuer already stands on this custody")]
    AlreadyLodged,
    /// Nobody is held any more.
    #[error("the person was already released from this custody")]
    AlreadyReleased,
    /// A date was entered before.
    #[error("a release is already scheduled")]
    AlreadyScheduled,
    /// One custodian cannot speak for all of a jurisdiction.
    #[error("a detainer addressed to the jurisdiction waits for the custodian that holds the person")]
    AwaitsHolder,
}

/// Decides. `id` is the id of the case that the command makes, if it makes one; `now` is the time of record.
pub fn decide(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    id: Uuid,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    match permitted.value() {
        CaseCommand::LodgeDetainer(request) => Ok(lodge(permitted, request, id, now)),
        CaseCommand::AcknowledgeDetainer { acknowledgement, .. } => acknowledge(case, permitted, acknowledgement),
        CaseCommand::AnswerDetainer { answer, .. } => give_answer(case, permitted, answer),
        CaseCommand::WithdrawDetainer { reason, .. } => withdraw(case, *reason),
        CaseCommand::OpenCustody(intake) => Ok(open(permitted, intake, id, now)),
        CaseCommand::ScheduleRelease { release, .. } => schedule(case, permitted, release),
        CaseCommand::RecordRelease { release, .. } => release_person(case, permitted, release),
    }
}

fn lodge(permitted: &Permitted<CaseCommand>, request: &Request, id: Uuid, now: Timestamp) -> Vec<Record> {
    let name = CaseName::detainer(permitted.jurisdiction().clone(), id);
    let detainer = Detainer::lodged(name, permitted.caller().agency.id.clone(), request.clone(), now);
    // What the issuer wrote it may read back; nothing of the custodian's is in it yet.
    let audience = audience_of(&detainer, None, FieldClasses::all());
    let law = permitted.law(&detainer.name);
    vec![Record {
        log: LogKind::Exchange,
        resource: detainer.name.clone(),
        audience,
        counts: Counts::of_request(&detainer),
        determinations: law.map_or_else(Vec::new, |law| holding_and_notice(&detainer.name, law)),
        policy_digest: law.map(|law| law.policy_digest),
        event: Event::DetainerLodged(Box::new(detainer)),
    }]
}

fn acknowledge(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    acknowledgement: &Acknowledgement,
) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    match detainer.state {
        DetainerState::Lodged => {}
        // Put under review before anybody had looked for the person: that is still to be done.
        DetainerState::UnderReview if detainer.acknowledgement.is_none() => {}
        DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::HoldHonored
        | DetainerState::NotifyOnly => {
            return Err(Refusal::AlreadyAcknowledged);
        }
        DetainerState::Declined => return Err(Refusal::AlreadyAnswered),
        DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Released
        | DetainerState::Withdrawn => return Err(Refusal::NoLongerStands),
    }
    match acknowledgement.finding {
        Finding::MatchedCustody => may_link(case, detainer)?,
        Finding::NoSuchPerson | Finding::IdentityMismatch => match detainer.request.addressee {
            Addressee::Agency(_) => {}
            Addressee::Jurisdiction => return Err(Refusal::AwaitsHolder),
        },
    }
    let law = permitted.law(&detainer.name).ok_or(Refusal::NoSuchCase)?;
    let shown = shown_with(law, FieldClass::Custody);
    let counts = counts(detainer, case, permitted, shown);
    let custodian = permitted.caller().agency.id.clone();
    let event = Event::DetainerAcknowledged {
        detainer: detainer.name.clone(),
        custodian: custodian.clone(),
        acknowledgement: acknowledgement.clone(),
        disclosure: disclosure_of(shown),
    };
    let mut records = vec![concerning(detainer, &Party::Agency(custodian), law, shown, counts, event)];
    if acknowledgement.finding == Finding::MatchedCustody {
        records.extend(belated_notice(detainer, DetainerState::Matched, Vec::new(), case, permitted));
    }
    Ok(records)
}

/// Whether the detainer may stand on the custody found.
fn may_link(case: &Case, detainer: &Detainer) -> Result<(), Refusal> {
    // One case, one law and one pair of logs: an agency of two jurisdictions does not join what is theirs.
    let of_the_jurisdiction = |custody: &&Custody| custody.name.jurisdiction == detainer.name.jurisdiction;
    let custody = case.custody.as_ref().filter(of_the_jurisdiction).ok_or(Refusal::NoSuchCase)?;
    match custody.state {
        CustodyState::Released => return Err(Refusal::AlreadyReleased),
        CustodyState::Held | CustodyState::ReleaseScheduled => {}
    }
    if case.active().any(|standing| standing.issuer == detainer.issuer) {
        return Err(Refusal::AlreadyLodged);
    }
    Ok(())
}

fn give_answer(case: &Case, permitted: &Permitted<CaseCommand>, answer: &Answer) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    match (detainer.state, answer.kind) {
        (DetainerState::Matched | DetainerState::UnderReview, _) => {}
        // A refusal, or word that a person must look first, needs no match and betrays none; but one custodian cannot
        // give it for all of a jurisdiction.
        (DetainerState::Lodged, AnswerKind::Decline | AnswerKind::PendingReview) => match detainer.request.addressee {
            Addressee::Agency(_) => {}
            Addressee::Jurisdiction => return Err(Refusal::AwaitsHolder),
        },
        (DetainerState::Lodged, AnswerKind::HonorHold | AnswerKind::NotifyOnly) => return Err(Refusal::NotMatched),
        (DetainerState::HoldHonored | DetainerState::NotifyOnly | DetainerState::Declined, _) => {
            return Err(Refusal::AlreadyAnswered);
        }
        (
            DetainerState::NoSuchPerson
            | DetainerState::IdentityMismatch
            | DetainerState::Released
            | DetainerState::Withdrawn,
            _,
        ) => return Err(Refusal::NoLongerStands),
    }
    if case.custody.is_none() {
        match answer.kind {
            AnswerKind::HonorHold | AnswerKind::NotifyOnly => return Err(Refusal::NotMatched),
            AnswerKind::Decline | AnswerKind::PendingReview => {}
        }
    }
    let law = permitted.law(&detainer.name).ok_or(Refusal::NoSuchCase)?;
    let shown = shown_with(law, answer.kind.gist(&detainer.request.addressee));
    let custodian = permitted.caller().agency.id.clone();
    let event = Event::DetainerAnswered {
        detainer: detainer.name.clone(),
        custodian: custodian.clone(),
        answer: answer.clone(),
        reviewed_policies: reviewed(law, answer.kind),
        disclosure: disclosure_of(shown),
    };
    let counts = counts(detainer, case, permitted, shown);
    let party = Party::Agency(custodian);
    let mut records = vec![concerning(detainer, &party, law, shown, counts, event)];
    records.extend(belated_notice(detainer, answer.kind.state(), reviewed(law, answer.kind), case, permitted));
    Ok(records)
}

/// The policies whose question a person has now decided.
fn reviewed(law: &LawView, answer: AnswerKind) -> Vec<String> {
    let asked = match answer {
        AnswerKind::HonorHold => vec![&law.hold, &law.notify],
        AnswerKind::NotifyOnly => vec![&law.notify],
        AnswerKind::Decline | AnswerKind::PendingReview => Vec::new(),
    };
    let mut policies: Vec<String> = asked
        .into_iter()
        .filter(|determination| determination.ruling == Ruling::Review)
        .flat_map(|determination| determination.policies.iter().cloned())
        .collect();
    policies.sort();
    policies.dedup();
    policies
}

/// Its issuer may lift a detainer in every state but one: were it refused after a release that the issuer was not
/// told of, the refusal would tell it.
fn withdraw(case: &Case, reason: LiftReason) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    if detainer.state == DetainerState::Withdrawn {
        return Err(Refusal::AlreadyWithdrawn);
    }
    Ok(vec![Record {
        log: LogKind::Exchange,
        resource: detainer.name.clone(),
        audience: audience_of(detainer, None, FieldClasses::all()),
        counts: Counts::of_request(detainer),
        determinations: Vec::new(),
        policy_digest: None,
        event: Event::DetainerWithdrawn { detainer: detainer.name.clone(), reason },
    }])
}

fn open(permitted: &Permitted<CaseCommand>, intake: &Intake, id: Uuid, now: Timestamp) -> Vec<Record> {
    let name = CaseName::custody(permitted.jurisdiction().clone(), id);
    let custody = Custody::opened(name, permitted.caller().agency.id.clone(), intake.clone(), now);
    vec![internal(&custody, Counts::default(), Vec::new(), None, Event::CustodyOpened(Box::new(custody.clone())))]
}

fn schedule(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    release: &ScheduledRelease,
) -> Result<Vec<Record>, Refusal> {
    let custody = case.custody.as_ref().ok_or(Refusal::NoSuchCase)?;
    match custody.state {
        CustodyState::Held => {}
        CustodyState::ReleaseScheduled => return Err(Refusal::AlreadyScheduled),
        CustodyState::Released => return Err(Refusal::AlreadyReleased),
    }
    let event = Event::ReleaseScheduled { custody: custody.name.clone(), release: release.clone() };
    let (determinations, digest) = of_standing(case, permitted);
    let mut records = vec![internal(custody, Counts::default(), determinations, digest, event)];
    records.extend(case.active().filter_map(|detainer| notice(detainer, case, permitted, release)));
    Ok(records)
}

fn release_person(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    release: &ActualRelease,
) -> Result<Vec<Record>, Refusal> {
    let custody = case.custody.as_ref().ok_or(Refusal::NoSuchCase)?;
    match custody.state {
        CustodyState::Held | CustodyState::ReleaseScheduled => {}
        CustodyState::Released => return Err(Refusal::AlreadyReleased),
    }
    let event = Event::ReleaseRecorded { custody: custody.name.clone(), release: release.clone() };
    let (determinations, digest) = of_standing(case, permitted);
    let own = Counts { custodian_class: permitted.caller().agency.class, ..Counts::default() }.with_custody(custody);
    let mut records = vec![internal(custody, own, determinations, digest, event)];
    for detainer in case.active() {
        let Some(law) = permitted.law(&detainer.name) else { continue };
        let shown = told(detainer, law);
        // Where neither when nor why may be shown there is no notice: its mere trace in the issuer's view would be one.
        let speaks = shown.contains(FieldClass::ReleaseDate) || shown.contains(FieldClass::ReleaseDetail);
        if !may_notify(detainer, law) || !speaks {
            continue;
        }
        let delivered = case.first_delivery.get(&detainer.name);
        let counts = Counts {
            lead_time_seconds: delivered.map(|at| release.released_at.as_second().saturating_sub(at.as_second())),
            ..counts(detainer, case, permitted, shown)
        };
        let event = Event::DetainerReleased { detainer: detainer.name.clone(), release: release.clone() };
        let party = Party::Agency(custody.custodian.clone());
        records.push(concerning(detainer, &party, law, shown, counts, event));
    }
    Ok(records)
}

/// Tells the issuer of an expected release, where the law lets it be told.
fn notice(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    release: &ScheduledRelease,
) -> Option<Record> {
    let law = permitted.law(&detainer.name)?;
    let shown = told(detainer, law);
    if !may_notify(detainer, law) || !shown.contains(FieldClass::ReleaseDate) {
        return None;
    }
    let event = Event::ReleaseNoticed { detainer: detainer.name.clone(), release: release.clone() };
    let party = Party::Agency(permitted.caller().agency.id.clone());
    Some(concerning(detainer, &party, law, shown, counts(detainer, case, permitted, shown), event))
}

/// The notice of a release that was scheduled before this command let it be told, unless it was given before.
fn belated_notice(
    detainer: &Detainer,
    state: DetainerState,
    reviewed_policies: Vec<String>,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
) -> Option<Record> {
    let scheduled = case.custody.as_ref()?.scheduled.as_ref()?;
    let told = detainer.notice_index.is_some();
    let after = Detainer { reviewed_policies, state, ..detainer.clone() };
    notice(&after, case, permitted, scheduled).filter(|_| !told)
}

/// Whether a release may be told: a duty, unless the custodian declined with a reason; where it is allowed, only if
/// the custodian said it would; where a person decides, only if one has decided this very question.
fn may_notify(detainer: &Detainer, law: &LawView) -> bool {
    let promised = match detainer.state {
        DetainerState::HoldHonored | DetainerState::NotifyOnly => true,
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::Declined
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Released
        | DetainerState::Withdrawn => false,
    };
    match law.notify.ruling {
        Ruling::Must => detainer.state != DetainerState::Declined,
        Ruling::May => promised,
        Ruling::MustNot => false,
        Ruling::Review => promised && decided_by_person(detainer, law),
    }
}

/// Whether an officer has decided the very question that the law leaves to a person: another ground for review that
/// has come up since is another question.
fn decided_by_person(detainer: &Detainer, law: &LawView) -> bool {
    law.notify.ruling == Ruling::Review
        && !law.notify.policies.is_empty()
        && law.notify.policies.iter().all(|policy| detainer.reviewed_policies.contains(policy))
}

/// Classes the issuer is told of a release. Where an officer decided that it be told, what the law left to a person of
/// the release itself is decided with it, and nothing else. Delivery asks the same question again.
pub fn told(detainer: &Detainer, law: &LawView) -> FieldClasses {
    let of_the_release = [FieldClass::Custody, FieldClass::ReleaseDate, FieldClass::ReleaseDetail]
        .into_iter()
        .filter(|class| law.review.contains(*class) && decided_by_person(detainer, law));
    law.disclosable.union(of_the_release.collect())
}
