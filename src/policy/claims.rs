//! How a policy may read what the requester says: a claim in one direction only, and a trigger only with a citation
//! that makes it count.
//!
//! The engine asks a law twice, with claims and without, and no claim opens what the law leaves shut. Two answers are
//! enough only because, in one policy, more claims MUST always point the same way. Otherwise one claim could undo
//! another.

use cedar_policy as cedar;
use serde_json::Value;

use crate::policy::fact_dependencies::{attribute, claim};
use crate::policy::rules::Rule;

/// What the requester asks for. A permit that reads one of these rests on the requester's word.
const TRIGGERS: [&str; 4] = ["form", "asks_for_hold", "basis", "warrant"];

/// Checks how a policy reads the requester's word.
pub(crate) fn check(policy: &cedar::Policy) -> Result<(), Rule> {
    let json = policy.to_json().map_err(|_| Rule::Claim)?;
    let conditions = json.get("conditions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found = Directions::default();
    for condition in conditions {
        let grows = condition.get("kind").and_then(Value::as_str) == Some("when");
        if let Some(body) = condition.get("body") {
            found.of(body, grows);
        }
    }
    if found.more && found.less {
        return Err(Rule::Claim);
    }
    let permits = policy.effect() == cedar::Effect::Permit;
    let triggered = conditions.iter().any(reads_trigger);
    match (permits && triggered, policy.annotation("trigger").is_some()) {
        (true, false) | (false, true) => Err(Rule::Trigger),
        (true, true) | (false, false) => Ok(()),
    }
}

fn reads_trigger(expression: &Value) -> bool {
    let own = attribute(expression, ".").or_else(|| attribute(expression, "has"));
    own.is_some_and(|fact| TRIGGERS.contains(&fact)) || parts(expression).any(reads_trigger)
}

/// How a policy responds as more is claimed.
#[derive(Default)]
struct Directions {
    /// It is met more easily.
    more: bool,
    /// It is met less easily.
    less: bool,
}

impl Directions {
    /// Walks a condition. `grows`: the policy is met more easily when the condition holds.
    fn of(&mut self, expression: &Value, grows: bool) {
        if claim(expression).is_some() {
            return self.mark(grows);
        }
        let operand = |operator: &str, side: &str| expression.get(operator).and_then(|operands| operands.get(side));
        if let Some(negated) = operand("!", "arg") {
            return self.of(negated, !grows);
        }
        if let Some(set) = operand("isEmpty", "arg") {
            return self.of(set, !grows);
        }
        for operator in ["&&", "||"] {
            if let Some((left, right)) = operand(operator, "left").zip(operand(operator, "right")) {
                self.of(left, grows);
                return self.of(right, grows);
            }
        }
        for operator in ["contains", "containsAny", "containsAll"] {
            if let Some((set, sought)) = operand(operator, "left").zip(operand(operator, "right")) {
                self.of(set, grows);
                return self.either(sought);
            }
        }
        self.either(expression);
    }

    /// Marks both directions: a claim that is read here has no single one.
    fn either(&mut self, expression: &Value) {
        if reads_claims(expression) {
            (self.more, self.less) = (true, true);
        }
    }

    fn mark(&mut self, grows: bool) {
        if grows {
            self.more = true;
        } else {
            self.less = true;
        }
    }
}

fn reads_claims(expression: &Value) -> bool {
    let own = attribute(expression, ".").or_else(|| attribute(expression, "has"));
    own == Some(crate::policy::vocabulary::ASSERTED) || parts(expression).any(reads_claims)
}

/// The parts of an expression in Cedar's JSON form.
fn parts(expression: &Value) -> impl Iterator<Item = &Value> {
    let object = expression.as_object().into_iter().flat_map(|node| node.values());
    object.chain(expression.as_array().into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(policy: &str) -> Result<(), Rule> {
        let set: cedar::PolicySet = policy.parse().unwrap();
        check(set.policies().next().unwrap())
    }

    #[test]
    fn claims_point_one_way() {
        fn check(condition: &str, allowed: bool) {
            for effect in ["permit", "forbid"] {
                for kind in ["when", "unless"] {
                    let policy = format!("{effect} (principal, action, resource) {kind} {{ {condition} }};");
                    assert_eq!(checked(&policy).is_ok(), allowed, "{policy}");
                }
            }
        }
        check("context.juvenile", true);
        check("context.asserted.juvenile", true);
        check("context.asserted.juvenile && context.asserted.sealed", true);
        check("!(context.asserted.juvenile || !context.juvenile)", true);
        check("context.asserted.charges.contains(Offence::\"drugs\")", true);
        check("context.asserted.charges.isEmpty() && !context.asserted.sealed", true);
        check("context.asserted.charges.isEmpty() && context.asserted.sealed", false);
        check("context.asserted.juvenile && !context.asserted.sealed", false);
        check("context.asserted.juvenile == context.juvenile", false);
        check("context.charges.containsAny(context.asserted.charges)", false);
        check("if context.asserted.juvenile then true else false", false);
        check("context.asserted == context.asserted", false);
        check("[context.asserted.juvenile].contains(true)", false);
        check("{a: context.asserted.juvenile}.a", false);
        check("context.asserted has juvenile", false);
    }

    #[test]
    fn a_permit_reads_what_was_asked_only_where_a_citation_makes_it_count() {
        let permit = "permit (principal, action, resource)";
        for asked in ["context.asks_for_hold", "context.basis.isEmpty()", "context.warrant == context.form"] {
            assert_eq!(checked(&format!("{permit} when {{ {asked} }};")), Err(Rule::Trigger));
            assert_eq!(checked(&format!("@trigger(\"c\") {permit} when {{ {asked} }};")), Ok(()));
            assert_eq!(checked(&format!("forbid (principal, action, resource) unless {{ {asked} }};")), Ok(()));
        }
        assert_eq!(checked(&format!("@trigger(\"c\") {permit};")), Err(Rule::Trigger));
    }
}
