//! docs/errors.md, held against the contract and against the code that makes the errors.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use comity::api::status::{self, LimitOwner, TooManyCalls};
use comity::domain::decide::Refusal;
use comity::domain::determination::{Determination, LawAction, Ruling};
use comity::domain::inbox;
use comity::domain::matching::Disagreement;
use comity::domain::times::ImpossibleTime;
use comity::identity::rate::RateExceeded;
use comity::policy::engine::AdmitError;
use comity::policy::gate::Denial;
use comity::recorder::SubmitError;
use comity::wire::failure::{reason_of, reason_word};
use comity::wire::methods::NoMethod;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const DOCUMENT: &str = include_str!("../../docs/errors.md");
const CONTRACT: &str = include_str!("../../proto/comity/v1/error.proto");

#[test]
fn every_reason_of_the_contract_is_in_the_document_with_its_status() {
    assert_eq!(documented(), promised());
}

#[test]
fn the_code_gives_each_reason_with_the_status_that_the_document_says() {
    let (documented, given): (BTreeSet<_>, BTreeSet<_>) =
        (documented().into_iter().collect(), given().into_iter().collect());
    assert_eq!(documented, given);
}

#[test]
fn an_error_that_asks_to_come_back_says_when() {
    for status in statuses() {
        let reason = reason_of(&status).unwrap();
        let told = status.get_error_details().retry_info().is_some();
        let row = DOCUMENT.lines().find(|line| line.contains(&format!("| `{}` |", reason_word(reason)))).unwrap();
        assert_eq!(told, row.contains("`RetryInfo` says"), "{reason:?}");
    }
}

/// Reason and status of each row.
pub(crate) fn documented() -> Vec<(String, String)> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        (cells[1].to_owned(), cells[2].to_owned())
    })
    .collect()
}

/// Reason and status as error.proto has them: the status is the first word of the comment.
fn promised() -> Vec<(String, String)> {
    let mut promised = Vec::new();
    let mut status = String::new();
    for line in CONTRACT.lines().map(str::trim) {
        let comment = line.strip_prefix("// ").and_then(|comment| comment.split_once(". "));
        if let Some((word, _)) = comment
            && word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
        {
            word.clone_into(&mut status);
        }
        let reason = line.strip_prefix("ERROR_REASON_").and_then(|line| line.split_once(" = "));
        if let Some((reason, _)) = reason.filter(|(reason, _)| *reason != "UNSPECIFIED") {
            promised.push((reason.to_owned(), std::mem::take(&mut status)));
        }
    }
    promised
}

fn given() -> Vec<(String, String)> {
    let pair = |status: &Status| (reason_word(reason_of(status).unwrap()).to_owned(), status_word(status.code()));
    statuses().iter().map(pair).collect()
}

/// A code as the gRPC protocol writes it.
pub(crate) fn status_word(code: Code) -> String {
    let code = format!("{code:?}");
    let upper = code.char_indices().flat_map(|(at, letter)| {
        let gap = (at > 0 && letter.is_ascii_uppercase()).then_some('_');
        gap.into_iter().chain([letter.to_ascii_uppercase()])
    });
    upper.collect()
}

/// Stock gRPC goes by the code and by this alone (gRFC A6).
#[test]
fn whoever_sends_again_by_the_code_alone_is_told_when_or_not_to() {
    let mut told = BTreeSet::new();
    for status in statuses() {
        let pushback = status.metadata().get("grpc-retry-pushback-ms").map(|value| value.to_str().unwrap().to_owned());
        let delay = status.get_error_details().retry_info().and_then(|retry| retry.retry_delay);
        let expected = match (delay, status.code()) {
            (Some(delay), _) => Some(delay.as_millis().to_string()),
            (None, Code::ResourceExhausted | Code::Unavailable) => Some("-1".to_owned()),
            (None, _) => None,
        };
        assert_eq!(pushback, expected, "{status:?}");
        told.extend(pushback);
    }
    assert!(told.contains("-1") && told.contains("1000"), "{told:?}");
    let moment = status::overloaded(LimitOwner::Agency, Duration::from_micros(1_001));
    assert_eq!(
        moment.metadata().get("grpc-retry-pushback-ms").unwrap(),
        "2",
        "a moment too early would be refused again"
    );
}

