//! Request decoding: the frame check, the decoder, and the parser of every request of the contract.

use std::fmt::Debug;

use comity::domain::ids::CaseKind;
use comity::wire::bulk::BulkItem as _;
use comity::wire::filter::ListFilter;
use comity::wire::parse::{self, WriteRequest};
use comity::wire::v1::reconcile_roster_request::Part;
use comity::wire::wire_walk::{self, MessageError};
use comity::wire::{Message, Named, Violations, show, v1};
use prost_reflect::{DynamicMessage, Kind as FieldKind, MessageDescriptor, Value};

use crate::fuzz::Target;
use crate::harness::descriptor::{self, Holds, Place};
use crate::harness::{appeals, changes, requests};
use crate::mutate::Kind;

/// Faults that one answer names at most.
const FAULTS_MAX: usize = 20;

const DETAINER: &str = "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001";
const CUSTODY: &str = "jurisdictions/us-ny/custodies/0198c0de-0000-7000-8000-000000000001";
const REVIEW: &str = "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000000/reviews/notify";
const OBLIGATION: &str = "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000000/obligations/serve-copy";
const TRANSFER: &str = "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001/\
                        transfers/0198c0de-0000-7000-8000-000000000002";
const APPEAL: &str = "jurisdictions/us-ny/appeals/0198c0de-0000-7000-8000-000000000003";
const ENTRY: &str = "jurisdictions/us-ny/logs/custody/entries/7";

const WORDS: [&[u8]; 16] = [
    b"jurisdictions/us-ny",
    DETAINER.as_bytes(),
    CUSTODY.as_bytes(),
    TRANSFER.as_bytes(),
    APPEAL.as_bytes(),
    ENTRY.as_bytes(),
    b"jurisdictions/us-ny/logs/exchange",
    b"agencies/us-ny-doccs",
    b"6d1f8f3c-8a43-4a5e-9d55-0a1b2c3d4e5f",
    b"1980-02-29",
    b"079314159",
    b"24-B-1234",
    b"NY029",
    b"\x00",
    b"\xff\xfe",
    "\u{202e}\u{10ffff}".as_bytes(),
];

/// What came of bytes.
enum Outcome<T> {
    NoMessage(String),
    Faults(Violations),
    /// What was parsed, so that two can be compared.
    Parsed(T),
}

/// Bytes as a request of this type; the meaning, as text.
type Read = fn(&MessageDescriptor, &[u8]) -> String;

macro_rules! readers {
    (writes: $($write:ident)+; items: $($item:ident)+; reads: $($read:ident($request:ident) $body:block)+) => {
        /// How requests of a type are read. `None`: this file does not say.
        fn reader(request: &str) -> Option<Read> {
            match request {
                $(stringify!($write) => Some(|shape, bytes| {
                    read::<v1::$write, _>(shape, bytes, |request| {
                        let write = request.parse()?;
                        Ok((write.jurisdiction, write.request_id, write.etag, write.command))
                    })
                }),)+
                $(stringify!($item) => Some(|shape, bytes| {
                    read::<v1::$item, _>(shape, bytes, |item| {
                        let Some((_, request)) = item.into_request() else { return Ok(None) };
                        let write = request.parse()?;
                        Ok(Some((write.jurisdiction, write.request_id, write.etag, write.command)))
                    })
                }),)+
                $(stringify!($read) => Some(|shape, bytes| {
                    read::<v1::$read, _>(shape, bytes, |$request| { $body Ok($request) })
                }),)+
                _ => None,
            }
        }
    };
}

