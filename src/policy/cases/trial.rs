//! Runs laws other than the pack's own against the cases of its table.

use std::collections::BTreeMap;
use std::mem;

use cedar_policy as cedar;

use crate::domain::ids::JurisdictionId;
use crate::domain::statute::Statutes;
use crate::policy::cases::judge::{PackLaw, check};
use crate::policy::cases::table::{Case, Expected, Table};
use crate::policy::cases::{statutes_of, table_of};
use crate::policy::load::PolicySet;
use crate::policy::switches::Settings;

/// The cases of a pack's table, reduced to the rulings that they expect. The policies behind a ruling are left out: two
/// laws may rule alike for different reasons.
pub(crate) struct Trial<'a> {
    set: &'a PolicySet,
    table: Table,
    statutes: Statutes,
}

impl<'a> Trial<'a> {
    pub(crate) fn of(set: &'a PolicySet, jurisdiction: &JurisdictionId) -> Self {
        let mut table = table_of(set, jurisdiction).expect("a table for each pack");
        for case in &mut table.cases {
            let Expected { acts, shown, review, withheld, .. } = mem::take(&mut case.expected);
            case.expected = Expected { acts, shown, review, withheld, ..Expected::default() };
        }
        Self { set, table, statutes: statutes_of(set, jurisdiction) }
    }

    /// The first case in which a law rules otherwise than expected.
    pub(crate) fn fails(&self, pack: &[cedar::Policy]) -> Option<&str> {
        let as_set = self.set.switches.settings();
        let mut laws: BTreeMap<Settings, PackLaw<'_>> = BTreeMap::new();
        let fails = |case: &&Case| {
            let law = laws
                .entry(self.table.settings(case, &as_set))
                .or_insert_with_key(|settings| PackLaw::new(self.set, pack, settings).expect("a set of the pack"));
            let (facts, now) = self.table.facts(case, None, &self.statutes).expect("a case that was read before");
            !check(&case.expected, &law.ask(&facts, now)).is_empty()
        };
        self.table.cases.iter().find(fails).map(|case| case.name.as_str())
    }
}
