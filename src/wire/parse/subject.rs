//! Persons and charges.

use std::fmt::Display;

use crate::domain::charge::{Charge, ChargeStatus};
use crate::domain::subject::{Flags, Identifiers, PersonName, Subject};
use crate::domain::text::TextKind;
use crate::wire::parse::RequestFields;
use crate::wire::v1;

const NAME_LEN_MAX: usize = 100;
const ADDRESS_LEN_MAX: usize = 200;
const ALIASES_MAX: usize = 20;
const CHARGES_MAX: usize = 50;
const SENTENCE_DAYS_MAX: u32 = 100_000;

pub(super) fn subject(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    subject: Option<v1::Subject>,
) -> Option<Subject> {
    let subject = fields.required(field, subject)?;
    let name = fields.required(format_args!("{field}.name"), subject.name);
    let name = name.and_then(|name| person_name(fields, format_args!("{field}.name"), &name));
    let aliases = fields.list(format_args!("{field}.aliases"), subject.aliases, ALIASES_MAX, |fields, field, name| {
        person_name(fields, field, &name)
    });
    let birth_date = fields.id(format_args!("{field}.birth_date"), &subject.birth_date);
    let sex = fields.word(format_args!("{field}.sex"), subject.sex);
    let ids = subject.identifiers.unwrap_or_default();
    let identifiers = Identifiers {
        alien_number: fields.id(format_args!("{field}.identifiers.alien_number"), &ids.alien_number),
        fbi_number: fields.id(format_args!("{field}.identifiers.fbi_number"), &ids.fbi_number),
        state_id: fields.id(format_args!("{field}.identifiers.state_id"), &ids.state_id),
        booking_number: fields.id(format_args!("{field}.identifiers.booking_number"), &ids.booking_number),
        din: fields.id(format_args!("{field}.identifiers.din"), &ids.din),
    };
    let citizenship = fields.id(format_args!("{field}.citizenship"), &subject.citizenship);
    let home_address =
        fields.text(format_args!("{field}.home_address"), &subject.home_address, TextKind::Place, ADDRESS_LEN_MAX);
    let work_address =
        fields.text(format_args!("{field}.work_address"), &subject.work_address, TextKind::Place, ADDRESS_LEN_MAX);
    Some(Subject { name: name?, aliases, birth_date, sex, identifiers, citizenship, home_address, work_address })
}

/// A person with only one name may have it in either field.
fn person_name(fields: &mut RequestFields, field: impl Display + Copy, name: &v1::PersonName) -> Option<PersonName> {
    let given_field = format_args!("{field}.given");
    let family_field = format_args!("{field}.family");
    let given = fields.text(given_field, &name.given, TextKind::Name, NAME_LEN_MAX);
    if given.is_some() {
        let family = fields.text(family_field, &name.family, TextKind::Name, NAME_LEN_MAX);
        return Some(PersonName { given: given.unwrap_or_default(), family: family.unwrap_or_default() });
    }
    let family = fields.required_text(family_field, &name.family, TextKind::Name, NAME_LEN_MAX);
    Some(PersonName { given: String::new(), family: family? })
}

pub(super) fn charges(fields: &mut RequestFields, field: impl Display + Copy, charges: Vec<v1::Charge>) -> Vec<Charge> {
    fields.list(field, charges, CHARGES_MAX, |fields, field, charge| {
        let statute = fields.text(format_args!("{field}.statute"), &charge.statute, TextKind::Citation, NAME_LEN_MAX);
        let ncic = fields.id(format_args!("{field}.ncic_code"), &charge.ncic_code);
        let nibrs = fields.id(format_args!("{field}.nibrs_code"), &charge.nibrs_code);
        let severity = fields.word(format_args!("{field}.severity"), charge.severity);
        let status = fields.required_word(format_args!("{field}.status"), charge.status);
        let charged_on = fields.date(format_args!("{field}.charged_on"), &charge.charged_on);
        let convicted_on = fields.date(format_args!("{field}.convicted_on"), &charge.convicted_on);
        let sentence_days =
            fields.number(format_args!("{field}.sentence_days"), charge.sentence_days, SENTENCE_DAYS_MAX);
        if convicted_on.is_some() && status.is_some_and(|status: ChargeStatus| !status.may_follow_conviction()) {
            fields.fault(format_args!("{field}.convicted_on"), "empty where the charge has come to no conviction");
        }
        Some(Charge {
            statute,
            ncic,
            nibrs,
            severity,
            status: status?,
            charged_on,
            convicted_on,
            sentence_days: sentence_days.filter(|days| *days > 0),
        })
    })
}

pub(super) fn flags(flags: Option<v1::Flags>) -> Flags {
    let flags = flags.unwrap_or_default();
    Flags {
        citizenship_claim: flags.citizenship_claim,
        proof_of_status: flags.proof_of_status,
        juvenile: flags.juvenile,
        victim_witness: flags.victim_witness,
        protected_program: flags.protected_program,
        citizen: flags.citizen,
        lawful_status: flags.lawful_status,
        terrorist_list_match: flags.terrorist_list_match,
        sealed: false,
    }
}
