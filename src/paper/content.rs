//! What a form says, in the order in which it is read. Fields have the names of Form I-247A (02/17); the layout is ours.

use jiff::Timestamp;
use qrcode::{Color, QrCode};

use crate::domain::charge::{ChargeStatus, Severity};
use crate::domain::detainer::{DetainerBasis, DetainerForm, IssuingAuthority, WarrantKind};
use crate::domain::subject::Sex;
use crate::domain::vocabulary::Vocabulary;
use crate::paper::error::PaperError;
use crate::paper::layout::{FieldKind, Pages};
use crate::paper::proof::Proof;
use crate::paper::sections::{DETAINER_FIELD, Kind, LAYOUT, LAYOUT_FIELD, SECTIONS, Section, VERSION_FIELD};
use crate::wire::{enums, v1};

/// A text of more characters has a field of several lines.
const TALL_FROM: u16 = 300;
/// Of each field that the form itself fills in.
const FIXED_CHARS_MAX: usize = 200;

/// The pages of a detainer.
pub(super) fn pages(detainer: &v1::Detainer, proof: Option<&Proof>) -> Result<Pages, PaperError> {
    let form: Option<DetainerForm> = enums::from_wire(detainer.form);
    let named = form.map_or_else(|| "I-247".to_owned(), |form| form.word().to_uppercase());
    let mut pages = Pages::new(&format!("Immigration Detainer - Notice of Action ({named})"));
    pages.code = proof.map(|proof| code(&detainer.name, proof)).transpose()?;
    head(&mut pages, detainer, &named, proof);
    person(&mut pages, detainer.subject.as_ref());
    determination(&mut pages, detainer);
    requested(&mut pages, form);
    warrant(&mut pages, detainer.warrant.as_ref());
    charges(&mut pages, &detainer.charges);
    safeguards(&mut pages, detainer);
    returned(&mut pages, detainer)?;
    Ok(pages)
}

fn head(pages: &mut Pages, detainer: &v1::Detainer, named: &str, proof: Option<&Proof>) {
    pages.heading(1, "Immigration Detainer - Notice of Action", 13.0);
    pages.narrow(&format!("Fields of Form {named}, Department of Homeland Security, in a layout of Comity's own."));
    pages.narrow(&format!("Detainer: {}", detainer.name));
    pages.narrow(&format!("Version of the request: {}", detainer.version));
    match proof {
        Some(Proof { leaf_hash, origin, size }) => {
            pages.narrow(&format!("Recorded in: {origin}, proven at size {size}"));
            pages.narrow(&format!("Leaf: {leaf_hash}"));
        }
        None => pages.narrow("No receipt came with it: this print proves nothing."),
    }
    pages.narrow("A character that the font of this form lacks stands as its Unicode code point, as [U+674E].");
    pages.clear_code();
    let to = if detainer.custodian.is_empty() {
        "Whoever in the jurisdiction holds the person"
    } else {
        &detainer.custodian
    };
    pages.row("To", to);
    pages.row("From", &detainer.issuer);
    pages.row("Date", &time(detainer.occurred_at.or(detainer.create_time)));
    pages.row("24-hour telephone", &detainer.contact_phone);
}

fn person(pages: &mut Pages, subject: Option<&v1::Subject>) {
    let Some(subject) = subject else { return };
    let ids = subject.identifiers.clone().unwrap_or_default();
    pages.heading(2, "Name of subject", 10.0);
    pages.row("Name", &subject.name.as_ref().map(name).unwrap_or_default());
    if !subject.aliases.is_empty() {
        pages.row("Other names", &subject.aliases.iter().map(name).collect::<Vec<_>>().join("; "));
    }
    pages.row("Date of birth", &subject.birth_date);
    pages.row("Citizenship", &subject.citizenship);
    pages.row("Sex", word::<Sex>(subject.sex));
    pages.row("Subject ID / File No. (A-number)", &ids.alien_number);
    pages.row("FBI number", &ids.fbi_number);
    pages.row("State ID", &ids.state_id);
    pages.row("Local booking / inmate number", &ids.booking_number);
    pages.row("DIN", &ids.din);
    pages.row("Address", &subject.home_address);
    pages.row("Place of work", &subject.work_address);
}

