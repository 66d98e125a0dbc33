//! Requests on detainers.

use std::fmt::Display;

use crate::domain::claim::Claim;
use crate::domain::command::CaseCommand;
use crate::domain::detainer::{
    Acknowledgement, Addressee, Answer, AnswerKind, DetainerBasis, Finding, IssuingAuthority, Request, Warrant,
    WarrantKind,
};
use crate::domain::ids::CaseKind;
use crate::domain::service::ServiceOfCopy;
use crate::domain::text::TextKind;
use crate::domain::warrant::{VerificationOutcome, WarrantDetail, WarrantDocument, WarrantVerification};
use crate::wire::parse::{
    CITATION_LEN_MAX, REASON_LEN_MAX, RequestFields, Write, WriteRequest, correction, subject, under, upon,
};
use crate::wire::{Violations, v1};

const PHONE_LEN_MAX: usize = 40;
const DOCKET_LEN_MAX: usize = 100;

impl WriteRequest for v1::LodgeDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let request = request(&mut fields, "detainer", self.detainer);
        under(fields, &self.parent, request.map(CaseCommand::LodgeDetainer), &self.request_id)
    }
}

impl WriteRequest for v1::AcknowledgeDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let acknowledgement = acknowledgement(&mut fields, "acknowledgement", self.acknowledgement);
        let correction = correction(&mut fields, self.correction);
        let command = detainer.zip(acknowledgement).map(|(detainer, acknowledgement)| {
            CaseCommand::AcknowledgeDetainer { detainer, acknowledgement, correction }
        });
        let write = upon(fields, command, &self.request_id, &self.etag)?;
        Ok(Write { from_paper: self.entered_from_paper, ..write })
    }
}

impl WriteRequest for v1::AnswerDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let answer = answer(&mut fields, "answer", self.answer);
        let correction = correction(&mut fields, self.correction);
        let command =
            detainer.zip(answer).map(|(detainer, answer)| CaseCommand::AnswerDetainer { detainer, answer, correction });
        let write = upon(fields, command, &self.request_id, &self.etag)?;
        Ok(Write { from_paper: self.entered_from_paper, ..write })
    }
}

impl WriteRequest for v1::AmendDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let request = request(&mut fields, "detainer", self.detainer).map(Box::new);
        let command = detainer.zip(request).map(|(detainer, request)| CaseCommand::AmendDetainer { detainer, request });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::VerifyWarrantRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let verification = verification(&mut fields, "verification", self.verification).map(Box::new);
        let command = detainer
            .zip(verification)
            .map(|(detainer, verification)| CaseCommand::VerifyWarrant { detainer, verification });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::RecordServiceOfCopyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let service = service_of_copy(&mut fields, "service_of_copy", self.service_of_copy);
        let correction = correction(&mut fields, self.correction);
        let command = detainer.zip(service).map(|(detainer, service)| CaseCommand::RecordServiceOfCopy {
            detainer,
            service,
            correction,
        });
        let write = upon(fields, command, &self.request_id, &self.etag)?;
        Ok(Write { from_paper: self.entered_from_paper, ..write })
    }
}

impl WriteRequest for v1::RaiseCitizenshipClaimRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let claim = Claim {
            occurred_at: fields.time("occurred_at", self.occurred_at),
            grounds: fields.text("grounds", &self.grounds, TextKind::Reason, REASON_LEN_MAX),
        };
        let command = detainer.map(|detainer| CaseCommand::RaiseCitizenshipClaim { detainer, claim });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::ResolveCitizenshipClaimRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let outcome = fields.required_word("outcome", self.outcome);
        let reason = fields.required_text("reason", &self.reason, TextKind::Reason, REASON_LEN_MAX);
        let command = detainer
            .zip(outcome)
            .zip(reason)
            .map(|((detainer, outcome), reason)| CaseCommand::ResolveCitizenshipClaim { detainer, outcome, reason });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::WithdrawDetainerRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let detainer = fields.case("name", &self.name, CaseKind::Detainer);
        let reason = fields.required_word("reason", self.reason);
        let command = detainer.zip(reason).map(|(detainer, reason)| CaseCommand::WithdrawDetainer { detainer, reason });
        let write = upon(fields, command, &self.request_id, &self.etag)?;
        Ok(Write { from_paper: self.entered_from_paper, ..write })
    }
}

