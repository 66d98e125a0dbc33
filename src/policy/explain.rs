//! Why the law says what it says of a case: the deciding policies, the facts that they read, and which change of a
//! single fact would change a ruling.

mod alternatives;
mod fact;

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy as cedar;
use jiff::Timestamp;

pub use fact::Fact;

use crate::domain::determination::Determination;
use crate::domain::facts::CaseFacts;
use crate::domain::ids::JurisdictionId;
use crate::policy::engine::Engine;
use crate::policy::explain::alternatives::{Alternative, alternatives};
use crate::policy::fact_dependencies::FactDependencies;
use crate::policy::rulings::{RulingSubject, Rulings, RulingsCache};

/// What the law says of a case, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// One for each act, then one for each field class.
    pub rulings: Vec<ExplainedRuling>,
    /// Every change of a single fact that changes a ruling. Of dates, only the next one for each ruling.
    pub changes: Vec<FactChange>,
    /// Whether those dates are known. They are not if the law calculates with the time instead of comparing it with a
    /// date.
    pub dates_known: bool,
}

/// One ruling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedRuling {
    /// What it is about.
    pub about: RulingSubject,
    /// What the law says.
    pub said: Determination,
    /// The facts that the deciding policies read, as the schema names them. `asked_by` is the requester, `now` the
    /// time.
    pub reads: Vec<String>,
}

/// Other values of one fact, each of which alone leads to these rulings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactChange {
    /// The fact.
    pub fact: Fact,
    /// The values between which the law makes no difference here.
    pub values: Vec<String>,
    /// The rulings that change, each as it becomes.
    pub becomes: Vec<(RulingSubject, Determination)>,
}

impl Engine {
    /// Explains what a jurisdiction's law says of a case at a moment. Questions asked here do not enter the cache that
    /// other questions are answered from.
    pub fn explain(self: &Arc<Self>, jurisdiction: &JurisdictionId, facts: &CaseFacts, now: Timestamp) -> Explanation {
        let mut cache = RulingsCache::new(Arc::clone(self));
        let rulings = cache.rulings(jurisdiction, facts, now);
        let mut changes = FactChanges { rulings: &rulings, found: Vec::new() };
        let dates = self.dates_after(jurisdiction, now);
        // For each act or field class, only the next date on which its ruling changes.
        let mut undated: BTreeSet<RulingSubject> = rulings.keys().copied().collect();
        for date in dates.iter().flatten() {
            let then = cache.rulings(jurisdiction, facts, *date);
            changes.take(Fact::On, date.to_string(), &then, &undated);
            undated.retain(|about| !differs(rulings.get(about), then.get(about)));
        }
        let all: BTreeSet<RulingSubject> = rulings.keys().copied().collect();
        for Alternative { fact, value, facts } in alternatives(facts, &self.statutes(jurisdiction).paragraphs()) {
            let then = cache.rulings(jurisdiction, &facts, now);
            changes.take(fact, value, &then, &all);
        }
        let changes = changes.found;
        let explained = |(about, said): (&RulingSubject, &Determination)| ExplainedRuling {
            about: *about,
            said: said.clone(),
            reads: self.read_by(jurisdiction, &said.policies),
        };
        Explanation { rulings: rulings.iter().map(explained).collect(), changes, dates_known: dates.is_some() }
    }

    /// The moments after `now` at which time alone may change the law: each date, and the millisecond after it.
    fn dates_after(&self, jurisdiction: &JurisdictionId, now: Timestamp) -> Option<Vec<Timestamp>> {
        let points = self.jurisdiction_law(jurisdiction).0.change_instants()?;
        let moments = points.iter().flat_map(|point| [*point, point.saturating_add(1)]);
        Some(moments.filter_map(|moment| Timestamp::from_millisecond(moment).ok()).filter(|at| *at > now).collect())
    }

    /// The facts that these policies of a law read.
    fn read_by(&self, jurisdiction: &JurisdictionId, policies: &[String]) -> Vec<String> {
        let law = self.jurisdiction_law(jurisdiction).0;
        let mut read = BTreeSet::new();
        for policy in policies.iter().filter_map(|id| law.policy(id)) {
            if !matches!(policy.principal_constraint(), cedar::PrincipalConstraint::Any) {
                read.insert(Fact::AskedBy.word().to_owned());
            }
            let alone = cedar::PolicySet::from_policies([policy.clone()]).ok();
            match alone.and_then(|alone| FactDependencies::of(&alone)) {
                Some(reads) => {
                    read.extend(reads.facts().map(str::to_owned));
                    read.extend((!reads.change_instants().is_empty()).then(|| "now".to_owned()));
                }
                None => _ = read.insert("now".to_owned()),
            }
        }
        read.into_iter().collect()
    }
}

/// Gathers the changes that lead to another ruling. Values of one fact that the law treats alike are listed together.
struct FactChanges<'a> {
    rulings: &'a Rulings,
    found: Vec<FactChange>,
}

impl FactChanges<'_> {
    fn take(&mut self, fact: Fact, value: String, then: &Rulings, of: &BTreeSet<RulingSubject>) {
        let changed =
            then.iter().filter(|(about, said)| of.contains(about) && differs(self.rulings.get(about), Some(said)));
        let becomes: Vec<(RulingSubject, Determination)> =
            changed.map(|(about, said)| (*about, said.clone())).collect();
        if becomes.is_empty() {
            return;
        }
        match self.found.iter_mut().find(|known| known.fact == fact && known.becomes == becomes) {
            Some(known) => known.values.push(value),
            None => self.found.push(FactChange { fact, values: vec![value], becomes }),
        }
    }
}

/// A review that waits for a verified fact differs from one that an officer may decide.
fn differs(one: Option<&Determination>, other: Option<&Determination>) -> bool {
    let ruling = |said: Option<&Determination>| said.map(|said| (said.ruling, said.failed, said.unverified));
    ruling(one) != ruling(other)
}

#[cfg(test)]
mod tests;
