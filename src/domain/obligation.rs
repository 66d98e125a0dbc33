//! What the law asks besides of whoever received a request, or promised or did something under it: owed until it is met,
//! whatever becomes of the detainer.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::detainer::Detainer;
use crate::domain::determination::Obligation;
use crate::domain::ids::{AgencyId, CaseKind, CaseName, InvalidId};
use crate::domain::range::within;
use crate::domain::review::HOURS_MAX;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// How an obligation was met.
    pub enum EvidenceMethod {
        /// Face to face.
        InPerson = "in-person",
        /// By letter or message.
        InWriting = "in-writing",
        /// By an entry in a file or report.
        Entry = "entry",
        /// Otherwise.
        Other = "other",
        /// By the service of a copy that was recorded. Said by the gateway alone.
        ServiceOfCopy = "service-of-copy",
    }
}

/// That an obligation was met.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// How.
    pub method: EvidenceMethod,
    /// When, as the custodian says.
    pub met_at: Timestamp,
    /// What was done. May be personal: stays with custodian and oversight.
    pub note: Option<String>,
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evidence(withheld)")
    }
}

/// An obligation upon a custodian, from an act of its under the law or from the receipt of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// What is to be done; the last part of its name.
    pub obligation: Obligation,
    /// Who owes it.
    pub custodian: AgencyId,
    /// Citations of the policies that ask for it.
    pub citations: Vec<String>,
    /// The version of the request that the act answered: a new version asks for it anew.
    pub request_version: u32,
    /// Since when, by our clock.
    pub since: Timestamp,
    /// When it is to be met.
    pub due_at: Timestamp,
    /// How it was met.
    pub evidence: Option<Evidence>,
    /// The receipt of the request made it owed, and not an act.
    #[serde(default)]
    pub on_receipt: bool,
    /// Counts every change.
    pub version: u64,
}

impl Owed {
    /// Whether it is still to be met.
    pub fn is_open(&self) -> bool {
        self.evidence.is_none()
    }

    /// Whether it is still to be met, and was to be before now.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && self.due_at < now
    }
}

impl Obligation {
    /// Whether it is owed to the person or over them, so that it lapses where the custodian has no such person: no copy to
    /// serve, no file, no bail.
    pub fn is_to_the_person(self) -> bool {
        match self {
            Self::ServeCopy
            | Self::TellTheSubject
            | Self::TellCounsel
            | Self::InterviewAdvisal
            | Self::RecordInFile
            | Self::TellTheJudge => true,
            Self::AnnualCount => false,
        }
    }
}

impl Detainer {
    /// An obligation that arose upon it.
    pub fn owed(&self, obligation: Obligation) -> Option<&Owed> {
        self.obligations.iter().find(|owed| owed.obligation == obligation)
    }

    /// What the service of a copy on the person is evidence of.
    pub(in crate::domain) fn met_by_service(&self, obligation: Obligation) -> Option<Evidence> {
        let service = self.service.as_ref()?;
        let met = match obligation {
            Obligation::ServeCopy | Obligation::TellTheSubject => true,
            Obligation::TellCounsel => service.counsel_told,
            Obligation::InterviewAdvisal
            | Obligation::AnnualCount
            | Obligation::RecordInFile
            | Obligation::TellTheJudge => false,
        };
        met.then_some(Evidence { method: EvidenceMethod::ServiceOfCopy, met_at: service.served_at, note: None })
    }

    /// Puts an obligation in the place of the one before of its kind.
    pub(in crate::domain) fn put_owed(&mut self, owed: &Owed) {
        match self.obligations.iter_mut().find(|known| known.obligation == owed.obligation) {
            Some(known) => known.clone_from(owed),
            None => self.obligations.push(owed.clone()),
        }
    }
}

/// When obligations are to be met, in hours from the act. Each is a guess for counsel to set [bk].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObligationTimes {
    /// Serve a copy.
    #[serde(deserialize_with = "within::<_, _, 1, 876_000>")]
    pub serve_copy_hours: u32,
    /// Tell the person.
    #[serde(deserialize_with = "within::<_, _, 1, 876_000>")]
    pub tell_the_subject_hours: u32,
    /// Tell counsel.
    #[serde(deserialize_with = "within::<_, _, 1, 876_000>")]
    pub tell_counsel_hours: u32,
    /// Advise before an interview.
    #[serde(deserialize_with = "within::<_, _, 1, 876_000>")]
    pub interview_advisal_hours: u32,
    /// Count it.
    #[serde(deserialize_with = "within::<_, _, 1, 876_000>")]
    pub annual_count_hours: u32,
    /// Note it.
    #[serde(deserialize_with = "within::<_, _, 1, 876_000>")]
    pub record_in_file_hours: u32,
    /// Tell the judge.
    #[serde(deserialize_with = "within::<_, _, 1, 876_000>")]
    pub tell_the_judge_hours: u32,
}

impl Default for ObligationTimes {
    fn default() -> Self {
        Self {
            serve_copy_hours: 48,
            tell_the_subject_hours: 48,
            tell_counsel_hours: 48,
            interview_advisal_hours: 48,
            annual_count_hours: 365 * 24,
            record_in_file_hours: 24,
            tell_the_judge_hours: 24,
        }
    }
}

impl ObligationTimes {
    /// When an obligation from an act of now is to be met.
    pub fn due(&self, obligation: Obligation, now: Timestamp) -> Timestamp {
        let hours = match obligation {
            Obligation::ServeCopy => self.serve_copy_hours,
            Obligation::TellTheSubject => self.tell_the_subject_hours,
            Obligation::TellCounsel => self.tell_counsel_hours,
            Obligation::InterviewAdvisal => self.interview_advisal_hours,
            Obligation::AnnualCount => self.annual_count_hours,
            Obligation::RecordInFile => self.record_in_file_hours,
            Obligation::TellTheJudge => self.tell_the_judge_hours,
        };
        now.saturating_add(SignedDuration::from_hours(i64::from(hours.min(HOURS_MAX)))).unwrap_or(Timestamp::MAX)
    }
}

/// `jurisdictions/us-ny/detainers/{uuid}/obligations/serve-copy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObligationName {
    /// Of which detainer.
    pub detainer: CaseName,
    /// Which.
    pub obligation: Obligation,
}

impl fmt::Display for ObligationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/obligations/{}", self.detainer, self.obligation.word())
    }
}

impl FromStr for ObligationName {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const EXPECTED: InvalidId = InvalidId { expected: "jurisdictions/{id}/detainers/{uuid}/obligations/{kind}" };
        let (detainer, kind) = text.split_once("/obligations/").ok_or(EXPECTED)?;
        let detainer: CaseName = detainer.parse().map_err(|_| EXPECTED)?;
        let name = Self { detainer, obligation: kind.parse().map_err(|_| EXPECTED)? };
        if name.detainer.kind == CaseKind::Detainer { Ok(name) } else { Err(EXPECTED) }
    }
}
