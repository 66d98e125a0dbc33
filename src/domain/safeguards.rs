//! The safeguards of a person: while one holds, nothing happens automatically.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::charge::Charge;
use crate::domain::detainer::Request;
use crate::domain::subject::{Flags, Subject};

/// The safeguards that hold, whoever reports them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Safeguards {
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

impl Safeguards {
    /// The safeguards in one record, on a day.
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

    /// The safeguards that a request claims.
    pub fn claimed(request: &Request, today: Date) -> Self {
        Self::of(request.flags, &request.subject, &request.charges, today)
    }

    /// Whether any holds.
    pub fn any(self) -> bool {
        self.beyond(Self::default())
    }

    /// Whether a safeguard holds here that did not hold before.
    pub fn beyond(self, before: Self) -> bool {
        self.each().into_iter().zip(before.each()).any(|(after, before)| after && !before)
    }

    /// Whether any safeguard concerns citizenship.
    pub fn of_a_citizen(self) -> bool {
        self.claim || self.citizen || self.called_citizen
    }

    fn each(self) -> [bool; 7] {
        let Self { claim, citizen, called_citizen, lawful, juvenile, sealed, protected } = self;
        [claim, citizen, called_citizen, lawful, juvenile, sealed, protected]
    }

    pub(in crate::domain) fn either(self, other: Self) -> Self {
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
