//! What the policies of a slice read of a question, hence what a remembered decision answers for and how long it is good.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy as cedar;
use cedar_policy::EvalResult;
use serde_json::Value;

use crate::domain::agency::AgencyClass;
use crate::domain::charge::OffenceCategory;
use crate::domain::detainer::{DetainerForm, WarrantKind};
use crate::domain::facts::{Assertions, CaseFacts, Judge, ListedSet, OffenceSet, Stage, StatuteGap};
use crate::domain::statute::Paragraph;
use crate::policy::vocabulary::{ASSERTED, UNDATED_CONVICTION};

/// How a claim of the requester's is told from a fact of the same name.
const CLAIM: &str = "asserted.";

/// The facts of a question as far as the policies read them. Two questions with the same essence have the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Essence {
    /// All but the offences; what no policy reads is made the same.
    facts: CaseFacts,
    record: Offences,
    asserted: Offences,
}

/// What one side says of offences, as far as the policies read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Offences {
    /// The sets that some policy reads. The age of a conviction goes in as of the day of the question.
    sets: BTreeMap<OffenceSet, BTreeSet<OffenceCategory>>,
    listed: BTreeMap<ListedSet, BTreeSet<Paragraph>>,
    unread: BTreeSet<StatuteGap>,
    undated_conviction: bool,
}

/// The facts that the policies read, and the dates that they compare the time with.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    facts: BTreeSet<String>,
    /// The instants, in milliseconds and in order, at which rulings may change with time alone.
    turning_points: Vec<i64>,
}

impl Reads {
    /// None where a policy reads the time in any way but to compare it with a literal, or the facts as a whole: then
    /// nothing bounds a decision.
    pub(crate) fn of(policies: &cedar::PolicySet) -> Option<Self> {
        let mut reads = Self::default();
        for policy in policies.policies() {
            let json = policy.to_json().ok()?;
            reads.collect(json.get("conditions")?)?;
        }
        reads.turning_points.sort_unstable();
        reads.turning_points.dedup();
        Some(reads)
    }

    /// Counts the turning points, and the stretches of time between them: in one era, time alone changes no ruling.
    ///
    /// An instant is an era of its own, since `<` and `<=` part there.
    pub(crate) fn era(&self, now_ms: i64) -> usize {
        let points = &self.turning_points;
        points.partition_point(|point| *point < now_ms) + points.partition_point(|point| *point <= now_ms)
    }

    /// Whether the policies turn on nothing: neither a fact nor the time.
    pub(crate) fn nothing(&self) -> bool {
        self.facts.is_empty() && self.turning_points.is_empty()
    }

    /// The facts that the policies read, as the schema names them.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &str> {
        self.facts.iter().map(String::as_str)
    }

    /// The instants, in milliseconds and in order, at which rulings may change with time alone.
    pub(crate) fn turning_points(&self) -> &[i64] {
        &self.turning_points
    }

    /// The facts with all that no policy reads made the same, so that cases which only differ in that share a decision.
    pub(crate) fn essence(&self, facts: &CaseFacts) -> Essence {
        Essence {
            facts: self.but_offences(facts),
            record: self.offences(&facts.record, ""),
            asserted: self.offences(&facts.asserted, CLAIM),
        }
    }

    /// `side` is empty for the custodian's record, and else what the requester's claims are named by.
    fn offences(&self, said: &Assertions, side: &str) -> Offences {
        let reads = |fact: &str| self.facts.contains(&format!("{side}{fact}"));
        let read = OffenceSet::ALL.iter().filter(|set| reads(set.word()));
        let lists = ListedSet::ALL.iter().filter(|set| reads(set.word()));
        let unread = StatuteGap::ALL.iter().filter(|unread| reads(unread.word()) && said.unread(**unread));
        Offences {
            sets: read.map(|set| (*set, said.offences_in(*set))).collect(),
            listed: lists.map(|set| (*set, said.listed_in(*set).into_iter().cloned().collect())).collect(),
            unread: unread.copied().collect(),
            undated_conviction: said.undated_conviction() && reads(UNDATED_CONVICTION),
        }
    }

    fn but_offences(&self, facts: &CaseFacts) -> CaseFacts {
        let reads = |fact| self.facts.contains(fact);
        CaseFacts {
            // Not in the context: it is the principal, which a policy may name in its scope.
            requester_kind: facts.requester_kind,
            stage: if reads("stage") { facts.stage } else { Stage::Lodge },
            custodian_class: facts.custodian_class.filter(|_: &AgencyClass| reads("custodian_class")),
            form: if reads("form") { facts.form } else { DetainerForm::I247a },
            asks_for_hold: facts.asks_for_hold && reads("asks_for_hold"),
            basis: if reads("basis") { facts.basis.clone() } else { BTreeSet::new() },
            warrant: if reads("warrant") { facts.warrant } else { WarrantKind::None },
            final_order: facts.final_order && reads("final_order"),
            date_public: facts.date_public && reads("date_public"),
            match_disputed: facts.match_disputed && reads("match_disputed"),
            record: self.flags(&facts.record, ""),
            asserted: self.flags(&facts.asserted, CLAIM),
        }
    }

    /// What one side says, but for offences.
    fn flags(&self, said: &Assertions, side: &str) -> Assertions {
        let reads = |fact: &str| self.facts.contains(&format!("{side}{fact}"));
        let judge = match said.judge {
            judge if reads("federal_warrant") => judge,
            Judge::Federal | Judge::State if reads("judicial_warrant") => Judge::State,
            Judge::None | Judge::Federal | Judge::State => Judge::None,
        };
        Assertions {
            judge,
            criminal_warrant: said.criminal_warrant && reads("criminal_warrant"),
            terrorist_list_match: said.terrorist_list_match && reads("terrorist_list_match"),
            offences: BTreeSet::new(),
            citizenship_claim: said.citizenship_claim && reads("citizenship_claim"),
            citizen: said.citizen && reads("citizen"),
            lawful_status: said.lawful_status && reads("lawful_status"),
            juvenile: said.juvenile && reads("juvenile"),
            sealed: said.sealed && reads("sealed"),
            protected: said.protected && reads("protected"),
        }
    }

    /// Walks Cedar's JSON form of an expression. None on a use of the context that bounds nothing.
    fn collect(&mut self, expression: &Value) -> Option<()> {
        let Value::Object(node) = expression else {
            let items = expression.as_array().map(Vec::as_slice).unwrap_or_default();
            return items.iter().try_for_each(|item| self.collect(item));
        };
        let compared = ["<", "<=", ">", ">=", "==", "!="].iter().find_map(|operator| against_now(node.get(*operator)?));
        if let Some(other) = compared {
            self.turning_points.push(literal(other)?);
            return Some(());
        }
        if let Some(claim) = claim(expression) {
            self.facts.insert(format!("{CLAIM}{claim}"));
            return Some(());
        }
        if let Some(fact) = attribute(expression, ".").or_else(|| attribute(expression, "has")) {
            self.facts.insert(fact.to_owned());
            return (fact != "now" && fact != ASSERTED).then_some(());
        }
        if is_context(expression) {
            return None;
        }
        node.values().try_for_each(|part| self.collect(part))
    }
}

