//! The bounds of every time and day that a command asserts. The same as a table: docs/times.md, which a test runs row by
//! row.
//!
//! Whoever says when something happened is not believed beyond what can be: nothing has happened that is yet to come,
//! nobody is released before they were taken in, nobody is convicted before they were born. What turns on such a time
//! (the end of a detainer, an alarm, a lead time) would come to nonsense otherwise.

mod marks;
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
use crate::domain::times::marks::{Mark, Marks, Point};
use crate::domain::times::skew::later;
use crate::domain::warrant::WarrantVerification;

/// A field that says what cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impossible {
    /// Its path in the request.
    pub field: String,
    /// What it must be. Never what it was.
    pub expected: &'static str,
}

/// On which side of a mark a time must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    NoEarlier(Mark),
    NoLater(Mark),
    After(Mark),
}

use Bound::{After, NoEarlier, NoLater};

/// Gives, for each command, what it asserts with the bounds of it. INVARIANT: every time and day of a request is here or is
/// none that anybody asserts; a test walks the contract.
///
/// The bounds of what an issuer says turn on nothing but its own request, what both sides know, and the clock: a refusal
/// must not tell it what it was not told.
#[expect(clippy::too_many_lines, reason = "one arm a command, and each a line or few: the list is the table")]
fn assert_all(held: &mut Held, command: &CaseCommand) {
    match command {
        CaseCommand::LodgeDetainer(request) => {
            held.moment(
                "detainer.occurred_at",
                request.occurred_at,
                &[NoLater(Mark::Now), NoEarlier(Mark::Birth), NoEarlier(Mark::Signature)],
            );
            asked(held, request);
        }
        CaseCommand::AmendDetainer { request, .. } => {
            // A warrant that was signed since may be attached to a request that was made before.
            held.moment("detainer.occurred_at", request.occurred_at, &[NoLater(Mark::Now), NoEarlier(Mark::Birth)]);
            asked(held, request);
        }
        CaseCommand::AcknowledgeDetainer { acknowledgement, .. } => {
            let bounds = [NoLater(Mark::Now), NoEarlier(Mark::Request), NoEarlier(Mark::Intake)];
            held.moment("acknowledgement.occurred_at", acknowledgement.occurred_at, &bounds);
        }
        CaseCommand::AnswerDetainer { answer, .. } => {
            held.moment("answer.occurred_at", answer.occurred_at, &[NoLater(Mark::Now), NoEarlier(Mark::Request)]);
        }
        CaseCommand::VerifyWarrant { verification, .. } => looked_into(held, verification),
        CaseCommand::RecordServiceOfCopy { service, .. } => held.moment(
            "service_of_copy.served_at",
            Some(service.served_at),
            &[NoLater(Mark::Now), NoEarlier(Mark::Request), NoEarlier(Mark::Intake)],
        ),
        CaseCommand::RaiseCitizenshipClaim { claim, .. } => {
            held.moment("occurred_at", claim.occurred_at, &[NoLater(Mark::Now), NoEarlier(Mark::Birth)]);
        }
        CaseCommand::OpenCustody(intake) => taken_in(held, intake),
        CaseCommand::UpdateCharges { charges, .. } => charged(held, "charges", charges),
        CaseCommand::CorrectIdentity { identity, .. } => {
            let bounds = [NoLater(Mark::Entry), NoLater(Mark::FirstCharge)];
            held.born("subject.birth_date", &identity.subject, &bounds);
        }
        CaseCommand::MoveCustody { movement, .. } => {
            let bounds = [NoLater(Mark::Now), NoEarlier(Mark::Intake), NoEarlier(Mark::Movement)];
            held.moment("movement.occurred_at", movement.occurred_at, &bounds);
        }
        CaseCommand::ScheduleRelease { release, .. } | CaseCommand::RescheduleRelease { release, .. } => {
            expected(held, release);
        }
        CaseCommand::RecordRelease { release, .. } => held.moment(
            "release.released_at",
            Some(release.released_at),
            &[NoLater(Mark::Now), NoEarlier(Mark::Entry), NoEarlier(Mark::Movement), NoEarlier(Mark::HandOver)],
        ),
        CaseCommand::CloseCustody { closing, .. } => held.moment(
            "closing.occurred_at",
            Some(closing.occurred_at),
            &[NoLater(Mark::Now), NoEarlier(Mark::Entry), NoEarlier(Mark::Movement)],
        ),
        CaseCommand::OfferWindow { window, .. } => {
            held.moment("window.opens_at", Some(window.opens_at), &[NoEarlier(Mark::Intake)]);
            held.moment("window.closes_at", Some(window.closes_at), &[After(Mark::Now), After(Mark::Opening)]);
        }
        CaseCommand::ConfirmTransfer { occurred_at, .. } => {
            held.moment("occurred_at", Some(*occurred_at), &[NoLater(Mark::Now), NoEarlier(Mark::Offer)]);
        }
        CaseCommand::MeetObligation { evidence, .. } => {
            let bounds = [NoLater(Mark::Now), NoEarlier(Mark::Request)];
            held.moment("evidence.met_at", Some(evidence.met_at), &bounds);
        }
        CaseCommand::IssueAppeal(issue) => held.moment("appeal.due_at", Some(issue.due_at), &[After(Mark::Now)]),
        CaseCommand::AnswerAppeal { answer, .. } => {
            held.moment("answer.occurred_at", answer.occurred_at, &[NoLater(Mark::Now), NoEarlier(Mark::Appeal)]);
        }
        CaseCommand::ResolveCitizenshipClaim { .. }
        | CaseCommand::WithdrawDetainer { .. }
        | CaseCommand::CancelRelease { .. }
        | CaseCommand::ReopenCustody { .. }
        | CaseCommand::AcceptWindow { .. }
        | CaseCommand::DeclineWindow { .. }
        | CaseCommand::ResolveReview { .. }
        | CaseCommand::ReportFailure { .. }
        | CaseCommand::BarAppeal { .. } => {}
    }
}

