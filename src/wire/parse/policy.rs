//! Requests about the law itself: to judge given facts, and to judge a past period again.

use std::fmt::Display;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::charge::{ChargeStatus, ConvictionAge};
use crate::domain::detainer::{IssuingAuthority, WarrantKind};
use crate::domain::facts::{Assertions, CaseFacts, Judge, Offence};
use crate::domain::ids::JurisdictionId;
use crate::domain::statute::{Paragraph, Reading};
use crate::wire::parse::RequestFields;
use crate::wire::{Violations, v1};

/// The most offences in one question. Each can change in many ways, and every way is tried.
const OFFENCES_MAX: usize = 16;
/// The most paragraphs that list one offence.
const PARAGRAPHS_MAX: usize = 16;
/// The most asserted grounds in one question.
const BASIS_MAX: usize = 8;
/// The most files that a candidate may replace.
const FILES_MAX: usize = 16;

/// A hypothetical case.
#[derive(Debug)]
pub struct Evaluation {
    /// The jurisdiction whose law is asked.
    pub jurisdiction: JurisdictionId,
    /// The facts.
    pub facts: CaseFacts,
    /// The time of the question. None: now.
    pub at: Option<Timestamp>,
}

/// A period to judge again.
#[derive(Debug)]
pub struct Period {
    /// The jurisdiction of the logs.
    pub jurisdiction: JurisdictionId,
    /// The first moment of the period.
    pub from: Option<Timestamp>,
    /// The moment after the period.
    pub to: Option<Timestamp>,
    /// Files that replace those of the set in force, by name. A file without a text is removed.
    pub files: Vec<(String, Option<String>)>,
}

/// Reads a case to judge. Refuses facts that contradict each other.
pub fn evaluation(request: v1::EvaluateRequest) -> Result<Evaluation, Violations> {
    let mut fields = RequestFields::default();
    let jurisdiction = fields.jurisdiction("parent", &request.parent);
    let given = fields.required("facts", request.facts);
    let asked = given.and_then(|given| {
        fields.empty("facts.detainer", &given.detainer, "empty: no case is touched");
        let at = fields.time("facts.judge_time", given.judge_time);
        Some((facts(&mut fields, &given)?, at))
    });
    let value = jurisdiction.zip(asked).map(|(jurisdiction, (facts, at))| Evaluation { jurisdiction, facts, at });
    fields.finish(value)
}

/// Reads a period to judge again.
pub fn period(request: v1::ReplayRequest) -> Result<Period, Violations> {
    let mut fields = RequestFields::default();
    let jurisdiction = fields.jurisdiction("parent", &request.parent);
    let from = fields.time("start_time", request.start_time);
    let to = fields.time("end_time", request.end_time);
    let files = fields.list("files", request.files, FILES_MAX, |fields, field, file| {
        if !is_law(&file.name) {
            fields.fault(
                format_args!("{field}.name"),
                "law/{jurisdiction}.cedar, .cases.toml or .offences.toml, or law/switches.toml",
            );
            return None;
        }
        Some((file.name, Some(file.text).filter(|text| !text.is_empty())))
    });
    fields.finish(jurisdiction.map(|jurisdiction| Period { jurisdiction, from, to, files }))
}

/// Whether counsel write this file. They do not write the safeguards and the access rules.
fn is_law(name: &str) -> bool {
    let Some(name) = name.strip_prefix("law/") else { return false };
    let stem = [".cedar", ".cases.toml", ".offences.toml"].iter().find_map(|end| name.strip_suffix(end));
    name == "switches.toml" || stem.is_some_and(|stem| stem.parse::<JurisdictionId>().is_ok())
}

