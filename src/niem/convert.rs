//! From a request to a document and back, by the shapes of the fields.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::domain::moment::moment;
use crate::niem::error::NiemError;
use crate::niem::shape::{COUNTRIES, DATE_TIME, DATES, Field, LIFT_CODE, LIFT_TEXT, Shape};

const TEXT: &str = "a text";
const OBJECT: &str = "an object";
const CODE: &str = "a code of docs/niem.md";
const TIME: &str = "an object with nc:DateTime alone, a time as 2026-02-01T12:00:00Z";
const DATE: &str =
    "an object with one of nc:Date, nc:YearMonthDate and nc:YearDate alone, as 1990-01-31, 1990-01 or 1990";
const COUNTRY: &str = "an object with iso_3166:CountryAlpha3Code or ncic:CountryCode alone, of three or of two letters";
const DAYS: &str = "a duration in days, as P30D";
const HEX: &str = "hexadecimal digits";
const LIFT: &str = "an object with a lift code and the word of docs/niem.md that it stands for";
const ONE_DATE: &str = "the one date of the release that is said";

/// The properties of a message.
pub(super) fn to_niem(fields: &'static [Field], message: &Value, at: &str) -> Result<Map<String, Value>, NiemError> {
    let mut document = Map::new();
    put(&mut document, fields, message, at)?;
    Ok(document)
}

/// The message of an object's properties.
pub(super) fn from_niem(fields: &'static [Field], object: &Value, at: &str) -> Result<Map<String, Value>, NiemError> {
    let mut left = object.as_object().ok_or_else(|| fault(at, OBJECT))?.clone();
    let mut message = Map::new();
    take(&mut message, fields, &mut left, at)?;
    let paths: Vec<&[&str]> = fields.iter().map(|field| field.path).collect();
    match stranger(&left, &paths, at) {
        Some(path) => Err(NiemError::Unknown(path)),
        None => Ok(message),
    }
}

fn put(
    document: &mut Map<String, Value>,
    fields: &'static [Field],
    message: &Value,
    at: &str,
) -> Result<(), NiemError> {
    let mut left = message.as_object().ok_or_else(|| fault(at, OBJECT))?.clone();
    for field in fields {
        let Some(value) = left.remove(field.proto) else { continue };
        let at = under(at, ".", field.proto);
        if let Shape::Group(fields) = &field.shape {
            put(document, fields, &value, &at)?;
        } else if let Shape::DateBy { by, prefix, names } = &field.shape {
            let word = left.remove(*by).unwrap_or_default();
            let name = named(&word, prefix, names).ok_or_else(|| fault(&at, "given with its basis"))?;
            document.insert(name.to_owned(), written(&Shape::DateTime, &value, &at)?);
        } else if field.many {
            let elements = value.as_array().ok_or_else(|| fault(&at, "a list"))?;
            let elements = elements.iter().enumerate();
            let all = elements.map(|(index, element)| written(&field.shape, element, &format!("{at}[{index}]")));
            insert(document, field.path, Value::Array(all.collect::<Result<_, _>>()?));
        } else {
            insert(document, field.path, written(&field.shape, &value, &at)?);
        }
    }
    match left.keys().next() {
        Some(name) => Err(NiemError::Unnamed(under(at, ".", name))),
        None => Ok(()),
    }
}

fn take(
    message: &mut Map<String, Value>,
    fields: &'static [Field],
    left: &mut Map<String, Value>,
    at: &str,
) -> Result<(), NiemError> {
    for field in fields {
        if let Shape::Group(fields) = &field.shape {
            let mut group = Map::new();
            take(&mut group, fields, left, at)?;
            if !group.is_empty() {
                message.insert(field.proto.to_owned(), Value::Object(group));
            }
        } else if let Shape::DateBy { by, prefix, names } = &field.shape {
            for (word, name) in *names {
                let Some(value) = left.remove(*name) else { continue };
                let path = under(at, "/", name);
                let time = read(&Shape::DateTime, &value, &path)?;
                if message.insert(field.proto.to_owned(), time).is_some() {
                    return Err(fault(&path, ONE_DATE));
                }
                message.insert((*by).to_owned(), prefixed(prefix, word));
            }
        } else if let Some(value) = remove(left, field.path) {
            let path = under(at, "/", &field.path.join("/"));
            let shape = &field.shape;
            let value = if field.many { read_all(shape, value, &path)? } else { read(shape, &value, &path)? };
            message.insert(field.proto.to_owned(), value);
        }
    }
    Ok(())
}

