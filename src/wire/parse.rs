//! Parses requests into commands, once, before anything else reads them. Every fault names its field, and none repeats
//! what was sent.

mod admin;
mod appeal;
mod custody;
mod detainer;
mod duty;
mod interview;
mod judged;
mod policy;
mod report;
mod request_fields;
mod roster;
mod subject;
mod transfer;

use std::fmt::Display;

use jiff::Timestamp;
use uuid::Uuid;

pub use admin::{SessionsNamed, consumer_name, maintenance_message, parking, sessions_named};
pub use judged::{JudgedFacts, Judgments, judged_facts, judgments};
pub use policy::{Evaluation, Period, evaluation, period};
pub use report::{ReportScope, report_scope};
pub use request_fields::RequestFields;
pub use roster::{RosterStart, roster_person, roster_seen, roster_start};

use crate::domain::command::CaseCommand;
use crate::domain::correction::Correction;
use crate::domain::ids::{
    AgencyId, CaseKind, CaseName, ConsumerId, InvalidId, JurisdictionId, LogKind, LogName, RequestId,
};
use crate::domain::text::TextKind;
use crate::wire::normalized::NormalizedTexts;
use crate::wire::{Violations, show, v1};

/// The reason for a decision, a departure or a correction, in characters.
const REASON_LEN_MAX: usize = 1_000;

/// A citation, in characters.
const CITATION_LEN_MAX: usize = 200;

/// An etag, in characters. Ours are shorter.
const ETAG_LEN_MAX: usize = 64;

/// A parsed write.
#[derive(Debug)]
pub struct Write {
    /// The jurisdiction whose law and logs it concerns.
    pub jurisdiction: JurisdictionId,
    /// The client's key for this request.
    pub request_id: RequestId,
    /// If given, it must be the current etag of the resource as the caller sees it.
    pub etag: Option<String>,
    /// An officer entered it from a form that came back on paper.
    pub from_paper: bool,
    /// The command.
    pub command: CaseCommand,
    /// The texts that were sent in another spelling than the one that is kept.
    pub normalized: NormalizedTexts,
}

/// A request for a write.
pub trait WriteRequest {
    /// Parses the request. The error names every faulty field.
    fn parse(self) -> Result<Write, Violations>;
}

/// A write that creates a case in a jurisdiction.
fn under(
    mut fields: RequestFields,
    parent: &str,
    command: Option<CaseCommand>,
    request_id: &str,
) -> Result<Write, Violations> {
    let jurisdiction = fields.jurisdiction("parent", parent);
    write(fields, jurisdiction.zip(command), request_id, "")
}

/// A write on a case, in that case's jurisdiction.
fn upon(
    fields: RequestFields,
    command: Option<CaseCommand>,
    request_id: &str,
    etag: &str,
) -> Result<Write, Violations> {
    let asked = command.and_then(|command| Some((command.target()?.jurisdiction.clone(), command)));
    write(fields, asked, request_id, etag)
}

fn write(
    mut fields: RequestFields,
    asked: Option<(JurisdictionId, CaseCommand)>,
    request_id: &str,
    etag: &str,
) -> Result<Write, Violations> {
    let request_id = fields.request_id(request_id);
    // A given etag must match. An unreadable one is a fault, and does not count as absent.
    let etag = fields.text("etag", etag, TextKind::Code, ETAG_LEN_MAX);
    let normalized = std::mem::take(&mut fields.normalized);
    let ((jurisdiction, command), request_id) = fields.finish(asked.zip(request_id))?;
    Ok(Write { jurisdiction, request_id, etag, from_paper: false, command, normalized })
}

/// The correction, if the request is one.
fn correction(fields: &mut RequestFields, correction: Option<v1::Correction>) -> Option<Correction> {
    let reason = fields.required_text("correction.reason", &correction?.reason, TextKind::Reason, REASON_LEN_MAX)?;
    Some(Correction { reason })
}

/// The correction of a request that must be one.
fn required_correction(fields: &mut RequestFields, given: Option<v1::Correction>) -> Option<Correction> {
    let given = fields.required("correction", given);
    correction(fields, given)
}

/// The `parent` of a read.
pub fn jurisdiction(field: impl Display + Copy, text: &str) -> Result<JurisdictionId, Violations> {
    let mut fields = RequestFields::default();
    let jurisdiction = fields.jurisdiction(field, text);
    fields.finish(jurisdiction)
}

/// The `name` of a read.
pub fn case_name(field: impl Display + Copy, text: &str, kind: CaseKind) -> Result<CaseName, Violations> {
    let mut fields = RequestFields::default();
    let name = fields.case(field, text, kind);
    fields.finish(name)
}

/// The name of a detainer, custody or appeal.
pub fn resource(field: &str, text: &str) -> Result<CaseName, Violations> {
    let mut fields = RequestFields::default();
    let name = fields.required_id(field, text);
    fields.finish(name)
}

/// A page token of a list of receipts: a log, the position to go on from in it, and who recorded the first entry about the
/// resource, if any was found yet.
pub fn receipts_token(text: &str) -> Result<Option<(LogKind, u64, Option<AgencyId>)>, InvalidId> {
    const EXPECTED: InvalidId = InvalidId { expected: "a page token from an earlier answer" };
    if text.is_empty() {
        return Ok(None);
    }
    let mut parts = text.split('.');
    let (Some(kind), Some(position), Some(first), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(EXPECTED);
    };
    let kind = [LogKind::Exchange, LogKind::Custody].into_iter().find(|of| of.word() == kind).ok_or(EXPECTED)?;
    // Each token has one spelling, but a number has several.
    let position: u64 = position.parse().ok().filter(|number: &u64| number.to_string() == position).ok_or(EXPECTED)?;
    let first = if first.is_empty() { None } else { Some(first.parse()?) };
    Ok(Some((kind, position, first)))
}

