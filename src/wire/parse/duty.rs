//! What officers decide of reviews, and what custodians say of obligations: the requests.

use crate::domain::command::CaseCommand;
use crate::domain::obligation::{Evidence, EvidenceMethod};
use crate::domain::review::Ground;
use crate::domain::text::TextKind;
use crate::wire::parse::{CITATION_LEN_MAX, Form, REASON_LEN_MAX, Write, WriteRequest, upon};
use crate::wire::{Violations, v1};

impl WriteRequest for v1::ResolveReviewRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let review = form.required_id("name", &self.name);
        let decision = form.required_word("decision", self.decision);
        let ground = ground(&mut form, "ground", self.ground);
        let command = review.zip(decision).zip(ground).map(|((review, decision), ground)| CaseCommand::ResolveReview {
            review,
            decision,
            ground,
        });
        upon(form, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::MeetObligationRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let obligation = form.required_id("name", &self.name);
        let evidence = evidence(&mut form, "evidence", self.evidence);
        let command =
            obligation.zip(evidence).map(|(obligation, evidence)| CaseCommand::MeetObligation { obligation, evidence });
        upon(form, command, &self.request_id, &self.etag)
    }
}

fn ground(form: &mut Form, field: &str, ground: Option<v1::ReviewGround>) -> Option<Ground> {
    let ground = form.required(field, ground)?;
    let reason = form.required_text(&format!("{field}.reason"), &ground.reason, TextKind::Reason, REASON_LEN_MAX);
    let citation = form.text(&format!("{field}.citation"), &ground.citation, TextKind::Citation, CITATION_LEN_MAX);
    Some(Ground { reason: reason?, citation })
}

fn evidence(form: &mut Form, field: &str, evidence: Option<v1::ObligationEvidence>) -> Option<Evidence> {
    let evidence = form.required(field, evidence)?;
    let method_field = format!("{field}.method");
    let method: Option<EvidenceMethod> = form.required_word(&method_field, evidence.method);
    if method == Some(EvidenceMethod::ServiceOfCopy) {
        form.fault(&method_field, "another: a service of a copy is recorded by RecordServiceOfCopy");
    }
    let met_at = form.required_time(&format!("{field}.met_at"), evidence.met_at);
    let note = form.text(&format!("{field}.note"), &evidence.note, TextKind::Reason, REASON_LEN_MAX);
    Some(Evidence { method: method?, met_at: met_at?, note })
}
