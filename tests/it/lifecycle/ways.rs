//! The way to each row of the tables, and the command of each column.

use comity::domain::claim::ClaimOutcome;
use comity::domain::command::CaseCommand;
use comity::domain::correction::Correction;
use comity::domain::custody::{
    ActualRelease, Identity, Intake, MoveAcceptance, MoveDeclineReason, MovementKind, ReleaseRecipient,
    ScheduledRelease,
};
use comity::domain::detainer::{Acknowledgement, AnswerKind, Finding, LiftReason};
use comity::domain::determination::{FieldClasses, LawView, Ruling};
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::CaseName;
use comity::domain::interview::InterviewOutcome;
use comity::domain::subject::Flags;
use comity::domain::transfer::{TransferFailureCause, TransferName, TransferWindow, WindowDeclineReason};
use comity::domain::warrant::{VerificationOutcome, WarrantVerification};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::lifecycle::state_of;
use crate::sample;
use crate::world::World;

/// Of each side, the one that the tables speak of.
pub(super) const ISSUER: &str = "ice";
pub(super) const CUSTODIAN: &str = "doccs";
/// To whom the custodian hands the person on.
pub(super) const NEXT: &str = "nassau";

/// A detainer in the state of a row, reached by commands, and a custody of New York's prisons: the one it stands on, if it
/// stands on one. With no detainer yet, a name that nothing bears.
pub(super) fn detainer_in(row: &str, law: &LawView) -> (World, CaseName, CaseName) {
    let mut world = World::new();
    let custody = world.pass(CUSTODIAN, CaseCommand::OpenCustody(sample::intake()), law);
    if row == "none yet" {
        return (world, CaseName::detainer(sample::jurisdiction(), Uuid::from_u128(1)), custody);
    }
    let to_jurisdiction = row.ends_with("to the jurisdiction");
    let addressee = if to_jurisdiction { None } else { Some(CUSTODIAN) };
    let detainer = world.pass(ISSUER, CaseCommand::LodgeDetainer(sample::request(addressee)), law);
    let matched = || matched(&detainer, &custody);
    // Whether the issuer is told of the end.
    let telling = if row.ends_with(", told") {
        sample::law(Ruling::Must, Ruling::Must, FieldClasses::all())
    } else {
        sample::law(Ruling::MustNot, Ruling::MustNot, FieldClasses::NONE)
    };
    let way = match row.trim_end_matches(", to an agency").trim_end_matches(", to the jurisdiction") {
        "lodged" => vec![],
        "under-review, before a match" => vec![answered(&detainer, AnswerKind::PendingReview)],
        "matched" => vec![matched()],
        "under-review, matched" => vec![matched(), answered(&detainer, AnswerKind::PendingReview)],
        "hold-honored" => vec![matched(), answered(&detainer, AnswerKind::HonorHold)],
        "notify-only" => vec![matched(), answered(&detainer, AnswerKind::NotifyOnly)],
        "declined, before a match" => vec![answered(&detainer, AnswerKind::Decline)],
        "declined, matched" => vec![matched(), answered(&detainer, AnswerKind::Decline)],
        "no-such-person" => vec![found(&detainer, Finding::NoSuchPerson, None)],
        "identity-mismatch" => vec![found(&detainer, Finding::IdentityMismatch, None)],
        "not-in-custody" | "not-found-in-time" => vec![found(&detainer, Finding::NotInCustody, None)],
        "duplicate" => {
            let other = world.pass(ISSUER, CaseCommand::LodgeDetainer(sample::request(addressee)), law);
            vec![duplicate(&detainer, &other, None)]
        }
        "released, told" | "released, not told" => vec![matched(), release(&custody)],
        "closed, told" | "closed, not told" => vec![matched(), close(&custody)],
        "withdrawn" => vec![matched(), withdraw(&detainer)],
        unknown => panic!("no way to a detainer {unknown}"),
    };
    for command in way {
        let caller = if matches!(command, CaseCommand::WithdrawDetainer { .. }) { ISSUER } else { CUSTODIAN };
        let ends = matches!(command, CaseCommand::RecordRelease { .. } | CaseCommand::CloseCustody { .. });
        world.pass(caller, command, if ends { &telling } else { law });
    }
    if row == "not-found-in-time" {
        world.end_in_time(&detainer, law);
    }
    let stands = world.detainer(&detainer).unwrap();
    assert_eq!(
        (stands.state.word(), stands.issuer_view.ended_from.is_some()),
        (state_of(row), row.ends_with(", told"))
    );
    (world, detainer, custody)
}

