//! Requests with which a custodian records a stay.

use std::fmt::Display;

use jiff::Timestamp;

use crate::domain::command::CaseCommand;
use crate::domain::custody::{
    ActualRelease, Closing, Identity, Intake, MoveAcceptance, MoveProposal, MovementKind, OtherGround, Place,
    ReleaseEligibility, ReleaseRecipient, ScheduledRelease,
};
use crate::domain::expungement::ExpungementOrder;
use crate::domain::hand_over::HandedTo;
use crate::domain::ids::CaseKind;
use crate::domain::subject::Flags;
use crate::domain::text::TextKind;
use crate::wire::parse::{
    REASON_LEN_MAX, RequestFields, Write, WriteRequest, correction, required_correction, subject, under, upon,
};
use crate::wire::{Violations, v1};

const ORDER_LEN_MAX: usize = 200;
const PLACE_LEN_MAX: usize = 200;
const CONTACT_LEN_MAX: usize = 200;
const MEDICAL_LEN_MAX: usize = 1_000;
const CITATION_LEN_MAX: usize = 200;

impl WriteRequest for v1::OpenCustodyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let intake = intake(&mut fields, "custody", self.custody);
        under(fields, &self.parent, intake.map(CaseCommand::OpenCustody), &self.request_id)
    }
}

impl WriteRequest for v1::ScheduleReleaseRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let release = scheduled(&mut fields, "release", self.release);
        let command = custody.zip(release).map(|(custody, release)| CaseCommand::ScheduleRelease { custody, release });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::RescheduleReleaseRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let release = scheduled(&mut fields, "release", self.release);
        let command =
            custody.zip(release).map(|(custody, release)| CaseCommand::RescheduleRelease { custody, release });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::RecordReleaseEligibilityRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let eligibility = eligibility(&mut fields, self.eligibility);
        let command = custody
            .zip(eligibility)
            .map(|(custody, eligibility)| CaseCommand::RecordReleaseEligibility { custody, eligibility });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::CancelReleaseRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let reason = fields.text("reason", &self.reason, TextKind::Reason, REASON_LEN_MAX);
        let other_ground = other_ground(&mut fields, self.other_ground);
        let command = custody.map(|custody| CaseCommand::CancelRelease { custody, reason, other_ground });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::RecordReleaseRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let release = released(&mut fields, "release", self.release);
        let correction = correction(&mut fields, self.correction);
        let reason = fields.text("reason", &self.reason, TextKind::Reason, REASON_LEN_MAX);
        let handed_over =
            release.as_ref().is_none_or(|release| release.recipient == ReleaseRecipient::RequestingAgency);
        let detainer = if handed_over {
            Some(&self.detainer)
                .filter(|name| !name.is_empty())
                .and_then(|name| fields.case("detainer", name, CaseKind::Detainer))
        } else {
            fields.empty("detainer", &self.detainer, "empty unless the person was handed to the requesting agency");
            None
        };
        let to = HandedTo { detainer, reason };
        let command = custody.zip(release).map(|(custody, release)| CaseCommand::RecordRelease {
            custody,
            release,
            correction,
            to,
        });
        let write = upon(fields, command, &self.request_id, &self.etag)?;
        Ok(Write { from_paper: self.entered_from_paper, ..write })
    }
}

