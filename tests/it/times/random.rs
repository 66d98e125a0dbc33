//! Random times against the table: what the table says, said once more in another way, is what the domain holds.

use comity::domain::case::Case;
use comity::domain::charge::Charge;
use comity::domain::command::CaseCommand;
use comity::domain::custody::{
    Custody, Destination, Identity, Intake, MoveAcceptance, MoveProposal, Movement, Place, ReleaseEligibility,
};
use comity::domain::detainer::{AnswerKind, Detainer, Finding, Request};
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::CaseName;
use comity::domain::interview::{InterviewOutcome, InterviewRequest};
use comity::domain::obligation::{Evidence, ObligationName};
use comity::domain::partial_date::PartialDate;
use comity::domain::service::ServiceOfCopy;
use comity::domain::subject::{Flags, Subject};
use comity::domain::times::impossible_times;
use comity::domain::transfer::{Transfer, TransferName, TransferState, TransferWindow};
use comity::domain::warrant::{Warrant, WarrantVerification};
use fastrand::Rng;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use uuid::Uuid;

use crate::flood::told;
use crate::sample;
use crate::times::table::{Row, rows};

const NOW: i64 = 1_772_000_000;
const SKEW: i64 = 300;

/// What stands on record, and what a request says beside the time that is looked at.
#[derive(Debug, Clone)]
struct Record {
    birth: Option<PartialDate>,
    signature: Option<i64>,
    charge: Option<Date>,
    recorded_on: Option<Date>,
    asked: Option<i64>,
    lodged: i64,
    taken_in: Option<i64>,
    opened: i64,
    moved: Option<i64>,
    handed_over: Option<i64>,
    offered: i64,
    opening: i64,
}

fn zone() -> TimeZone {
    TimeZone::get("America/New_York").unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn day_of(seconds: i64) -> Date {
    at(seconds).to_zoned(zone()).date()
}

/// Near now, or anywhere.
fn seconds(rng: &mut Rng) -> i64 {
    match rng.u8(..4) {
        0 => NOW + rng.i64(-400..400),
        1 => NOW + rng.i64(-400..400) * 3_600,
        2 => rng.i64(0..NOW),
        _ => rng.i64(0..4_102_444_800),
    }
}

fn day(rng: &mut Rng) -> Date {
    day_of(seconds(rng))
}

fn some<T>(rng: &mut Rng, draw: impl Fn(&mut Rng) -> T) -> Option<T> {
    (rng.u8(..4) > 0).then(|| draw(rng))
}

impl Record {
    fn drawn(rng: &mut Rng) -> Self {
        let birth = |rng: &mut Rng| {
            let born = day_of(rng.i64(0..NOW + 86_400)).to_string();
            born[..[4, 7, 10][rng.usize(..3)]].parse().unwrap()
        };
        let recorded = |rng: &mut Rng| NOW - rng.i64(0..2_000_000);
        Self {
            birth: some(rng, birth),
            signature: some(rng, seconds),
            charge: some(rng, day),
            recorded_on: some(rng, day),
            asked: some(rng, seconds),
            lodged: recorded(rng),
            taken_in: some(rng, seconds),
            opened: recorded(rng),
            moved: some(rng, seconds),
            handed_over: some(rng, seconds),
            offered: recorded(rng),
            opening: seconds(rng),
        }
    }

    /// A mark in seconds or as a day. None: nothing is held against it.
    fn mark(&self, mark: &str) -> Option<(Option<i64>, Date)> {
        let moment = |seconds: i64| Some((Some(seconds), day_of(seconds)));
        let possible = |seconds: &i64| *seconds <= NOW + SKEW;
        let a_possible = |day: &Date| *day <= day_of(NOW + SKEW);
        let taken_in = self.taken_in.filter(|said| *said <= self.opened + SKEW);
        match mark {
            "the birth" => Some((None, self.birth?.earliest())).filter(|(_, day)| a_possible(day)),
            "the charge" => Some((None, self.charge?)).filter(|(_, day)| a_possible(day)),
            "the first charge" => Some((None, self.recorded_on?)),
            "the signature" => moment(self.signature.filter(possible)?),
            "the request" => moment(self.asked.unwrap_or(i64::MAX).min(self.lodged - SKEW)),
            "the intake" => moment(taken_in?),
            "the end's intake" => moment(taken_in.unwrap_or(self.opened - SKEW)),
            "the movement" => moment(self.moved.filter(possible)?),
            "the hand-over" => moment(self.handed_over.filter(possible)?),
            "the offer" => moment(self.offered - SKEW),
            "the opening" => moment(self.opening),
            "a year from now" => Some((None, day_of(NOW + 366 * 86_400))),
            unknown => panic!("nothing is known of {unknown}"),
        }
    }
}

/// The time that a row is about: a moment or a day.
#[derive(Debug, Clone, Copy)]
enum Time {
    Moment(i64),
    Day(Date),
    Birth(PartialDate),
}

/// What the table says of a time.
fn expected(row: &Row, record: &Record, time: Time) -> bool {
    let (seconds, day) = match time {
        Time::Moment(seconds) => (Some(seconds), day_of(seconds)),
        Time::Day(day) => (None, day),
        Time::Birth(born) => (None, born.earliest()),
    };
    // Less than nothing, as days where one of them is no more than a day.
    let compared = |mark: (Option<i64>, Date)| match (seconds, mark.0) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => day.cmp(&mark.1),
    };
    let ends = ["released_at", "closing.occurred_at", "subject.birth_date"].iter().any(|end| row.field.ends_with(end));
    let known = |mark: &str| record.mark(if mark == "the intake" && ends { "the end's intake" } else { mark });
    let begun = row.not_before.iter().all(|(mark, later)| {
        let mark = if mark == "now" { Some((Some(NOW), day_of(NOW))) } else { known(mark) };
        mark.is_none_or(|mark| if *later { compared(mark).is_gt() } else { compared(mark).is_ge() })
    });
    let ended = row.not_after.iter().all(|mark| {
        let mark = if mark == "now" { Some((Some(NOW + SKEW), day_of(NOW + SKEW))) } else { known(mark) };
        mark.is_none_or(|mark| compared(mark).is_le())
    });
    begun && ended
}

