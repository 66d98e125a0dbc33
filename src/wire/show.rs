//! Writes domain values as messages: resources as a reader may see them, and events as they are recorded.

use jiff::Timestamp;

use crate::domain::charge::Charge;
use crate::domain::custody::{ActualRelease, Custody, ScheduledRelease};
use crate::domain::detainer::{Acknowledgement, Addressee, Answer, Detainer, Viewpoint, Warrant};
use crate::domain::event::{Counts, Event, Record, RecordedDetermination};
use crate::domain::ids::AgencyId;
use crate::domain::subject::{Flags, PersonName, Subject};
use crate::wire::v1;
use crate::wire::words::{to_wire, to_wire_or_unspecified};

/// A detainer, as far as the viewpoint reaches.
pub fn detainer(detainer: &Detainer, viewpoint: Viewpoint) -> v1::Detainer {
    let request = &detainer.request;
    let shown = &detainer.shown;
    let (state, acknowledged, given, updated_at) = match viewpoint {
        Viewpoint::Issuer => (shown.state, shown.finding.is_some(), &shown.answer, shown.updated_at),
        Viewpoint::Custodian => (detainer.state, true, &detainer.answer, detainer.updated_at),
    };
    let addressee = match &request.addressee {
        Addressee::Agency(agency) => agency_name(agency),
        // Who took it on says where the person is.
        Addressee::Jurisdiction => {
            detainer.custodian.as_ref().filter(|_| acknowledged).map(agency_name).unwrap_or_default()
        }
    };
    v1::Detainer {
        name: detainer.name.to_string(),
        issuer: agency_name(&detainer.issuer),
        custodian: addressee,
        form: to_wire(request.form),
        basis: request.basis.iter().copied().map(to_wire).collect(),
        warrant: Some(warrant(&request.warrant)),
        subject: Some(subject(&request.subject)),
        charges: request.charges.iter().map(charge).collect(),
        flags: Some(flags(request.flags)),
        contact_phone: request.contact_phone.clone().unwrap_or_default(),
        occurred_at: request.occurred_at.map(timestamp),
        state: to_wire(state),
        acknowledgement: detainer.acknowledgement.as_ref().filter(|_| acknowledged).map(acknowledgement),
        answer: given.as_ref().map(answer),
        lift_reason: to_wire_or_unspecified(detainer.lift_reason),
        create_time: Some(timestamp(detainer.lodged_at)),
        update_time: Some(timestamp(updated_at)),
        etag: detainer_etag(detainer, viewpoint),
    }
}

/// Changes with what the viewpoint sees, and with nothing else: an issuer must not read a hidden change off it.
pub fn detainer_etag(detainer: &Detainer, viewpoint: Viewpoint) -> String {
    match viewpoint {
        Viewpoint::Issuer => format!("i{}", detainer.shown.version),
        Viewpoint::Custodian => format!("c{}", detainer.version),
    }
}

/// A custody.
pub fn custody(custody: &Custody) -> v1::Custody {
    let intake = &custody.intake;
    v1::Custody {
        name: custody.name.to_string(),
        custodian: agency_name(&custody.custodian),
        facility: intake.facility.to_string(),
        subject: Some(subject(&intake.subject)),
        charges: intake.charges.iter().map(charge).collect(),
        flags: Some(flags(intake.flags)),
        occurred_at: intake.occurred_at.map(timestamp),
        state: to_wire(custody.state),
        detainers: custody.detainers.iter().map(ToString::to_string).collect(),
        scheduled_release: custody.scheduled.as_ref().map(scheduled_release),
        actual_release: custody.released.as_ref().map(actual_release),
        create_time: Some(timestamp(custody.opened_at)),
        update_time: Some(timestamp(custody.updated_at)),
        etag: custody_etag(custody),
    }
}

/// Changes with every change.
pub fn custody_etag(custody: &Custody) -> String {
    format!("c{}", custody.version)
}

