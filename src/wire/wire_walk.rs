//! Walks encoded messages along the descriptor, to refuse unknown fields and to split a message by field class.
//!
//! Works on the bytes as they are, so that decoding loses and reorders nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::domain::determination::{FieldClass, FieldClasses};
use crate::wire::{DESCRIPTOR, enums};

/// Messages nested deeper are refused. The contract needs five levels.
const DEPTH_MAX: usize = 16;

/// Why bytes are not a message of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is not valid protobuf.
    #[error("the message is not valid protobuf")]
    Malformed,
    /// It has a field that this version of the contract lacks: nobody authorized it.
    #[error("the message has a field that this contract does not know")]
    UnknownField,
    /// It is nested too deep.
    #[error("the message is nested too deep")]
    TooDeep,
    /// It has a field without a class, which would be shown to everybody.
    #[error("the message has a field without a class")]
    Unclassed,
}

/// Refuses a message with unknown fields at any depth. Accepts any type that the contract does not define.
pub fn check(type_name: &str, bytes: &[u8]) -> Result<(), MessageError> {
    let shapes = shapes();
    shapes.by_name.get(type_name).map_or(Ok(()), |shape| shapes.check(*shape, bytes, 0))
}

/// Splits an encoded message into one encoded message for each class. Concatenated, they merge into the whole.
pub fn split(type_name: &str, bytes: &[u8]) -> Result<BTreeMap<FieldClass, Vec<u8>>, MessageError> {
    let shapes = shapes();
    let shape = shapes.by_name.get(type_name).ok_or(MessageError::UnknownField)?;
    Ok(shapes.split(*shape, bytes, 0)?.into_iter().collect())
}

/// The encoded messages of one type directly within an encoded event. Skips fields of a later version.
pub fn parts_of_event<'a>(bytes: &'a [u8], type_name: &str) -> Result<Vec<&'a [u8]>, MessageError> {
    let shapes = shapes();
    let of_type = shapes.by_name.get(type_name).ok_or(MessageError::UnknownField)?;
    let event = shapes.by_name.get("comity.v1.Event").ok_or(MessageError::UnknownField)?;
    let mut parts = Vec::new();
    for kind in Fields::of(bytes, 0)? {
        let kind = kind?;
        let Some(message) = shapes.field(*event, &kind).ok().and_then(|known| known.message) else { continue };
        for field in Fields::of(kind.content, 1)? {
            let field = field?;
            if shapes.field(message, &field).is_ok_and(|known| known.message == Some(*of_type)) {
                parts.push(field.content);
            }
        }
    }
    Ok(parts)
}

/// The classes of which an encoded message has content.
pub fn classes(type_name: &str, bytes: &[u8]) -> Result<FieldClasses, MessageError> {
    Ok(split(type_name, bytes)?.into_keys().collect())
}

/// The classes that the parts of an event can have, with a value or not: those of each message that is present in it.
pub fn possible_classes(type_name: &str, bytes: &[u8]) -> Result<FieldClasses, MessageError> {
    let shapes = shapes();
    let shape = shapes.by_name.get(type_name).ok_or(MessageError::UnknownField)?;
    let mut borne = FieldClasses::NONE;
    for event in Fields::of(bytes, 0)? {
        let event = event?;
        let Some(inner) = shapes.field(*shape, &event)?.message else { continue };
        for part in Fields::of(event.content, 1)? {
            let known = shapes.field(inner, &part?)?;
            if let (None, Some(message)) = (known.class, known.message) {
                borne = borne.union(shapes.reachable(message, 2)?);
            }
        }
    }
    Ok(borne)
}

/// What the descriptor says of one field.
#[derive(Debug)]
struct FieldShape {
    /// The shape of its message, if it is one.
    message: Option<usize>,
    /// The wire types that it may arrive in: plain, and packed for repeated numbers.
    wire_types: [Option<u8>; 2],
    class: Option<FieldClass>,
}

/// The fields of a message, each at its number: every message of every write is walked, and numbers are small.
type MessageShape = Vec<Option<FieldShape>>;

/// Few classes are in one message: a list is shorter to search than a map is to make.
type Parts = Vec<(FieldClass, Vec<u8>)>;

#[derive(Debug, Default)]
struct Shapes {
    by_name: HashMap<String, usize>,
    messages: Vec<MessageShape>,
}

fn shapes() -> &'static Shapes {
    static SHAPES: OnceLock<Shapes> = OnceLock::new();
    // Without a readable descriptor, no shape is known. The tests show that it is readable.
    SHAPES
        .get_or_init(|| DescriptorPool::decode(DESCRIPTOR).map_or_else(|_| Shapes::default(), |pool| Shapes::of(&pool)))
}