/// What either side says of an interview. It is asked for first where one is open.
fn of_an_interview(
    (command, how): (&str, &str),
    world: &mut World,
    detainer: CaseName,
    law: &LawView,
) -> (&'static str, CaseCommand) {
    let request = CaseCommand::RequestInterview { detainer: detainer.clone(), request: sample::interview_request() };
    let is_asked = if command == "Request an interview" { how == "one is open" } else { how != "none is open" };
    if is_asked {
        // Where none can be asked for, none is open.
        let _asked = world.give(ISSUER, request.clone(), law);
    }
    match command {
        "Request an interview" => (ISSUER, request),
        "Withdraw the interview" => (ISSUER, CaseCommand::WithdrawInterview { detainer }),
        _ => {
            let outcome = how.parse().unwrap_or(InterviewOutcome::Refused);
            let answer = Box::new(sample::interview_answer(outcome));
            (CUSTODIAN, CaseCommand::AnswerInterview { detainer, answer })
        }
    }
}

/// What an issuer or a custodian says of a detainer in a column. Whatever it takes for it to be said comes first.
pub(super) fn said(
    column: &str,
    world: &mut World,
    detainer: &CaseName,
    custody: &CaseName,
    law: &LawView,
) -> (&'static str, CaseCommand) {
    let (command, how) = column.split_once(": ").unwrap_or((column, ""));
    let correction = column.starts_with("Correct").then(sample::correction);
    let detainer = detainer.clone();
    match command {
        "Acknowledge" | "Correct the finding" => {
            if how == "duplicate of another issuer's" {
                let other = world.pass("cbp", CaseCommand::LodgeDetainer(sample::request(Some(CUSTODIAN))), law);
                return (CUSTODIAN, duplicate(&detainer, &other, correction));
            }
            let finding: Finding = how.replace(' ', "-").parse().unwrap();
            // Another custody than the one it may stand on already, so that this is not what it is refused for.
            let other = world.pass(CUSTODIAN, CaseCommand::OpenCustody(sample::intake()), law);
            if finding == Finding::Duplicate {
                let other = CaseCommand::LodgeDetainer(sample::request(Some(CUSTODIAN)));
                let other = world.pass(ISSUER, other, law);
                return (CUSTODIAN, duplicate(&detainer, &other, correction));
            }
            let acknowledgement = sample::found(finding, (finding == Finding::MatchedCustody).then_some(&other));
            (CUSTODIAN, CaseCommand::AcknowledgeDetainer { detainer, acknowledgement, correction })
        }
        "Answer" | "Correct the answer" => {
            let answer = sample::answer(how.replace(' ', "-").parse().unwrap());
            (CUSTODIAN, CaseCommand::AnswerDetainer { detainer, answer, correction })
        }
        "Serve a copy" | "Correct the service" => {
            let service = CaseCommand::RecordServiceOfCopy { detainer, service: sample::service(), correction };
            if how == "served before" {
                serve_before(world, &service, law);
            }
            (CUSTODIAN, service)
        }
        "Verify the warrant" => {
            let lapses = how == "it counts no longer";
            let outcome = if lapses { VerificationOutcome::Withdrawn } else { VerificationOutcome::Verified };
            let verification = Box::new(WarrantVerification { outcome, ..sample::verification() });
            (CUSTODIAN, CaseCommand::VerifyWarrant { detainer, verification })
        }
        "Request an interview" | "Answer the interview" | "Withdraw the interview" => {
            of_an_interview((command, how), world, detainer, law)
        }
        "Raise a claim" | "Resolve a claim" => {
            let (side, open) = how.split_once(", ").unwrap_or((how, ""));
            let side = if side == "issuer" { ISSUER } else { CUSTODIAN };
            let raise = CaseCommand::RaiseCitizenshipClaim { detainer: detainer.clone(), claim: sample::claim() };
            if open == "one is open" {
                // Where none can be raised, none is open.
                let _raised = world.give(side, raise.clone(), law);
            }
            let (outcome, reason) = (ClaimOutcome::NotConfirmed, "no papers".to_owned());
            let resolve = CaseCommand::ResolveCitizenshipClaim { detainer, outcome, reason };
            (side, if command == "Raise a claim" { raise } else { resolve })
        }
        "Offer a window" => (CUSTODIAN, offer(&detainer, 100_000)),
        "Amend" => {
            let request = Box::new(sample::request(None));
            (ISSUER, CaseCommand::AmendDetainer { detainer, request })
        }
        "Withdraw" => (ISSUER, withdraw(&detainer)),
        "Release of the person" => (CUSTODIAN, release(custody)),
        "Closing of the custody" => (CUSTODIAN, close(custody)),
        "Reopening of the custody" => (CUSTODIAN, entered("ReopenCustody", custody)),
        "Move to another agency" => {
            // Where the custody has ended, nobody is offered.
            let _offered = world.give(CUSTODIAN, entered("MoveCustody: agency", custody), law);
            (NEXT, entered("AcceptMove", custody))
        }
        "Claim on another detainer of the custody" => {
            let other = world.pass("cbp", CaseCommand::LodgeDetainer(sample::request(Some(CUSTODIAN))), law);
            // Where the custody has ended nothing is matched to it any more, and no claim reaches what stood on it.
            let _matched = world.give(CUSTODIAN, matched(&other, custody), law);
            (CUSTODIAN, CaseCommand::RaiseCitizenshipClaim { detainer: other, claim: sample::claim() })
        }
        unknown => panic!("no command {unknown}"),
    }
}