fn subject(birth_date: Option<PartialDate>) -> Subject {
    Subject { birth_date, ..sample::subject() }
}

fn charges(charged_on: Option<Date>, convicted_on: Option<Date>) -> Vec<Charge> {
    vec![Charge { charged_on, convicted_on, ..sample::charge() }]
}

fn case(record: &Record) -> Case {
    let (detainer, custody) = (detainer_name(), custody_name());
    let request =
        Request { subject: subject(record.birth), occurred_at: record.asked.map(at), ..sample::request(Some("doccs")) };
    let mut detainer = Detainer::lodged(detainer, "us-ice".parse().unwrap(), request, at(record.lodged));
    let handed_over = record.handed_over;
    let state = if handed_over.is_some() { TransferState::HandedOver } else { TransferState::Offered };
    let offered = Transfer::offered(Uuid::nil(), sample::window(60), at(record.offered));
    detainer.transfers.push(Transfer { state, handed_over_at: handed_over.map(at), ..offered });
    let intake = Intake {
        subject: subject(record.birth),
        charges: charges(record.recorded_on, None),
        occurred_at: record.taken_in.map(at),
        ..sample::intake()
    };
    let mut custody = Custody::opened(custody, "us-ny-doccs".parse().unwrap(), intake, at(record.opened));
    let moved = |moved| Movement { to: Destination::Court, occurred_at: Some(at(moved)) };
    custody.movement = record.moved.map(moved);
    Case { detainer: Some(detainer), custody: Some(custody), ..Case::default() }
}

fn detainer_name() -> CaseName {
    CaseName::detainer(sample::jurisdiction(), Uuid::from_u128(1))
}

fn custody_name() -> CaseName {
    CaseName::custody(sample::jurisdiction(), Uuid::from_u128(2))
}

