//! What came back: the fields of a form, and the requests that are filled in in it. Whoever wrote the file is not trusted.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lopdf::{Dictionary, Document, LoadOptions, Object, decode_text_string};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::moment::moment;
use crate::paper::acroform::OFF;
use crate::paper::error::{FieldFault, PaperError};
use crate::paper::sections::{DETAINER_FIELD, Item, Kind, LAYOUT, LAYOUT_FIELD, SECTIONS, Section, VERSION_FIELD};

use crate::wire::parse::WriteRequest;
use crate::wire::{Violations, methods, v1};

/// The longest file that is read, in bytes. A form has some 60,000 with its font.
const FILE_LEN_MAX: usize = 4 << 20;
/// What a part of a file may unfold to.
const UNFOLDED_LEN_MAX: usize = 8 << 20;
/// Fields that are read. A form has some hundred.
const FIELDS_MAX: usize = 1_000;
/// How deep a field may stand in others.
const DEPTH_MAX: usize = 8;
/// The longest text in a field, in characters: of a reason.
const CHARS_MAX: usize = 1_000;

/// What is filled in in a form.
#[derive(Debug, Clone, PartialEq)]
pub struct Returned {
    /// The detainer.
    pub detainer: String,
    /// The version of the request that stood on the form.
    pub version: i32,
    /// What is filled in: the method and its request as JSON, in the order in which they are sent.
    pub requests: Vec<(&'static str, Value)>,
}

/// Reads a form that came back. `id_of` gives the request id that follows from a text: the same for the same text, so that a form that
/// is read again gives the same requests.
///
/// # Errors
/// It is no form of this program, nothing is filled in, or a field is not what the contract takes.
pub fn read(file: &[u8], id_of: impl Fn(&str) -> Uuid) -> Result<Returned, PaperError> {
    let filled = fields(file)?;
    let fixed = |name: &str| filled.get(name).map(String::as_str).unwrap_or_default();
    if fixed(LAYOUT_FIELD) != LAYOUT {
        return Err(PaperError::NotAForm("it is not in the layout of this program"));
    }
    let detainer = fixed(DETAINER_FIELD).to_owned();
    let version = fixed(VERSION_FIELD).parse().map_err(|_| PaperError::NotAForm("it has no version of the request"))?;
    let (mut requests, mut faults) = (Vec::new(), Vec::new());
    for section in SECTIONS {
        match request(section, &filled, &detainer) {
            Ok(None) => {}
            Ok(Some(mut request)) => {
                let said = format!("{}\n{version}\n{}", section.method, Value::Object(request.clone()));
                request.insert("requestId".to_owned(), Value::from(id_of(&said).to_string()));
                let request = Value::Object(request);
                faults.extend(faults_of(section, &request));
                requests.push((section.method, request));
            }
            Err(of_section) => faults.extend(of_section),
        }
    }
    match (faults.is_empty(), requests.is_empty()) {
        (false, _) => Err(PaperError::Fields(faults)),
        (true, true) => Err(PaperError::Empty),
        (true, false) => Ok(Returned { detainer, version, requests }),
    }
}

/// The request of a section, without its id. None: nothing is filled in.
fn request(
    section: &Section,
    filled: &BTreeMap<String, String>,
    detainer: &str,
) -> Result<Option<Map<String, Value>>, Vec<FieldFault>> {
    let (mut request, mut faults) = (Map::new(), Vec::new());
    for item in section.items {
        match value(item, filled, detainer) {
            Ok(Some(value)) => insert(&mut request, item.path, value),
            Ok(None) => {}
            Err(expected) => faults.push(fault(item, expected)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    if request.is_empty() {
        return Ok(None);
    }
    // A release is of a custody, which the form asks for.
    if section.method != "RecordRelease" {
        request.insert("name".to_owned(), Value::from(detainer));
    }
    request.insert("enteredFromPaper".to_owned(), Value::from(true));
    Ok(Some(request))
}

/// What is filled in.
fn value(item: &Item, filled: &BTreeMap<String, String>, detainer: &str) -> Result<Option<Value>, &'static str> {
    let text = filled.get(item.name).map(String::as_str).unwrap_or_default();
    if let Kind::Choice { prefix, words } = &item.kind {
        let is_ticked = |word: &&str| filled.contains_key(&format!("{}.{word}", item.name));
        let ticked: Vec<&str> = words().into_iter().filter(is_ticked).collect();
        return match ticked.as_slice() {
            [] => Ok(None),
            [word] => Ok(Some(Value::from(format!("{prefix}_{}", word.to_uppercase().replace('-', "_"))))),
            _ => Err("must have one box ticked and not several"),
        };
    }
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(match &item.kind {
        Kind::Text(_) => Value::from(text),
        Kind::Time => {
            moment(text).map_err(|_| "must be a time such as 2026-02-01T12:00:00Z, with seconds up to 59")?;
            Value::from(text)
        }
        Kind::Sha256 => {
            let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 32);
            Value::from(STANDARD.encode(bytes.ok_or("must be 64 hexadecimal digits")?))
        }
        Kind::Percent => {
            let number = text.parse::<u8>().ok().filter(|number| *number <= 100);
            Value::from(number.ok_or("must be a number from 0 to 100")?)
        }
        Kind::Check | Kind::Choice { .. } => Value::from(true),
        Kind::ThisDetainer => Value::from(detainer),
    }))
}

fn fault(item: &Item, expected: &str) -> FieldFault {
    FieldFault { field: item.name.to_owned(), expected: expected.to_owned() }
}

fn insert(request: &mut Map<String, Value>, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        request.insert((*first).to_owned(), value);
        return;
    }
    let inner = request.entry(*first).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}

