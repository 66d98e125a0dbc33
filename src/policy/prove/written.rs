//! Writes the facts of a counterexample in the words of the tables of cases.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy as cedar;
use cedar_policy::EvalResult;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use toml::{Table, Value};

use crate::domain::charge::{ChargeStatus, OffenceCategory, Severity};
use crate::domain::detainer::IssuingAuthority;
use crate::domain::facts::OffenceSet;
use crate::domain::vocabulary::Vocabulary;
use crate::policy::vocabulary::ASSERTED;

/// When the law is asked in a counterexample, by the clocks of a zone.
pub(super) fn moment_of(request: &cedar::Request, zone: &TimeZone) -> Result<DateTime, String> {
    let facts = request.context().ok_or("a counterexample without facts")?;
    Ok(facts.moment("now")?.to_zoned(zone.clone()).datetime())
}

/// The facts of a request as `given` would say them, every word written out. Convictions are as old on the day `on` as they
/// are in the counterexample on its own.
pub(super) fn given_of(request: &cedar::Request, on: DateTime) -> Result<Table, String> {
    let facts = request.context().ok_or("a counterexample without facts")?;
    let mut given = Table::new();
    let mut say = |key: &str, value: Value| drop(given.insert(key.to_owned(), value));
    say("on", on.to_string().into());
    say("asked_by", request.principal().map(|kind| kind.id().unescaped().to_owned()).unwrap_or_default().into());
    say("custodian", facts.word_if("custodian_class").unwrap_or_else(|| "unknown".to_owned()).into());
    say("stage", facts.word("stage")?.into());
    say("form", facts.word("form")?.to_uppercase().into());
    say("basis", facts.words("basis")?.into_iter().collect::<Vec<_>>().into());
    say("warrant", facts.word("warrant")?.to_uppercase().replace("NONE", "none").into());
    for word in ["final_order", "date_public"] {
        say(word, facts.flag(word)?.into());
    }
    said(&facts, on.date(), &mut say)?;
    say("more_charges", Value::Array(Vec::new()));
    let claims = Facts::value(&facts, ASSERTED)?;
    let EvalResult::Record(claims) = &claims else { return Err(format!("{ASSERTED} is {claims}")) };
    let mut asserted = Table::new();
    said(claims, on.date(), &mut |key, value| drop(asserted.insert(key.to_owned(), value)))?;
    given.insert(ASSERTED.to_owned(), Value::Table(asserted));
    Ok(given)
}

/// What one side says of the person and of a judge's warrant.
fn said(facts: &impl Facts, today: Date, say: &mut dyn FnMut(&str, Value)) -> Result<(), String> {
    let signed_by = match (facts.flag("judicial_warrant")?, facts.flag("federal_warrant")?) {
        (_, true) => IssuingAuthority::FederalJudge,
        (true, false) => IssuingAuthority::StateJudge,
        (false, false) => IssuingAuthority::None,
    };
    say("signed_by", signed_by.word().into());
    for word in [
        "criminal_warrant",
        "terrorist_list_match",
        "citizenship_claim",
        "citizen",
        "lawful_status",
        "juvenile",
        "protected",
    ] {
        say(word, facts.flag(word)?.into());
    }
    say("charges", facts.charges(today)?.into());
    Ok(())
}

/// Facts of a counterexample, by the names that the schema has.
trait Facts {
    fn fact(&self, name: &str) -> Option<EvalResult>;

    fn value(&self, name: &str) -> Result<EvalResult, String> {
        self.fact(name).ok_or_else(|| format!("a counterexample without {name}"))
    }
    fn flag(&self, name: &str) -> Result<bool, String> {
        let value = self.value(name)?;
        if let EvalResult::Bool(flag) = value { Ok(flag) } else { Err(format!("{name} is {value}")) }
    }

    fn word_if(&self, name: &str) -> Option<String> {
        self.word(name).ok()
    }

    fn word(&self, name: &str) -> Result<String, String> {
        word_of(&self.value(name)?).ok_or_else(|| format!("{name} is no word"))
    }

    fn words(&self, name: &str) -> Result<BTreeSet<String>, String> {
        let EvalResult::Set(set) = self.value(name)? else { return Err(format!("{name} is no set")) };
        set.iter().map(|item| word_of(item).ok_or_else(|| format!("{name} has what is no word"))).collect()
    }

    fn moment(&self, name: &str) -> Result<Timestamp, String> {
        let value = self.value(name)?;
        let at = milliseconds_of(&value.to_string()).and_then(|ms| Timestamp::from_millisecond(ms).ok());
        at.ok_or_else(|| format!("{name} is {value}"))
    }

