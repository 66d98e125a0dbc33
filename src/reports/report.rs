//! A report: tables of counts, and what they were counted from, for whom, and when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is counted: the three sets of detainers.
pub(super) const LODGED: &str = "detainers lodged in the window";
pub(super) const RELEASED: &str = "detainers whose person was released in the window while they were active";
pub(super) const OUTSTANDING: &str = "detainers outstanding at the as-of time";

/// The layout of `report.json`.
const LAYOUT: &str = "comity-report/1";

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The jurisdiction's name, or `all`.
    pub jurisdiction: String,
    /// For whom: `agencies/us-ice`.
    pub audience: String,
    /// The first moment of the window.
    pub from: Option<Timestamp>,
    /// The moment after the window.
    pub to: Option<Timestamp>,
    /// Entries recorded after this are not counted. None: everything is.
    pub as_of: Option<Timestamp>,
}

impl Question {
    /// Whether a moment is in the window.
    pub(super) fn covers(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

/// A Merkle tree that was counted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountedTree {
    /// The origin of its checkpoint, or of a book of claims.
    pub origin: String,
    /// Its size.
    pub size: u64,
    /// Its root, in base64 as a checkpoint has it.
    pub root: String,
    /// Its entries that the audience may read and that were recorded by the as-of time.
    pub counted: u64,
}

/// A figure: under which key, how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// One word for each column of the table.
    pub key: Vec<String>,
    /// How many. None: suppressed.
    pub count: Option<u64>,
}

/// Figures with the same columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What it says, as a sentence.
    pub title: String,
    /// What is counted.
    pub of: String,
    /// What each word of a key is.
    pub columns: Vec<String>,
    /// The rows, sorted by key.
    pub rows: Vec<Row>,
}

impl Table {
    /// The sum of all rows whose key begins with these words. Suppressed rows count nothing.
    pub fn sum(&self, key: &[&str]) -> u64 {
        let is_meant = |row: &&Row| key.iter().zip(&row.key).all(|(word, own)| word == own);
        self.rows.iter().filter(is_meant).filter_map(|row| row.count).sum()
    }
}

/// Figures for an audience. Its JSON is the same, byte for byte, whenever it is computed from the same entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// `comity-report/1`.
    pub layout: String,
    /// The jurisdiction, or `all`.
    pub jurisdiction: String,
    /// For whom it was computed: it holds nothing that this audience may not see.
    pub audience: String,
    /// The first moment of the window. None: from the beginning.
    pub from: Option<Timestamp>,
    /// The moment after the window. None: to the as-of time.
    pub to: Option<Timestamp>,
    /// As of when: of the last entry that was counted, where no time was asked.
    pub as_of: Option<Timestamp>,
    /// What was counted from.
    pub trees: Vec<CountedTree>,
    /// How it was counted.
    pub notes: Vec<String>,
    /// The figures.
    pub tables: Vec<Table>,
}

impl Report {
    /// A report without figures.
    pub(super) fn new(question: &Question, as_of: Option<Timestamp>) -> Self {
        let Question { jurisdiction, audience, from, to, .. } = question.clone();
        let layout = LAYOUT.to_owned();
        Self {
            layout,
            jurisdiction,
            audience,
            from,
            to,
            as_of,
            trees: Vec::new(),
            notes: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// The table of a name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Its canonical JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }

    /// Reads its JSON back. Another layout is refused.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|report: &Self| report.layout == LAYOUT)
    }
}
