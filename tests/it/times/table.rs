//! The tables of docs/times.md, as written.

const DOCUMENT: &str = include_str!("../../../docs/times.md");

/// A time that is asserted, and what it is held against.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) method: String,
    pub(super) field: String,
    /// Each mark, and whether the time must be later than it.
    pub(super) not_before: Vec<(String, bool)>,
    pub(super) not_after: Vec<String>,
}

impl Row {
    /// Whether the field holds a day.
    pub(super) fn is_day(&self) -> bool {
        ["birth_date", "charged_on", "convicted_on", "expires_on", "eligible_on", "ask_again_until"]
            .iter()
            .any(|day| self.field.ends_with(day))
    }
}

pub(super) fn rows() -> Vec<Row> {
    let marks = |cell: &str| {
        let marks = cell.split(", ").filter(|mark| !mark.is_empty());
        marks.map(|mark| (mark.trim_end_matches(": later").to_owned(), mark.ends_with(": later"))).collect::<Vec<_>>()
    };
    let rows = table("| Method | Field | Not before | Not after |").into_iter().map(|cells| {
        let [method, field, not_before, not_after] = cells.try_into().unwrap();
        let not_after = marks(&not_after).into_iter().map(|(mark, _)| mark).collect();
        Row { method, field, not_before: marks(&not_before), not_after }
    });
    rows.collect()
}

/// Times that nobody asserts.
pub(super) fn searched() -> Vec<(String, String)> {
    let rows = table("| Method | Field |").into_iter().map(|cells| {
        let [method, field] = cells.try_into().unwrap();
        (method, field)
    });
    rows.collect()
}

fn table(head: &str) -> Vec<Vec<String>> {
    let mut lines = DOCUMENT.lines().skip_while(|line| *line != head).skip(2);
    let mut rows = Vec::new();
    while let Some(line) = lines.next().filter(|line| line.starts_with('|')) {
        let cells = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')).unwrap().split('|');
        rows.push(cells.map(|cell| cell.trim().to_owned()).collect());
    }
    assert!(!rows.is_empty(), "no table {head}");
    rows
}
