//! How an event changes one detainer, and its issuer's view.

use jiff::Timestamp;

use crate::domain::custody::Destination;
use crate::domain::detainer::{
    Acknowledgement, Addressee, Answer, Detainer, DetainerState, Finding, IssuerView, MistakenMatch, ReleaseView,
};
use crate::domain::determination::FieldClass;
use crate::domain::event::{Change, Disclosure};
use crate::domain::ids::AgencyId;
use crate::domain::interview::{Interview, InterviewAnswer};
use crate::domain::transfer::{Transfer, TransferFailureCause, TransferState};

pub(super) fn acknowledge(
    detainer: &mut Detainer,
    custodian: &AgencyId,
    acknowledgement: &Acknowledgement,
    disclosure: Disclosure,
    now: Timestamp,
) {
    detainer.custodian = Some(custodian.clone());
    detainer.acknowledgement = Some(acknowledgement.clone());
    detainer.redescribed = false;
    // The gate lets only an officer give a reason for a match that needs one.
    detainer.vouched = acknowledgement.reason.is_some().then_some(detainer.described);
    detainer.clocks.hold_lapsed_at = None;
    if detainer.state == DetainerState::NotInCustody && acknowledgement.finding == Finding::MatchedCustody {
        detainer.clocks.found_at = Some(now);
    }
    let found = match (acknowledgement.finding, &detainer.request.addressee) {
        (Finding::MatchedCustody, _) => DetainerState::Matched,
        (Finding::NoSuchPerson, Addressee::Agency(_)) => DetainerState::NoSuchPerson,
        (Finding::IdentityMismatch, Addressee::Agency(_)) => DetainerState::IdentityMismatch,
        (Finding::Duplicate, _) => DetainerState::Duplicate,
        (Finding::NotInCustody, Addressee::Agency(_)) => DetainerState::NotInCustody,
        (Finding::NotFoundInTime, addressee) => {
            // An agency that the person was once moved to sees the detainer no longer than it is asked about the person.
            detainer.custodian =
                Some(custodian.clone()).filter(|agency| *addressee == Addressee::Agency(agency.clone()));
            DetainerState::NotFoundInTime
        }
        // One custodian does not speak for the whole jurisdiction: the detainer waits for the one that holds the
        // person.
        (Finding::NoSuchPerson | Finding::IdentityMismatch | Finding::NotInCustody, Addressee::Jurisdiction) => {
            detainer.custodian = None;
            detainer.acknowledgement = None;
            DetainerState::Lodged
        }
    };
    detainer.state = unless_withdrawn(detainer.state, found);
    if disclosure == Disclosure::ToIssuer {
        detainer.issuer_view.finding = detainer.acknowledgement.as_ref().map(|found| found.finding);
        detainer.issuer_view.custodian.clone_from(&detainer.custodian);
        detainer.issuer_view.state = unless_withdrawn(detainer.issuer_view.state, found);
    }
}

/// A withdrawn detainer stays withdrawn, whatever is corrected.
pub(super) fn unless_withdrawn(before: DetainerState, after: DetainerState) -> DetainerState {
    if before == DetainerState::Withdrawn { before } else { after }
}

/// How many mistaken matches are stored. What was disclosed under older ones is no longer shown.
const MISTAKEN_MATCHES_MAX: usize = 16;

/// Stores the custody that the detainer was matched to by mistake, if any.
pub(super) fn record_mistaken_match(detainer: &mut Detainer, exchange_index: u64) {
    let linked = detainer.acknowledgement.as_ref().and_then(|found| found.custody.clone());
    let Some(custody) = linked else { return };
    detainer.mistaken_matches.push(MistakenMatch { custody: Some(custody), before: exchange_index });
    if detainer.mistaken_matches.len() > MISTAKEN_MATCHES_MAX {
        detainer.mistaken_matches.remove(0);
        if let Some(oldest) = detainer.mistaken_matches.first_mut() {
            oldest.custody = None;
        }
    }
    for transfer in &mut detainer.transfers {
        transfer.is_mistaken = true;
    }
    // Somebody else spoke.
    detainer.interview = detainer.interview.as_ref().map(Interview::unspoken);
    // A decision made on a match ends with it, even if the same match is made again.
    detainer.note_safeguard();
}

/// Clears what depended on a corrected finding: answer, service, notice and open transfers.
pub(super) fn forget_finding(detainer: &mut Detainer, disclosure: Disclosure, now: Timestamp) {
    detainer.answer = None;
    detainer.service = None;
    detainer.notice_index = None;
    detainer.ended_from = None;
    for transfer in detainer.transfers.iter_mut().filter(|transfer| transfer.state.is_open()) {
        transfer.state = TransferState::Failed;
        transfer.failure_cause = Some(TransferFailureCause::Other);
        transfer.updated_at = now;
        transfer.version = transfer.version.saturating_add(1);
    }
    if disclosure != Disclosure::Internal {
        let view = &mut detainer.issuer_view;
        (view.custodian, view.finding, view.answer, view.service) = (None, None, None, None);
        view.ended_from = None;
        view.release = ReleaseView::default();
        view.eligibilities.clear();
        view.state = unless_withdrawn(view.state, DetainerState::Lodged);
    }
}

