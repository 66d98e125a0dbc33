//! The warrant that comes with a request.

mod verification;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use verification::{
    VerificationMethod, VerificationOutcome, VerifiedWarrant, WarrantDetail, WarrantVerification, differing,
};

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The warrant that came with the request.
    pub enum WarrantKind {
        /// None.
        None = "none",
        /// I-200, administrative arrest.
        I200 = "i-200",
        /// I-205, administrative removal.
        I205 = "i-205",
        /// Signed by a judge.
        Judicial = "judicial",
    }
}

vocabulary! {
    /// Who signed the warrant. The law depends on it, so it is a field of its own and not inferred from the form.
    pub enum IssuingAuthority {
        /// Nobody: there is no warrant.
        None = "none",
        /// An immigration officer.
        ImmigrationOfficer = "immigration-officer",
        /// A federal judge or magistrate.
        FederalJudge = "federal-judge",
        /// A judge of a state court.
        StateJudge = "state-judge",
        /// Not known yet. Counts as no judge.
        Unknown = "unknown",
    }
}

impl IssuingAuthority {
    /// Whether a judge signed.
    pub fn is_judge(self) -> bool {
        match self {
            Self::FederalJudge | Self::StateJudge => true,
            Self::None | Self::ImmigrationOfficer | Self::Unknown => false,
        }
    }
}

/// The warrant attached to a request, as its issuer describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warrant {
    /// Which kind.
    pub kind: WarrantKind,
    /// Who signed it.
    pub issuing_authority: IssuingAuthority,
    /// When it was signed, as asserted.
    pub signed_at: Option<Timestamp>,
    /// A judge signed it on a federal criminal charge, not for removal alone.
    #[serde(default)]
    pub criminal: bool,
    /// The issuing court.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub court: Option<String>,
    /// Who signed it, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// Its docket number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docket: Option<String>,
    /// The last day on which it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<Date>,
    /// The document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<WarrantDocument>,
}

/// A document, by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarrantDocument {
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its media type (RFC 6838), as application/pdf.
    pub media_type: String,
}

impl Warrant {
    /// No warrant.
    pub const NONE: Self = Self {
        kind: WarrantKind::None,
        issuing_authority: IssuingAuthority::None,
        signed_at: None,
        criminal: false,
        court: None,
        signer: None,
        docket: None,
        expires_on: None,
        document: None,
    };

    /// Whether its last day is over.
    pub fn expired(&self, today: Date) -> bool {
        self.expires_on.is_some_and(|last| last < today)
    }
}
