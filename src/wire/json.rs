//! Requests and answers of any method as JSON, by the descriptor (the JSON mapping of proto3).

use std::collections::HashSet;

use prost::{Message as _, Name as _};
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use crate::domain::moment::is_leap_second;
use crate::wire::entry::merge;
use crate::wire::methods::{Method, pool};
use crate::wire::v1;

/// Examples omit what is nested deeper. The contract needs five levels.
const DEPTH_MAX: usize = 8;

const TIME: &str = "google.protobuf.Timestamp";

/// Why a text is no request of a method, or bytes are no answer of it.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The text is not JSON, has a field that the contract lacks, or has a value that the field does not accept.
    #[error("not a {message}: {why}")]
    Request {
        /// The expected message.
        message: String,
        /// Why, and where.
        why: serde_json::Error,
    },
    /// A time with second 60, which only a leap second has.
    #[error("{0} must be a time with seconds up to 59: a leap second is none that the contract counts")]
    LeapSecond(String),
    /// A field is given under both of its names, so it is unclear which value counts.
    #[error("{0} is given twice, by both of its names")]
    Twice(String),
    /// The gateway's answer is another message.
    #[error("the answer is not a {0}")]
    Answer(String),
}

impl Method {
    /// Encodes a request that is written as JSON. Refuses unknown fields.
    pub fn request(&self, json: &str) -> Result<Vec<u8>, JsonError> {
        let descriptor = self.descriptor.input();
        let failed = |why| JsonError::Request { message: self.descriptor.input().full_name().to_owned(), why };
        let mut text = serde_json::Deserializer::from_str(json);
        let message = DynamicMessage::deserialize(descriptor, &mut text).map_err(failed)?;
        text.end().map_err(failed)?;
        // The JSON mapping would take a leap second for the second after it.
        let value: Value = serde_json::from_str(json).map_err(failed)?;
        if let Some(field) = leap_second(&self.descriptor.input(), &value) {
            return Err(JsonError::LeapSecond(field));
        }
        if let Some(field) = given_twice(&self.descriptor.input(), &value) {
            return Err(JsonError::Twice(field));
        }
        Ok(message.encode_to_vec())
    }

    /// A request that is written as JSON in the one spelling that this program writes: what is not set is left out, and each field
    /// has its JSON name. Refuses what [`Method::request`] refuses.
    pub fn canonical_request(&self, json: &str) -> Result<Value, JsonError> {
        let failed = || JsonError::Answer(self.descriptor.input().full_name().to_owned());
        let bytes = self.request(json)?;
        let message = DynamicMessage::decode(self.descriptor.input(), bytes.as_slice()).map_err(|_| failed())?;
        serde_json::to_value(&message).map_err(|_| failed())
    }

    /// Encodes an answer that is written as JSON, as [`Method::answer`] gives it. Refuses unknown fields.
    pub fn read_answer(&self, json: &str) -> Result<Vec<u8>, JsonError> {
        let failed = |why| JsonError::Request { message: self.descriptor.output().full_name().to_owned(), why };
        let mut text = serde_json::Deserializer::from_str(json);
        let message = DynamicMessage::deserialize(self.descriptor.output(), &mut text).map_err(failed)?;
        text.end().map_err(failed)?;
        Ok(message.encode_to_vec())
    }

    /// Converts an encoded answer to JSON.
    pub fn answer(&self, bytes: &[u8]) -> Result<Value, JsonError> {
        let descriptor = self.descriptor.output();
        let failed = || JsonError::Answer(self.descriptor.output().full_name().to_owned());
        let message = DynamicMessage::decode(descriptor, bytes).map_err(|_| failed())?;
        serde_json::to_value(&message).map_err(|_| failed())
    }

    /// Converts an encoded answer to JSON, with its entries decoded: see [`decoded`].
    pub fn decoded_answer(&self, bytes: &[u8]) -> Result<Value, JsonError> {
        let mut shown = self.answer(bytes)?;
        decode_entries(&self.descriptor.output(), &mut shown);
        Ok(shown)
    }

    /// A request to start from: every field that a caller may set, with a placeholder in each required one. No gateway
    /// accepts it, since a mistake on record stays on record.
    pub fn example(&self) -> Value {
        example(&self.descriptor.input(), 0)
    }

    /// The first sentence of the contract's comment on the method.
    pub fn summary(&self) -> String {
        let file = self.descriptor.parent_service().parent_file();
        let comment = comment_on(file.file_descriptor_proto(), self.descriptor.path());
        let (sentence, _) = comment.split_once(". ").unwrap_or((comment.trim_end_matches('.'), ""));
        sentence.to_owned()
    }
}

/// Converts a message to JSON with its entries decoded. Each shows its leaf, the withheld classes and, instead of the
/// openings, the event as far as it is disclosed.
pub fn decoded<M: prost::Message + prost::Name>(message: &M) -> Result<Value, JsonError> {
    let failed = || JsonError::Answer(M::full_name());
    let descriptor = pool().get_message_by_name(&M::full_name()).ok_or_else(failed)?;
    let dynamic =
        DynamicMessage::decode(descriptor.clone(), message.encode_to_vec().as_slice()).map_err(|_| failed())?;
    let mut shown = serde_json::to_value(&dynamic).map_err(|_| failed())?;
    decode_entries(&descriptor, &mut shown);
    Ok(shown)
}

