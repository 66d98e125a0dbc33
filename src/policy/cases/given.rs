//! The facts of a case in the words that counsel write.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::domain::charge::{Charge, ChargeStatus, OffenceCategory, Severity};
use crate::domain::detainer::{DetainerBasis, DetainerForm, IssuingAuthority, WarrantKind};
use crate::domain::facts::{AsOf, Assertions, CaseFacts, Judge, Offence, Stage};
use crate::domain::moment::is_leap_second;
use crate::domain::statute::{Paragraph, Reading, Statutes};
use crate::policy::words::{word, words};

/// The keys of `given`. docs/policy.md explains each; a test compares the two lists.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that some law turns on")]
pub(super) struct GivenFacts {
    on: String,
    #[serde(default = "federal")]
    asked_by: String,
    #[serde(default = "unknown")]
    custodian: String,
    #[serde(default = "answer")]
    stage: String,
    #[serde(default = "i_247a")]
    form: String,
    #[serde(default = "biometric_match")]
    basis: Vec<String>,
    #[serde(default = "i_200")]
    warrant: String,
    signed_by: Option<String>,
    #[serde(default)]
    criminal_warrant: bool,
    #[serde(default)]
    terrorist_list_match: bool,
    #[serde(default)]
    charges: Vec<Row>,
    #[serde(default)]
    more_charges: Vec<Row>,
    #[serde(default)]
    citizenship_claim: bool,
    #[serde(default)]
    citizen: bool,
    #[serde(default)]
    lawful_status: bool,
    #[serde(default)]
    juvenile: bool,
    #[serde(default)]
    protected: bool,
    #[serde(default)]
    final_order: bool,
    #[serde(default)]
    date_public: bool,
    #[serde(default)]
    match_disputed: bool,
    #[serde(default)]
    asserted: Claimed,
}

/// What the requester claims, beside what it asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a claim that some law turns on")]
struct Claimed {
    signed_by: Option<String>,
    #[serde(default)]
    criminal_warrant: bool,
    #[serde(default)]
    terrorist_list_match: bool,
    #[serde(default)]
    charges: Vec<Row>,
    #[serde(default)]
    citizenship_claim: bool,
    #[serde(default)]
    citizen: bool,
    #[serde(default)]
    lawful_status: bool,
    #[serde(default)]
    juvenile: bool,
    #[serde(default)]
    protected: bool,
}

/// A charge.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    statute: Option<String>,
    offence: Option<String>,
    status: String,
    severity: Option<String>,
    convicted_on: Option<String>,
    /// Instead of a section: the paragraphs that would list it.
    listed: Option<Vec<String>>,
}

impl GivenFacts {
    /// The facts, and the time of the question.
    pub(super) fn facts(&self, zone: &TimeZone, statutes: &Statutes) -> Result<(CaseFacts, Timestamp), String> {
        let (now, today) = self.moment(zone)?;
        let as_of = AsOf { today, statutes };
        let rows = || self.charges.iter().chain(&self.more_charges);
        let warrant: WarrantKind = word("warrant", &self.warrant.to_lowercase())?;
        let form: DetainerForm = word("form", &self.form.to_lowercase())?;
        let custodian = (self.custodian != unknown()).then(|| word::<AgencyClass>("custodian", &self.custodian));
        let judge = self.judge(warrant)?;
        let facts = CaseFacts {
            stage: word::<Stage>("stage", &self.stage)?,
            requester_kind: word::<AgencyKind>("asked_by", &self.asked_by)?,
            custodian_class: custodian.transpose()?,
            form,
            asks_for_hold: form.asks_for_hold(),
            basis: words::<DetainerBasis>("basis", &self.basis)?.into_iter().collect(),
            warrant: if warrant == WarrantKind::Judicial { WarrantKind::None } else { warrant },
            final_order: self.final_order,
            date_public: self.date_public,
            match_disputed: self.match_disputed,
            record: Assertions {
                judge,
                // As in the gate: a warrant that no judge signed is not a criminal one.
                criminal_warrant: self.criminal_warrant && judge != Judge::None,
                terrorist_list_match: self.terrorist_list_match,
                offences: rows().map(|row| row.offence(as_of)).collect::<Result<_, _>>()?,
                citizenship_claim: self.citizenship_claim,
                citizen: self.citizen,
                lawful_status: self.lawful_status,
                juvenile: self.juvenile,
                sealed: rows().any(Row::sealed),
                protected: self.protected,
            },
            asserted: self.asserted.facts(as_of)?,
        };
        Ok((facts, now))
    }

    /// Which judge signed the warrant that the custodian verified. A judicial warrant is federal unless the case says
    /// otherwise. There may be one beside an officer's warrant too.
    fn judge(&self, warrant: WarrantKind) -> Result<Judge, String> {
        let signer = self.signed_by.as_deref().map(signed_by).transpose()?;
        let usual = match warrant {
            WarrantKind::Judicial => Judge::Federal,
            WarrantKind::None | WarrantKind::I200 | WarrantKind::I205 => Judge::None,
        };
        Ok(signer.unwrap_or(usual))
    }