/// The command of a row that says the time.
#[expect(clippy::too_many_lines, reason = "one arm a method: the list is the function")]
fn command(row: &Row, record: &Record, time: Time) -> CaseCommand {
    let (detainer, custody) = (detainer_name(), custody_name());
    let moment = || if let Time::Moment(seconds) = time { at(seconds) } else { panic!("{time:?}") };
    let day = || if let Time::Day(day) = time { day } else { panic!("{time:?}") };
    let born = || if let Time::Birth(born) = time { born } else { panic!("{time:?}") };
    let field = row.field.rsplit('.').next().unwrap();
    let request = || Request {
        occurred_at: (field == "occurred_at").then(moment),
        warrant: Warrant {
            signed_at: if field == "signed_at" { Some(moment()) } else { record.signature.map(at) },
            expires_on: (field == "expires_on").then(day),
            ..sample::request(None).warrant
        },
        subject: subject(if field == "birth_date" { Some(born()) } else { record.birth }),
        charges: said_charges(field, record, &day),
        ..sample::request(Some("doccs"))
    };
    let expected = || comity::domain::custody::ScheduledRelease {
        expected_at: if field == "expected_at" { moment() } else { at(NOW) },
        as_of: (field == "as_of").then(moment),
        ..sample::scheduled()
    };
    match row.method.as_str() {
        "LodgeDetainer" => CaseCommand::LodgeDetainer(request()),
        "AmendDetainer" => CaseCommand::AmendDetainer { detainer, request: Box::new(request()) },
        "AcknowledgeDetainer" => {
            let mut acknowledgement = sample::found(Finding::MatchedCustody, Some(&custody));
            if field == "ask_again_until" {
                acknowledgement = sample::found(Finding::NotInCustody, None);
                acknowledgement.ask_again_until = Some(day());
            } else {
                acknowledgement.occurred_at = Some(moment());
            }
            CaseCommand::AcknowledgeDetainer { detainer, acknowledgement, correction: None }
        }
        "AnswerDetainer" => {
            let mut answer = sample::answer(AnswerKind::HonorHold);
            answer.occurred_at = Some(moment());
            CaseCommand::AnswerDetainer { detainer, answer, correction: None }
        }
        "VerifyWarrant" => {
            let seen = Warrant {
                signed_at: if field == "signed_at" { Some(moment()) } else { record.signature.map(at) },
                expires_on: (field == "expires_on").then(day),
                ..sample::request(None).warrant
            };
            let occurred_at = (field == "occurred_at").then(moment);
            let verification = Box::new(WarrantVerification { seen, occurred_at, ..sample::verification() });
            CaseCommand::VerifyWarrant { detainer, verification }
        }
        "RecordServiceOfCopy" => {
            let service = ServiceOfCopy { served_at: moment(), ..sample::service() };
            CaseCommand::RecordServiceOfCopy { detainer, service, correction: None }
        }
        "RequestInterview" => {
            let request = InterviewRequest { proposed_at: Some(moment()), ..sample::interview_request() };
            CaseCommand::RequestInterview { detainer, request }
        }
        "AnswerInterview" => {
            let mut answer = Box::new(sample::interview_answer(InterviewOutcome::Consented));
            if field == "starts_at" {
                (answer.starts_at, answer.advisal) = (Some(moment()), None);
            } else {
                answer.advisal.as_mut().unwrap().advised_at = moment();
            }
            CaseCommand::AnswerInterview { detainer, answer }
        }
        "RaiseCitizenshipClaim" => {
            let mut claim = sample::claim();
            claim.occurred_at = Some(moment());
            CaseCommand::RaiseCitizenshipClaim { detainer, claim }
        }
        "MeetObligation" => {
            let obligation: ObligationName = format!("{detainer}/obligations/tell-the-subject").parse().unwrap();
            let evidence = Evidence { met_at: moment(), ..sample::evidence() };
            CaseCommand::MeetObligation { obligation, evidence }
        }
        "OpenCustody" => CaseCommand::OpenCustody(Intake {
            occurred_at: (field == "occurred_at").then(moment),
            subject: subject(if field == "birth_date" { Some(born()) } else { record.birth }),
            charges: said_charges(field, record, &day),
            ..sample::intake()
        }),
        "UpdateCharges" => {
            CaseCommand::UpdateCharges { custody, charges: said_charges(field, record, &day), other_ground: None }
        }
        "CorrectIdentity" => {
            let identity = Box::new(Identity { subject: subject(Some(born())), flags: Flags::default() });
            CaseCommand::CorrectIdentity { custody, identity, correction: sample::correction() }
        }
        "MoveCustody" => {
            if field == "planned_at" {
                let proposal = MoveProposal { planned_at: moment(), ..sample::proposal("erie") };
                CaseCommand::OfferMove { custody, proposal }
            } else {
                CaseCommand::MoveCustody { custody, to: Place::Court, occurred_at: Some(moment()) }
            }
        }
        "AcceptMove" => {
            let CaseCommand::AcceptMove { custody, acceptance } = sample::taking_over(custody) else { panic!() };
            CaseCommand::AcceptMove { custody, acceptance: MoveAcceptance { occurred_at: moment(), ..acceptance } }
        }
        "ScheduleRelease" => CaseCommand::ScheduleRelease { custody, release: expected() },
        "RescheduleRelease" => CaseCommand::RescheduleRelease { custody, release: expected() },
        "RecordReleaseEligibility" => {
            let eligible_on = if field == "eligible_on" { day() } else { sample::eligibility().eligible_on };
            let as_of = (field == "as_of").then(moment);
            let eligibility = ReleaseEligibility { eligible_on, as_of, ..sample::eligibility() };
            CaseCommand::RecordReleaseEligibility { custody, eligibility }
        }
        "RecordRelease" => {
            let mut release = sample::released();
            release.released_at = moment();
            CaseCommand::RecordRelease { custody, release, correction: None, to: HandedTo::default() }
        }
        "CloseCustody" => {
            let mut closing = sample::closing();
            closing.occurred_at = moment();
            CaseCommand::CloseCustody { custody, closing, other_ground: None }
        }
        "OfferWindow" => {
            let opens_at = if field == "opens_at" { moment() } else { at(record.opening) };
            let closes_at = if field == "closes_at" { moment() } else { at(4_102_444_800) };
            let window = TransferWindow { opens_at, closes_at, ..sample::window(60) };
            CaseCommand::OfferWindow { detainer, window, reason: None }
        }
        "ReviseWindow" => {
            let opens_at = if field == "opens_at" { moment() } else { at(record.opening) };
            let closes_at = if field == "closes_at" { moment() } else { at(4_102_444_800) };
            let window = TransferWindow { opens_at, closes_at, ..sample::window(60) };
            let transfer = TransferName { detainer, id: Uuid::nil() };
            CaseCommand::ReviseWindow { transfer, window, reason: None }
        }
        "ConfirmTransfer" => {
            let transfer = TransferName { detainer, id: Uuid::nil() };
            CaseCommand::ConfirmTransfer { transfer, occurred_at: moment(), reason: None }
        }
        unknown => panic!("nobody says {unknown}"),
    }
}

