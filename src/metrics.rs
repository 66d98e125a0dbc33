//! Metrics of a running gateway, in the text format of Prometheus.
//!
//! Each gateway has its own [`Metrics`], handed to whatever counts. There is no global instance, because several
//! gateways run in one process in tests. A label can only be a word of this program, an agency of the registry, or a
//! configured jurisdiction. So no caller's text and no person can appear in one, and the number of values is bounded.
//!
//! To add a metric: a row in `table.rs`, a line in docs/metrics.md (a test compares the two), and
//! `metrics.increment(&table::NAME, &[label.into()])` where it happens.

pub mod table;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::metrics::{Gauge, Key, Label as Pair, Level, Metadata, Recorder as _};
use jiff::Timestamp;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::metrics::table::{Kind, Metric};

/// How often observations are aggregated at least. Otherwise they would accumulate while nobody scrapes.
pub const UPKEEP_EVERY: Duration = Duration::from_secs(5);

const METADATA: Metadata<'static> = Metadata::new("comity", Level::INFO, None);

/// The value of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// A fixed word of this program.
    Word(&'static str),
    /// An agency of the registry.
    Agency(AgencyId),
    /// A jurisdiction whose logs are kept here.
    Jurisdiction(JurisdictionId),
}

impl From<&'static str> for Label {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

impl From<&AgencyId> for Label {
    fn from(agency: &AgencyId) -> Self {
        Self::Agency(agency.clone())
    }
}

impl From<&JurisdictionId> for Label {
    fn from(jurisdiction: &JurisdictionId) -> Self {
        Self::Jurisdiction(jurisdiction.clone())
    }
}

/// The metrics of one gateway.
#[derive(Debug)]
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// The policy set in force. Not a gauge of the recorder, which would keep the digest of every earlier set for ever.
    policy_set: Mutex<Option<[u8; 32]>>,
}

impl Metrics {
    /// Starts every metric without labels at zero, but for times: zero would be 1970.
    pub fn new() -> Arc<Self> {
        let recorder = builder().build_recorder();
        let handle = recorder.handle();
        let metrics = Self { recorder, handle, policy_set: Mutex::default() };
        for metric in table::ALL {
            metrics.describe(metric);
        }
        Arc::new(metrics)
    }

    /// Adds one to a counter.
    pub fn increment(&self, metric: &'static Metric, labels: &[Label]) {
        self.add(metric, labels, 1);
    }

    /// Adds `more` to a counter. Adding zero makes the counter appear before anything has happened.
    pub fn add(&self, metric: &'static Metric, labels: &[Label], more: u64) {
        self.recorder.register_counter(&key(metric, labels), &METADATA).increment(more);
    }

    /// Sets a counter that is counted elsewhere and never decreases.
    pub fn set_counter(&self, metric: &'static Metric, labels: &[Label], total: u64) {
        self.recorder.register_counter(&key(metric, labels), &METADATA).absolute(total);
    }

    /// Records how long something took.
    pub fn observe_duration(&self, metric: &'static Metric, labels: &[Label], time: Duration) {
        self.recorder.register_histogram(&key(metric, labels), &METADATA).record(time.as_secs_f64());
    }

    /// Records how large something was.
    pub fn observe_size(&self, metric: &'static Metric, labels: &[Label], size: usize) {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        self.recorder.register_histogram(&key(metric, labels), &METADATA).record(number(size));
    }

    /// Sets a gauge.
    pub fn set_gauge(&self, metric: &'static Metric, labels: &[Label], level: u64) {
        self.recorder.register_gauge(&key(metric, labels), &METADATA).set(number(level));
    }

    /// Adds one to a gauge.
    pub fn increment_gauge(&self, metric: &'static Metric) {
        self.recorder.register_gauge(&key(metric, &[]), &METADATA).increment(1.0);
    }

    /// Subtracts one from a gauge.
    pub fn decrement_gauge(&self, metric: &'static Metric) {
        self.recorder.register_gauge(&key(metric, &[]), &METADATA).decrement(1.0);
    }

    /// Adds one to a gauge until the guard is dropped.
    pub fn hold(&self, metric: &'static Metric, labels: &[Label]) -> GaugeGuard {
        let gauge = self.recorder.register_gauge(&key(metric, labels), &METADATA);
        gauge.increment(1.0);
        GaugeGuard(gauge)
    }

    /// Sets a gauge to a span of time, in seconds.
    pub fn set_duration(&self, metric: &'static Metric, labels: &[Label], time: Duration) {
        self.recorder.register_gauge(&key(metric, labels), &METADATA).set(time.as_secs_f64());
    }

    /// Sets a gauge to a time, in seconds since 1970.
    pub fn set_timestamp(&self, metric: &'static Metric, labels: &[Label], at: Timestamp) {
        let seconds = Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default();
        self.set_duration(metric, labels, seconds);
    }