/// An event as an entry records it.
pub fn event(record: &Record) -> v1::Event {
    use v1::event::Event as Wire;
    let counts = Some(counts(&record.counts));
    let determinations = determinations(&record.determinations);
    let event = match &record.event {
        Event::DetainerLodged(lodged) => Wire::DetainerLodged(v1::DetainerLodged {
            detainer: Some(detainer(lodged, Viewpoint::Custodian)),
            counts,
            determinations,
        }),
        Event::DetainerAcknowledged { detainer, acknowledgement: found, .. } => {
            Wire::DetainerAcknowledged(v1::DetainerAcknowledged {
                detainer: detainer.to_string(),
                acknowledgement: Some(acknowledgement(found)),
                counts,
                determinations,
            })
        }
        Event::DetainerAnswered { detainer, answer: given, .. } => Wire::DetainerAnswered(v1::DetainerAnswered {
            detainer: detainer.to_string(),
            answer: Some(answer(given)),
            counts,
            determinations,
        }),
        Event::DetainerWithdrawn { detainer, reason } => Wire::DetainerWithdrawn(v1::DetainerWithdrawn {
            detainer: detainer.to_string(),
            reason: to_wire(*reason),
            counts,
        }),
        Event::CustodyOpened(opened) => Wire::CustodyOpened(v1::CustodyOpened { custody: Some(custody(opened)) }),
        Event::ReleaseScheduled { custody, release } => Wire::ReleaseScheduled(v1::ReleaseScheduled {
            custody: custody.to_string(),
            release: Some(scheduled_release(release)),
            determinations,
        }),
        Event::ReleaseRecorded { custody, release } => Wire::ReleaseRecorded(v1::ReleaseRecorded {
            custody: custody.to_string(),
            release: Some(actual_release(release)),
            detainers: standing(&record.determinations),
            determinations,
            counts,
        }),
        Event::ReleaseNoticed { detainer, release } => Wire::ReleaseNoticed(v1::ReleaseNoticed {
            detainer: detainer.to_string(),
            release: Some(scheduled_release(release)),
            counts,
            determinations,
        }),
        Event::DetainerReleased { detainer, release } => Wire::DetainerReleased(v1::DetainerReleased {
            detainer: detainer.to_string(),
            release: Some(actual_release(release)),
            counts,
            determinations,
        }),
    };
    v1::Event { event: Some(event) }
}

/// Delivery of an inbox, as an entry records it.
pub fn inbox_acknowledged(acknowledged: v1::InboxAcknowledged) -> v1::Event {
    v1::Event { event: Some(v1::event::Event::InboxAcknowledged(acknowledged)) }
}

/// Determinations.
pub fn determinations(recorded: &[RecordedDetermination]) -> Vec<v1::Determination> {
    let one = |recorded: &RecordedDetermination| v1::Determination {
        detainer: recorded.detainer.to_string(),
        action: to_wire(recorded.action),
        ruling: to_wire(recorded.determination.ruling),
        policies: recorded.determination.policies.clone(),
        citations: recorded.determination.citations.clone(),
        obligations: recorded.determination.obligations.clone(),
        reviews: recorded.determination.reviews.clone(),
        failed: recorded.determination.failed,
    };
    recorded.iter().map(one).collect()
}

/// `agencies/{id}`.
pub fn agency_name(agency: &AgencyId) -> String {
    format!("agencies/{agency}")
}

