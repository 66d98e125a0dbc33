//! Every write goes over the wire and comes back as it was; one that is at fault is told in which field.

use comity::domain::command::CaseCommand;
use comity::domain::correction::Correction;
use comity::domain::custody::{Custody, Movement, OtherGround, ReleaseRecipient};
use comity::domain::detainer::{Detainer, Viewpoint};
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::CaseName;
use comity::domain::interview::Interview;
use comity::domain::transfer::{Transfer, TransferName, TransferWindow};
use comity::wire::parse::WriteRequest;
use comity::wire::{Message, Named, enums, show, v1, wire_walk};
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use crate::harness::changes::{
    acceptance_of, birth_date_in, cancellation_in, claim_on, correction, declining_of, escape_from, failure_of,
    handover_in, interview_answer, interview_under, movement_to, movement_to_hospital, reopening_of, resolution_of,
    service_on, taking_over, turning_down, window_under,
};
use crate::harness::duties::{decision_on, meeting_of};
use crate::properties::{any, tries};
use crate::sample;

pub(super) const REQUEST_ID: &str = "6d1f8f3c-8a43-4a5e-9d55-0a1b2c3d4e5f";

/// Sends a request as bytes, as a client would, and parses what arrives.
pub(super) fn check<R: WriteRequest + Message + Named + Default>(request: &R, expected: &CaseCommand) {
    let bytes = request.encode_to_vec();
    assert_eq!(wire_walk::check(&R::full_name(), &bytes), Ok(()));
    let write = R::decode(bytes.as_slice()).unwrap().parse().unwrap();
    assert_eq!(&write.command, expected);
    assert_eq!(write.jurisdiction, sample::jurisdiction());
    assert_eq!(write.request_id.0.to_string(), REQUEST_ID);
}

/// A name and a request id.
fn names(name: &CaseName) -> (String, String) {
    (name.to_string(), REQUEST_ID.to_owned())
}

/// As the custodian would see it: what the issuer asked, and what was said to it.
fn shown(detainer: &Detainer) -> v1::Detainer {
    show::detainer(detainer, Viewpoint::Custodian, sample::ANSWER_WITHIN)
}

fn window(window: &TransferWindow) -> Option<v1::TransferWindow> {
    let name = CaseName::detainer(sample::jurisdiction(), Uuid::nil());
    show::transfer(&name, &Transfer::offered(Uuid::nil(), window.clone(), sample::start()), &[]).window
}

fn marked(correction: &Correction) -> v1::Correction {
    v1::Correction { reason: correction.reason.clone() }
}

fn cites(cited: &OtherGround) -> v1::OtherGround {
    v1::OtherGround { citation: cited.citation.clone(), document_sha256: cited.document_sha256.to_vec() }
}