/// A first service, where one can be recorded.
fn serve_before(world: &mut World, again: &CaseCommand, law: &LawView) {
    if let CaseCommand::RecordServiceOfCopy { detainer, service, .. } = again {
        let (detainer, service) = (detainer.clone(), service.clone());
        let first = CaseCommand::RecordServiceOfCopy { detainer, service, correction: None };
        let _served = world.give(CUSTODIAN, first, law);
    }
}

/// What a custodian enters of a custody, in a column.
pub(super) fn entered(column: &str, custody: &CaseName) -> CaseCommand {
    let (correction, custody) = (sample::correction(), custody.clone());
    match column {
        "ScheduleRelease" => CaseCommand::ScheduleRelease { custody, release: sample::scheduled() },
        "RescheduleRelease" => CaseCommand::RescheduleRelease { custody, release: sample::scheduled() },
        "CancelRelease" => CaseCommand::CancelRelease { custody, reason: None, other_ground: None },
        "RecordRelease" => release(&custody),
        "RecordRelease: to the requesting agency" => handing_over(&custody, None),
        "RecordRelease: to the requesting agency, correction" => handing_over(&custody, Some(correction)),
        "RecordRelease: correction" => CaseCommand::RecordRelease {
            custody,
            release: sample::released(),
            correction: Some(correction),
            to: HandedTo::default(),
        },
        "CloseCustody" => close(&custody),
        "ReopenCustody" | "ReopenCustody: its booking number is in use" => {
            CaseCommand::ReopenCustody { custody, correction }
        }
        "CorrectIdentity: to a booking number in use" => {
            let identity = Box::new(Identity { subject: booked("2026-2").subject, flags: Flags::default() });
            CaseCommand::CorrectIdentity { custody, identity, correction }
        }
        "ExpungeCustody" => {
            CaseCommand::ExpungeCustody { custody, order: sample::expungement_order(), covers_undisclosed: false }
        }
        "RecordReleaseEligibility" => {
            CaseCommand::RecordReleaseEligibility { custody, eligibility: sample::eligibility() }
        }
        "UpdateCharges" => CaseCommand::UpdateCharges { custody, charges: Vec::new(), other_ground: None },
        "AcceptMove" => sample::taking_over(custody),
        "AcceptMove: to a booking number in use" => {
            let CaseCommand::AcceptMove { acceptance, .. } = sample::taking_over(custody.clone()) else { panic!() };
            let booking_number = Some("2026-2".parse().unwrap());
            CaseCommand::AcceptMove { custody, acceptance: MoveAcceptance { booking_number, ..acceptance } }
        }
        "DeclineMove" => CaseCommand::DeclineMove { custody, reason: MoveDeclineReason::NotReceived },
        "WithdrawMove" => CaseCommand::WithdrawMove { custody },
        "CorrectIdentity" => {
            let identity = Box::new(Identity { subject: sample::subject(), flags: Flags::default() });
            CaseCommand::CorrectIdentity { custody, identity, correction }
        }
        moved => {
            let kind: MovementKind = moved.strip_prefix("MoveCustody: ").unwrap().parse().unwrap();
            sample::moving(custody, kind, NEXT)
        }
    }
}

