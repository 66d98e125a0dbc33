//! packaging/prometheus: each alarm is over metrics that there are, is played, and says what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;

use crate::watching::queries::Names;
use crate::watching::scrape::after_a_story;
use crate::watching::{file, promtool};

const DIRECTORY: &str = "packaging/prometheus";
const RUNBOOK: &str = "docs/operations.md";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    rules: Vec<Alarm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alarm {
    alert: String,
    expr: String,
    #[serde(default, rename = "for")]
    _lasting: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: Annotations,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Annotations {
    summary: String,
    description: String,
    runbook_url: String,
}

/// Of the tests only what is asked of them here.
#[derive(Deserialize)]
struct Tests {
    tests: Vec<Story>,
}

#[derive(Deserialize)]
struct Story {
    input_series: Vec<Series>,
    alert_rule_test: Vec<Expectation>,
}

#[derive(Deserialize)]
struct Series {
    series: String,
}

#[derive(Deserialize)]
struct Expectation {
    alertname: String,
    exp_alerts: Vec<serde::de::IgnoredAny>,
}

fn read<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let text = fs::read_to_string(file(DIRECTORY).join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn alarms() -> Vec<Alarm> {
    let Rules { groups } = read("comity.rules.yaml");
    assert!(groups.iter().all(|group| group.name.starts_with("comity-")));
    groups.into_iter().flat_map(|group| group.rules).collect()
}

/// The anchors of a document's headings, as they are linked to.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings =
        document.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let plain = heading.to_lowercase().replace(' ', "-");
        plain.chars().filter(|one| one.is_alphanumeric() || *one == '-').collect()
    };
    headings.map(anchor).collect()
}

#[tokio::test]
async fn each_alarm_and_each_of_its_tests_is_over_metrics_that_there_are() {
    let scrape = after_a_story().await;
    let tests: Tests = read("comity.tests.yaml");
    let alarms = alarms();
    let asked = alarms.iter().map(|alarm| (alarm.alert.as_str(), alarm.expr.as_str()));
    let played =
        tests.tests.iter().flat_map(|test| &test.input_series).map(|input| ("the tests", input.series.as_str()));
    for (whose, query) in asked.chain(played) {
        let names = Names::of(query);
        assert!(!names.selectors.is_empty(), "{whose}: {query}");
        assert_eq!(names.unknown(&scrape), Vec::<String>::new(), "{whose}: {query}");
    }
}

#[test]
fn each_alarm_says_what_happened_and_where_it_stands_what_to_do() {
    let anchors = anchors(&fs::read_to_string(file(RUNBOOK)).unwrap());
    let mut names = BTreeSet::new();
    for Alarm { alert, labels, annotations, .. } in alarms() {
        let Annotations { summary, description, runbook_url } = annotations;
        assert!(names.insert(alert.clone()), "{alert} is there twice");
        assert!(summary.len() > 10 && description.len() > 10, "{alert}");
        let severity = labels.get("severity").map(String::as_str);
        assert!(severity.is_some_and(|severity| ["page", "ticket"].contains(&severity)), "{alert}");
        let (document, anchor) = runbook_url.split_once('#').unwrap();
        assert_eq!(document, RUNBOOK, "{alert}");
        assert!(anchors.contains(anchor), "{alert}: {anchor} is none of {anchors:?}");
    }
}

#[test]
fn each_alarm_is_played() {
    let tests: Tests = read("comity.tests.yaml");
    let raised =
        tests.tests.iter().flat_map(|test| &test.alert_rule_test).filter(|expected| !expected.exp_alerts.is_empty());
    let raised: BTreeSet<&str> = raised.map(|expected| expected.alertname.as_str()).collect();
    let alarms = alarms();
    let known: BTreeSet<&str> = alarms.iter().map(|alarm| alarm.alert.as_str()).collect();
    assert_eq!(raised, known);
}

#[test]
fn prometheus_takes_the_alarms_and_their_tests_pass() {
    for arguments in [["check", "rules", "comity.rules.yaml"], ["test", "rules", "comity.tests.yaml"]] {
        let Some(said) = promtool(&arguments, &file(DIRECTORY)) else { return };
        let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{arguments:?}: {text}");
    }
}