readers! {
    writes:
    LodgeDetainerRequest AcknowledgeDetainerRequest AnswerDetainerRequest AmendDetainerRequest
    VerifyWarrantRequest RecordServiceOfCopyRequest RequestInterviewRequest AnswerInterviewRequest WithdrawInterviewRequest
    RaiseCitizenshipClaimRequest ResolveCitizenshipClaimRequest WithdrawDetainerRequest
    OpenCustodyRequest ScheduleReleaseRequest RecordReleaseRequest RecordReleaseEligibilityRequest UpdateChargesRequest CorrectIdentityRequest
    MoveCustodyRequest AcceptMoveRequest DeclineMoveRequest WithdrawMoveRequest RescheduleReleaseRequest CancelReleaseRequest CloseCustodyRequest ReopenCustodyRequest
    ExpungeCustodyRequest
    OfferWindowRequest AcceptWindowRequest DeclineWindowRequest ReviseWindowRequest WithdrawWindowRequest ConfirmTransferRequest ReportFailureRequest
    IssueAppealRequest AnswerAppealRequest ResolveReviewRequest MeetObligationRequest;
    items:
    LodgeDetainersRequest AcknowledgeDetainersRequest AnswerDetainersRequest RecordReleasesRequest;
    reads:
    GetDetainerRequest(request) {
        same(&request.name, &parse::case_name("name", &request.name, CaseKind::Detainer)?);
    }
    GetCustodyRequest(request) {
        same(&request.name, &parse::case_name("name", &request.name, CaseKind::Custody)?);
    }
    GetAppealRequest(request) {
        same(&request.name, &parse::case_name("name", &request.name, CaseKind::Appeal)?);
    }
    ListAppealsRequest(request) { page(&request.parent, request.page_size, &request.page_token)?; }
    ListAppealItemsRequest(request) {
        let appeal = parse::case_name("parent", &request.parent, CaseKind::Appeal)?;
        same(&request.parent, &appeal);
        page(&format!("jurisdictions/{}", appeal.jurisdiction), request.page_size, &request.page_token)?;
    }
    ListDetainersRequest(request) {
        page(&request.parent, request.page_size, &request.page_token)?;
        ListFilter::parse::<v1::Detainer>(&request.filter)?;
    }
    ListCustodiesRequest(request) {
        page(&request.parent, request.page_size, &request.page_token)?;
        ListFilter::parse::<v1::Custody>(&request.filter)?;
    }
    ReconcileRosterRequest(request) {
        match request.part.clone() {
            Some(Part::Start(start)) => {
                let read = parse::roster_start(&start)?;
                jurisdiction(&start.parent)?;
                same(&start.roster_id, &read.roster_id.0);
                same(&start.rows_answered.to_string(), &read.rows_answered);
            }
            Some(Part::Person(person)) => drop(parse::roster_person(person)?),
            Some(Part::Seen(seen)) => drop(parse::roster_seen(seen, &"us-ny".parse().unwrap())?),
            Some(Part::End(_)) | None => {}
        }
    }
    ListReviewsRequest(request) { due_page(&request.parent, request.page_size, &request.page_token)?; }
    ListObligationsRequest(request) { due_page(&request.parent, request.page_size, &request.page_token)?; }
    ReceiveRequest(request) {
        jurisdiction(&request.parent)?;
        consumer(&request.consumer)?;
    }
    AcknowledgeRequest(request) {
        jurisdiction(&request.parent)?;
        consumer(&request.consumer)?;
        same(&request.request_id, &parse::request_id(&request.request_id)?.0);
    }
    AcknowledgeParkedRequest(request) {
        entry("entry", &request.entry)?;
        consumer(&request.consumer)?;
        same(&request.request_id, &parse::request_id(&request.request_id)?.0);
    }
    GetBacklogRequest(request) {
        jurisdiction(&request.parent)?;
        consumer(&request.consumer)?;
        if let Some(agency) = parse::agency("agency", &request.agency)? {
            same(&request.agency, &format!("agencies/{agency}"));
        }
    }
    GetAccountingRequest(request) {
        same(&request.name, &parse::case_name("name", &request.name, CaseKind::Custody)?);
        parse::page_size(request.page_size)?;
        if let Ok(after) = parse::account_token(&request.page_token) {
            assert!(after >= 0);
        }
    }
    GetGatewayRequest(_request) {}
    GetConfigurationRequest(_request) {}
    ListAgenciesRequest(_request) {}
    ListSessionsRequest(request) {
        if let Some(agency) = parse::agency("agency", &request.agency)? {
            same(&request.agency, &format!("agencies/{agency}"));
        }
    }
    CloseSessionsRequest(request) { parse::sessions_named(&request.name)?; }
    ParkConsumerRequest(request) { parse::parking(&request.name, &request.message)?; }
    ResumeConsumerRequest(request) { parse::consumer_name(&request.name)?; }
    BeginMaintenanceRequest(request) { parse::maintenance_message(&request.message)?; }
    EndMaintenanceRequest(_request) {}
    DrainRequest(_request) {}
    GetCheckpointRequest(request) { same(&request.log, &parse::log("log", &request.log)?); }
    GetEntryRequest(request) { entry("name", &request.name)?; }
    ListEntriesRequest(request) {
        same(&request.log, &parse::log("log", &request.log)?);
        same(&request.start_index.to_string(), &parse::position("start_index", request.start_index)?);
        same(&request.tree_size.to_string(), &parse::position("tree_size", request.tree_size)?);
    }
    ProveInclusionRequest(request) { entry("name", &request.name)?; }
    GetPolicySetRequest(request) {}
    EvaluateRequest(request) {
        parse::evaluation(request.clone())?;
        jurisdiction(&request.parent)?;
    }
    GetReportRequest(request) {
        let scope = parse::report_scope(&request)?;
        let parent = scope.jurisdiction.map_or("jurisdictions/-".to_owned(), |own| format!("jurisdictions/{own}"));
        same(&request.parent, &parent);
    }
    ReplayRequest(request) {
        parse::period(request.clone())?;
        jurisdiction(&request.parent)?;
    }
    ListReceiptsRequest(request) {
        match &request.of {
            Some(v1::list_receipts_request::Of::Write(id)) => same(id, &parse::request_id_in("write", id)?.0),
            Some(v1::list_receipts_request::Of::Resource(name)) => same(name, &parse::resource("resource", name)?),
            None => {}
        }
        parse::page_size(request.page_size)?;
        if let Ok(Some((kind, position, first))) = parse::receipts_token(&request.page_token) {
            same(&request.page_token, &show::receipts_token(kind, position, first.as_ref()));
        }
    }
    ProveConsistencyRequest(request) {
        same(&request.log, &parse::log("log", &request.log)?);
        same(&request.old_size.to_string(), &parse::position("old_size", request.old_size)?);
        same(&request.new_size.to_string(), &parse::position("new_size", request.new_size)?);
    }
}

