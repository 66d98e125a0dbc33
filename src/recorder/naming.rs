//! What a leaf names as the method: its requester reads it, whatever it is shown of the rest.

use crate::domain::event::{Event, Record};

/// In place of the method where that would tell the requester why what it knows no longer stands.
const RETRACTION: &str = "Retraction";

/// In place of the method where that would tell the requester what a notice waited for: whether a person had to decide it,
/// above all.
const NOTICE: &str = "Notice";

/// Whether the leaf names no officer: a notice that waited for one would else be told by the officer from one that did not.
/// Who brought it about stands in the entry that it follows from.
pub(super) fn is_nobodys(record: &Record) -> bool {
    !record.is_retraction() && matches!(record.event, Event::ReleaseNoticed { .. })
}

/// What the leaf of a record names, which a method brought about.
pub(super) fn of(record: &Record, method: &'static str) -> &'static str {
    if record.is_retraction() {
        RETRACTION
    } else if matches!(record.event, Event::ReleaseNoticed { .. }) {
        NOTICE
    } else {
        method
    }
}
