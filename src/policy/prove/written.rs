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
use crate::domain::facts::{ListedSet, OffenceSet, StatuteGap};
use crate::domain::vocabulary::Vocabulary;
use crate::policy::vocabulary::ASSERTED;

/// The time of a counterexample, as local time of a zone.
pub(super) fn moment_of(request: &cedar::Request, zone: &TimeZone) -> Result<DateTime, String> {
    let facts = request.context().ok_or("a counterexample without facts")?;
    Ok(facts.moment("now")?.to_zoned(zone.clone()).datetime())
}

/// The facts of a request as `given` would say them, with every key. On the day `on`, convictions are as old as they
/// are in the counterexample on its own day.
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
    for word in ["final_order", "date_public", "match_disputed"] {
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

/// Reads the facts of a counterexample by their names in the schema.
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

    /// Charges that produce exactly these sets of offences. `possible.cedar` ensures that there are some.
    fn charges(&self, today: Date) -> Result<Vec<Value>, String> {
        let mut sets: BTreeMap<OffenceSet, BTreeSet<String>> = BTreeMap::new();
        for set in OffenceSet::ALL {
            sets.insert(*set, self.words(set.word())?);
        }
        let mut rows = Rows { sets, today, written: Vec::new() };
        for category in OffenceCategory::ALL {
            rows.of_group(*category);
        }
        if self.flag("undated_conviction")? {
            rows.add(rows.first(OffenceSet::Convictions)?, ChargeStatus::Convicted, MISDEMEANOR, None);
        }
        if self.flag("sealed")? {
            rows.add(OffenceCategory::Other.plain_word().to_owned(), ChargeStatus::Sealed, MISDEMEANOR, None);
        }
        for set in ListedSet::ALL {
            let paragraphs = self.words(set.word())?;
            if !paragraphs.is_empty() {
                rows.add_listed(*set, &paragraphs)?;
            }
        }
        for unread in StatuteGap::ALL {
            if self.flag(unread.word())? {
                rows.add_unread(*unread)?;
            }
        }
        Ok(rows.written)
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

/// The word of an entity of a vocabulary, or a text.
fn word_of(value: &EvalResult) -> Option<String> {
    if let EvalResult::EntityUid(uid) = value {
        Some(uid.id().unescaped().to_owned())
    } else if let EvalResult::String(text) = value {
        Some(text.clone())
    } else {
        None
    }
}

/// The value of a Cedar time expression, in milliseconds.
fn milliseconds_of(datetime: &str) -> Option<i64> {
    let since_epoch = format!("({datetime}).durationSince(datetime(\"1970-01-01\")).toMilliseconds()");
    // The expression reads nothing of the request, but Cedar requires one.
    let nobody: cedar::EntityUid = r#"Nobody::"""#.parse().ok()?;
    let request = cedar::Request::new(nobody.clone(), nobody.clone(), nobody, cedar::Context::empty(), None).ok()?;
    match cedar::eval_expression(&request, &cedar::Entities::empty(), &since_epoch.parse().ok()?) {
        Ok(EvalResult::Long(moment_ms)) => Some(moment_ms),
        Ok(_) | Err(_) => None,
    }
}

/// The severity of an offence, and the paragraphs that list it. None: the severity is unknown; the section is in no
/// table.
type Weight<'a> = (Option<Severity>, Option<&'a BTreeSet<String>>);

static BY_NOTHING: BTreeSet<String> = BTreeSet::new();
const FELONY: Weight<'static> = (Some(Severity::Felony), Some(&BY_NOTHING));
const MISDEMEANOR: Weight<'static> = (Some(Severity::Misdemeanor), Some(&BY_NOTHING));

/// How many years ago a conviction was, so that it falls into the sets that it must be in and into no narrower one.
const RECENT: Option<i16> = Some(1);
const MIDDLE: Option<i16> = Some(10);
const OLD: Option<i16> = Some(20);

/// The charges written so far. A charge added for one fact changes no other fact.
struct Rows {
    sets: BTreeMap<OffenceSet, BTreeSet<String>>,
    today: Date,
    written: Vec<Value>,
}

impl Rows {
    /// Adds the charges of one group that put it in exactly the sets that it is in.
    fn of_group(&mut self, category: OffenceCategory) {
        use OffenceSet as In;
        let sets = std::mem::take(&mut self.sets);
        let within = |set: OffenceSet| sets.get(&set).is_some_and(|words| words.contains(category.word()));
        let mut charge = |status, weight, years| self.add(category.plain_word().to_owned(), status, weight, years);
        match (within(In::HeldToAnswer), within(In::FelonyCharges), within(In::Charges)) {
            (true, true, _) => charge(ChargeStatus::HeldToAnswer, FELONY, None),
            (true, false, _) => charge(ChargeStatus::HeldToAnswer, MISDEMEANOR, None),
            (false, true, _) => charge(ChargeStatus::Charged, FELONY, None),
            (false, false, true) => charge(ChargeStatus::Charged, MISDEMEANOR, None),
            (false, false, false) => {}
        }
        let ages = [
            (In::FelonyConvictions5y, In::Convictions5y, RECENT),
            (In::FelonyConvictions15y, In::Convictions15y, MIDDLE),
            (In::FelonyConvictions, In::Convictions, OLD),
        ];
        let (mut felony, mut any) = (false, false);
        for (of_felonies, of_all, years) in ages {
            if within(of_felonies) && !felony {
                charge(ChargeStatus::Convicted, FELONY, years);
                (felony, any) = (true, true);
            }
            if within(of_all) && !any {
                charge(ChargeStatus::Convicted, MISDEMEANOR, years);
                any = true;
            }
        }
        self.sets = sets;
    }

    /// Adds an offence of a set that these paragraphs list.
    fn add_listed(&mut self, set: ListedSet, paragraphs: &BTreeSet<String>) -> Result<(), String> {
        use ChargeStatus::{Charged, Convicted, HeldToAnswer};
        use OffenceSet as In;
        use Severity::{Felony, Misdemeanor};
        let (within, status, severity, years) = match set {
            ListedSet::FelonyCharges => ([In::FelonyCharges; 2], Charged, Felony, None),
            ListedSet::FeloniesHeldToAnswer => ([In::FelonyCharges, In::HeldToAnswer], HeldToAnswer, Felony, None),
            ListedSet::FelonyConvictions => ([In::FelonyConvictions; 2], Convicted, Felony, OLD),
            ListedSet::FelonyConvictions15y => ([In::FelonyConvictions15y; 2], Convicted, Felony, MIDDLE),
            ListedSet::FelonyConvictions5y => ([In::FelonyConvictions5y; 2], Convicted, Felony, RECENT),
            ListedSet::MisdemeanorConvictions5y => ([In::Convictions5y; 2], Convicted, Misdemeanor, RECENT),
        };
        let [one, other] = within;
        let group = self.first_of_both(one, other)?;
        self.add(group, status, (Some(severity), Some(paragraphs)), years);
        Ok(())
    }

    /// Adds an offence of which the table leaves something unknown.
    fn add_unread(&mut self, unread: StatuteGap) -> Result<(), String> {
        use ChargeStatus::{Charged, Convicted, HeldToAnswer};
        const UNLISTED: Weight<'static> = (Some(Severity::Misdemeanor), None);
        const UNGRADED: Weight<'static> = (None, Some(&BY_NOTHING));
        let (within, status, weight, years) = match unread {
            StatuteGap::UnlistedConviction => (OffenceSet::Convictions, Convicted, UNLISTED, OLD),
            StatuteGap::UngradedConviction => (OffenceSet::Convictions, Convicted, UNGRADED, OLD),
            StatuteGap::UnlistedCharge => (OffenceSet::Charges, Charged, UNLISTED, None),
            StatuteGap::UngradedCharge => (OffenceSet::Charges, Charged, UNGRADED, None),
            StatuteGap::UnlistedHeldToAnswer => (OffenceSet::HeldToAnswer, HeldToAnswer, UNLISTED, None),
            StatuteGap::UngradedHeldToAnswer => (OffenceSet::HeldToAnswer, HeldToAnswer, UNGRADED, None),
        };
        self.add(self.first(within)?, status, weight, years);
        Ok(())
    }

    fn first(&self, set: OffenceSet) -> Result<String, String> {
        self.first_of_both(set, set)
    }

    fn first_of_both(&self, one: OffenceSet, other: OffenceSet) -> Result<String, String> {
        let groups = self.sets.get(&one).into_iter().flatten();
        let mut in_both = groups.filter(|group| self.sets.get(&other).is_some_and(|other| other.contains(*group)));
        in_both.next().cloned().ok_or_else(|| format!("nothing in {} and {}", one.word(), other.word()))
    }

    fn add(&mut self, group: String, status: ChargeStatus, (severity, listed): Weight<'_>, years: Option<i16>) {
        let mut row = Table::new();
        row.insert("offence".to_owned(), group.into());
        row.insert("status".to_owned(), status.plain_word().into());
        if let Some(severity) = severity {
            row.insert("severity".to_owned(), severity.plain_word().into());
        }
        if let Some(years) = years {
            let day = self.today.saturating_sub(jiff::Span::new().years(years));
            row.insert("convicted_on".to_owned(), day.to_string().into());
        }
        if let Some(listed) = listed {
            row.insert("listed".to_owned(), listed.iter().cloned().collect::<Vec<_>>().into());
        }
        self.written.push(row.into());
    }
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
