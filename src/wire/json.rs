//! Requests and answers of any method as JSON, by the descriptor (the JSON mapping of proto3).

use prost::Message as _;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use crate::wire::methods::Method;

/// Examples nested deeper leave out what is there; the contract needs five.
const DEPTH_MAX: usize = 8;

/// Text is no request of a method, or bytes are no answer of it.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, a field that the contract does not know, or a value that the field does not take.
    #[error("not a {message}: {why}")]
    Request {
        /// What it should have been.
        message: String,
        /// Why it is not, and where.
        why: serde_json::Error,
    },
    /// The gateway answered with something else.
    #[error("the answer is not a {0}")]
    Answer(String),
}

impl Method {
    /// Encodes a request that is written as JSON. Unknown fields are refused.
    pub fn request(&self, json: &str) -> Result<Vec<u8>, JsonError> {
        let descriptor = self.descriptor.input();
        let failed = |why| JsonError::Request { message: self.descriptor.input().full_name().to_owned(), why };
        let mut text = serde_json::Deserializer::from_str(json);
        let message = DynamicMessage::deserialize(descriptor, &mut text).map_err(failed)?;
        text.end().map_err(failed)?;
        Ok(message.encode_to_vec())
    }

    /// Shows an encoded answer as JSON.
    pub fn answer(&self, bytes: &[u8]) -> Result<Value, JsonError> {
        let descriptor = self.descriptor.output();
        let failed = || JsonError::Answer(self.descriptor.output().full_name().to_owned());
        let message = DynamicMessage::decode(descriptor, bytes).map_err(|_| failed())?;
        serde_json::to_value(&message).map_err(|_| failed())
    }

    /// A request to start from: every field that a caller may set, and a value in those that are required.
    pub fn example(&self) -> Value {
        example(&self.descriptor.input(), 0)
    }

    /// What the contract says of it, in its first sentence.
    pub fn summary(&self) -> String {
        let file = self.descriptor.parent_service().parent_file();
        let comment = comment(file.file_descriptor_proto(), self.descriptor.path());
        let (sentence, _) = comment.split_once(". ").unwrap_or((comment.trim_end_matches('.'), ""));
        sentence.to_owned()
    }
}

fn example(message: &MessageDescriptor, depth: usize) -> Value {
    let mut fields = Map::new();
    for field in message.fields() {
        let comment = comment(message.parent_file().file_descriptor_proto(), field.path());
        // A request id is filled in where there is none.
        let is_mine = !comment.starts_with("Output only") && field.name() != "request_id";
        let is_first = field.containing_oneof().is_none_or(|one| one.fields().next().as_ref() == Some(&field));
        if is_mine && is_first && depth < DEPTH_MAX {
            fields.insert(field.json_name().to_owned(), value(&field, &comment, depth));
        }
    }
    Value::Object(fields)
}

/// What a required field may hold; for any other, what says nothing.
fn value(field: &FieldDescriptor, comment: &str, depth: usize) -> Value {
    let required = comment.contains("Required.") || comment.contains("Required,");
    let one = match field.kind() {
        Kind::Message(_) if !required && !field.is_list() => return Value::Null,
        Kind::Message(inner) if inner.full_name() == "google.protobuf.Timestamp" => "2026-01-02T03:04:05Z".into(),
        Kind::Message(inner) => example(&inner, depth.saturating_add(1)),
        Kind::Enum(words) => {
            let word = words.values().nth(usize::from(required)).unwrap_or_else(|| words.default_value());
            word.name().into()
        }
        Kind::String if required => text(field, comment).into(),
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

/// A name or a date of the form that the comment gives; else the field's own name.
fn text(field: &FieldDescriptor, comment: &str) -> String {
    if comment.contains("YYYY-MM-DD") {
        return "1980-02-03".to_owned();
    }
    let pattern = ["jurisdictions/", "agencies/"].iter().filter_map(|start| comment.find(start)).min();
    let Some(pattern) = pattern.and_then(|start| comment.get(start..)) else {
        return field.name().replace('_', " ");
    };
    let mut name = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((variable, after)) = after.split_once('}') else { break };
        name.push_str(before);
        name.push_str(match variable {
            "jurisdiction" => "us-ny",
            "agency" => "us-ny-doccs",
            "index" => "0",
            variable if variable.contains("exchange") || variable == "log" => "exchange",
            _ => "01900000-0000-7000-8000-000000000000",
        });
        rest = after;
        if !rest.starts_with('/') {
            break;
        }
    }
    name
}

/// What is written above an element of a file, on one line.
fn comment(file: &FileDescriptorProto, path: &[i32]) -> String {
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
        check("ListDetainers", json!({ "parent": "jurisdictions/us-ny", "pageSize": 0, "pageToken": "" }));
        check("GetCheckpoint", json!({ "log": "jurisdictions/us-ny/logs/exchange" }));
        check("GetEntry", json!({ "name": "jurisdictions/us-ny/logs/exchange/entries/0" }));
        check("Health/Check", json!({ "service": "" }));
        let lodging = methods::named("LodgeDetainer").unwrap().example();
        let detainer = lodging["detainer"].as_object().unwrap();
        assert_eq!(detainer["form"], "DETAINER_FORM_I_247A");
        assert_eq!(detainer["subject"]["name"], json!({ "given": "", "family": "family" }));
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
    }

    #[test]
    fn a_summary_is_the_first_sentence_of_the_contract() {
        let lodge = methods::named("LodgeDetainer").unwrap();
        assert_eq!(lodge.summary(), "Lodges a detainer");
    }
}
