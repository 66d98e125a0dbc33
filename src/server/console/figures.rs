//! The numbers that the console shows, read from the text that `/metrics` gives: so they cannot differ from it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metrics::table::{self, Metric};

/// A number of the console: the sum of all series of a metric that have these labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figure {
    /// The name of the metric.
    pub(super) name: String,
    /// The labels, by name. Labels that the console does not tell apart are missing.
    pub(super) labels: BTreeMap<String, String>,
    /// The sum.
    pub(super) value: f64,
}

/// A metric that the console shows.
struct Shown {
    metric: &'static Metric,
    /// The part of a histogram, as its series are named.
    part: &'static str,
    /// The labels that are told apart. Series that differ in others are added up.
    labels: &'static [&'static str],
}

const fn of(metric: &'static Metric, labels: &'static [&'static str]) -> Shown {
    Shown { metric, part: "", labels }
}

const SHOWN: [Shown; 32] = [
    of(&table::CALLS, &["agency", "code"]),
    of(&table::CALLS_IN_FLIGHT, &[]),
    of(&table::CALLS_DENIED, &["reason"]),
    of(&table::HANDSHAKES_REFUSED, &["reason"]),
    of(&table::CONNECTIONS, &["agency"]),
    of(&table::QUEUE_JOBS, &[]),
    of(&table::QUEUE_JOBS_MAX, &[]),
    of(&table::QUEUE_FULL, &[]),
    of(&table::LOG_ENTRIES, &["jurisdiction", "log"]),
    of(&table::LOG_HEAD, &["jurisdiction", "log"]),
    of(&table::WITNESS_LAG, &["jurisdiction", "log"]),
    of(&table::STORE_AWAY, &[]),
    of(&table::DISK_AVAILABLE, &[]),
    of(&table::DISK_SIZE, &[]),
    of(&table::SAMPLED, &[]),
    Shown { metric: &table::COMMIT_DURATION, part: "_sum", labels: &[] },
    Shown { metric: &table::COMMIT_DURATION, part: "_count", labels: &[] },
    of(&table::CERTIFICATE_EXPIRY, &[]),
    of(&table::REVOCATION_LIST_EXPIRY, &[]),
    of(&table::AUTHORITY_EXPIRY, &[]),
    of(&table::PARTNER_EXPIRY, &["agency"]),
    of(&table::AUDIT_LINES_LOST, &[]),
    of(&table::CLOCKS_OVERDUE, &["jurisdiction"]),
    of(&table::REVIEWS_WAITING, &["jurisdiction"]),
    of(&table::REVIEWS_OVERDUE, &["jurisdiction"]),
    of(&table::OBLIGATIONS_OVERDUE, &["jurisdiction"]),
    of(&table::RELEASED_UNDECIDED, &[]),
    of(&table::OVER_HOLDS, &[]),
    of(&table::UNLAWFUL_HAND_OVERS, &[]),
    of(&table::INBOX_STREAMS, &["agency"]),
    of(&table::INBOX_WAITING, &["agency", "jurisdiction"]),
    of(&table::INBOX_OLDEST_WAITING, &["agency", "jurisdiction"]),
];

/// Reads the numbers that the console shows, by name and labels.
pub(super) fn read(text: &str) -> Vec<Figure> {
    let mut sums: BTreeMap<(String, BTreeMap<String, String>), f64> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let is_shown = |shown: &&Shown| name.strip_suffix(shown.part) == Some(shown.metric.name);
        let (Some(shown), Ok(value)) = (SHOWN.iter().find(is_shown), value.parse::<f64>()) else { continue };
        // No label holds a comma or a quotation mark: each is a word of this program, an agency or a jurisdiction.
        let pairs = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
        let kept = pairs.filter(|(label, _)| shown.labels.contains(label));
        let labels = kept.map(|(label, value)| (label.to_owned(), value.trim_matches('"').to_owned())).collect();
        *sums.entry((name.to_owned(), labels)).or_default() += value;
    }
    sums.into_iter().map(|((name, labels), value)| Figure { name, labels, value }).collect()
}

/// The figures of a metric.
pub(super) fn of_metric<'a>(figures: &'a [Figure], metric: &'static Metric) -> impl Iterator<Item = &'a Figure> {
    figures.iter().filter(|figure| figure.name == metric.name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::ids::AgencyId;
    use crate::metrics::Metrics;

    #[test]
    fn series_are_added_up_over_the_labels_that_are_not_told_apart() {
        let metrics = Metrics::new();
        let (ice, doccs): (AgencyId, AgencyId) = ("us-ice".parse().unwrap(), "us-ny-doccs".parse().unwrap());
        for (method, code, agency, more) in
            [("A/B", "OK", &ice, 2), ("A/C", "OK", &ice, 3), ("A/C", "NOT_FOUND", &ice, 7), ("A/C", "OK", &doccs, 11)]
        {
            metrics.add(&table::CALLS, &[method.into(), code.into(), agency.into()], more);
        }
        metrics.observe_duration(&table::COMMIT_DURATION, &[], Duration::from_millis(500));
        metrics.set_gauge(&table::RESIDENT_MEMORY, &[], 5);
        metrics.upkeep();
        let figures = read(&metrics.render());
        let shown: Vec<_> = of_metric(&figures, &table::CALLS)
            .map(|figure| {
                (figure.labels.values().map(String::as_str).collect::<Vec<_>>().join(" "), figure.value.to_string())
            })
            .collect();
        let expected = [("us-ice NOT_FOUND", "7"), ("us-ice OK", "5"), ("us-ny-doccs OK", "11")];
        assert_eq!(shown, expected.map(|(labels, value)| (labels.to_owned(), value.to_owned())));
        let value = |name: &str| figures.iter().find(|figure| figure.name == name).map(|figure| figure.value);
        assert_eq!(value("comity_commit_duration_seconds_sum"), Some(0.5));
        assert_eq!(value("comity_commit_duration_seconds_count"), Some(1.0));
        assert_eq!(value("comity_commit_duration_seconds_bucket"), None);
        assert_eq!(value("process_resident_memory_bytes"), None, "it is not shown");
    }

    #[test]
    fn only_labels_that_a_metric_has_are_told_apart() {
        for shown in SHOWN {
            assert!(shown.labels.iter().all(|label| shown.metric.labels.contains(label)), "{}", shown.metric.name);
        }
    }
}
