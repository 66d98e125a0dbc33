//! A review: a question that the law leaves to a person, and what an officer decided. A detainer has at most one review
//! of each matter.
//!
//! `decide/review.rs` opens reviews and decides them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{AgencyId, CaseKind, CaseName, InvalidId};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The matters that may be left to a person.
    pub enum ReviewMatter {
        /// Whether the person is held past release.
        Hold = "hold",
        /// Whether the requester gets notice of the release.
        Notify = "notify",
        /// Whether the person is handed over.
        Transfer = "transfer",
        /// Whether a notice that is due may say when the release is.
        Disclose = "disclose",
        /// What becomes of a claim to citizenship.
        CitizenshipClaim = "citizenship-claim",
    }
}

vocabulary! {
    /// The state of a review. Its life cycle is the table in docs/lifecycle.md.
    pub enum ReviewState {
        /// It waits for an officer.
        Open = "open",
        /// An officer permits it.
        Permitted = "permitted",
        /// An officer refuses it.
        Refused = "refused",
        /// There is nothing to decide any more.
        Moot = "moot",
        /// The person was released before an officer decided.
        ReleasedUndecided = "released-undecided",
    }
}

vocabulary! {
    /// What an officer decides.
    pub enum ReviewDecision {
        /// It may be done.
        Permit = "permit",
        /// It may not be done.
        Refuse = "refuse",
    }
}

impl ReviewDecision {
    /// The state of a review with this decision.
    pub fn state(self) -> ReviewState {
        match self {
            Self::Permit => ReviewState::Permitted,
            Self::Refuse => ReviewState::Refused,
        }
    }
}

/// What a decision is bound to. If any of it changes, it is another question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The custody that the detainer is matched to.
    pub custody: CaseName,
    /// Who holds the person, and decides.
    pub custodian: AgencyId,
    /// The version of the request.
    pub request_version: u32,
    /// The detainer's count of changed descriptions.
    #[serde(default)]
    pub described: u32,
    /// The detainer's count of new safeguards.
    #[serde(default)]
    pub guarded: u32,
    /// The policies that leave it to a person, sorted. Empty: no policy applied.
    pub policies: Vec<String>,
}

/// The ground of a decision.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// Why. May be personal: stays with custodian and oversight.
    pub reason: String,
    /// The law relied on, as a citation.
    pub citation: Option<String>,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ground(withheld)")
    }
}

/// A question that the law leaves to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The matter; the last part of its name.
    pub matter: ReviewMatter,
    /// The state.
    pub state: ReviewState,
    /// What the question and its decision are bound to.
    pub basis: Basis,
    /// Why a person must decide.
    pub grounds: Vec<String>,
    /// Citations of the policies.
    pub citations: Vec<String>,
    /// The ground of the officer's decision.
    pub ground: Option<Ground>,
    /// When it was opened, by our clock.
    pub opened_at: Timestamp,
    /// When it must be decided.
    pub due_at: Timestamp,
    /// When it last changed, by our clock.
    pub updated_at: Timestamp,
    /// Counts every change.
    pub version: u64,
}

impl Review {
    /// Whether it waits for an officer.
    pub fn is_open(&self) -> bool {
        self.state == ReviewState::Open
    }

    /// Whether it is open and was due before now.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && self.due_at < now
    }

    /// Whether this review's decision also decides another question. What was permitted on more grounds is permitted on
    /// fewer; what was refused is looked at anew. No policy at all is a ground of its own.
    pub fn decides(&self, question: &Basis) -> bool {
        let (Basis { policies: decided, .. }, Basis { policies: asked, .. }) = (&self.basis, question);
        let same_case = Basis { policies: asked.clone(), ..self.basis.clone() } == *question;
        let fewer = !asked.is_empty() && asked.iter().all(|policy| decided.contains(policy));
        match self.state {
            ReviewState::Permitted => same_case && (fewer || decided == asked),
            ReviewState::Refused => same_case && decided == asked,
            ReviewState::Open | ReviewState::Moot | ReviewState::ReleasedUndecided => false,
        }
    }
}

/// `jurisdictions/us-ny/detainers/{uuid}/reviews/notify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewName {
    /// Of which detainer.
    pub detainer: CaseName,
    /// The matter.
    pub matter: ReviewMatter,
}

impl fmt::Display for ReviewName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/reviews/{}", self.detainer, self.matter.word())
    }
}

impl FromStr for ReviewName {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const EXPECTED: InvalidId = InvalidId { expected: "jurisdictions/{id}/detainers/{uuid}/reviews/{matter}" };
        let (detainer, matter) = text.split_once("/reviews/").ok_or(EXPECTED)?;
        let detainer: CaseName = detainer.parse().map_err(|_| EXPECTED)?;
        let name = Self { detainer, matter: matter.parse().map_err(|_| EXPECTED)? };
        if name.detainer.kind == CaseKind::Detainer { Ok(name) } else { Err(EXPECTED) }
    }
}