/// A time.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// A position in a log. A log of more than 2^63 entries will not be.
pub fn wire_position(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn standing(recorded: &[RecordedDetermination]) -> Vec<String> {
    let mut names: Vec<String> = recorded.iter().map(|recorded| recorded.detainer.to_string()).collect();
    names.dedup();
    names
}

fn warrant(warrant: &Warrant) -> v1::Warrant {
    v1::Warrant {
        kind: to_wire(warrant.kind),
        issuing_authority: to_wire(warrant.issuing_authority),
        signed_at: warrant.signed_at.map(timestamp),
    }
}

fn acknowledgement(found: &Acknowledgement) -> v1::Acknowledgement {
    v1::Acknowledgement {
        finding: to_wire(found.finding),
        custody: or_empty(found.custody.as_ref()),
        match_method: to_wire_or_unspecified(found.method),
        confidence_percent: found.confidence_percent.map_or(0, |percent| i32::try_from(percent).unwrap_or(0)),
        occurred_at: found.occurred_at.map(timestamp),
    }
}

fn answer(answer: &Answer) -> v1::Answer {
    v1::Answer {
        kind: to_wire(answer.kind),
        ground: to_wire_or_unspecified(answer.ground),
        legal_basis: answer.legal_basis.clone(),
        reason: answer.reason.clone().unwrap_or_default(),
        occurred_at: answer.occurred_at.map(timestamp),
    }
}

fn subject(subject: &Subject) -> v1::Subject {
    let identifiers = &subject.identifiers;
    v1::Subject {
        name: Some(person_name(&subject.name)),
        aliases: subject.aliases.iter().map(person_name).collect(),
        birth_date: or_empty(subject.birth_date.as_ref()),
        sex: to_wire_or_unspecified(subject.sex),
        identifiers: Some(v1::Identifiers {
            alien_number: or_empty(identifiers.alien_number.as_ref()),
            fbi_number: or_empty(identifiers.fbi_number.as_ref()),
            state_id: or_empty(identifiers.state_id.as_ref()),
            booking_number: or_empty(identifiers.booking_number.as_ref()),
            din: or_empty(identifiers.din.as_ref()),
        }),
        citizenship: or_empty(subject.citizenship.as_ref()),
    }
}

fn or_empty(id: Option<&impl ToString>) -> String {
    id.map(ToString::to_string).unwrap_or_default()
}

fn person_name(name: &PersonName) -> v1::PersonName {
    v1::PersonName { given: name.given.clone(), family: name.family.clone() }
}

fn charge(charge: &Charge) -> v1::Charge {
    v1::Charge {
        statute: charge.statute.clone().unwrap_or_default(),
        ncic_code: or_empty(charge.ncic.as_ref()),
        nibrs_code: or_empty(charge.nibrs.as_ref()),
        severity: to_wire_or_unspecified(charge.severity),
        status: to_wire(charge.status),
        charged_on: or_empty(charge.charged_on.as_ref()),
        convicted_on: or_empty(charge.convicted_on.as_ref()),
        sentence_days: charge.sentence_days.map_or(0, |days| i32::try_from(days).unwrap_or(0)),
    }
}

fn flags(flags: Flags) -> v1::Flags {
    v1::Flags {
        citizenship_claim: flags.citizenship_claim,
        proof_of_status: flags.proof_of_status,
        juvenile: flags.juvenile,
        victim_witness: flags.victim_witness,
        protected_program: flags.protected_program,
    }
}

fn scheduled_release(release: &ScheduledRelease) -> v1::ScheduledRelease {
    v1::ScheduledRelease {
        expected_at: Some(timestamp(release.expected_at)),
        basis: to_wire(release.basis),
        as_of: release.as_of.map(timestamp),
    }
}

fn actual_release(release: &ActualRelease) -> v1::ActualRelease {
    v1::ActualRelease {
        released_at: Some(timestamp(release.released_at)),
        reason: to_wire(release.reason),
        recipient: to_wire(release.recipient),
        ordered_by: release.ordered_by.clone(),
    }
}

fn counts(counts: &Counts) -> v1::Counts {
    v1::Counts {
        form: to_wire_or_unspecified(counts.form),
        warrant: to_wire_or_unspecified(counts.warrant),
        issuing_authority: to_wire_or_unspecified(counts.issuing_authority),
        offence: to_wire_or_unspecified(counts.offence),
        charge_status: to_wire_or_unspecified(counts.charge_status),
        custodian_class: to_wire_or_unspecified(counts.custodian_class),
        lead_time_seconds: counts.lead_time_seconds,
    }
}
