//! An obligation: what the law requires of an agency that received a request, or promised or did something under it. It
//! is owed until it is met, whatever becomes of the detainer.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::determination::Obligation;
use crate::domain::ids::{AgencyId, CaseKind, CaseName, InvalidId};
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
        /// By a recorded service of a copy. Only the gateway uses this.
        ServiceOfCopy = "service-of-copy",
        /// By the advisal before an interview. Only the gateway uses this.
        Advisal = "advisal",
    }
}

/// Evidence that an obligation was met.
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

/// An obligation of a custodian, from its act under the law or from the receipt of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedObligation {
    /// The kind of obligation; the last part of its name.
    pub obligation: Obligation,
    /// Who owes it.
    pub custodian: AgencyId,
    /// Citations of the policies that require it.
    pub citations: Vec<String>,
    /// The version of the request that gave rise to it. A new version may give rise to it again.
    pub request_version: u32,
    /// Since when, by our clock.
    pub since: Timestamp,
    /// When it must be met.
    pub due_at: Timestamp,
    /// How it was met.
    pub evidence: Option<Evidence>,
    /// It is owed from the receipt of the request, not from an act.
    #[serde(default)]
    pub on_receipt: bool,
    /// Counts every change.
    pub version: u64,
}

impl OwedObligation {
    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.evidence.is_none()
    }

    /// Whether it is open and was due before now.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && self.due_at < now
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
