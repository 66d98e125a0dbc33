//! Protobuf changed as protobuf: fields moved, doubled, dropped, renumbered, wrapped and borrowed; lengths that lie;
//! numbers at limits, and written in more bytes than they need.

use fastrand::Rng;

use crate::mutate::{change_bytes, place};

/// Messages within messages that are followed, and that are made.
const DEPTH_MAX: usize = 8;
/// Deep enough for any stack to feel it.
const WRAPS: [usize; 4] = [1, 15, 17, 600];

const LIMITS: [u64; 12] = [
    0,
    1,
    2,
    99,
    1_000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_8000_0000,
    u64::MAX,
];

/// A field as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) number: u64,
    pub(crate) value: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Varint(u64),
    Eight([u8; 8]),
    Four([u8; 4]),
    Bytes(Vec<u8>),
    /// As it is to be written, key and all.
    Raw(Vec<u8>),
}

/// The fields of a message. `None`: these bytes are none.
pub(crate) fn read(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = read_varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Content::Varint(read_varint(&mut bytes)?),
            1 => Content::Eight(take(&mut bytes, 8)?.try_into().ok()?),
            2 => {
                let len = usize::try_from(read_varint(&mut bytes)?).ok()?;
                Content::Bytes(take(&mut bytes, len)?.to_vec())
            }
            5 => Content::Four(take(&mut bytes, 4)?.try_into().ok()?),
            _ => return None,
        };
        fields.push(Field { number: key >> 3, value });
    }
    Some(fields)
}

pub(crate) fn write(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Field { number, value } in fields {
        let mut key = |wire_type| bytes.extend(varint(number << 3 | wire_type));
        match value {
            Content::Varint(number) => {
                key(0);
                bytes.extend(varint(*number));
            }
            Content::Eight(content) => {
                key(1);
                bytes.extend_from_slice(content);
            }
            Content::Four(content) => {
                key(5);
                bytes.extend_from_slice(content);
            }
            Content::Bytes(content) => {
                key(2);
                bytes.extend(varint(content.len().try_into().unwrap()));
                bytes.extend_from_slice(content);
            }
            Content::Raw(raw) => bytes.extend_from_slice(raw),
        }
    }
    bytes
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

pub(crate) fn varint(number: u64) -> Vec<u8> {
    stretched_varint(number, 0)
}

/// With so many bytes more than it needs, which is allowed up to ten in all.
fn stretched_varint(mut number: u64, more: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    for _ in 0..more {
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.push(0);
    }
    bytes
}

/// Changes a message at any depth. What is no message is changed as bytes.
pub(crate) fn mutate(random: &mut Rng, bytes: &[u8], other: &[u8], words: &[&[u8]]) -> Vec<u8> {
    mutate_at(random, bytes, other, words, DEPTH_MAX)
}

fn mutate_at(random: &mut Rng, bytes: &[u8], other: &[u8], words: &[&[u8]], depth: usize) -> Vec<u8> {
    let Some(mut fields) = read(bytes).filter(|fields| !fields.is_empty()) else {
        return change_bytes(random, bytes.to_vec(), other, words);
    };
    let at = place(random, fields.len());
    if let Content::Bytes(content) = &fields[at].value {
        // Most of a request is below its first level.
        if depth > 0 && random.u8(..3) > 0 {
            fields[at].value = Content::Bytes(mutate_at(random, content, other, words, depth - 1));
            return write(&fields);
        }
    }
    change_fields(random, &mut fields, at, other, words);
    write(&fields)
}

fn change_fields(random: &mut Rng, fields: &mut Vec<Field>, at: usize, other: &[u8], words: &[&[u8]]) {
    let to = place(random, fields.len());
    match random.u8(..13) {
        0 => drop(fields.remove(at)),
        1 => fields.insert(to, fields[at].clone()),
        2 => fields.swap(at, to),
        3 => fields[at].number = random.u64(..20),
        4 => fields[at].number = random.choice([0, 15, 16, 19_000, 536_870_911, 536_870_912, 1 << 60]).unwrap(),
        5 => (fields[at].value, fields[to].value) = (fields[to].value.clone(), fields[at].value.clone()),
        6 => fields[at].value = Content::Varint(random.choice(LIMITS).unwrap()),
        7 => fields[at].value = Content::Bytes(random.choice(words).copied().unwrap_or_default().to_vec()),
        8 => fields[at] = lying(random, &fields[at]),
        9 => fields[at] = stretched(random, &fields[at]),
        10 => fields[at].value = Content::Bytes(wrapped(random, &fields[at])),
        11 => {
            let theirs = read(other).unwrap_or_default();
            fields.extend(random.choice(&theirs).cloned());
        }
        _ => fields[at].value = random.choice([Content::Eight([0xff; 8]), Content::Four([0xff; 4])]).unwrap(),
    }
}

/// A length that is not that of the content, or a group.
fn lying(random: &mut Rng, field: &Field) -> Field {
    let content = if let Content::Bytes(content) = &field.value { content.clone() } else { b"lie".to_vec() };
    let len = u64::try_from(content.len()).unwrap();
    let told = random.choice([len + 1, len.saturating_sub(1), 0, 0x7fff_ffff, u64::MAX, 1 << 32]).unwrap();
    let wire_type = random.choice([2, 2, 2, 3, 4, 6, 7]).unwrap();
    raw(field.number, [varint(field.number << 3 | wire_type), varint(told), content].concat())
}

/// The same in more bytes: what decodes it must come to the same.
fn stretched(random: &mut Rng, field: &Field) -> Field {
    let (more, more_yet) = (random.usize(..5), random.usize(..6));
    let bytes = match &field.value {
        Content::Varint(number) => {
            [stretched_varint(field.number << 3, more), stretched_varint(*number, more_yet)].concat()
        }
        Content::Bytes(content) => {
            let len = u64::try_from(content.len()).unwrap();
            [stretched_varint(field.number << 3 | 2, more), stretched_varint(len, more_yet), content.clone()].concat()
        }
        Content::Eight(_) | Content::Four(_) | Content::Raw(_) => return field.clone(),
    };
    raw(field.number, bytes)
}

/// In itself, many times over.
fn wrapped(random: &mut Rng, field: &Field) -> Vec<u8> {
    let number = field.number;
    let mut bytes = write(std::slice::from_ref(field));
    for _ in 0..random.choice(WRAPS).unwrap() {
        bytes = write(&[Field { number, value: Content::Bytes(bytes) }]);
    }
    bytes
}

fn raw(number: u64, bytes: Vec<u8>) -> Field {
    Field { number, value: Content::Raw(bytes) }
}

#[test]
fn fields_are_written_as_they_were_read() {
    for bytes in [&b"\x0a\x03abc\x10\x96\x01\x19\x01\x02\x03\x04\x05\x06\x07\x08\x25\x01\x02\x03\x04"[..], b""] {
        assert_eq!(write(&read(bytes).unwrap()), bytes);
    }
    for none in [&b"\x0a\x05abc"[..], b"\x0b", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x19\x01"] {
        assert_eq!(read(none), None);
    }
    assert_eq!(stretched_varint(150, 2), [0x96, 0x81, 0x80, 0x00]);
    assert_eq!(read_varint(&mut &stretched_varint(150, 2)[..]), Some(150));
}
