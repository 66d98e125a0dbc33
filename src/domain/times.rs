//! The bounds of every time and day that a command asserts. docs/times.md has the same as a table, which a test runs
//! row by row.
//!
//! A claim of when something happened is accepted only if it is possible: nothing has happened in the future, nobody is
//! released before intake, nobody is convicted before birth. Otherwise what depends on such a time (the end of a
//! detainer, an alarm, a lead time) would be nonsense.

mod references;
mod skew;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use skew::SKEW;

use crate::domain::case::Case;
use crate::domain::charge::Charge;
use crate::domain::command::CaseCommand;
use crate::domain::custody::{Intake, ScheduledRelease};
use crate::domain::detainer::Request;
use crate::domain::partial_date::PartialDate;
use crate::domain::subject::Subject;
use crate::domain::times::references::{MomentOrDay, Reference, References};
use crate::domain::times::skew::later;
use crate::domain::warrant::WarrantVerification;

/// A field with an impossible time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpossibleTime {
    /// Its path in the request.
    pub field: String,
    /// What it must be. Never repeats the value.
    pub expected: &'static str,
}

/// A bound of a time, relative to a reference time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    NoEarlier(Reference),
    NoLater(Reference),
    After(Reference),
}

use Bound::{After, NoEarlier, NoLater};