/// A `request_id`.
pub fn request_id(text: &str) -> Result<RequestId, Violations> {
    request_id_in("request_id", text)
}

/// A request id in a field of another name.
pub fn request_id_in(field: &str, text: &str) -> Result<RequestId, Violations> {
    let mut fields = RequestFields::default();
    let id = fields.required_id(field, text);
    fields.finish(id)
}

/// The name of a log.
pub fn log(field: impl Display + Copy, text: &str) -> Result<LogName, Violations> {
    let mut fields = RequestFields::default();
    let log = fields.required_id(field, text);
    fields.finish(log)
}

/// A position or size in a log.
pub fn position(field: impl Display + Copy, number: i64) -> Result<u64, Violations> {
    let mut fields = RequestFields::default();
    let position = u64::try_from(number).map_err(|_| InvalidId { expected: "0 or more" });
    let position = fields.parsed(field, position);
    fields.finish(position)
}

/// The name of an entry: `jurisdictions/{id}/logs/{log}/entries/{index}`.
pub fn entry_name(field: impl Display + Copy, text: &str) -> Result<(LogName, u64), Violations> {
    const EXPECTED: InvalidId = InvalidId { expected: "jurisdictions/{id}/logs/{exchange or custody}/entries/{index}" };
    let mut fields = RequestFields::default();
    let parsed = text.split_once("/entries/").ok_or(EXPECTED).and_then(|(log, index)| {
        let number: u64 = index.parse().map_err(|_| EXPECTED)?;
        // Each entry has one name.
        if number.to_string() == index { Ok((log.parse::<LogName>()?, number)) } else { Err(EXPECTED) }
    });
    let parsed = fields.parsed(field, parsed);
    fields.finish(parsed)
}

/// A `page_size`: 0 means 50, more than 100 means 100 (AIP-158).
pub fn page_size(number: i32) -> Result<usize, Violations> {
    let mut fields = RequestFields::default();
    let size = match usize::try_from(number) {
        Ok(0) => Ok(50),
        Ok(size) => Ok(size.min(100)),
        Err(_) => Err(InvalidId { expected: "0 or more" }),
    };
    let size = fields.parsed("page_size", size);
    fields.finish(size)
}

/// A page token of an account: the number of the last disclosure that was looked at. 0: none was.
pub fn account_token(text: &str) -> Result<i64, InvalidId> {
    if text.is_empty() {
        return Ok(0);
    }
    // Each token has one spelling, but a number has several.
    let number = text.parse().ok().filter(|number: &i64| *number > 0 && number.to_string() == text);
    number.ok_or(InvalidId { expected: "a page token from an earlier answer" })
}

/// Reads a page token: the id of the last resource on the previous page. None: the first page.
pub fn page_token(text: &str) -> Result<Option<Uuid>, InvalidId> {
    if text.is_empty() {
        return Ok(None);
    }
    // Each token has one spelling, but a UUID has several.
    let id = text.parse::<Uuid>().ok().filter(|id| id.to_string() == text);
    id.map(Some).ok_or(InvalidId { expected: "a page token from an earlier answer" })
}

/// Reads a page token of a list of open items of detainers: when the last item of the previous page is due, its case,
/// and its key. None: the first page.
pub fn due_token(
    jurisdiction: &JurisdictionId,
    text: &str,
) -> Result<Option<(Timestamp, CaseName, String)>, InvalidId> {
    const EXPECTED: InvalidId = InvalidId { expected: "a page token from an earlier answer" };
    if text.is_empty() {
        return Ok(None);
    }
    let mut parts = text.splitn(3, '.');
    let (Some(due_at), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return Err(EXPECTED) };
    // In the form that a store keeps.
    let due_at = due_at.parse::<i64>().ok().and_then(|nanos| Timestamp::from_nanosecond(nanos.into()).ok());
    let due_at = due_at.ok_or(EXPECTED)?;
    let case = CaseName::detainer(jurisdiction.clone(), id.parse().map_err(|_| EXPECTED)?);
    // Each token has one spelling.
    let spelt = show::due_token(due_at, &case, key) == text;
    let plain = key.len() <= 40 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if spelt && plain { Ok(Some((due_at, case, key.to_owned()))) } else { Err(EXPECTED) }
}

/// The `consumer` of a read or a confirmation. Empty: `default`.
pub fn consumer(text: &str) -> Result<ConsumerId, Violations> {
    let mut fields = RequestFields::default();
    let name = if text.is_empty() { DEFAULT_CONSUMER } else { text };
    let consumer = fields.required_id("consumer", name);
    fields.finish(consumer)
}

/// The consumer of an agency that names none.
const DEFAULT_CONSUMER: &str = "default";

/// `agencies/{id}` in a read. Empty: `None`.
pub fn agency(field: impl Display + Copy, text: &str) -> Result<Option<AgencyId>, Violations> {
    let mut fields = RequestFields::default();
    let agency = fields.agency(field, text);
    fields.finish(Some(agency))
}
