//! Finds the determinations of a period in a log, and judges them again.

use std::ops::Range;

use jiff::Timestamp;

use crate::domain::determination::FieldClass;
use crate::domain::ids::LogName;
use crate::policy::replay::{Change, Replay};
use crate::store::{Reader, StoreError, StoredEntry};
use crate::wire::parse;

/// The range of entries that were recorded at or after `from` and before `to`. Recording times never decrease, so a few
/// headers are enough to find it.
pub fn recorded_within(
    reader: &dyn Reader,
    log: &LogName,
    size: u64,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Range<u64>, StoreError> {
    let first = from.map(|from| first_since(reader, log, size, from)).transpose()?;
    let end = to.map(|to| first_since(reader, log, size, to)).transpose()?;
    Ok(first.unwrap_or(0)..end.unwrap_or(size))
}

/// Judges the determinations of an entry again. Its openings must include the class that holds them.
pub fn judge_again(stored: &StoredEntry, replay: &mut Replay) -> Result<Vec<Change>, StoreError> {
    let said = stored.openings.iter().find(|opening| opening.class == FieldClass::Determination);
    let Some(said) = said.filter(|said| !said.content.is_empty()) else { return Ok(Vec::new()) };
    let leaf = stored.read_leaf()?;
    let judgments =
        parse::judgments(&said.content).map_err(|_| StoreError::Broken("a determination is not of a known layout"))?;
    replay.count_unjudged(judgments.without_facts);
    Ok(replay.entry(leaf.policy_digest, &judgments.determinations))
}

fn first_since(reader: &dyn Reader, log: &LogName, size: u64, since: Timestamp) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low.midpoint(high);
        let header = reader.headers(log, middle, 1)?.pop().ok_or(StoreError::Broken("an entry is missing"))?;
        let leaf = header.read_leaf()?;
        if leaf.recorded_at < since {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    Ok(low)
}
