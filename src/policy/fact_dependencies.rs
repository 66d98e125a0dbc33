//! What the policies of a law read of a question. This decides which questions share a cached decision, and for how
//! long.

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

/// The prefix that tells a claim of the requester's from a fact of the same name.
const CLAIM: &str = "asserted.";

/// The facts of a question that the policies read. Two questions with the same relevant facts have the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RelevantFacts {
    /// All facts but the offences. Those that no policy reads have a fixed value.
    facts: CaseFacts,
    record: Offences,
    asserted: Offences,
}

/// What one side says of offences, as far as the policies read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Offences {
    /// The sets that some policy reads. A conviction's age counts as of the day of the question.
    sets: BTreeMap<OffenceSet, BTreeSet<OffenceCategory>>,
    listed: BTreeMap<ListedSet, BTreeSet<Paragraph>>,
    unread: BTreeSet<StatuteGap>,
    undated_conviction: bool,
}

/// The facts that the policies read, and the dates that they compare the time with.
#[derive(Debug, Default)]
pub(crate) struct FactDependencies {
    /// As the schema names them, claims with [`CLAIM`] before them.
    facts: BTreeSet<String>,
    /// Those of the custodian's record, sorted out: each question asks for them.
    record: Read,
    asserted: Read,
    /// The instants at which time alone may change a ruling, in milliseconds and in order.
    change_instants: Vec<i64>,
}

/// What the policies read of what one side says.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that some law turns on")]
struct Read {
    sets: Vec<OffenceSet>,
    listed: Vec<ListedSet>,
    gaps: Vec<StatuteGap>,
    undated_conviction: bool,
    judicial_warrant: bool,
    federal_warrant: bool,
    criminal_warrant: bool,
    terrorist_list_match: bool,
    citizenship_claim: bool,
    citizen: bool,
    lawful_status: bool,
    juvenile: bool,
    sealed: bool,
    protected: bool,
}

impl Read {
    /// `side` is empty for the custodian's record, and [`CLAIM`] for the requester's claims.
    fn of(facts: &BTreeSet<String>, side: &str) -> Self {
        let reads = |fact: &str| facts.contains(&format!("{side}{fact}"));
        Self {
            sets: OffenceSet::ALL.iter().copied().filter(|set| reads(set.word())).collect(),
            listed: ListedSet::ALL.iter().copied().filter(|set| reads(set.word())).collect(),
            gaps: StatuteGap::ALL.iter().copied().filter(|gap| reads(gap.word())).collect(),
            undated_conviction: reads(UNDATED_CONVICTION),
            judicial_warrant: reads("judicial_warrant"),
            federal_warrant: reads("federal_warrant"),
            criminal_warrant: reads("criminal_warrant"),
            terrorist_list_match: reads("terrorist_list_match"),
            citizenship_claim: reads("citizenship_claim"),
            citizen: reads("citizen"),
            lawful_status: reads("lawful_status"),
            juvenile: reads("juvenile"),
            sealed: reads("sealed"),
            protected: reads("protected"),
        }
    }

    fn offences(&self, said: &Assertions) -> Offences {
        let lists = self.listed.iter().map(|set| (*set, said.listed_in(*set).into_iter().cloned().collect()));
        Offences {
            sets: self.sets.iter().map(|set| (*set, said.offences_in(*set))).collect(),
            listed: lists.collect(),
            unread: self.gaps.iter().copied().filter(|gap| said.unread(*gap)).collect(),
            undated_conviction: self.undated_conviction && said.undated_conviction(),
        }
    }

    /// What one side says, except offences.
    fn flags(&self, said: &Assertions) -> Assertions {
        let judge = match said.judge {
            judge if self.federal_warrant => judge,
            Judge::Federal | Judge::State if self.judicial_warrant => Judge::State,
            Judge::None | Judge::Federal | Judge::State => Judge::None,
        };
        Assertions {
            judge,
            criminal_warrant: said.criminal_warrant && self.criminal_warrant,
            terrorist_list_match: said.terrorist_list_match && self.terrorist_list_match,
            offences: BTreeSet::new(),
            citizenship_claim: said.citizenship_claim && self.citizenship_claim,
            citizen: said.citizen && self.citizen,
            lawful_status: said.lawful_status && self.lawful_status,
            juvenile: said.juvenile && self.juvenile,
            sealed: said.sealed && self.sealed,
            protected: said.protected && self.protected,
        }
    }
}

impl FactDependencies {
    /// None if a policy reads the facts as a whole, or reads the time other than by comparing it with a literal: then
    /// nothing bounds a decision.
    pub(crate) fn of(policies: &cedar::PolicySet) -> Option<Self> {
        let mut reads = Self::default();
        for policy in policies.policies() {
            let json = policy.to_json().ok()?;
            reads.collect(json.get("conditions")?)?;
        }
        reads.change_instants.sort_unstable();
        reads.change_instants.dedup();
        reads.record = Read::of(&reads.facts, "");
        reads.asserted = Read::of(&reads.facts, CLAIM);
        Some(reads)
    }

    /// The number of the era that a time is in. Within one era, time alone changes no ruling.
    ///
    /// Eras are the turning points and the stretches between them. An instant is an era of its own, since `<` and `<=`
    /// differ there.
    pub(crate) fn era(&self, now_ms: i64) -> usize {
        let points = &self.change_instants;
        points.partition_point(|point| *point < now_ms) + points.partition_point(|point| *point <= now_ms)
    }

