//! What the receipt of a request, or an act under the law, obliges the custodian to do.

use jiff::Timestamp;

use crate::domain::case::Case;
use crate::domain::detainer::{Addressee, AnswerKind, Detainer, Finding};
use crate::domain::determination::{Determination, LawAction, Obligation};
use crate::domain::event::{Change, Event, Record, Revision};
use crate::domain::ids::AgencyId;
use crate::domain::obligation::{EvidenceMethod, OwedObligation};
use crate::domain::timetable::ObligationTimes;
use crate::domain::transfer::TransferState;

/// Adds the obligations that the recorded acts and requests give rise to. Everything needed is in the entries, because
/// they carry the determinations.
pub fn oblige(case: &mut Case, records: &[Record], times: &ObligationTimes, now: Timestamp) {
    for record in records {
        on_receipt(case, record, times, now);
        let acts = acts(&record.event);
        for asked in record.determinations.iter().filter(|asked| acts.contains(&asked.action)) {
            each(case, now, |detainer| {
                if detainer.name == asked.detainer {
                    arise_from_act(detainer, &asked.determination, times, now);
                }
            });
        }
        let next =
            if let Event::CustodyMoved { movement, .. } = &record.event { movement.handed_on_to() } else { None };
        if let Some(next) = next {
            // The next custodian owes what is still open.
            each(case, now, |detainer| {
                let open = detainer.obligations.iter_mut().filter(|owed| owed.is_open());
                open.for_each(|owed| owed.custodian = next.clone());
            });
        }
        if let Event::CopyServed { detainer: served, correction: Some(_), .. } = &record.event {
            each(case, now, |detainer| {
                if detainer.name == *served {
                    take_back(detainer);
                }
            });
        }
    }
}

/// The acts under the law that an event stands for.
fn acts(event: &Event) -> &'static [LawAction] {
    if let Event::DetainerAnswered { answer, .. } = event {
        return match answer.kind {
            AnswerKind::HonorHold => &[LawAction::Hold, LawAction::Notify],
            AnswerKind::NotifyOnly => &[LawAction::Notify],
            AnswerKind::Decline | AnswerKind::PendingReview => &[],
        };
    }
    if let Event::TransferRecorded { transfer, .. } = event {
        return if transfer.state == TransferState::Offered { &[LawAction::Transfer] } else { &[] };
    }
    if let Event::InterviewAnswered { answer, .. } = event {
        return if answer.outcome.consents() { &[LawAction::Interview] } else { &[] };
    }
    let notice = matches!(
        event,
        Event::ReleaseNoticed { .. }
            | Event::DetainerReleased { revision: Revision::First, .. }
            | Event::CustodyNoticed { change: Change::Closing(_), .. }
    );
    if notice { &[LawAction::Notify] } else { &[] }
}

/// Obligations from the receipt of a request. The addressee owes them from lodging on; if the jurisdiction is
/// addressed, whoever first takes the request on owes them. Obligations that concern the person lapse if the custodian
/// has no such person.
fn on_receipt(case: &mut Case, record: &Record, times: &ObligationTimes, now: Timestamp) {
    let nobody = matches!(
        &record.event,
        Event::DetainerAcknowledged { acknowledgement, .. } if acknowledgement.finding != Finding::MatchedCustody
    );
    if !is_receipt(&record.event) {
        return;
    }
    for asked in &record.determinations {
        each(case, now, |detainer| {
            if detainer.name != asked.detainer {
                return;
            }
            if nobody {
                let lapses =
                    |owed: &OwedObligation| owed.on_receipt && owed.is_open() && owed.obligation.is_to_the_person();
                detainer.obligations.retain(|owed| !lapses(owed));
            }
            let (custodian, since) = received(detainer, now);
            for due in &asked.determination.on_receipt {
                if let (Some(custodian), false) = (&custodian, nobody && due.obligation.is_to_the_person()) {
                    let arising =
                        Arising { custodian: custodian.clone(), citations: &due.citations, since, on_receipt: true };
                    arise(detainer, due.obligation, arising, times);
                }
            }
        });
    }
}

/// Events by which a custodian receives a request, or that reveal which custodian did.
fn is_receipt(event: &Event) -> bool {
    matches!(
        event,
        Event::DetainerLodged(_)
            | Event::DetainerAmended(_)
            | Event::DetainerAcknowledged { .. }
            | Event::DetainerAnswered { .. }
    )
}

/// Who received the present version of the request, and when.
fn received(detainer: &Detainer, now: Timestamp) -> (Option<AgencyId>, Timestamp) {
    match &detainer.request.addressee {
        Addressee::Agency(addressee) => {
            let custodian = detainer.custodian.as_ref().unwrap_or(addressee);
            (Some(custodian.clone()), detainer.received_at())
        }
        Addressee::Jurisdiction => (detainer.custodian.clone(), now),
    }
}

/// Adds the obligations of an act, owed from now on.
fn arise_from_act(detainer: &mut Detainer, asked: &Determination, times: &ObligationTimes, now: Timestamp) {
    let Some(custodian) = detainer.custodian.clone() else { return };
    for obligation in asked.obligations.iter().copied() {
        let arising =
            Arising { custodian: custodian.clone(), citations: &asked.citations, since: now, on_receipt: false };
        arise(detainer, obligation, arising, times);
    }
}

/// The origin of an obligation.
struct Arising<'a> {
    custodian: AgencyId,
    citations: &'a [String],
    since: Timestamp,
    on_receipt: bool,
}

/// Adds an obligation, once for each version of the request, however many acts require it.
fn arise(detainer: &mut Detainer, obligation: Obligation, arising: Arising<'_>, times: &ObligationTimes) {
    let before = detainer.owed(obligation);
    if before.is_some_and(|before| before.is_open() || before.request_version == detainer.request_version) {
        return;
    }
    let owed = OwedObligation {
        obligation,
        custodian: arising.custodian,
        citations: arising.citations.to_vec(),
        request_version: detainer.request_version,
        since: arising.since,
        due_at: times.due(obligation, arising.since),
        evidence: None,
        on_receipt: arising.on_receipt,
        version: before.map_or(0, |before| before.version).saturating_add(1),
    };
    detainer.put_owed(&owed);
}

/// Reopens obligations that were met by a service of a copy, unless the corrected service still meets them.
fn take_back(detainer: &mut Detainer) {
    let by_service = |owed: &OwedObligation| {
        owed.evidence.as_ref().is_some_and(|evidence| evidence.method == EvidenceMethod::ServiceOfCopy)
    };
    let rested: Vec<OwedObligation> = detainer.obligations.iter().filter(|owed| by_service(owed)).cloned().collect();
    for owed in rested {
        let evidence = detainer.met_by_service(owed.obligation);
        if evidence != owed.evidence {
            let version = owed.version.saturating_add(1);
            detainer.put_owed(&OwedObligation { evidence: None, version, ..owed });
        }
    }
}

/// Changes each detainer of the case. Its issuer does not learn of it.
fn each(case: &mut Case, now: Timestamp, how: impl Fn(&mut Detainer)) {
    for detainer in case.detainer.iter_mut().chain(&mut case.linked) {
        let before = detainer.obligations.clone();
        how(detainer);
        if detainer.obligations != before {
            detainer.version = detainer.version.saturating_add(1);
            detainer.updated_at = now;
        }
    }
}
