//! An entry's canonical bytes: the leaf, and the contents that its commitments open to.
//!
//! The leaf is encoded once and stored; hashes are always over the stored bytes, never a re-encoding.

use jiff::Timestamp;
use prost::Message as _;
use prost::encoding::{self, WireType};

use crate::domain::detainer::AnswerKind;
use crate::domain::determination::{FieldClass, FieldClasses, Withheld};
use crate::domain::ids::{AgencyId, LogName, OfficerPseudonym};
use crate::wire::enums::{from_wire, to_wire};
use crate::wire::show::{agency_name, timestamp, wire_position, withheld};
use crate::wire::wire_walk::{self, MessageError};
use crate::wire::{Timestamp as WireTime, v1};

/// Version of the leaf's layout.
const LEAF_VERSION: i32 = 1;

/// Who did what to which resource when, under which policy.
#[derive(Debug)]
pub struct Header<'a> {
    /// Position in the log.
    pub index: u64,
    /// By our clock.
    pub recorded_at: Timestamp,
    /// Who acted.
    pub agency: &'a AgencyId,
    /// Which officer or system of theirs.
    pub officer: &'a OfficerPseudonym,
    /// `DetainerService/LodgeDetainer`.
    pub method: &'a str,
    /// What it is about.
    pub resource: &'a str,
    /// The policy set that was asked, where one was.
    pub policy_digest: Option<[u8; 32]>,
    /// So that the leaf cannot be guessed from what is known of it.
    pub blinding: [u8; 32],
}

/// The content of one class, with the salt that hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    /// The class.
    pub class: FieldClass,
    /// 32 random bytes.
    pub salt: [u8; 32],
    /// An encoded `Event` with only the fields of the class.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opening({})", self.class.word())
    }
}

/// Why stored bytes are not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not a leaf of a known version.
    #[error("the leaf is not of a known layout")]
    Leaf,
    /// Not a list of openings.
    #[error("the openings are not of a known layout")]
    Openings,
}

/// Classes that every entry commits to, with content or without: whether an officer gave a reason, or a safeguard
/// stands, must not be read off which commitments there are.
const ALWAYS_COMMITTED: [FieldClass; 3] = [FieldClass::Safeguard, FieldClass::Restricted, FieldClass::Determination];

/// The contents of an event, class by class.
pub fn contents(event: &v1::Event) -> Result<Vec<(FieldClass, Vec<u8>)>, MessageError> {
    let encoded = event.encode_to_vec();
    let mut parts = wire_walk::split("comity.v1.Event", &encoded)?;
    let borne = match &event.event {
        // Whole resources, of which each reader is shown everything.
        Some(
            v1::event::Event::DetainerLodged(_)
            | v1::event::Event::DetainerAmended(_)
            | v1::event::Event::CustodyOpened(_),
        )
        | None => FieldClasses::NONE,
        // Whether a custodian knows of a place, a number or an address must not be read off which commitments there are.
        Some(_) => wire_walk::possible_classes("comity.v1.Event", &encoded)?,
    };
    // In which of these an answer to an appeal stands would tell what it says.
    let by_gist: &[FieldClass] = match &event.event {
        Some(v1::event::Event::AppealAnswered(_)) => {
            &[FieldClass::Answer, FieldClass::Custody, FieldClass::ReleaseDate]
        }
        Some(_) | None => &[],
    };
    for class in ALWAYS_COMMITTED.into_iter().chain(borne.iter()).chain(by_gist.iter().copied()) {
        parts.entry(class).or_default();
    }
    Ok(parts.into_iter().collect())
}

/// The leaf's bytes.
pub fn leaf(header: &Header<'_>, commitments: impl IntoIterator<Item = (FieldClass, [u8; 32])>) -> Vec<u8> {
    // Field by field, as a `v1::Leaf` encodes: to make one first costs a text or a list for each of two dozen fields.
    let mut leaf = Vec::with_capacity(LEAF_LEN_USUAL);
    encoding::int32::encode(1, &LEAF_VERSION, &mut leaf);
    if header.index > 0 {
        encoding::int64::encode(2, &wire_position(header.index), &mut leaf);
    }
    encoding::message::encode(3, &timestamp(header.recorded_at), &mut leaf);
    put(4, agency_name(header.agency).as_bytes(), &mut leaf);
    put(5, header.officer.as_str().as_bytes(), &mut leaf);
    put(6, header.method.as_bytes(), &mut leaf);
    put(7, header.resource.as_bytes(), &mut leaf);
    put(8, header.policy_digest.as_ref().map_or(&[], <[u8; 32]>::as_slice), &mut leaf);
    put(9, &header.blinding, &mut leaf);
    for (class, hash) in commitments {
        let class: i32 = to_wire(class);
        let len = encoding::int32::encoded_len(1, &class).saturating_add(len_of(2, &hash));
        begin(10, len, &mut leaf);
        encoding::int32::encode(1, &class, &mut leaf);
        put(2, &hash, &mut leaf);
    }
    leaf
}

