//! Rewrites each policy as one condition. Then the ruling of any law on any act, with and without the requester's
//! claims, is a condition that the solver can compare with another.
//!
//! Every condition is on a request for `disclose`, since only that has a resource of many values. In a policy on an act
//! on the person, `action` and `resource` are replaced by the act and the person. Property tests compare the conditions
//! with the engine's rulings.

use cedar_policy as cedar;
use serde_json::{Map, Value, json};

use crate::domain::determination::LawAction;
use crate::policy::prove::law::Claims;
use crate::policy::prove::question::{Level, ReachesLevel};
use crate::policy::vocabulary::ASSERTED;

/// A record beside the requester's claims, of the same shape, in which nothing is claimed. Only proofs know it.
const SILENT: &str = "silent";

/// Why a policy or the schema cannot be rewritten.
#[derive(Debug, thiserror::Error)]
pub(super) enum RewriteError {
    /// Cedar cannot produce or read its own JSON form.
    #[error("policy {0} has no JSON form: {1}")]
    Json(String, String),
    /// The scope of a policy cannot be expressed as a condition.
    #[error("policy {0} has a scope that cannot be compared")]
    Scope(String),
    /// The text of one of our own conditions is not valid Cedar.
    #[error("{0}")]
    Condition(#[from] Box<cedar::ParseErrors>),
    /// The schema lacks what the proofs need.
    #[error("the schema {0}")]
    Schema(String),
}

/// With the requester's claims, or with nothing claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    Claimed,
    Unclaimed,
}

/// The condition under which a ruling reaches a level.
pub(super) fn reached(reaches: &ReachesLevel<'_>) -> Result<Value, RewriteError> {
    let rules = Rules::of(&reaches.law.policies, reaches.act)?;
    match (reaches.claims, reaches.level) {
        (Claims::Unheard, level) => rules.said(level, Context::Unclaimed),
        (Claims::TakenForFacts, level) => rules.said(level, Context::Claimed),
        (Claims::Heard, level) => rules.ruled(level),
    }
}

/// The policies of a law on one act.
struct Rules {
    act: LawAction,
    permits: Vec<Rule>,
    forbids: Vec<Rule>,
    /// Whether any of them reads a claim.
    reads_claims: bool,
}

struct Rule {
    id: String,
    /// The policy as Cedar's JSON.
    json: Value,
    /// A permit with a duty, or a forbid that no person may lift.
    strict: bool,
}

impl Rules {
    fn of(law: &cedar::PolicySet, act: LawAction) -> Result<Self, RewriteError> {
        let mut rules = Self { act, permits: Vec::new(), forbids: Vec::new(), reads_claims: false };
        for policy in law.policies().filter(|policy| is_about(policy, act)) {
            let (id, json) = (policy.id().to_string(), json_of(policy)?);
            rules.reads_claims |= json.to_string().contains(&format!("\"{ASSERTED}\""));
            match policy.effect() {
                cedar::Effect::Permit => {
                    rules.permits.push(Rule { id, json, strict: policy.annotation("duty").is_some() });
                }
                cedar::Effect::Forbid => {
                    rules.forbids.push(Rule { id, json, strict: policy.annotation("review").is_none() });
                }
            }
        }
        Ok(rules)
    }

    /// What the policies say in one context, with claims taken for facts.
    fn said(&self, level: Level, context: Context) -> Result<Value, RewriteError> {
        let any = |rules: &[Rule], strict: bool| self.any(rules, strict, &[context]);
        Ok(match level {
            Level::Judged => self.judged(context)?,
            Level::Review => not(any(&self.forbids, true)?),
            Level::May => both(any(&self.permits, false)?, not(any(&self.forbids, false)?)),
            Level::Must => both(any(&self.permits, true)?, not(any(&self.forbids, false)?)),
        })
    }

    /// What the gateway rules, which asks with claims and without. Corresponds to `Annotations::ruling_on_claims`.
    fn ruled(&self, level: Level) -> Result<Value, RewriteError> {
        if !self.reads_claims || level <= Level::Review {
            return self.said(level, Context::Claimed);
        }
        let allowed = both(self.said(Level::May, Context::Claimed)?, self.said(Level::May, Context::Unclaimed)?);
        let both_contexts = [Context::Claimed, Context::Unclaimed];
        let duty_stands = self.any(&self.permits, true, &both_contexts)?;
        if level == Level::Must {
            return Ok(both(allowed, duty_stands));
        }
        let no_duty_lifted = either(not(self.any(&self.permits, true, &[Context::Unclaimed])?), duty_stands);
        Ok(both(allowed, both(self.any(&self.permits, false, &both_contexts)?, no_duty_lifted)))
    }

