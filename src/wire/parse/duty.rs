//! Requests to resolve reviews and to meet obligations.

use std::fmt::Display;

use crate::domain::command::CaseCommand;
use crate::domain::obligation::{Evidence, EvidenceMethod};
use crate::domain::review::Ground;
use crate::domain::text::TextKind;
use crate::wire::parse::{CITATION_LEN_MAX, REASON_LEN_MAX, RequestFields, Write, WriteRequest, upon};
use crate::wire::{Violations, v1};

impl WriteRequest for v1::ResolveReviewRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let review = fields.required_id("name", &self.name);
        let decision = fields.required_word("decision", self.decision);
        let ground = ground(&mut fields, "ground", self.ground);
        let command = review.zip(decision).zip(ground).map(|((review, decision), ground)| CaseCommand::ResolveReview {
            review,
            decision,
            ground,
        });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::MeetObligationRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let obligation = fields.required_id("name", &self.name);
        let evidence = evidence(&mut fields, "evidence", self.evidence);
        let command =
            obligation.zip(evidence).map(|(obligation, evidence)| CaseCommand::MeetObligation { obligation, evidence });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

fn ground(fields: &mut RequestFields, field: impl Display + Copy, ground: Option<v1::ReviewGround>) -> Option<Ground> {
    let ground = fields.required(field, ground)?;
    let reason = fields.required_text(format_args!("{field}.reason"), &ground.reason, TextKind::Reason, REASON_LEN_MAX);
    let citation =
        fields.text(format_args!("{field}.citation"), &ground.citation, TextKind::Citation, CITATION_LEN_MAX);
    Some(Ground { reason: reason?, citation })
}

fn evidence(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    evidence: Option<v1::ObligationEvidence>,
) -> Option<Evidence> {
    let evidence = fields.required(field, evidence)?;
    let method_field = format_args!("{field}.method");
    let method: Option<EvidenceMethod> = fields.required_word(method_field, evidence.method);
    match method {
        Some(EvidenceMethod::ServiceOfCopy) => {
            fields.fault(method_field, "another: a service of a copy is recorded by RecordServiceOfCopy");
        }
        Some(EvidenceMethod::Advisal) => {
            fields.fault(method_field, "another: an advisal before an interview is recorded by AnswerInterview");
        }
        Some(EvidenceMethod::InPerson | EvidenceMethod::InWriting | EvidenceMethod::Entry | EvidenceMethod::Other)
        | None => {}
    }
    let met_at = fields.required_time(format_args!("{field}.met_at"), evidence.met_at);
    let note = fields.text(format_args!("{field}.note"), &evidence.note, TextKind::Reason, REASON_LEN_MAX);
    Some(Evidence { method: method?, met_at: met_at?, note })
}