fn said_charges(field: &str, record: &Record, day: &dyn Fn() -> Date) -> Vec<Charge> {
    match field {
        "charged_on" => charges(Some(day()), None),
        "convicted_on" => charges(record.charge, Some(day())),
        _ => Vec::new(),
    }
}

/// At a mark of the row, next to it, or anywhere.
fn drawn(rng: &mut Rng, row: &Row, record: &Record) -> Time {
    let marks = row.not_before.iter().map(|(mark, _)| mark.as_str()).chain(row.not_after.iter().map(String::as_str));
    let near: Vec<(Option<i64>, Date)> = marks
        .filter_map(|mark| if mark == "now" { Some((Some(NOW), day_of(NOW))) } else { record.mark(mark) })
        .collect();
    let (near, at_a_day) = match rng.choice(&near).filter(|_| rng.u8(..8) > 0) {
        Some((Some(seconds), day)) => (*seconds, *day),
        Some((None, day)) => (day.to_zoned(zone()).unwrap().timestamp().as_second(), *day),
        None => (seconds(rng), day(rng)),
    };
    let step = rng.i64(-1..=1);
    if row.field.ends_with("birth_date") {
        let born = at_a_day.saturating_add(Span::new().days(step)).to_string();
        return Time::Birth(born[..[4, 7, 10][rng.usize(..3)]].parse().unwrap());
    }
    if row.is_day() {
        return Time::Day(at_a_day.saturating_add(Span::new().days(step)));
    }
    let skew = [0, SKEW, -SKEW][rng.usize(..3)];
    Time::Moment((near + skew + step).clamp(0, 4_102_444_799))
}

/// Set `COMITY_TIMES` for another number of tries.
#[test]
fn random_times_are_taken_where_the_table_says() {
    let tries = told("COMITY_TIMES").map_or(40_000, |tries| usize::try_from(tries).unwrap());
    let mut rng = Rng::with_seed(10);
    // Of an appeal, what is asked over the wire is enough.
    let rows: Vec<Row> = rows().into_iter().filter(|row| !row.method.ends_with("Appeal")).collect();
    let mut found = [0; 2];
    for number in 0..tries {
        let row = &rows[number % rows.len()];
        let record = Record::drawn(&mut rng);
        let time = drawn(&mut rng, row, &record);
        let command = command(row, &record, time);
        let faults = impossible_times(&command, &case(&record), at(NOW), zone());
        let taken = !faults.iter().any(|fault| fault.field.replace("[0]", "") == row.field);
        assert_eq!(taken, expected(row, &record, time), "{} {} {time:?} {record:?}", row.method, row.field);
        found[usize::from(taken)] += 1;
    }
    assert!(found.iter().all(|found| *found > tries / 8), "both happen: {found:?}");
}