impl WriteRequest for v1::UpdateChargesRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let charges = subject::charges(&mut fields, "charges", self.charges);
        let other_ground = other_ground(&mut fields, self.other_ground);
        if other_ground.is_some() && !charges.iter().any(|charge| charge.status.is_live()) {
            fields.fault("charges", "with one that the person is held on, where another ground is cited");
        }
        let command = custody.map(|custody| CaseCommand::UpdateCharges { custody, charges, other_ground });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::CorrectIdentityRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let subject = subject::subject(&mut fields, "subject", self.subject);
        let flags = circumstances(&mut fields, "flags", self.flags);
        let correction = required_correction(&mut fields, self.correction);
        let identity = subject.zip(flags).map(|(subject, flags)| Box::new(Identity { subject, flags }));
        let command = custody
            .zip(identity)
            .zip(correction)
            .map(|((custody, identity), correction)| CaseCommand::CorrectIdentity { custody, identity, correction });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::MoveCustodyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let planned_at = fields.time("planned_at", self.planned_at);
        let to = movement(&mut fields, "movement", self.movement, planned_at);
        let command = custody.zip(to).map(|(custody, to)| match to {
            MoveTo::Place(to, occurred_at) => CaseCommand::MoveCustody { custody, to, occurred_at },
            MoveTo::Agency(proposal) => CaseCommand::OfferMove { custody, proposal },
        });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::AcceptMoveRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let occurred_at = fields.required_time("occurred_at", self.occurred_at);
        let facility = fields.required_id("facility", &self.facility);
        let booking_number = fields.id("booking_number", &self.booking_number);
        let command = custody.zip(occurred_at).zip(facility).map(|((custody, occurred_at), facility)| {
            let acceptance = MoveAcceptance { occurred_at, facility, booking_number };
            CaseCommand::AcceptMove { custody, acceptance }
        });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::DeclineMoveRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let reason = fields.required_word("reason", self.reason);
        let command = custody.zip(reason).map(|(custody, reason)| CaseCommand::DeclineMove { custody, reason });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::WithdrawMoveRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let command = custody.map(|custody| CaseCommand::WithdrawMove { custody });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::CloseCustodyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let closing = closing(&mut fields, "closing", self.closing);
        let other_ground = other_ground(&mut fields, self.other_ground);
        let command = custody.zip(closing);
        let command = command.map(|(custody, closing)| CaseCommand::CloseCustody { custody, closing, other_ground });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::ReopenCustodyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let correction = required_correction(&mut fields, self.correction);
        let command =
            custody.zip(correction).map(|(custody, correction)| CaseCommand::ReopenCustody { custody, correction });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::ExpungeCustodyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let custody = fields.case("name", &self.name, CaseKind::Custody);
        let order = expungement_order(&mut fields, "order", self.order);
        let covers_undisclosed = self.covers_undisclosed;
        let command = custody.zip(order);
        let command =
            command.map(|(custody, order)| CaseCommand::ExpungeCustody { custody, order, covers_undisclosed });
        upon(fields, command, &self.request_id, &self.etag)
    }
}

fn expungement_order(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    order: Option<v1::ExpungementOrder>,
) -> Option<ExpungementOrder> {
    let order = fields.required(field, order)?;
    let kind = fields.required_word(format_args!("{field}.kind"), order.kind);
    let authority =
        fields.required_text(format_args!("{field}.authority"), &order.authority, TextKind::Citation, CITATION_LEN_MAX);
    let document_sha256 = fields.digest("order.document_sha256", order.document_sha256);
    Some(ExpungementOrder { kind: kind?, authority: authority?, document_sha256: document_sha256? })
}

fn intake(fields: &mut RequestFields, field: impl Display + Copy, custody: Option<v1::Custody>) -> Option<Intake> {
    let custody = fields.required(field, custody)?;
    let facility = fields.required_id(format_args!("{field}.facility"), &custody.facility);
    let subject = subject::subject(fields, format_args!("{field}.subject"), custody.subject);
    let charges = subject::charges(fields, format_args!("{field}.charges"), custody.charges);
    let occurred_at = fields.time(format_args!("{field}.occurred_at"), custody.occurred_at);
    let note_field = format_args!("{field}.medical_note");
    let medical_note = fields.text(note_field, &custody.medical_note, TextKind::Reason, MEDICAL_LEN_MAX);
    let contact_field = format_args!("{field}.victim_contact");
    let victim_contact = fields.text(contact_field, &custody.victim_contact, TextKind::Reason, CONTACT_LEN_MAX);
    Some(Intake {
        facility: facility?,
        subject: subject?,
        charges,
        flags: subject::flags(custody.flags),
        occurred_at,
        medical_note,
        victim_contact,
    })
}

fn eligibility(fields: &mut RequestFields, eligibility: Option<v1::ReleaseEligibility>) -> Option<ReleaseEligibility> {
    let eligibility = fields.required("eligibility", eligibility)?;
    let kind = fields.required_word("eligibility.kind", eligibility.kind);
    if eligibility.eligible_on.is_empty() {
        fields.fault("eligibility.eligible_on", "present");
    }
    let eligible_on = fields.date("eligibility.eligible_on", &eligibility.eligible_on);
    let as_of = fields.time("eligibility.as_of", eligibility.as_of);
    Some(ReleaseEligibility { kind: kind?, eligible_on: eligible_on?, as_of })
}

fn scheduled(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    release: Option<v1::ScheduledRelease>,
) -> Option<ScheduledRelease> {
    let release = fields.required(field, release)?;
    let expected_at = fields.required_time(format_args!("{field}.expected_at"), release.expected_at);
    let basis = fields.required_word(format_args!("{field}.basis"), release.basis);
    let as_of = fields.time(format_args!("{field}.as_of"), release.as_of);
    let place = fields.text(format_args!("{field}.place"), &release.place, TextKind::Place, PLACE_LEN_MAX);
    Some(ScheduledRelease { expected_at: expected_at?, basis: basis?, as_of, date_public: release.date_public, place })
}

