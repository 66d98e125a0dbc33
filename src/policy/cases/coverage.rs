//! Which policies the cases try on both sides: satisfied in one, and not satisfied in another that asks for its act.
//!
//! Cedar names the policies that decided, not those that were satisfied beside them, so each is asked by itself.

use std::collections::BTreeMap;
use std::fmt;

use cedar_policy as cedar;
use jiff::Timestamp;

use crate::domain::determination::{FieldClass, LawAction};
use crate::domain::facts::CaseFacts;
use crate::policy::cases::table::Expected;
use crate::policy::fact_dependencies::FactDependencies;
use crate::policy::load::PolicySet;
use crate::policy::vocabulary::milliseconds;

/// A policy that the cases try on one side only.
#[derive(Debug, PartialEq, Eq)]
pub struct Gap {
    /// The table that should have a case for it.
    pub file: String,
    /// The policy.
    pub policy: String,
    /// Which side is not tried.
    pub side: Side,
}

/// A side of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Its condition holds in no case.
    NeverMet,
    /// Its condition holds in every case that asks for its act.
    AlwaysMet,
}

/// Policies being tried.
pub(super) struct Coverage(Vec<PolicyCoverage>);

struct PolicyCoverage {
    id: String,
    /// It alone, whichever way its switch stands.
    policy: cedar::PolicySet,
    acts: Vec<LawAction>,
    /// It reads neither a fact nor the time nor who asks: there is no other side.
    unconditional: bool,
    met: bool,
    unmet: bool,
}

impl Coverage {
    pub(super) fn of<'a>(policies: impl Iterator<Item = &'a cedar::Policy>) -> Self {
        Self(policies.filter_map(PolicyCoverage::of).collect())
    }

    /// Counts a case, as far as it says what it expects.
    pub(super) fn take(&mut self, set: &PolicySet, expected: &Expected, facts: &CaseFacts, now: Timestamp) {
        let Some(context) = set.vocabulary.facts(facts, milliseconds(now)) else { return };
        let asker = facts.requester_kind;
        let mut requests: BTreeMap<LawAction, Vec<cedar::Request>> = BTreeMap::new();
        for act in expected.acts.keys() {
            requests.insert(*act, set.vocabulary.act(asker, *act, &context).into_iter().collect());
        }
        if expected.speaks_of_fields() {
            let ask = |class: &FieldClass| set.vocabulary.disclosure(asker, *class, &context);
            requests.insert(LawAction::Disclose, FieldClass::ALL.iter().filter_map(ask).collect());
        }
        for tried in &mut self.0 {
            for act in tried.acts.clone() {
                tried.count(requests.get(&act).map(Vec::as_slice).unwrap_or_default());
            }
        }
    }

    /// Policies of which one side was not tried.
    pub(super) fn gaps(self, file: &str) -> impl Iterator<Item = Gap> {
        self.0.into_iter().filter_map(move |tried| {
            let side = match tried {
                PolicyCoverage { met: false, .. } => Side::NeverMet,
                PolicyCoverage { unmet: false, unconditional: false, .. } => Side::AlwaysMet,
                PolicyCoverage { .. } => return None,
            };
            Some(Gap { file: file.to_owned(), policy: tried.id, side })
        })
    }
}

impl PolicyCoverage {
    fn of(policy: &cedar::Policy) -> Option<Self> {
        let alone = cedar::PolicySet::from_policies([policy.clone()]).ok()?;
        let anybody = matches!(policy.principal_constraint(), cedar::PrincipalConstraint::Any);
        let reads_nothing = FactDependencies::of(&alone).is_some_and(|read| read.is_empty());
        let named = match policy.action_constraint() {
            cedar::ActionConstraint::Any => Vec::new(),
            cedar::ActionConstraint::Eq(action) => vec![action],
            cedar::ActionConstraint::In(actions) => actions,
        };
        let is_named = |act: &LawAction| named.iter().any(|action| action.id().unescaped() == act.word());
        Some(Self {
            id: policy.id().to_string(),
            policy: alone,
            acts: LawAction::ALL.iter().copied().filter(is_named).collect(),
            unconditional: anybody && reads_nothing,
            met: false,
            unmet: false,
        })
    }

    /// A policy on fields is met in a case where it is met for any class: for the others its own list keeps it out.
    fn count(&mut self, requests: &[cedar::Request]) {
        if requests.is_empty() {
            return;
        }
        let authorizer = cedar::Authorizer::new();
        let satisfied = |request: &cedar::Request| {
            let response = authorizer.is_authorized(request, &self.policy, &cedar::Entities::empty());
            response.diagnostics().reason().next().is_some()
        };
        if requests.iter().any(satisfied) {
            self.met = true;
        } else {
            self.unmet = true;
        }
    }
}

impl Expected {
    fn speaks_of_fields(&self) -> bool {
        self.shown.is_some() || self.review.is_some() || self.withheld.is_some()
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::NeverMet => "its condition holds in no case",
            Side::AlwaysMet => "its condition holds in every case that asks for its act",
        };
        write!(f, "{}: {} is tried on one side only: {side}", self.file, self.policy)
    }
}
