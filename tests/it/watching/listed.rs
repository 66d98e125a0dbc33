//! docs/metrics.md and a live scrape list the same metrics, with the same types, units and labels.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use comity::metrics::table;

use crate::watching::file;
use crate::watching::scrape::after_a_story;

/// Counted by `comity witness` alone: tests/it/witness.rs finds it there.
const OF_A_WITNESS: &str = "comity_witness_requests_total";

/// Type, unit and labels of each metric that the manual lists.
fn manual() -> BTreeMap<String, (String, String, BTreeSet<String>)> {
    let manual = fs::read_to_string(file("docs/metrics.md")).unwrap();
    let rows = manual.lines().filter_map(|line| line.strip_prefix("| `"));
    let row = |row: &str| {
        let mut cells = row.split(" | ");
        let mut cell = || cells.next().unwrap().replace('`', "");
        let (name, kind, unit, labels) = (cell(), cell(), cell(), cell());
        let labels = labels.split(", ").filter(|label| *label != "none").map(str::to_owned).collect();
        (name, (kind, unit, labels))
    };
    rows.map(row).collect()
}

#[tokio::test]
async fn every_metric_that_is_listed_is_scraped_and_every_one_that_is_scraped_is_listed() {
    let (manual, scrape) = (manual(), after_a_story().await);
    assert_eq!(manual.len(), table::ALL.len());
    for (name, family) in &scrape.families {
        let (kind, unit, labels) = manual.get(name).unwrap_or_else(|| panic!("{name} is not in the manual"));
        assert_eq!(&family.kind, kind, "{name}");
        assert_eq!(&family.labels, labels, "{name}");
        assert_eq!(name.contains("_seconds"), unit.starts_with("seconds"), "{name}");
        assert_eq!(name.ends_with("_bytes"), unit == "bytes", "{name}");
    }
    let silent: Vec<&String> = manual
        .keys()
        .filter(|name| *name != OF_A_WITNESS)
        .filter(|name| scrape.families.get(*name).is_none_or(|family| family.series == 0))
        .collect();
    assert!(silent.is_empty(), "listed, and in no scrape: {silent:?}");
}

/// An agency's name is no secret to operators; whatever else a label holds is a word that somebody could look up here.
#[tokio::test]
async fn labels_hold_agencies_jurisdictions_and_words_of_ours_alone() {
    let scrape = after_a_story().await;
    for series in scrape.values.keys() {
        let labels = series.split_once('{').map_or("", |(_, labels)| labels.trim_end_matches('}'));
        for (label, value) in labels.split(',').filter_map(|pair| pair.split_once('=')) {
            let value = value.trim_matches('"');
            let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./+".contains(&byte));
            assert!(!value.is_empty() && plain, "{series}");
            match label {
                "agency" => assert!(value.starts_with("us-") || value == "comity-operator", "{series}"),
                "jurisdiction" => assert!(["us-ny", "us-tx"].contains(&value), "{series}"),
                _ => assert!(!value.contains("us-"), "{series}"),
            }
        }
    }
}