    /// The condition that some rule (or some strict one) is met in all of these contexts.
    fn any(&self, rules: &[Rule], strict: bool, contexts: &[Context]) -> Result<Value, RewriteError> {
        let mut met = Vec::new();
        for rule in rules.iter().filter(|rule| rule.strict || !strict) {
            let each = contexts.iter().map(|context| self.met(rule, *context)).collect::<Result<_, _>>()?;
            met.push(joined("&&", each));
        }
        Ok(joined("||", met))
    }

    /// The condition that every rule can be evaluated: `c || !c` is true wherever `c` has a value.
    fn judged(&self, context: Context) -> Result<Value, RewriteError> {
        let mut values = Vec::new();
        for rule in self.permits.iter().chain(&self.forbids) {
            let met = self.met(rule, context)?;
            values.push(either(met.clone(), not(met)));
        }
        Ok(joined("&&", values))
    }

    /// The condition that a policy is met: its scope, every `when` and no `unless`.
    fn met(&self, rule: &Rule, context: Context) -> Result<Value, RewriteError> {
        let scope = |variable: &str| scope(&rule.json, variable).ok_or_else(|| RewriteError::Scope(rule.id.clone()));
        let mut parts = vec![scope("principal")?];
        // There is one person. A scope may name that person or not.
        let put_in = self.act != LawAction::Disclose;
        if !put_in {
            parts.push(scope("resource")?);
        }
        for clause in rule.json.get("conditions").and_then(Value::as_array).into_iter().flatten() {
            let body = clause.get("body").cloned().unwrap_or_default();
            let unless = clause.get("kind").is_some_and(|kind| kind == "unless");
            parts.push(if unless { not(body) } else { body });
        }
        let mut whole = joined("&&", parts);
        rewrite(&mut whole, &|node| {
            if put_in && is_variable(node, "resource") {
                *node = entity("Subject", "subject");
            } else if put_in && is_variable(node, "action") {
                *node = entity("Action", self.act.word());
            } else if context == Context::Unclaimed {
                silence(node);
            }
        });
        Ok(whole)
    }
}

/// The scope's condition on the principal or the resource. None: no policy of a law can be written this way.
fn scope(policy: &Value, variable: &str) -> Option<Value> {
    let constraint = policy.get(variable)?;
    let named = || {
        let named = constraint.get("entity")?;
        Some(json!({ "Value": { "__entity": named.get("__entity").unwrap_or(named) } }))
    };
    let variable = json!({ "Var": variable });
    match constraint.get("op")?.as_str()? {
        "All" => Some(json!({ "Value": true })),
        "==" => Some(json!({ "==": { "left": variable, "right": named()? } })),
        "in" => Some(json!({ "in": { "left": variable, "right": named()? } })),
        "is" if constraint.get("in").is_none() => {
            Some(json!({ "is": { "left": variable, "entity_type": constraint.get("entity_type")? } }))
        }
        _ => None,
    }
}

/// A permit with this condition, for every request for `disclose`.
pub(super) fn permit(id: &str, when: &Value) -> Result<cedar::Policy, RewriteError> {
    policy(id, "permit", when)
}

/// A limit: whatever does not meet the condition is forbidden.
pub(super) fn only_where(id: &str, when: &Value) -> Result<cedar::Policy, RewriteError> {
    policy(id, "forbid", &not(when.clone()))
}

fn policy(id: &str, effect: &str, when: &Value) -> Result<cedar::Policy, RewriteError> {
    let json = json!({
        "effect": effect,
        "principal": { "op": "All" },
        "action": { "op": "==", "entity": { "type": "Action", "id": "disclose" } },
        "resource": { "op": "All" },
        "conditions": [{ "kind": "when", "body": when }],
    });
    policy_of(id, json)
}

/// Reads a condition from text.
pub(super) fn condition(text: &str) -> Result<Value, RewriteError> {
    let text = format!("permit (principal, action, resource) when {{ {text} }};");
    let policy = cedar::Policy::parse(None, text).map_err(Box::new)?;
    Ok(when_of(&policy)?.unwrap_or_else(|| json!({ "Value": true })))
}

/// The condition of a policy that has one `when` and nothing else.
pub(super) fn when_of(policy: &cedar::Policy) -> Result<Option<Value>, RewriteError> {
    Ok(json_of(policy)?.pointer("/conditions/0/body").cloned())
}

/// Whether a policy is about an act.
pub(super) fn is_about(policy: &cedar::Policy, act: LawAction) -> bool {
    let is_act = |action: &cedar::EntityUid| action.id().unescaped() == act.word();
    match policy.action_constraint() {
        cedar::ActionConstraint::Any => true,
        cedar::ActionConstraint::Eq(action) => is_act(&action),
        cedar::ActionConstraint::In(actions) => actions.iter().any(is_act),
    }
}

pub(super) fn both(left: Value, right: Value) -> Value {
    operation("&&", [("left", left), ("right", right)])
}

fn either(left: Value, right: Value) -> Value {
    operation("||", [("left", left), ("right", right)])
}

pub(super) fn not(condition: Value) -> Value {
    operation("!", [("arg", condition)])
}

