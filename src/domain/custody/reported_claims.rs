//! What a custody has heard of the person: from whoever asks for them, under any detainer that was linked to it, lifted or not.
//!
//! Law reads what was heard as claims, which shut and never open. No requester reads it: what one of them said is not told to
//! another, nor to the same one under another detainer.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::detainer::{Detainer, Request};
use crate::domain::partial_date::PartialDate;
use crate::domain::safeguards::Safeguards;
use crate::domain::subject::{MAJORITY_YEARS, Subject};
use crate::domain::warrant::Warrant;

/// What was heard under the detainers that are linked to a custody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedClaims {
    /// What their requests claim, but for minors by a birth date.
    #[serde(default, rename = "guards")]
    pub safeguards: Safeguards,
    /// The birth dates that they give: who is a minor by one is one until that day is over, and not by our hearing of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub births: Vec<PartialDate>,
    /// Documents of warrants that the custodian refused, by their SHA-256: whoever brings one, it is refused.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refused: BTreeSet<[u8; 32]>,
}

impl ReportedClaims {
    /// Whether nothing was.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Under these detainers.
    pub(in crate::domain) fn under(linked: &[Detainer]) -> Self {
        let by_flag = |Request { flags, subject, charges, .. }: &Request| {
            let unborn = Subject { birth_date: None, ..subject.clone() };
            Safeguards::of(*flags, &unborn, charges, Date::MAX)
        };
        let safeguards = linked.iter().map(|detainer| by_flag(&detainer.request));
        let mut births: Vec<_> = linked.iter().filter_map(|detainer| detainer.request.subject.birth_date).collect();
        births.sort_unstable_by_key(|born| (born.earliest(), born.latest()));
        births.dedup();
        // The one that was looked at, and not what its issuer has put in its place since.
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

    /// What it comes to on a day.
    pub fn safeguards_on(&self, today: Date) -> Safeguards {
        let juvenile = self.safeguards.juvenile || self.births.iter().any(|born| born.is_under(MAJORITY_YEARS, today));
        Safeguards { juvenile, ..self.safeguards }
    }

    /// Whether the document of a warrant was refused, of whomever it came.
    pub fn refuses(&self, warrant: &Warrant) -> bool {
        warrant.document.as_ref().is_some_and(|document| self.refused.contains(&document.sha256))
    }
}
