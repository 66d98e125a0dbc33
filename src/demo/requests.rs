//! The requests about a person of the roster, as each side writes them.

use crate::demo::agencies::{CUSTODIANS, FacilityKind};
use crate::demo::calendar;
use crate::demo::person::{Outcome, Person};
use crate::domain::charge::{ChargeStatus, OffenceCategory, Severity};
use crate::domain::custody::ReleaseReason;
use crate::domain::detainer::{IssuingAuthority, WarrantKind};
use crate::domain::warrant::{VerificationMethod, VerificationOutcome, WarrantDetail};
use crate::ledger;
use crate::wire::enums::to_wire;
use crate::wire::show::timestamp;
use crate::wire::v1;

/// A number that is reserved for fiction.
const DUTY_DESK: &str = "+1-202-555-0100";
/// Added to a person's number to make somebody else's.
const OTHERS: u32 = 500_000;

/// The detainer for a person.
pub(super) fn detainer(person: &Person) -> v1::Detainer {
    let authority = match person.warrant {
        WarrantKind::None => IssuingAuthority::None,
        WarrantKind::I200 | WarrantKind::I205 => IssuingAuthority::ImmigrationOfficer,
        WarrantKind::Judicial => IssuingAuthority::FederalJudge,
    };
    let asked_at = timestamp(calendar::minutes_before(person.lodged, 20));
    v1::Detainer {
        custodian: format!("agencies/{}", person.custodian),
        form: to_wire(person.form),
        basis: person.bases.iter().copied().map(to_wire).collect(),
        warrant: Some(v1::Warrant {
            kind: to_wire(person.warrant),
            issuing_authority: to_wire(authority),
            signed_at: (person.warrant != WarrantKind::None).then_some(asked_at),
            ..document(person)
        }),
        subject: Some(v1::Subject {
            identifiers: Some(v1::Identifiers {
                alien_number: alien_number(person),
                fbi_number: format!("9X{:06}", person.number),
                ..Default::default()
            }),
            ..subject(person)
        }),
        // The requester knows of an arrest.
        charges: vec![v1::Charge {
            ncic_code: ncic(person.offence).to_owned(),
            status: to_wire(ChargeStatus::Arrested),
            ..Default::default()
        }],
        contact_phone: DUTY_DESK.to_owned(),
        occurred_at: Some(asked_at),
        ..Default::default()
    }
}

/// The document of a warrant: synthetic, given by its hash.
fn document(person: &Person) -> v1::Warrant {
    if person.warrant == WarrantKind::None {
        return v1::Warrant::default();
    }
    let text = format!("synthetic {} of person {}", person.warrant.word(), person.number);
    v1::Warrant {
        document_sha256: ledger::commit(&[0; 32], text.as_bytes()).as_bytes().to_vec(),
        document_media_type: "application/pdf".to_owned(),
        ..Default::default()
    }
}

/// What an officer found when checking a judge's warrant.
pub(super) fn verification(person: &Person) -> v1::WarrantVerification {
    let claimed = detainer(person).warrant.unwrap_or_default();
    let seen = v1::Warrant {
        court: "a United States District Court (synthetic)".to_owned(),
        signer: "a magistrate judge (synthetic)".to_owned(),
        docket: format!("mj-{:06}", person.number),
        ..claimed
    };
    v1::WarrantVerification {
        outcome: to_wire(VerificationOutcome::Verified),
        method: to_wire(VerificationMethod::DocketChecked),
        compared: [WarrantDetail::Subject, WarrantDetail::Docket].map(to_wire).to_vec(),
        seen: Some(seen),
        ..Default::default()
    }
}