/// A transfer in the state of a row, reached by commands. With none yet, a name that nothing bears.
pub(super) fn transfer_in(row: &str, law: &LawView) -> (World, TransferName) {
    let (mut world, detainer, custody) = detainer_in("hold-honored", law);
    let mut name = TransferName { detainer: detainer.clone(), id: Uuid::from_u128(1) };
    if row != "none yet" {
        world.pass(CUSTODIAN, offer(&detainer, 1_000), law);
        name.id = world.detainer(&detainer).unwrap().transfers.last().unwrap().id;
    }
    let transfer = || name.clone();
    let accept = || (ISSUER, CaseCommand::AcceptWindow { transfer: transfer() });
    let confirm = |side| {
        (side, CaseCommand::ConfirmTransfer { transfer: transfer(), occurred_at: sample::start(), reason: None })
    };
    let decline = || CaseCommand::DeclineWindow { transfer: transfer(), reason: WindowDeclineReason::Time };
    let fail = || CaseCommand::ReportFailure { transfer: transfer(), cause: TransferFailureCause::Other };
    let way = match state_of(row) {
        "none yet" | "offered" => vec![],
        // The release is advanced below.
        "accepted" | "reopened" => vec![accept()],
        "declined" => vec![(ISSUER, decline())],
        "handed-over" => vec![accept(), confirm(CUSTODIAN)],
        "taken-over" => vec![accept(), confirm(ISSUER)],
        "completed" => vec![accept(), confirm(ISSUER), confirm(CUSTODIAN)],
        "failed" => vec![(CUSTODIAN, fail())],
        "proposed" => vec![accept(), (ISSUER, revise(&name, sample::window(999)))],
        "withdrawn" => vec![accept(), (CUSTODIAN, take_off(&name, WindowDeclineReason::Resources))],
        unknown => panic!("no way to a transfer {unknown}"),
    };
    for (caller, command) in way {
        world.pass(caller, command, law);
    }
    if state_of(row) == "reopened" {
        advance_the_release(&mut world, &custody);
    }
    if row.ends_with("detainer withdrawn") {
        world.pass(ISSUER, withdraw(&detainer), law);
    }
    if row.ends_with("window closed") {
        world.now = sample::start().checked_add(SignedDuration::from_mins(1_000)).unwrap();
    }
    (world, name)
}

/// A release that its issuer is told of, and then told that it is before the window.
fn advance_the_release(world: &mut World, custody: &CaseName) {
    let telling = sample::law(Ruling::Must, Ruling::Must, FieldClasses::all());
    let custody = custody.clone();
    let schedule = CaseCommand::ScheduleRelease { custody: custody.clone(), release: sample::scheduled() };
    world.pass(CUSTODIAN, schedule, &telling);
    let release = ScheduledRelease { expected_at: sample::happened_at(), ..sample::scheduled() };
    world.pass(CUSTODIAN, CaseCommand::RescheduleRelease { custody, release }, &telling);
}

fn revise(transfer: &TransferName, window: TransferWindow) -> CaseCommand {
    CaseCommand::ReviseWindow { transfer: transfer.clone(), window, reason: None }
}

fn take_off(transfer: &TransferName, reason: WindowDeclineReason) -> CaseCommand {
    CaseCommand::WithdrawWindow { transfer: transfer.clone(), reason }
}

