//! Requests on interviews.

use std::fmt::Display;

use crate::domain::command::CaseCommand;
use crate::domain::ids::CaseKind;
use crate::domain::interview::{AdvisalMethod, InterviewAdvisal, InterviewAnswer, InterviewOutcome, InterviewRequest};
use crate::domain::text::TextKind;
use crate::wire::parse::{REASON_LEN_MAX, RequestFields, Write, WriteRequest, upon};
use crate::wire::{Violations, v1};

impl WriteRequest for v1::RequestInterviewRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let request = request(&mut fields, self.interview);
        let command =
            detainer.zip(request).map(|(detainer, request)| CaseCommand::RequestInterview { detainer, request });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::AnswerInterviewRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let answer = answer(&mut fields, self.answer).map(Box::new);
        let command = detainer.zip(answer).map(|(detainer, answer)| CaseCommand::AnswerInterview { detainer, answer });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::WithdrawInterviewRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let command = detainer.map(|detainer| CaseCommand::WithdrawInterview { detainer });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

/// What the gateway says of an interview is not read.
fn request(fields: &mut RequestFields, interview: Option<v1::Interview>) -> Option<InterviewRequest> {
    let asked = fields.required("interview", interview)?;
    let mode = fields.required_word("interview.mode", asked.mode);
    let language = fields.required_id("interview.language", &asked.language);
    let proposed_at = fields.time("interview.proposed_at", asked.proposed_at);
    Some(InterviewRequest { mode: mode?, language: language?, proposed_at })
}

fn answer(fields: &mut RequestFields, answer: Option<v1::InterviewAnswer>) -> Option<InterviewAnswer> {
    let given = fields.required("answer", answer)?;
    let outcome: Option<InterviewOutcome> = fields.required_word("answer.outcome", given.outcome);
    let is_advised = given.advisal.is_some();
    let advisal = given.advisal.map(|advisal| self::advisal(fields, "answer.advisal", advisal));
    let starts_at = fields.time("answer.starts_at", given.starts_at);
    let reason = fields.text("answer.reason", &given.reason, TextKind::Reason, REASON_LEN_MAX);
    let outcome = outcome?;
    match (outcome, is_advised) {
        (InterviewOutcome::Declined, true) => fields.fault("answer.advisal", "absent where the custodian declines"),
        (InterviewOutcome::Consented | InterviewOutcome::ConsentedWithCounsel | InterviewOutcome::Refused, false) => {
            fields.fault("answer.advisal", "present: nobody consents or refuses who was not advised");
        }
        (InterviewOutcome::Declined, false)
        | (InterviewOutcome::Consented | InterviewOutcome::ConsentedWithCounsel | InterviewOutcome::Refused, true) => {}
    }
    if outcome == InterviewOutcome::ConsentedWithCounsel && !given.counsel_told {
        fields.fault("answer.counsel_told", "true: the person wants counsel to be present");
    }
    if !outcome.consents() && starts_at.is_some() {
        fields.fault("answer.starts_at", "absent unless the person consents");
    }
    let advisal = match advisal {
        Some(advisal) => Some(advisal?),
        None => None,
    };
    Some(InterviewAnswer { outcome, advisal, counsel_told: given.counsel_told, starts_at, reason })
}

fn advisal(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    advisal: v1::InterviewAdvisal,
) -> Option<InterviewAdvisal> {
    let advised_at = fields.required_time(format_args!("{field}.advised_at"), advisal.advised_at);
    let method: Option<AdvisalMethod> = fields.required_word(format_args!("{field}.method"), advisal.method);
    let language = fields.required_id(format_args!("{field}.language"), &advisal.language);
    let form = format_args!("{field}.form_sha256");
    let form_sha256 = match method? {
        AdvisalMethod::Written => Some(fields.digest(form, advisal.form_sha256)?),
        AdvisalMethod::Oral => {
            if !advisal.form_sha256.is_empty() {
                fields.fault(form, "absent unless the person signed a form");
            }
            None
        }
    };
    Some(InterviewAdvisal { advised_at: advised_at?, method: method?, language: language?, form_sha256 })
}
