//! Commands on transfers, which are pick-ups. Both sides know everything about one, so nothing here may depend on what
//! only the custodian knows.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::case::Case;
use crate::domain::claim::Side;
use crate::domain::command::CaseCommand;
use crate::domain::custody::{ActualRelease, ReleaseRecipient};
use crate::domain::decide::custody::held;
use crate::domain::decide::review::{decided_by_offer, recorded};
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::determination::LawView;
use crate::domain::disclosure::may_hand_over;
use crate::domain::event::{Event, Record};
use crate::domain::permit::Permitted;
use crate::domain::record::{of_transfer, side_of, unlawful_hand_over};
use crate::domain::refusal::Refusal;
use crate::domain::transfer::{
    Transfer, TransferFailureCause, TransferName, TransferState, TransferWindow, WindowDeclineReason,
};

pub(super) fn offer(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    window: &TransferWindow,
    reason: Option<&String>,
    id: Uuid,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    check_promised(detainer)?;
    let custody = held(case)?;
    if detainer.transfers.iter().any(|transfer| transfer.state.is_open()) {
        return Err(Refusal::TransferOpen);
    }
    if window.closes_at <= now {
        return Err(Refusal::WindowClosed);
    }
    let medical_note = custody.intake.medical_note.clone();
    let transfer = Transfer { medical_note, ..Transfer::offered(id, window.clone(), now) };
    let event = Event::TransferRecorded { detainer: detainer.name.clone(), transfer, reason: reason.cloned() };
    let law = permitted.law(&detainer.name);
    let settled = decided_by_offer(detainer, permitted, reason, now);
    let settled = settled.map(|review| recorded(detainer, law, review));
    Ok(std::iter::once(of_transfer(detainer, law, event)).chain(settled).collect())
}

/// A custodian names windows only for a person of whom it promised hold or notice.
pub(super) fn check_promised(detainer: &Detainer) -> Result<(), Refusal> {
    match detainer.state {
        DetainerState::HoldHonored | DetainerState::NotifyOnly => Ok(()),
        DetainerState::Lodged
        | DetainerState::NotInCustody
        | DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::Declined => Err(Refusal::NotPromised),
        DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Duplicate
        | DetainerState::NotFoundInTime
        | DetainerState::Released
        | DetainerState::Closed
        | DetainerState::Withdrawn => Err(Refusal::NoLongerStands),
    }
}

pub(super) fn accept(case: &Case, name: &TransferName, now: Timestamp) -> Result<Vec<Record>, Refusal> {
    let (detainer, transfer) = on_offer(case, name)?;
    if transfer.window.closes_at <= now {
        return Err(Refusal::WindowClosed);
    }
    let accepted = Transfer { state: TransferState::Accepted, window_change: None, ..transfer.clone() };
    Ok(updated(detainer, accepted, None, None, now))
}

pub(super) fn decline(
    case: &Case,
    name: &TransferName,
    reason: WindowDeclineReason,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let (detainer, transfer) = on_offer(case, name)?;
    let declined = Transfer { state: TransferState::Declined, decline_reason: Some(reason), ..transfer.clone() };
    Ok(updated(detainer, declined, None, None, now))
}

/// Each side confirms for itself that the person changed hands. The detainer may be withdrawn by then: that often
/// follows a pick-up.
pub(super) fn confirm(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    name: &TransferName,
    (occurred_at, reason): (Timestamp, Option<&String>),
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let (detainer, transfer) = find(case, name)?;
    let side = side_of(detainer, permitted.caller());
    if transfer.confirmed_by(side) {
        return Err(Refusal::AlreadyConfirmed);
    }
    let state = match (transfer.state, side) {
        (TransferState::Offered | TransferState::Proposed | TransferState::Reopened, _) => {
            return Err(Refusal::NotAccepted);
        }
        (TransferState::Accepted, Side::Custodian) => TransferState::HandedOver,
        (TransferState::Accepted, Side::Issuer) => TransferState::TakenOver,
        (TransferState::HandedOver | TransferState::TakenOver, _) => TransferState::Completed,
        (TransferState::Declined | TransferState::Completed | TransferState::Failed | TransferState::Withdrawn, _) => {
            return Err(Refusal::TransferOver);
        }
    };
    if side == Side::Custodian {
        still_there(case, transfer)?;
    }
    let mut confirmed = Transfer { state, ..transfer.clone() };
    match side {
        Side::Issuer => confirmed.taken_over_at = Some(occurred_at),
        Side::Custodian => confirmed.handed_over_at = Some(occurred_at),
    }
    // The issuer's confirmation is recorded in the same way whatever the law says, because the issuer sees the entry.
    let law = match side {
        Side::Issuer => None,
        Side::Custodian => permitted.law(&detainer.name),
    };
    let mut records = updated(detainer, confirmed, law, reason, now);
    // If the custodian confirmed before, the law was asked then.
    let first = !transfer.confirmed_by(Side::Custodian);
    let unlawful = permitted.law(&detainer.name).is_some_and(|law| !may_hand_over(detainer, law));
    let custody = case.custody.as_ref().filter(|_| first && unlawful);
    records.extend(custody.map(|custody| unlawful_hand_over(custody, permitted, Some(name), &[detainer])));
    Ok(records)
}