impl Shapes {
    fn of(pool: &DescriptorPool) -> Self {
        let messages: Vec<MessageDescriptor> = pool.all_messages().collect();
        let by_name: HashMap<String, usize> =
            messages.iter().enumerate().map(|(at, message)| (message.full_name().to_owned(), at)).collect();
        let class = pool.get_extension_by_name("comity.v1.field_class");
        let shape = |field: FieldDescriptor| {
            let kind = field.kind();
            let message = kind.as_message().and_then(|inner| by_name.get(inner.full_name()).copied());
            let plain = wire_type(&kind);
            let packed = (field.is_list() && plain != 2).then_some(2);
            let options = field.options();
            let class = class
                .as_ref()
                .and_then(|extension| options.get_extension(extension).as_enum_number())
                .and_then(enums::from_wire);
            (field.number(), FieldShape { message, wire_types: [Some(plain), packed], class })
        };
        let by_number = |message: &MessageDescriptor| {
            let mut fields = MessageShape::new();
            for (number, field) in message.fields().map(shape) {
                let at = usize::try_from(number).unwrap_or_default();
                fields.resize_with(fields.len().max(at.saturating_add(1)), || None);
                fields.splice(at..=at, [Some(field)]);
            }
            fields
        };
        let messages = messages.iter().map(by_number).collect();
        Self { by_name, messages }
    }

    fn check(&self, shape: usize, bytes: &[u8], depth: usize) -> Result<(), MessageError> {
        for field in Fields::of(bytes, depth)? {
            let field = field?;
            if let Some(inner) = self.field(shape, &field)?.message {
                self.check(inner, field.content, depth.saturating_add(1))?;
            }
        }
        Ok(())
    }

    fn split(&self, shape: usize, bytes: &[u8], depth: usize) -> Result<Parts, MessageError> {
        let mut parts = Parts::new();
        for field in Fields::of(bytes, depth)? {
            let field = field?;
            let known = self.field(shape, &field)?;
            if let Some(class) = known.class {
                add(&mut parts, class, |part| part.extend_from_slice(field.whole));
                continue;
            }
            let inner = known.message.ok_or(MessageError::Unclassed)?;
            for (class, content) in self.split(inner, field.content, depth.saturating_add(1))? {
                add(&mut parts, class, |part| {
                    prost::encoding::encode_varint(field.key, part);
                    prost::encoding::encode_varint(u64::try_from(content.len()).unwrap_or(u64::MAX), part);
                    part.extend_from_slice(&content);
                });
            }
        }
        Ok(parts)
    }

    /// Every class of a message and of the messages in it.
    fn reachable(&self, shape: usize, depth: usize) -> Result<FieldClasses, MessageError> {
        if depth > DEPTH_MAX {
            return Err(MessageError::TooDeep);
        }
        let mut classes = FieldClasses::NONE;
        for field in self.messages.get(shape).into_iter().flatten().flatten() {
            let below = match (field.class, field.message) {
                (Some(class), _) => [class].into_iter().collect(),
                (None, Some(message)) => self.reachable(message, depth.saturating_add(1))?,
                (None, None) => return Err(MessageError::Unclassed),
            };
            classes = classes.union(below);
        }
        Ok(classes)
    }

    fn field(&self, shape: usize, field: &Field<'_>) -> Result<&FieldShape, MessageError> {
        let at = usize::try_from(field.number).map_err(|_| MessageError::UnknownField)?;
        let known = self.messages.get(shape).and_then(|fields| fields.get(at)?.as_ref());
        let known = known.ok_or(MessageError::UnknownField)?;
        if known.wire_types.contains(&Some(field.wire_type)) { Ok(known) } else { Err(MessageError::Malformed) }
    }
}

/// Adds to the part of a class, which is begun if there is none.
fn add(parts: &mut Parts, class: FieldClass, write: impl FnOnce(&mut Vec<u8>)) {
    if let Some((_, part)) = parts.iter_mut().find(|(known, _)| *known == class) {
        return write(part);
    }
    let mut part = Vec::new();
    write(&mut part);
    parts.push((class, part));
}

fn wire_type(kind: &Kind) -> u8 {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 1,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 5,
        Kind::String | Kind::Bytes | Kind::Message(_) => 2,
        Kind::Int32
        | Kind::Int64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Bool
        | Kind::Enum(_) => 0,
    }
}

/// One field in the encoded bytes.
struct Field<'a> {
    key: u64,
    number: u32,
    wire_type: u8,
    /// Key and value.
    whole: &'a [u8],
    /// The value, without its length.
    content: &'a [u8],
}

