//! An entry as far as an audience may know it, read for counting.

use jiff::Timestamp;

use crate::domain::ids::LogName;
use crate::wire::entry::{self, EntryError, Opening};
use crate::wire::v1;

/// An entry with what was opened of it. The source has checked the openings against the leaf, or is the store itself.
#[derive(Debug, Clone)]
pub struct CountedEntry {
    /// Its log.
    pub log: LogName,
    /// Its position there.
    pub index: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who did it: agencies/{agency}.
    pub agency: String,
    /// What it is about.
    pub resource: String,
    /// What happened, merged from the contents that were opened. None: nothing was.
    pub event: Option<v1::event::Event>,
}

impl CountedEntry {
    /// Reads a leaf and the contents that are opened of it.
    pub fn read<'a>(
        log: &LogName,
        leaf: &[u8],
        openings: impl IntoIterator<Item = &'a Opening>,
    ) -> Result<Self, EntryError> {
        let read = entry::read_leaf(leaf)?;
        let shown = openings.into_iter().filter(|opening| !opening.content.is_empty());
        let openings = shown.map(|opening| v1::Opening { content: opening.content.clone(), ..v1::Opening::default() });
        let opened = v1::Entry { openings: openings.collect(), ..v1::Entry::default() };
        Ok(Self {
            log: log.clone(),
            index: read.index,
            recorded_at: read.recorded_at,
            agency: read.agency,
            resource: read.resource,
            event: entry::merge(&opened)?.event,
        })
    }
}