fn determination(pages: &mut Pages, detainer: &v1::Detainer) {
    let stated = |basis: DetainerBasis| detainer.basis.contains(&enums::to_wire(basis));
    pages.heading(2, "Determination of the Department of Homeland Security", 10.0);
    pages.paragraph("1. Probable cause exists that the subject is removable. This rests on:");
    pages.ticked(stated(DetainerBasis::FinalOrder), "a final order of removal against the subject;");
    pages.ticked(stated(DetainerBasis::PendingProceedings), "the pendency of ongoing removal proceedings;");
    pages.ticked(
        stated(DetainerBasis::BiometricMatch),
        "biometric confirmation of the subject's identity and a check of federal databases;",
    );
    pages.ticked(stated(DetainerBasis::Statements), "statements made by the subject, or other reliable evidence.");
    pages.paragraph("2. Custody lent:");
    pages.ticked(
        stated(DetainerBasis::CustodyLent),
        "the department transferred the subject to your custody for a proceeding or investigation.",
    );
}

fn requested(pages: &mut Pages, form: Option<DetainerForm>) {
    // Which forms ask for a hold: the comments of the contract on each.
    let holds = matches!(form, Some(DetainerForm::I247a | DetainerForm::I247d | DetainerForm::I247x));
    let notifies = matches!(form, Some(DetainerForm::I247a | DetainerForm::I247g | DetainerForm::I247n));
    pages.heading(2, "It is therefore requested that you", 10.0);
    pages.ticked(
        notifies,
        "notify the department as early as practicable, at least 48 hours if possible, before release;",
    );
    pages.ticked(
        holds,
        "maintain custody for not more than 48 hours beyond the time when the subject would otherwise have been released. \
         The subject must be served with a copy of this form for the detainer to take effect;",
    );
    pages.ticked(true, "relay this detainer to any other agency that you transfer the subject to;");
    pages.ticked(true, "notify the department in the event of the subject's death, hospitalization or transfer.");
    pages.paragraph(
        "This is a request. What the law of the jurisdiction says of it is for the agency that receives it.",
    );
}

fn warrant(pages: &mut Pages, warrant: Option<&v1::Warrant>) {
    pages.heading(2, "Attached warrant", 10.0);
    let Some(warrant) = warrant else { return pages.paragraph("None.") };
    pages.row("Form", &word::<WarrantKind>(warrant.kind).to_uppercase());
    pages.row("Issuing authority", word::<IssuingAuthority>(warrant.issuing_authority));
    pages.row("Signed", &time(warrant.signed_at));
    for (label, text) in [
        ("Court", &warrant.court),
        ("Signer", &warrant.signer),
        ("Docket", &warrant.docket),
        ("Good until", &warrant.expires_on),
        ("Document", &warrant.document_media_type),
    ] {
        if !text.is_empty() {
            pages.row(label, text);
        }
    }
    if !warrant.document_sha256.is_empty() {
        pages.row("SHA-256 of the document", &hex::encode(&warrant.document_sha256));
    }
    if warrant.criminal {
        pages.paragraph("The warrant is on a federal criminal charge.");
    }
}

fn charges(pages: &mut Pages, charges: &[v1::Charge]) {
    pages.heading(2, "Criminal charges known to the issuer", 10.0);
    if charges.is_empty() {
        pages.paragraph("None.");
    }
    for (number, charge) in (1..).zip(charges) {
        let mut said = vec![word::<ChargeStatus>(charge.status).to_owned()];
        said.extend(Some(word::<Severity>(charge.severity)).filter(|word| !word.is_empty()).map(str::to_owned));
        for (label, text) in [
            ("statute", &charge.statute),
            ("NCIC", &charge.ncic_code),
            ("NIBRS", &charge.nibrs_code),
            ("charged on", &charge.charged_on),
            ("convicted on", &charge.convicted_on),
        ] {
            said.extend((!text.is_empty()).then(|| format!("{label} {text}")));
        }
        said.extend((charge.sentence_days > 0).then(|| format!("sentence {} days", charge.sentence_days)));
        pages.row(&format!("Charge {number}"), &said.join(", "));
    }
}