proptest! {
    #![proptest_config(tries(256))]

    #[test]
    fn what_is_asked_reads_back(detainer in any::lodged()) {
        let (name, request_id) = names(&detainer.name);
        let asked = Some(show::detainer(&detainer, Viewpoint::Issuer, sample::ANSWER_WITHIN));
        let parent = "jurisdictions/us-ny".to_owned();
        let request = v1::LodgeDetainerRequest { parent, detainer: asked.clone(), request_id: request_id.clone() };
        check(&request, &CaseCommand::LodgeDetainer((*detainer.request).clone()));
        let request = v1::AmendDetainerRequest { name, detainer: asked, request_id, ..Default::default() };
        let expected = CaseCommand::AmendDetainer { detainer: detainer.name, request: Box::new((*detainer.request).clone()) };
        check(&request, &expected);
    }

    #[test]
    fn what_is_found_reads_back(
        detainer in any::lodged(),
        acknowledgement in any::acknowledgement(),
        correction in option::of(any::correction()),
    ) {
        let (name, request_id) = names(&detainer.name);
        let said = Detainer { acknowledgement: Some(acknowledgement.clone()), ..detainer.clone() };
        let request = v1::AcknowledgeDetainerRequest {
            acknowledgement: shown(&said).acknowledgement,
            correction: correction.as_ref().map(marked),
            name,
            request_id,
            ..Default::default()
        };
        check(&request, &CaseCommand::AcknowledgeDetainer { detainer: detainer.name, acknowledgement, correction });
    }

    #[test]
    fn what_is_answered_reads_back(
        detainer in any::lodged(),
        answer in any::answer(),
        correction in option::of(any::correction()),
    ) {
        let (name, request_id) = names(&detainer.name);
        let said = Detainer { answer: Some(answer.clone()), ..detainer.clone() };
        let request = v1::AnswerDetainerRequest {
            answer: shown(&said).answer,
            correction: correction.as_ref().map(marked),
            name,
            request_id,
            ..Default::default()
        };
        check(&request, &CaseCommand::AnswerDetainer { detainer: detainer.name, answer, correction });
    }

    #[test]
    fn a_service_reads_back(
        detainer in any::lodged(),
        service in any::service(),
        correction in option::of(any::correction()),
    ) {
        let (name, request_id) = names(&detainer.name);
        let said = Detainer { service: Some(service.clone()), ..detainer.clone() };
        let request = v1::RecordServiceOfCopyRequest {
            service_of_copy: shown(&said).service_of_copy,
            correction: correction.as_ref().map(marked),
            name,
            request_id,
            ..Default::default()
        };
        check(&request, &CaseCommand::RecordServiceOfCopy { detainer: detainer.name, service, correction });
    }

    #[test]
    fn interviews_read_back(
        detainer in any::lodged(),
        request in any::interview_request(),
        answer in any::interview_answer(),
    ) {
        let (name, request_id) = names(&detainer.name);
        let interview = Interview { answer: Some(answer.clone()), ..Interview::requested(request.clone(), sample::start()) };
        let said = shown(&Detainer { interview: Some(interview), ..detainer.clone() }).interview;
        let (detainer, etag) = (detainer.name, String::new());
        let asks = v1::RequestInterviewRequest {
            name: name.clone(),
            interview: said.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check(&asks, &CaseCommand::RequestInterview { detainer: detainer.clone(), request });
        let answers = v1::AnswerInterviewRequest {
            name: name.clone(),
            answer: said.and_then(|said| said.answer),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check(&answers, &CaseCommand::AnswerInterview { detainer: detainer.clone(), answer: Box::new(answer) });
        check(&v1::WithdrawInterviewRequest { name, request_id, etag }, &CaseCommand::WithdrawInterview { detainer });
    }

    #[test]
    fn claims_and_withdrawals_read_back(
        detainer in any::detainer_name(),
        claim in any::claim(),
        outcome in any::word(),
        reason in any::reason(),
        lifted in any::word(),
    ) {
        let ((name, request_id), etag) = (names(&detainer), String::new());
        let request = v1::RaiseCitizenshipClaimRequest {
            occurred_at: claim.occurred_at.map(show::timestamp),
            grounds: claim.grounds.clone().unwrap_or_default(),
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check(&request, &CaseCommand::RaiseCitizenshipClaim { detainer: detainer.clone(), claim });
        let request = v1::ResolveCitizenshipClaimRequest {
            outcome: enums::to_wire(outcome),
            reason: reason.clone(),
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check(&request, &CaseCommand::ResolveCitizenshipClaim { detainer: detainer.clone(), outcome, reason });
        let request = v1::WithdrawDetainerRequest { reason: enums::to_wire(lifted), name, request_id, etag, entered_from_paper: false };
        check(&request, &CaseCommand::WithdrawDetainer { detainer, reason: lifted });
    }

    #[test]
    fn what_is_entered_of_a_stay_reads_back(
        custody in any::opened(),
        identity in any::identity(),
        (to, moved_at) in (any::place(), option::of(any::time())),
        (proposal, acceptance, declined) in (any::proposal(), any::acceptance(), any::word()),
        correction in any::correction(),
        cited in option::of(any::events::other_ground()),
    ) {
        let ((name, request_id), etag) = (names(&custody.name), String::new());
        let request = v1::OpenCustodyRequest {
            parent: "jurisdictions/us-ny".to_owned(),
            custody: Some(show::custody(&custody)),
            request_id: request_id.clone(),
        };
        check(&request, &CaseCommand::OpenCustody(custody.intake.clone()));
        let charges = custody.intake.charges.clone();
        let request = v1::UpdateChargesRequest {
            charges: show::custody(&custody).charges,
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
            other_ground: cited.as_ref().map(cites),
        };
        // Whoever is held on another ground is held on some charge.
        let live = charges.iter().any(|charge| charge.status.is_live());
        let other_ground = cited.filter(|_| live);
        let request = v1::UpdateChargesRequest { other_ground: request.other_ground.filter(|_| live), ..request };
        check(&request, &CaseCommand::UpdateCharges { custody: custody.name.clone(), charges, other_ground });
        let movement = Movement { to: to.clone().into(), occurred_at: moved_at };
        let mut after = Custody { movement: Some(movement), ..custody.clone() };
        after.intake.subject = identity.subject.clone();
        after.intake.flags = identity.flags;
        let after = show::custody(&after);
        let request = v1::CorrectIdentityRequest {
            subject: after.subject,
            flags: after.flags,
            correction: Some(marked(&correction)),
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        let identity = Box::new(identity);
        check(&request, &CaseCommand::CorrectIdentity { custody: custody.name.clone(), identity, correction });
        let request = v1::MoveCustodyRequest {
            movement: after.movement,
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
            planned_at: None,
        };
        let custody = custody.name;
        check(&request, &CaseCommand::MoveCustody { custody: custody.clone(), to, occurred_at: moved_at });
        let offer = v1::Movement {
            kind: v1::MovementKind::Agency.into(),
            facility: proposal.facility.as_ref().map(ToString::to_string).unwrap_or_default(),
            custodian: show::agency_name(&proposal.to),
            occurred_at: None,
        };
        let planned_at = Some(show::timestamp(proposal.planned_at));
        let request = v1::MoveCustodyRequest { movement: Some(offer), planned_at, ..request };
        check(&request, &CaseCommand::OfferMove { custody: custody.clone(), proposal });
        let request = v1::AcceptMoveRequest {
            name: name.clone(),
            occurred_at: Some(show::timestamp(acceptance.occurred_at)),
            facility: acceptance.facility.to_string(),
            booking_number: acceptance.booking_number.as_ref().map(ToString::to_string).unwrap_or_default(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check(&request, &CaseCommand::AcceptMove { custody: custody.clone(), acceptance });
        let request = v1::DeclineMoveRequest {
            name: name.clone(),
            reason: enums::to_wire(declined),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check(&request, &CaseCommand::DeclineMove { custody: custody.clone(), reason: declined });
        let request = v1::WithdrawMoveRequest { name, request_id, etag };
        check(&request, &CaseCommand::WithdrawMove { custody });
    }

    #[test]
    fn what_is_expected_reads_back(
        custody in any::opened(),
        (release, eligibility) in (any::scheduled(), any::eligibility()),
        reason in any::reason(),
        cited in option::of(any::events::other_ground()),
    ) {
        let ((name, request_id), etag) = (names(&custody.name), String::new());
        let eligible = Custody { eligibilities: vec![eligibility.clone()], ..custody.clone() };
        let after = Custody { scheduled: Some(release.clone()), ..custody };
        let (custody, scheduled) = (after.name.clone(), show::custody(&after).scheduled_release);
        let request = v1::ScheduleReleaseRequest {
            release: scheduled.clone(),
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check(&request, &CaseCommand::ScheduleRelease { custody: custody.clone(), release: release.clone() });
        let request = v1::RescheduleReleaseRequest {
            release: scheduled,
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check(&request, &CaseCommand::RescheduleRelease { custody: custody.clone(), release });
        let other_ground = cited.as_ref().map(cites);
        let request = v1::RecordReleaseEligibilityRequest {
            eligibility: show::custody(&eligible).release_eligibilities.pop(),
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check(&request, &CaseCommand::RecordReleaseEligibility { custody: custody.clone(), eligibility });
        let request = v1::CancelReleaseRequest { reason: reason.clone(), name, request_id, etag, other_ground };
        check(&request, &CaseCommand::CancelRelease { custody, reason: Some(reason), other_ground: cited });
    }

    #[test]
    fn how_a_stay_ended_reads_back(
        custody in any::opened(),
        release in any::released(),
        closing in any::closing(),
        correction in any::correction(),
        to in any::handed_to(),
        cited in option::of(any::events::other_ground()),
        (order, covers_undisclosed) in (any::events::expungement_order(), proptest::bool::ANY),
    ) {
        let ((name, request_id), etag) = (names(&custody.name), String::new());
        // Whom somebody was handed to is said where they were.
        let handed_over = release.recipient == ReleaseRecipient::RequestingAgency;
        let to = HandedTo { detainer: to.detainer.filter(|_| handed_over), ..to };
        let after = Custody { released: Some(release.clone()), closing: Some(closing.clone()), ..custody };
        let (custody, shown) = (after.name.clone(), show::custody(&after));
        let request = v1::RecordReleaseRequest {
            release: shown.actual_release,
            correction: Some(marked(&correction)),
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
            detainer: to.detainer.as_ref().map(ToString::to_string).unwrap_or_default(),
            reason: to.reason.clone().unwrap_or_default(), entered_from_paper: false };
        let corrected = Some(correction.clone());
        check(&request, &CaseCommand::RecordRelease { custody: custody.clone(), release, correction: corrected, to });
        let request = v1::CloseCustodyRequest {
            closing: shown.closing,
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
            other_ground: cited.as_ref().map(cites),
        };
        check(&request, &CaseCommand::CloseCustody { custody: custody.clone(), closing, other_ground: cited });
        let request = v1::ReopenCustodyRequest {
            correction: Some(marked(&correction)),
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check(&request, &CaseCommand::ReopenCustody { custody: custody.clone(), correction });
        let said = v1::ExpungementOrder {
            kind: enums::to_wire(order.kind),
            authority: order.authority.clone(),
            document_sha256: order.document_sha256.to_vec(),
        };
        let request =
            v1::ExpungeCustodyRequest { order: Some(said), name, covers_undisclosed, request_id, etag };
        check(&request, &CaseCommand::ExpungeCustody { custody, order, covers_undisclosed });
    }

    #[test]
    fn what_is_said_of_a_transfer_reads_back(
        name in any::transfer_name(),
        (offered, revised) in (any::window(), any::window()),
        reason in option::of(any::reason()),
        (declined, cause) in (any::word(), any::word()),
        occurred_at in any::time(),
    ) {
        let request_id = || REQUEST_ID.to_owned();
        let request = v1::OfferWindowRequest {
            parent: name.detainer.to_string(),
            window: window(&offered),
            reason: reason.clone().unwrap_or_default(),
            request_id: request_id(),
        };
        let offer =
            CaseCommand::OfferWindow { detainer: name.detainer.clone(), window: offered, reason: reason.clone() };
        check(&request, &offer);
        let (text, etag, transfer) = (|| name.to_string(), String::new, || TransferName::clone(&name));
        let request = v1::AcceptWindowRequest { name: text(), request_id: request_id(), etag: etag() };
        check(&request, &CaseCommand::AcceptWindow { transfer: transfer() });
        let declining = enums::to_wire(declined);
        let request = v1::DeclineWindowRequest { reason: declining, name: text(), request_id: request_id(), etag: etag() };
        check(&request, &CaseCommand::DeclineWindow { transfer: transfer(), reason: declined });
        let request = v1::WithdrawWindowRequest { reason: declining, name: text(), request_id: request_id(), etag: etag() };
        check(&request, &CaseCommand::WithdrawWindow { transfer: transfer(), reason: declined });
        let request = v1::ReviseWindowRequest {
            name: text(),
            window: window(&revised),
            reason: reason.clone().unwrap_or_default(),
            request_id: request_id(),
            etag: etag(),
        };
        let revise =
            CaseCommand::ReviseWindow { transfer: transfer(), window: revised, reason: reason.clone() };
        check(&request, &revise);
        let said = Some(show::timestamp(occurred_at));
        let request = v1::ConfirmTransferRequest {
            occurred_at: said,
            name: text(),
            request_id: request_id(),
            etag: etag(),
            reason: reason.clone().unwrap_or_default(),
        };
        check(&request, &CaseCommand::ConfirmTransfer { transfer: transfer(), occurred_at, reason });
        let told = enums::to_wire(cause);
        let request = v1::ReportFailureRequest { cause: told, name: text(), request_id: request_id(), etag: etag() };
        check(&request, &CaseCommand::ReportFailure { transfer: transfer(), cause });
    }
}

/// Fields at fault, of a request as it stands and as changed.
pub(super) fn faults<R: WriteRequest + Clone>(good: &R, change: impl Fn(&mut R), expected: &[&str]) {
    assert!(good.clone().parse().is_ok(), "good until it is changed");
    let mut bad = good.clone();
    change(&mut bad);
    let faults = bad.parse().map(|write| write.command).unwrap_err();
    let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, expected);
}

#[test]
fn what_is_said_of_an_interview_is_at_fault_where_it_contradicts_itself() {
    let detainer = format!("jurisdictions/us-ny/detainers/{REQUEST_ID}");
    let asks = interview_under(&detainer);
    faults(&asks, |bad| bad.interview = None, &["interview"]);
    let asked = |change: fn(&mut v1::Interview)| {
        move |bad: &mut v1::RequestInterviewRequest| change(bad.interview.as_mut().unwrap())
    };
    faults(&asks, asked(|interview| interview.mode = 0), &["interview.mode"]);
    faults(&asks, asked(|interview| interview.language.clear()), &["interview.language"]);
    let consent = interview_answer(&detainer, v1::InterviewOutcome::ConsentedWithCounsel);
    let said = |change: fn(&mut v1::InterviewAnswer)| {
        move |bad: &mut v1::AnswerInterviewRequest| change(bad.answer.as_mut().unwrap())
    };
    faults(&consent, |bad| bad.answer = None, &["answer"]);
    faults(&consent, said(|answer| answer.outcome = 0), &["answer.outcome"]);
    faults(&consent, said(|answer| answer.advisal = None), &["answer.advisal"]);
    faults(&consent, said(|answer| answer.counsel_told = false), &["answer.counsel_told"]);
    let advised = |change: fn(&mut v1::InterviewAdvisal)| {
        move |bad: &mut v1::AnswerInterviewRequest| change(bad.answer.as_mut().unwrap().advisal.as_mut().unwrap())
    };
    faults(&consent, advised(|advisal| advisal.advised_at = None), &["answer.advisal.advised_at"]);
    faults(&consent, advised(|advisal| advisal.method = 0), &["answer.advisal.method"]);
    faults(&consent, advised(|advisal| advisal.language.clear()), &["answer.advisal.language"]);
    faults(&consent, advised(|advisal| advisal.form_sha256.clear()), &["answer.advisal.form_sha256"]);
    let oral = |advisal: &mut v1::InterviewAdvisal| advisal.method = v1::AdvisalMethod::Oral.into();
    faults(&consent, advised(oral), &["answer.advisal.form_sha256"]);
    let refusal = interview_answer(&detainer, v1::InterviewOutcome::Refused);
    faults(&refusal, said(|answer| answer.starts_at = Some(show::timestamp(sample::start()))), &["answer.starts_at"]);
    faults(&refusal, said(|answer| answer.outcome = v1::InterviewOutcome::Declined.into()), &["answer.advisal"]);
}

#[test]
fn a_request_at_fault_is_told_in_which_field() {
    let name = |collection: &str| format!("jurisdictions/us-ny/{collection}/{REQUEST_ID}");
    let (detainer, custody) = (name("detainers"), name("custodies"));
    let transfer = format!("{detainer}/transfers/{REQUEST_ID}");
    let long = || "x".repeat(1_001);

    let service = v1::RecordServiceOfCopyRequest { correction: Some(correction()), ..service_on(&detainer) };
    let served = |change: fn(&mut v1::ServiceOfCopy)| {
        move |bad: &mut v1::RecordServiceOfCopyRequest| change(bad.service_of_copy.as_mut().unwrap())
    };
    faults(&service, |bad| bad.service_of_copy = None, &["service_of_copy"]);
    faults(&service, |bad| bad.correction = Some(v1::Correction::default()), &["correction.reason"]);
    faults(&service, |bad| bad.correction = Some(v1::Correction { reason: long() }), &["correction.reason"]);
    faults(&service, served(|copy| copy.copy_sha256 = vec![7; 31]), &["service_of_copy.copy_sha256"]);
    faults(&service, served(|copy| copy.copy_sha256.push(7)), &["service_of_copy.copy_sha256"]);
    faults(&service, served(|copy| copy.language = "e".to_owned()), &["service_of_copy.language"]);
    faults(&service, served(|copy| copy.method = 0), &["service_of_copy.method"]);
    faults(&service, served(|copy| copy.served_at = None), &["service_of_copy.served_at"]);

    let resolution = resolution_of(&detainer, v1::ClaimOutcome::Confirmed);
    faults(&resolution, |bad| (bad.outcome, bad.reason) = (0, String::new()), &["outcome", "reason"]);
    faults(&claim_on(&detainer), |bad| bad.grounds = long(), &["grounds"]);
    faults(&cancellation_in(&custody), |bad| bad.reason = long(), &["reason"]);
    faults(&cancellation_in(&custody), |bad| bad.name.clone_from(&detainer), &["name"]);

    let identity = birth_date_in(&custody);
    faults(&identity, |bad| bad.correction = None, &["correction"]);
    faults(&identity, |bad| (bad.subject, bad.flags) = (None, None), &["subject", "flags"]);
    faults(&identity, |bad| bad.flags.as_mut().unwrap().citizenship_claim = true, &["flags.citizenship_claim"]);
    faults(&reopening_of(&custody), |bad| bad.correction = None, &["correction"]);
    faults(
        &escape_from(&custody),
        |bad| bad.closing = Some(v1::Closing::default()),
        &["closing.reason", "closing.occurred_at"],
    );

    let (to_hospital, to_agency) = (movement_to_hospital(&custody), movement_to(&custody, "us-ny-erie-jail"));
    let (facility, custodian) = ("movement.facility", "movement.custodian");
    let moved =
        |change: fn(&mut v1::Movement)| move |bad: &mut v1::MoveCustodyRequest| change(bad.movement.as_mut().unwrap());
    faults(&to_hospital, moved(|to| to.kind = 0), &["movement.kind"]);
    faults(&to_hospital, moved(|to| to.facility = "NY014".to_owned()), &[facility]);
    faults(&to_hospital, moved(|to| to.custodian = "agencies/us-ny-erie-jail".to_owned()), &[custodian]);
    faults(&to_hospital, moved(|to| to.kind = v1::MovementKind::Facility.into()), &[facility]);
    faults(&to_hospital, moved(|to| to.kind = v1::MovementKind::Agency.into()), &["planned_at", custodian]);
    faults(&to_hospital, |bad| bad.planned_at = to_agency.planned_at, &["planned_at"]);
    faults(&to_agency, moved(|to| to.kind = v1::MovementKind::Facility.into()), &[custodian, "planned_at"]);
    faults(&to_agency, moved(|to| to.kind = v1::MovementKind::Court.into()), &[custodian, "planned_at", facility]);
    faults(&to_agency, |bad| bad.movement.as_mut().unwrap().occurred_at = bad.planned_at, &["movement.occurred_at"]);
    faults(&to_agency, |bad| bad.planned_at = None, &["planned_at"]);
    faults(&taking_over(&custody), |bad| bad.occurred_at = None, &["occurred_at"]);
    faults(&taking_over(&custody), |bad| bad.facility = String::new(), &["facility"]);
    faults(&turning_down(&custody), |bad| bad.reason = 0, &["reason"]);
    faults(&to_agency, moved(|to| to.custodian = "us-ny-erie-jail".to_owned()), &[custodian]);

    let offer = window_under(&detainer);
    let window = |change: fn(&mut v1::TransferWindow)| {
        move |bad: &mut v1::OfferWindowRequest| change(bad.window.as_mut().unwrap())
    };
    faults(&offer, window(|window| window.closes_at = window.opens_at), &["window.closes_at"]);
    faults(&offer, window(|window| std::mem::swap(&mut window.opens_at, &mut window.closes_at)), &["window.closes_at"]);
    faults(&offer, window(|window| window.opens_at = None), &["window.opens_at"]);
    faults(&offer, window(|window| window.facility = String::new()), &["window.facility"]);
    faults(&offer, |bad| bad.reason = long(), &["reason"]);
    faults(&offer, |bad| bad.parent.clone_from(&custody), &["parent"]);

    let upper = transfer.to_uppercase();
    for other in [&detainer, &format!("{custody}/transfers/{REQUEST_ID}"), &format!("{transfer}/"), &upper] {
        faults(&acceptance_of(&transfer), |bad| bad.name.clone_from(other), &["name"]);
    }
    faults(&declining_of(&transfer), |bad| bad.reason = 99, &["reason"]);
    faults(&handover_in(&transfer), |bad| bad.occurred_at = None, &["occurred_at"]);
    faults(&failure_of(&transfer, v1::TransferFailureCause::NoShow), |bad| bad.cause = 0, &["cause"]);
}

#[test]
fn a_decision_or_evidence_at_fault_is_told_in_which_field() {
    let name = |collection: &str| format!("jurisdictions/us-ny/{collection}/{REQUEST_ID}");
    let (detainer, custody) = (name("detainers"), name("custodies"));
    let decision = decision_on(&detainer, "notify", v1::ReviewDecision::Permit);
    faults(&decision, |bad| (bad.decision, bad.ground) = (0, None), &["decision", "ground"]);
    faults(&decision, |bad| bad.ground = Some(v1::ReviewGround::default()), &["ground.reason"]);
    faults(&decision, |bad| bad.ground.as_mut().unwrap().citation = "x".repeat(201), &["ground.citation"]);
    for other in ["release", "Notify", "notify/", ""] {
        faults(&decision, |bad| bad.name = format!("{detainer}/reviews/{other}"), &["name"]);
    }
    let met = |change: fn(&mut v1::ObligationEvidence)| {
        move |bad: &mut v1::MeetObligationRequest| change(bad.evidence.as_mut().unwrap())
    };
    let meeting = meeting_of(&detainer, "tell-counsel");
    faults(&meeting, |bad| bad.evidence = None, &["evidence"]);
    faults(&meeting, met(|evidence| evidence.met_at = None), &["evidence.met_at"]);
    faults(&meeting, met(|evidence| evidence.note = "x".repeat(1_001)), &["evidence.note"]);
    let by_service = met(|evidence| evidence.method = v1::EvidenceMethod::ServiceOfCopy.into());
    faults(&meeting, by_service, &["evidence.method"]);
    faults(&meeting, |bad| bad.name = format!("{custody}/obligations/tell-counsel"), &["name"]);
}
