//! Who takes part in the demo: the custodians of each jurisdiction, and what kind of house each keeps.

/// Jurisdictions, in the order of the tables.
pub(super) const JURISDICTIONS: [&str; 2] = [NEW_YORK, TEXAS];
/// The jurisdiction whose figures the mix gives.
pub(super) const NEW_YORK: &str = "us-ny";
/// Comes on top.
pub(super) const TEXAS: &str = "us-tx";
/// Who asks.
pub(super) const FEDERAL: &str = "us-ice";

/// What kind of place holds people: charges, releases and law differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum House {
    /// A state prison.
    Prison,
    /// A county's or a city's jail.
    Jail,
}

/// A custodian of the demo; its seat at the table is in the sandbox.
#[derive(Debug, Clone, Copy)]
pub(super) struct Custodian {
    /// Its agency.
    pub(super) id: &'static str,
    /// What it keeps.
    pub(super) house: House,
    /// Its code of its one facility. Made up.
    pub(super) facility: &'static str,
}

impl Custodian {
    /// Whose law it lives under.
    pub(super) fn jurisdiction(&self) -> &'static str {
        if self.id.starts_with(NEW_YORK) { NEW_YORK } else { TEXAS }
    }
}

/// Every custodian, in the order of the tables.
pub(super) const CUSTODIANS: &[Custodian] = &[
    Custodian { id: "us-ny-doccs", house: House::Prison, facility: "NYSP01" },
    Custodian { id: "us-ny-city-jail", house: House::Jail, facility: "NYCJ01" },
    Custodian { id: "us-ny-suffolk-jail", house: House::Jail, facility: "NYSJ01" },
    Custodian { id: "us-ny-erie-jail", house: House::Jail, facility: "NYEJ01" },
    Custodian { id: "us-tx-prison", house: House::Prison, facility: "TXSP01" },
    Custodian { id: "us-tx-harris-jail", house: House::Jail, facility: "TXHJ01" },
    Custodian { id: "us-tx-bexar-jail", house: House::Jail, facility: "TXBJ01" },
];

/// Who reads everything in a jurisdiction.
pub(super) fn oversight(jurisdiction: &str) -> &'static str {
    if jurisdiction == NEW_YORK { "us-ny-oversight" } else { "us-tx-oversight" }
}
