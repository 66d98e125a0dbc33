//! The filter of a list: a small part of AIP-160, whose grammar is in docs/search.md. It is held against the message that
//! the reader would be shown, and against nothing else: what the reader is not shown changes no result.

use std::fmt;

use jiff::Timestamp;

use crate::domain::ids::{AgencyId, AlienNumber, BookingNumber, Din, FacilityCode, FbiNumber, InvalidId, StateId};
use crate::domain::search::PersonNumber;
use crate::wire::show::{agency_name, timestamp};
use crate::wire::{Violation, Violations, v1};

/// The most bytes of a filter.
const LEN_MAX: usize = 1_000;

/// The most terms of a filter.
const TERMS_MAX: usize = 8;

/// A field that a list is filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Where it stands.
    State,
    /// Who lodged it. Detainers only.
    Issuer,
    /// Who holds the person.
    Custodian,
    /// Where the person is held. Custodies only.
    Facility,
    /// A number of the person.
    Number(PersonNumber),
    /// When an answer is due. Detainers only.
    AnswerDueTime,
    /// When a release is expected.
    ExpectedAt,
    /// When the person was released.
    ReleasedAt,
    /// When it was recorded.
    CreateTime,
    /// When what the reader sees of it last changed.
    UpdateTime,
}

const FIELDS: [(&str, Field); 14] = [
    ("state", Field::State),
    ("issuer", Field::Issuer),
    ("custodian", Field::Custodian),
    ("facility", Field::Facility),
    ("subject.identifiers.alien_number", Field::Number(PersonNumber::Alien)),
    ("subject.identifiers.fbi_number", Field::Number(PersonNumber::Fbi)),
    ("subject.identifiers.state_id", Field::Number(PersonNumber::State)),
    ("subject.identifiers.booking_number", Field::Number(PersonNumber::Booking)),
    ("subject.identifiers.din", Field::Number(PersonNumber::Din)),
    ("answer_due_time", Field::AnswerDueTime),
    ("scheduled_release.expected_at", Field::ExpectedAt),
    ("actual_release.released_at", Field::ReleasedAt),
    ("create_time", Field::CreateTime),
    ("update_time", Field::UpdateTime),
];

impl Field {
    fn path(self) -> &'static str {
        FIELDS.iter().find(|(_, field)| *field == self).map_or("", |(path, _)| path)
    }

    fn is_time(self) -> bool {
        match self {
            Self::AnswerDueTime | Self::ExpectedAt | Self::ReleasedAt | Self::CreateTime | Self::UpdateTime => true,
            Self::State | Self::Issuer | Self::Custodian | Self::Facility | Self::Number(_) => false,
        }
    }
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// The longer ones come first: the first that the text starts with is meant.
const COMPARISONS: [(&str, Comparison); 5] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Equal),
];

impl Comparison {
    fn sign(self) -> &'static str {
        COMPARISONS.iter().find(|(_, known)| *known == self).map_or("", |(sign, _)| sign)
    }

    fn holds(self, shown: &Value, asked: &Value) -> bool {
        match self {
            Self::Equal => shown == asked,
            Self::Less => shown < asked,
            Self::AtMost => shown <= asked,
            Self::Greater => shown > asked,
            Self::AtLeast => shown >= asked,
        }
    }
}

/// A value of a field, in its one spelling. Two of a field are of the same variant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A number of the contract's enumeration.
    Enum(i32),
    /// A name, a code, or a number of a person.
    Text(String),
    /// A time: seconds and nanoseconds.
    Time(i64, i32),
}

/// May be personal.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(withheld)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    field: Field,
    comparison: Comparison,
    value: Value,
}

/// A resource whose list can be filtered.
pub trait Filterable {
    /// Whether the resource has the field, whatever its value.
    fn has(field: Field) -> bool;

    /// The number of a state by its name.
    fn state(name: &str) -> Option<i32>;

    /// The value of a field as it is shown. `None`: it is not shown.
    fn value(&self, field: Field) -> Option<Value>;
}

/// What a list is narrowed to: resources for which each of the conditions holds. Without any it is not narrowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    conditions: Vec<Condition>,
}

