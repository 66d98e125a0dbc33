//! The contract as data: its methods, and messages of it made field by field, so that a new field is met by itself.

use std::sync::LazyLock;

use comity::wire::DESCRIPTOR;
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, Value,
};

pub(crate) static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| DescriptorPool::decode(DESCRIPTOR).unwrap());

const TIME: &str = "google.protobuf.Timestamp";
/// A list is filled with so many.
const LIST_LEN: usize = 2;

/// Every method of the contract.
pub(crate) fn methods() -> Vec<MethodDescriptor> {
    POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

/// As `Service/Method`.
pub(crate) fn name(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().name(), method.name())
}

/// As it stands in a call.
pub(crate) fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

pub(crate) fn method(name_wanted: &str) -> MethodDescriptor {
    methods().into_iter().find(|method| name(method) == name_wanted).unwrap()
}

/// Every write carries a request id, and nothing else does.
pub(crate) fn is_write(method: &MethodDescriptor) -> bool {
    method.input().get_field_by_name("request_id").is_some()
}

/// A field in its place in a request.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// As an error names it: `detainer.subject.aliases[0].family`.
    pub(crate) path: String,
    pub(crate) field: FieldDescriptor,
    /// Its own or that of the field above it: `FIELD_CLASS_IDENTITY`. None in the envelope of a request.
    pub(crate) class: Option<String>,
    /// The contract says of it, or of the message that it is in, that only the gateway fills it in.
    pub(crate) output_only: bool,
}

impl Place {
    /// `detainer.subject.aliases.family`.
    pub(crate) fn plain(&self) -> String {
        self.path.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect()
    }

    /// What the field names, if it holds a name.
    pub(crate) fn collection(&self) -> Option<String> {
        collection(&self.field)
    }

    pub(crate) fn holds(&self) -> Holds {
        match self.field.kind() {
            Kind::Bool => Holds::Flag,
            Kind::Enum(kind) => Holds::Word(kind),
            Kind::Int32 => Holds::Int32,
            Kind::Int64 => Holds::Int64,
            Kind::String => Holds::Text,
            Kind::Bytes => Holds::Bytes,
            Kind::Message(message) if message.full_name() == TIME => Holds::Time,
            Kind::Message(message) => Holds::Message(message),
            other @ (Kind::Double
            | Kind::Float
            | Kind::Uint32
            | Kind::Uint64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Fixed32
            | Kind::Fixed64
            | Kind::Sfixed32
            | Kind::Sfixed64) => panic!("{} is of kind {other:?}, which no request had so far", self.path),
        }
    }
}

/// What a field of a request holds, or each element of it.
#[derive(Debug, Clone)]
pub(crate) enum Holds {
    Flag,
    Word(EnumDescriptor),
    Int32,
    Int64,
    Text,
    Bytes,
    Time,
    Message(MessageDescriptor),
}

/// A message of the contract with a value of `choose`'s in each field that holds one. Lists hold two, of a oneof the
/// first is filled, and what `choose` gives no value for stays empty.
pub(crate) fn fill(message: &MessageDescriptor, choose: &mut dyn FnMut(&Place) -> Option<Value>) -> DynamicMessage {
    fill_in(message, "", None, false, choose)
}

fn fill_in(
    message: &MessageDescriptor,
    above: &str,
    class: Option<&str>,
    output_only: bool,
    choose: &mut dyn FnMut(&Place) -> Option<Value>,
) -> DynamicMessage {
    let mut filled = DynamicMessage::new(message.clone());
    for field in message.fields() {
        if field.containing_oneof().is_some_and(|one| one.fields().next() != Some(field.clone())) {
            continue;
        }
        let list = field.cardinality() == Cardinality::Repeated;
        let mut values = Vec::new();
        for at in 0..if list { LIST_LEN } else { 1 } {
            let index = if list { format!("[{at}]") } else { String::new() };
            let place = Place {
                path: format!("{above}{}{index}", field.name()),
                field: field.clone(),
                class: class_of(&field).or_else(|| class.map(str::to_owned)),
                output_only: output_only || is_output_only(&field),
            };
            values.extend(value_at(&place, choose));
        }
        match (list, values.pop()) {
            (_, None) => {}
            (false, Some(value)) => filled.set_field(&field, value),
            (true, Some(value)) => filled.set_field(&field, Value::List(values.into_iter().chain([value]).collect())),
        }
    }
    filled
}