fn operation<const N: usize>(operator: &str, operands: [(&str, Value); N]) -> Value {
    let operands: Map<String, Value> = operands.into_iter().map(|(name, part)| (name.to_owned(), part)).collect();
    Value::Object(Map::from_iter([(operator.to_owned(), operands.into())]))
}

/// Joins conditions in order as a balanced tree: a chain as long as a pack would be too deep to evaluate.
fn joined(operator: &str, mut conditions: Vec<Value>) -> Value {
    let right = conditions.split_off(conditions.len().div_ceil(2));
    if right.is_empty() {
        return conditions.pop().unwrap_or_else(|| json!({ "Value": operator == "&&" }));
    }
    operation(operator, [("left", joined(operator, conditions)), ("right", joined(operator, right))])
}

fn is_variable(node: &Value, name: &str) -> bool {
    node.get("Var").is_some_and(|variable| variable == name)
}

fn entity(kind: &str, id: &str) -> Value {
    json!({ "Value": { "__entity": { "type": kind, "id": id } } })
}

/// Replaces the requester's claims by the record in which nothing is claimed.
fn silence(node: &mut Value) {
    for operator in [".", "has"] {
        let Some(access) = node.get_mut(operator) else { continue };
        let of_context = access.get("left").is_some_and(|left| is_variable(left, "context"));
        if of_context && access.get("attr").is_some_and(|name| name == ASSERTED) {
            access["attr"] = SILENT.into();
        }
    }
}

/// Changes each node of an expression, outer nodes first.
fn rewrite(node: &mut Value, change: &dyn Fn(&mut Value)) {
    change(node);
    match node {
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, change)),
        Value::Object(parts) => parts.values_mut().for_each(|part| rewrite(part, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(super) fn json_of(policy: &cedar::Policy) -> Result<Value, RewriteError> {
    policy.to_json().map_err(|error| RewriteError::Json(policy.id().to_string(), error.to_string()))
}

pub(super) fn policy_of(id: &str, json: Value) -> Result<cedar::Policy, RewriteError> {
    cedar::Policy::from_json(Some(cedar::PolicyId::new(id)), json)
        .map_err(|error| RewriteError::Json(id.to_owned(), error.to_string()))
}

/// The schema with a record of no claims added, and the condition that nothing is claimed in it. A schema without
/// claims is returned unchanged.
pub(super) fn schema_with_silence(text: &str) -> Result<(cedar::Schema, String), RewriteError> {
    let broken = |error: &dyn std::fmt::Display| RewriteError::Schema(format!("cannot be read: {error}"));
    let (fragment, _) = cedar::SchemaFragment::from_cedarschema_str(text).map_err(|error| broken(&error))?;
    let mut json = fragment.to_json_value().map_err(|error| broken(&error))?;
    let facts = json.pointer("//commonTypes/Facts/attributes").cloned();
    let Some(asserted) = facts.as_ref().and_then(|facts| facts.get(ASSERTED)).cloned() else {
        let schema = cedar::Schema::from_json_value(json).map_err(|error| broken(&error))?;
        return Ok((schema, "true".to_owned()));
    };
    let silent = nothing_claimed(&json, &asserted)?;
    if let Some(facts) = json.pointer_mut("//commonTypes/Facts/attributes") {
        facts[SILENT] = asserted;
    }
    Ok((cedar::Schema::from_json_value(json).map_err(|error| broken(&error))?, silent))
}

/// The condition that every attribute of the silent record claims nothing: it is false, empty, or the word `none`.
fn nothing_claimed(schema: &Value, asserted: &Value) -> Result<String, RewriteError> {
    let named = |node: &Value| -> Value {
        let name = node.get("name").or_else(|| node.get("type")).and_then(Value::as_str).unwrap_or_default();
        schema.pointer(&format!("//commonTypes/{name}")).unwrap_or(node).clone()
    };
    let record = named(asserted);
    let attributes = record.get("attributes").and_then(Value::as_object);
    let attributes = attributes.ok_or_else(|| RewriteError::Schema("has claims that are no record".to_owned()))?;
    let mut conditions = Vec::new();
    for (name, kind) in attributes {
        if kind.get("required") == Some(&Value::Bool(false)) {
            conditions.push(format!("!(context.{SILENT} has {name})"));
            continue;
        }
        let word = kind.get("name").or_else(|| kind.get("type")).and_then(Value::as_str).unwrap_or_default();
        conditions.push(match word {
            "Bool" | "__cedar::Bool" | "Boolean" => format!("!context.{SILENT}.{name}"),
            "Set" => format!("context.{SILENT}.{name}.isEmpty()"),
            entity if schema.pointer(&format!("//entityTypes/{entity}")).is_some() => {
                format!("context.{SILENT}.{name} == {entity}::\"none\"")
            }
            other => return Err(RewriteError::Schema(format!("has a claim {name} of the kind {other:?}"))),
        });
    }
    Ok(conditions.join(" && "))
}