/// Not those that are restricted, nor the watch list: a copy of the form is served on the person.
fn safeguards(pages: &mut Pages, detainer: &v1::Detainer) {
    let flags = detainer.flags.unwrap_or_default();
    let stated: Vec<&str> = [
        (flags.citizenship_claim, "claims to be a citizen of the United States"),
        (flags.proof_of_status, "proof of citizenship or lawful status"),
        (flags.citizen, "citizen of the United States"),
        (flags.lawful_status, "lawful status"),
        (flags.juvenile, "juvenile"),
    ]
    .into_iter()
    .filter_map(|(stated, word)| stated.then_some(word))
    .collect();
    if !stated.is_empty() {
        pages.heading(2, "Circumstances", 10.0);
        pages.paragraph(&stated.join("; "));
    }
    pages.blank("Officer and signature");
}

/// The return section, from a page of its own on.
fn returned(pages: &mut Pages, detainer: &v1::Detainer) -> Result<(), PaperError> {
    pages.break_page();
    pages.heading(1, "To be completed and returned", 13.0);
    pages.paragraph(
        "Fill in the parts that you answer for, and leave the others empty. Tick one box in a row. Times are given in UTC, as \
         2026-02-01T12:00:00Z. What is returned is entered by an officer, and is held against the same law as a message.",
    );
    for (name, label, text) in [
        (LAYOUT_FIELD, "Layout of this form", LAYOUT.to_owned()),
        (DETAINER_FIELD, "Detainer", detainer.name.clone()),
        (VERSION_FIELD, "Version of the request", detainer.version.to_string()),
    ] {
        if !text.is_ascii() || text.len() > FIXED_CHARS_MAX {
            return Err(PaperError::Nameless);
        }
        pages.field(name, label, FieldKind::Fixed(text));
    }
    for section in SECTIONS {
        part(pages, section);
    }
    pages.blank("Officer and signature");
    Ok(())
}

fn part(pages: &mut Pages, section: &Section) {
    pages.heading(2, section.title, 10.0);
    pages.paragraph(section.instruction);
    for item in section.items {
        match &item.kind {
            Kind::Text(chars_max) => {
                let kind = FieldKind::Text { chars_max: *chars_max, tall: *chars_max >= TALL_FROM };
                pages.field(item.name, item.label, kind);
            }
            Kind::Time => pages.field(item.name, item.label, FieldKind::Text { chars_max: 40, tall: false }),
            Kind::Sha256 => pages.field(item.name, item.label, FieldKind::Text { chars_max: 64, tall: false }),
            Kind::Percent => pages.field(item.name, item.label, FieldKind::Text { chars_max: 3, tall: false }),
            Kind::Check | Kind::ThisDetainer => pages.tick(item.name, item.label),
            Kind::Choice { words, .. } => {
                let option = |word: &str| (format!("{}.{word}", item.name), word.replace('-', " "));
                let options: Vec<_> = words().into_iter().map(option).collect();
                pages.choice(item.label, &options);
            }
        }
    }
}

/// The code in the corner. It says which detainer, and what proves that it was recorded; nothing of the person.
fn code(name: &str, proof: &Proof) -> Result<(Vec<bool>, usize), PaperError> {
    let Proof { leaf_hash, origin, size } = proof;
    let text = format!("COMITY-RECEIPT/1\n{name}\n{leaf_hash}\n{origin}\n{size}");
    let code = QrCode::new(text).map_err(|error| PaperError::Unwritten(error.to_string()))?;
    Ok((code.to_colors().into_iter().map(|color| color == Color::Dark).collect(), code.width()))
}

/// The word of a value of the contract. Empty where there is none.
fn word<V: Vocabulary>(number: i32) -> &'static str {
    enums::from_wire::<V>(number).map_or("", V::plain_word)
}

fn name(name: &v1::PersonName) -> String {
    match (name.family.as_str(), name.given.as_str()) {
        (family, "") => family.to_owned(),
        ("", given) => given.to_owned(),
        (family, given) => format!("{family}, {given}"),
    }
}

fn time(time: Option<crate::wire::Timestamp>) -> String {
    let time = time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
    time.map(|time| time.to_string()).unwrap_or_default()
}
