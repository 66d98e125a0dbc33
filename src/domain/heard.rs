//! What guards a person, and what a custody has heard of them: from whoever asks for them, under any detainer that was linked to
//! it, lifted or not.
//!
//! Law reads what was heard as claims, which shut and never open. No requester reads it: what one of them said is not told to
//! another, nor to the same one under another detainer.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::charge::Charge;
use crate::domain::custody::Custody;
use crate::domain::detainer::{Detainer, Request};
use crate::domain::partial_date::PartialDate;
use crate::domain::subject::{Flags, MAJORITY_YEARS, Subject};
use crate::domain::warrant::Warrant;

/// What keeps everything from happening by itself, whoever says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Guards {
    /// A claim to citizenship is open.
    #[serde(default)]
    pub claim: bool,
    /// A citizen, by proof or since a claim was confirmed.
    #[serde(default)]
    pub citizen: bool,
    /// A record calls the person a citizen.
    #[serde(default)]
    pub called_citizen: bool,
    /// Lawfully present.
    #[serde(default)]
    pub lawful: bool,
    /// A minor, by flag or by birth date.
    #[serde(default)]
    pub juvenile: bool,
    /// A sealed record.
    #[serde(default)]
    pub sealed: bool,
    /// A witness, or in a protected program.
    #[serde(default)]
    pub protected: bool,
}

impl Guards {
    /// By a record, on a day.
    pub fn of(flags: Flags, subject: &Subject, charges: &[Charge], today: Date) -> Self {
        Self {
            claim: flags.citizenship_claim,
            citizen: flags.citizen || flags.proof_of_status,
            called_citizen: subject.is_called_citizen(),
            lawful: flags.lawful_status,
            juvenile: flags.juvenile || subject.is_minor(today),
            sealed: flags.sealed || charges.iter().any(Charge::sealed),
            protected: flags.victim_witness || flags.protected_program,
        }
    }

    /// What a request claims.
    pub fn claimed(request: &Request, today: Date) -> Self {
        Self::of(request.flags, &request.subject, &request.charges, today)
    }

    /// What the custodian's own record holds.
    pub fn of_custody(custody: &Custody, today: Date) -> Self {
        Self::of(custody.intake.flags, &custody.intake.subject, &custody.intake.charges, today)
    }

    /// Whether there is one.
    pub fn any(self) -> bool {
        self.beyond(Self::default())
    }

    /// Whether there is one here that is not there.
    pub fn beyond(self, before: Self) -> bool {
        self.each().into_iter().zip(before.each()).any(|(after, before)| after && !before)
    }

    /// Whether anything is said of citizenship.
    pub fn of_a_citizen(self) -> bool {
        self.claim || self.citizen || self.called_citizen
    }

    fn each(self) -> [bool; 7] {
        let Self { claim, citizen, called_citizen, lawful, juvenile, sealed, protected } = self;
        [claim, citizen, called_citizen, lawful, juvenile, sealed, protected]
    }

    fn either(self, other: Self) -> Self {
        Self {
            claim: self.claim || other.claim,
            citizen: self.citizen || other.citizen,
            called_citizen: self.called_citizen || other.called_citizen,
            lawful: self.lawful || other.lawful,
            juvenile: self.juvenile || other.juvenile,
            sealed: self.sealed || other.sealed,
            protected: self.protected || other.protected,
        }
    }
}

/// What was heard under the detainers that are linked to a custody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// What their requests claim, but for minors by a birth date.
    #[serde(default)]
    pub guards: Guards,
    /// The birth dates that they give: who is a minor by one is one until that day is over, and not by our hearing of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub births: Vec<PartialDate>,
    /// Documents of warrants that the custodian refused, by their SHA-256: whoever brings one, it is refused.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refused: BTreeSet<[u8; 32]>,
}

impl Heard {
    /// Whether nothing was.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Under these detainers.
    pub(in crate::domain) fn under(standing: &[Detainer]) -> Self {
        let by_flag = |Request { flags, subject, charges, .. }: &Request| {
            let unborn = Subject { birth_date: None, ..subject.clone() };
            Guards::of(*flags, &unborn, charges, Date::MAX)
        };
        let guards = standing.iter().map(|detainer| by_flag(&detainer.request));
        let mut births: Vec<_> = standing.iter().filter_map(|detainer| detainer.request.subject.birth_date).collect();
        births.sort_unstable_by_key(|born| (born.earliest(), born.latest()));
        births.dedup();
        // The one that was looked at, and not what its issuer has put in its place since.
        let refused = standing.iter().filter(|detainer| detainer.refuses_warrant());
        let looked_at = refused.filter_map(|detainer| detainer.verified.as_ref());
        let documents = looked_at.flat_map(|found| [&found.asserted, &found.verification.seen]);
        let documents = documents.filter_map(|warrant| warrant.document.as_ref());
        Self {
            guards: guards.fold(Guards::default(), Guards::either),
            births,
            refused: documents.map(|document| document.sha256).collect(),
        }
    }

    /// What it comes to on a day.
    pub fn guards_on(&self, today: Date) -> Guards {
        let juvenile = self.guards.juvenile || self.births.iter().any(|born| born.is_under(MAJORITY_YEARS, today));
        Guards { juvenile, ..self.guards }
    }

    /// Whether the document of a warrant was refused, of whomever it came.
    pub fn refuses(&self, warrant: &Warrant) -> bool {
        warrant.document.as_ref().is_some_and(|document| self.refused.contains(&document.sha256))
    }
}
