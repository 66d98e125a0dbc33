//! Requests as an agency would send them, each with a request id of its own. Everything personal in them is a canary.

use comity::wire::{Timestamp, v1};
use uuid::Uuid;

pub(crate) const NY: &str = "jurisdictions/us-ny";
pub(crate) const TX: &str = "jurisdictions/us-tx";
pub(crate) const NY_EXCHANGE: &str = "jurisdictions/us-ny/logs/exchange";
pub(crate) const NY_CUSTODY: &str = "jurisdictions/us-ny/logs/custody";

/// What an officer writes when a person decides. Restricted.
pub(crate) const REASON: &str = "decided after speaking with Zebulon Quackenbush";

/// `2026-01-21T12:53:20Z`: when the person was taken in, before anybody asked.
const TAKEN_IN_AT: i64 = 1_769_000_000;
/// `2026-01-31T22:53:20Z`: when the request was made, on a warrant that was signed before.
const ASKED_AT: i64 = 1_769_900_000;
/// `2026-02-01T11:56:40Z`: when what has happened did, just before the clock of the tests begins.
pub(crate) const HAPPENED_AT: i64 = 1_769_947_000;

pub(crate) fn request_id() -> String {
    Uuid::new_v4().to_string()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn jurisdiction_of(agency: &str) -> String {
    format!("jurisdictions/{}", agency.get(..5).unwrap())
}

pub(crate) fn subject() -> v1::Subject {
    v1::Subject {
        name: Some(v1::PersonName { given: "Zebulon".to_owned(), family: "Quackenbush".to_owned() }),
        aliases: vec![v1::PersonName { given: String::new(), family: "Quigley".to_owned() }],
        birth_date: "1987-06-05".to_owned(),
        sex: v1::Sex::Male.into(),
        identifiers: Some(v1::Identifiers {
            alien_number: "079314159".to_owned(),
            din: "24-B-7391".to_owned(),
            ..Default::default()
        }),
        citizenship: "CAN".to_owned(),
        home_address: "Ferdinand-Avenue 7".to_owned(),
        work_address: String::new(),
    }
}

pub(crate) fn charge() -> v1::Charge {
    v1::Charge {
        statute: "Statute-7391".to_owned(),
        ncic_code: "1399".to_owned(),
        status: v1::ChargeStatus::Pending.into(),
        ..Default::default()
    }
}

pub(super) fn flags() -> v1::Flags {
    v1::Flags { victim_witness: true, ..Default::default() }
}

fn warrant(kind: v1::WarrantKind, issuing_authority: v1::IssuingAuthority) -> v1::Warrant {
    v1::Warrant {
        kind: kind.into(),
        issuing_authority: issuing_authority.into(),
        signed_at: Some(at(1_768_000_000)),
        document_sha256: vec![5; 32],
        document_media_type: "application/pdf".to_owned(),
        ..Default::default()
    }
}

/// Asks an agency for a hold and for notice, on an administrative warrant.
pub(crate) fn detainer_for(agency: &str) -> v1::LodgeDetainerRequest {
    let detainer = v1::Detainer {
        custodian: format!("agencies/{agency}"),
        form: v1::DetainerForm::I247a.into(),
        basis: vec![v1::DetainerBasis::FinalOrder.into()],
        warrant: Some(warrant(v1::WarrantKind::I205, v1::IssuingAuthority::ImmigrationOfficer)),
        subject: Some(subject()),
        charges: vec![charge()],
        flags: Some(flags()),
        contact_phone: "+1 212 555 01734".to_owned(),
        occurred_at: Some(at(ASKED_AT)),
        ..Default::default()
    };
    v1::LodgeDetainerRequest { parent: jurisdiction_of(agency), detainer: Some(detainer), request_id: request_id() }
}

/// The same, on a warrant that a judge signed.
pub(crate) fn detainer_with_judicial_warrant_for(agency: &str) -> v1::LodgeDetainerRequest {
    let mut request = detainer_for(agency);
    let judicial = warrant(v1::WarrantKind::Judicial, v1::IssuingAuthority::FederalJudge);
    request.detainer.as_mut().unwrap().warrant = Some(judicial);
    request
}

/// A stay at an agency.
pub(crate) fn intake_at(agency: &str) -> v1::OpenCustodyRequest {
    let custody = v1::Custody {
        facility: "NY029".to_owned(),
        subject: Some(subject()),
        charges: vec![charge()],
        flags: Some(flags()),
        occurred_at: Some(at(TAKEN_IN_AT)),
        ..Default::default()
    };
    v1::OpenCustodyRequest { parent: jurisdiction_of(agency), custody: Some(custody), request_id: request_id() }
}

/// Gives the person of an intake a booking number.
pub(crate) fn booked(intake: &mut v1::OpenCustodyRequest, number: &str) {
    let subject = intake.custody.as_mut().unwrap().subject.as_mut().unwrap();
    number.clone_into(&mut subject.identifiers.get_or_insert_default().booking_number);
}

pub(crate) fn match_of(detainer: &str, custody: &str) -> v1::AcknowledgeDetainerRequest {
    let acknowledgement = v1::Acknowledgement {
        finding: v1::Finding::MatchedCustody.into(),
        custody: custody.to_owned(),
        match_method: v1::MatchMethod::Biometric.into(),
        confidence_percent: 99,
        ..Default::default()
    };
    v1::AcknowledgeDetainerRequest {
        name: detainer.to_owned(),
        acknowledgement: Some(acknowledgement),
        request_id: request_id(),
        ..Default::default()
    }
}

/// An answer without a reason.
pub(crate) fn answer_to(detainer: &str, kind: v1::AnswerKind) -> v1::AnswerDetainerRequest {
    let declined = kind == v1::AnswerKind::Decline;
    let ground = if declined { v1::DeclineGround::ProhibitedByLaw } else { v1::DeclineGround::Unspecified };
    let answer = v1::Answer {
        kind: kind.into(),
        ground: ground.into(),
        legal_basis: "8 CFR 287.7(a)".to_owned(),
        ..Default::default()
    };
    v1::AnswerDetainerRequest {
        name: detainer.to_owned(),
        answer: Some(answer),
        request_id: request_id(),
        ..Default::default()
    }
}

/// An answer with a reason.
pub(crate) fn reasoned_answer_to(detainer: &str, kind: v1::AnswerKind) -> v1::AnswerDetainerRequest {
    let mut request = answer_to(detainer, kind);
    request.answer.as_mut().unwrap().reason = REASON.to_owned();
    request
}

pub(crate) fn withdrawal_of(detainer: &str) -> v1::WithdrawDetainerRequest {
    v1::WithdrawDetainerRequest {
        name: detainer.to_owned(),
        reason: v1::LiftReason::CaseClosed.into(),
        request_id: request_id(),
        etag: String::new(),
        entered_from_paper: false,
    }
}

pub(crate) fn schedule_of(custody: &str) -> v1::ScheduleReleaseRequest {
    let release = v1::ScheduledRelease {
        expected_at: Some(at(1_772_370_000)),
        basis: v1::ReleaseDateBasis::Projected.into(),
        as_of: None,
        date_public: false,
        ..Default::default()
    };
    v1::ScheduleReleaseRequest {
        name: custody.to_owned(),
        release: Some(release),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(crate) fn release_of(custody: &str) -> v1::RecordReleaseRequest {
    let release = v1::ActualRelease {
        released_at: Some(at(HAPPENED_AT)),
        reason: v1::ReleaseReason::SentenceServed.into(),
        recipient: v1::ReleaseRecipient::Community.into(),
        ordered_by: "Parole board".to_owned(),
        date_public: false,
        ..Default::default()
    };
    v1::RecordReleaseRequest {
        name: custody.to_owned(),
        release: Some(release),
        request_id: request_id(),
        ..Default::default()
    }
}

/// Says that everything before a cursor was received.
pub(crate) fn receipt_of(parent: &str, cursor: &str) -> v1::AcknowledgeRequest {
    let (parent, cursor) = (parent.to_owned(), cursor.to_owned());
    v1::AcknowledgeRequest { parent, cursor, request_id: request_id(), ..Default::default() }
}

/// Says that one parked entry was received by other means.
pub(crate) fn parked_receipt_of(entry: &str) -> v1::AcknowledgeParkedRequest {
    v1::AcknowledgeParkedRequest { entry: entry.to_owned(), request_id: request_id(), ..Default::default() }
}

/// Facts that somebody makes up: an I-247A with an administrative warrant, and a county jail that holds the person.
pub(crate) fn made_up_facts() -> v1::Facts {
    v1::Facts {
        stage: v1::Stage::Answer.into(),
        requester_kind: v1::AgencyKind::Federal.into(),
        custodian_class: v1::AgencyClass::CountyJail.into(),
        form: v1::DetainerForm::I247a.into(),
        asks_for_hold: true,
        basis: vec![v1::DetainerBasis::BiometricMatch.into()],
        warrant: v1::WarrantKind::I200.into(),
        issuing_authority: v1::IssuingAuthority::ImmigrationOfficer.into(),
        offences: vec![v1::Offence {
            category: v1::OffenceCategory::Assault.into(),
            status: v1::ChargeStatus::Pending.into(),
            severity: v1::Severity::Felony.into(),
            age: v1::ConvictionAge::None.into(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Asks what a jurisdiction's law says of them.
pub(crate) fn evaluation_in(parent: &str, facts: v1::Facts) -> v1::EvaluateRequest {
    v1::EvaluateRequest { parent: parent.to_owned(), facts: Some(facts) }
}

/// Asks what New York's law would have said with a text of a file changed.
pub(crate) fn replay_with(file: &str, from: &str, to: &str) -> v1::ReplayRequest {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    let files = vec![v1::PolicyFile { name: file.to_owned(), text: text.replace(from, to) }];
    v1::ReplayRequest { parent: NY.to_owned(), files, ..Default::default() }
}

/// Asks what waits for an agency in New York; empty: for the caller's own.
pub(crate) fn backlog_of(agency: &str) -> v1::GetBacklogRequest {
    let agency = if agency.is_empty() { String::new() } else { format!("agencies/{agency}") };
    v1::GetBacklogRequest { parent: NY.to_owned(), agency, ..Default::default() }
}
