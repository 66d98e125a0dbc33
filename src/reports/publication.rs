//! Figures that leave their audience: quarter by quarter, each as of its own end and never again, with small cells suppressed.
//!
//! Whoever could choose windows freely would subtract one from the other. So a calendar quarter is the least that is published, its
//! figures are as of its end whatever came later, and a longer window is the sum of its quarters, shown where all of them are.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::domain::agency::AgencyClass;
use crate::domain::charge::OffenceCategory;
use crate::domain::detainer::DetainerForm;
use crate::reports::counted_entry::CountedEntry;
use crate::reports::detainer::DetainerFacts;
use crate::reports::fold::Fold;
use crate::reports::report::{CountedTree, Question, Report, Row, Table};
use crate::reports::suppression::{Protected, SMALLEST_SHOWN, protect};

/// A calendar quarter in the time zone of the jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarter {
    /// `2026-Q1`.
    pub name: String,
    from: Timestamp,
    to: Timestamp,
}

impl Quarter {
    /// The quarter of a moment.
    pub fn of(at: Timestamp, zone: &TimeZone) -> Option<Self> {
        let day = zone.to_datetime(at).date();
        let first_month = day.month().checked_sub(1)?.div_euclid(3).checked_mul(3)?.checked_add(1)?;
        let first = Date::new(day.year(), first_month, 1).ok()?;
        let next = first.checked_add(3.months()).ok()?;
        let midnight = |day: Date| Some(day.to_zoned(zone.clone()).ok()?.timestamp());
        let name = format!("{:04}-Q{}", day.year(), first_month.div_euclid(3).saturating_add(1));
        Some(Self { name, from: midnight(first)?, to: midnight(next)? })
    }

    fn next(&self, zone: &TimeZone) -> Option<Self> {
        Self::of(self.to, zone)
    }

    fn covers(&self, at: Timestamp) -> bool {
        at >= self.from && at < self.to
    }
}

/// What flows in a quarter.
type Flow = (&'static str, fn(&DetainerFacts, &Quarter) -> bool);

const FLOWS: [Flow; 3] = [
    ("lodged", |facts, quarter| facts.lodged_at.is_some_and(|at| quarter.covers(at))),
    ("released", |facts, quarter| facts.released.as_ref().is_some_and(|released| quarter.covers(released.recorded_at))),
    ("ended-otherwise", |facts, quarter| {
        facts.released.is_none() && facts.ended_at().is_some_and(|at| quarter.covers(at))
    }),
];

/// What it is broken down by. Every word is there in every quarter, so that an absent row says nothing.
const BREAKDOWNS: [&str; 3] = ["offence", "form", "custody class"];

/// Takes entries in order, and publishes each quarter as it was when it ended.
#[derive(Debug)]
pub struct Publication {
    fold: Fold,
    zone: TimeZone,
    current: Option<Quarter>,
    rows: Vec<Row>,
}

impl Publication {
    /// A publication in a time zone.
    pub fn in_zone(zone: TimeZone) -> Self {
        Self { fold: Fold::default(), zone, current: None, rows: Vec::new() }
    }

    /// Takes the next entry, and closes the quarters that ended before it.
    pub fn take(&mut self, entry: &CountedEntry) {
        self.until(entry.recorded_at);
        if self.current.is_none() {
            self.current = Quarter::of(entry.recorded_at, &self.zone);
        }
        self.fold.take(entry);
    }

    /// The published figures of every quarter that ended by a moment. The quarter that has not ended is not published.
    pub fn finish(mut self, question: &Question, trees: Vec<CountedTree>, now: Timestamp) -> Report {
        self.until(now);
        let mut report = Report::new(question, self.fold.last);
        report.trees = trees;
        report.notes = vec![
            format!("For anybody. Counts from 1 to {} are suppressed, and others with them so that none can be computed.", SMALLEST_SHOWN - 1),
            "A quarter is as it was when it ended. What was corrected later counts in no quarter before. A longer window is the sum of its \
             quarters, where each of them is shown."
                .to_owned(),
        ];
        report.tables = vec![Table {
            name: "published".to_owned(),
            title: "Detainers lodged, released with one active, and ended otherwise, by quarter.".to_owned(),
            of: "detainers".to_owned(),
            columns: ["quarter", "flow", "by", "word"].map(str::to_owned).to_vec(),
            rows: self.rows,
        }];
        report
    }

    fn until(&mut self, now: Timestamp) {
        while let Some(quarter) = self.current.clone().filter(|quarter| quarter.to <= now) {
            self.publish(&quarter);
            self.current = quarter.next(&self.zone);
        }
    }

    fn publish(&mut self, quarter: &Quarter) {
        for (flow, flows) in FLOWS {
            let own: Vec<&DetainerFacts> = self.fold.detainers.values().filter(|facts| flows(facts, quarter)).collect();
            let words: Vec<Vec<&'static str>> = BREAKDOWNS.iter().map(|by| words(by)).collect();
            let count =
                |by: &str, word: &str| own.iter().filter(|facts| word_of(&self.fold, facts, by) == word).count();
            let cells: Vec<Vec<u64>> = BREAKDOWNS
                .iter()
                .zip(&words)
                .map(|(by, words)| {
                    words.iter().map(|word| u64::try_from(count(by, word)).unwrap_or(u64::MAX)).collect()
                })
                .collect();
            let Protected { total, tables } = protect(&cells);
            let mut row = |by: &str, word: &str, count| {
                let key = [&*quarter.name, flow, by, word].map(str::to_owned).to_vec();
                self.rows.push(Row { key, count });
            };
            row("all", "all", total);
            for ((by, words), shown) in BREAKDOWNS.iter().zip(&words).zip(tables) {
                words.iter().zip(shown).for_each(|(word, shown)| row(by, word, shown));
            }
        }
    }
}

fn words(by: &str) -> Vec<&'static str> {
    let known: Vec<&'static str> = match by {
        "offence" => OffenceCategory::ALL.iter().map(|word| word.word()).collect(),
        "form" => DetainerForm::ALL.iter().map(|word| word.word()).collect(),
        _ => AgencyClass::ALL.iter().map(|word| word.word()).collect(),
    };
    known.into_iter().chain(["not-said"]).collect()
}

