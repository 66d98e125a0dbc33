//! The agencies of the demo: the custodians of each jurisdiction and the kind of facility that each runs.

/// The jurisdictions, in the order of the tables.
pub(super) const JURISDICTIONS: [&str; 2] = [NEW_YORK, TEXAS];
/// The jurisdiction whose figures the mix gives.
pub(super) const NEW_YORK: &str = "us-ny";
/// The second jurisdiction, whose size is a share of New York's.
pub(super) const TEXAS: &str = "us-tx";
/// The requester.
pub(super) const FEDERAL: &str = "us-ice";

/// The kind of facility. Charges, releases and law depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FacilityKind {
    /// A state prison.
    Prison,
    /// A county or city jail.
    Jail,
}

/// A custodian of the demo. Its seat is in the sandbox.
#[derive(Debug, Clone, Copy)]
pub(super) struct Custodian {
    /// The id of its agency.
    pub(super) id: &'static str,
    /// The kind of its facility.
    pub(super) facility_kind: FacilityKind,
    /// The code of its one facility, which is made up.
    pub(super) facility: &'static str,
}

impl Custodian {
    /// The jurisdiction whose law applies to it.
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

/// The agency that reads everything in a jurisdiction.
pub(super) fn oversight(jurisdiction: &str) -> &'static str {
    if jurisdiction == NEW_YORK { "us-ny-oversight" } else { "us-tx-oversight" }
}
