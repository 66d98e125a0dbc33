//! How an event changes a case.

use jiff::Timestamp;

use crate::domain::case::Case;
use crate::domain::claim::{ClaimOutcome, Side};
use crate::domain::custody::{Custody, CustodyState, Destination, Movement};
use crate::domain::detainer::{Acknowledgement, Addressee, Answer, Detainer, DetainerState, Finding, Shown};
use crate::domain::event::{Change, Disclosure, Event};
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::subject::Flags;
use crate::domain::transfer::Transfer;

/// Changes a case by an event. `exchange_index` is the position the event's entry takes, for notices.
pub fn apply(case: &mut Case, event: &Event, exchange_index: u64, now: Timestamp) {
    let mut at = At { case, now };
    match event {
        Event::DetainerLodged(detainer) => at.case.detainer = Some((**detainer).clone()),
        Event::DetainerAmended(amended) => at.detainer(&amended.name, Disclosure::ToIssuer, |detainer| {
            amend(detainer, amended);
        }),
        Event::DetainerAcknowledged { detainer, custodian, acknowledgement, correction, disclosure } => {
            at.link(detainer, acknowledgement);
            at.detainer(detainer, *disclosure, |detainer| {
                if correction.is_some() {
                    forget_finding(detainer, *disclosure);
                }
                acknowledge(detainer, custodian, acknowledgement, *disclosure);
            });
        }
        Event::DetainerAnswered { detainer, custodian, answer, reviewed_policies, disclosure, .. } => {
            at.detainer(detainer, *disclosure, |detainer| {
                give_answer(detainer, custodian, answer, reviewed_policies, *disclosure);
            });
        }
        Event::CopyServed { detainer, service, disclosure, .. } => at.detainer(detainer, *disclosure, |detainer| {
            detainer.service = Some(service.clone());
            match disclosure {
                Disclosure::ToIssuer => detainer.shown.service = Some(service.clone()),
                Disclosure::Retraction => detainer.shown.service = None,
                Disclosure::Internal => {}
            }
        }),
        Event::CitizenshipClaimRaised { detainer, side, disclosure, .. } => {
            at.claim(detainer, *side, *disclosure, |flags| flags.citizenship_claim = true);
            at.suspend(detainer, *side, *disclosure);
        }
        Event::CitizenshipClaimResolved { detainer, side, outcome, disclosure, .. } => {
            at.claim(detainer, *side, *disclosure, |flags| {
                flags.citizenship_claim = false;
                flags.proof_of_status |= *outcome == ClaimOutcome::Confirmed;
            });
        }
        Event::TransferRecorded { detainer, transfer, .. } => {
            at.detainer(detainer, Disclosure::ToIssuer, |detainer| record_transfer(detainer, transfer));
        }
        Event::DetainerWithdrawn { detainer, reason } => at.detainer(detainer, Disclosure::ToIssuer, |detainer| {
            detainer.state = DetainerState::Withdrawn;
            detainer.lift_reason = Some(*reason);
            detainer.shown.state = DetainerState::Withdrawn;
        }),
        Event::CustodyOpened(custody) => at.case.custody = Some((**custody).clone()),
        Event::ChargesUpdated { charges, .. } => at.custody(|custody| custody.intake.charges.clone_from(charges)),
        Event::IdentityCorrected { identity, .. } => at.custody(|custody| {
            let citizenship_claim = custody.intake.flags.citizenship_claim;
            custody.intake.flags = Flags { citizenship_claim, ..identity.flags };
            custody.intake.subject = identity.subject.clone();
        }),
        Event::CustodyMoved { movement, .. } => at.move_to(movement),
        Event::ReleaseScheduled { release, .. } | Event::ReleaseRescheduled { release, .. } => at.custody(|custody| {
            custody.scheduled = Some(release.clone());
            custody.state = CustodyState::ReleaseScheduled;
        }),
        Event::ReleaseCancelled { .. } => at.custody(|custody| {
            custody.scheduled = None;
            custody.state = CustodyState::Held;
        }),
        Event::ReleaseRecorded { release, .. } => {
            at.end(DetainerState::Released, |custody| {
                custody.released = Some(release.clone());
                custody.state = CustodyState::Released;
            });
        }
        Event::CustodyClosed { closing, .. } => at.end(DetainerState::Closed, |custody| {
            custody.closing = Some(closing.clone());
            custody.state = CustodyState::Closed;
        }),
        Event::CustodyReopened { .. } => at.reopen(),
        Event::ReleaseNoticed { detainer, .. } => at.detainer(detainer, Disclosure::ToIssuer, |detainer| {
            detainer.notice_index.get_or_insert(exchange_index);
        }),
        Event::DetainerReleased { detainer, .. } => at.detainer(detainer, Disclosure::ToIssuer, |detainer| {
            detainer.shown.ended = true;
            detainer.shown.state = unless_withdrawn(detainer.shown.state, DetainerState::Released);
        }),
        Event::CustodyNoticed { detainer, change } => at.detainer(detainer, Disclosure::ToIssuer, |detainer| {
            notice_change(&mut detainer.shown, change);
        }),
        Event::NoticeCancelled { detainer } => at.detainer(detainer, Disclosure::ToIssuer, |detainer| {
            detainer.notice_index = None;
        }),
        Event::DetainerReopened { detainer } => at.detainer(detainer, Disclosure::ToIssuer, |detainer| {
            let before = shown_standing(&detainer.shown);
            let claimed = detainer.request.flags.citizenship_claim;
            let before = if claimed { suspended(before) } else { before };
            detainer.shown.ended = false;
            detainer.shown.state = unless_withdrawn(detainer.shown.state, before);
        }),
    }
}

