//! What is asked of a detainer and said to it: the requests, and what they carry.

use crate::domain::claim::Claim;
use crate::domain::command::CaseCommand;
use crate::domain::detainer::{
    Acknowledgement, Addressee, Answer, AnswerKind, DetainerBasis, Finding, IssuingAuthority, Request, Warrant,
    WarrantKind,
};
use crate::domain::ids::{CaseKind, InvalidId};
use crate::domain::service::ServiceOfCopy;
use crate::wire::parse::{
    CITATION_LEN_MAX, Form, REASON_LEN_MAX, Write, WriteRequest, correction, subject, under, upon,
};
use crate::wire::{Violations, v1};

const PHONE_LEN_MAX: usize = 40;

impl WriteRequest for v1::LodgeDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let request = request(&mut form, "detainer", self.detainer);
        under(form, &self.parent, request.map(CaseCommand::LodgeDetainer), &self.request_id)
    }
}

impl WriteRequest for v1::AcknowledgeDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let detainer = form.case("name", &self.name, CaseKind::Detainer);
        let acknowledgement = acknowledgement(&mut form, "acknowledgement", self.acknowledgement);
        let correction = correction(&mut form, self.correction);
        let command = detainer.zip(acknowledgement).map(|(detainer, acknowledgement)| {
            CaseCommand::AcknowledgeDetainer { detainer, acknowledgement, correction }
        });
        upon(form, command, &self.request_id, self.etag)
    }
}

impl WriteRequest for v1::AnswerDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let detainer = form.case("name", &self.name, CaseKind::Detainer);
        let answer = answer(&mut form, "answer", self.answer);
        let correction = correction(&mut form, self.correction);
        let command =
            detainer.zip(answer).map(|(detainer, answer)| CaseCommand::AnswerDetainer { detainer, answer, correction });
        upon(form, command, &self.request_id, self.etag)
    }
}

impl WriteRequest for v1::AmendDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let detainer = form.case("name", &self.name, CaseKind::Detainer);
        let request = request(&mut form, "detainer", self.detainer).map(Box::new);
        let command = detainer.zip(request).map(|(detainer, request)| CaseCommand::AmendDetainer { detainer, request });
        upon(form, command, &self.request_id, self.etag)
    }
}

impl WriteRequest for v1::RecordServiceOfCopyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let detainer = form.case("name", &self.name, CaseKind::Detainer);
        let service = service_of_copy(&mut form, "service_of_copy", self.service_of_copy);
        let correction = correction(&mut form, self.correction);
        let command = detainer.zip(service).map(|(detainer, service)| CaseCommand::RecordServiceOfCopy {
            detainer,
            service,
            correction,
        });
        upon(form, command, &self.request_id, self.etag)
    }
}

impl WriteRequest for v1::RaiseCitizenshipClaimRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let detainer = form.case("name", &self.name, CaseKind::Detainer);
        let claim = Claim {
            occurred_at: form.time("occurred_at", self.occurred_at),
            grounds: form.text("grounds", self.grounds, REASON_LEN_MAX),
        };
        let command = detainer.map(|detainer| CaseCommand::RaiseCitizenshipClaim { detainer, claim });
        upon(form, command, &self.request_id, self.etag)
    }
}

impl WriteRequest for v1::ResolveCitizenshipClaimRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let detainer = form.case("name", &self.name, CaseKind::Detainer);
        let outcome = form.required_word("outcome", self.outcome);
        let reason = form.required_text("reason", self.reason, REASON_LEN_MAX);
        let command = detainer
            .zip(outcome)
            .zip(reason)
            .map(|((detainer, outcome), reason)| CaseCommand::ResolveCitizenshipClaim { detainer, outcome, reason });
        upon(form, command, &self.request_id, self.etag)
    }
}

impl WriteRequest for v1::WithdrawDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let detainer = form.case("name", &self.name, CaseKind::Detainer);
        let reason = form.required_word("reason", self.reason);
        let command = detainer.zip(reason).map(|(detainer, reason)| CaseCommand::WithdrawDetainer { detainer, reason });
        upon(form, command, &self.request_id, self.etag)
    }
}

fn request(form: &mut Form, field: &str, detainer: Option<v1::Detainer>) -> Option<Request> {
    let detainer = form.required(field, detainer)?;
    let custodian = form.agency(&format!("{field}.custodian"), &detainer.custodian);
    let detainer_form = form.required_word(&format!("{field}.form"), detainer.form);
    let basis = basis(form, &format!("{field}.basis"), detainer.basis);
    let warrant = warrant(form, &format!("{field}.warrant"), detainer.warrant);
    let subject = subject::subject(form, &format!("{field}.subject"), detainer.subject);
    let charges = subject::charges(form, &format!("{field}.charges"), detainer.charges);
    let contact_phone = form.text(&format!("{field}.contact_phone"), detainer.contact_phone, PHONE_LEN_MAX);
    let occurred_at = form.time(&format!("{field}.occurred_at"), detainer.occurred_at);
    Some(Request {
        addressee: custodian.map_or(Addressee::Jurisdiction, Addressee::Agency),
        form: detainer_form?,
        basis,
        warrant: warrant?,
        subject: subject?,
        charges,
        terrorist_list_match: detainer.terrorist_list_match,
        flags: subject::flags(detainer.flags),
        contact_phone,
        occurred_at,
    })
}