impl ListFilter {
    /// Parses the filter of a list of these resources. Nothing that was sent is repeated in a fault.
    pub fn parse<T: Filterable>(text: &str) -> Result<Self, Violations> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let fault = |expected: String| {
            vec![Violation { field: "filter".to_owned(), description: format!("must be {expected}") }]
        };
        if text.len() > LEN_MAX {
            return Err(fault(format!("at most {LEN_MAX} bytes long")));
        }
        let mut conditions = Vec::new();
        let mut rest = text.trim_matches(' ');
        loop {
            let number = conditions.len().saturating_add(1);
            if number > TERMS_MAX {
                return Err(fault(format!("of at most {TERMS_MAX} terms")));
            }
            let (condition, after) =
                condition::<T>(rest).map_err(|expected| fault(format!("{expected}, in term {number}")))?;
            conditions.push(condition);
            if after.trim_start_matches(' ').is_empty() {
                return Ok(Self { conditions });
            }
            let next = after.trim_start_matches(' ').strip_prefix("AND ").filter(|_| after.starts_with(' '));
            rest = next
                .ok_or_else(|| fault(format!("over after term {number}, or go on with AND and another term")))?
                .trim_start_matches(' ');
        }
    }

    /// Whether it narrows nothing.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether a resource, as it is shown, is in the list.
    pub fn holds<T: Filterable>(&self, shown: &T) -> bool {
        self.conditions.iter().all(|condition| {
            let value = shown.value(condition.field);
            value.is_some_and(|value| condition.comparison.holds(&value, &condition.value))
        })
    }

    /// The text that a field must equal.
    pub fn equal(&self, field: Field) -> Option<&str> {
        self.equals(field).find_map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            Value::Enum(_) | Value::Time(..) => None,
        })
    }

    /// A number that the person must have.
    pub fn number(&self) -> Option<(PersonNumber, &str)> {
        PersonNumber::ALL.iter().find_map(|kind| Some((*kind, self.equal(Field::Number(*kind))?)))
    }

    /// The state that it must be in, as a number of the contract's enumeration.
    pub fn state(&self) -> Option<i32> {
        self.equals(Field::State).find_map(|value| match value {
            Value::Enum(state) => Some(*state),
            Value::Text(_) | Value::Time(..) => None,
        })
    }

    fn equals(&self, field: Field) -> impl Iterator<Item = &Value> {
        let of = move |condition: &&Condition| condition.field == field && condition.comparison == Comparison::Equal;
        self.conditions.iter().filter(of).map(|condition| &condition.value)
    }

    /// The filter in one spelling, for a page token to be bound to. Personal.
    pub fn canonical(&self) -> String {
        let term = |Condition { field, comparison, value }: &Condition| {
            let value = match value {
                Value::Enum(number) => number.to_string(),
                Value::Text(text) => text.clone(),
                Value::Time(seconds, nanos) => format!("{seconds}.{nanos}"),
            };
            format!("{} {} {value}", field.path(), comparison.sign())
        };
        self.conditions.iter().map(term).collect::<Vec<_>>().join("\n")
    }
}

/// The first term of a text, and what comes after it. The fault says what is expected.
fn condition<T: Filterable>(text: &str) -> Result<(Condition, &str), String> {
    const FORM: &str = "a field, one of = < <= > >=, and a value in double quotes";
    let is_of_path = |letter: char| letter.is_ascii_lowercase() || letter == '_' || letter == '.';
    let (path, rest) = text.split_at(text.find(|letter| !is_of_path(letter)).unwrap_or(text.len()));
    if path.is_empty() {
        return Err(FORM.to_owned());
    }
    let field = FIELDS.iter().find(|(known, field)| *known == path && T::has(*field));
    let (path, field) = *field.ok_or("of fields that this list is filtered by")?;
    let rest = rest.trim_start_matches(' ');
    let comparison = COMPARISONS.iter().find_map(|(sign, of)| Some((*of, rest.strip_prefix(sign)?)));
    let (comparison, rest) = comparison.ok_or_else(|| FORM.to_owned())?;
    if comparison != Comparison::Equal && !field.is_time() {
        return Err(format!("compared by = alone as {path}, which has no order"));
    }
    let quoted = rest.trim_start_matches(' ').strip_prefix('"').and_then(|rest| rest.split_once('"'));
    let (value, after) = quoted.ok_or_else(|| FORM.to_owned())?;
    let value = value_of::<T>(field, value).map_err(|expected| format!("{} as {path}", expected.expected))?;
    Ok((Condition { field, comparison, value }, after))
}