/// What a side says of a transfer in a column. `window` is the one that stands.
pub(super) fn picked_up(
    column: &str,
    transfer: &TransferName,
    window: &TransferWindow,
) -> Vec<(&'static str, CaseCommand)> {
    let (command, how) = column.split_once(": ").unwrap_or((column, ""));
    let transfer = transfer.clone();
    let (how, side) = how.split_once(", ").unwrap_or((how, how));
    let side = if side.ends_with("issuer") { ISSUER } else { CUSTODIAN };
    let causes = match how {
        "no-show" => vec![TransferFailureCause::NoShow],
        "not-produced" => vec![TransferFailureCause::NotProduced],
        _ => vec![TransferFailureCause::Resources, TransferFailureCause::Refused, TransferFailureCause::Other],
    };
    match command {
        "OfferWindow" if how == "already past" => vec![(CUSTODIAN, offer(&transfer.detainer, 0))],
        "OfferWindow" => vec![(CUSTODIAN, offer(&transfer.detainer, 100_000))],
        "AcceptWindow" => vec![(ISSUER, CaseCommand::AcceptWindow { transfer })],
        "DeclineWindow" => {
            vec![(ISSUER, CaseCommand::DeclineWindow { transfer, reason: WindowDeclineReason::Place })]
        }
        "ReviseWindow" if how == "the same window" => vec![(side, revise(&transfer, window.clone()))],
        "ReviseWindow" => vec![(side, revise(&transfer, sample::window(100_000)))],
        "WithdrawWindow" if how == "no longer sought" => {
            vec![(side, take_off(&transfer, WindowDeclineReason::NoLongerSought))]
        }
        "WithdrawWindow" => vec![(side, take_off(&transfer, WindowDeclineReason::Resources))],
        "ConfirmTransfer" => {
            vec![(side, CaseCommand::ConfirmTransfer { transfer, occurred_at: sample::start(), reason: None })]
        }
        "ReportFailure" => {
            let fail = |cause| (side, CaseCommand::ReportFailure { transfer: transfer.clone(), cause });
            causes.into_iter().map(fail).collect()
        }
        unknown => panic!("no command {unknown}"),
    }
}

/// The stay of the samples, with a booking number.
pub(super) fn booked(number: &str) -> Intake {
    let mut intake = sample::intake();
    intake.subject.identifiers.booking_number = Some(number.parse().unwrap());
    intake
}

pub(super) fn matched(detainer: &CaseName, custody: &CaseName) -> CaseCommand {
    found(detainer, Finding::MatchedCustody, Some(custody))
}

pub(super) fn found(detainer: &CaseName, finding: Finding, custody: Option<&CaseName>) -> CaseCommand {
    let acknowledgement = sample::found(finding, custody);
    CaseCommand::AcknowledgeDetainer { detainer: detainer.clone(), acknowledgement, correction: None }
}

fn duplicate(detainer: &CaseName, other: &CaseName, correction: Option<Correction>) -> CaseCommand {
    let found = sample::found(Finding::Duplicate, None);
    let acknowledgement = Acknowledgement { duplicate_of: Some(other.clone()), ..found };
    CaseCommand::AcknowledgeDetainer { detainer: detainer.clone(), acknowledgement, correction }
}

pub(super) fn answered(detainer: &CaseName, kind: AnswerKind) -> CaseCommand {
    CaseCommand::AnswerDetainer { detainer: detainer.clone(), answer: sample::answer(kind), correction: None }
}

fn offer(detainer: &CaseName, open_mins: i64) -> CaseCommand {
    CaseCommand::OfferWindow { detainer: detainer.clone(), window: sample::window(open_mins), reason: None }
}

pub(super) fn withdraw(detainer: &CaseName) -> CaseCommand {
    CaseCommand::WithdrawDetainer { detainer: detainer.clone(), reason: LiftReason::CaseClosed }
}

pub(super) fn release(custody: &CaseName) -> CaseCommand {
    CaseCommand::RecordRelease {
        custody: custody.clone(),
        release: sample::released(),
        correction: None,
        to: HandedTo::default(),
    }
}

fn handing_over(custody: &CaseName, correction: Option<Correction>) -> CaseCommand {
    let release = ActualRelease { recipient: ReleaseRecipient::RequestingAgency, ..sample::released() };
    CaseCommand::RecordRelease { custody: custody.clone(), release, correction, to: HandedTo::default() }
}

fn close(custody: &CaseName) -> CaseCommand {
    CaseCommand::CloseCustody { custody: custody.clone(), closing: sample::closing(), other_ground: None }
}
