//! Where two sides' figures differ, and because of which entries. Names nobody: an entry is its position and the hash of its leaf.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::claims::{Claim, Claims};
use crate::domain::determination::FieldClass;
use crate::domain::ids::LogName;
use crate::export::{Export, ExportError, ExportedEntry, LogManifest};
use crate::ledger;
use crate::reports::report::{Report, Row};

/// An entry that one side counts and the other does not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OneSided {
    /// Its position in the log.
    pub index: u64,
    /// The hash of its leaf, in hexadecimal.
    pub leaf: String,
    /// What caused it.
    pub method: String,
}

/// How two exports of a log differ.
#[derive(Debug, Default, Serialize)]
pub struct LogDifference {
    /// Entries that only the first has.
    pub only_in_first: Vec<OneSided>,
    /// Entries that only the second has.
    pub only_in_second: Vec<OneSided>,
    /// Positions at which the two show different leaves: two histories of one log.
    pub forked_at: Vec<u64>,
    /// Entries of which the two open different classes, by what only one of them opens.
    pub opened_differently: BTreeMap<String, Vec<u64>>,
}

/// How two sides' exports differ.
#[derive(Debug, Default, Serialize)]
pub struct Difference {
    /// By log. A log in which nothing differs is left out.
    pub logs: BTreeMap<String, LogDifference>,
    /// Figures that differ: table and key, with both counts.
    pub figures: Vec<(String, Option<u64>, Option<u64>)>,
}

/// How two books of claims differ: ids of claims, each with what it counts as.
#[derive(Debug, Default, Serialize)]
pub struct ClaimsDifference {
    /// Claims that only the first has.
    pub only_in_first: Vec<(String, String)>,
    /// Claims that only the second has.
    pub only_in_second: Vec<(String, String)>,
    /// Figures that differ.
    pub figures: Vec<(String, Option<u64>, Option<u64>)>,
}

/// Compares two exports, entry by entry, and the reports that were computed from them.
pub fn difference(first: (&Export, &Report), second: (&Export, &Report)) -> Result<Difference, ExportError> {
    fn logs_of(export: &Export) -> BTreeMap<&LogName, &LogManifest> {
        export.manifest().logs.iter().map(|log| (&log.log, log)).collect()
    }
    let (first_logs, second_logs) = (logs_of(first.0), logs_of(second.0));
    let names: BTreeSet<&LogName> = first_logs.keys().chain(second_logs.keys()).copied().collect();
    let mut difference = Difference { figures: figures(first.1, second.1), ..Difference::default() };
    for name in names {
        let own = entries(first.0, first_logs.get(name))?;
        let others = entries(second.0, second_logs.get(name))?;
        let found = of_log(&own, &others);
        let is_empty = found.only_in_first.is_empty()
            && found.only_in_second.is_empty()
            && found.forked_at.is_empty()
            && found.opened_differently.is_empty();
        if !is_empty {
            difference.logs.insert(name.to_string(), found);
        }
    }
    Ok(difference)
}

/// What is compared of an entry.
struct Compared {
    leaf: String,
    method: String,
    classes: Vec<FieldClass>,
}

fn entries(export: &Export, log: Option<&&LogManifest>) -> Result<BTreeMap<u64, Compared>, ExportError> {
    let Some(log) = log else { return Ok(BTreeMap::new()) };
    let compared = |entry: Result<ExportedEntry, ExportError>| {
        let ExportedEntry { index, leaf, header, openings, .. } = entry?;
        let classes = openings.iter().map(|opening| opening.class).collect();
        Ok((index, Compared { leaf: ledger::leaf_hash(&leaf).to_string(), method: header.method, classes }))
    };
    export.proved_entries(log)?.map(compared).collect()
}

fn of_log(first: &BTreeMap<u64, Compared>, second: &BTreeMap<u64, Compared>) -> LogDifference {
    let mut found = LogDifference {
        only_in_first: one_sided(first, second),
        only_in_second: one_sided(second, first),
        ..LogDifference::default()
    };
    for (index, own) in first {
        let Some(other) = second.get(index) else { continue };
        if own.leaf != other.leaf {
            found.forked_at.push(*index);
            continue;
        }
        for (side, one, another) in [("first", own, other), ("second", other, own)] {
            for class in one.classes.iter().filter(|class| !another.classes.contains(class)) {
                let key = format!("{} only in the {side}", class.word());
                found.opened_differently.entry(key).or_default().push(*index);
            }
        }
    }
    found
}

fn one_sided(own: &BTreeMap<u64, Compared>, others: &BTreeMap<u64, Compared>) -> Vec<OneSided> {
    let only = own.iter().filter(|(index, _)| !others.contains_key(index));
    only.map(|(index, entry)| OneSided { index: *index, leaf: entry.leaf.clone(), method: entry.method.clone() })
        .collect()
}

/// Every figure that differs.
fn figures(first: &Report, second: &Report) -> Vec<(String, Option<u64>, Option<u64>)> {
    let all = |report: &Report| -> BTreeMap<String, Option<u64>> {
        let rows = report.tables.iter().flat_map(|table| table.rows.iter().map(move |row| (table, row)));
        rows.map(|(table, Row { key, count })| (format!("{}: {}", table.name, key.join(" / ")), *count)).collect()
    };
    let (first, second) = (all(first), all(second));
    let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let both = |name: &String| (first.get(name).copied().flatten(), second.get(name).copied().flatten());
    names
        .into_iter()
        .map(|name| (name.clone(), both(name).0, both(name).1))
        .filter(|(_, own, other)| own != other)
        .collect()
}

/// Compares two books of claims, claim by claim, and the reports that were computed from them.
pub fn claims_difference(first: (&Claims, &Report), second: (&Claims, &Report)) -> ClaimsDifference {
    let only = |own: &Claims, others: &Claims| {
        let others: BTreeSet<&str> = others.claims.iter().map(|claim| claim.id.as_str()).collect();
        let only = own.claims.iter().filter(|claim| !others.contains(claim.id.as_str()));
        let mut only: Vec<(String, String)> = only.map(|claim| (claim.id.clone(), counts_as(claim))).collect();
        only.sort();
        only
    };
    ClaimsDifference {
        only_in_first: only(first.0, second.0),
        only_in_second: only(second.0, first.0),
        figures: figures(first.1, second.1),
    }
}

fn counts_as(claim: &Claim) -> String {
    let offence = claim.offence().map_or("no-charge", |offence| offence.word());
    format!("{} / {offence}", claim.outcome.word())
}
