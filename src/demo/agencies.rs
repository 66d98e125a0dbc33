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
pub(super) enum FacilityKind {
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
    pub(super) facility_kind: FacilityKind,
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
    Custodian { id: "us-ny-doccs", facility_kind: FacilityKind::Prison, facility: "NYSP01" },
    Custodian { id: "us-ny-city-jail", facility_kind: FacilityKind::Jail, facility: "NYCJ01" },
    Custodian { id: "us-ny-suffolk-jail", facility_kind: FacilityKind::Jail, facility: "NYSJ01" },
    Custodian { id: "us-ny-erie-jail", facility_kind: FacilityKind::Jail, facility: "NYEJ01" },
    Custodian { id: "us-tx-prison", facility_kind: FacilityKind::Prison, facility: "TXSP01" },
    Custodian { id: "us-tx-harris-jail", facility_kind: FacilityKind::Jail, facility: "TXHJ01" },
    Custodian { id: "us-tx-bexar-jail", facility_kind: FacilityKind::Jail, facility: "TXBJ01" },
];

/// Who reads everything in a jurisdiction.
pub(super) fn oversight(jurisdiction: &str) -> &'static str {
    if jurisdiction == NEW_YORK { "us-ny-oversight" } else { "us-tx-oversight" }
}