/// A case being changed, and when.
struct At<'a> {
    case: &'a mut Case,
    now: Timestamp,
}

impl At<'_> {
    /// Changes the named detainer wherever the case holds it, and what its issuer sees if the issuer learns of it.
    fn detainer(&mut self, name: &CaseName, disclosure: Disclosure, mut how: impl FnMut(&mut Detainer)) {
        let held = self.case.detainer.iter_mut().chain(&mut self.case.standing);
        for detainer in held.filter(|detainer| detainer.name == *name) {
            how(detainer);
            detainer.version = detainer.version.saturating_add(1);
            detainer.updated_at = self.now;
            if disclosure != Disclosure::Internal {
                detainer.shown.updated_at = self.now;
                detainer.shown.version = detainer.shown.version.saturating_add(1);
            }
        }
    }

    /// Changes each detainer on the custody that passes, out of its issuer's sight.
    fn each(&mut self, which: impl Fn(&Detainer) -> bool, how: impl Fn(&mut Detainer)) {
        let names = self.case.standing.iter().filter(|detainer| which(detainer)).map(|detainer| detainer.name.clone());
        for name in names.collect::<Vec<_>>() {
            self.detainer(&name, Disclosure::Internal, &how);
        }
    }

    fn custody(&mut self, how: impl FnOnce(&mut Custody)) {
        if let Some(custody) = &mut self.case.custody {
            how(custody);
            custody.version = custody.version.saturating_add(1);
            custody.updated_at = self.now;
        }
    }

    /// Links a matched detainer to its custody, or parts it from the custody that it was matched to by mistake.
    fn link(&mut self, name: &CaseName, acknowledgement: &Acknowledgement) {
        let linked = |custody: &Custody| custody.detainers.contains(name);
        match acknowledgement.finding {
            Finding::MatchedCustody => {
                self.custody(|custody| custody.detainers.push(name.clone()));
                let found = self.case.detainer.clone();
                self.case.standing.extend(found);
            }
            Finding::NoSuchPerson | Finding::IdentityMismatch if self.case.custody.as_ref().is_some_and(linked) => {
                self.custody(|custody| custody.detainers.retain(|linked| linked != name));
                self.case.standing.retain(|standing| standing.name != *name);
            }
            Finding::NoSuchPerson | Finding::IdentityMismatch => {}
        }
    }

    /// Sets what a side says of citizenship: the issuer in its own request, the custodian on the custody, and so on every
    /// detainer that stands on it.
    fn claim(&mut self, name: &CaseName, side: Side, disclosure: Disclosure, how: impl Fn(&mut Flags)) {
        match side {
            Side::Issuer => self.detainer(name, disclosure, |detainer| how(&mut detainer.request.flags)),
            Side::Custodian => {
                self.custody(|custody| how(&mut custody.intake.flags));
                self.detainer(name, disclosure, |_| ());
            }
        }
    }

    /// Promises of hold and notice wait for a person while a claim is open.
    fn suspend(&mut self, name: &CaseName, side: Side, disclosure: Disclosure) {
        match side {
            Side::Issuer => self.detainer(name, Disclosure::Internal, |detainer| {
                detainer.state = suspended(detainer.state);
                detainer.shown.state = suspended(detainer.shown.state);
            }),
            Side::Custodian => {
                self.each(|_| true, |detainer| detainer.state = suspended(detainer.state));
                if disclosure == Disclosure::ToIssuer {
                    self.detainer(name, Disclosure::Internal, |detainer| {
                        detainer.shown.state = suspended(detainer.shown.state);
                    });
                }
            }
        }
    }

    /// Custody and detainers go with the person; a promise binds whoever gave it.
    fn move_to(&mut self, movement: &Movement) {
        self.custody(|custody| {
            custody.movement = Some(movement.clone());
            match &movement.to {
                Destination::Facility(facility) => custody.intake.facility = facility.clone(),
                Destination::Hospital | Destination::Court => {}
                Destination::Agency(custodian, facility) => {
                    custody.custodian = custodian.clone();
                    custody.intake.facility = facility.clone();
                }
            }
        });
        if let Destination::Agency(custodian, _) = &movement.to {
            self.each(
                |detainer| detainer.state.is_active(),
                |detainer| {
                    detainer.custodian = Some(custodian.clone());
                    detainer.state = DetainerState::Matched;
                    detainer.answer = None;
                    detainer.reviewed_policies.clear();
                },
            );
        }
    }

    /// Ends the custody and every detainer that stands on it.
    fn end(&mut self, state: DetainerState, how: impl FnOnce(&mut Custody)) {
        self.custody(how);
        self.each(|detainer| detainer.state.is_active(), |detainer| detainer.state = state);
    }

    /// Detainers that the end of the custody ended stand as before.
    fn reopen(&mut self) {
        let mut claimed = false;
        self.custody(|custody| {
            custody.released = None;
            custody.closing = None;
            custody.state = match custody.scheduled {
                Some(_) => CustodyState::ReleaseScheduled,
                None => CustodyState::Held,
            };
            claimed = custody.intake.flags.citizenship_claim;
        });
        let ended = |detainer: &Detainer| matches!(detainer.state, DetainerState::Released | DetainerState::Closed);
        self.each(ended, |detainer| {
            let before = detainer.answer.as_ref().map_or(DetainerState::Matched, |answer| answer.kind.state());
            let open = claimed || detainer.request.flags.citizenship_claim;
            detainer.state = if open { suspended(before) } else { before };
        });
    }
}

