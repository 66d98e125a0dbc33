//! Expungement: by order of a court or by law, the record of a stay is destroyed with what went with it. What stays is
//! that it was ordered, and what was counted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::custody::Custody;
use crate::domain::detainer::Detainer;
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What the order calls it. What is done is the same: the content is destroyed, and nobody is shown it again.
    pub enum ExpungementKind {
        /// The record is sealed (as N.Y. CPL 160.50).
        Sealing = "sealing",
        /// The record is expunged.
        Expungement = "expungement",
    }
}

/// The order that a record is destroyed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpungementOrder {
    /// What it calls it.
    pub kind: ExpungementKind,
    /// The court with its docket, or the law, as a citation.
    pub authority: String,
    /// SHA-256 of the order.
    pub document_sha256: [u8; 32],
}

/// What is left of a case whose record was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expunged {
    /// The case.
    pub name: CaseName,
    /// Who issued it, if it was a detainer.
    pub issuer: Option<AgencyId>,
    /// Who held the person, or was addressed.
    pub holder: Option<AgencyId>,
    /// When it was destroyed.
    pub expunged_at: Timestamp,
}

impl Expunged {
    /// What is left of a custody.
    pub fn custody(custody: &Custody, now: Timestamp) -> Self {
        let holder = Some(custody.custodian.clone());
        Self { name: custody.name.clone(), issuer: None, holder, expunged_at: now }
    }

    /// What is left of a detainer.
    pub fn detainer(detainer: &Detainer, now: Timestamp) -> Self {
        let (issuer, holder) = (Some(detainer.issuer.clone()), detainer.holder().cloned());
        Self { name: detainer.name.clone(), issuer, holder, expunged_at: now }
    }
}
