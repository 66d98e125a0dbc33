//! Text of strangers, as it may be shown on a terminal.

/// The text without control characters: a terminal could be told by them to show something else than was said.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
