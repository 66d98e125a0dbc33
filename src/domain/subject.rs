//! The person that a detainer or custody is about. `Debug` never prints it.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::claim::ClaimOutcome;
use crate::domain::ids::{AlienNumber, BookingNumber, CountryCode, Din, FbiNumber, StateId};
use crate::domain::partial_date::PartialDate;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// As recorded (`j:PersonSexCode`).
    pub enum Sex {
        /// Female.
        Female = "female",
        /// Male.
        Male = "male",
        /// Unknown.
        Unknown = "unknown",
        /// Another designation.
        X = "x",
    }
}

vocabulary! {
    /// How two records were found to describe one person.
    pub enum MatchMethod {
        /// Fingerprints or another biometric.
        Biometric = "biometric",
        /// An identifier that both records have.
        Identifier = "identifier",
        /// Name and birth date.
        NameAndBirthDate = "name-and-birth-date",
        /// An officer compared the records.
        Officer = "officer",
    }
}

vocabulary! {
    /// The kinds of numbers that identify a person.
    pub enum IdentifierKind {
        /// A-number.
        AlienNumber = "alien-number",
        /// FBI or universal control number.
        FbiNumber = "fbi-number",
        /// State identification number.
        StateId = "state-id",
        /// Booking number.
        BookingNumber = "booking-number",
        /// New York DIN.
        Din = "din",
    }
}

/// A name (`nc:PersonName`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonName {
    /// Given names.
    pub given: String,
    /// Family names.
    pub family: String,
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(withheld)")
    }
}

/// Identifiers of a person, any of which may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifiers {
    /// A-number.
    pub alien_number: Option<AlienNumber>,
    /// FBI or universal control number.
    pub fbi_number: Option<FbiNumber>,
    /// State identification number.
    pub state_id: Option<StateId>,
    /// Booking number.
    pub booking_number: Option<BookingNumber>,
    /// New York DIN.
    pub din: Option<Din>,
}

impl Identifiers {
    /// Whether there is no identifier.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A person, as one side describes them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Legal name.
    pub name: PersonName,
    /// Other names.
    pub aliases: Vec<PersonName>,
    /// `nc:PersonBirthDate`, as far as known.
    pub birth_date: Option<PartialDate>,
    /// `j:PersonSexCode`.
    pub sex: Option<Sex>,
    /// Identifiers.
    pub identifiers: Identifiers,
    /// `nc:PersonCitizenship`, as asserted.
    pub citizenship: Option<CountryCode>,
    /// Where the person lives.
    #[serde(default)]
    pub home_address: Option<String>,
    /// Where the person works.
    #[serde(default)]
    pub work_address: Option<String>,
}

/// The age of majority in years.
pub(in crate::domain) const MAJORITY_YEARS: i64 = 18;

/// The United States, and its territories whose people are citizens or nationals (ISO 3166-1).
const UNITED_STATES: [&str; 12] = ["USA", "US", "PRI", "PR", "GUM", "GU", "VIR", "VI", "MNP", "MP", "ASM", "AS"];

impl Subject {
    /// Whether the record calls the person a citizen of the United States.
    pub fn is_called_citizen(&self) -> bool {
        self.citizenship.as_ref().is_some_and(|country| UNITED_STATES.contains(&country.as_str()))
    }

    /// Whether the person may be a minor on a day, by birth date.
    pub fn is_minor(&self, today: Date) -> bool {
        self.birth_date.is_some_and(|born| born.is_under(MAJORITY_YEARS, today))
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(withheld)")
    }
}

/// Circumstances of the person. All but one are safeguards: while one holds, nothing happens automatically.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each a field of the form")]
pub struct Flags {
    /// The person claims to be a citizen of the United States, and the claim is not resolved.
    pub citizenship_claim: bool,
    /// There is proof of citizenship or lawful status, and nobody said which. Counts as proof of citizenship.
    pub proof_of_status: bool,
    /// The person is a citizen of the United States: there is proof, or a claim was confirmed.
    #[serde(default)]
    pub citizen: bool,
    /// There is proof of lawful status that is not citizenship.
    #[serde(default)]
    pub lawful_status: bool,
    /// The person is a juvenile.
    pub juvenile: bool,
    /// The person is a victim or witness. Restricted: only the custodian and oversight may see it.
    pub victim_witness: bool,
    /// The person is in a protected program. Restricted.
    pub protected_program: bool,
    /// The author's search of the federal terrorist watch list matched the person. Not a safeguard.
    #[serde(default)]
    pub terrorist_list_match: bool,
    /// The author named a sealed record before and then left it out. Not on the wire: there the charges say it.
    #[serde(default)]
    pub sealed: bool,
}

impl Flags {
    /// The flags that hold in either.
    #[must_use]
    pub fn either(self, other: Self) -> Self {
        Self {
            citizenship_claim: self.citizenship_claim || other.citizenship_claim,
            proof_of_status: self.proof_of_status || other.proof_of_status,
            citizen: self.citizen || other.citizen,
            lawful_status: self.lawful_status || other.lawful_status,
            juvenile: self.juvenile || other.juvenile,
            victim_witness: self.victim_witness || other.victim_witness,
            protected_program: self.protected_program || other.protected_program,
            terrorist_list_match: self.terrorist_list_match || other.terrorist_list_match,
            sealed: self.sealed || other.sealed,
        }
    }

    /// The flags after a claim to citizenship was raised.
    #[must_use]
    pub fn claimed(self) -> Self {
        Self { citizenship_claim: true, ..self }
    }

    /// The flags after the claim was resolved.
    #[must_use]
    pub fn resolved(self, outcome: ClaimOutcome) -> Self {
        let confirmed = outcome == ClaimOutcome::Confirmed;
        let (proof_of_status, citizen) = (self.proof_of_status || confirmed, self.citizen || confirmed);
        Self { citizenship_claim: false, proof_of_status, citizen, ..self }
    }

    /// The flags after a correction. An open or confirmed claim stays: only an officer resolves a claim, and a
    /// corrected name MUST NOT lift it.
    #[must_use]
    pub fn corrected(self, to: Self) -> Self {
        Self {
            citizenship_claim: self.citizenship_claim,
            proof_of_status: self.proof_of_status || to.proof_of_status,
            citizen: self.citizen || to.citizen,
            ..to
        }
    }

    /// Whether the change to other flags lifts a safeguard.
    pub fn lifted_by(self, to: Self) -> bool {
        (self.juvenile && !to.juvenile)
            || (self.victim_witness && !to.victim_witness)
            || (self.protected_program && !to.protected_program)
            // In Texas, this leaves to a person what the law otherwise commands.
            || (self.lawful_status && !to.lawful_status)
    }
}
