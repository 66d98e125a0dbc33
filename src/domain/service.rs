//! Service of a copy of the detainer on the person. It is recorded only with evidence: when, how, in which language,
//! which copy.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::LanguageTag;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// How a copy was served.
    pub enum ServiceMethod {
        /// Handed over.
        InPerson = "in-person",
        /// By facility mail.
        InmateMail = "inmate-mail",
        /// Otherwise.
        Other = "other",
    }
}

/// Evidence that a copy of the detainer was served. By the form, the detainer takes effect on service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceOfCopy {
    /// When, as the custodian says.
    pub served_at: Timestamp,
    /// How.
    pub method: ServiceMethod,
    /// In which language.
    pub language: LanguageTag,
    /// SHA-256 of the copy.
    pub copy_sha256: [u8; 32],
    /// The person's counsel was notified.
    pub counsel_told: bool,
}