/// One thing, one spelling: whatever is accepted prints as it was written.
/// A UUID in it has one spelling in two cases.
fn same<T: ToString>(text: &str, parsed: &T) {
    assert!(parsed.to_string().eq_ignore_ascii_case(text));
}

fn jurisdiction(parent: &str) -> Result<(), Violations> {
    same(parent, &format!("jurisdictions/{}", parse::jurisdiction("parent", parent)?));
    Ok(())
}

fn consumer(name: &str) -> Result<(), Violations> {
    let parsed = parse::consumer(name)?;
    same(if name.is_empty() { "default" } else { name }, &parsed);
    Ok(())
}

fn entry(field: &str, name: &str) -> Result<(), Violations> {
    let (log, index) = parse::entry_name(field, name)?;
    same(name, &format!("{log}/entries/{index}"));
    Ok(())
}

fn page(parent: &str, size: i32, token: &str) -> Result<(), Violations> {
    jurisdiction(parent)?;
    assert!((1..=100).contains(&parse::page_size(size)?));
    if let Ok(Some(id)) = parse::page_token(token) {
        same(token, &id);
    }
    Ok(())
}

fn due_page(parent: &str, size: i32, token: &str) -> Result<(), Violations> {
    page(parent, size, "")?;
    if let Ok(Some((due_at, case, key))) = parse::due_token(&parse::jurisdiction("parent", parent)?, token) {
        same(token, &show::due_token(due_at, &case, &key));
    }
    Ok(())
}

/// The request of a call, of which an item of a bulk stream is one: its faults are named as that call names them.
fn single(shape: &MessageDescriptor) -> MessageDescriptor {
    let request = shape.get_field_by_name("request").filter(|_| shape.fields().len() == 1);
    request.and_then(|field| field.kind().as_message().cloned()).unwrap_or_else(|| shape.clone())
}

/// Reads bytes as the gateway does, and holds every reader of them to the others.
fn read<T, P>(shape: &MessageDescriptor, bytes: &[u8], parse: impl Fn(T) -> Result<P, Violations>) -> String
where
    T: Message + Named + Default + Clone + PartialEq,
    P: PartialEq + Debug,
{
    match outcome(shape, bytes, &parse) {
        Outcome::NoMessage(why) => why,
        Outcome::Faults(faults) => {
            assert!((1..=FAULTS_MAX).contains(&faults.len()));
            for fault in &faults {
                assert!(
                    exists(shape, &fault.field) || exists(&single(shape), &fault.field),
                    "there is no field {}",
                    fault.field
                );
                assert!(fault.description.starts_with("must be ") && fault.description.len() < 200);
            }
            format!("invalid field/{}", faults[0].field)
        }
        Outcome::Parsed(parsed) => {
            // Written again as an encoder writes, it means the same.
            let again = T::decode(bytes).unwrap().encode_to_vec();
            let Outcome::Parsed(parsed_again) = outcome(shape, &again, &parse) else {
                panic!("refused when rewritten")
            };
            assert_eq!(parsed, parsed_again);
            "accepted".to_owned()
        }
    }
}