fn asked(held: &mut Held, request: &Request) {
    let bounds = [NoLater(Mark::Now), NoEarlier(Mark::Birth)];
    held.moment("detainer.warrant.signed_at", request.warrant.signed_at, &bounds);
    held.day("detainer.warrant.expires_on", request.warrant.expires_on, &[NoEarlier(Mark::Signature)]);
    held.born("detainer.subject.birth_date", &request.subject, &[NoLater(Mark::Now)]);
    charged(held, "detainer.charges", &request.charges);
}

fn looked_into(held: &mut Held, verification: &WarrantVerification) {
    let bounds = [NoLater(Mark::Now), NoEarlier(Mark::Request), NoEarlier(Mark::Signature)];
    held.moment("verification.occurred_at", verification.occurred_at, &bounds);
    let bounds = [NoLater(Mark::Now), NoEarlier(Mark::Birth)];
    held.moment("verification.seen.signed_at", verification.seen.signed_at, &bounds);
    held.day("verification.seen.expires_on", verification.seen.expires_on, &[NoEarlier(Mark::Signature)]);
}

fn taken_in(held: &mut Held, intake: &Intake) {
    held.moment("custody.occurred_at", intake.occurred_at, &[NoLater(Mark::Now), NoEarlier(Mark::Birth)]);
    held.born("custody.subject.birth_date", &intake.subject, &[NoLater(Mark::Now)]);
    charged(held, "custody.charges", &intake.charges);
}

/// A release that is expected may be overdue when it is entered: the past is no bound.
fn expected(held: &mut Held, release: &ScheduledRelease) {
    held.moment("release.expected_at", Some(release.expected_at), &[NoEarlier(Mark::Intake)]);
    held.moment("release.as_of", release.as_of, &[NoLater(Mark::Now), NoEarlier(Mark::Birth)]);
}

fn charged(held: &mut Held, list: &str, charges: &[Charge]) {
    for (at, charge) in charges.iter().enumerate() {
        held.marks.charge = charge.charged_on.filter(|day| *day <= held.today());
        let bounds = [NoLater(Mark::Now), NoEarlier(Mark::Birth)];
        held.day(&format!("{list}[{at}].charged_on"), charge.charged_on, &bounds);
        let bounds = [NoLater(Mark::Now), NoEarlier(Mark::Birth), NoEarlier(Mark::Charge)];
        held.day(&format!("{list}[{at}].convicted_on"), charge.convicted_on, &bounds);
    }
}

/// Every time and day of a command that cannot be. `zone` is that of the jurisdiction, in which days are counted.
pub fn impossible(command: &CaseCommand, case: &Case, now: Timestamp, zone: TimeZone) -> Vec<Impossible> {
    let mut held = Held { marks: Marks::of(command, case, now, &zone), zone, faults: Vec::new() };
    assert_all(&mut held, command);
    held.faults
}

/// A command whose times are being held against their marks.
struct Held {
    marks: Marks,
    zone: TimeZone,
    faults: Vec<Impossible>,
}

impl Held {
    /// As far as the clock of an agency may be ahead of ours.
    fn today(&self) -> Date {
        self.zone.to_datetime(later(self.marks.now)).date()
    }

    fn moment(&mut self, field: &str, said: Option<Timestamp>, bounds: &[Bound]) {
        self.hold(field, said.map(Point::Moment), bounds);
    }

    fn day(&mut self, field: &str, said: Option<Date>, bounds: &[Bound]) {
        self.hold(field, said.map(Point::Day), bounds);
    }

    /// A birth of which little is known is impossible only where every reading is.
    fn born(&mut self, field: &str, subject: &Subject, bounds: &[Bound]) {
        self.day(field, subject.birth_date.map(PartialDate::earliest), bounds);
    }

    /// The first bound that is broken is named.
    fn hold(&mut self, field: &str, said: Option<Point>, bounds: &[Bound]) {
        let Some(said) = said else { return };
        if let Some(broken) = bounds.iter().find(|bound| !self.keeps(said, **bound)) {
            self.faults.push(Impossible { field: field.to_owned(), expected: broken.expected() });
        }
    }

    fn keeps(&self, said: Point, bound: Bound) -> bool {
        let (NoEarlier(mark) | NoLater(mark) | After(mark)) = bound;
        let Some(at) = self.marks.point(mark) else { return true };
        match (bound, at) {
            (NoLater(Mark::Now), Point::Moment(now)) => !self.precedes(Point::Moment(later(now)), said),
            (NoLater(_), _) => !self.precedes(at, said),
            (NoEarlier(_), _) => !self.precedes(said, at),
            (After(_), _) => self.precedes(at, said),
        }
    }

    /// Days are compared where either is no more than one.
    fn precedes(&self, one: Point, other: Point) -> bool {
        match (one, other) {
            (Point::Moment(one), Point::Moment(other)) => one < other,
            (Point::Day(_), _) | (_, Point::Day(_)) => self.day_of(one) < self.day_of(other),
        }
    }

    fn day_of(&self, point: Point) -> Date {
        match point {
            Point::Moment(at) => self.zone.to_datetime(at).date(),
            Point::Day(day) => day,
        }
    }
}

impl Bound {
    /// In words that say nothing of what was said, nor of what is on record.
    fn expected(self) -> &'static str {
        match self {
            NoLater(Mark::Now) => "no later than now",
            After(Mark::Now) => "to come",
            NoLater(_) => "no later than the intake, and than every charge, on record",
            NoEarlier(mark) | After(mark) => mark.no_earlier(),
        }
    }
}
