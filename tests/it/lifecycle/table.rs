//! The tables of docs/lifecycle.md, as written.

use std::collections::BTreeMap;

use comity::domain::decide::Refusal;

const DOCUMENT: &str = include_str!("../../../docs/lifecycle.md");

/// What a command does to a case, in the words of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Becomes(String),
    AsBefore,
    Refused(Refusal),
}

/// Every refusal, in short.
pub(super) const REFUSALS: [(&str, Refusal); 44] = [
    ("no such case", Refusal::NoSuchCase),
    ("already acknowledged", Refusal::AlreadyAcknowledged),
    ("already answered", Refusal::AlreadyAnswered),
    ("not matched", Refusal::NotMatched),
    ("no longer stands", Refusal::NoLongerStands),
    ("already withdrawn", Refusal::AlreadyWithdrawn),
    ("already lodged", Refusal::AlreadyLodged),
    ("already booked", Refusal::AlreadyBooked),
    ("already released", Refusal::AlreadyReleased),
    ("already scheduled", Refusal::AlreadyScheduled),
    ("awaits the holder", Refusal::AwaitsHolder),
    ("nothing to correct", Refusal::NothingToCorrect),
    ("matched already", Refusal::MatchedAlready),
    ("not a duplicate", Refusal::NotADuplicate),
    ("already served", Refusal::AlreadyServed),
    ("nothing verified", Refusal::NothingVerified),
    ("already raised", Refusal::AlreadyRaised),
    ("no open claim", Refusal::NoOpenClaim),
    ("interview open", Refusal::InterviewOpen),
    ("no interview", Refusal::NoInterview),
    ("not scheduled", Refusal::NotScheduled),
    ("still held", Refusal::StillHeld),
    ("already closed", Refusal::AlreadyClosed),
    ("not promised", Refusal::NotPromised),
    ("transfer open", Refusal::TransferOpen),
    ("window closed", Refusal::WindowClosed),
    ("window open", Refusal::WindowOpen),
    ("not on offer", Refusal::NotOffered),
    ("not accepted", Refusal::NotAccepted),
    ("already confirmed", Refusal::AlreadyConfirmed),
    ("move open", Refusal::MoveOpen),
    ("move not open", Refusal::MoveNotOpen),
    ("transfer over", Refusal::TransferOver),
    ("not yours", Refusal::NotYours),
    ("not borne out", Refusal::NotBorneOut),
    ("nothing chosen", Refusal::NothingChosen),
    ("appeal too large", Refusal::AppealTooLarge),
    ("too many appeals", Refusal::TooManyAppeals),
    ("due already", Refusal::DueAlready),
    ("nothing barred", Refusal::NothingBarred),
    ("answered meanwhile", Refusal::AnsweredMeanwhile),
    ("nothing left open", Refusal::NothingLeftOpen),
    ("the claim stands", Refusal::ClaimStands),
    ("already met", Refusal::AlreadyMet),
];

/// A table of the document.
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: BTreeMap<String, Vec<String>>,
}

impl Table {
    pub(super) fn cells(&self) -> impl Iterator<Item = ((&str, &str), Outcome)> {
        self.rows.iter().flat_map(|(row, cells)| {
            assert_eq!(cells.len(), self.columns.len(), "{row} has another number of cells");
            let columns = self.columns.iter().zip(cells);
            columns.map(|(column, cell)| ((row.as_str(), column.as_str()), outcome(cell)))
        })
    }
}

pub(super) fn outcome(cell: &str) -> Outcome {
    match cell.strip_prefix("refused: ") {
        Some(short) => {
            let refusal = REFUSALS.iter().find(|(known, _)| *known == short).map(|(_, refusal)| *refusal);
            let refusal = refusal.unwrap_or_else(|| panic!("{short} is no refusal"));
            assert_eq!(refusals().get(short), Some(&refusal.to_string()), "{short} is explained in other words");
            Outcome::Refused(refusal)
        }
        None if cell == "as before" => Outcome::AsBefore,
        None => Outcome::Becomes(cell.to_owned()),
    }
}

pub(super) fn refusals() -> BTreeMap<String, String> {
    let rows = table("## Refusals").rows.into_iter();
    rows.map(|(short, cells)| (short, cells.into_iter().next().unwrap())).collect()
}

/// The one table below a heading.
pub(super) fn table(heading: &str) -> Table {
    let section = DOCUMENT.split("\n## ").find(|section| section.lines().next() == heading.strip_prefix("## "));
    let section = section.unwrap_or_else(|| panic!("no section {heading}"));
    let mut lines = section.lines().filter(|line| line.starts_with('|')).map(|line| {
        let cells = line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        cells.collect::<Vec<_>>()
    });
    let columns = lines.next().unwrap_or_else(|| panic!("no table below {heading}")).split_off(1);
    let mut rows = BTreeMap::new();
    for mut row in lines.skip(1) {
        let cells = row.split_off(1);
        let name = row.pop().unwrap();
        assert!(rows.insert(name.clone(), cells).is_none(), "{name} stands twice below {heading}");
    }
    Table { columns, rows }
}
