//! Writes a counterexample as a case that counsel can read: in the words of the tables, as small as possible, and
//! judged again by the engine, which MUST agree.

use cedar_policy as cedar;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use toml::{Table, Value};

use crate::domain::determination::{Determination, FieldClass, LawAction, Ruling};
use crate::domain::facts::CaseFacts;
use crate::policy::cases;
use crate::policy::load::PolicySet;
use crate::policy::prove::law::{CaseAtMoment, Claims, Law};
use crate::policy::prove::property::Property;
use crate::policy::prove::question::{Question, ReachesLevel};
use crate::policy::prove::written::{given_of, inline, moment_of};
use crate::policy::rulings::ACTS;
use crate::policy::vocabulary::milliseconds;

/// A case in which a property does not hold, confirmed by the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What the laws say, one line each.
    pub said: Vec<String>,
    /// The facts, as the value of `given`.
    pub given: String,
    /// A case for the table. It fails until the law is corrected.
    pub case: String,
}

/// Writes counterexamples for one law: has the facts that every case of its table shares, and the zone of its dates.
#[derive(Debug)]
pub(super) struct CounterexampleWriter<'a> {
    /// The law whose table the cases are for.
    pub(super) law: &'a Law,
    pub(super) set: &'a PolicySet,
    pub(super) ordinary: Table,
    pub(super) zone: TimeZone,
}

impl CounterexampleWriter<'_> {
    /// Writes what the solver found. The error says how the engine disagrees with the solver.
    pub(super) fn example(
        &self,
        property: &Property,
        question: &Question<'_>,
        found: &cedar::Request,
    ) -> Result<Example, String> {
        let (given, class) = self.minimized(question, found)?;
        let (facts, now) = self.facts(&given)?;
        let case = CaseAtMoment { vocabulary: &self.set.vocabulary, facts: &facts, now };
        let said = [question.reaches, question.unless].into_iter().flatten();
        Ok(Example {
            said: said.map(|reaches| line(&reaches, &case, class)).collect(),
            case: self.case(property, question.expected(property).as_ref(), &case, class, &given),
            given: inline(&given),
        })
    }

    /// The facts that the solver found, reduced to as few keys as possible, and the field class that it is about.
    pub(super) fn minimized(
        &self,
        question: &Question<'_>,
        found: &cedar::Request,
    ) -> Result<(Table, FieldClass), String> {
        let class = found.resource().map(|class| class.id().unescaped().to_owned()).unwrap_or_default();
        let class: FieldClass = class.parse().map_err(|_| format!("the solver names the class {class:?}"))?;
        let mut given = given_of(found, moment_of(found, &self.zone)?)?;
        if !self.answers(question, class, &given)? {
            return Err(format!("the engine does not agree that this is a counterexample: given = {}", inline(&given)));
        }
        // The solver picks any day. The table's usual day reads better.
        if let Some(usual) = self.ordinary.get("on").and_then(Value::as_str).and_then(|on| on.parse().ok()) {
            let moved = given_of(found, usual)?;
            if self.answers(question, class, &moved)? {
                given = moved;
            }
        }
        self.shrink(question, class, &mut given);
        Ok((given, class))
    }

    /// The facts of a case, and the time of the question.
    pub(super) fn facts(&self, given: &Table) -> Result<(CaseFacts, Timestamp), String> {
        let mut whole = self.ordinary.clone();
        whole.extend(given.clone());
        cases::facts_of(self.set, &self.law.jurisdiction, &whole.to_string(), &self.zone)
    }

    /// Whether the engine confirms a case as a counterexample.
    fn answers(&self, question: &Question<'_>, class: FieldClass, given: &Table) -> Result<bool, String> {
        let (facts, now) = self.facts(given)?;
        let case = CaseAtMoment { vocabulary: &self.set.vocabulary, facts: &facts, now };
        let reached = |reaches: &ReachesLevel<'_>| {
            reaches.level.reached_by(&reaches.law.says(&case, reaches.act, class, reaches.claims))
        };
        Ok(holds(&question.given, &case, class)?
            && question.reaches.as_ref().is_none_or(reached)
            && !question.unless.as_ref().is_some_and(reached))
    }

    /// Leaves out every key and word that the counterexample does not need.
    fn shrink(&self, question: &Question<'_>, class: FieldClass, given: &mut Table) {
        for key in given.keys().cloned().collect::<Vec<_>>() {
            let mut less = given.clone();
            less.remove(&key);
            if self.answers(question, class, &less) == Ok(true) {
                *given = less;
            }
        }
        let mut rest: Vec<Table> = without_one(given);
        while let Some(less) = rest.pop() {
            if self.answers(question, class, &less) == Ok(true) {
                rest = without_one(&less);
                *given = less;
            }
        }
    }

    /// The case as a table would have it: the current rulings, except the one that is wrong.
    fn case(
        &self,
        property: &Property,
        expected: Option<&ExpectedRuling>,
        case: &CaseAtMoment<'_>,
        class: FieldClass,
        given: &Table,
    ) -> String {
        let says = |act, class| self.law.says(case, act, class, Claims::Heard).ruling;
        let expect = ACTS.iter().map(|act| match expected {
            Some(expected) if expected.act == *act => format!("{} = \"{}\"", act.word(), expected.words),
            Some(_) | None => format!("{} = \"{}\"", act.word(), says(*act, class).word().replace('-', " ")),
        });
        let expect: Vec<String> = expect.collect();
        let is_shown = |shown: &FieldClass| match expected {
            Some(expected) if expected.act == LawAction::Disclose && *shown == class => expected.is_more,
            Some(_) | None => matches!(says(LawAction::Disclose, *shown), Ruling::May | Ruling::Must),
        };
        let shown = FieldClass::ALL.iter().filter(|shown| is_shown(shown));
        let shown: Vec<String> = shown.map(|class| format!("\"{}\"", class.word())).collect();
        format!(
            "[[case]]\nname = \"{property}\"\ngiven = {}\nexpect = {{ {} }}\nshown = [{}]\n",
            inline(given),
            expect.join(", "),
            shown.join(", ")
        )
    }
}