/// A custodian hands a person over once, and only a person it has not released before. An issuer's confirmation is
/// never refused on this ground: the refusal would reveal what was not disclosed to it.
fn still_there(case: &Case, transfer: &Transfer) -> Result<(), Refusal> {
    let handed_over = |other: &Transfer| other.id != transfer.id;
    if case.hand_overs().any(handed_over) {
        return Err(Refusal::AlreadyConfirmed);
    }
    let Some(custody) = &case.custody else { return Ok(()) };
    let elsewhere = |release: &ActualRelease| release.recipient != ReleaseRecipient::RequestingAgency;
    if custody.released.as_ref().is_some_and(elsewhere) {
        return Err(Refusal::AlreadyReleased);
    }
    if custody.closing.is_some() { Err(Refusal::AlreadyClosed) } else { Ok(()) }
}

/// Takes back the custodian's confirmations of hand-overs. The issuer's confirmations stay. If another window was
/// offered since, the earlier transfer has failed: one is open at a time.
pub(super) fn hand_overs_retracted(detainer: &Detainer, now: Timestamp) -> impl Iterator<Item = Record> {
    let handed_over = detainer.transfers.iter().filter(|transfer| transfer.is_handed_over());
    handed_over.flat_map(move |transfer| {
        let state = if detainer.transfers.iter().any(|other| other.state.is_open() && other.id != transfer.id) {
            TransferState::Failed
        } else if transfer.confirmed_by(Side::Issuer) {
            TransferState::TakenOver
        } else {
            TransferState::Accepted
        };
        let failure_cause = (state == TransferState::Failed).then_some(TransferFailureCause::Other);
        updated(detainer, Transfer { state, failure_cause, handed_over_at: None, ..transfer.clone() }, None, None, now)
    })
}

pub(super) fn fail(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    name: &TransferName,
    why: TransferFailureCause,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let (detainer, transfer) = find(case, name)?;
    let side = side_of(detainer, permitted.caller());
    if !transfer.state.is_open() {
        return Err(Refusal::TransferOver);
    }
    if transfer.confirmed_by(side) {
        return Err(Refusal::AlreadyConfirmed);
    }
    let waited = transfer.window.closes_at <= now;
    let window_stands = !matches!(transfer.state, TransferState::Proposed | TransferState::Reopened);
    match (why, side) {
        (TransferFailureCause::NoShow, Side::Issuer) | (TransferFailureCause::NotProduced, Side::Custodian) => {
            return Err(Refusal::NotYours);
        }
        // Nobody was to come, or to be brought, for a window that no longer holds.
        (TransferFailureCause::NoShow | TransferFailureCause::NotProduced, _) if !window_stands => {
            return Err(Refusal::NotAccepted);
        }
        (TransferFailureCause::NoShow | TransferFailureCause::NotProduced, _) if !waited => {
            return Err(Refusal::WindowOpen);
        }
        (
            TransferFailureCause::NoShow
            | TransferFailureCause::NotProduced
            | TransferFailureCause::Resources
            | TransferFailureCause::Refused
            | TransferFailureCause::Other,
            _,
        ) => {}
    }
    let failed = Transfer { state: TransferState::Failed, failure_cause: Some(why), ..transfer.clone() };
    Ok(updated(detainer, failed, None, None, now))
}

pub(super) fn find<'a>(case: &'a Case, name: &TransferName) -> Result<(&'a Detainer, &'a Transfer), Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    let transfer = detainer.transfers.iter().find(|transfer| transfer.id == name.id).ok_or(Refusal::NoSuchCase)?;
    Ok((detainer, transfer))
}

/// The transfer, if its window can still be accepted or declined.
fn on_offer<'a>(case: &'a Case, name: &TransferName) -> Result<(&'a Detainer, &'a Transfer), Refusal> {
    let (detainer, transfer) = find(case, name)?;
    if detainer.state == DetainerState::Withdrawn {
        return Err(Refusal::NoLongerStands);
    }
    if transfer.state == TransferState::Offered { Ok((detainer, transfer)) } else { Err(Refusal::NotOffered) }
}

pub(super) fn updated(
    detainer: &Detainer,
    transfer: Transfer,
    law: Option<&LawView>,
    reason: Option<&String>,
    now: Timestamp,
) -> Vec<Record> {
    let version = transfer.version.saturating_add(1);
    let transfer = Transfer { updated_at: now, version, ..transfer };
    let event = Event::TransferRecorded { detainer: detainer.name.clone(), transfer, reason: reason.cloned() };
    vec![of_transfer(detainer, law, event)]
}
