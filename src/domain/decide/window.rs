//! Commands that move a window or take it off, and what an advanced release does to one. None of it is a failure.

use jiff::Timestamp;

use crate::domain::case::Case;
use crate::domain::claim::Side;
use crate::domain::command::CaseCommand;
use crate::domain::custody::{ActualRelease, ReleaseRecipient};
use crate::domain::decide::custody::held;
use crate::domain::decide::review::{decided_by_offer, recorded};
use crate::domain::decide::transfer::{check_promised, find, updated};
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::determination::FieldClass;
use crate::domain::event::{Party, Record};
use crate::domain::permit::Permitted;
use crate::domain::record::side_of;
use crate::domain::refusal::Refusal;
use crate::domain::transfer::{
    Transfer, TransferName, TransferState, TransferWindow, WindowChange, WindowDeclineReason,
};

/// Names another window. Whoever names the window that the other side named last agrees to it.
pub(super) fn revise(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    name: &TransferName,
    window: &TransferWindow,
    reason: Option<&String>,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let (detainer, transfer) = not_begun(case, name, now)?;
    let side = side_of(detainer, permitted.caller());
    // A refusal of the issuer's MUST NOT depend on what only the custodian knows.
    match side {
        Side::Issuer if detainer.state == DetainerState::Withdrawn => return Err(Refusal::NoLongerStands),
        Side::Issuer => {}
        Side::Custodian => {
            check_promised(detainer)?;
            held(case)?;
        }
    }
    if window.closes_at <= now {
        return Err(Refusal::WindowClosed);
    }
    let is_same = *window == transfer.window;
    let (state, window_change) = match (transfer.state, side) {
        (TransferState::Accepted, _) if is_same => return Err(Refusal::NothingToCorrect),
        (TransferState::Proposed, Side::Custodian) | (TransferState::Offered, Side::Issuer) if is_same => {
            (TransferState::Accepted, None)
        }
        (_, Side::Custodian) => (TransferState::Offered, Some(WindowChange::RevisedByCustodian)),
        (_, Side::Issuer) => (TransferState::Proposed, Some(WindowChange::RevisedByRequester)),
    };
    let revisions = transfer.revisions.saturating_add(1);
    let revised = Transfer { state, window: window.clone(), window_change, revisions, ..transfer.clone() };
    let law = permitted.law(&detainer.name);
    let mut records = updated(detainer, revised, law, reason, now);
    if side == Side::Custodian {
        let settled = decided_by_offer(detainer, permitted, reason, now);
        records.extend(settled.map(|review| recorded(detainer, law, review)));
    }
    Ok(records)
}

/// Takes the window off. Another may be offered.
pub(super) fn withdraw(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    name: &TransferName,
    reason: WindowDeclineReason,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let (detainer, transfer) = not_begun(case, name, now)?;
    let change = match (side_of(detainer, permitted.caller()), reason) {
        (Side::Custodian, WindowDeclineReason::NoLongerSought) => return Err(Refusal::NotYours),
        (Side::Custodian, _) => WindowChange::WithdrawnByCustodian,
        (Side::Issuer, _) => WindowChange::WithdrawnByRequester,
    };
    let withdrawn = Transfer { decline_reason: Some(reason), ..off(transfer, change) };
    Ok(updated(detainer, withdrawn, None, None, now))
}

/// The transfer, if nobody says that the person changed hands and the agreed window is not over. Once it is, the two
/// sides say what came of it: a later window MUST NOT hide that nobody came.
fn not_begun<'a>(case: &'a Case, name: &TransferName, now: Timestamp) -> Result<(&'a Detainer, &'a Transfer), Refusal> {
    let (detainer, transfer) = find(case, name)?;
    match transfer.state {
        TransferState::Accepted if transfer.window.closes_at <= now => Err(Refusal::WindowClosed),
        TransferState::Offered | TransferState::Proposed | TransferState::Reopened | TransferState::Accepted => {
            Ok((detainer, transfer))
        }
        TransferState::HandedOver | TransferState::TakenOver => Err(Refusal::NotOffered),
        TransferState::Declined | TransferState::Completed | TransferState::Failed | TransferState::Withdrawn => {
            Err(Refusal::TransferOver)
        }
    }
}

/// A window that opens after the release that is now expected, and was advanced, is open to agreement again. `notice` is
/// the record that tells the issuer of the new date: without it nothing of the pick-up changes, since the change would
/// reveal that date.
pub(super) fn reopened(
    detainer: &Detainer,
    notice: &Record,
    (before, after): (Timestamp, Timestamp),
    now: Timestamp,
) -> Vec<Record> {
    let is_false = |transfer: &&Transfer| after < before && after < transfer.window.opens_at;
    let Some(transfer) = standing(detainer).filter(is_false).filter(|_| tells_date(detainer, notice)) else {
        return Vec::new();
    };
    let window_change = Some(WindowChange::ReleaseAdvanced);
    updated(detainer, Transfer { state: TransferState::Reopened, window_change, ..transfer.clone() }, None, None, now)
}

/// A window that is not over when the person has been released to somebody else is off. `notice` is the record that
/// tells the issuer of the release.
pub(super) fn overtaken(detainer: &Detainer, notice: &Record, release: &ActualRelease, now: Timestamp) -> Vec<Record> {
    let elsewhere = release.recipient != ReleaseRecipient::RequestingAgency;
    let is_false = |transfer: &&Transfer| elsewhere && release.released_at < transfer.window.closes_at;
    let transfer = standing(detainer).or_else(|| reopened_before(detainer)).filter(is_false);
    let Some(transfer) = transfer.filter(|_| tells_date(detainer, notice)) else { return Vec::new() };
    updated(detainer, off(transfer, WindowChange::ReleaseAdvanced), None, None, now)
}

fn off(transfer: &Transfer, change: WindowChange) -> Transfer {
    Transfer { state: TransferState::Withdrawn, window_change: Some(change), ..transfer.clone() }
}

/// The transfer whose window is offered, proposed or accepted.
fn standing(detainer: &Detainer) -> Option<&Transfer> {
    let stands = |state| matches!(state, TransferState::Offered | TransferState::Proposed | TransferState::Accepted);
    detainer.transfers.iter().find(|transfer| stands(transfer.state))
}

fn reopened_before(detainer: &Detainer) -> Option<&Transfer> {
    detainer.transfers.iter().find(|transfer| transfer.state == TransferState::Reopened)
}

/// Whether a record tells the issuer the date of the release, and that the person is held.
fn tells_date(detainer: &Detainer, notice: &Record) -> bool {
    let issuer = Party::Agency(detainer.issuer.clone());
    let told = [FieldClass::ReleaseDate, FieldClass::Custody];
    notice.audience.iter().any(|(party, classes)| *party == issuer && told.iter().all(|class| classes.contains(*class)))
}
