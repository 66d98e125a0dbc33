//! The metrics and labels that a query names. Whether it is a query at all is for Prometheus to say.

use std::collections::BTreeSet;

use crate::watching::scrape::Scrape;

/// Labels that Prometheus gives to whatever it scrapes.
const OF_THE_SCRAPE: [&str; 2] = ["job", "instance"];
/// What Prometheus makes itself of each scrape.
const OF_PROMETHEUS: &str = "up";

const GROUPING: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 5] = ["and", "or", "unless", "offset", "bool"];

/// What a query names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Each selector: its metrics, of which there are several if they are chosen by a pattern, and the labels it matches.
    pub(super) selectors: Vec<(Vec<String>, BTreeSet<String>)>,
    /// Labels that are grouped by, or joined on.
    pub(super) groups: BTreeSet<String>,
}

impl Names {
    pub(super) fn of(query: &str) -> Self {
        let mut names = Self::default();
        let mut rest = query;
        while let Some(next) = rest.chars().next() {
            if next == '"' {
                rest = after(&rest[1..], '"');
            } else if next == '[' {
                rest = after(rest, ']');
            } else if next == '{' {
                rest = names.selector(None, rest);
            } else if next.is_ascii_alphanumeric() || next == '_' || next == '.' {
                let end =
                    rest.find(|one: char| !(one.is_ascii_alphanumeric() || "_.:".contains(one))).unwrap_or(rest.len());
                let (word, behind) = rest.split_at(end);
                rest = names.word(word, behind);
            } else {
                rest = &rest[next.len_utf8()..];
            }
        }
        names
    }

    fn word<'q>(&mut self, word: &str, behind: &'q str) -> &'q str {
        let ahead = behind.trim_start();
        if word.starts_with(|first: char| first.is_ascii_digit() || first == '.') || OPERATORS.contains(&word) {
            behind
        } else if GROUPING.contains(&word) {
            let (labels, behind) = ahead.strip_prefix('(').unwrap().split_once(')').unwrap();
            self.groups
                .extend(labels.split(',').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()));
            behind
        } else if ahead.starts_with('{') {
            self.selector(Some(word), ahead)
        } else if ahead.starts_with('(') || GROUPING.iter().any(|grouping| ahead.starts_with(grouping)) {
            // A function, or an aggregation that says by what before it says of what.
            behind
        } else {
            self.selectors.push((vec![word.to_owned()], BTreeSet::new()));
            behind
        }
    }

    fn selector<'q>(&mut self, metric: Option<&str>, text: &'q str) -> &'q str {
        let mut metrics: Vec<String> = metric.iter().map(|name| (*name).to_owned()).collect();
        let (mut labels, mut rest) = (BTreeSet::new(), &text[1..]);
        while let Some((label, value)) = rest.split_once('"').filter(|(label, _)| !label.contains('}')) {
            let label = label.trim_matches(|one: char| " ,\n=!~".contains(one));
            let (value, behind) = value.split_once('"').unwrap();
            if label == "__name__" {
                metrics.extend(value.split('|').map(str::to_owned));
            } else {
                labels.insert(label.to_owned());
            }
            rest = behind;
        }
        self.selectors.push((metrics, labels));
        after(rest, '}')
    }

    /// What of it no scrape would answer.
    pub(super) fn unknown(&self, scrape: &Scrape) -> Vec<String> {
        let mut unknown = Vec::new();
        let mut known: BTreeSet<&str> = OF_THE_SCRAPE.into();
        for (metrics, labels) in &self.selectors {
            for metric in metrics.iter().filter(|metric| *metric != OF_PROMETHEUS) {
                let Some(own) = scrape.labels.get(metric) else {
                    unknown.push(metric.clone());
                    continue;
                };
                known.extend(own.iter().map(String::as_str));
                let strange =
                    labels.iter().filter(|label| !own.contains(*label) && !OF_THE_SCRAPE.contains(&label.as_str()));
                unknown.extend(strange.map(|label| format!("{metric}{{{label}}}")));
            }
        }
        unknown.extend(self.groups.iter().filter(|label| !known.contains(label.as_str())).cloned());
        unknown
    }
}

fn after(text: &str, end: char) -> &str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

#[test]
fn names_are_found_wherever_they_stand() {
    let check = |query: &str, selectors: &[(&[&str], &[&str])], groups: &[&str]| {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let selectors = selectors.iter().map(|(metrics, labels)| (owned(metrics), owned(labels).into_iter().collect()));
        let expected = Names { selectors: selectors.collect(), groups: owned(groups).into_iter().collect() };
        assert_eq!(Names::of(query), expected, "{query}");
    };
    check("up == 0", &[(&["up"], &[])], &[]);
    check(r#"a{b="c", d=~"e|f{}"} > 0.5"#, &[(&["a"], &["b", "d"])], &[]);
    check(
        "sum by (x, y) (rate(a[5m] offset 1d)) / on (z) b_total",
        &[(&["a"], &[]), (&["b_total"], &[])],
        &["x", "y", "z"],
    );
    check(r#"min({__name__=~"a|b", c!="d"}) - time()"#, &[(&["a", "b"], &["c"])], &[]);
    check("a and on () b unless c", &[(&["a"], &[]), (&["b"], &[]), (&["c"], &[])], &[]);
    check("sum(a) by (x)", &[(&["a"], &[])], &["x"]);
    check("histogram_quantile(0.99, sum by (le) (rate(a_bucket{}[5m])))", &[(&["a_bucket"], &[])], &["le"]);
}
