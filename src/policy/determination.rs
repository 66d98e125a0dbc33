//! Reads Cedar's answer as a ruling: must, may, must not, or a person decides.

use std::collections::{BTreeSet, HashMap};

use cedar_policy as cedar;

use crate::domain::determination::{Determination, HoldClock, Obligation, OnReceipt, Ruling};
use crate::policy::rules::{obligations, owed_on_receipt};

/// The annotations of a law's policies, read once. Cedar parses an annotation's name at each request for one, which
/// costs ten times the decision.
#[derive(Debug)]
pub(crate) struct Annotations(HashMap<cedar::PolicyId, PolicyAnnotations>);

/// The annotations of one policy.
#[derive(Debug, Default)]
struct PolicyAnnotations {
    cite: Option<String>,
    obligations: Vec<Obligation>,
    /// The obligations are owed from the receipt of the request, and so for no act.
    on_receipt: bool,
    review: Option<String>,
    duty: Option<String>,
    clock: Option<HoldClock>,
}

impl Annotations {
    pub(crate) fn of(policies: &cedar::PolicySet) -> Self {
        let words = |policy: &cedar::Policy| {
            let annotated = |annotation| policy.annotation(annotation).map(str::to_owned);
            PolicyAnnotations {
                cite: annotated("cite"),
                // Cannot fail: both were read when the policy was checked.
                obligations: policy
                    .annotation("obligation")
                    .and_then(|words| obligations(words).ok())
                    .unwrap_or_default(),
                on_receipt: owed_on_receipt(policy),
                review: annotated("review"),
                duty: annotated("duty"),
                clock: policy.annotation("clock").and_then(|word| word.parse().ok()),
            }
        };
        Self(policies.policies().map(|policy| (policy.id().clone(), words(policy))).collect())
    }

    /// Reads Cedar's answer.
    ///
    /// A satisfied permit is MAY, or MUST if one of them is a duty. A satisfied forbid is MUST NOT, or REVIEW if every
    /// satisfied one asks for a review. If no policy is satisfied, the ruling is REVIEW.
    pub(crate) fn ruling(&self, response: &cedar::Response) -> Determination {
        self.read(response).map_or_else(failed, |answer| answer.ruling())
    }

    /// Reads two answers to one question: with the requester's claims, and without.
    ///
    /// INVARIANT: no claim moves a ruling to MAY or MUST. A claim may move MUST NOT to REVIEW, which nobody may decide
    /// before the fact is verified. What a claim forbids is forbidden.
    pub(crate) fn ruling_on_claims(&self, claimed: &cedar::Response, unclaimed: &cedar::Response) -> Determination {
        let Some((claimed, unclaimed)) = self.read(claimed).zip(self.read(unclaimed)) else { return failed() };
        match (claimed.allows, unclaimed.allows) {
            (true, true) => {
                let in_both: Vec<_> = claimed.satisfied.iter().copied().filter(|one| unclaimed.has(*one)).collect();
                if in_both.is_empty() || is_duty(&in_both) != is_duty(&unclaimed.satisfied) {
                    on_claim(&unclaimed.satisfied, false)
                } else {
                    explained(permitting(&in_both), &in_both)
                }
            }
            (true, false) => {
                let mut both = unclaimed.satisfied.clone();
                both.extend(&claimed.satisfied);
                on_claim(&both, unclaimed.forbids())
            }
            (false, true) => claimed.ruling(),
            (false, false) => {
                let lifted = unclaimed.satisfied.iter().copied().filter(|one| !claimed.has(*one));
                let lifted: Vec<_> = lifted.filter(|(_, words)| words.review.is_none()).collect();
                if claimed.forbids() || lifted.is_empty() {
                    return claimed.ruling();
                }
                let mut both = claimed.satisfied.clone();
                both.extend(lifted);
                on_claim(&both, true)
            }
        }
    }

    /// What is owed from the receipt of the request, by the policies that an answer names.
    pub(crate) fn on_receipt(&self, response: &cedar::Response) -> Vec<OnReceipt> {
        let words = response.diagnostics().reason().filter_map(|id| self.0.get(id));
        let mut owed: Vec<OnReceipt> = Vec::new();
        for words in words.filter(|words| words.on_receipt) {
            let citations: Vec<String> = words.cite.iter().cloned().collect();
            let own = words
                .obligations
                .iter()
                .map(|obligation| OnReceipt { obligation: *obligation, citations: citations.clone() });
            add(&mut owed, own);
        }
        owed
    }

