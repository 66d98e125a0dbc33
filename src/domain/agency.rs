//! The kinds of agencies on the exchange, and the caller that acts for one.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::ids::{AgencyId, JurisdictionId, OfficerPseudonym};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The level of government, or the duty, that an agency belongs to.
    #[derive(schemars::JsonSchema)]
    pub enum AgencyKind {
        /// Federal immigration authority.
        Federal = "federal",
        /// A state's own corrections.
        State = "state",
        /// A county's.
        County = "county",
        /// A city's.
        City = "city",
        /// Oversight of its jurisdictions: reads their evidence, writes nothing.
        Oversight = "oversight",
        /// Runs the gateway: may see health, reflection and metrics, but no case.
        Operator = "operator",
    }
}

vocabulary! {
    /// The class of a custodian. The law differs by it within a state.
    #[derive(schemars::JsonSchema)]
    pub enum AgencyClass {
        /// Sentenced prisoners of a state.
        StatePrison = "state-prison",
        /// A sheriff's or county jail.
        CountyJail = "county-jail",
        /// A city's jail.
        CityJail = "city-jail",
        /// Probation or pretrial services.
        Probation = "probation",
        /// A court, and its officers.
        Court = "court",
        /// A parole board or its officers.
        Parole = "parole",
        /// Pretrial services.
        Pretrial = "pretrial",
        /// A juvenile facility or its authority.
        Juvenile = "juvenile",
        /// A hospital that holds people.
        Hospital = "hospital",
        /// The police of a school district or university.
        SchoolPolice = "school-police",
    }
}

impl AgencyKind {
    /// Whether agencies of this kind hold people.
    pub fn holds_people(self) -> bool {
        match self {
            Self::State | Self::County | Self::City => true,
            Self::Federal | Self::Oversight | Self::Operator => false,
        }
    }
}

/// An agency as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agency {
    /// The last part of its SPIFFE id.
    pub id: AgencyId,
    /// Its kind.
    pub kind: AgencyKind,
    /// Its class, if it holds people.
    pub class: Option<AgencyClass>,
    /// The jurisdictions that it takes part in. Empty for an operator.
    pub jurisdictions: BTreeSet<JurisdictionId>,
}

vocabulary! {
    /// Who acts for the agency: a person or a system.
    pub enum ActorKind {
        /// An officer: a person who may decide what the law leaves to a person.
        Officer = "officer",
        /// An unattended system.
        System = "system",
    }
}

/// The officer or system a bound token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Replaces the token's subject everywhere inside.
    pub pseudonym: OfficerPseudonym,
    /// A person or a system.
    pub kind: ActorKind,
}

/// The id that the gateway acts under by itself, when a clock runs out or a law comes into force. No agency of the
/// registry has it.
pub const GATEWAY: &str = "comity";

/// [`GATEWAY`] as an id.
#[expect(clippy::expect_used, reason = "a constant, which a test parses")]
pub fn gateway() -> AgencyId {
    GATEWAY.parse().expect("the gateway's id is one")
}

/// A caller whose certificate, and token if it sent one, were verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// From the certificate.
    pub agency: Arc<Agency>,
    /// From the token. Writes need one.
    pub actor: Option<Actor>,
}

impl Caller {
    /// Whether the caller's agency takes part in a jurisdiction.
    pub fn takes_part_in(&self, jurisdiction: &JurisdictionId) -> bool {
        self.agency.jurisdictions.contains(jurisdiction)
    }
}