/// Bytes of a leaf with as many commitments as most have.
const LEAF_LEN_USUAL: usize = 640;

/// A field of bytes or text. An empty one is left out, as protobuf does.
fn put(field: u32, bytes: &[u8], to: &mut Vec<u8>) {
    if !bytes.is_empty() {
        begin(field, bytes.len(), to);
        to.extend_from_slice(bytes);
    }
}

/// Key and length of a field, before its bytes.
fn begin(field: u32, len: usize, to: &mut Vec<u8>) {
    encoding::encode_key(field, WireType::LengthDelimited, to);
    encoding::encode_varint(u64::try_from(len).unwrap_or(u64::MAX), to);
}

/// How many bytes a field of so many bytes takes.
fn len_of(field: u32, bytes: &[u8]) -> usize {
    let len = bytes.len();
    if len == 0 {
        return 0;
    }
    let prefix = encoding::encoded_len_varint(u64::try_from(len).unwrap_or(u64::MAX));
    encoding::key_len(field).saturating_add(prefix).saturating_add(len)
}

/// What a reader of stored bytes needs of a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadLeaf {
    /// Position in the log.
    pub index: u64,
    /// By our clock.
    pub recorded_at: Timestamp,
    /// Who acted: `agencies/us-ice`.
    pub agency: String,
    /// What it is about.
    pub resource: String,
    /// The method that caused it.
    pub method: String,
    /// The policy set that was asked, where one was.
    pub policy_digest: Option<[u8; 32]>,
    /// One for each class with content.
    pub commitments: Vec<(FieldClass, [u8; 32])>,
}

/// Reads a leaf.
pub fn read_leaf(bytes: &[u8]) -> Result<ReadLeaf, EntryError> {
    let leaf = v1::Leaf::decode(bytes).map_err(|_| EntryError::Leaf)?;
    if leaf.version != LEAF_VERSION {
        return Err(EntryError::Leaf);
    }
    let WireTime { seconds, nanos } = leaf.recorded_at.ok_or(EntryError::Leaf)?;
    let commitment = |commitment: v1::Commitment| {
        let class = from_wire(commitment.field_class).ok_or(EntryError::Leaf)?;
        Ok((class, commitment.hash.try_into().map_err(|_| EntryError::Leaf)?))
    };
    Ok(ReadLeaf {
        index: u64::try_from(leaf.index).map_err(|_| EntryError::Leaf)?,
        recorded_at: Timestamp::new(seconds, nanos).map_err(|_| EntryError::Leaf)?,
        agency: leaf.agency,
        resource: leaf.resource,
        method: leaf.method,
        policy_digest: match leaf.policy_digest.as_slice() {
            [] => None,
            digest => Some(digest.try_into().map_err(|_| EntryError::Leaf)?),
        },
        commitments: leaf.commitments.into_iter().map(commitment).collect::<Result<_, _>>()?,
    })
}

/// Openings as stored: as a `v1::Entry` with nothing else encodes, so that there is one layout fewer.
pub fn write_openings<'a>(openings: impl IntoIterator<Item = &'a Opening>) -> Vec<u8> {
    let mut written = Vec::new();
    for Opening { class, salt, content } in openings {
        let class: i32 = to_wire(*class);
        let len = encoding::int32::encoded_len(1, &class).saturating_add(len_of(2, salt));
        begin(3, len.saturating_add(len_of(3, content)), &mut written);
        encoding::int32::encode(1, &class, &mut written);
        put(2, salt, &mut written);
        put(3, content, &mut written);
    }
    written
}

/// Openings as read back.
pub fn read_openings(bytes: &[u8]) -> Result<Vec<Opening>, EntryError> {
    openings_of(v1::Entry::decode(bytes).map_err(|_| EntryError::Openings)?)
}

/// The openings that an entry came with.
pub fn openings_of(entry: v1::Entry) -> Result<Vec<Opening>, EntryError> {
    let opening = |opening: v1::Opening| {
        Ok(Opening {
            class: from_wire(opening.field_class).ok_or(EntryError::Openings)?,
            salt: opening.salt.try_into().map_err(|_| EntryError::Openings)?,
            content: opening.content,
        })
    };
    entry.openings.into_iter().map(opening).collect()
}

