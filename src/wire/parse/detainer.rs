//! What is said of a detainer: the request, the acknowledgement, the answer.

use crate::domain::detainer::{
    Acknowledgement, Addressee, Answer, AnswerKind, DetainerBasis, Finding, IssuingAuthority, Request, Warrant,
    WarrantKind,
};
use crate::domain::ids::CaseKind;
use crate::wire::parse::{Form, subject};
use crate::wire::v1;

const CITATION_LEN_MAX: usize = 200;
const REASON_LEN_MAX: usize = 1_000;
const PHONE_LEN_MAX: usize = 40;

pub(super) fn request(form: &mut Form, field: &str, detainer: Option<v1::Detainer>) -> Option<Request> {
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
    let Some(warrant) = warrant else {
        return Some(Warrant { kind: WarrantKind::None, issuing_authority: IssuingAuthority::None, signed_at: None });
    };
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
    Some(Warrant { kind, issuing_authority, signed_at })
}

pub(super) fn acknowledgement(
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

pub(super) fn answer(form: &mut Form, field: &str, answer: Option<v1::Answer>) -> Option<Answer> {
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