/// What the time is compared with, where it is one side of a comparison.
fn against_now(operands: &Value) -> Option<&Value> {
    let (left, right) = (operands.get("left")?, operands.get("right")?);
    if attribute(left, ".") == Some("now") {
        return Some(right);
    }
    (attribute(right, ".") == Some("now")).then_some(left)
}

/// The attribute of the context that an expression reads, or asks for the presence of.
pub(crate) fn attribute<'a>(expression: &'a Value, operator: &str) -> Option<&'a str> {
    let access = expression.get(operator)?;
    is_context(access.get("left")?).then(|| access.get("attr")?.as_str())?
}

/// The claim of the requester's that an expression reads.
pub(crate) fn claim(expression: &Value) -> Option<&str> {
    let access = expression.get(".")?;
    (attribute(access.get("left")?, ".")? == ASSERTED).then(|| access.get("attr")?.as_str())?
}

fn is_context(expression: &Value) -> bool {
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
    use crate::domain::agency::AgencyKind;
    use crate::domain::charge::{ChargeStatus, ConvictionAge, Severity};
    use crate::domain::facts::Offence;
    use crate::domain::statute::Reading;
    use crate::policy::samples;

    #[test]
    fn only_comparisons_with_a_literal_let_a_slice_be_remembered() {
        fn check(condition: &str, expected: Option<&[i64]>) {
            let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
            let points = Reads::of(&text.parse().unwrap()).map(|reads| reads.turning_points);
            assert_eq!(points.as_deref(), expected, "{condition}");
        }
        check("true", Some(&[]));
        check("context.juvenile && context has custodian_class", Some(&[]));
        check("context has now", None);
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
        let reads = Reads { turning_points: vec![10, 20], ..Reads::default() };
        let eras = [9, 10, 11, 19, 20, 21].map(|now| reads.era(now));
        assert_eq!(eras, [0, 1, 2, 2, 3, 4]);
    }

    #[test]
    fn a_fact_makes_a_difference_exactly_where_a_policy_reads_it() {
        fn check(condition: &str, change: fn(&mut CaseFacts)) {
            let essence = |condition: &str, facts: &CaseFacts| {
                let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
                Reads::of(&text.parse().unwrap()).unwrap().essence(facts)
            };
            let ordinary = samples::facts();
            let mut other = ordinary.clone();
            change(&mut other);
            assert_ne!(essence(condition, &ordinary), essence(condition, &other), "{condition}");
            assert_eq!(essence("true", &ordinary), essence("true", &other), "{condition}");
        }
        check("context.stage == context.other", |facts| facts.stage = Stage::Release);
        check("context has custodian_class", |facts| facts.custodian_class = Some(AgencyClass::CityJail));
        check("context.custodian_class == 1", |facts| facts.custodian_class = Some(AgencyClass::CityJail));
        check("[context.form].contains(1)", |facts| facts.form = DetainerForm::I247x);
        check("!context.asks_for_hold", |facts| facts.asks_for_hold = false);
        check("context.basis.isEmpty()", |facts| facts.basis.clear());
        check("context[\"warrant\"] == 1", |facts| facts.warrant = WarrantKind::I205);
        check("if context.judicial_warrant then true else false", |facts| facts.record.judge = Judge::State);
        check("context.federal_warrant", |facts| facts.record.judge = Judge::Federal);
        check("context.final_order", |facts| facts.final_order = true);
        check("context.asserted.judicial_warrant", |facts| facts.asserted.judge = Judge::State);
        check("context.asserted.juvenile", |facts| facts.asserted.juvenile = true);
        check("context.asserted.convictions.isEmpty()", |facts| {
            facts.asserted.offences.insert(convicted(ConvictionAge::Older));
        });
        check("context.criminal_warrant", |facts| facts.record.criminal_warrant = true);
        check("context.terrorist_list_match", |facts| facts.record.terrorist_list_match = true);
        check("context.date_public", |facts| facts.date_public = true);
        check("context.match_disputed", |facts| facts.match_disputed = true);
        check("context.charges == []", |facts| facts.record.offences.clear());
        check("context.undated_conviction", |facts| {
            _ = facts.record.offences.insert(convicted(ConvictionAge::Unknown));
        });
        check("context.citizenship_claim", |facts| facts.record.citizenship_claim = true);
        check("context.citizen", |facts| facts.record.citizen = true);
        check("context.lawful_status", |facts| facts.record.lawful_status = true);
        check("true && context.juvenile", |facts| facts.record.juvenile = true);
        check("false || context.sealed", |facts| facts.record.sealed = true);
        check("{a: context.protected}.a", |facts| facts.record.protected = true);
    }

    fn convicted(age: ConvictionAge) -> Offence {
        let (category, severity) = (OffenceCategory::Burglary, Some(Severity::Felony));
        let (listed, reading) = (["1(a)".parse().unwrap()].into(), Reading::Listed);
        Offence { category, status: ChargeStatus::Convicted, severity, age, listed, reading }
    }

    #[test]
    fn an_offence_makes_a_difference_to_the_sets_that_it_is_in() {
        let ordinary = samples::facts();
        for set in OffenceSet::ALL {
            let text = format!("forbid (principal, action, resource) when {{ context.{} == [] }};", set.word());
            let reads = Reads::of(&text.parse().unwrap()).unwrap();
            let charged = Offence { status: ChargeStatus::HeldToAnswer, ..convicted(ConvictionAge::None) };
            let ages = ConvictionAge::ALL.iter().map(|age| convicted(*age));
            for offence in ages.chain([charged]) {
                let mut other = ordinary.clone();
                other.record.offences.insert(offence.clone());
                assert_eq!(reads.essence(&other) != reads.essence(&ordinary), set.has(&offence), "{set:?} {offence:?}");
            }
        }
    }

    #[test]
    fn what_a_list_has_or_leaves_unknown_makes_a_difference_where_it_is_read() {
        let ordinary = samples::facts();
        let reads = |fact: &str| {
            let text = format!("forbid (principal, action, resource) when {{ context.{fact} == [] }};");
            Reads::of(&text.parse().unwrap()).unwrap()
        };
        for (reading, severity) in Reading::ALL.iter().flat_map(|reading| {
            [None, Some(Severity::Felony), Some(Severity::Misdemeanor)].map(|severity| (*reading, severity))
        }) {
            let charged = Offence { status: ChargeStatus::HeldToAnswer, ..convicted(ConvictionAge::None) };
            for offence in ConvictionAge::ALL.iter().map(|age| convicted(*age)).chain([charged]) {
                let offence = Offence { severity, reading, ..offence };
                let mut other = ordinary.clone();
                // What is said of the ordinary case is unknown already.
                other.record.offences = [offence.clone()].into();
                let bare = CaseFacts {
                    record: Assertions { offences: BTreeSet::new(), ..ordinary.record.clone() },
                    ..ordinary.clone()
                };
                for set in ListedSet::ALL {
                    let differs = reads(set.word()).essence(&other) != reads(set.word()).essence(&bare);
                    assert_eq!(differs, set.has(&offence), "{set:?} {offence:?}");
                }
                for unread in StatuteGap::ALL {
                    let differs = reads(unread.word()).essence(&other) != reads(unread.word()).essence(&bare);
                    assert_eq!(differs, unread.is(&offence), "{unread:?} {offence:?}");
                }
            }
        }
    }

    #[test]
    fn who_asks_always_makes_a_difference() {
        let facts = samples::facts();
        let other = CaseFacts { requester_kind: AgencyKind::County, ..facts.clone() };
        assert_ne!(Reads::default().essence(&facts), Reads::default().essence(&other));
    }
}