fn value_at(place: &Place, choose: &mut dyn FnMut(&Place) -> Option<Value>) -> Option<Value> {
    match place.holds() {
        Holds::Message(inner) => {
            let above = format!("{}.", place.path);
            let filled = fill_in(&inner, &above, place.class.as_deref(), place.output_only, choose);
            let empty = filled.fields().next().is_none();
            (!empty).then_some(Value::Message(filled))
        }
        Holds::Flag | Holds::Word(_) | Holds::Int32 | Holds::Int64 | Holds::Text | Holds::Bytes | Holds::Time => {
            choose(place)
        }
    }
}

/// A time, as a value.
pub(crate) fn time(seconds: i64, nanos: i32) -> Value {
    let mut time = DynamicMessage::new(POOL.get_message_by_name(TIME).unwrap());
    time.set_field_by_name("seconds", Value::I64(seconds));
    time.set_field_by_name("nanos", Value::I32(nanos));
    Value::Message(time)
}

/// The class that a field names itself.
fn class_of(field: &FieldDescriptor) -> Option<String> {
    let extension = POOL.get_extension_by_name("comity.v1.field_class").unwrap();
    let options = field.options();
    let number = options.has_extension(&extension).then(|| options.get_extension(&extension).as_enum_number())??;
    Some(POOL.get_enum_by_name("comity.v1.FieldClass")?.get_value(number)?.name().to_owned())
}

/// What a field names, if it holds a name, as the contract says: `detainers` of
/// `jurisdictions/{jurisdiction}/detainers/{uuid}`.
pub(crate) fn collection(field: &FieldDescriptor) -> Option<String> {
    let comment = comment(field);
    let pattern = comment.get(comment.find("jurisdictions/")?..)?;
    pattern.split('/').step_by(2).last().map(str::to_owned)
}

/// Its comment begins so, too.
pub(crate) fn is_required(field: &FieldDescriptor) -> bool {
    comment(field).starts_with("Required.")
}

/// Its comment begins so; the contract has no other mark of it.
fn is_output_only(field: &FieldDescriptor) -> bool {
    comment(field).starts_with("Output only.")
}

/// What the contract says of a field.
pub(crate) fn comment(field: &FieldDescriptor) -> String {
    let file = field.parent_message().parent_file();
    let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
    let location = info.location.into_iter().find(|location| location.path == field.path());
    location.map(|location| location.leading_comments().trim_start().to_owned()).unwrap_or_default()
}

/// Sets the field at a path: `detainer.warrant.kind`. A list is set as a whole.
pub(crate) fn set(message: &mut DynamicMessage, path: &str, value: Value) {
    match path.split_once('.') {
        None => message.set_field_by_name(path, value),
        Some((first, rest)) => {
            let inner = message.get_field_by_name_mut(first).and_then(Value::as_message_mut);
            set(inner.unwrap_or_else(|| panic!("no message {first}")), rest, value);
        }
    }
}

#[test]
fn classes_and_marks_are_read_off_the_contract() {
    let (mut seen, mut named) = (std::collections::BTreeMap::new(), std::collections::BTreeSet::new());
    for method in methods().iter().filter(|method| is_write(method)) {
        fill(&method.input(), &mut |place: &Place| {
            named.extend(place.collection());
            seen.insert(place.plain(), (place.class.clone(), place.output_only));
            Some(Value::default_value(&place.field.kind()))
        });
    }
    let check = |path: &str, class: Option<&str>, output_only| {
        assert_eq!(seen[path], (class.map(str::to_owned), output_only), "{path}");
    };
    check("request_id", None, false);
    check("detainer.name", Some("FIELD_CLASS_COUNT"), true);
    check("detainer.subject.aliases.family", Some("FIELD_CLASS_IDENTITY"), false);
    check("detainer.subject.identifiers.din", Some("FIELD_CLASS_IDENTIFIERS"), false);
    check("detainer.warrant.signed_at", Some("FIELD_CLASS_REQUEST"), false);
    check("detainer.answer.reason", Some("FIELD_CLASS_RESTRICTED"), true);
    check("answer.reason", Some("FIELD_CLASS_RESTRICTED"), false);
    check("custody.charges.sentence_days", Some("FIELD_CLASS_CHARGES"), false);
    check("release.expected_at", Some("FIELD_CLASS_RELEASE_DATE"), false);
    assert_eq!(
        named.into_iter().collect::<Vec<_>>(),
        ["appeals", "custodies", "detainers", "entries", "jurisdictions", "obligations", "reviews", "transfers"]
    );
}