fn facts(fields: &mut RequestFields, given: &v1::Facts) -> Option<CaseFacts> {
    let basis = fields.list("facts.basis", given.basis.clone(), BASIS_MAX, |fields, field, number| {
        fields.required_word(field, number)
    });
    let stage = fields.required_word("facts.stage", given.stage);
    let requester_kind = fields.required_word("facts.requester_kind", given.requester_kind);
    let custodian_class = fields.word("facts.custodian_class", given.custodian_class);
    let kind = fields.required_word("facts.form", given.form);
    let warrant: Option<WarrantKind> = fields.required_word("facts.warrant", given.warrant);
    let said = v1::Assertions {
        issuing_authority: given.issuing_authority,
        criminal_warrant: given.criminal_warrant,
        terrorist_list_match: given.terrorist_list_match,
        offences: given.offences.clone(),
        citizenship_claim: given.citizenship_claim,
        citizen: given.citizen || given.proof_of_status,
        lawful_status: given.lawful_status,
        juvenile: given.juvenile,
        sealed: given.sealed,
        protected: given.protected,
    };
    let record = assertions(fields, "facts", said);
    let asserted = given.asserted.clone().map(|said| assertions(fields, "facts.asserted", said));
    let facts = CaseFacts {
        stage: stage?,
        requester_kind: requester_kind?,
        custodian_class,
        form: kind?,
        asks_for_hold: given.asks_for_hold,
        basis: basis.into_iter().collect(),
        warrant: warrant?,
        final_order: given.final_order,
        date_public: given.date_public,
        match_disputed: given.match_disputed,
        record,
        asserted: asserted.unwrap_or_default(),
    };
    let judge = facts.record.judge != Judge::None;
    for (agrees, field, expected) in [
        (facts.asks_for_hold == facts.form.asks_for_hold(), "asks_for_hold", "as the form says"),
        (facts.warrant != WarrantKind::Judicial, "warrant", "an officer's: a judge's is said by issuing_authority"),
        (given.judicial_warrant == judge, "judicial_warrant", "true where a judge signed, and false where none did"),
    ] {
        if !agrees {
            fields.fault(&format!("facts.{field}"), expected);
        }
    }
    Some(facts)
}

/// What one side says. Facts that follow from others must agree with them: otherwise the law would be asked about an
/// impossible case.
fn assertions(fields: &mut RequestFields, field: impl Display + Copy, given: v1::Assertions) -> Assertions {
    let authority: Option<IssuingAuthority> =
        fields.word(format_args!("{field}.issuing_authority"), given.issuing_authority);
    let judge = authority.map_or(Judge::None, Judge::from);
    let offences =
        fields.list(format_args!("{field}.offences"), given.offences, OFFENCES_MAX, |fields, field, given| {
            offence(fields, field, given)
        });
    let sealed = offences.iter().any(|offence| offence.status.is_sealed());
    if given.criminal_warrant && judge == Judge::None {
        fields.fault(format_args!("{field}.criminal_warrant"), "false where no judge signed");
    }
    if given.sealed != sealed {
        let expected = "true where an offence is sealed or a youthful offender's, and else false";
        fields.fault(format_args!("{field}.sealed"), expected);
    }
    Assertions {
        judge,
        criminal_warrant: given.criminal_warrant,
        terrorist_list_match: given.terrorist_list_match,
        offences: offences.into_iter().collect::<BTreeSet<Offence>>(),
        citizenship_claim: given.citizenship_claim,
        citizen: given.citizen,
        lawful_status: given.lawful_status,
        juvenile: given.juvenile,
        sealed: given.sealed,
        protected: given.protected,
    }
}

fn offence(fields: &mut RequestFields, field: impl Display + Copy, given: v1::Offence) -> Option<Offence> {
    let category = fields.required_word(format_args!("{field}.category"), given.category);
    let status = fields.required_word(format_args!("{field}.status"), given.status);
    let severity = fields.word(format_args!("{field}.severity"), given.severity);
    let age: Option<ConvictionAge> = fields.required_word(format_args!("{field}.age"), given.age);
    let listed =
        fields.list(format_args!("{field}.listed"), given.listed, PARAGRAPHS_MAX, |fields, field, paragraph| {
            fields.id::<Paragraph>(field, &paragraph)
        });
    let reading = fields.word(format_args!("{field}.reading"), given.reading).unwrap_or(Reading::Unlisted);
    let listed: BTreeSet<Paragraph> = listed.into_iter().collect();
    if reading == Reading::Unlisted && !listed.is_empty() {
        fields.fault(format_args!("{field}.listed"), "empty where the table of offences has no such section");
    }
    let offence = Offence { category: category?, status: status?, severity, age: age?, listed, reading };
    if (offence.status == ChargeStatus::Convicted) == (offence.age == ConvictionAge::None) {
        fields.fault(format_args!("{field}.age"), "that of the conviction, and none where there is no conviction");
    }
    Some(offence)
}
