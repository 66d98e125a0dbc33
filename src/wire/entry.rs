//! An entry's canonical bytes: the leaf, and the contents that its commitments open to.
//!
//! The leaf is encoded once and stored; hashes are always over the stored bytes, never a re-encoding.

use jiff::Timestamp;
use prost::Message as _;

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
    let commitment =
        |(class, hash): (FieldClass, [u8; 32])| v1::Commitment { field_class: to_wire(class), hash: hash.to_vec() };
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
        commitments: commitments.into_iter().map(commitment).collect(),
    }
    .encode_to_vec()
}

/// What a reader of stored bytes needs of a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadLeaf {
    /// Position in the log.
    pub index: u64,
    /// By our clock.
    pub recorded_at: Timestamp,
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
        resource: leaf.resource,
        method: leaf.method,
        policy_digest: match leaf.policy_digest.as_slice() {
            [] => None,
            digest => Some(digest.try_into().map_err(|_| EntryError::Leaf)?),
        },
        commitments: leaf.commitments.into_iter().map(commitment).collect::<Result<_, _>>()?,
    })
}

/// Openings as stored.
pub fn write_openings(openings: &[Opening]) -> Vec<u8> {
    // An Entry with nothing but openings: one layout fewer.
    v1::Entry { openings: openings.iter().map(opening).collect(), ..Default::default() }.encode_to_vec()
}

/// Openings as read back.
pub fn read_openings(bytes: &[u8]) -> Result<Vec<Opening>, EntryError> {
    let entry = v1::Entry::decode(bytes).map_err(|_| EntryError::Openings)?;
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