#[test]
fn what_is_too_much_says_whose_limit_it_was() {
    let owner = |status: Status| status.get_error_details().error_info().unwrap().metadata["limit"].clone();
    assert_eq!(owner(status::submit(&SubmitError::Overloaded)), "jurisdiction");
    assert_eq!(owner(status::of_layer(&TooManyCalls(LimitOwner::Gateway).into())), "gateway");
    assert_eq!(owner(status::of_layer(&TooManyCalls(LimitOwner::Agency).into())), "agency");
    assert_eq!(owner(status::of_layer(&RateExceeded { retry_after: Duration::ZERO }.into())), "agency");
}

/// What anybody is to do upon each reason stands beside it.
#[test]
fn each_row_says_when_and_what_to_do() {
    for row in DOCUMENT.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        assert_eq!(cells.len(), 4, "{row}");
        assert!(cells[2].len() > 10 && cells[3].len() > 10, "{row}");
    }
}

fn forbidden() -> Determination {
    Determination {
        ruling: Ruling::MustNot,
        policies: Vec::new(),
        citations: Vec::new(),
        obligations: Vec::new(),
        reviews: Vec::new(),
        failed: false,
        clock: None,
        unverified: false,
        on_receipt: Vec::new(),
    }
}

/// Everything that api/status.rs makes.
fn statuses() -> Vec<Status> {
    let mut statuses = vec![
        status::roster_too_large(),
        status::fault("name", "a name"),
        status::not_found(),
        status::invalid_cursor(),
        status::beyond_head(),
        status::no_caller(),
        status::internal("a fault"),
        status::unavailable(),
        status::audit_unavailable(),
        status::under_maintenance("the disk is replaced"),
        status::consumer_parked("it is repaired"),
        status::deadline_exceeded(),
        status::overloaded(LimitOwner::Agency, Duration::from_secs(1)),
        status::expired(),
        status::of_layer(&NoMethod::Unknown.into()),
        status::of_layer(&AdmitError::TokenMissing { agency: "us-ice".parse().unwrap(), method: String::new() }.into()),
        status::of_layer(&AdmitError::Denied { agency: "us-ice".parse().unwrap(), method: String::new() }.into()),
    ];
    let library = [Code::Unimplemented, Code::OutOfRange, Code::ResourceExhausted, Code::Internal, Code::DataLoss];
    statuses.extend(library.iter().filter_map(|code| status::of_library(&Status::new(*code, ""))));
    let by_law = |denial: fn(LawAction, Arc<Determination>) -> Denial| {
        SubmitError::Denied(denial(LawAction::Hold, Arc::new(forbidden())))
    };
    let submitted = [
        SubmitError::Denied(Denial::NotFound),
        SubmitError::Denied(Denial::NoSuchJurisdiction),
        SubmitError::Denied(Denial::Unattributed),
        SubmitError::Denied(Denial::NotACustodian),
        SubmitError::Denied(Denial::AddresseeFixed),
        SubmitError::Denied(Denial::NoSuchCustodian),
        SubmitError::Denied(Denial::OfficerRequired),
        SubmitError::Denied(Denial::MatchDisputed(vec![Disagreement::Name])),
        SubmitError::Denied(Denial::ImpossibleTime(vec![ImpossibleTime {
            field: "occurred_at".to_owned(),
            expected: "to come",
        }])),
        by_law(|action, determination| Denial::Forbidden { action, determination }),
        by_law(|action, determination| Denial::ReviewRequired { action, determination }),
        by_law(|action, determination| Denial::VerificationRequired { action, determination }),
        by_law(|action, determination| Denial::ReasonRequired { action, determination }),
        SubmitError::Refused(Refusal::NoSuchCase),
        SubmitError::Refused(Refusal::AlreadyLodged),
        SubmitError::Refused(Refusal::AlreadyBooked),
        SubmitError::Refused(Refusal::NoLongerStands),
        SubmitError::Refused(Refusal::AppealTooLarge),
        SubmitError::Refused(Refusal::TooManyAppeals),
        SubmitError::Refused(Refusal::DueAlready),
        SubmitError::Inbox(inbox::Refusal::StaleCursor),
        SubmitError::Inbox(inbox::Refusal::TooManyConsumers),
        SubmitError::Inbox(inbox::Refusal::NotParked),
        SubmitError::EtagMismatch,
        SubmitError::RequestIdReused,
        SubmitError::Overloaded,
        SubmitError::Stopped,
    ];
    statuses.extend(submitted.iter().map(status::submit));
    statuses
}
