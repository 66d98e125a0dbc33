//! Rewrites policies so that questions about different acts, and about a case with and without its claims, are questions
//! of one kind that a solver can compare.
//!
//! Every set asks about `disclose`, since that alone has a resource of many values. A policy on an act upon the person is
//! rewritten to speak of `disclose`, with the act and the person put in for `action` and `resource`. A property test
//! holds the rewritten sets to the rulings of the engine.

use cedar_policy as cedar;
use serde_json::{Value, json};

use crate::domain::determination::LawAction;
use crate::policy::prove::question::{Claims, Level};

/// The part of the context that the requester's claims are in.
pub(super) const ASSERTED: &str = "asserted";
/// Beside it, a record of the same shape in which nothing is claimed. Known to proofs alone.
pub(super) const SILENT: &str = "silent";

/// Why a policy or the schema cannot be rewritten.
#[derive(Debug, thiserror::Error)]
pub(super) enum RewriteError {
    /// Cedar does not give or take its own JSON form.
    #[error("policy {0} has no JSON form: {1}")]
    Json(String, String),
    /// Two policies bear one id.
    #[error("{0}")]
    Set(#[from] Box<cedar::PolicySetError>),
    /// The text of a condition of ours is no Cedar.
    #[error("{0}")]
    Condition(#[from] Box<cedar::ParseErrors>),
    /// The schema is not as the proofs need it.
    #[error("the schema {0}")]
    Schema(String),
}

/// The set that allows exactly where a law's ruling on an act is at least of a level.
pub(super) fn at_least(
    level: Level,
    law: &cedar::PolicySet,
    act: LawAction,
    claims: Claims,
) -> Result<Vec<cedar::Policy>, RewriteError> {
    let mut policies = match level {
        Level::Judged => return Ok(vec![judged(law, act, claims)?]),
        Level::Review => vec![condition("everything", cedar::Effect::Permit, "true")?],
        Level::May | Level::Must => Vec::new(),
    };
    for policy in law.policies().filter(|policy| speaks_to(policy, act)) {
        let taken = match (level, policy.effect()) {
            (Level::Judged, _) | (Level::Review, cedar::Effect::Permit) => false,
            (Level::Review, cedar::Effect::Forbid) => policy.annotation("review").is_none(),
            (Level::Must, cedar::Effect::Permit) => policy.annotation("duty").is_some(),
            (Level::May, _) | (Level::Must, cedar::Effect::Forbid) => true,
        };
        if taken {
            policies.push(retargeted(policy, act, claims)?);
        }
    }
    Ok(policies)
}

/// A policy of one condition, for every request of the one kind that is asked.
pub(super) fn condition(id: &str, effect: cedar::Effect, when: &str) -> Result<cedar::Policy, RewriteError> {
    let effect = match effect {
        cedar::Effect::Permit => "permit",
        cedar::Effect::Forbid => "forbid",
    };
    let text = format!("{effect} (principal, action == Action::\"disclose\", resource) when {{ {when} }};");
    cedar::Policy::parse(Some(cedar::PolicyId::new(id)), text).map_err(|error| RewriteError::Condition(Box::new(error)))
}

/// A condition as a limit: whatever does not meet it is forbidden.
pub(super) fn only_where(id: &str, when: &str) -> Result<cedar::Policy, RewriteError> {
    condition(id, cedar::Effect::Forbid, &format!("!({when})"))
}

/// An invariant, which is written as a permit with one `when`, as a limit.
pub(super) fn as_limit(invariant: &cedar::Policy) -> Result<cedar::Policy, RewriteError> {
    let id = invariant.annotation("id").unwrap_or("possible").to_owned();
    let mut json = json_of(invariant)?;
    json["effect"] = "forbid".into();
    json["action"] = json!({ "op": "==", "entity": { "type": "Action", "id": "disclose" } });
    for clause in json.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        clause["kind"] = "unless".into();
    }
    policy_of(&id, json)
}

/// Whether a policy names an act.
pub(super) fn speaks_to(policy: &cedar::Policy, act: LawAction) -> bool {
    let is_act = |action: &cedar::EntityUid| action.id().unescaped() == act.word();
    match policy.action_constraint() {
        cedar::ActionConstraint::Any => true,
        cedar::ActionConstraint::Eq(action) => is_act(&action),
        cedar::ActionConstraint::In(actions) => actions.iter().any(is_act),
    }
}

/// One policy that applies where no policy of the law on an act errs: `c || !c` is true where `c` has a value.
fn judged(law: &cedar::PolicySet, act: LawAction, claims: Claims) -> Result<cedar::Policy, RewriteError> {
    let mut values = Vec::new();
    for policy in law.policies().filter(|policy| speaks_to(policy, act)) {
        let json = json_of(&retargeted(policy, act, claims)?)?;
        let clauses = json.get("conditions").and_then(Value::as_array).into_iter().flatten();
        let holds = all_of(clauses.map(clause).collect());
        values.push(json!({ "||": { "left": holds, "right": { "!": { "arg": holds } } } }));
    }
    let mut whole = json_of(&condition("judged", cedar::Effect::Permit, "true")?)?;
    whole["conditions"] = json!([{ "kind": "when", "body": all_of(values) }]);
    policy_of("judged", whole)
}

/// What a `when` or an `unless` asks for.
fn clause(clause: &Value) -> Value {
    let body = clause.get("body").cloned().unwrap_or_default();
    if clause.get("kind").is_some_and(|kind| kind == "unless") { json!({ "!": { "arg": body } }) } else { body }
}

/// All of these conditions, in order. A flat tree, since a chain as long as a pack would be too deep to evaluate.
fn all_of(mut conditions: Vec<Value>) -> Value {
    let right = conditions.split_off(conditions.len().div_ceil(2));
    match (conditions.pop(), right.is_empty()) {
        (None, _) => json!({ "Value": true }),
        (Some(only), true) if conditions.is_empty() => only,
        (Some(last), _) => {
            conditions.push(last);
            json!({ "&&": { "left": all_of(conditions), "right": all_of(right) } })
        }
    }
}

/// The policy as it speaks of one act, asked about `disclose`.
fn retargeted(policy: &cedar::Policy, act: LawAction, claims: Claims) -> Result<cedar::Policy, RewriteError> {
    let mut json = json_of(policy)?;
    json["action"] = json!({ "op": "==", "entity": { "type": "Action", "id": "disclose" } });
    let put_in = act != LawAction::Disclose;
    if put_in {
        // There is one person, whom the scope may name or not.
        json["resource"] = json!({ "op": "All" });
    }
    if let Some(conditions) = json.get_mut("conditions") {
        rewrite(conditions, &|node| {
            if put_in && node.get("Var").is_some_and(|name| name == "resource") {
                *node = json!({ "Value": { "__entity": { "type": "Subject", "id": "subject" } } });
            } else if put_in && node.get("Var").is_some_and(|name| name == "action") {
                *node = json!({ "Value": { "__entity": { "type": "Action", "id": act.word() } } });
            } else if claims == Claims::Silent {
                silence(node);
            }
        });
    }
    policy_of(policy.id().as_ref(), json)
}

/// Reads the claims of nobody in place of the requester's.
fn silence(node: &mut Value) {
    for operator in [".", "has"] {
        let Some(access) = node.get_mut(operator) else { continue };
        let of_context = access.pointer("/left/Var").is_some_and(|name| name == "context");
        if of_context && access.get("attr").is_some_and(|name| name == ASSERTED) {
            access["attr"] = SILENT.into();
        }
    }
}

/// Changes each node of an expression, the outer before the inner.
pub(super) fn rewrite(node: &mut Value, change: &dyn Fn(&mut Value)) {
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

/// The schema with a record of no claims beside that of the requester's, and the condition that nothing is claimed there.
/// A schema without claims stays as it is.
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

/// That each attribute of the silent record is as it is where nothing is claimed: false, empty, or the word `none`.
fn nothing_claimed(schema: &Value, asserted: &Value) -> Result<String, RewriteError> {
    let named = |node: &Value| -> Value {
        let name = node.get("name").or_else(|| node.get("type")).and_then(Value::as_str).unwrap_or_default();
        schema.pointer(&format!("//commonTypes/{name}")).unwrap_or(node).clone()
    };
    let record = named(asserted);
    let attributes = record.get("attributes").and_then(Value::as_object);
    let attributes =
        attributes.ok_or_else(|| RewriteError::Schema("has claims that are no record".to_owned()))?;
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