/// The values of a property that may occur often. NIEM JSON writes a single one without a list too.
fn read_all(shape: &'static Shape, value: Value, path: &str) -> Result<Value, NiemError> {
    let Value::Array(elements) = value else { return Ok(Value::Array(vec![read(shape, &value, path)?])) };
    let elements = elements.iter().enumerate();
    let all = elements.map(|(index, element)| read(shape, element, &format!("{path}[{index}]")));
    Ok(Value::Array(all.collect::<Result<_, _>>()?))
}

/// A value as a document has it.
fn written(shape: &'static Shape, value: &Value, at: &str) -> Result<Value, NiemError> {
    let text = || value.as_str().ok_or_else(|| fault(at, TEXT));
    Ok(match shape {
        Shape::Text => Value::from(text()?),
        Shape::Indicator => Value::from(value.as_bool().ok_or_else(|| fault(at, "true or false"))?),
        Shape::Days => {
            let days = value.as_u64().ok_or_else(|| fault(at, "0 or more"))?;
            Value::from(format!("P{days}D"))
        }
        Shape::DateTime => json!({ DATE_TIME: time(text()?).ok_or_else(|| fault(at, "a time"))? }),
        Shape::Date => by_length(&DATES, text()?).ok_or_else(|| fault(at, "a date"))?,
        Shape::Country => by_length(&COUNTRIES, text()?).ok_or_else(|| fault(at, "two or three letters"))?,
        Shape::Hex => Value::from(hex::encode(STANDARD.decode(text()?).map_err(|_| fault(at, "bytes in base64"))?)),
        Shape::Word { prefix, words } => {
            let word = unprefixed(prefix, value).filter(|word| words().contains(&word.as_str()));
            Value::from(word.ok_or_else(|| fault(at, "a value of the contract other than UNSPECIFIED"))?)
        }
        Shape::Coded { prefix, codes } => {
            let code = named(value, prefix, codes);
            Value::from(code.ok_or_else(|| fault(at, "a value of the contract other than UNSPECIFIED"))?)
        }
        Shape::Lift(codes) => {
            let word = unprefixed("LIFT_REASON", value);
            let known = codes.iter().find(|(known, _)| word.as_deref() == Some(known));
            let (word, code) = known.ok_or_else(|| fault(at, "a value of the contract other than UNSPECIFIED"))?;
            json!({ LIFT_CODE: code, LIFT_TEXT: word })
        }
        Shape::Object(fields) | Shape::Group(fields) => Value::Object(to_niem(fields, value, at)?),
        Shape::DateBy { .. } => return Err(fault(at, TEXT)),
    })
}

/// A value as a request has it.
fn read(shape: &'static Shape, value: &Value, path: &str) -> Result<Value, NiemError> {
    let text = || value.as_str().ok_or_else(|| fault(path, TEXT));
    Ok(match shape {
        Shape::Text => Value::from(text()?),
        Shape::Indicator => Value::from(value.as_bool().ok_or_else(|| fault(path, "true or false"))?),
        Shape::Days => {
            let days = text()?.strip_prefix('P').and_then(|rest| rest.strip_suffix('D'));
            // Each number has one spelling, and the contract's field holds no more.
            let number = days.and_then(|days| days.parse::<i32>().ok().filter(|number| number.to_string() == days));
            Value::from(number.filter(|number| *number >= 0).ok_or_else(|| fault(path, DAYS))?)
        }
        Shape::DateTime => {
            let said = alone(value).filter(|(name, _)| *name == DATE_TIME).and_then(|(_, text)| time(text));
            Value::from(said.ok_or_else(|| fault(path, TIME))?)
        }
        Shape::Date => measured(&DATES, value).ok_or_else(|| fault(path, DATE))?,
        Shape::Country => measured(&COUNTRIES, value).ok_or_else(|| fault(path, COUNTRY))?,
        Shape::Hex => Value::from(STANDARD.encode(hex::decode(text()?).map_err(|_| fault(path, HEX))?)),
        Shape::Word { prefix, words } => {
            let said = text()?;
            prefixed(prefix, words().into_iter().find(|word| *word == said).ok_or_else(|| fault(path, CODE))?)
        }
        Shape::Coded { prefix, codes } => {
            let said = text()?;
            let known = codes.iter().find(|(_, code)| *code == said);
            prefixed(prefix, known.ok_or_else(|| fault(path, CODE))?.0)
        }
        Shape::Lift(codes) => {
            let known = codes.iter().find(|(word, code)| *value == json!({ LIFT_CODE: code, LIFT_TEXT: word }));
            prefixed("LIFT_REASON", known.ok_or_else(|| fault(path, LIFT))?.0)
        }
        Shape::Object(fields) | Shape::Group(fields) => Value::Object(from_niem(fields, value, path)?),
        Shape::DateBy { .. } => return Err(fault(path, TEXT)),
    })
}