fn request(fields: &mut RequestFields, field: impl Display + Copy, detainer: Option<v1::Detainer>) -> Option<Request> {
    let detainer = fields.required(field, detainer)?;
    let custodian = fields.agency(format_args!("{field}.custodian"), &detainer.custodian);
    let detainer_form = fields.required_word(format_args!("{field}.form"), detainer.form);
    let basis = basis(fields, format_args!("{field}.basis"), detainer.basis);
    let warrant = warrant(fields, format_args!("{field}.warrant"), detainer.warrant);
    let subject = subject::subject(fields, format_args!("{field}.subject"), detainer.subject);
    let charges = subject::charges(fields, format_args!("{field}.charges"), detainer.charges);
    let contact_phone =
        fields.text(format_args!("{field}.contact_phone"), &detainer.contact_phone, TextKind::Phone, PHONE_LEN_MAX);
    let occurred_at = fields.time(format_args!("{field}.occurred_at"), detainer.occurred_at);
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
fn basis(fields: &mut RequestFields, field: impl Display + Copy, numbers: Vec<i32>) -> Vec<DetainerBasis> {
    let mut basis: Vec<DetainerBasis> =
        fields.list(field, numbers, 8, |fields, field, number| fields.required_word(field, number));
    basis.sort_unstable();
    basis.dedup();
    let lent = basis.contains(&DetainerBasis::CustodyLent);
    if basis.is_empty() || (lent && basis.len() > 1) {
        fields.fault(field, "one or more kinds of probable cause, or custody lent alone");
    }
    basis
}

fn warrant(fields: &mut RequestFields, field: impl Display + Copy, warrant: Option<v1::Warrant>) -> Option<Warrant> {
    let Some(warrant) = warrant else { return Some(Warrant::NONE) };
    let kind: Option<WarrantKind> = fields.required_word(format_args!("{field}.kind"), warrant.kind);
    let issuing_authority: Option<IssuingAuthority> =
        fields.required_word(format_args!("{field}.issuing_authority"), warrant.issuing_authority);
    let signed_at = fields.time(format_args!("{field}.signed_at"), warrant.signed_at);
    let court = fields.text(format_args!("{field}.court"), &warrant.court, TextKind::Citation, CITATION_LEN_MAX);
    let signer = fields.text(format_args!("{field}.signer"), &warrant.signer, TextKind::Name, CITATION_LEN_MAX);
    let docket = fields.text(format_args!("{field}.docket"), &warrant.docket, TextKind::Code, DOCKET_LEN_MAX);
    let expires_on = fields.date(format_args!("{field}.expires_on"), &warrant.expires_on);
    let document = document(fields, field, warrant.document_sha256, warrant.document_media_type);
    // The rest is read first, so that its faults are named together with these.
    let (kind, issuing_authority) = (kind?, issuing_authority?);
    let fits = match kind {
        WarrantKind::None => issuing_authority == IssuingAuthority::None,
        WarrantKind::I200 | WarrantKind::I205 => issuing_authority == IssuingAuthority::ImmigrationOfficer,
        WarrantKind::Judicial => issuing_authority.is_judge() || issuing_authority == IssuingAuthority::Unknown,
    };
    if !fits {
        let expected =
            "who signs a warrant of this kind: an immigration officer I-200 and I-205, a judge a judicial one";
        fields.fault(format_args!("{field}.issuing_authority"), expected);
    }
    let criminal = warrant.criminal;
    if criminal && !issuing_authority.is_judge() {
        fields.fault(format_args!("{field}.criminal"), "unset unless a judge signed");
    }
    if kind == WarrantKind::None && document.is_some() {
        fields.fault(format_args!("{field}.document_sha256"), "empty where there is no warrant");
    }
    Some(Warrant { kind, issuing_authority, signed_at, criminal, court, signer, docket, expires_on, document })
}

/// A document: its hash and media type, both or neither.
fn document(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    sha256: Vec<u8>,
    media_type: String,
) -> Option<WarrantDocument> {
    if sha256.is_empty() && media_type.is_empty() {
        return None;
    }
    let sha256 = fields.digest(format_args!("{field}.document_sha256"), sha256);
    if !is_media_type(&media_type) {
        fields.fault(format_args!("{field}.document_media_type"), "a media type such as application/pdf");
    }
    Some(WarrantDocument { sha256: sha256?, media_type })
}

/// RFC 6838 4.2: type and subtype, without parameters.
fn is_media_type(text: &str) -> bool {
    let name = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        part.len() <= 127 && part.bytes().all(plain) && part.starts_with(|first: char| first.is_ascii_alphanumeric())
    };
    text.split_once('/').is_some_and(|(kind, subtype)| name(kind) && name(subtype))
}

