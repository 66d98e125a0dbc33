//! Runs every cell of docs/times.md over the wire, just within each bound and just beyond it.

mod ground;
mod random;
mod table;

use std::collections::BTreeSet;

use comity::wire::{Message as _, v1};
use jiff::civil::Date;
use prost_reflect::{DynamicMessage, Value};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::descriptor::{self, Holds, Place};
use crate::harness::{Outcome, Party, World};
use crate::times::ground::Ground;
use crate::times::table::{Row, rows, searched};

/// A time or day of a field, in seconds or in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    Moment(i64),
    Day(Date),
}

impl Said {
    fn value(self) -> Value {
        match self {
            Self::Moment(seconds) => descriptor::time(seconds, 0),
            Self::Day(day) => Value::String(day.to_string()),
        }
    }

    /// As much later as a field can say; earlier, if negative.
    fn moved(self, steps: i64) -> Self {
        match self {
            Self::Moment(seconds) => Self::Moment(seconds + steps),
            Self::Day(day) => Self::Day(day.checked_add(jiff::Span::new().days(steps)).unwrap()),
        }
    }
}

#[tokio::test]
async fn every_bound_of_every_time_holds() {
    let world = World::start();
    let mut failures = Vec::new();
    for row in rows() {
        for (mark, later) in &row.not_before {
            let ground = Ground::laid(&world, &row, mark).await;
            let first = ground.mark(&row, mark, false).moved(i64::from(*later));
            failures.extend(ground.refuses(&row, first.moved(-1), mark).await.err());
            failures.extend(ground.takes(&row, first, mark).await.err());
        }
        for mark in &row.not_after {
            let ground = Ground::laid(&world, &row, mark).await;
            let last = ground.mark(&row, mark, true);
            failures.extend(ground.refuses(&row, last.moved(1), mark).await.err());
            failures.extend(ground.takes(&row, last, mark).await.err());
        }
        // What has no bound has none.
        if row.not_before.is_empty() {
            let ground = Ground::laid(&world, &row, "").await;
            failures.extend(ground.takes(&row, Said::Day("1850-01-01".parse().unwrap()), "nothing").await.err());
        }
        if row.not_after.is_empty() {
            let ground = Ground::laid(&world, &row, "").await;
            failures.extend(ground.takes(&row, row.last(), "nothing").await.err());
        }
    }
    assert!(failures.is_empty(), "{} cells do not hold:\n{}", failures.len(), failures.join("\n"));
    world.journal.assert_nothing_personal();
}

#[test]
fn every_time_of_the_contract_is_in_a_table() {
    let mut found = BTreeSet::new();
    // An item of a bulk stream is the request of a call.
    for method in descriptor::methods().into_iter().filter(|method| !method.is_client_streaming()) {
        descriptor::fill(&method.input(), &mut |place: &Place| {
            if !place.output_only && is_time(place) {
                found.insert((method.name().to_owned(), place.plain()));
            }
            Some(Value::default_value(&place.field.kind()))
        });
    }
    let bounded = rows().into_iter().map(|row| (row.method, row.field));
    let told: BTreeSet<_> = bounded.chain(searched()).collect();
    assert_eq!(found, told, "the contract has other times than docs/times.md");
}

/// A moment, or a text that the contract says is a day.
fn is_time(place: &Place) -> bool {
    match place.holds() {
        Holds::Time => true,
        Holds::Text => descriptor::comment(&place.field).contains("YYYY"),
        Holds::Flag | Holds::Word(_) | Holds::Int32 | Holds::Int64 | Holds::Bytes | Holds::Message(_) => false,
    }
}

/// Where the request was made before it was lodged, what answers it may have come before, too.
#[tokio::test]
async fn a_request_counts_from_when_its_issuer_says_that_it_was_made() {
    let world = World::start();
    let row = rows().into_iter().find(|row| row.field == "answer.occurred_at").unwrap();
    let ground = Ground::asked_before(&world, &row, 86_400).await;
    ground.refuses(&row, Said::Moment(ground.laid_at - 86_401), "the request").await.unwrap();
    ground.takes(&row, Said::Moment(ground.laid_at - 86_400), "the request").await.unwrap();
}

/// A person who may not do the thing at all learns nothing of what stands on record.
#[tokio::test]
async fn whoever_may_not_is_told_that_and_nothing_of_the_times() {
    let world = World::start();
    let row = rows().into_iter().find(|row| row.field == "release.released_at").unwrap();
    let ground = Ground::laid(&world, &row, "the intake").await;
    let too_early = ground.request(&row, Said::Moment(0));
    let request = v1::RecordReleaseRequest::decode(&*too_early).unwrap();
    for other in ["us-ny-doccs", "us-tx-prison"] {
        world.system(other).release(request.clone()).await.not_found();
    }
    world.ice().release(request.clone()).await.refused(Code::PermissionDenied, "METHOD_DENIED");
}

/// What a release would have ended, were its time believed.
#[tokio::test]
async fn a_release_that_has_not_happened_ends_nothing() {
    let world = World::start();
    let row = rows().into_iter().find(|row| row.field == "release.released_at").unwrap();
    let ground = Ground::laid(&world, &row, "now").await;
    let before = world.ice().detainer(&ground.detainer).await.accepted();
    let size = |checkpoint: String| checkpoint.lines().nth(1).map(str::to_owned);
    let log = "jurisdictions/us-tx/logs/custody";
    let logged = size(ground.custodian().checkpoint(log).await.accepted());
    for seconds in [0, 4_102_444_800] {
        ground.refuses(&row, Said::Moment(seconds), "2099, or before intake").await.unwrap();
    }
    assert_eq!(world.ice().detainer(&ground.detainer).await.accepted(), before);
    assert_eq!(size(ground.custodian().checkpoint(log).await.accepted()), logged, "a refusal is no entry");
}