fn outcome<T, P>(shape: &MessageDescriptor, bytes: &[u8], parse: &impl Fn(T) -> Result<P, Violations>) -> Outcome<P>
where
    T: Message + Named + Default + Clone + PartialEq,
{
    // Another implementation's view of the same bytes.
    let theirs = DynamicMessage::decode(shape.clone(), bytes);
    if let Err(error) = wire_walk::check(shape.full_name(), bytes) {
        if error == MessageError::UnknownField {
            // Of a oneof the last member stands: what was unknown in one before it is gone there, and still refused here.
            let superseded = shape.oneofs().any(|one| one.fields().len() > 1);
            let unknown = theirs.is_err() || theirs.is_ok_and(|theirs| has_unknown(&theirs));
            assert!(superseded || unknown, "every field is known");
        }
        return Outcome::NoMessage(error.to_string());
    }
    let Ok(message) = T::decode(bytes) else {
        assert!(theirs.is_err(), "another implementation decodes it");
        return Outcome::NoMessage("it does not decode".to_owned());
    };
    let theirs = theirs.expect("another implementation decodes it not");
    assert!(!has_unknown(&theirs), "an unknown field was let through");
    let canonical = message.encode_to_vec();
    // A negative number may double when it is written as it should be; nothing else grows.
    assert!(canonical.len() <= 2 * bytes.len(), "{} bytes of {}", canonical.len(), bytes.len());
    assert_eq!(wire_walk::check(shape.full_name(), &canonical), Ok(()));
    assert!(T::decode(canonical.as_slice()).unwrap() == message);
    assert!(T::decode(theirs.encode_to_vec().as_slice()).unwrap() == message, "another implementation reads otherwise");
    match parse(message) {
        Ok(parsed) => Outcome::Parsed(parsed),
        Err(faults) => Outcome::Faults(faults),
    }
}

/// Whether a path of the contract names a field: `detainer.charges[3].statute`.
fn exists(shape: &MessageDescriptor, path: &str) -> bool {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let Some(field) = shape.get_field_by_name(first.split('[').next().unwrap()) else { return false };
    match (rest, field.kind()) {
        (None, _) => true,
        (Some(rest), FieldKind::Message(inner)) => exists(&inner, rest),
        (Some(_), _) => false,
    }
}

fn has_unknown(message: &DynamicMessage) -> bool {
    let within = |value: &Value| value.as_message().is_some_and(has_unknown);
    message.unknown_fields().next().is_some()
        || message
            .fields()
            .any(|(_, value)| within(value) || value.as_list().is_some_and(|list| list.iter().any(within)))
}

/// A request with every field set to what the contract would take for it.
fn filled(shape: &MessageDescriptor) -> Vec<u8> {
    let text = |place: &Place| match (place.collection().as_deref(), place.field.name()) {
        (Some("jurisdictions"), _) => "jurisdictions/us-ny",
        (Some("logs"), _) => "jurisdictions/us-ny/logs/exchange",
        (Some("entries"), _) => ENTRY,
        (Some("detainers"), _) => DETAINER,
        (Some("transfers"), _) => TRANSFER,
        (Some("appeals"), _) => APPEAL,
        (Some("reviews"), _) => REVIEW,
        (Some("obligations"), _) => OBLIGATION,
        (Some("custodies"), _) | (None, "custody") => CUSTODY,
        (None, "request_id" | "roster_id") => "6d1f8f3c-8a43-4a5e-9d55-0a1b2c3d4e5f",
        (None, "birth_date") => "1980-02-29",
        (None, "facility") => "NY029",
        (None, "language") => "zh-Hant",
        (None, "family" | "legal_basis" | "ordered_by" | "reason" | "grounds" | "ground") => "Synthetic",
        _ => "",
    };
    let mut value = |place: &Place| match place.holds() {
        Holds::Time if place.field.name() == "opens_at" => Some(descriptor::time(1_772_366_400, 5)),
        Holds::Time => Some(descriptor::time(1_772_370_000, 5)),
        Holds::Word(_) => Some(Value::EnumNumber(1)),
        Holds::Int32 => Some(Value::I32(7)),
        Holds::Int64 => Some(Value::I64(7)),
        Holds::Text => Some(Value::String(text(place).to_owned())),
        Holds::Bytes => Some(Value::Bytes(vec![7; 32].into())),
        Holds::Flag | Holds::Message(_) => None,
    };
    descriptor::fill(shape, &mut value).encode_to_vec()
}

