//! One claim, as far as it is counted, and what it is proved by.

use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

use crate::domain::charge::{self, OffenceCategory};
use crate::domain::detainer::{DetainerForm, LiftReason};
use crate::domain::ids::NcicCode;
use crate::domain::partial_date::PartialDate;
use crate::domain::subject::Sex;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What became of a detainer, as the requester claims. The layout has no date for it.
    pub enum ClaimedOutcome {
        /// Neither a reason nor a code says that it was lifted.
        Outstanding = "outstanding",
        /// The person was released while it was active: codes D, N, I and E.
        ReleasedWithOneActive = "released-with-one-active",
        /// It ended otherwise: codes B, S, C, U and P.
        EndedOtherwise = "ended-otherwise",
    }
}

vocabulary! {
    /// How far a criminal matter had come, as the requester claims.
    pub enum Criminality {
        /// 1 Convicted Criminal.
        Convicted = "convicted",
        /// 2 Pending Criminal Charges.
        Pending = "pending",
        /// 3 Other Immigration Violator: neither is claimed.
        Neither = "neither",
    }
}

/// What the requester claims of one detainer. Nothing of it is a fact of the exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// SHA-256 over the whole row, in hexadecimal. Two rows with one id are one detainer.
    pub id: String,
    /// When the detainer was prepared, without a time zone, as the layout has it.
    pub prepared_at: DateTime,
    /// The form.
    pub form: DetainerForm,
    /// Notice of release is said to be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice_requested: Option<bool>,
    /// The code of the facility. Several spellings of its name may have one code.
    pub facility_code: String,
    /// The facility, as spelled in this row.
    pub facility: String,
    /// The requester's own identifier of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The birth date as given: of most, the year alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth: Option<PartialDate>,
    /// Sex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// How far the criminal matter had come.
    pub criminality: Criminality,
    /// The most serious charge, where one is claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge: Option<ChargeAsClaimed>,
    /// A final order of removal is claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_order: Option<bool>,
    /// What became of it.
    pub outcome: ClaimedOutcome,
    /// Why it was lifted, by the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lift_reason: Option<LiftReason>,
    /// The reason is given by its code alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reason_text_missing: bool,
}

/// The most serious charge that a requester claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeAsClaimed {
    /// Its NCIC code.
    pub ncic: NcicCode,
    /// When charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charged_on: Option<Date>,
    /// When convicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub convicted_on: Option<Date>,
    /// The sentence in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence_days: Option<u32>,
}

impl Claim {
    /// The offence group, by the NCIC code. None: no charge is claimed.
    pub fn offence(&self) -> Option<OffenceCategory> {
        self.charge.as_ref().map(|charged| charge::category_of(&charged.ncic))
    }

    /// Whether a conviction is claimed that is dated after a day.
    pub fn is_convicted_after(&self, day: Date) -> bool {
        self.charge.as_ref().and_then(|charged| charged.convicted_on).is_some_and(|on| on > day)
    }
}

/// Why a row is no claim: one column, and what is wrong with it. It never repeats what stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The column. Empty: the row as a whole.
    pub column: String,
    /// What is wrong.
    pub reason: String,
}
