//! Parses requests into commands, once, at the door. Every fault is named by field; none repeats what was sent.

mod appeal;
mod custody;
mod detainer;
mod duty;
mod fields;
mod judged;
mod policy;
mod subject;
mod transfer;

use jiff::Timestamp;
use uuid::Uuid;

pub use fields::Form;
pub use judged::{Judged, Judgments, judged, judgments};
pub use policy::{Evaluation, Period, evaluation, period};

use crate::domain::command::CaseCommand;
use crate::domain::correction::Correction;
use crate::domain::ids::{AgencyId, CaseKind, CaseName, ConsumerId, InvalidId, JurisdictionId, LogName, RequestId};
use crate::domain::text::TextKind;
use crate::wire::respelt::Respelt;
use crate::wire::{Violations, show, v1};

/// Why a person decided, departed or corrected, in characters.
const REASON_LEN_MAX: usize = 1_000;

/// A citation, in characters.
const CITATION_LEN_MAX: usize = 200;

/// An etag, in characters: more than any of ours has.
const ETAG_LEN_MAX: usize = 64;

/// A write as parsed.
#[derive(Debug)]
pub struct Write {
    /// Whose law and logs it touches.
    pub jurisdiction: JurisdictionId,
    /// The client's key.
    pub request_id: RequestId,
    /// If given, must be that of the resource as the caller sees it.
    pub etag: Option<String>,
    /// What is asked.
    pub command: CaseCommand,
    /// Where what was sent is spelt otherwise.
    pub respelt: Respelt,
}

/// A request that carries a write.
pub trait WriteRequest {
    /// Parses it, naming every field at fault.
    fn parse(self) -> Result<Write, Violations>;
}

/// A write that makes a case under a jurisdiction.
fn under(mut form: Form, parent: &str, command: Option<CaseCommand>, request_id: &str) -> Result<Write, Violations> {
    let jurisdiction = form.jurisdiction("parent", parent);
    write(form, jurisdiction.zip(command), request_id, "")
}

/// A write upon a case, under the jurisdiction of that case.
fn upon(form: Form, command: Option<CaseCommand>, request_id: &str, etag: &str) -> Result<Write, Violations> {
    let asked = command.and_then(|command| Some((command.target()?.jurisdiction.clone(), command)));
    write(form, asked, request_id, etag)
}

fn write(
    mut form: Form,
    asked: Option<(JurisdictionId, CaseCommand)>,
    request_id: &str,
    etag: &str,
) -> Result<Write, Violations> {
    let request_id = form.request_id(request_id);
    // One that was given must match: one that cannot be read is not taken for none.
    let etag = form.text("etag", etag, TextKind::Code, ETAG_LEN_MAX);
    let respelt = std::mem::take(&mut form.respelt);
    let ((jurisdiction, command), request_id) = form.finish(asked.zip(request_id))?;
    Ok(Write { jurisdiction, request_id, etag, command, respelt })
}

/// The mark of a correction, where there is one.
fn correction(form: &mut Form, correction: Option<v1::Correction>) -> Option<Correction> {
    let reason = form.required_text("correction.reason", &correction?.reason, TextKind::Reason, REASON_LEN_MAX)?;
    Some(Correction { reason })
}

/// The mark of a correction, where there must be one.
fn required_correction(form: &mut Form, given: Option<v1::Correction>) -> Option<Correction> {
    let given = form.required("correction", given);
    correction(form, given)
}

/// A `parent` of a read.
pub fn jurisdiction(field: &str, text: &str) -> Result<JurisdictionId, Violations> {
    let mut form = Form::default();
    let jurisdiction = form.jurisdiction(field, text);
    form.finish(jurisdiction)
}

/// A `name` of a read.
pub fn case_name(field: &str, text: &str, kind: CaseKind) -> Result<CaseName, Violations> {
    let mut form = Form::default();
    let name = form.case(field, text, kind);
    form.finish(name)
}

/// A `request_id`.
pub fn request_id(text: &str) -> Result<RequestId, Violations> {
    let mut form = Form::default();
    let id = form.request_id(text);
    form.finish(id)
}

/// The name of a log.
pub fn log(field: &str, text: &str) -> Result<LogName, Violations> {
    let mut form = Form::default();
    let log = form.required_id(field, text);
    form.finish(log)
}

/// A position or size in a log.
pub fn position(field: &str, number: i64) -> Result<u64, Violations> {
    let mut form = Form::default();
    let position = u64::try_from(number).map_err(|_| InvalidId { expected: "0 or more" });
    let position = form.parsed(field, position);
    form.finish(position)
}

/// The name of an entry: `jurisdictions/{id}/logs/{log}/entries/{index}`.
pub fn entry_name(field: &str, text: &str) -> Result<(LogName, u64), Violations> {
    const EXPECTED: InvalidId = InvalidId { expected: "jurisdictions/{id}/logs/{exchange or custody}/entries/{index}" };
    let mut form = Form::default();
    let parsed = text.split_once("/entries/").ok_or(EXPECTED).and_then(|(log, index)| {
        let number: u64 = index.parse().map_err(|_| EXPECTED)?;
        // One entry, one spelling.
        if number.to_string() == index { Ok((log.parse::<LogName>()?, number)) } else { Err(EXPECTED) }
    });
    let parsed = form.parsed(field, parsed);
    form.finish(parsed)
}

/// A `page_size`: 0 means 50, more than 100 means 100 (AIP-158).
pub fn page_size(number: i32) -> Result<usize, Violations> {
    let mut form = Form::default();
    let size = match usize::try_from(number) {
        Ok(0) => Ok(50),
        Ok(size) => Ok(size.min(100)),
        Err(_) => Err(InvalidId { expected: "0 or more" }),
    };
    let size = form.parsed("page_size", size);
    form.finish(size)
}

/// A page token: the id of the last resource of the page before. None: the first page.
pub fn page_token(text: &str) -> Result<Option<Uuid>, InvalidId> {
    if text.is_empty() {
        return Ok(None);
    }
    // One place, one spelling: a UUID has several.
    let id = text.parse::<Uuid>().ok().filter(|id| id.to_string() == text);
    id.map(Some).ok_or(InvalidId { expected: "a page token from an earlier answer" })
}

/// A page token of a list of open items, all of detainers: when the last of the page before is due, of which case it is, and
/// which of its kind. None: the first page.
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
    // As a store keeps it.
    let due_at = due_at.parse::<i64>().ok().and_then(|nanos| Timestamp::from_nanosecond(nanos.into()).ok());
    let due_at = due_at.ok_or(EXPECTED)?;
    let case = CaseName::detainer(jurisdiction.clone(), id.parse().map_err(|_| EXPECTED)?);
    // One place, one spelling.
    let spelt = show::due_token(due_at, &case, key) == text;
    let plain = key.len() <= 40 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if spelt && plain { Ok(Some((due_at, case, key.to_owned()))) } else { Err(EXPECTED) }
}

/// A `consumer` of a read or a confirmation; empty: `default`.
pub fn consumer(text: &str) -> Result<ConsumerId, Violations> {
    let mut form = Form::default();
    let name = if text.is_empty() { DEFAULT_CONSUMER } else { text };
    let consumer = form.required_id("consumer", name);
    form.finish(consumer)
}

/// The consumer of an agency that names none.
const DEFAULT_CONSUMER: &str = "default";

/// `agencies/{id}` of a read; empty: `None`.
pub fn agency(field: &str, text: &str) -> Result<Option<AgencyId>, Violations> {
    let mut form = Form::default();
    let agency = form.agency(field, text);
    form.finish(Some(agency))
}