fn acknowledge(
    detainer: &mut Detainer,
    custodian: &AgencyId,
    acknowledgement: &Acknowledgement,
    disclosure: Disclosure,
) {
    detainer.custodian = Some(custodian.clone());
    detainer.acknowledgement = Some(acknowledgement.clone());
    let found = match (acknowledgement.finding, &detainer.request.addressee) {
        (Finding::MatchedCustody, _) => DetainerState::Matched,
        (Finding::NoSuchPerson, Addressee::Agency(_)) => DetainerState::NoSuchPerson,
        (Finding::IdentityMismatch, Addressee::Agency(_)) => DetainerState::IdentityMismatch,
        // One custodian does not speak for all: it waits for the one that holds the person.
        (Finding::NoSuchPerson | Finding::IdentityMismatch, Addressee::Jurisdiction) => {
            detainer.custodian = None;
            detainer.acknowledgement = None;
            DetainerState::Lodged
        }
    };
    detainer.state = unless_withdrawn(detainer.state, found);
    if disclosure == Disclosure::ToIssuer {
        detainer.shown.finding = Some(acknowledgement.finding);
        detainer.shown.state = unless_withdrawn(detainer.shown.state, found);
    }
}

/// A lifted detainer stays lifted, whatever is corrected of it.
fn unless_withdrawn(before: DetainerState, after: DetainerState) -> DetainerState {
    if before == DetainerState::Withdrawn { before } else { after }
}