/// Decodes the entries in a message that is JSON already. An entry of a later layout is left as it is.
fn decode_entries(message: &MessageDescriptor, shown: &mut Value) {
    if message.full_name() == v1::Entry::full_name() {
        if let Some(decoded) = decoded_entry(message, shown) {
            *shown = decoded;
        }
        return;
    }
    let Some(fields) = shown.as_object_mut() else { return };
    for (key, value) in fields {
        let Some(Kind::Message(inner)) = message.get_field_by_json_name(key).map(|field| field.kind()) else {
            continue;
        };
        if let Value::Array(elements) = value {
            for element in elements {
                decode_entries(&inner, element);
            }
        } else {
            decode_entries(&inner, value);
        }
    }
}

fn decoded_entry(message: &MessageDescriptor, shown: &Value) -> Option<Value> {
    let entry = DynamicMessage::deserialize(message.clone(), shown).ok()?;
    let entry = v1::Entry::decode(entry.encode_to_vec().as_slice()).ok()?;
    let as_json = |name: String, bytes: &[u8]| {
        let message = DynamicMessage::decode(pool().get_message_by_name(&name)?, bytes).ok()?;
        serde_json::to_value(&message).ok()
    };
    let leaf = as_json(v1::Leaf::full_name(), &entry.leaf)?;
    let event = as_json(v1::Event::full_name(), &merge(&entry).ok()?.encode_to_vec())?;
    let mut fields = shown.as_object()?.clone();
    fields.remove("openings");
    fields.insert("leaf".to_owned(), leaf);
    fields.insert("event".to_owned(), event);
    // Included even if empty: that nothing is withheld is worth knowing.
    fields.entry("withheld").or_insert_with(|| Value::Array(Vec::new()));
    Some(Value::Object(fields))
}

/// The path of a JSON time that names a leap second.
fn leap_second(message: &MessageDescriptor, value: &Value) -> Option<String> {
    let named = |(key, value): (&String, &Value)| {
        let field = message.get_field_by_json_name(key).or_else(|| message.get_field_by_name(key))?;
        let Kind::Message(inner) = field.kind() else { return None };
        let elements = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        elements.iter().enumerate().find_map(|(at, element)| {
            let place = if field.is_list() { format!("{}[{at}]", field.name()) } else { field.name().to_owned() };
            if inner.full_name() == TIME {
                return element.as_str().is_some_and(is_leap_second).then_some(place);
            }
            leap_second(&inner, element).map(|rest| format!("{place}.{rest}"))
        })
    };
    value.as_object()?.iter().find_map(named)
}

/// The path of a field that JSON gives under both of its names, such as `birthDate` and `birth_date`.
fn given_twice(message: &MessageDescriptor, value: &Value) -> Option<String> {
    let mut seen = HashSet::new();
    value.as_object()?.iter().find_map(|(key, value)| {
        let field = message.get_field_by_json_name(key).or_else(|| message.get_field_by_name(key))?;
        if !seen.insert(field.number()) {
            return Some(field.name().to_owned());
        }
        let Kind::Message(inner) = field.kind() else { return None };
        let elements = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        let further_in = elements.iter().find_map(|element| given_twice(&inner, element));
        further_in.map(|rest| format!("{}.{rest}", field.name()))
    })
}

fn example(message: &MessageDescriptor, depth: usize) -> Value {
    let mut fields = Map::new();
    let file = message.parent_file();
    for field in message.fields() {
        let mut comment = comment_on(file.file_descriptor_proto(), field.path());
        // Of a choice that must be made, the first is shown.
        let choice = field.containing_oneof().map(|one| comment_on(file.file_descriptor_proto(), one.path()));
        if choice.is_some_and(|choice| choice.contains("Required.")) && field.kind() == Kind::String {
            comment.insert_str(0, "Required. ");
        }
        // A missing request id is filled in.
        let is_mine = !comment.starts_with("Output only") && field.name() != "request_id";
        let is_first = field.containing_oneof().is_none_or(|one| one.fields().next().as_ref() == Some(&field));
        if is_mine && is_first && depth < DEPTH_MAX {
            fields.insert(field.json_name().to_owned(), value(&field, &comment, depth));
        }
    }
    Value::Object(fields)
}