    /// Sets the policy set in force.
    pub fn set_policy_set(&self, digest: [u8; 32]) {
        *self.policy_set.lock().unwrap_or_else(PoisonError::into_inner) = Some(digest);
    }

    /// All metrics, in the text format of Prometheus.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        let digest = *self.policy_set.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = digest {
            let Metric { name, help, .. } = table::POLICY_SET;
            let digest = hex::encode(digest);
            // Writing to a string cannot fail.
            let _always = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name}{{digest=\"{digest}\"}} 1\n");
        }
        text
    }

    /// Aggregates observations. Call it every [`UPKEEP_EVERY`].
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    fn describe(&self, metric: &'static Metric) {
        match metric.kind {
            Kind::Counter => {
                self.recorder.describe_counter(metric.name.into(), None, metric.help.into());
                if metric.labels.is_empty() {
                    self.add(metric, &[], 0);
                }
            }
            Kind::Gauge => {
                self.recorder.describe_gauge(metric.name.into(), None, metric.help.into());
                if metric.labels.is_empty() && !metric.name.ends_with("_timestamp_seconds") {
                    self.set_gauge(metric, &[], 0);
                }
            }
            Kind::Info => {}
            Kind::Durations | Kind::Sizes => {
                self.recorder.describe_histogram(metric.name.into(), None, metric.help.into());
            }
        }
    }
}

/// One that was added to a gauge, and is subtracted when this is dropped.
pub struct GaugeGuard(Gauge);

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl std::fmt::Debug for GaugeGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GaugeGuard")
    }
}

fn builder() -> PrometheusBuilder {
    let mut builder = PrometheusBuilder::new();
    for metric in table::ALL {
        let buckets: &[f64] = match metric.kind {
            Kind::Durations => &table::DURATION_BUCKETS,
            Kind::Sizes => &table::SIZE_BUCKETS,
            Kind::Counter | Kind::Gauge | Kind::Info => continue,
        };
        // Fails only for empty buckets, and these are not empty. Without buckets the metric would become a summary.
        let name = Matcher::Full(metric.name.to_owned());
        builder = builder.set_buckets_for_metric(name, buckets).unwrap_or_else(|_| PrometheusBuilder::new());
    }
    builder
}

fn key(metric: &'static Metric, labels: &[Label]) -> Key {
    debug_assert_eq!(metric.labels.len(), labels.len(), "{} has other labels", metric.name);
    let pairs = metric.labels.iter().zip(labels).map(|(name, value)| match value {
        Label::Word(word) => Pair::from_static_parts(name, word),
        Label::Agency(agency) => Pair::new(*name, agency.to_string()),
        Label::Jurisdiction(jurisdiction) => Pair::new(*name, jurisdiction.to_string()),
    });
    Key::from_parts(metric.name, pairs.collect::<Vec<_>>())
}

/// A number as Prometheus has it: the nearest that a float can hold.
fn number(level: u64) -> f64 {
    let part = |bits: u64| f64::from(u32::try_from(bits).unwrap_or(u32::MAX));
    part(level >> 32) * 4_294_967_296.0 + part(level & u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_stands_in_the_text_as_it_was_counted_and_in_no_other_gateways() {
        let (metrics, other) = (Metrics::new(), Metrics::new());
        let agency: AgencyId = "us-ice".parse().unwrap();
        let called = ["comity.v1.LedgerService/GetCheckpoint".into(), "OK".into(), (&agency).into()];
        metrics.increment(&table::CALLS, &called);
        metrics.increment(&table::CALLS, &called);
        metrics.observe_duration(&table::COMMIT_DURATION, &[], Duration::from_millis(7));
        metrics.increment_gauge(&table::CALLS_IN_FLIGHT);
        metrics.set_gauge(&table::DISK_SIZE, &[], 5_000_000_000_000);
        let _open = metrics.hold(&table::INBOX_STREAMS, &[(&agency).into()]);
        drop(metrics.hold(&table::INBOX_STREAMS, &[(&agency).into()]));
        metrics.upkeep();
        metrics.set_policy_set([7; 32]);
        metrics.set_policy_set([8; 32]);
        let text = metrics.render();
        for line in [
            "# TYPE comity_calls_total counter",
            r#"comity_calls_total{method="comity.v1.LedgerService/GetCheckpoint",code="OK",agency="us-ice"} 2"#,
            r#"comity_inbox_streams{agency="us-ice"} 1"#,
            "comity_disk_size_bytes 5000000000000",
            "comity_calls_in_flight 1",
            "comity_queue_full_total 0",
            r#"comity_commit_duration_seconds_bucket{le="0.005"} 0"#,
            r#"comity_commit_duration_seconds_bucket{le="0.01"} 1"#,
            "comity_commit_duration_seconds_count 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert_eq!(text.matches("comity_policy_set_info{").count(), 1, "{text}");
        assert!(text.contains(&hex::encode([8; 32])));
        assert!(!other.render().contains("GetCheckpoint"));
    }
}