/// The same table with one word fewer, in every way.
fn without_one(table: &Table) -> Vec<Table> {
    let mut all = Vec::new();
    for (key, value) in table {
        let mut put = |value: Value| {
            let mut less = table.clone();
            less.insert(key.clone(), value);
            all.push(less);
        };
        match value {
            Value::Array(items) => {
                for at in 0..items.len() {
                    let others = items.iter().enumerate().filter(|(place, _)| *place != at);
                    put(others.map(|(_, item)| item.clone()).collect::<Vec<_>>().into());
                    if let Some(Value::Table(row)) = items.get(at) {
                        for row in without_one(row) {
                            let rows = items.iter().enumerate();
                            let put_in = |(place, item): (usize, &Value)| {
                                if place == at { row.clone().into() } else { item.clone() }
                            };
                            put(rows.map(put_in).collect::<Vec<_>>().into());
                        }
                    }
                }
            }
            Value::Table(inner) => without_one(inner).into_iter().for_each(|inner| put(inner.into())),
            Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
        }
        let mut less = table.clone();
        less.remove(key);
        all.push(less);
    }
    all
}

/// Whether a Cedar condition holds in a case.
fn holds(given: &str, case: &CaseAtMoment<'_>, class: FieldClass) -> Result<bool, String> {
    let text = format!("permit (principal, action, resource) when {{ {given} }};");
    let policies: cedar::PolicySet = text.parse().map_err(|error: cedar::ParseErrors| error.to_string())?;
    let context = case.vocabulary.facts(case.facts, milliseconds(case.now)).ok_or("facts that cannot be asked")?;
    let request = case.vocabulary.disclosure(case.facts.requester_kind, class, &context);
    let request = request.ok_or("a question that cannot be put")?;
    let response = cedar::Authorizer::new().is_authorized(&request, &policies, &cedar::Entities::empty());
    Ok(response.decision() == cedar::Decision::Allow)
}

/// What one law says of one act, in one line.
fn line(reaches: &ReachesLevel<'_>, case: &CaseAtMoment<'_>, class: FieldClass) -> String {
    let ReachesLevel { law, act, claims, .. } = *reaches;
    let said = law.says(case, act, class, claims);
    let about = match act {
        LawAction::Disclose => format!("disclose {}", class.word()),
        LawAction::Hold | LawAction::Notify | LawAction::Transfer | LawAction::Interview => act.word().to_owned(),
    };
    let without = match claims {
        Claims::Heard => "",
        Claims::TakenForFacts => ", with what is claimed taken for fact",
        Claims::Unheard => ", with nothing claimed",
    };
    format!("{}{without}: {about} is {}", law.jurisdiction, ruling(&said))
}

fn ruling(said: &Determination) -> String {
    let word = said.ruling.word().replace('-', " ");
    match (said.failed, said.policies.as_slice()) {
        (true, _) => format!("{word} (a policy could not be evaluated)"),
        (false, []) => format!("{word} (no policy speaks to this)"),
        (false, policies) => format!("{word} ({})", policies.join(", ")),
    }
}

/// What a ruling should be.
struct ExpectedRuling {
    act: LawAction,
    words: &'static str,
    /// The ruling should go further.
    is_more: bool,
}

impl Question<'_> {
    /// What to correct: the ruling that goes too far, or else the one that does not go far enough. None: the difference
    /// is only reported.
    fn expected(&self, property: &Property) -> Option<ExpectedRuling> {
        if property.is_report_only() {
            return None;
        }
        let too_far =
            |wrong: ReachesLevel<'_>| ExpectedRuling { act: wrong.act, words: wrong.level.below(), is_more: false };
        let too_little =
            |wrong: ReachesLevel<'_>| ExpectedRuling { act: wrong.act, words: wrong.level.words(), is_more: true };
        self.reaches.map(too_far).or_else(|| self.unless.map(too_little))
    }
}