/// Checks every time and day that a command asserts against its bounds.
///
/// INVARIANT: every time and day of a request is here, or is one that nobody asserts; a test walks the contract.
///
/// The bounds for an issuer depend only on its own request, on what both sides know, and on the clock. A refusal MUST
/// NOT reveal what was not disclosed to it.
#[expect(clippy::too_many_lines, reason = "one arm a command, and each a line or few: the list is the table")]
fn check_all(check: &mut TimeCheck, command: &CaseCommand) {
    match command {
        CaseCommand::LodgeDetainer(request) => {
            check.moment(
                "detainer.occurred_at",
                request.occurred_at,
                &[NoLater(Reference::Now), NoEarlier(Reference::Birth), NoEarlier(Reference::Signature)],
            );
            check_request(check, request);
        }
        CaseCommand::AmendDetainer { request, .. } => {
            // A warrant that was signed later may be attached to an earlier request.
            check.moment(
                "detainer.occurred_at",
                request.occurred_at,
                &[NoLater(Reference::Now), NoEarlier(Reference::Birth)],
            );
            check_request(check, request);
        }
        CaseCommand::AcknowledgeDetainer { acknowledgement, .. } => {
            let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Request), NoEarlier(Reference::Intake)];
            check.moment("acknowledgement.occurred_at", acknowledgement.occurred_at, &bounds);
            let bounds = [After(Reference::Now), NoLater(Reference::Year)];
            check.day("acknowledgement.ask_again_until", acknowledgement.ask_again_until, &bounds);
        }
        CaseCommand::AnswerDetainer { answer, .. } => {
            check.moment(
                "answer.occurred_at",
                answer.occurred_at,
                &[NoLater(Reference::Now), NoEarlier(Reference::Request)],
            );
        }
        CaseCommand::VerifyWarrant { verification, .. } => check_verification(check, verification),
        CaseCommand::RecordServiceOfCopy { service, .. } => check.moment(
            "service_of_copy.served_at",
            Some(service.served_at),
            &[NoLater(Reference::Now), NoEarlier(Reference::Request), NoEarlier(Reference::Intake)],
        ),
        CaseCommand::RaiseCitizenshipClaim { claim, .. } => {
            check.moment("occurred_at", claim.occurred_at, &[NoLater(Reference::Now), NoEarlier(Reference::Birth)]);
        }
        CaseCommand::RequestInterview { request, .. } => {
            check.moment("interview.proposed_at", request.proposed_at, &[After(Reference::Now)]);
        }
        CaseCommand::AnswerInterview { answer, .. } => {
            let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Request), NoEarlier(Reference::Intake)];
            let advised_at = answer.advisal.as_ref().map(|advisal| advisal.advised_at);
            check.moment("answer.advisal.advised_at", advised_at, &bounds);
            check.moment("answer.starts_at", answer.starts_at, &[After(Reference::Now)]);
        }
        CaseCommand::OpenCustody(intake) => check_intake(check, intake),
        CaseCommand::UpdateCharges { charges, .. } => check_charges(check, "charges", charges),
        CaseCommand::CorrectIdentity { identity, .. } => {
            let bounds = [NoLater(Reference::Entry), NoLater(Reference::FirstCharge)];
            check.birth_date("subject.birth_date", &identity.subject, &bounds);
        }
        CaseCommand::MoveCustody { occurred_at, .. } => {
            let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Intake), NoEarlier(Reference::Movement)];
            check.moment("movement.occurred_at", *occurred_at, &bounds);
        }
        CaseCommand::OfferMove { proposal, .. } => {
            // It may be entered late, while the person is on the way.
            let bounds = [NoEarlier(Reference::Intake), NoEarlier(Reference::Movement)];
            check.moment("planned_at", Some(proposal.planned_at), &bounds);
        }
        CaseCommand::AcceptMove { acceptance, .. } => {
            let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Intake), NoEarlier(Reference::Movement)];
            check.moment("occurred_at", Some(acceptance.occurred_at), &bounds);
        }
        CaseCommand::ScheduleRelease { release, .. } | CaseCommand::RescheduleRelease { release, .. } => {
            check_scheduled(check, release);
        }
        CaseCommand::RecordReleaseEligibility { eligibility, .. } => {
            check.day("eligibility.eligible_on", Some(eligibility.eligible_on), &[NoEarlier(Reference::Birth)]);
            let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Birth)];
            check.moment("eligibility.as_of", eligibility.as_of, &bounds);
        }
        CaseCommand::RecordRelease { release, .. } => check.moment(
            "release.released_at",
            Some(release.released_at),
            &[
                NoLater(Reference::Now),
                NoEarlier(Reference::Entry),
                NoEarlier(Reference::Movement),
                NoEarlier(Reference::HandOver),
            ],
        ),
        CaseCommand::CloseCustody { closing, .. } => check.moment(
            "closing.occurred_at",
            Some(closing.occurred_at),
            &[NoLater(Reference::Now), NoEarlier(Reference::Entry), NoEarlier(Reference::Movement)],
        ),
        CaseCommand::OfferWindow { window, .. } | CaseCommand::ReviseWindow { window, .. } => {
            check.moment("window.opens_at", Some(window.opens_at), &[NoEarlier(Reference::Intake)]);
            check.moment(
                "window.closes_at",
                Some(window.closes_at),
                &[After(Reference::Now), After(Reference::Opening)],
            );
        }
        CaseCommand::ConfirmTransfer { occurred_at, .. } => {
            check.moment("occurred_at", Some(*occurred_at), &[NoLater(Reference::Now), NoEarlier(Reference::Offer)]);
        }
        CaseCommand::MeetObligation { evidence, .. } => {
            let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Request)];
            check.moment("evidence.met_at", Some(evidence.met_at), &bounds);
        }
        CaseCommand::IssueAppeal(issue) => check.moment("appeal.due_at", Some(issue.due_at), &[After(Reference::Now)]),
        CaseCommand::AnswerAppeal { answer, .. } => {
            check.moment(
                "answer.occurred_at",
                answer.occurred_at,
                &[NoLater(Reference::Now), NoEarlier(Reference::Appeal)],
            );
        }
        CaseCommand::WithdrawInterview { .. }
        | CaseCommand::ResolveCitizenshipClaim { .. }
        | CaseCommand::WithdrawDetainer { .. }
        | CaseCommand::DeclineMove { .. }
        | CaseCommand::WithdrawMove { .. }
        | CaseCommand::CancelRelease { .. }
        | CaseCommand::ReopenCustody { .. }
        | CaseCommand::ExpungeCustody { .. }
        | CaseCommand::AcceptWindow { .. }
        | CaseCommand::DeclineWindow { .. }
        | CaseCommand::WithdrawWindow { .. }
        | CaseCommand::ResolveReview { .. }
        | CaseCommand::ReportFailure { .. }
        | CaseCommand::BarAppeal { .. } => {}
    }
}

fn check_request(check: &mut TimeCheck, request: &Request) {
    let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Birth)];
    check.moment("detainer.warrant.signed_at", request.warrant.signed_at, &bounds);
    check.day("detainer.warrant.expires_on", request.warrant.expires_on, &[NoEarlier(Reference::Signature)]);
    check.birth_date("detainer.subject.birth_date", &request.subject, &[NoLater(Reference::Now)]);
    check_charges(check, "detainer.charges", &request.charges);
}

fn check_verification(check: &mut TimeCheck, verification: &WarrantVerification) {
    let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Request), NoEarlier(Reference::Signature)];
    check.moment("verification.occurred_at", verification.occurred_at, &bounds);
    let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Birth)];
    check.moment("verification.seen.signed_at", verification.seen.signed_at, &bounds);
    check.day("verification.seen.expires_on", verification.seen.expires_on, &[NoEarlier(Reference::Signature)]);
}