/// What the gateway would say of a request's fields, in the names of the form.
fn faults_of(section: &Section, request: &Value) -> Vec<FieldFault> {
    let of_form = |field: &str| {
        let named = |item: &&Item| item.path.iter().map(|name| snake(name)).eq(field.split('.').map(str::to_owned));
        let item = section.items.iter().find(named);
        item.map_or_else(|| format!("{} ({field})", section.title), |item| item.name.to_owned())
    };
    let encoded = methods::named(section.method).ok().map(|method| method.request(&request.to_string()));
    let Some(Ok(bytes)) = encoded else {
        return vec![FieldFault {
            field: section.title.to_owned(),
            expected: "is no request of the contract".to_owned(),
        }];
    };
    let violations = violations(section.method, &bytes).into_iter();
    violations.map(|fault| FieldFault { field: of_form(&fault.field), expected: fault.description }).collect()
}

fn violations(method: &str, bytes: &[u8]) -> Violations {
    fn of<R: WriteRequest + crate::wire::Message + Default>(bytes: &[u8]) -> Violations {
        R::decode(bytes).map(|request| request.parse().err().unwrap_or_default()).unwrap_or_default()
    }
    match method {
        "AcknowledgeDetainer" => of::<v1::AcknowledgeDetainerRequest>(bytes),
        "AnswerDetainer" => of::<v1::AnswerDetainerRequest>(bytes),
        "RecordServiceOfCopy" => of::<v1::RecordServiceOfCopyRequest>(bytes),
        "RecordRelease" => of::<v1::RecordReleaseRequest>(bytes),
        _ => of::<v1::WithdrawDetainerRequest>(bytes),
    }
}

/// A JSON name as the contract spells it: `legalBasis`, `legal_basis`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The fields that are filled in, and with what; of a box that is ticked, that it is.
fn fields(file: &[u8]) -> Result<BTreeMap<String, String>, PaperError> {
    if file.len() > FILE_LEN_MAX {
        return Err(PaperError::TooLong { max: FILE_LEN_MAX });
    }
    let options = LoadOptions { max_decompressed_size: Some(UNFOLDED_LEN_MAX), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(file, options);
    let document = document.map_err(|_| PaperError::NotAForm("it is no PDF that can be read"))?;
    if document.was_encrypted() || document.is_encrypted() {
        return Err(PaperError::NotAForm("it is encrypted"));
    }
    let form =
        document.catalog().ok().and_then(|catalog| catalog.get_deref(b"AcroForm", &document).ok()?.as_dict().ok());
    let form = form.ok_or(PaperError::NotAForm("it has no fields"))?;
    let mut found = Found { document: &document, filled: BTreeMap::new(), seen: 0 };
    found.walk(form.get_deref(b"Fields", &document).ok(), "", 0)?;
    Ok(found.filled)
}

struct Found<'d> {
    document: &'d Document,
    filled: BTreeMap<String, String>,
    seen: usize,
}

impl Found<'_> {
    fn walk(&mut self, fields: Option<&Object>, above: &str, depth: usize) -> Result<(), PaperError> {
        let Some(fields) = fields.and_then(|fields| fields.as_array().ok()) else { return Ok(()) };
        for field in fields {
            self.seen = self.seen.saturating_add(1);
            if self.seen > FIELDS_MAX || depth > DEPTH_MAX {
                return Err(PaperError::NotAForm("it has more fields than a form"));
            }
            let Ok((_, Object::Dictionary(field))) = self.document.dereference(field) else { continue };
            let part = field.get_deref(b"T", self.document).ok().and_then(|part| decode_text_string(part).ok());
            let name = match part {
                Some(part) if above.is_empty() => part,
                // The names of the form have full stops in them: whoever rewrote it may have made them levels.
                Some(part) => format!("{above}.{part}"),
                None => above.to_owned(),
            };
            self.note(&name, field)?;
            let below = field.get_deref(b"Kids", self.document).ok();
            self.walk(below, &name, depth.saturating_add(1))?;
        }
        Ok(())
    }

    fn note(&mut self, name: &str, field: &Dictionary) -> Result<(), PaperError> {
        let Ok(value) = field.get_deref(b"V", self.document) else { return Ok(()) };
        let text = if let Object::Name(ticked) = value {
            if ticked.as_slice() == OFF.as_bytes() {
                return Ok(());
            }
            "true".to_owned()
        } else if matches!(value, Object::String(..)) {
            typed(name, value)?
        } else {
            return Ok(());
        };
        if !text.is_empty() {
            self.filled.insert(name.to_owned(), text);
        }
        Ok(())
    }
}

/// The text in a field, on one line: one of several lines has the line ends of whoever typed into it.
fn typed(name: &str, value: &Object) -> Result<String, PaperError> {
    let faulty = |expected: &str| {
        // Only names of the form are repeated: another may say anything.
        let field = if is_ours(name) { name } else { "a field" };
        PaperError::Fields(vec![FieldFault { field: field.to_owned(), expected: expected.to_owned() }])
    };
    let text = decode_text_string(value).map_err(|_| faulty("must be a text that can be read"))?;
    let text = text.replace("\r\n", " ").replace(['\r', '\n'], " ").trim().to_owned();
    if text.chars().count() > CHARS_MAX { Err(faulty("must be shorter")) } else { Ok(text) }
}

fn is_ours(name: &str) -> bool {
    let of_items = SECTIONS.iter().flat_map(|section| section.items).any(|item| item.name == name);
    of_items || [LAYOUT_FIELD, DETAINER_FIELD, VERSION_FIELD].contains(&name)
}