impl Row {
    /// As late as its field can say.
    fn last(&self) -> Said {
        if self.is_day() { Said::Day("2099-12-31".parse().unwrap()) } else { Said::Moment(4_102_444_799) }
    }
}

impl Ground<'_> {
    /// Whether the field is refused, and the field alone; or where it is not.
    async fn refuses(&self, row: &Row, said: Said, mark: &str) -> Result<(), String> {
        let place = format!("{} {} | {mark} | {said:?}", row.method, row.field);
        let Err(status) = self.send(row, said).await.0 else { return Err(format!("{place}: taken")) };
        let faults = status.get_details_bad_request().map(|fault| fault.field_violations).unwrap_or_default();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.replace("[0]", "")).collect();
        let right = status.code() == Code::InvalidArgument && fields == [row.field.as_str()];
        if right { Ok(()) } else { Err(format!("{place}: {} {fields:?}", status.message())) }
    }

    /// Whether the request is taken, or why not.
    async fn takes(&self, row: &Row, said: Said, mark: &str) -> Result<(), String> {
        let Err(status) = self.send(row, said).await.0 else { return Ok(()) };
        let faults = status.get_details_bad_request();
        Err(format!("{} {} | {mark} | {said:?}: {} {faults:?}", row.method, row.field, status.message()))
    }

    async fn send(&self, row: &Row, said: Said) -> Outcome<()> {
        macro_rules! sent {
            ($party:expr, $verb:ident, $request:ident) => {
                $party.$verb(v1::$request::decode(&*self.request(row, said)).unwrap()).await.map(drop)
            };
        }
        let (ice, jail): (Party, Party) = (self.world.ice(), self.custodian());
        match row.method.as_str() {
            "LodgeDetainer" => sent!(ice, lodge, LodgeDetainerRequest),
            "AmendDetainer" => sent!(ice, amend, AmendDetainerRequest),
            "AcknowledgeDetainer" => sent!(jail, acknowledge, AcknowledgeDetainerRequest),
            "AnswerDetainer" => sent!(jail, answer, AnswerDetainerRequest),
            "VerifyWarrant" => sent!(self.world.officer(ground::JAIL), verify_warrant, VerifyWarrantRequest),
            "RecordServiceOfCopy" => sent!(jail, serve, RecordServiceOfCopyRequest),
            "RequestInterview" => sent!(ice, request_interview, RequestInterviewRequest),
            "AnswerInterview" => {
                sent!(self.world.officer(ground::JAIL), answer_interview, AnswerInterviewRequest)
            }
            "RaiseCitizenshipClaim" => sent!(ice, claim, RaiseCitizenshipClaimRequest),
            "MeetObligation" => sent!(jail, meet, MeetObligationRequest),
            "OpenCustody" => sent!(jail, open, OpenCustodyRequest),
            "UpdateCharges" => sent!(jail, update_charges, UpdateChargesRequest),
            "CorrectIdentity" => sent!(jail, correct_identity, CorrectIdentityRequest),
            "MoveCustody" => sent!(jail, relocate, MoveCustodyRequest),
            "AcceptMove" => sent!(self.world.system(ground::NEXT_JAIL), accept_move, AcceptMoveRequest),
            "ScheduleRelease" => sent!(jail, schedule, ScheduleReleaseRequest),
            "RescheduleRelease" => sent!(jail, reschedule, RescheduleReleaseRequest),
            "RecordReleaseEligibility" => sent!(jail, enter_eligibility, RecordReleaseEligibilityRequest),
            "RecordRelease" => sent!(jail, release, RecordReleaseRequest),
            "CloseCustody" => sent!(jail, close, CloseCustodyRequest),
            "OfferWindow" => sent!(jail, offer, OfferWindowRequest),
            "ReviseWindow" => sent!(jail, revise, ReviseWindowRequest),
            "ConfirmTransfer" => sent!(ice, confirm_transfer, ConfirmTransferRequest),
            "IssueAppeal" => sent!(ice, issue_appeal, IssueAppealRequest),
            "AnswerAppeal" => sent!(jail, answer_appeal, AnswerAppealRequest),
            unknown => panic!("nobody says {unknown}"),
        }
    }

    /// The request of a row, with its field set.
    fn request(&self, row: &Row, said: Said) -> Vec<u8> {
        let method = descriptor::methods().into_iter().find(|method| method.name() == row.method).unwrap();
        let mut request = DynamicMessage::decode(method.input(), &*self.base(row)).unwrap();
        set(&mut request, &row.field, said.value());
        request.encode_to_vec()
    }
}

/// Sets a field, of the first of a list where there is one on the way.
fn set(message: &mut DynamicMessage, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else { return message.set_field_by_name(path, value) };
    let inner = message.get_field_by_name_mut(first).unwrap_or_else(|| panic!("no field {first}"));
    let inner = if let Value::List(list) = inner {
        list.first_mut().unwrap_or_else(|| panic!("an empty list {first}"))
    } else {
        inner
    };
    set(inner.as_message_mut().unwrap(), rest, value);
}