fn verification(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    verification: Option<v1::WarrantVerification>,
) -> Option<WarrantVerification> {
    let verification = fields.required(field, verification)?;
    let outcome = fields.required_word(format_args!("{field}.outcome"), verification.outcome);
    let method = fields.required_word(format_args!("{field}.method"), verification.method);
    let compared = fields.list(format_args!("{field}.compared"), verification.compared, 8, |fields, field, number| {
        fields.required_word(field, number)
    });
    let seen = fields.required(format_args!("{field}.seen"), verification.seen);
    let seen = seen.and_then(|seen| warrant(fields, format_args!("{field}.seen"), Some(seen)));
    let reason = fields.text(format_args!("{field}.reason"), &verification.reason, TextKind::Reason, REASON_LEN_MAX);
    let occurred_at = fields.time(format_args!("{field}.occurred_at"), verification.occurred_at);
    let (outcome, seen) = (outcome?, seen?);
    match outcome {
        VerificationOutcome::Verified => verified(fields, field, &compared, &seen),
        VerificationOutcome::Refused | VerificationOutcome::Withdrawn if reason.is_none() => {
            fields.fault(format_args!("{field}.reason"), "given where a warrant is refused or withdrawn");
        }
        VerificationOutcome::Received | VerificationOutcome::Refused | VerificationOutcome::Withdrawn => {}
    }
    let final_order_seen = verification.final_order_seen;
    Some(WarrantVerification { outcome, method: method?, compared, seen, final_order_seen, reason, occurred_at })
}

/// What a verification must say if the warrant is to count.
fn verified(fields: &mut RequestFields, field: impl Display + Copy, compared: &[WarrantDetail], seen: &Warrant) {
    if compared.is_empty() {
        fields.fault(format_args!("{field}.compared"), "what was compared, where a warrant is verified");
    }
    if seen.kind != WarrantKind::Judicial {
        return;
    }
    if !compared.contains(&WarrantDetail::Subject) {
        fields.fault(
            format_args!("{field}.compared"),
            "with the subject: whose warrant it is, where a judge's is verified",
        );
    }
    let known = seen.issuing_authority.is_judge();
    for (given, name, expected) in [
        (known, "issuing_authority", "a federal or a state judge: a warrant of an unknown signer is not verified"),
        (seen.court.is_some(), "court", "the court, where a judge's warrant is verified"),
        (seen.signer.is_some(), "signer", "the judge, where a judge's warrant is verified"),
        (seen.docket.is_some(), "docket", "the docket number, where a judge's warrant is verified"),
        (seen.signed_at.is_some(), "signed_at", "the time of signature, where a judge's warrant is verified"),
    ] {
        if !given {
            fields.fault(format_args!("{field}.seen.{name}"), expected);
        }
    }
}