/// A placeholder for a required field; an empty value for any other.
fn value(field: &FieldDescriptor, comment: &str, depth: usize) -> Value {
    let required = comment.contains("Required.") || comment.contains("Required,");
    let one = match field.kind() {
        Kind::Message(_) if !required && !field.is_list() => return Value::Null,
        // Earlier than any time that a case may have.
        Kind::Message(inner) if inner.full_name() == TIME => "0001-01-01T00:00:00Z".into(),
        Kind::Message(inner) => example(&inner, depth.saturating_add(1)),
        // UNSPECIFIED, which no required field accepts.
        Kind::Enum(words) => words.default_value().name().into(),
        Kind::String if required => placeholder(field, comment).into(),
        Kind::String | Kind::Bytes => "".into(),
        Kind::Bool => false.into(),
        Kind::Double
        | Kind::Float
        | Kind::Int32
        | Kind::Int64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Fixed32
        | Kind::Fixed64
        | Kind::Sfixed32
        | Kind::Sfixed64 => 0.into(),
    };
    if field.is_list() { Value::Array(if required { vec![one] } else { Vec::new() }) } else { one }
}

/// The form of a name or a date as the comment gives it, else the field's name in angle brackets.
fn placeholder(field: &FieldDescriptor, comment: &str) -> String {
    if comment.contains("YYYY-MM-DD") {
        return "YYYY-MM-DD".to_owned();
    }
    let start = ["jurisdictions/{", "agencies/{"].iter().filter_map(|start| comment.find(start)).min();
    let Some(form) = start.and_then(|start| comment.get(start..)) else {
        return format!("<{}>", field.name().replace('_', " "));
    };
    let mut inside = false;
    let is_form = |letter: &char| {
        inside = (inside || *letter == '{') && *letter != '}';
        inside || !matches!(letter, ' ' | '.' | ',' | ';' | ':')
    };
    form.chars().take_while(is_form).collect()
}

/// The comment on an element of a file, on one line.
fn comment_on(file: &FileDescriptorProto, path: &[i32]) -> String {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    let comment = locations.filter(|location| location.path == path).find_map(|at| at.leading_comments.as_deref());
    comment.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::{methods, v1};

    #[test]
    fn every_example_is_a_request_of_its_method() {
        for method in methods::all() {
            let example = method.example();
            assert!(method.request(&example.to_string()).is_ok(), "{method:?}: {example:#}");
        }
    }

    #[test]
    fn an_example_has_what_is_required_and_names_the_rest() {
        let check = |method: &str, expected: Value| {
            assert_eq!(methods::named(method).unwrap().example(), expected);
        };
        let page = json!({ "parent": "jurisdictions/{jurisdiction}", "pageSize": 0, "pageToken": "", "filter": "" });
        check("ListDetainers", page);
        check("GetCheckpoint", json!({ "log": "jurisdictions/{jurisdiction}/logs/{exchange or custody}" }));
        check("GetDetainer", json!({ "name": "jurisdictions/{jurisdiction}/detainers/{uuid}" }));
        check("Health/Check", json!({ "service": "" }));
        let lodging = methods::named("LodgeDetainer").unwrap().example();
        let detainer = lodging["detainer"].as_object().unwrap();
        assert_eq!(detainer["form"], "DETAINER_FORM_UNSPECIFIED");
        assert_eq!(detainer["subject"]["name"], json!({ "given": "", "family": "<family>" }));
        assert_eq!(detainer["warrant"], Value::Null);
        assert!(!detainer.contains_key("state"), "a caller does not set it");
    }

    #[test]
    fn requests_and_answers_go_both_ways() {
        let lodge = methods::named("LodgeDetainer").unwrap();
        let json = json!({ "parent": "jurisdictions/us-ny", "detainer": { "form": "DETAINER_FORM_I_247G" } });
        let request = v1::LodgeDetainerRequest::decode(lodge.request(&json.to_string()).unwrap().as_slice()).unwrap();
        assert_eq!(request.parent, "jurisdictions/us-ny");
        assert_eq!(request.detainer.unwrap().form(), v1::DetainerForm::I247g);

        let receipt = v1::Receipt { index: 7, leaf: vec![1, 2, 3], ..Default::default() };
        let answer = v1::LodgeDetainerResponse { receipt: Some(receipt), ..Default::default() };
        let shown = lodge.answer(&answer.encode_to_vec()).unwrap();
        assert_eq!(shown, json!({ "receipt": { "index": "7", "leaf": "AQID" } }));
        assert!(lodge.answer(&[0xff]).is_err());
    }

    #[test]
    fn what_is_no_request_is_refused_and_says_where() {
        let check = |json: &str, expected: &str| {
            let error = methods::named("LodgeDetainer").unwrap().request(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("{", "line 1 column 1");
        check("{} x", "trailing characters");
        check(r#"{"bail": 1}"#, "bail");
        check(r#"{"detainer": {"state": "LODGED"}}"#, "LODGED");
        check("[]", "comity.v1.LodgeDetainerRequest");
        let leap = r#"{"detainer": {"charges": [{}], "warrant": {"signedAt": "2016-12-31T23:59:60Z"}}}"#;
        check(leap, "detainer.warrant.signed_at must be a time with seconds up to 59");
        check(&leap.replace("signedAt", "signed_at").replace('Z', "+00:00"), "detainer.warrant.signed_at");
    }

    #[test]
    fn a_summary_is_the_first_sentence_of_the_contract() {
        let lodge = methods::named("LodgeDetainer").unwrap();
        assert_eq!(lodge.summary(), "Lodges a detainer");
    }
}
