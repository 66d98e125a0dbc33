//! Which policies the cases test both ways: satisfied in one case, and not satisfied in another that asks for the same
//! act.
//!
//! Cedar names the policies that decided, not every one that was satisfied. So each policy is asked alone.

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

/// A policy that the cases test one way only.
#[derive(Debug, PartialEq, Eq)]
pub struct CoverageGap {
    /// The table that lacks a case for it.
    pub file: String,
    /// The policy.
    pub policy: String,
    /// Which way is not tested.
    pub kind: GapKind,
}

/// How a condition is tested one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapKind {
    /// Its condition holds in no case.
    NeverMet,
    /// Its condition holds in every case that asks for its act.
    AlwaysMet,
}

/// The policies of a set of cases, each with how it was tested.
pub(super) struct Coverage(Vec<PolicyCoverage>);

struct PolicyCoverage {
    id: String,
    /// This policy alone, whatever its switch is set to.
    policy: cedar::PolicySet,
    acts: Vec<LawAction>,
    /// It reads no fact, no time and no requester, so it can be tested one way only.
    unconditional: bool,
    met: bool,
    unmet: bool,
}

impl Coverage {
    pub(super) fn of<'a>(policies: impl Iterator<Item = &'a cedar::Policy>) -> Self {
        Self(policies.filter_map(PolicyCoverage::of).collect())
    }

    /// Counts a case for the acts that it expects something of.
    pub(super) fn take(&mut self, set: &PolicySet, expected: &Expected, facts: &CaseFacts, now: Timestamp) {
        let Some(context) = set.vocabulary.facts(facts, milliseconds(now)) else { return };
        let asker = facts.requester_kind;
        let mut requests: BTreeMap<LawAction, Vec<cedar::Request>> = BTreeMap::new();
        for act in expected.acts.keys() {
            requests.insert(*act, set.vocabulary.act(asker, *act, &context).into_iter().collect());
        }
        if expected.expects_fields() {
            let ask = |class: &FieldClass| set.vocabulary.disclosure(asker, *class, &context);
            requests.insert(LawAction::Disclose, FieldClass::ALL.iter().filter_map(ask).collect());
        }
        for tried in &mut self.0 {
            for act in tried.acts.clone() {
                tried.count(requests.get(&act).map(Vec::as_slice).unwrap_or_default());
            }
        }
    }

    /// The policies that are tested one way only.
    pub(super) fn gaps(self, file: &str) -> impl Iterator<Item = CoverageGap> {
        self.0.into_iter().filter_map(move |tried| {
            let kind = match tried {
                PolicyCoverage { met: false, .. } => GapKind::NeverMet,
                PolicyCoverage { unmet: false, unconditional: false, .. } => GapKind::AlwaysMet,
                PolicyCoverage { .. } => return None,
            };
            Some(CoverageGap { file: file.to_owned(), policy: tried.id, kind })
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

    /// A policy on field classes is met if it is met for any class: its own list excludes the others.
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
    fn expects_fields(&self) -> bool {
        self.shown.is_some() || self.review.is_some() || self.withheld.is_some()
    }
}

impl fmt::Display for CoverageGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.kind {
            GapKind::NeverMet => "its condition holds in no case",
            GapKind::AlwaysMet => "its condition holds in every case that asks for its act",
        };
        write!(f, "{}: {} is tried on one side only: {side}", self.file, self.policy)
    }
}