fn fault(path: &str, expected: &'static str) -> NiemError {
    let path = if path.is_empty() { "the request" } else { path };
    NiemError::Value { path: path.to_owned(), expected }
}

fn under(at: &str, joint: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}{joint}{name}") }
}

/// A value of an enumeration, as the request spells it: the prefix, and the word in upper case.
fn prefixed(prefix: &str, word: &str) -> Value {
    Value::from(format!("{prefix}_{}", word.to_uppercase().replace('-', "_")))
}

/// The word of a value of an enumeration.
fn unprefixed(prefix: &str, value: &Value) -> Option<String> {
    let word = value.as_str()?.strip_prefix(prefix)?.strip_prefix('_')?;
    Some(word.to_lowercase().replace('_', "-"))
}

/// What stands beside the word of a value.
fn named(value: &Value, prefix: &str, table: &[(&str, &'static str)]) -> Option<&'static str> {
    let word = unprefixed(prefix, value)?;
    table.iter().find(|(known, _)| word == *known).map(|(_, name)| *name)
}

/// A text, if it is a time that the contract counts.
fn time(text: &str) -> Option<&str> {
    moment(text).is_ok().then_some(text)
}

/// A text under the property for texts of its length.
fn by_length(names: &[(usize, &str)], text: &str) -> Option<Value> {
    let (_, name) = names.iter().find(|(len, _)| text.len() == *len)?;
    Some(json!({ *name: text }))
}

/// The text of an object with one of such properties alone, of the length that belongs to it.
fn measured(names: &[(usize, &str)], value: &Value) -> Option<Value> {
    let (name, text) = alone(value)?;
    names.contains(&(text.len(), name)).then(|| Value::from(text))
}

/// The one property of an object, and its text.
fn alone(value: &Value) -> Option<(&str, &str)> {
    let mut members = value.as_object()?.iter();
    match (members.next(), members.next()) {
        (Some((name, text)), None) => Some((name, text.as_str()?)),
        _ => None,
    }
}

/// Puts a value where a path leads. Objects on the way are shared.
fn insert(document: &mut Map<String, Value>, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        document.insert((*first).to_owned(), value);
        return;
    }
    let inner = document.entry(*first).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}

/// Takes out what a path leads to, and objects on the way that have nothing else.
fn remove(left: &mut Map<String, Value>, path: &[&str]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    if rest.is_empty() {
        return left.remove(*first);
    }
    let Value::Object(inner) = left.get_mut(*first)? else { return None };
    let found = remove(inner, rest)?;
    if inner.is_empty() {
        left.remove(*first);
    }
    Some(found)
}

/// The path of the first property that nothing took. What only leads somewhere is looked into.
fn stranger(left: &Map<String, Value>, paths: &[&[&str]], at: &str) -> Option<String> {
    let (name, value) = left.iter().next()?;
    let path = under(at, "/", name);
    let tails: Vec<&[&str]> = paths
        .iter()
        .filter_map(|path| path.split_first())
        .filter(|(first, rest)| *first == name && !rest.is_empty())
        .map(|(_, rest)| rest)
        .collect();
    match value.as_object() {
        Some(inner) if !tails.is_empty() => stranger(inner, &tails, &path).or(Some(path)),
        _ => Some(path),
    }
}
