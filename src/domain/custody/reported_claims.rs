//! What requesters have claimed of the person, under any detainer linked to the custody, lifted or not.
//!
//! The law reads it as claims, which restrict and never permit. A requester MUST NOT see it: what one requester said is
//! not disclosed to another, nor to the same one under another detainer.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::detainer::{Detainer, Request};
use crate::domain::partial_date::PartialDate;
use crate::domain::safeguards::Safeguards;
use crate::domain::subject::{MAJORITY_YEARS, Subject};
use crate::domain::warrant::Warrant;

/// What the requests of linked detainers claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedClaims {
    /// Safeguards that the requests claim, except minority by a birth date.
    #[serde(default, rename = "guards")]
    pub safeguards: Safeguards,
    /// The birth dates that the requests give. A minor by birth date stops being one with time, so the dates are kept
    /// and judged on each day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub births: Vec<PartialDate>,
    /// SHA-256 of the documents of refused warrants. A document once refused stays refused, whoever sends it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refused: BTreeSet<[u8; 32]>,
}

impl ReportedClaims {
    /// Whether nothing was claimed.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Collects the claims of these detainers.
    pub(in crate::domain) fn under(linked: &[Detainer]) -> Self {
        let by_flag = |Request { flags, subject, charges, .. }: &Request| {
            let unborn = Subject { birth_date: None, ..subject.clone() };
            Safeguards::of(*flags, &unborn, charges, Date::MAX)
        };
        let safeguards = linked.iter().map(|detainer| by_flag(&detainer.request));
        let mut births: Vec<_> = linked.iter().filter_map(|detainer| detainer.request.subject.birth_date).collect();
        births.sort_unstable_by_key(|born| (born.earliest(), born.latest()));
        births.dedup();
        // The document that the custodian looked at, not one that the issuer sent later.
        let refused = linked.iter().filter(|detainer| detainer.refuses_warrant());
        let looked_at = refused.filter_map(|detainer| detainer.verified.as_ref());
        let documents = looked_at.flat_map(|found| [&found.asserted, &found.verification.seen]);
        let documents = documents.filter_map(|warrant| warrant.document.as_ref());
        Self {
            safeguards: safeguards.fold(Safeguards::default(), Safeguards::either),
            births,
            refused: documents.map(|document| document.sha256).collect(),
        }
    }

    /// The safeguards that were claimed, as they stand on a day.
    pub fn safeguards_on(&self, today: Date) -> Safeguards {
        let juvenile = self.safeguards.juvenile || self.births.iter().any(|born| born.is_under(MAJORITY_YEARS, today));
        Safeguards { juvenile, ..self.safeguards }
    }

    /// Whether this warrant's document was refused before, whoever sent it then.
    pub fn refuses(&self, warrant: &Warrant) -> bool {
        warrant.document.as_ref().is_some_and(|document| self.refused.contains(&document.sha256))
    }
}