/// The form has two sides, of which exactly one is filled in: probable cause, or custody lent.
fn basis(form: &mut Form, field: &str, numbers: Vec<i32>) -> Vec<DetainerBasis> {
    let mut basis: Vec<DetainerBasis> = form.list(field, numbers, 8, Form::required_word);
    basis.sort_unstable();
    basis.dedup();
    let lent = basis.contains(&DetainerBasis::CustodyLent);
    if basis.is_empty() || (lent && basis.len() > 1) {
        form.fault(field, "one or more kinds of probable cause, or custody lent alone");
    }
    basis
}

fn warrant(form: &mut Form, field: &str, warrant: Option<v1::Warrant>) -> Option<Warrant> {
    let Some(warrant) = warrant else { return Some(Warrant::NONE) };
    let kind = form.required_word(&format!("{field}.kind"), warrant.kind)?;
    let issuing_authority: IssuingAuthority =
        form.required_word(&format!("{field}.issuing_authority"), warrant.issuing_authority)?;
    let signed_at = form.time(&format!("{field}.signed_at"), warrant.signed_at);
    let fits = match kind {
        WarrantKind::None => issuing_authority == IssuingAuthority::None,
        WarrantKind::I200 | WarrantKind::I205 => issuing_authority == IssuingAuthority::ImmigrationOfficer,
        WarrantKind::Judicial => issuing_authority.is_judge(),
    };
    if !fits {
        let expected =
            "who signs a warrant of this kind: an immigration officer I-200 and I-205, a judge a judicial one";
        form.fault(&format!("{field}.issuing_authority"), expected);
    }
    if warrant.criminal && !issuing_authority.is_judge() {
        form.fault(&format!("{field}.criminal"), "unset unless a judge signed");
    }
    Some(Warrant { kind, issuing_authority, signed_at, criminal: warrant.criminal })
}

fn acknowledgement(
    form: &mut Form,
    field: &str,
    acknowledgement: Option<v1::Acknowledgement>,
) -> Option<Acknowledgement> {
    let acknowledgement = form.required(field, acknowledgement)?;
    let finding = form.required_word(&format!("{field}.finding"), acknowledgement.finding);
    let method = form.word(&format!("{field}.match_method"), acknowledgement.match_method);
    let confidence = form.number(&format!("{field}.confidence_percent"), acknowledgement.confidence_percent, 100);
    let occurred_at = form.time(&format!("{field}.occurred_at"), acknowledgement.occurred_at);
    let custody_field = format!("{field}.custody");
    let custody = match (finding?, acknowledgement.custody.is_empty()) {
        (Finding::MatchedCustody, _) => Some(form.case(&custody_field, &acknowledgement.custody, CaseKind::Custody)?),
        (Finding::NoSuchPerson | Finding::IdentityMismatch, true) => None,
        (Finding::NoSuchPerson | Finding::IdentityMismatch, false) => {
            form.fault(&custody_field, "empty unless the person was found");
            None
        }
    };
    let confidence_percent = confidence.filter(|percent| *percent > 0);
    Some(Acknowledgement { finding: finding?, custody, method, confidence_percent, occurred_at })
}

fn answer(form: &mut Form, field: &str, answer: Option<v1::Answer>) -> Option<Answer> {
    let answer = form.required(field, answer)?;
    let kind: Option<AnswerKind> = form.required_word(&format!("{field}.kind"), answer.kind);
    let ground = form.word(&format!("{field}.ground"), answer.ground);
    let legal_basis = form.required_text(&format!("{field}.legal_basis"), answer.legal_basis, CITATION_LEN_MAX);
    let reason = form.text(&format!("{field}.reason"), answer.reason, REASON_LEN_MAX);
    let occurred_at = form.time(&format!("{field}.occurred_at"), answer.occurred_at);
    match (kind?, ground.is_some()) {
        (AnswerKind::Decline, true)
        | (AnswerKind::HonorHold | AnswerKind::NotifyOnly | AnswerKind::PendingReview, false) => {}
        (AnswerKind::Decline, false) => form.fault(&format!("{field}.ground"), "given with a declining answer"),
        (AnswerKind::HonorHold | AnswerKind::NotifyOnly | AnswerKind::PendingReview, true) => {
            form.fault(&format!("{field}.ground"), "given with a declining answer only");
        }
    }
    Some(Answer { kind: kind?, ground, legal_basis: legal_basis?, reason, occurred_at })
}

fn service_of_copy(form: &mut Form, field: &str, service: Option<v1::ServiceOfCopy>) -> Option<ServiceOfCopy> {
    let service = form.required(field, service)?;
    let served_at = form.required_time(&format!("{field}.served_at"), service.served_at);
    let method = form.required_word(&format!("{field}.method"), service.method);
    let language = form.parsed(&format!("{field}.language"), service.language.parse());
    let digest = service.copy_sha256.try_into().map_err(|_| InvalidId { expected: "32 bytes" });
    let copy_sha256 = form.parsed(&format!("{field}.copy_sha256"), digest);
    Some(ServiceOfCopy {
        served_at: served_at?,
        method: method?,
        language: language?,
        copy_sha256: copy_sha256?,
        counsel_told: service.counsel_told,
    })
}