/// The custody of a person.
pub(super) fn custody(person: &Person) -> v1::Custody {
    let custodian = CUSTODIANS.iter().find(|custodian| custodian.id == person.custodian);
    let state = if person.custodian.starts_with("us-tx") { "TX" } else { "NY" };
    let mut identifiers = v1::Identifiers {
        alien_number: number_on_file(person).unwrap_or_default(),
        state_id: format!("{state}{:08}", person.number),
        ..Default::default()
    };
    match custodian.map(|custodian| custodian.facility_kind) {
        Some(FacilityKind::Prison) if state == "NY" => {
            let letter = char::from_u32(u32::from('A') + person.number / 10_000 % 26).unwrap_or('A');
            identifiers.din = format!("24-{letter}-{:04}", person.number % 10_000);
        }
        Some(FacilityKind::Prison | FacilityKind::Jail) | None => {
            identifiers.booking_number = format!("2025-{:06}", person.number);
        }
    }
    v1::Custody {
        facility: custodian.map(|custodian| custodian.facility.to_owned()).unwrap_or_default(),
        subject: Some(v1::Subject { identifiers: Some(identifiers), ..subject(person) }),
        charges: charges(person),
        flags: Some(v1::Flags {
            citizenship_claim: person.flags.citizenship_claim,
            proof_of_status: person.flags.proof_of_status,
            juvenile: person.flags.juvenile,
            victim_witness: person.flags.victim_witness,
            protected_program: person.flags.protected_program,
            ..Default::default()
        }),
        occurred_at: Some(timestamp(calendar::minutes_before(person.intake, 45))),
        ..Default::default()
    }
}

/// The A-number by which the requester knows the person.
pub(super) fn alien_number(person: &Person) -> String {
    format!("{:09}", 900_000_000 + person.number)
}

/// The A-number in the custodian's files, if there is one. It is somebody else's where the identity does not match.
pub(super) fn number_on_file(person: &Person) -> Option<String> {
    match person.outcome {
        Outcome::IdentityMismatch => Some(format!("{:09}", 900_000_000 + OTHERS + person.number)),
        Outcome::Outstanding { .. } | Outcome::Released(_) | Outcome::NoSuchPerson | Outcome::Lifted(..) => {
            person.number_on_file.then(|| alien_number(person))
        }
    }
}

/// The authority that ordered a release.
pub(super) fn ordered_by(reason: ReleaseReason) -> &'static str {
    match reason {
        ReleaseReason::Bail | ReleaseReason::Recognizance | ReleaseReason::Dismissed | ReleaseReason::CourtOrder => {
            "order of a criminal court (synthetic)"
        }
        ReleaseReason::Acquitted => "verdict of a jury (synthetic)",
        ReleaseReason::SentenceServed => "end of the sentence (synthetic)",
        ReleaseReason::Parole => "decision of a parole board (synthetic)",
        ReleaseReason::Pardon => "act of a governor (synthetic)",
    }
}

fn subject(person: &Person) -> v1::Subject {
    let (given, family) = person.name.clone();
    v1::Subject {
        name: Some(v1::PersonName { given, family }),
        birth_date: person.birth_date.clone(),
        sex: to_wire(person.sex),
        citizenship: person.citizenship.to_owned(),
        ..Default::default()
    }
}

fn charges(person: &Person) -> Vec<v1::Charge> {
    // The day before: in the jurisdiction's time zone the intake itself may fall on the previous day.
    let charged_on = calendar::minutes_before(person.intake, 24 * 60).strftime("%Y-%m-%d").to_string();
    let leading = v1::Charge {
        ncic_code: ncic(person.offence).to_owned(),
        severity: to_wire(severity(person.offence)),
        status: to_wire(person.status),
        charged_on: charged_on.clone(),
        ..Default::default()
    };
    let lesser = v1::Charge {
        ncic_code: ncic(OffenceCategory::Other).to_owned(),
        severity: to_wire(Severity::Violation),
        status: to_wire(ChargeStatus::Charged),
        charged_on,
        ..Default::default()
    };
    if person.second_charge { vec![leading, lesser] } else { vec![leading] }
}

/// An NCIC code of the offence group.
fn ncic(offence: OffenceCategory) -> &'static str {
    match offence {
        OffenceCategory::Homicide => "0999",
        OffenceCategory::Assault => "1399",
        OffenceCategory::Burglary => "2299",
        OffenceCategory::Robbery => "1299",
        OffenceCategory::Drugs => "3599",
        OffenceCategory::Weapons => "5299",
        OffenceCategory::Sexual => "1199",
        OffenceCategory::Other => "5499",
    }
}

fn severity(offence: OffenceCategory) -> Severity {
    match offence {
        OffenceCategory::Homicide
        | OffenceCategory::Burglary
        | OffenceCategory::Robbery
        | OffenceCategory::Sexual
        | OffenceCategory::Weapons => Severity::Felony,
        OffenceCategory::Assault | OffenceCategory::Drugs | OffenceCategory::Other => Severity::Misdemeanor,
    }
}
