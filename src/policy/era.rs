//! How long a remembered decision is good: until the next date that a rule of the slice names.

use cedar_policy as cedar;
use cedar_policy::EvalResult;
use serde_json::Value;

/// The instants, in milliseconds and in order, at which the rulings of a slice may change with time alone.
///
/// None where a policy uses the time in any way but to compare it with a literal: then nothing bounds a decision.
pub(crate) fn turning_points(policies: &cedar::PolicySet) -> Option<Vec<i64>> {
    let mut points = Vec::new();
    for policy in policies.policies() {
        let json = policy.to_json().ok()?;
        collect(json.get("conditions")?, &mut points)?;
    }
    points.sort_unstable();
    points.dedup();
    Some(points)
}

/// Counts the stretches of time between, and the instants of, the turning points: in one era, time alone changes no ruling.
///
/// An instant is an era of its own, since `<` and `<=` part there.
pub(crate) fn era(points: &[i64], now_ms: i64) -> usize {
    points.partition_point(|point| *point < now_ms) + points.partition_point(|point| *point <= now_ms)
}

/// Walks Cedar's JSON form of an expression. None on a use of the time that is not a plain comparison.
fn collect(expression: &Value, points: &mut Vec<i64>) -> Option<()> {
    let Value::Object(node) = expression else {
        let items = expression.as_array().map(Vec::as_slice).unwrap_or_default();
        return items.iter().try_for_each(|item| collect(item, points));
    };
    if let Some(point) = ["<", "<=", ">", ">=", "==", "!="].iter().find_map(|operator| compared(node.get(*operator)?)) {
        points.push(point?);
        return Some(());
    }
    if reads_context(expression) || attribute(expression) == Some("now") {
        return None;
    }
    let of_context = |operator| node.get(operator).is_some_and(|operand| reads_context(&operand["left"]));
    if of_context(".") || of_context("has") {
        return Some(());
    }
    node.values().try_for_each(|part| collect(part, points))
}

/// Where the time is one side of a comparison: the instant on the other side, or none if that is not a literal.
fn compared(operands: &Value) -> Option<Option<i64>> {
    let (left, right) = (operands.get("left")?, operands.get("right")?);
    match (attribute(left), attribute(right)) {
        (Some("now"), _) => Some(literal(right)),
        (_, Some("now")) => Some(literal(left)),
        _ => None,
    }
}

/// The attribute of the context that an expression reads.
fn attribute(expression: &Value) -> Option<&str> {
    let access = expression.get(".")?;
    reads_context(access.get("left")?).then(|| access.get("attr")?.as_str())?
}

fn reads_context(expression: &Value) -> bool {
    expression.get("Var").and_then(Value::as_str) == Some("context")
}

/// The instant of `datetime("..")`, as Cedar itself reads it.
fn literal(expression: &Value) -> Option<i64> {
    let arguments = expression.get("datetime")?.as_array()?;
    let [argument] = arguments.as_slice() else { return None };
    let text = argument.get("Value")?.as_str()?;
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+:.".contains(&byte)) {
        return None;
    }
    let since_epoch = format!(r#"datetime("{text}").durationSince(datetime("1970-01-01")).toMilliseconds()"#);
    // The expression reads nothing of the request, but Cedar will not evaluate without one.
    let nobody: cedar::EntityUid = r#"Nobody::"""#.parse().ok()?;
    let context = cedar::Context::empty();
    let request = cedar::Request::new(nobody.clone(), nobody.clone(), nobody, context, None).ok()?;
    match cedar::eval_expression(&request, &cedar::Entities::empty(), &since_epoch.parse().ok()?) {
        Ok(EvalResult::Long(point)) => Some(point),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comparisons_with_a_literal_let_a_slice_be_remembered() {
        fn check(condition: &str, expected: Option<&[i64]>) {
            let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
            let points = turning_points(&text.parse().unwrap());
            assert_eq!(points.as_deref(), expected, "{condition}");
        }
        check("true", Some(&[]));
        check("context.juvenile && context has custodian_class", Some(&[]));
        check(r#"context.now < datetime("1970-01-02")"#, Some(&[86_400_000]));
        check(r#"datetime("1970-01-02") >= context.now"#, Some(&[86_400_000]));
        check(r#"context["now"] == datetime("1970-01-01T00:00:00.001Z")"#, Some(&[1]));
        check(r#"context.now != datetime("1970-01-01T00:00:00-0400")"#, Some(&[14_400_000]));
        check(
            r#"!(context.now > datetime("1970-01-02") || context.now <= datetime("1969-12-31"))"#,
            Some(&[-86_400_000, 86_400_000]),
        );
        check(r#"context.juvenile && datetime("1970-01-02") < datetime("1970-01-03")"#, Some(&[]));
        check(r#"context.now.offset(duration("1d")) > datetime("1970-01-02")"#, None);
        check(r#"context.now > datetime("1970-01-02").offset(duration("1d"))"#, None);
        check(r#"context.now.toDate() == datetime("1970-01-02")"#, None);
        check("context.now == context.now", None);
        check("context.now > context.later", None);
        check("[context.now].contains(context.later)", None);
        check("{a: context.now}.a == context.later", None);
        check("context == context", None);
        check("(if true then context else context).now == context.later", None);
        check(r#"(if true then context.now else context.now) < datetime("1970-01-02")"#, None);
        check(r#"context.now < datetime("1970-01-02 or so")"#, None);
    }

    #[test]
    fn an_instant_that_a_rule_names_is_an_era_of_its_own() {
        let eras = [9, 10, 11, 19, 20, 21].map(|now| era(&[10, 20], now));
        assert_eq!(eras, [0, 1, 2, 2, 3, 4]);
    }
}