/// What was answered, served and noticed rested on a finding that is now corrected.
fn forget_finding(detainer: &mut Detainer, disclosure: Disclosure) {
    detainer.answer = None;
    detainer.service = None;
    detainer.reviewed_policies.clear();
    detainer.notice_index = None;
    if disclosure != Disclosure::Internal {
        let shown = &mut detainer.shown;
        (shown.finding, shown.answer, shown.service, shown.ended) = (None, None, None, false);
        shown.state = unless_withdrawn(shown.state, DetainerState::Lodged);
    }
}

fn give_answer(
    detainer: &mut Detainer,
    custodian: &AgencyId,
    answer: &Answer,
    reviewed_policies: &[String],
    disclosure: Disclosure,
) {
    detainer.state = answer.kind.state();
    detainer.custodian = Some(custodian.clone());
    detainer.answer = Some(answer.clone());
    detainer.reviewed_policies = reviewed_policies.to_vec();
    match disclosure {
        Disclosure::ToIssuer => {
            detainer.shown.answer = Some(Answer { reason: None, ..answer.clone() });
            detainer.shown.state = answer.kind.state();
        }
        Disclosure::Retraction => {
            detainer.shown.answer = None;
            detainer.shown.state = shown_standing(&detainer.shown);
        }
        Disclosure::Internal => {}
    }
}

/// A new version is to be looked into, where nobody was found, and answered anew. What the issuer sees follows from what
/// it saw, and tells nothing of what it was not told.
fn amend(detainer: &mut Detainer, amended: &Detainer) {
    detainer.request = amended.request.clone();
    detainer.request_version = amended.request_version;
    match detainer.state {
        DetainerState::NoSuchPerson | DetainerState::IdentityMismatch => {
            detainer.acknowledgement = None;
            detainer.state = DetainerState::Lodged;
        }
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::HoldHonored
        | DetainerState::NotifyOnly
        | DetainerState::Declined => {
            let matched = detainer.acknowledgement.is_some();
            detainer.state = if matched { DetainerState::Matched } else { DetainerState::Lodged };
        }
        DetainerState::Released | DetainerState::Closed | DetainerState::Withdrawn => {}
    }
    detainer.answer = None;
    detainer.reviewed_policies.clear();
    let shown = &mut detainer.shown;
    shown.answer = None;
    if shown.finding != Some(Finding::MatchedCustody) {
        shown.finding = None;
    }
    shown.state = shown_standing(shown);
}

fn record_transfer(detainer: &mut Detainer, transfer: &Transfer) {
    match detainer.transfers.iter_mut().find(|known| known.id == transfer.id) {
        Some(known) => known.clone_from(transfer),
        None => detainer.transfers.push(transfer.clone()),
    }
}

fn notice_change(shown: &mut Shown, change: &Change) {
    match change {
        Change::Charges(_) | Change::Identity(_) => {}
        Change::Movement(movement) => {
            if let Destination::Agency(..) = movement.to {
                shown.answer = None;
                shown.state = DetainerState::Matched;
            }
        }
        Change::Closing(_) => {
            shown.ended = true;
            shown.state = DetainerState::Closed;
        }
    }
}

/// Where a detainer that stands is shown to stand, from what its issuer was told.
fn shown_standing(shown: &Shown) -> DetainerState {
    match (&shown.answer, shown.finding) {
        (Some(answer), _) => answer.kind.state(),
        (None, Some(Finding::MatchedCustody)) => DetainerState::Matched,
        (None, Some(Finding::NoSuchPerson)) => DetainerState::NoSuchPerson,
        (None, Some(Finding::IdentityMismatch)) => DetainerState::IdentityMismatch,
        (None, None) => DetainerState::Lodged,
    }
}

/// Promises wait for a person; everything else stays.
fn suspended(state: DetainerState) -> DetainerState {
    match state {
        DetainerState::HoldHonored | DetainerState::NotifyOnly => DetainerState::UnderReview,
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::UnderReview
        | DetainerState::Declined
        | DetainerState::Released
        | DetainerState::Withdrawn
        | DetainerState::Closed => state,
    }
}