fn word_of(fold: &Fold, facts: &DetainerFacts, by: &str) -> &'static str {
    let word = match by {
        "offence" => fold.leading(facts).offence.map(OffenceCategory::word),
        "form" => facts.form.map(DetainerForm::word),
        _ => facts.class.map(AgencyClass::word),
    };
    word.unwrap_or("not-said")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_begins_and_ends_at_midnight_where_the_jurisdiction_is() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let quarter = Quarter::of("2026-04-01T03:59:59Z".parse().unwrap(), &zone).unwrap();
        assert_eq!(quarter.name, "2026-Q1");
        assert_eq!(quarter.to, "2026-04-01T04:00:00Z".parse().unwrap());
        assert_eq!(quarter.next(&zone).unwrap().name, "2026-Q2");
        assert_eq!(Quarter::of("2026-12-31T12:00:00Z".parse().unwrap(), &zone).unwrap().name, "2026-Q4");
    }

    #[test]
    fn a_quarter_is_published_once_it_ended_and_never_changes() {
        let zone = TimeZone::UTC;
        let lodged = |fold: &mut Fold, name: &str, at: &str| {
            let lodged_at = Some(at.parse().unwrap());
            fold.detainers.insert(name.to_owned(), DetainerFacts { lodged_at, ..DetainerFacts::default() });
        };
        let question =
            Question { jurisdiction: "us-ny".into(), audience: "anybody".into(), from: None, to: None, as_of: None };
        let publish = |now: &str| {
            let mut publication = Publication::in_zone(zone.clone());
            publication.current = Quarter::of("2026-01-15T00:00:00Z".parse().unwrap(), &zone);
            (0..9).for_each(|nth| lodged(&mut publication.fold, &format!("a{nth}"), "2026-02-01T00:00:00Z"));
            publication.until("2026-04-02T00:00:00Z".parse().unwrap());
            (0..3).for_each(|nth| lodged(&mut publication.fold, &format!("b{nth}"), "2026-05-01T00:00:00Z"));
            publication.finish(&question, Vec::new(), now.parse().unwrap()).tables.remove(0)
        };
        let first = publish("2026-05-02T00:00:00Z");
        assert!(first.rows.iter().all(|row| row.key[0] == "2026-Q1"));
        assert_eq!(
            first.rows[0],
            Row { key: ["2026-Q1", "lodged", "all", "all"].map(str::to_owned).to_vec(), count: Some(9) }
        );
        let later = publish("2026-07-01T00:00:00Z");
        assert_eq!(later.rows[..first.rows.len()], first.rows);
        // Three are too few to be shown, and so is what they are.
        let second: Vec<&Row> =
            later.rows.iter().filter(|row| row.key[..2] == ["2026-Q2".to_owned(), "lodged".to_owned()]).collect();
        assert!(!second.is_empty() && second.iter().all(|row| row.count.is_none()));
    }
}
