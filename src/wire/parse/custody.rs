//! What a custodian enters of a stay: the requests, and what they carry.

use crate::domain::command::CaseCommand;
use crate::domain::custody::{
    ActualRelease, Closing, Destination, Identity, Intake, Movement, MovementKind, OtherGround, ReleaseRecipient,
    ScheduledRelease,
};
use crate::domain::hand_over::HandedTo;
use crate::domain::ids::CaseKind;
use crate::domain::subject::Flags;
use crate::domain::text::TextKind;
use crate::wire::parse::{
    Form, REASON_LEN_MAX, Write, WriteRequest, correction, required_correction, subject, under, upon,
};
use crate::wire::{Violations, v1};

const ORDER_LEN_MAX: usize = 200;
const PLACE_LEN_MAX: usize = 200;
const CONTACT_LEN_MAX: usize = 200;
const MEDICAL_LEN_MAX: usize = 1_000;
const CITATION_LEN_MAX: usize = 200;

impl WriteRequest for v1::OpenCustodyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let intake = intake(&mut form, "custody", self.custody);
        under(form, &self.parent, intake.map(CaseCommand::OpenCustody), &self.request_id)
    }
}

impl WriteRequest for v1::ScheduleReleaseRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let custody = form.case("name", &self.name, CaseKind::Custody);
        let release = scheduled(&mut form, "release", self.release);
        let command = custody.zip(release).map(|(custody, release)| CaseCommand::ScheduleRelease { custody, release });
        upon(form, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::RescheduleReleaseRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let custody = form.case("name", &self.name, CaseKind::Custody);
        let release = scheduled(&mut form, "release", self.release);
        let command =
            custody.zip(release).map(|(custody, release)| CaseCommand::RescheduleRelease { custody, release });
        upon(form, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::CancelReleaseRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let custody = form.case("name", &self.name, CaseKind::Custody);
        let reason = form.text("reason", &self.reason, TextKind::Reason, REASON_LEN_MAX);
        let other_ground = other_ground(&mut form, self.other_ground);
        let command = custody.map(|custody| CaseCommand::CancelRelease { custody, reason, other_ground });
        upon(form, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::RecordReleaseRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let custody = form.case("name", &self.name, CaseKind::Custody);
        let release = released(&mut form, "release", self.release);
        let correction = correction(&mut form, self.correction);
        let reason = form.text("reason", &self.reason, TextKind::Reason, REASON_LEN_MAX);
        let handed_over =
            release.as_ref().is_none_or(|release| release.recipient == ReleaseRecipient::RequestingAgency);
        let detainer = if handed_over {
            Some(&self.detainer)
                .filter(|name| !name.is_empty())
                .and_then(|name| form.case("detainer", name, CaseKind::Detainer))
        } else {
            form.empty("detainer", &self.detainer, "empty unless the person was handed to the requesting agency");
            None
        };
        let to = HandedTo { detainer, reason };
        let command = custody.zip(release).map(|(custody, release)| CaseCommand::RecordRelease {
            custody,
            release,
            correction,
            to,
        });
        upon(form, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::UpdateChargesRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let custody = form.case("name", &self.name, CaseKind::Custody);
        let charges = subject::charges(&mut form, "charges", self.charges);
        let other_ground = other_ground(&mut form, self.other_ground);
        if other_ground.is_some() && !charges.iter().any(|charge| charge.status.is_live()) {
            form.fault("charges", "with one that the person is held on, where another ground is cited");
        }
        let command = custody.map(|custody| CaseCommand::UpdateCharges { custody, charges, other_ground });
        upon(form, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::CorrectIdentityRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let custody = form.case("name", &self.name, CaseKind::Custody);
        let subject = subject::subject(&mut form, "subject", self.subject);
        let flags = circumstances(&mut form, "flags", self.flags);
        let correction = required_correction(&mut form, self.correction);
        let identity = subject.zip(flags).map(|(subject, flags)| Box::new(Identity { subject, flags }));
        let command = custody
            .zip(identity)
            .zip(correction)
            .map(|((custody, identity), correction)| CaseCommand::CorrectIdentity { custody, identity, correction });
        upon(form, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::MoveCustodyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let custody = form.case("name", &self.name, CaseKind::Custody);
        let movement = movement(&mut form, "movement", self.movement);
        let command = custody.zip(movement).map(|(custody, movement)| CaseCommand::MoveCustody { custody, movement });
        upon(form, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::CloseCustodyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let custody = form.case("name", &self.name, CaseKind::Custody);
        let closing = closing(&mut form, "closing", self.closing);
        let other_ground = other_ground(&mut form, self.other_ground);
        let command = custody.zip(closing);
        let command = command.map(|(custody, closing)| CaseCommand::CloseCustody { custody, closing, other_ground });
        upon(form, command, &self.request_id, &self.etag)
    }
}

impl WriteRequest for v1::ReopenCustodyRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut form = Form::default();
        let custody = form.case("name", &self.name, CaseKind::Custody);
        let correction = required_correction(&mut form, self.correction);
        let command =
            custody.zip(correction).map(|(custody, correction)| CaseCommand::ReopenCustody { custody, correction });
        upon(form, command, &self.request_id, &self.etag)
    }
}

fn intake(form: &mut Form, field: &str, custody: Option<v1::Custody>) -> Option<Intake> {
    let custody = form.required(field, custody)?;
    let facility = form.required_id(&format!("{field}.facility"), &custody.facility);
    let subject = subject::subject(form, &format!("{field}.subject"), custody.subject);
    let charges = subject::charges(form, &format!("{field}.charges"), custody.charges);
    let occurred_at = form.time(&format!("{field}.occurred_at"), custody.occurred_at);
    let note_field = format!("{field}.medical_note");
    let medical_note = form.text(&note_field, &custody.medical_note, TextKind::Reason, MEDICAL_LEN_MAX);
    let contact_field = format!("{field}.victim_contact");
    let victim_contact = form.text(&contact_field, &custody.victim_contact, TextKind::Reason, CONTACT_LEN_MAX);
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

fn scheduled(form: &mut Form, field: &str, release: Option<v1::ScheduledRelease>) -> Option<ScheduledRelease> {
    let release = form.required(field, release)?;
    let expected_at = form.required_time(&format!("{field}.expected_at"), release.expected_at);
    let basis = form.required_word(&format!("{field}.basis"), release.basis);
    let as_of = form.time(&format!("{field}.as_of"), release.as_of);
    let place = form.text(&format!("{field}.place"), &release.place, TextKind::Place, PLACE_LEN_MAX);
    Some(ScheduledRelease { expected_at: expected_at?, basis: basis?, as_of, date_public: release.date_public, place })
}

fn released(form: &mut Form, field: &str, release: Option<v1::ActualRelease>) -> Option<ActualRelease> {
    let release = form.required(field, release)?;
    let released_at = form.required_time(&format!("{field}.released_at"), release.released_at);
    let reason = form.required_word(&format!("{field}.reason"), release.reason);
    let recipient = form.required_word(&format!("{field}.recipient"), release.recipient);
    let ordered_by =
        form.required_text(&format!("{field}.ordered_by"), &release.ordered_by, TextKind::Citation, ORDER_LEN_MAX);
    let place = form.text(&format!("{field}.place"), &release.place, TextKind::Place, PLACE_LEN_MAX);
    Some(ActualRelease {
        released_at: released_at?,
        reason: reason?,
        recipient: recipient?,
        ordered_by: ordered_by?,
        date_public: release.date_public,
        place,
    })
}

fn movement(form: &mut Form, field: &str, movement: Option<v1::Movement>) -> Option<Movement> {
    let movement = form.required(field, movement)?;
    let occurred_at = form.time(&format!("{field}.occurred_at"), movement.occurred_at);
    let (facility_field, custodian_field) = (format!("{field}.facility"), format!("{field}.custodian"));
    let kind = form.required_word(&format!("{field}.kind"), movement.kind)?;
    let facility = match kind {
        MovementKind::Facility | MovementKind::Agency => form.required_id(&facility_field, &movement.facility),
        MovementKind::Hospital | MovementKind::Court => {
            form.empty(&facility_field, &movement.facility, "empty unless the person is in a facility");
            None
        }
    };
    let custodian = match kind {
        MovementKind::Agency => form.required_agency(&custodian_field, &movement.custodian),
        MovementKind::Facility | MovementKind::Hospital | MovementKind::Court => {
            form.empty(&custodian_field, &movement.custodian, "empty unless another agency holds the person");
            None
        }
    };
    let to = match kind {
        MovementKind::Facility => Destination::Facility(facility?),
        MovementKind::Hospital => Destination::Hospital,
        MovementKind::Court => Destination::Court,
        MovementKind::Agency => Destination::Agency(custodian?, facility?),
    };
    Some(Movement { to, occurred_at })
}

fn closing(form: &mut Form, field: &str, closing: Option<v1::Closing>) -> Option<Closing> {
    let closing = form.required(field, closing)?;
    let reason = form.required_word(&format!("{field}.reason"), closing.reason);
    let occurred_at = form.required_time(&format!("{field}.occurred_at"), closing.occurred_at);
    Some(Closing { reason: reason?, occurred_at: occurred_at? })
}

/// Another ground, where one is cited.
fn other_ground(form: &mut Form, cited: Option<v1::OtherGround>) -> Option<OtherGround> {
    let cited = cited?;
    let citation = form.required_text("other_ground.citation", &cited.citation, TextKind::Citation, CITATION_LEN_MAX);
    let document_sha256 = form.digest("other_ground.document_sha256", cited.document_sha256);
    let cited = OtherGround { citation: citation?, document_sha256: document_sha256? };
    if cited.is_the_detainers() {
        form.fault(
            "other_ground.citation",
            "another ground than the detainer: a request to hold is none beside itself",
        );
    }
    Some(cited)
}

/// Circumstances as corrected. A claim is no circumstance that a correction could raise or resolve by the way.
fn circumstances(form: &mut Form, field: &str, flags: Option<v1::Flags>) -> Option<Flags> {
    let flags = form.required(field, flags)?;
    if flags.citizenship_claim {
        form.fault(&format!("{field}.citizenship_claim"), "unset: a claim is raised and resolved by its own methods");
    }
    Some(subject::flags(Some(flags)))
}