fn acknowledgement(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    acknowledgement: Option<v1::Acknowledgement>,
) -> Option<Acknowledgement> {
    let acknowledgement = fields.required(field, acknowledgement)?;
    let finding = fields.required_word(format_args!("{field}.finding"), acknowledgement.finding);
    let method = fields.word(format_args!("{field}.match_method"), acknowledgement.match_method);
    let confidence = fields.number(format_args!("{field}.confidence_percent"), acknowledgement.confidence_percent, 100);
    let occurred_at = fields.time(format_args!("{field}.occurred_at"), acknowledgement.occurred_at);
    let reason = fields.text(format_args!("{field}.reason"), &acknowledgement.reason, TextKind::Reason, REASON_LEN_MAX);
    let duplicate_field = format_args!("{field}.duplicate_of");
    let duplicate_of = if finding == Some(Finding::Duplicate) {
        fields.case(duplicate_field, &acknowledgement.duplicate_of, CaseKind::Detainer)
    } else {
        fields.empty(duplicate_field, &acknowledgement.duplicate_of, "empty unless it is a duplicate");
        None
    };
    let until_field = format_args!("{field}.ask_again_until");
    let ask_again_until = if finding == Some(Finding::NotInCustody) {
        if acknowledgement.ask_again_until.is_empty() {
            fields.fault(until_field, "present");
        }
        fields.date(until_field, &acknowledgement.ask_again_until)
    } else {
        fields.empty(until_field, &acknowledgement.ask_again_until, "empty unless the person is not in custody now");
        None
    };
    let custody_field = format_args!("{field}.custody");
    let custody = match (finding?, acknowledgement.custody.is_empty()) {
        (Finding::MatchedCustody, _) => {
            Some(fields.case(custody_field, &acknowledgement.custody, CaseKind::Custody)?)
        }
        (Finding::Duplicate, true) => {
            duplicate_of.as_ref()?;
            None
        }
        (Finding::NotInCustody, true) => {
            ask_again_until?;
            None
        }
        (Finding::NotFoundInTime, _) => {
            fields.fault(format_args!("{field}.finding"), "what the custodian found: this the gateway records itself");
            None
        }
        (Finding::NoSuchPerson | Finding::IdentityMismatch, true) => None,
        (Finding::NoSuchPerson | Finding::IdentityMismatch | Finding::Duplicate | Finding::NotInCustody, false) => {
            fields.fault(custody_field, "empty unless the person was found");
            None
        }
    };
    let confidence_percent = confidence.filter(|percent| *percent > 0);
    Some(Acknowledgement {
        finding: finding?,
        custody,
        method,
        confidence_percent,
        occurred_at,
        reason,
        duplicate_of,
        ask_again_until,
    })
}

fn answer(fields: &mut RequestFields, field: impl Display + Copy, answer: Option<v1::Answer>) -> Option<Answer> {
    let answer = fields.required(field, answer)?;
    let kind: Option<AnswerKind> = fields.required_word(format_args!("{field}.kind"), answer.kind);
    let ground = fields.word(format_args!("{field}.ground"), answer.ground);
    let legal_basis = fields.required_text(
        format_args!("{field}.legal_basis"),
        &answer.legal_basis,
        TextKind::Citation,
        CITATION_LEN_MAX,
    );
    let reason = fields.text(format_args!("{field}.reason"), &answer.reason, TextKind::Reason, REASON_LEN_MAX);
    let occurred_at = fields.time(format_args!("{field}.occurred_at"), answer.occurred_at);
    match (kind?, ground.is_some()) {
        (AnswerKind::Decline, true)
        | (AnswerKind::HonorHold | AnswerKind::NotifyOnly | AnswerKind::PendingReview, false) => {}
        (AnswerKind::Decline, false) => fields.fault(format_args!("{field}.ground"), "given with a declining answer"),
        (AnswerKind::HonorHold | AnswerKind::NotifyOnly | AnswerKind::PendingReview, true) => {
            fields.fault(format_args!("{field}.ground"), "given with a declining answer only");
        }
    }
    Some(Answer { kind: kind?, ground, legal_basis: legal_basis?, reason, occurred_at })
}

fn service_of_copy(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    service: Option<v1::ServiceOfCopy>,
) -> Option<ServiceOfCopy> {
    let service = fields.required(field, service)?;
    let served_at = fields.required_time(format_args!("{field}.served_at"), service.served_at);
    let method = fields.required_word(format_args!("{field}.method"), service.method);
    let language = fields.required_id(format_args!("{field}.language"), &service.language);
    let copy_sha256 = fields.digest(format_args!("{field}.copy_sha256"), service.copy_sha256);
    Some(ServiceOfCopy {
        served_at: served_at?,
        method: method?,
        language: language?,
        copy_sha256: copy_sha256?,
        counsel_told: service.counsel_told,
    })
}