    /// Charges that make the sets of offences what they are. `possible.cedar` says that there are such charges.
    fn charges(&self, today: Date) -> Result<Vec<Value>, String> {
        let mut sets: BTreeMap<OffenceSet, BTreeSet<String>> = BTreeMap::new();
        for set in OffenceSet::ALL {
            sets.insert(*set, self.words(set.word())?);
        }
        let mut rows = Vec::new();
        for category in OffenceCategory::ALL {
            let within = |set: OffenceSet| sets.get(&set).is_some_and(|words| words.contains(category.word()));
            rows.extend(charges_of(*category, &within, today));
        }
        if self.flag("undated_conviction")? {
            let convicted = sets.get(&OffenceSet::Convictions).and_then(BTreeSet::first);
            let group = convicted.ok_or("an undated conviction without a conviction")?;
            rows.push(row(group, ChargeStatus::Convicted, Severity::Misdemeanor, None));
        }
        if self.flag("sealed")? {
            rows.push(row(OffenceCategory::Other.plain_word(), ChargeStatus::Sealed, Severity::Misdemeanor, None));
        }
        Ok(rows)
    }
}

impl Facts for &cedar::Context {
    fn fact(&self, name: &str) -> Option<EvalResult> {
        cedar::Context::get(self, name)
    }
}

impl Facts for cedar_policy::Record {
    fn fact(&self, name: &str) -> Option<EvalResult> {
        cedar_policy::Record::get(self, name).cloned()
    }
}

/// The word that an entity of a vocabulary is.
fn word_of(value: &EvalResult) -> Option<String> {
    if let EvalResult::EntityUid(uid) = value { Some(uid.id().unescaped().to_owned()) } else { None }
}

/// The moment that an expression of Cedar's comes to, in milliseconds.
fn milliseconds_of(datetime: &str) -> Option<i64> {
    let since_epoch = format!("({datetime}).durationSince(datetime(\"1970-01-01\")).toMilliseconds()");
    // The expression reads nothing of the request, but Cedar will not evaluate without one.
    let nobody: cedar::EntityUid = r#"Nobody::"""#.parse().ok()?;
    let request = cedar::Request::new(nobody.clone(), nobody.clone(), nobody, cedar::Context::empty(), None).ok()?;
    match cedar::eval_expression(&request, &cedar::Entities::empty(), &since_epoch.parse().ok()?) {
        Ok(EvalResult::Long(moment_ms)) => Some(moment_ms),
        Ok(_) | Err(_) => None,
    }
}

/// Charges of one group that put it in exactly the sets that it is in.
fn charges_of(category: OffenceCategory, within: &dyn Fn(OffenceSet) -> bool, today: Date) -> Vec<Value> {
    use OffenceSet as In;
    let mut rows = Vec::new();
    let mut charge = |status, severity, years: Option<i16>| {
        let day = years.map(|years| today.saturating_sub(jiff::Span::new().years(years)));
        rows.push(row(category.plain_word(), status, severity, day));
    };
    match (within(In::HeldToAnswer), within(In::FelonyCharges), within(In::Charges)) {
        (true, true, _) => charge(ChargeStatus::HeldToAnswer, Severity::Felony, None),
        (true, false, _) => charge(ChargeStatus::HeldToAnswer, Severity::Misdemeanor, None),
        (false, true, _) => charge(ChargeStatus::Charged, Severity::Felony, None),
        (false, false, true) => charge(ChargeStatus::Charged, Severity::Misdemeanor, None),
        (false, false, false) => {}
    }
    let ages = [
        (In::FelonyConvictions5y, In::Convictions5y, 1),
        (In::FelonyConvictions15y, In::Convictions15y, 10),
        (In::FelonyConvictions, In::Convictions, 20),
    ];
    let (mut felony, mut any) = (false, false);
    for (of_felonies, of_all, years) in ages {
        if within(of_felonies) && !felony {
            charge(ChargeStatus::Convicted, Severity::Felony, Some(years));
            (felony, any) = (true, true);
        }
        if within(of_all) && !any {
            charge(ChargeStatus::Convicted, Severity::Misdemeanor, Some(years));
            any = true;
        }
    }
    rows
}

fn row(group: &str, status: ChargeStatus, severity: Severity, convicted_on: Option<Date>) -> Value {
    let mut row = Table::new();
    row.insert("offence".to_owned(), group.into());
    row.insert("status".to_owned(), status.plain_word().into());
    row.insert("severity".to_owned(), severity.plain_word().into());
    if let Some(day) = convicted_on {
        row.insert("convicted_on".to_owned(), day.to_string().into());
    }
    Value::Table(row)
}

/// A table on one line, in braces.
pub(super) fn inline(table: &Table) -> String {
    let parts: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {}", value_of(value))).collect();
    if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
}

fn value_of(value: &Value) -> String {
    match value {
        Value::Table(table) => inline(table),
        Value::Array(items) => format!("[{}]", items.iter().map(value_of).collect::<Vec<_>>().join(", ")),
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            value.to_string()
        }
    }
}