fn value_of<T: Filterable>(field: Field, text: &str) -> Result<Value, InvalidId> {
    fn id<T: std::str::FromStr<Err = InvalidId> + ToString>(text: &str) -> Result<Value, InvalidId> {
        Ok(Value::Text(text.parse::<T>()?.to_string()))
    }
    match field {
        Field::State => T::state(text).map(Value::Enum).ok_or(InvalidId { expected: "the name of a state" }),
        Field::Issuer | Field::Custodian => {
            const EXPECTED: InvalidId = InvalidId { expected: "agencies/{id}" };
            let agency: AgencyId = text.strip_prefix("agencies/").ok_or(EXPECTED)?.parse()?;
            Ok(Value::Text(agency_name(&agency)))
        }
        Field::Facility => id::<FacilityCode>(text),
        Field::Number(PersonNumber::Alien) => id::<AlienNumber>(text),
        Field::Number(PersonNumber::Fbi) => id::<FbiNumber>(text),
        Field::Number(PersonNumber::State) => id::<StateId>(text),
        Field::Number(PersonNumber::Booking) => id::<BookingNumber>(text),
        Field::Number(PersonNumber::Din) => id::<Din>(text),
        Field::AnswerDueTime | Field::ExpectedAt | Field::ReleasedAt | Field::CreateTime | Field::UpdateTime => {
            const EXPECTED: InvalidId = InvalidId { expected: "a time such as 2026-02-01T12:00:00Z" };
            let time: Timestamp = text.parse().map_err(|_| EXPECTED)?;
            Ok(time_value(&timestamp(time)))
        }
    }
}

fn time_value(time: &prost_types::Timestamp) -> Value {
    Value::Time(time.seconds, time.nanos)
}

/// Empty: not shown.
fn text_value(text: &str) -> Option<Value> {
    if text.is_empty() { None } else { Some(Value::Text(text.to_owned())) }
}

fn number_value(subject: Option<&v1::Subject>, kind: PersonNumber) -> Option<Value> {
    let identifiers = subject?.identifiers.as_ref()?;
    text_value(match kind {
        PersonNumber::Alien => &identifiers.alien_number,
        PersonNumber::Fbi => &identifiers.fbi_number,
        PersonNumber::State => &identifiers.state_id,
        PersonNumber::Booking => &identifiers.booking_number,
        PersonNumber::Din => &identifiers.din,
    })
}

impl Filterable for v1::Detainer {
    fn has(field: Field) -> bool {
        field != Field::Facility
    }

    fn state(name: &str) -> Option<i32> {
        v1::DetainerState::from_str_name(name).map(i32::from).filter(|state| *state != 0)
    }

    fn value(&self, field: Field) -> Option<Value> {
        match field {
            Field::State => Some(Value::Enum(self.state)),
            Field::Issuer => text_value(&self.issuer),
            Field::Custodian => text_value(&self.custodian),
            Field::Facility => None,
            Field::Number(kind) => number_value(self.subject.as_ref(), kind),
            Field::AnswerDueTime => self.answer_due_time.as_ref().map(time_value),
            Field::ExpectedAt => self.scheduled_release.as_ref()?.expected_at.as_ref().map(time_value),
            Field::ReleasedAt => self.actual_release.as_ref()?.released_at.as_ref().map(time_value),
            Field::CreateTime => self.create_time.as_ref().map(time_value),
            Field::UpdateTime => self.update_time.as_ref().map(time_value),
        }
    }
}

impl Filterable for v1::Custody {
    fn has(field: Field) -> bool {
        !matches!(field, Field::Issuer | Field::AnswerDueTime)
    }

    fn state(name: &str) -> Option<i32> {
        v1::CustodyState::from_str_name(name).map(i32::from).filter(|state| *state != 0)
    }