fn check_intake(check: &mut TimeCheck, intake: &Intake) {
    check.moment("custody.occurred_at", intake.occurred_at, &[NoLater(Reference::Now), NoEarlier(Reference::Birth)]);
    check.birth_date("custody.subject.birth_date", &intake.subject, &[NoLater(Reference::Now)]);
    check_charges(check, "custody.charges", &intake.charges);
}

/// An expected release may already be overdue when it is entered, so the past is no bound.
fn check_scheduled(check: &mut TimeCheck, release: &ScheduledRelease) {
    check.moment("release.expected_at", Some(release.expected_at), &[NoEarlier(Reference::Intake)]);
    check.moment("release.as_of", release.as_of, &[NoLater(Reference::Now), NoEarlier(Reference::Birth)]);
}

fn check_charges(check: &mut TimeCheck, list: &str, charges: &[Charge]) {
    for (at, charge) in charges.iter().enumerate() {
        check.references.charge = charge.charged_on.filter(|day| *day <= check.today());
        let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Birth)];
        check.day(&format!("{list}[{at}].charged_on"), charge.charged_on, &bounds);
        let bounds = [NoLater(Reference::Now), NoEarlier(Reference::Birth), NoEarlier(Reference::Charge)];
        check.day(&format!("{list}[{at}].convicted_on"), charge.convicted_on, &bounds);
    }
}

/// The impossible times and days of a command. Days are counted in `zone`, the jurisdiction's zone.
pub fn impossible_times(command: &CaseCommand, case: &Case, now: Timestamp, zone: TimeZone) -> Vec<ImpossibleTime> {
    let mut check = TimeCheck { references: References::of(command, case, now, &zone), zone, faults: Vec::new() };
    check_all(&mut check, command);
    check.faults
}

/// The check of one command's times.
struct TimeCheck {
    references: References,
    zone: TimeZone,
    faults: Vec<ImpossibleTime>,
}

impl TimeCheck {
    /// Today, as far as an agency's clock may be ahead of ours.
    fn today(&self) -> Date {
        self.zone.to_datetime(later(self.references.now)).date()
    }

    fn moment(&mut self, field: &str, asserted: Option<Timestamp>, bounds: &[Bound]) {
        self.check(field, asserted.map(MomentOrDay::Moment), bounds);
    }

    fn day(&mut self, field: &str, asserted: Option<Date>, bounds: &[Bound]) {
        self.check(field, asserted.map(MomentOrDay::Day), bounds);
    }

    /// A partly known birth date is impossible only if every reading of it is.
    fn birth_date(&mut self, field: &str, subject: &Subject, bounds: &[Bound]) {
        self.day(field, subject.birth_date.map(PartialDate::earliest), bounds);
    }

    /// Names the first broken bound.
    fn check(&mut self, field: &str, asserted: Option<MomentOrDay>, bounds: &[Bound]) {
        let Some(asserted) = asserted else { return };
        if let Some(broken) = bounds.iter().find(|bound| !self.satisfies(asserted, **bound)) {
            self.faults.push(ImpossibleTime { field: field.to_owned(), expected: broken.expected() });
        }
    }

    fn satisfies(&self, asserted: MomentOrDay, bound: Bound) -> bool {
        let (NoEarlier(reference) | NoLater(reference) | After(reference)) = bound;
        let Some(at) = self.references.point(reference) else { return true };
        match (bound, at) {
            (NoLater(Reference::Now), MomentOrDay::Moment(now)) => {
                !self.precedes(MomentOrDay::Moment(later(now)), asserted)
            }
            (NoLater(_), _) => !self.precedes(at, asserted),
            (NoEarlier(_), _) => !self.precedes(asserted, at),
            (After(_), _) => self.precedes(at, asserted),
        }
    }

    /// If either is a whole day, days are compared.
    fn precedes(&self, one: MomentOrDay, other: MomentOrDay) -> bool {
        match (one, other) {
            (MomentOrDay::Moment(one), MomentOrDay::Moment(other)) => one < other,
            (MomentOrDay::Day(_), _) | (_, MomentOrDay::Day(_)) => self.day_of(one) < self.day_of(other),
        }
    }

    fn day_of(&self, point: MomentOrDay) -> Date {
        match point {
            MomentOrDay::Moment(at) => self.zone.to_datetime(at).date(),
            MomentOrDay::Day(day) => day,
        }
    }
}

impl Bound {
    /// The expectation in words. They reveal neither the asserted value nor what is on record.
    fn expected(self) -> &'static str {
        match self {
            NoLater(Reference::Now) => "no later than now",
            After(Reference::Now) => "to come",
            NoLater(Reference::Year) => "no more than 366 days ahead",
            NoLater(_) => "no later than the intake, and than every charge, on record",
            NoEarlier(reference) | After(reference) => reference.no_earlier(),
        }
    }
}