fn released(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    release: Option<v1::ActualRelease>,
) -> Option<ActualRelease> {
    let release = fields.required(field, release)?;
    let released_at = fields.required_time(format_args!("{field}.released_at"), release.released_at);
    let reason = fields.required_word(format_args!("{field}.reason"), release.reason);
    let recipient = fields.required_word(format_args!("{field}.recipient"), release.recipient);
    let ordered_by = fields.required_text(
        format_args!("{field}.ordered_by"),
        &release.ordered_by,
        TextKind::Citation,
        ORDER_LEN_MAX,
    );
    let place = fields.text(format_args!("{field}.place"), &release.place, TextKind::Place, PLACE_LEN_MAX);
    Some(ActualRelease {
        released_at: released_at?,
        reason: reason?,
        recipient: recipient?,
        ordered_by: ordered_by?,
        date_public: release.date_public,
        place,
    })
}

/// Where a request would have the person moved.
enum MoveTo {
    Place(Place, Option<Timestamp>),
    Agency(MoveProposal),
}

fn movement(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    movement: Option<v1::Movement>,
    planned_at: Option<Timestamp>,
) -> Option<MoveTo> {
    let movement = fields.required(field, movement)?;
    let occurred_at = fields.time(format_args!("{field}.occurred_at"), movement.occurred_at);
    let facility_field = format_args!("{field}.facility");
    let custodian_field = format_args!("{field}.custodian");
    let kind = fields.required_word(format_args!("{field}.kind"), movement.kind)?;
    let offered = kind == MovementKind::Agency;
    if !offered {
        const UNLESS: &str = "empty unless the person is offered to another agency";
        fields.empty(custodian_field, &movement.custodian, UNLESS);
        if planned_at.is_some() {
            fields.fault("planned_at", UNLESS);
        }
    }
    let to = match kind {
        MovementKind::Facility => Place::Facility(fields.required_id(facility_field, &movement.facility)?),
        MovementKind::Hospital | MovementKind::Court => {
            fields.empty(facility_field, &movement.facility, "empty unless the person is in a facility");
            if kind == MovementKind::Hospital { Place::Hospital } else { Place::Court }
        }
        MovementKind::Agency => {
            if occurred_at.is_some() {
                fields.fault(format_args!("{field}.occurred_at"), "empty: an offer has not taken place");
            }
            if planned_at.is_none() {
                fields.fault("planned_at", "present");
            }
            let to = fields.required_agency(custodian_field, &movement.custodian);
            let facility = fields.id(facility_field, &movement.facility);
            return Some(MoveTo::Agency(MoveProposal { to: to?, facility, planned_at: planned_at? }));
        }
    };
    Some(MoveTo::Place(to, occurred_at))
}

fn closing(fields: &mut RequestFields, field: impl Display + Copy, closing: Option<v1::Closing>) -> Option<Closing> {
    let closing = fields.required(field, closing)?;
    let reason = fields.required_word(format_args!("{field}.reason"), closing.reason);
    let occurred_at = fields.required_time(format_args!("{field}.occurred_at"), closing.occurred_at);
    Some(Closing { reason: reason?, occurred_at: occurred_at? })
}

/// Another ground for holding the person, if the request cites one.
fn other_ground(fields: &mut RequestFields, cited: Option<v1::OtherGround>) -> Option<OtherGround> {
    let cited = cited?;
    let citation = fields.required_text("other_ground.citation", &cited.citation, TextKind::Citation, CITATION_LEN_MAX);
    let document_sha256 = fields.digest("other_ground.document_sha256", cited.document_sha256);
    let cited = OtherGround { citation: citation?, document_sha256: document_sha256? };
    if cited.is_the_detainers() {
        fields.fault(
            "other_ground.citation",
            "another ground than the detainer: a request to hold is none beside itself",
        );
    }
    Some(cited)
}

/// The corrected circumstances. A correction MUST NOT raise or resolve a claim.
fn circumstances(fields: &mut RequestFields, field: impl Display + Copy, flags: Option<v1::Flags>) -> Option<Flags> {
    let flags = fields.required(field, flags)?;
    if flags.citizenship_claim {
        fields.fault(
            format_args!("{field}.citizenship_claim"),
            "unset: a claim is raised and resolved by its own methods",
        );
    }
    Some(subject::flags(Some(flags)))
}