    fn value(&self, field: Field) -> Option<Value> {
        match field {
            Field::State => Some(Value::Enum(self.state)),
            Field::Issuer | Field::AnswerDueTime => None,
            Field::Custodian => text_value(&self.custodian),
            Field::Facility => text_value(&self.facility),
            Field::Number(kind) => number_value(self.subject.as_ref(), kind),
            Field::ExpectedAt => self.scheduled_release.as_ref()?.expected_at.as_ref().map(time_value),
            Field::ReleasedAt => self.actual_release.as_ref()?.released_at.as_ref().map(time_value),
            Field::CreateTime => self.create_time.as_ref().map(time_value),
            Field::UpdateTime => self.update_time.as_ref().map(time_value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults<T: Filterable>(text: &str) -> Vec<String> {
        let faults = ListFilter::parse::<T>(text).map(|_| ()).err().unwrap_or_default();
        faults.into_iter().map(|fault| format!("{}: {}", fault.field, fault.description)).collect()
    }

    #[test]
    fn what_is_no_filter_is_refused_and_said_why_without_repeating_it() {
        let form = "a field, one of = < <= > >=, and a value in double quotes";
        let check = |text: &str, expected: &str| {
            assert_eq!(faults::<v1::Detainer>(text), [format!("filter: must be {expected}")], "{text}");
        };
        check(" ", &format!("{form}, in term 1"));
        check("state", &format!("{form}, in term 1"));
        check("state = LODGED", &format!("{form}, in term 1"));
        check("state = \"DETAINER_STATE_LODGED", &format!("{form}, in term 1"));
        check("state = \"LODGED\"", "the name of a state as state, in term 1");
        check("state = \"DETAINER_STATE_UNSPECIFIED\"", "the name of a state as state, in term 1");
        check("state < \"DETAINER_STATE_LODGED\"", "compared by = alone as state, which has no order, in term 1");
        check("facility = \"NY031\"", "of fields that this list is filtered by, in term 1");
        check("subject.name.family = \"x\"", "of fields that this list is filtered by, in term 1");
        check("update_time > \"yesterday\"", "a time such as 2026-02-01T12:00:00Z as update_time, in term 1");
        check("issuer = \"us-ice\"", "agencies/{id} as issuer, in term 1");
        check(
            "issuer = \"agencies/us-ice\" AND subject.identifiers.alien_number = \"12\"",
            "an A-number of 7 to 9 digits, such as 012345678 or A012-345-678 as subject.identifiers.alien_number, in term 2",
        );
        let after = "over after term 1, or go on with AND and another term";
        for more in [" OR state = \"DETAINER_STATE_LODGED\"", "AND x", " and x", ")"] {
            check(&format!("issuer = \"agencies/us-ice\"{more}"), after);
        }
        check("issuer = \"agencies/us-ice\" AND x", "of fields that this list is filtered by, in term 2");
        check("issuer = \"agencies/us-ice\" AND ", after);
        let many = ["issuer = \"agencies/us-ice\""; 9].join(" AND ");
        check(&many, "of at most 8 terms");
        check(&"x".repeat(1_001), "at most 1000 bytes long");
        assert_eq!(faults::<v1::Custody>("issuer = \"agencies/us-ice\"").len(), 1, "a custody has no issuer");
    }

    #[test]
    fn a_filter_has_one_form_however_it_is_spelt() {
        let canonical = |text: &str| ListFilter::parse::<v1::Detainer>(text).unwrap().canonical();
        let check = |spellings: &[&str]| {
            for spelling in spellings {
                assert_eq!(canonical(spelling), canonical(spellings[0]), "{spelling}");
            }
        };
        check(&[
            "subject.identifiers.alien_number = \"012345678\"",
            "  subject.identifiers.alien_number=\"A12345678\"  ",
            "subject.identifiers.alien_number  =  \"A-012-345-678\"",
        ]);
        check(&["subject.identifiers.din = \"24-B-1234\"", "subject.identifiers.din = \"24b1234\""]);
        check(&["subject.identifiers.state_id = \"NY1234567L\"", "subject.identifiers.state_id = \"01234567l\""]);
        check(&["update_time > \"2026-02-01T12:00:00Z\"", "update_time > \"2026-02-01T07:00:00-05:00\""]);
        assert_ne!(
            canonical("update_time > \"2026-02-01T12:00:00Z\""),
            canonical("update_time >= \"2026-02-01T12:00:00Z\"")
        );
    }
}