/// The fields of a message, in order.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8], depth: usize) -> Result<Self, MessageError> {
        if depth > DEPTH_MAX { Err(MessageError::TooDeep) } else { Ok(Self { rest: bytes }) }
    }

    fn take(&mut self) -> Result<Field<'a>, MessageError> {
        let start = self.rest;
        let mut rest = start;
        let key = prost::encoding::decode_varint(&mut rest).map_err(|_| MessageError::Malformed)?;
        let number = u32::try_from(key >> 3).map_err(|_| MessageError::Malformed)?;
        let wire_type = u8::try_from(key & 7).map_err(|_| MessageError::Malformed)?;
        let len = match wire_type {
            0 => {
                let mut after = rest;
                prost::encoding::decode_varint(&mut after).map_err(|_| MessageError::Malformed)?;
                rest.len().saturating_sub(after.len())
            }
            1 => 8,
            2 => {
                let len = prost::encoding::decode_varint(&mut rest).map_err(|_| MessageError::Malformed)?;
                usize::try_from(len).map_err(|_| MessageError::Malformed)?
            }
            5 => 4,
            // proto3 has no groups.
            _ => return Err(MessageError::Malformed),
        };
        let (content, after) = rest.split_at_checked(len).ok_or(MessageError::Malformed)?;
        let whole = start.get(..start.len().saturating_sub(after.len())).ok_or(MessageError::Malformed)?;
        self.rest = after;
        Ok(Field { key, number, wire_type, whole, content })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, MessageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.take();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::wire::v1;

    /// Evidence and positions in it, which belong to no class: the content of an entry is classified by itself.
    const EVIDENCE: [&str; 11] = [
        "Receipt",
        "StagedReceipt",
        "Witnessed",
        "Leaf",
        "Opening",
        "Commitment",
        "Entry",
        "Withheld",
        "Delivery",
        "Heartbeat",
        "Backlog",
    ];

    #[test]
    fn every_field_that_a_requester_can_receive_has_exactly_one_class() {
        fn walk(message: &MessageDescriptor, above: Option<FieldClass>, path: &str, faults: &mut Vec<String>) {
            let pool = message.parent_pool();
            let extension = pool.get_extension_by_name("comity.v1.field_class").unwrap();
            for field in message.fields() {
                let path = format!("{path}.{}", field.name());
                let options = field.options();
                let own = options.get_extension(&extension).as_enum_number().and_then(enums::from_wire);
                let class = match (own, above) {
                    (Some(own), Some(above)) if own != above => {
                        faults.push(format!("{path} is of two classes"));
                        continue;
                    }
                    (own, above) => own.or(above),
                };
                let kind = field.kind();
                let inner = kind.as_message().filter(|inner| inner.full_name().starts_with("comity."));
                match (class, inner) {
                    (_, Some(inner)) if EVIDENCE.contains(&inner.name()) => {}
                    (_, Some(inner)) => walk(inner, class, &path, faults),
                    (Some(_), None) => {}
                    (None, None) => faults.push(path),
                }
            }
        }
        let pool = DescriptorPool::decode(DESCRIPTOR).unwrap();
        let extension = pool.get_extension_by_name("comity.v1.field_class").unwrap();
        let mut faults = Vec::new();
        walk(&pool.get_message_by_name("comity.v1.Event").unwrap(), None, "Event", &mut faults);
        for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let answer = method.output();
            // Otherwise an answer has only positions, proofs and page tokens.
            for field in answer.fields() {
                let Some(held) = field.kind().as_message().cloned() else { continue };
                if held.full_name().starts_with("comity.") && !EVIDENCE.contains(&held.name()) {
                    let options = field.options();
                    let own = options.get_extension(&extension).as_enum_number().and_then(enums::from_wire);
                    walk(&held, own, held.name(), &mut faults);
                }
            }
        }
        faults.sort_unstable();
        faults.dedup();
        assert_eq!(faults, Vec::<String>::new());
    }

    #[test]
    fn unknown_and_malformed_fields_are_refused() {
        fn check_bytes(bytes: &[u8], expected: Result<(), MessageError>) {
            assert_eq!(check("comity.v1.LodgeDetainerRequest", bytes), expected, "{bytes:02x?}");
        }
        let good = v1::LodgeDetainerRequest {
            parent: "jurisdictions/us-ny".to_owned(),
            detainer: Some(v1::Detainer { basis: vec![1, 2], ..Default::default() }),
            request_id: String::new(),
        }
        .encode_to_vec();
        check_bytes(&good, Ok(()));
        check_bytes(&[good.as_slice(), &[0x7a, 0x00]].concat(), Err(MessageError::UnknownField));
        // detainer { 99: 1 }
        check_bytes(&[0x12, 0x03, 0x98, 0x06, 0x01], Err(MessageError::UnknownField));
        // parent as a number
        check_bytes(&[0x08, 0x01], Err(MessageError::Malformed));
        // a length beyond the end, a group, an overlong varint
        check_bytes(&[0x0a, 0x05, b'a'], Err(MessageError::Malformed));
        check_bytes(&[0x0b], Err(MessageError::Malformed));
        check_bytes(&[0xff; 11], Err(MessageError::Malformed));
    }
}