/// As a client of ours would send them.
fn real(request: &str) -> Vec<Vec<u8>> {
    let declined = requests::reasoned_answer_to(DETAINER, v1::AnswerKind::Decline);
    match request {
        "LodgeDetainerRequest" => vec![
            requests::detainer_for("us-ny-doccs").encode_to_vec(),
            requests::detainer_with_judicial_warrant_for("us-tx-prison").encode_to_vec(),
        ],
        "AcknowledgeDetainerRequest" => vec![requests::match_of(DETAINER, CUSTODY).encode_to_vec()],
        "AnswerDetainerRequest" => vec![declined.encode_to_vec()],
        "OpenCustodyRequest" => vec![requests::intake_at("us-ny-doccs").encode_to_vec()],
        "AmendDetainerRequest" => {
            vec![changes::amendment_of(DETAINER, requests::detainer_for("us-ny-doccs")).encode_to_vec()]
        }
        "IssueAppealRequest" => vec![
            appeals::appeal_over(&[DETAINER]).encode_to_vec(),
            appeals::appeal_by(v1::AppealFilter::default()).encode_to_vec(),
        ],
        "AnswerAppealRequest" => vec![
            appeals::answered_by_law(APPEAL).encode_to_vec(),
            appeals::answered(APPEAL, DETAINER, v1::AppealAnswerKind::Barred).encode_to_vec(),
        ],
        "EvaluateRequest" => vec![requests::evaluation_in(requests::NY, requests::made_up_facts()).encode_to_vec()],
        "ReplayRequest" => vec![requests::replay_with("law/switches.toml", "on", "off").encode_to_vec()],
        "VerifyWarrantRequest" => vec![changes::verification_of(DETAINER).encode_to_vec()],
        "RequestInterviewRequest" => vec![changes::interview_under(DETAINER).encode_to_vec()],
        "AnswerInterviewRequest" => {
            let outcomes = [v1::InterviewOutcome::ConsentedWithCounsel, v1::InterviewOutcome::Declined];
            outcomes.map(|outcome| changes::interview_answer(DETAINER, outcome).encode_to_vec()).to_vec()
        }
        "WithdrawInterviewRequest" => vec![changes::no_interview_under(DETAINER).encode_to_vec()],
        "CorrectIdentityRequest" => vec![changes::birth_date_in(CUSTODY).encode_to_vec()],
        "MoveCustodyRequest" => vec![
            changes::movement_to_hospital(CUSTODY).encode_to_vec(),
            changes::movement_to(CUSTODY, "us-ny-erie-jail").encode_to_vec(),
        ],
        "AcceptMoveRequest" => vec![
            changes::taking_over(CUSTODY).encode_to_vec(),
            v1::AcceptMoveRequest { booking_number: "B-2026-7".to_owned(), ..changes::taking_over(CUSTODY) }
                .encode_to_vec(),
        ],
        "DeclineMoveRequest" => vec![changes::turning_down(CUSTODY).encode_to_vec()],
        "WithdrawMoveRequest" => vec![changes::calling_back(CUSTODY).encode_to_vec()],
        _ => Vec::new(),
    }
}

#[test]
fn a_request_is_what_it_decodes_to_or_nothing() {
    for method in descriptor::methods() {
        let shape = method.input();
        let name = shape.name().to_owned();
        let read = reader(&name).unwrap_or_else(|| panic!("say in `readers!` how a {name} is read"));
        let mut seeds = real(&name);
        seeds.push(filled(&shape));
        let target = Target {
            name: &format!("requests/{name}"),
            kind: Kind::Wire,
            seeds,
            words: &WORDS,
            runs: 4_000,
            grows: true,
        };
        target.fuzz(|bytes| read(&shape, bytes));
    }
}
