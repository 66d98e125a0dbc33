//! Parses requests into commands, once, at the door. Every fault is named by field; none repeats what was sent.

mod custody;
mod detainer;
mod fields;
mod subject;

use uuid::Uuid;

pub use fields::Form;

use crate::domain::command::CaseCommand;
use crate::domain::custody::{ActualRelease, Intake, ScheduledRelease};
use crate::domain::ids::{CaseKind, CaseName, InvalidId, JurisdictionId, LogName, RequestId};
use crate::wire::{Violations, v1};

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
}

/// A request that carries a write.
pub trait WriteRequest {
    /// Parses it, naming every field at fault.
    fn parse(self) -> Result<Write, Violations>;
}

impl WriteRequest for v1::LodgeDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let jurisdiction = form.jurisdiction("parent", &self.parent);
        let request_id = form.request_id(&self.request_id);
        let request = detainer::request(&mut form, "detainer", self.detainer);
        form.finish(jurisdiction.zip(request_id).zip(request)).map(|((jurisdiction, request_id), request)| Write {
            jurisdiction,
            request_id,
            etag: None,
            command: CaseCommand::LodgeDetainer(request),
        })
    }
}

impl WriteRequest for v1::AcknowledgeDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let acknowledgement = detainer::acknowledgement(&mut form, "acknowledgement", self.acknowledgement);
        upon(
            form,
            CaseKind::Detainer,
            &self.name,
            &self.request_id,
            self.etag,
            acknowledgement,
            |name, acknowledgement| CaseCommand::AcknowledgeDetainer { detainer: name, acknowledgement },
        )
    }
}

impl WriteRequest for v1::AnswerDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let answer = detainer::answer(&mut form, "answer", self.answer);
        upon(form, CaseKind::Detainer, &self.name, &self.request_id, self.etag, answer, |name, answer| {
            CaseCommand::AnswerDetainer { detainer: name, answer }
        })
    }
}

impl WriteRequest for v1::WithdrawDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let reason = form.required_word("reason", self.reason);
        upon(form, CaseKind::Detainer, &self.name, &self.request_id, self.etag, reason, |name, reason| {
            CaseCommand::WithdrawDetainer { detainer: name, reason }
        })
    }
}

impl WriteRequest for v1::OpenCustodyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let jurisdiction = form.jurisdiction("parent", &self.parent);
        let request_id = form.request_id(&self.request_id);
        let intake: Option<Intake> = custody::intake(&mut form, "custody", self.custody);
        form.finish(jurisdiction.zip(request_id).zip(intake)).map(|((jurisdiction, request_id), intake)| Write {
            jurisdiction,
            request_id,
            etag: None,
            command: CaseCommand::OpenCustody(intake),
        })
    }
}

impl WriteRequest for v1::ScheduleReleaseRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let release: Option<ScheduledRelease> = custody::scheduled(&mut form, "release", self.release);
        upon(form, CaseKind::Custody, &self.name, &self.request_id, self.etag, release, |name, release| {
            CaseCommand::ScheduleRelease { custody: name, release }
        })
    }
}

impl WriteRequest for v1::RecordReleaseRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let release: Option<ActualRelease> = custody::released(&mut form, "release", self.release);
        upon(form, CaseKind::Custody, &self.name, &self.request_id, self.etag, release, |name, release| {
            CaseCommand::RecordRelease { custody: name, release }
        })
    }
}

/// A write upon a case that is named.
fn upon<T>(
    mut form: Form,
    kind: CaseKind,
    name: &str,
    request_id: &str,
    etag: String,
    value: Option<T>,
    command: impl FnOnce(CaseName, T) -> CaseCommand,
) -> Result<Write, Violations> {
    let name = form.case("name", name, kind);
    let request_id = form.request_id(request_id);
    let etag = Some(etag).filter(|etag| !etag.is_empty());
    form.finish(name.zip(request_id).zip(value)).map(|((name, request_id), value)| Write {
        jurisdiction: name.jurisdiction.clone(),
        request_id,
        etag,
        command: command(name, value),
    })
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
    let log = form.parsed(field, text.parse::<LogName>());
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
