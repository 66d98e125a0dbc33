//! packaging/grafana: the dashboard asks for metrics and labels that there are.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::watching::queries::Names;
use crate::watching::scrape::after_a_story;
use crate::watching::server::Prometheus;
use crate::watching::{file, promtool};

const ROWS: [&str; 8] = ["Traffic", "Latency", "Writer", "Logs and heads", "Consumers", "Law", "Expiry", "Process"];

fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(file("packaging/grafana/comity.json")).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

/// Every query with what its lines are called, as it is once Grafana has put the interval in.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let targets = list(dashboard, "panels").flat_map(|panel| list(panel, "targets"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    targets
        .map(|target| (text(&target["expr"]).replace("$__rate_interval", "5m"), text(&target["legendFormat"])))
        .collect()
}

#[tokio::test]
async fn each_query_of_the_dashboard_names_metrics_and_labels_that_there_are() {
    let (dashboard, scrape) = (dashboard(), after_a_story().await);
    let queries = queries(&dashboard);
    assert!(queries.len() > 40);
    for (query, legend) in &queries {
        let names = Names::of(query);
        assert!(!names.selectors.is_empty(), "{query}");
        assert_eq!(names.unknown(&scrape), Vec::<String>::new(), "{query}");
        let mut known: BTreeSet<&str> = ["job", "instance"].into();
        let metrics = names.selectors.iter().flat_map(|(metrics, _)| metrics);
        known.extend(metrics.flat_map(|metric| &scrape.labels[metric]).map(String::as_str));
        let labels = legend.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0));
        let strange: Vec<&str> = labels.filter(|label| !known.contains(label)).collect();
        assert!(strange.is_empty(), "{strange:?} in the legend {legend} of {query}");
    }
    for variable in list(&dashboard["templating"], "list").filter_map(|variable| variable["query"].as_str()) {
        let Some(values) = variable.strip_prefix("label_values(") else { continue };
        let (selector, label) = values.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
        assert_eq!(Names::of(selector).unknown(&scrape), Vec::<String>::new(), "{variable}");
        assert!(["job", "instance"].contains(&label), "{variable}");
    }
}

/// What the dashboard asks Prometheus: each query as Grafana sends it.
fn asked() -> Vec<String> {
    let queries = queries(&dashboard()).into_iter();
    let asked = queries.map(|(query, _)| query.replace("$job", "comity").replace("$instance", ".*"));
    asked.inspect(|query| assert!(!query.contains('$'), "{query}")).collect()
}

async fn unanswered(prometheus: &Prometheus) -> Vec<String> {
    let mut unanswered = Vec::new();
    for query in asked() {
        if prometheus.answer(&query).await.is_empty() {
            unanswered.push(query);
        }
    }
    unanswered
}

#[tokio::test]
async fn each_query_of_the_dashboard_returns_data_after_the_demo() {
    let small = ["--detainers", "40", "--released", "30"];
    let mut demo = Command::new(env!("CARGO_BIN_EXE_comity"));
    let mut demo = demo.args(["demo", "--watch"]).args(small).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(demo.stdout.take().unwrap());
    let metrics = line_with(&mut said, "the metrics at http://");
    let ops = metrics.rsplit_once("http://").unwrap().1.trim().trim_end_matches("/metrics").parse().unwrap();
    let Some(prometheus) = Prometheus::scrape(ops) else {
        demo.kill().unwrap();
        demo.wait().unwrap();
        return;
    };
    line_with(&mut said, "the year is over");
    prometheus.scrapes_more(2).await;
    let (unanswered, unknown) = (unanswered(&prometheus).await, prometheus.answer("comity_no_such_metric").await);
    // An interrupt ends the wait, not the demo: it still proves its figures.
    let interrupted = Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    line_with(&mut said, "receipts: whole");
    assert!(demo.wait().unwrap().success());
    assert_eq!(unanswered, Vec::<String>::new());
    assert_eq!(unknown, Vec::<Value>::new());
}

/// Reads on until a line has these words.
fn line_with(said: &mut impl BufRead, words: &str) -> String {
    let mut heard = String::new();
    loop {
        let before = heard.len();
        assert!(said.read_line(&mut heard).unwrap() > 0, "never said: {words}\n{heard}");
        if heard[before..].contains(words) {
            return heard.split_off(before);
        }
    }
}

#[test]
fn the_dashboard_has_its_rows_and_shows_what_is_counted() {
    let dashboard = dashboard();
    let rows =
        list(&dashboard, "panels").filter(|panel| panel["type"] == "row").map(|panel| panel["title"].as_str().unwrap());
    assert_eq!(rows.collect::<Vec<_>>(), ROWS);
    let ids: Vec<u64> = list(&dashboard, "panels").map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "a panel's id is its own");
    let asked: String = queries(&dashboard).into_iter().map(|(query, _)| query + "\n").collect();
    // What a witness counts is no gateway's.
    let metrics = comity::metrics::table::ALL.iter().map(|metric| metric.name);
    let of_a_gateway = |name: &&str| !["comity_witness_requests_total", "comity_witness_forks_total"].contains(name);
    let unseen: Vec<&str> = metrics.filter(of_a_gateway).filter(|name| !asked.contains(name)).collect();
    assert!(unseen.is_empty(), "nobody sees {unseen:?}");
}

#[test]
fn prometheus_takes_the_queries_of_the_dashboard() {
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (number, (query, _)) in queries(&dashboard()).iter().enumerate() {
        writeln!(rules, "      - record: query_{number}\n        expr: {}", Value::from(query.as_str())).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("dashboard.yaml"), rules).unwrap();
    let Some(said) = promtool(&["check", "rules", "dashboard.yaml"], directory.path()) else { return };
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{text}");
}