    /// A date means its first moment in the table's zone, so that the day on which a law takes effect is included.
    fn moment(&self, zone: &TimeZone) -> Result<(Timestamp, Date), String> {
        let civil = self.on.parse::<Date>().map(DateTime::from).or_else(|_| self.on.parse::<DateTime>());
        let civil = civil.ok().filter(|_| !is_leap_second(&self.on));
        let civil = civil.ok_or_else(|| format!("on: {:?} is neither 2026-05-27 nor 2026-05-27T23:59", self.on))?;
        let zoned = zone.to_zoned(civil).map_err(|_| format!("on: {:?} is out of range", self.on))?;
        Ok((zoned.timestamp(), zoned.date()))
    }
}

impl Row {
    /// The offence that the charge amounts to.
    fn offence(&self, as_of: AsOf<'_>) -> Result<Offence, String> {
        let charge = self.charge()?;
        let offence = Offence::of(&charge, as_of);
        let Some(listed) = &self.listed else { return Ok(offence) };
        if self.statute.is_some() {
            return Err("charges: listed stands in place of a statute".to_owned());
        }
        let known = as_of.statutes.paragraphs();
        let listing = |text: &String| {
            let paragraph = text.parse::<Paragraph>().ok().filter(|paragraph| known.contains(paragraph));
            paragraph.ok_or_else(|| format!("listed: the table of offences has no paragraph {text:?}"))
        };
        let listed = listed.iter().map(listing).collect::<Result<_, _>>()?;
        // As for a section that a court may grade either way: the grade that the charge does not say is unknown.
        let reading = if charge.severity.is_some() { Reading::Listed } else { Reading::Ungraded };
        Ok(Offence { listed, reading, ..offence })
    }

    /// Whether the charge is sealed. An unreadable charge is refused elsewhere.
    fn sealed(&self) -> bool {
        self.charge().is_ok_and(|charge| charge.sealed())
    }

    fn charge(&self) -> Result<Charge, String> {
        if self.offence.is_none() && self.statute.is_none() {
            return Err("charges: neither a statute nor an offence is said".to_owned());
        }
        let ncic = |group: &String| {
            let category: OffenceCategory = word("offence", group)?;
            ncic_of(category).parse().map_err(|_| format!("offence: {group:?} has no code"))
        };
        let day = |text: &String| {
            text.parse().map_err(|_| format!("convicted_on: {text:?} is not a date such as 2021-03-10"))
        };
        Ok(Charge {
            statute: self.statute.clone(),
            ncic: self.offence.as_ref().map(ncic).transpose()?,
            nibrs: None,
            severity: self.severity.as_ref().map(|severity| word::<Severity>("severity", severity)).transpose()?,
            status: word::<ChargeStatus>("status", &self.status)?,
            charged_on: None,
            convicted_on: self.convicted_on.as_ref().map(day).transpose()?,
            sentence_days: None,
        })
    }
}

impl Claimed {
    fn facts(&self, as_of: AsOf<'_>) -> Result<Assertions, String> {
        let judge = self.signed_by.as_deref().map_or(Ok(Judge::None), signed_by)?;
        Ok(Assertions {
            judge,
            // As in the gate: a warrant that no judge signed is not a criminal one.
            criminal_warrant: self.criminal_warrant && judge != Judge::None,
            terrorist_list_match: self.terrorist_list_match,
            offences: self.charges.iter().map(|row| row.offence(as_of)).collect::<Result<_, _>>()?,
            citizenship_claim: self.citizenship_claim,
            citizen: self.citizen,
            lawful_status: self.lawful_status,
            juvenile: self.juvenile,
            sealed: self.charges.iter().any(Row::sealed),
            protected: self.protected,
        })
    }
}

fn signed_by(authority: &str) -> Result<Judge, String> {
    Ok(word::<IssuingAuthority>("signed_by", authority)?.into())
}

/// One code of a group. Charges get their group from a code, in a table of cases too.
fn ncic_of(category: OffenceCategory) -> &'static str {
    match category {
        OffenceCategory::Homicide => "0999",
        OffenceCategory::Sexual => "1199",
        OffenceCategory::Robbery => "1299",
        OffenceCategory::Assault => "1399",
        OffenceCategory::Burglary => "2299",
        OffenceCategory::Drugs => "3599",
        OffenceCategory::Weapons => "5299",
        OffenceCategory::Other => "7099",
    }
}

fn federal() -> String {
    AgencyKind::Federal.word().to_owned()
}

/// The custodian's class is not known.
fn unknown() -> String {
    "unknown".to_owned()
}

fn answer() -> String {
    Stage::Answer.word().to_owned()
}

fn i_247a() -> String {
    DetainerForm::I247a.word().to_owned()
}

fn biometric_match() -> Vec<String> {
    vec![DetainerBasis::BiometricMatch.word().to_owned()]
}

fn i_200() -> String {
    WarrantKind::I200.word().to_owned()
}
