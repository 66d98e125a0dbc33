//! Reads Cedar's answer as a ruling: must, may, must not, or a person decides.

use std::collections::BTreeSet;

use cedar_policy as cedar;

use crate::domain::determination::{Determination, Ruling};

/// The ruling of a slice on one question.
///
/// A satisfied permit is MAY, and MUST where one bears a duty. A satisfied forbid is MUST NOT, and REVIEW where each
/// that is satisfied asks for one. Silence is REVIEW.
pub(crate) fn ruling(response: &cedar::Response, policies: &cedar::PolicySet) -> Determination {
    // INVARIANT: no ruling stands on an evaluation that failed. Cedar by itself skips a broken forbid and would allow.
    if let Some(cedar::AuthorizationError::PolicyEvaluationError(broken)) = response.diagnostics().errors().next() {
        tracing::error!(policy = %broken.policy_id(), "a policy could not be evaluated; what it speaks to is denied");
        return failed();
    }
    let satisfied: Vec<&cedar::PolicyId> = response.diagnostics().reason().collect();
    let bears = |id: &cedar::PolicyId, word| policies.annotation(id, word).is_some();
    match response.decision() {
        cedar::Decision::Allow => {
            let duty = satisfied.iter().any(|id| bears(id, "duty"));
            explained(if duty { Ruling::Must } else { Ruling::May }, &satisfied, policies)
        }
        cedar::Decision::Deny if satisfied.is_empty() => silent(),
        cedar::Decision::Deny => {
            // A person may lift a review, not a plain prohibition beside it: then the prohibitions alone decide.
            let plain: Vec<_> = satisfied.iter().copied().filter(|id| !bears(id, "review")).collect();
            if plain.is_empty() {
                explained(Ruling::Review, &satisfied, policies)
            } else {
                explained(Ruling::MustNot, &plain, policies)
            }
        }
    }
}

/// What is said of an act that could not be judged.
pub(crate) fn failed() -> Determination {
    Determination { failed: true, ..bare(Ruling::MustNot) }
}

/// Takes into one determination what another of the same ruling rests on.
pub(crate) fn merge(into: &mut Determination, other: &Determination) {
    let union = |into: &mut Vec<String>, other: &[String]| {
        into.extend_from_slice(other);
        into.sort_unstable();
        into.dedup();
    };
    union(&mut into.policies, &other.policies);
    union(&mut into.citations, &other.citations);
    union(&mut into.obligations, &other.obligations);
    union(&mut into.reviews, &other.reviews);
}

fn silent() -> Determination {
    Determination { reviews: vec!["no policy speaks to this".to_owned()], ..bare(Ruling::Review) }
}

fn explained(ruling: Ruling, deciding: &[&cedar::PolicyId], policies: &cedar::PolicySet) -> Determination {
    let words = |annotation| {
        let sorted: BTreeSet<&str> = deciding.iter().filter_map(|id| policies.annotation(id, annotation)).collect();
        sorted.into_iter().map(str::to_owned).collect()
    };
    Determination {
        policies: words("id"),
        citations: words("cite"),
        obligations: words("obligation"),
        reviews: words("review"),
        ..bare(ruling)
    }
}

fn bare(ruling: Ruling) -> Determination {
    Determination {
        ruling,
        policies: Vec::new(),
        citations: Vec::new(),
        obligations: Vec::new(),
        reviews: Vec::new(),
        failed: false,
    }
}