    /// None: no ruling may rest on the answer.
    fn read(&self, response: &cedar::Response) -> Option<Answer<'_>> {
        // INVARIANT: no ruling rests on a failed evaluation. Cedar alone skips a broken forbid and would allow.
        if let Some(cedar::AuthorizationError::PolicyEvaluationError(broken)) = response.diagnostics().errors().next() {
            tracing::error!(policy = %broken.policy_id(), "a law could not be evaluated; what it speaks to is denied");
            return None;
        }
        // Every satisfied policy has annotations here, unless it is another law's.
        let words = response.diagnostics().reason().map(|id| self.0.get_key_value(id));
        Some(Answer { allows: response.decision() == cedar::Decision::Allow, satisfied: words.collect::<Option<_>>()? })
    }
}

/// Cedar's decision and the policies that it rests on: the permits if it allows, else the forbids.
struct Answer<'a> {
    allows: bool,
    satisfied: Vec<Satisfied<'a>>,
}

impl Answer<'_> {
    fn has(&self, (id, _): Satisfied<'_>) -> bool {
        self.satisfied.iter().any(|(known, _)| *known == id)
    }

    /// Whether a forbid without review is satisfied. No person may lift it.
    fn forbids(&self) -> bool {
        !self.allows && self.satisfied.iter().any(|(_, words)| words.review.is_none())
    }

    fn ruling(&self) -> Determination {
        if self.allows {
            return explained(permitting(&self.satisfied), &self.satisfied);
        }
        if self.satisfied.is_empty() {
            return no_policy_speaks();
        }
        // A person may lift a review, but not a prohibition beside it. Then only the prohibitions decide.
        if self.forbids() {
            let plain = self.satisfied.iter().copied().filter(|(_, words)| words.review.is_none());
            return explained(Ruling::MustNot, &plain.collect::<Vec<_>>());
        }
        explained(Ruling::Review, &self.satisfied)
    }
}

fn is_duty(permits: &[Satisfied<'_>]) -> bool {
    permits.iter().any(|(_, words)| words.duty.is_some())
}

fn permitting(permits: &[Satisfied<'_>]) -> Ruling {
    if is_duty(permits) { Ruling::Must } else { Ruling::May }
}

/// The ruling where the law would rule otherwise if a claim were a fact.
fn on_claim(deciding: &[Satisfied<'_>], unverified: bool) -> Determination {
    let said = explained(Ruling::Review, deciding);
    let mut reviews = said.reviews;
    reviews.push(CLAIMED.to_owned());
    reviews.sort_unstable();
    Determination { reviews, unverified, obligations: Vec::new(), clock: None, ..said }
}

/// Why a person decides: only the requester says what would open the law.
const CLAIMED: &str = "the requester claims what the custodian has not verified";

type Satisfied<'a> = (&'a cedar::PolicyId, &'a PolicyAnnotations);

/// The determination on an act that could not be judged.
pub(crate) fn failed() -> Determination {
    Determination { failed: true, ..without_grounds(Ruling::MustNot) }
}

/// Adds the grounds of another determination with the same ruling.
pub(crate) fn merge(into: &mut Determination, other: &Determination) {
    union(&mut into.policies, &other.policies);
    union(&mut into.citations, &other.citations);
    union(&mut into.obligations, &other.obligations);
    union(&mut into.reviews, &other.reviews);
    add(&mut into.on_receipt, other.on_receipt.iter().cloned());
}

/// Adds obligations. Each is listed once, with the citations of all policies that ask for it.
pub(crate) fn add(owed: &mut Vec<OnReceipt>, more: impl Iterator<Item = OnReceipt>) {
    for one in more {
        match owed.iter_mut().find(|known| known.obligation == one.obligation) {
            Some(known) => union(&mut known.citations, &one.citations),
            None => owed.push(one),
        }
    }
    owed.sort_unstable();
}

fn union<T: Clone + Ord>(into: &mut Vec<T>, other: &[T]) {
    into.extend_from_slice(other);
    into.sort_unstable();
    into.dedup();
}

fn no_policy_speaks() -> Determination {
    Determination { reviews: vec!["no policy speaks to this".to_owned()], ..without_grounds(Ruling::Review) }
}

fn explained(ruling: Ruling, deciding: &[Satisfied<'_>]) -> Determination {
    let words = || deciding.iter().map(|(_, words)| words);
    Determination {
        policies: sorted(deciding.iter().map(|(id, _)| id.as_ref())),
        citations: sorted(words().filter_map(|words| words.cite.as_deref())),
        obligations: words()
            .filter(|words| !words.on_receipt)
            .flat_map(|words| &words.obligations)
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        reviews: sorted(words().filter_map(|words| words.review.as_deref())),
        // A permit without a clock leaves it to the others. Of two clocks, the shorter bounds the hold.
        clock: words().filter_map(|words| words.clock).min(),
        ..without_grounds(ruling)
    }
}

fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    words.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}

fn without_grounds(ruling: Ruling) -> Determination {
    Determination {
        ruling,
        policies: Vec::new(),
        citations: Vec::new(),
        obligations: Vec::new(),
        reviews: Vec::new(),
        failed: false,
        clock: None,
        unverified: false,
        on_receipt: Vec::new(),
    }
}