pub(super) fn give_answer(detainer: &mut Detainer, custodian: &AgencyId, answer: &Answer, disclosure: Disclosure) {
    detainer.state = answer.kind.state();
    detainer.custodian = Some(custodian.clone());
    detainer.answer = Some(answer.clone());
    match disclosure {
        Disclosure::ToIssuer => {
            detainer.issuer_view.answer = Some(Answer { reason: None, ..answer.clone() });
            detainer.issuer_view.state = answer.kind.state();
        }
        Disclosure::Retraction => {
            detainer.issuer_view.answer = None;
            detainer.issuer_view.state = state_known_to_issuer(&detainer.issuer_view);
        }
        Disclosure::Internal => {}
    }
}

/// Applies an amendment. If nobody was found, the person must be looked for again; otherwise the detainer must be
/// answered anew. The issuer's new view follows from its old one and reveals nothing else.
pub(super) fn amend(detainer: &mut Detainer, amended: &Detainer) {
    let before = detainer.request.subject.clone();
    detainer.describe(&before, &amended.request.subject);
    detainer.request = amended.request.clone();
    detainer.request_version = amended.request_version;
    match detainer.state {
        DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Duplicate
        | DetainerState::NotInCustody
        | DetainerState::NotFoundInTime => {
            detainer.acknowledgement = None;
            detainer.state = DetainerState::Lodged;
        }
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::HoldHonored
        | DetainerState::NotifyOnly
        | DetainerState::Declined => {
            detainer.state = if detainer.linked_custody().is_some() {
                DetainerState::Matched
            } else {
                detainer.acknowledgement = None;
                DetainerState::Lodged
            };
        }
        DetainerState::Released | DetainerState::Closed => detainer.ended_from = Some(DetainerState::Matched),
        DetainerState::Withdrawn => {}
    }
    detainer.answer = None;
    detainer.service = None;
    let view = &mut detainer.issuer_view;
    (view.answer, view.service) = (None, None);
    if view.finding != Some(Finding::MatchedCustody) {
        view.finding = None;
    }
    view.state = state_known_to_issuer(view);
}

/// Records what was said to an interview, and what of it the issuer was told.
pub(super) fn answer_interview(
    detainer: &mut Detainer,
    answer: &InterviewAnswer,
    (revealed_class, disclosure): (FieldClass, Disclosure),
) {
    let Some(asked) = &mut detainer.interview else { return };
    asked.answer = Some(answer.clone());
    asked.told_as = match disclosure {
        Disclosure::ToIssuer => Some(revealed_class),
        Disclosure::Retraction | Disclosure::Internal => None,
    };
}

pub(super) fn withdraw_interview(detainer: &mut Detainer) {
    if let Some(asked) = &mut detainer.interview {
        asked.is_withdrawn = true;
    }
}

/// Transfers stored with a detainer.
const TRANSFERS_MAX: usize = 16;

pub(super) fn record_transfer(detainer: &mut Detainer, transfer: &Transfer) {
    if let Some(known) = detainer.transfers.iter_mut().find(|known| known.id == transfer.id) {
        known.clone_from(transfer);
        return;
    }
    // The log has all of them. At most one is open, and it is the newest.
    if detainer.transfers.len() >= TRANSFERS_MAX {
        detainer.transfers.remove(0);
    }
    detainer.transfers.push(transfer.clone());
}

pub(super) fn notice_change(view: &mut IssuerView, change: &Change, disclosure: Disclosure) {
    match change {
        Change::Charges(_) | Change::Identity(_) => {}
        Change::Movement(movement) => {
            if let Destination::Agency(next, _) = &movement.to {
                if disclosure == Disclosure::ToIssuer {
                    view.custodian = Some(next.clone());
                }
                view.answer = None;
                view.state = unless_withdrawn(view.state, state_known_to_issuer(view));
            }
        }
        Change::Closing(_) => disclose_end(view, DetainerState::Closed),
    }
}

/// Discloses the end of the custody, or a correction of it. A detainer that the issuer lifted stays withdrawn in its
/// view.
pub(super) fn disclose_end(view: &mut IssuerView, end: DetainerState) {
    view.ended_from.get_or_insert(view.state);
    view.state = unless_withdrawn(view.state, end);
}

/// The state of an active detainer as far as it was disclosed.
fn state_known_to_issuer(view: &IssuerView) -> DetainerState {
    match (&view.answer, view.finding) {
        (Some(answer), _) => answer.kind.state(),
        (None, Some(Finding::MatchedCustody)) => DetainerState::Matched,
        (None, Some(Finding::NoSuchPerson)) => DetainerState::NoSuchPerson,
        (None, Some(Finding::IdentityMismatch)) => DetainerState::IdentityMismatch,
        (None, Some(Finding::Duplicate)) => DetainerState::Duplicate,
        (None, Some(Finding::NotInCustody)) => DetainerState::NotInCustody,
        (None, Some(Finding::NotFoundInTime)) => DetainerState::NotFoundInTime,
        (None, None) => DetainerState::Lodged,
    }
}
