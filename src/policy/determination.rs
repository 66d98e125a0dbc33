//! Reads Cedar's answer as a ruling: must, may, must not, or a person decides.

use std::collections::{BTreeSet, HashMap};

use cedar_policy as cedar;

use crate::domain::determination::{Determination, HoldClock, Obligation, Ruling};
use crate::policy::rules::obligations;

/// What the policies of a slice say of themselves, read once: Cedar parses an annotation's name each time it is asked
/// for one, which costs ten times the decision.
#[derive(Debug)]
pub(crate) struct Annotations(HashMap<cedar::PolicyId, Words>);

/// The annotations of one policy.
#[derive(Debug, Default)]
struct Words {
    cite: Option<String>,
    obligations: Vec<Obligation>,
    review: Option<String>,
    duty: Option<String>,
    clock: Option<HoldClock>,
}

impl Annotations {
    pub(crate) fn of(policies: &cedar::PolicySet) -> Self {
        let words = |policy: &cedar::Policy| {
            let annotated = |annotation| policy.annotation(annotation).map(str::to_owned);
            Words {
                cite: annotated("cite"),
                // Both were read before, when the policy was checked.
                obligations: policy
                    .annotation("obligation")
                    .and_then(|words| obligations(words).ok())
                    .unwrap_or_default(),
                review: annotated("review"),
                duty: annotated("duty"),
                clock: policy.annotation("clock").and_then(|word| word.parse().ok()),
            }
        };
        Self(policies.policies().map(|policy| (policy.id().clone(), words(policy))).collect())
    }

    /// Reads Cedar's answer.
    ///
    /// A satisfied permit is MAY, and MUST where one bears a duty. A satisfied forbid is MUST NOT, and REVIEW where each
    /// that is satisfied asks for one. Silence is REVIEW.
    pub(crate) fn ruling(&self, response: &cedar::Response) -> Determination {
        // INVARIANT: no ruling stands on an evaluation that failed. Cedar alone skips a broken forbid and would allow.
        if let Some(cedar::AuthorizationError::PolicyEvaluationError(broken)) = response.diagnostics().errors().next() {
            tracing::error!(policy = %broken.policy_id(), "a law could not be evaluated; what it speaks to is denied");
            return failed();
        }
        // A satisfied policy without words of its own would be one of another slice: nothing may rest on it.
        let Some(satisfied) = response.diagnostics().reason().map(|id| Some((id, self.0.get(id)?))).collect() else {
            return failed();
        };
        let satisfied: Vec<Satisfied<'_>> = satisfied;
        match response.decision() {
            cedar::Decision::Allow => {
                let duty = satisfied.iter().any(|(_, words)| words.duty.is_some());
                explained(if duty { Ruling::Must } else { Ruling::May }, &satisfied)
            }
            cedar::Decision::Deny if satisfied.is_empty() => silent(),
            cedar::Decision::Deny => {
                // A person may lift a review, not a plain prohibition beside it: then the prohibitions alone decide.
                let plain: Vec<_> = satisfied.iter().copied().filter(|(_, words)| words.review.is_none()).collect();
                if plain.is_empty() {
                    explained(Ruling::Review, &satisfied)
                } else {
                    explained(Ruling::MustNot, &plain)
                }
            }
        }
    }
}

type Satisfied<'a> = (&'a cedar::PolicyId, &'a Words);

/// What is said of an act that could not be judged.
pub(crate) fn failed() -> Determination {
    Determination { failed: true, ..bare(Ruling::MustNot) }
}

/// Takes into one determination what another of the same ruling rests on.
pub(crate) fn merge(into: &mut Determination, other: &Determination) {
    union(&mut into.policies, &other.policies);
    union(&mut into.citations, &other.citations);
    union(&mut into.obligations, &other.obligations);
    union(&mut into.reviews, &other.reviews);
}

fn union<T: Clone + Ord>(into: &mut Vec<T>, other: &[T]) {
    into.extend_from_slice(other);
    into.sort_unstable();
    into.dedup();
}

fn silent() -> Determination {
    Determination { reviews: vec!["no policy speaks to this".to_owned()], ..bare(Ruling::Review) }
}

fn explained(ruling: Ruling, deciding: &[Satisfied<'_>]) -> Determination {
    let words = || deciding.iter().map(|(_, words)| words);
    Determination {
        policies: sorted(deciding.iter().map(|(id, _)| id.as_ref())),
        citations: sorted(words().filter_map(|words| words.cite.as_deref())),
        obligations: words()
            .flat_map(|words| &words.obligations)
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        reviews: sorted(words().filter_map(|words| words.review.as_deref())),
        // A permit that names no clock leaves it to those that do; of two, the one that ends first bounds the hold.
        clock: words().filter_map(|words| words.clock).min(),
        ..bare(ruling)
    }
}

fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    words.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}

fn bare(ruling: Ruling) -> Determination {
    Determination {
        ruling,
        policies: Vec::new(),
        citations: Vec::new(),
        obligations: Vec::new(),
        reviews: Vec::new(),
        failed: false,
        clock: None,
    }
}