    /// Whether the policies read neither a fact nor the time.
    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.change_instants.is_empty()
    }

    /// The facts that the policies read, as the schema names them.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &str> {
        self.facts.iter().map(String::as_str)
    }

    /// The instants at which time alone may change a ruling, in milliseconds and in order.
    pub(crate) fn change_instants(&self) -> &[i64] {
        &self.change_instants
    }

    /// The facts with every fact that no policy reads set to a fixed value, so that cases which differ only in those
    /// share a decision.
    pub(crate) fn relevant(&self, facts: &CaseFacts) -> RelevantFacts {
        RelevantFacts {
            facts: self.without_offences(facts),
            record: self.record.offences(&facts.record),
            asserted: self.asserted.offences(&facts.asserted),
        }
    }

    fn without_offences(&self, facts: &CaseFacts) -> CaseFacts {
        let reads = |fact| self.facts.contains(fact);
        CaseFacts {
            // Always relevant: it is the principal, which a policy may name in its scope.
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
            record: self.record.flags(&facts.record),
            asserted: self.asserted.flags(&facts.asserted),
        }
    }

    /// Walks Cedar's JSON form of an expression. None if it uses the context in a way that bounds nothing.
    fn collect(&mut self, expression: &Value) -> Option<()> {
        let Value::Object(node) = expression else {
            let items = expression.as_array().map(Vec::as_slice).unwrap_or_default();
            return items.iter().try_for_each(|item| self.collect(item));
        };
        let compared = ["<", "<=", ">", ">=", "==", "!="].iter().find_map(|operator| against_now(node.get(*operator)?));
        if let Some(other) = compared {
            self.change_instants.push(literal(other)?);
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

/// The other side of a comparison with the time.
fn against_now(operands: &Value) -> Option<&Value> {
    let (left, right) = (operands.get("left")?, operands.get("right")?);
    if attribute(left, ".") == Some("now") {
        return Some(right);
    }
    (attribute(right, ".") == Some("now")).then_some(left)
}

/// The attribute of the context that an expression reads or tests for.
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
    // The expression reads nothing of the request, but Cedar requires one.
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
    use crate::policy::tests::samples;

    #[test]
    fn only_comparisons_with_a_literal_let_a_law_be_cached() {
        fn check(condition: &str, expected: Option<&[i64]>) {
            let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
            let points = FactDependencies::of(&text.parse().unwrap()).map(|reads| reads.change_instants);
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
        let reads = FactDependencies { change_instants: vec![10, 20], ..FactDependencies::default() };
        let eras = [9, 10, 11, 19, 20, 21].map(|now| reads.era(now));
        assert_eq!(eras, [0, 1, 2, 2, 3, 4]);
    }

    #[test]
    fn a_fact_makes_a_difference_exactly_where_a_policy_reads_it() {
        fn check(condition: &str, change: fn(&mut CaseFacts)) {
            let relevant = |condition: &str, facts: &CaseFacts| {
                let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
                FactDependencies::of(&text.parse().unwrap()).unwrap().relevant(facts)
            };
            let ordinary = samples::facts();
            let mut other = ordinary.clone();
            change(&mut other);
            assert_ne!(relevant(condition, &ordinary), relevant(condition, &other), "{condition}");
            assert_eq!(relevant("true", &ordinary), relevant("true", &other), "{condition}");
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
            let reads = FactDependencies::of(&text.parse().unwrap()).unwrap();
            let charged = Offence { status: ChargeStatus::HeldToAnswer, ..convicted(ConvictionAge::None) };
            let ages = ConvictionAge::ALL.iter().map(|age| convicted(*age));
            for offence in ages.chain([charged]) {
                let mut other = ordinary.clone();
                other.record.offences.insert(offence.clone());
                assert_eq!(
                    reads.relevant(&other) != reads.relevant(&ordinary),
                    set.has(&offence),
                    "{set:?} {offence:?}"
                );
            }
        }
    }

    #[test]
    fn what_a_list_has_or_leaves_unknown_makes_a_difference_where_it_is_read() {
        let ordinary = samples::facts();
        let reads = |fact: &str| {
            let text = format!("forbid (principal, action, resource) when {{ context.{fact} == [] }};");
            FactDependencies::of(&text.parse().unwrap()).unwrap()
        };
        for (reading, severity) in Reading::ALL.iter().flat_map(|reading| {
            [None, Some(Severity::Felony), Some(Severity::Misdemeanor)].map(|severity| (*reading, severity))
        }) {
            let charged = Offence { status: ChargeStatus::HeldToAnswer, ..convicted(ConvictionAge::None) };
            for offence in ConvictionAge::ALL.iter().map(|age| convicted(*age)).chain([charged]) {
                let offence = Offence { severity, reading, ..offence };
                let mut other = ordinary.clone();
                // In the ordinary case some of these are already unknown.
                other.record.offences = [offence.clone()].into();
                let bare = CaseFacts {
                    record: Assertions { offences: BTreeSet::new(), ..ordinary.record.clone() },
                    ..ordinary.clone()
                };
                for set in ListedSet::ALL {
                    let differs = reads(set.word()).relevant(&other) != reads(set.word()).relevant(&bare);
                    assert_eq!(differs, set.has(&offence), "{set:?} {offence:?}");
                }
                for unread in StatuteGap::ALL {
                    let differs = reads(unread.word()).relevant(&other) != reads(unread.word()).relevant(&bare);
                    assert_eq!(differs, unread.is(&offence), "{unread:?} {offence:?}");
                }
            }
        }
    }

    #[test]
    fn who_asks_always_makes_a_difference() {
        let facts = samples::facts();
        let other = CaseFacts { requester_kind: AgencyKind::County, ..facts.clone() };
        assert_ne!(FactDependencies::default().relevant(&facts), FactDependencies::default().relevant(&other));
    }
}