/// An entry for a reader who may see these classes. `grounds` says why others are withheld, as far as that may be told.
pub fn show(
    log: &LogName,
    index: u64,
    leaf: Vec<u8>,
    openings: &[Opening],
    shown: FieldClasses,
    grounds: &[Withheld],
) -> v1::Entry {
    let is_withheld = |class| !shown.contains(class) && openings.iter().any(|opening| opening.class == class);
    let grounds = grounds.iter().filter(|one| !one.citations.is_empty() && is_withheld(one.class));
    v1::Entry {
        name: log.entry(index),
        leaf,
        openings: openings.iter().filter(|opening| shown.contains(opening.class)).map(opening).collect(),
        withheld: openings
            .iter()
            .filter(|opening| !shown.contains(opening.class))
            .map(|opening| to_wire(opening.class))
            .collect(),
        withheld_by: grounds.map(withheld).collect(),
    }
}

fn opening(opening: &Opening) -> v1::Opening {
    v1::Opening { field_class: to_wire(opening.class), salt: opening.salt.to_vec(), content: opening.content.clone() }
}

/// The kind of the answer that a content tells, where it tells one.
pub fn answer_kind(content: &[u8]) -> Option<AnswerKind> {
    let event = v1::Event::decode(content).ok()?.event?;
    let v1::event::Event::DetainerAnswered(answered) = event else { return None };
    from_wire(answered.answer?.kind)
}

/// Whether a content tells of a pick-up: when and where the person is handed over.
pub fn is_of_pick_up(content: &[u8]) -> bool {
    let event = v1::Event::decode(content).ok().and_then(|event| event.event);
    // Of clocks the requester is told only that a window closed.
    matches!(event, Some(v1::event::Event::TransferRecorded(_) | v1::event::Event::ClockFired(_)))
}

/// The event of an entry, merged from whatever contents are shown.
pub fn merge(entry: &v1::Entry) -> Result<v1::Event, EntryError> {
    let mut event = v1::Event::default();
    for opening in &entry.openings {
        event.merge(opening.content.as_slice()).map_err(|_| EntryError::Openings)?;
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(class: FieldClass) -> [u8; 32] {
        [u8::try_from(class.word().len()).unwrap(); 32]
    }

    /// What the contract's own encoder makes of a leaf.
    fn encoded(header: &Header<'_>, classes: &[FieldClass]) -> Vec<u8> {
        let commitment =
            |class: &FieldClass| v1::Commitment { field_class: to_wire(*class), hash: hash(*class).to_vec() };
        v1::Leaf {
            version: LEAF_VERSION,
            index: wire_position(header.index),
            recorded_at: Some(timestamp(header.recorded_at)),
            agency: agency_name(header.agency),
            officer: header.officer.to_string(),
            method: header.method.to_owned(),
            resource: header.resource.to_owned(),
            policy_digest: header.policy_digest.map(|digest| digest.to_vec()).unwrap_or_default(),
            blinding: header.blinding.to_vec(),
            commitments: classes.iter().map(commitment).collect(),
        }
        .encode_to_vec()
    }

    #[test]
    fn a_leaf_is_what_the_contract_says() {
        let (agency, officer) = ("us-ice".parse().unwrap(), "0".repeat(32).parse().unwrap());
        for index in [0, 1, 127, 128, 1 << 40] {
            for recorded_at in [Timestamp::UNIX_EPOCH, Timestamp::new(1_772_000_000, 123_456_000).unwrap()] {
                for (resource, policy_digest, classes) in [
                    ("", None, &[][..]),
                    (
                        "jurisdictions/us-ny/detainers/019c1912-fa00-738b-b613-171ce52903f4",
                        Some([9; 32]),
                        FieldClass::ALL,
                    ),
                ] {
                    let method = "DetainerService/LodgeDetainer";
                    let blinding = [7; 32];
                    let (agency, officer) = (&agency, &officer);
                    let header =
                        Header { index, recorded_at, agency, officer, method, resource, policy_digest, blinding };
                    let written = leaf(&header, classes.iter().map(|class| (*class, hash(*class))));
                    assert_eq!(written, encoded(&header, classes));
                }
            }
        }
    }

    #[test]
    fn openings_are_what_the_contract_says() {
        let lens = [0, 1, 127, 128, 20_000];
        let of =
            |(class, len): (&FieldClass, usize)| Opening { class: *class, salt: hash(*class), content: vec![3; len] };
        let openings: Vec<Opening> = FieldClass::ALL.iter().zip(lens.into_iter().cycle()).map(of).collect();
        let entry = v1::Entry { openings: openings.iter().map(opening).collect(), ..Default::default() };
        let written = write_openings(&openings);
        assert_eq!(written, entry.encode_to_vec());
        assert_eq!(read_openings(&written).unwrap(), openings);
        assert_eq!(write_openings(&[]), Vec::<u8>::new());
    }
}
