//! Every metric: its name by the conventions of Prometheus, its help text, and its labels in order.

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, such as `comity_calls_total`.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its help text, in one line.
    pub help: &'static str,
    /// The names of its labels. Each has few values, all known in advance.
    pub labels: &'static [&'static str],
}

impl Metric {
    /// The unit of its values, which its name ends in where it has one.
    pub fn unit(&self) -> &'static str {
        let counted = self.name.trim_end_matches("_total");
        if counted.ends_with("_timestamp_seconds") {
            "seconds since 1970"
        } else if counted.ends_with("_seconds") {
            "seconds"
        } else if counted.ends_with("_bytes") {
            "bytes"
        } else {
            "count"
        }
    }
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Seconds, in buckets.
    Durations,
    /// Sizes, in buckets.
    Sizes,
    /// Always 1; the information is in its label.
    Info,
}

impl Kind {
    /// Its type in the text format of Prometheus.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge | Self::Info => "gauge",
            Self::Durations | Self::Sizes => "histogram",
        }
    }
}

/// Upper bounds of the duration buckets, in seconds: from an answer out of memory to the longest call.
pub(super) const DURATION_BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 10.0];
/// Upper bounds of the size buckets, up to the largest batch.
pub(super) const SIZE_BUCKETS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

macro_rules! table {
    ($($(#[$doc:meta])+ $id:ident = $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)+) => {
        $($(#[$doc])+ pub static $id: Metric =
            Metric { name: $name, kind: Kind::$kind, help: $help, labels: &[$($label),*] };)+

        /// All metrics.
        pub static ALL: &[&Metric] = &[$(&$id),+];
    };
}

table! {
    /// Calls ended.
    CALLS = "comity_calls_total", Counter, ["method", "code", "agency"],
        "Calls that ended, by method (unknown: none of the contract), gRPC code, and the agency of the certificate.";
    /// How long calls took.
    CALL_DURATION = "comity_call_duration_seconds", Durations, ["method"],
        "From the head of a call to the end of its answer; of a stream, as long as it was open.";
    /// How long an agency's calls took.
    AGENCY_CALL_DURATION = "comity_agency_call_duration_seconds", Durations, ["agency"],
        "The same of an agency's calls that are answered once; streams, which last as long as they are open, are left out.";
    /// Calls under way.
    CALLS_IN_FLIGHT = "comity_calls_in_flight", Gauge, [],
        "Calls under way, open streams among them.";
    /// Calls denied.
    CALLS_DENIED = "comity_calls_denied_total", Counter, ["reason"],
        "Calls that left an audit line because they were denied, by the reason given.";
    /// Connections refused.
    HANDSHAKES_REFUSED = "comity_handshakes_refused_total", Counter, ["reason"],
        "Connections that ended before the first call, by the reason of their audit line.";
    /// Connections of each agency.
    CONNECTIONS = "comity_connections", Gauge, ["agency"],
        "Connections that are established.";
    /// The phase of the gateway.
    PHASE = "comity_phase", Gauge, ["phase"],
        "1 for the phase that the gateway is in, 0 for every other; ready is serving.";
    /// Jobs that wait for the writer.
    QUEUE_JOBS = "comity_queue_jobs", Gauge, [],
        "Jobs that wait for the writer; of several shards, for the one with the longest queue.";
    /// Most jobs that may wait.
    QUEUE_JOBS_MAX = "comity_queue_jobs_max", Gauge, [],
        "Most jobs that may wait for a writer.";
    /// Writes refused because the queue was full.
    QUEUE_FULL = "comity_queue_full_total", Counter, [],
        "Writes and deliveries refused because the queue of the writer was full.";
    /// Entries recorded.
    ENTRIES = "comity_entries_recorded_total", Counter, ["jurisdiction", "log"],
        "Entries made durable since the start, by jurisdiction and log.";
    /// The size of each log.
    LOG_ENTRIES = "comity_log_entries", Gauge, ["jurisdiction", "log"],
        "Entries of a log that are durable, whichever gateway recorded them.";
    /// When the newest entry of each log was recorded.
    LOG_HEAD = "comity_log_head_timestamp_seconds", Gauge, ["jurisdiction", "log"],
        "When the newest entry of a log was recorded.";
    /// Jobs in a batch.
    BATCH_JOBS = "comity_batch_jobs", Sizes, [],
        "Writes and deliveries that one batch took.";
    /// Databases that are unreachable.
    STORE_AWAY = "comity_store_away", Gauge, [],
        "Shards of the store whose database cannot be reached, or takes no writes: writes wait for it.";
    /// How often a database became unreachable.
    STORE_INTERRUPTIONS = "comity_store_interruptions_total", Counter, [],
        "Times a database went away under a writer, each until it was back.";
    /// Room on the disk of the store.
    DISK_AVAILABLE = "comity_disk_available_bytes", Gauge, [],
        "Room that is left on the file system of the store; of several, on the fullest. Of databases alone there is none.";
    /// The size of that disk.
    DISK_SIZE = "comity_disk_size_bytes", Gauge, [],
        "Size of that file system.";
    /// When the store was last looked at.
    SAMPLED = "comity_sampled_timestamp_seconds", Gauge, [],
        "When the store was last read for the metrics that are sampled.";
    /// How long commits took.
    COMMIT_DURATION = "comity_commit_duration_seconds", Durations, [],
        "How long the store took to make a batch durable.";
    /// What the law said.
    DETERMINATIONS = "comity_determinations_total", Counter, ["jurisdiction", "act", "ruling"],
        "Rulings of the law that were recorded, by the act that was judged and what the law says of it.";
    /// The set in force.
    POLICY_SET = "comity_policy_set_info", Info, ["digest"],
        "The policy set that answers, by its digest.";
    /// Reloads of the policy set.
    POLICY_RELOADS = "comity_policy_reloads_total", Counter, ["outcome"],
        "Policy sets that were read anew: activated, unchanged, or failed and left aside.";
    /// When the policy set in force was activated here.
    POLICY_ACTIVATED = "comity_policy_activated_timestamp_seconds", Gauge, [],
        "When this process took up the policy set that answers.";
    /// Reloads of the configuration.
    CONFIGURATION_RELOADS = "comity_configuration_reloads_total", Counter, ["outcome"],
        "Configurations that were read again, with the registry, certificates and revocation lists: activated, or failed and left aside.";
    /// End of the gateway's own certificate.
    CERTIFICATE_EXPIRY = "comity_certificate_expiry_timestamp_seconds", Gauge, [],
        "When the gateway's own certificate ends.";
    /// End of revocation lists.
    REVOCATION_LIST_EXPIRY = "comity_revocation_list_expiry_timestamp_seconds", Gauge, [],
        "When the first of the authorities' newest revocation lists ends: after that an authority's agencies are refused.";
    /// End of the first authority's certificate.
    AUTHORITY_EXPIRY = "comity_authority_certificate_expiry_timestamp_seconds", Gauge, [],
        "When the first of the authorities' certificates ends.";
    /// End of agencies' certificates.
    PARTNER_EXPIRY = "comity_partner_certificate_expiry_timestamp_seconds", Gauge, ["agency"],
        "When the certificate ends that the agency last connected with; agencies that never did are missing.";
    /// Audit lines lost.
    AUDIT_LINES_LOST = "comity_audit_lines_lost_total", Counter, [],
        "Audit lines that could not be written to their file, those of calls refused for that among them.";
    /// Audit lines that syslog did not take.
    AUDIT_SYSLOG_LOST = "comity_audit_syslog_lost_total", Counter, [],
        "Audit lines that the syslog daemon did not take; they are in the file.";
    /// Clocks fired.
    CLOCKS_FIRED = "comity_clocks_fired_total", Counter, ["clock"],
        "Legal clocks that fired, by what they counted down to; repetitions of an alarm among them.";
    /// Clocks that should have fired.
    CLOCKS_OVERDUE = "comity_clocks_overdue", Gauge, ["jurisdiction"],
        "Legal clocks that fell due more than a minute ago and have not fired; at most 1000 are counted.";
    /// Persons held too long.
    OVER_HOLDS = "comity_over_holds_total", Counter, [],
        "Persons whose hold ran out with no release recorded, each counted once.";
    /// Unlawful hand-overs.
    UNLAWFUL_HAND_OVERS = "comity_unlawful_hand_overs_total", Counter, [],
        "Hand-overs to a requester that were recorded and that the law did not allow.";
    /// Reviews that wait.
    REVIEWS_WAITING = "comity_reviews_waiting", Gauge, ["jurisdiction"],
        "Reviews that wait for an officer; at most 1000 are counted.";
    /// Reviews that are overdue.
    REVIEWS_OVERDUE = "comity_reviews_overdue", Gauge, ["jurisdiction"],
        "Those of them that are past their time.";
    /// Obligations that are overdue.
    OBLIGATIONS_OVERDUE = "comity_obligations_overdue", Gauge, ["jurisdiction"],
        "Obligations of custodians that are past their time; at most 1000 are counted.";
    /// Reviews that a release overtook.
    RELEASED_UNDECIDED = "comity_reviews_released_undecided_total", Counter, ["matter"],
        "Reviews that a release overtook before an officer had decided them, by what was left to one.";
    /// Promises suspended.
    PROMISES_SUSPENDED = "comity_promises_suspended_total", Counter, [],
        "Promises of hold or notice that the law came to forbid or to leave to a person.";
    /// Subscriptions that are open.
    INBOX_STREAMS = "comity_inbox_streams", Gauge, ["agency"],
        "Subscriptions of an agency that are open at this gateway.";
    /// Entries that wait to be confirmed.
    INBOX_WAITING = "comity_inbox_waiting_entries", Gauge, ["agency", "jurisdiction"],
        "Entries for an agency that its consumer furthest behind has yet to confirm, 0 if it is idle; at most 1000 of each log are counted.";
    /// The age of the oldest of them.
    INBOX_OLDEST_WAITING = "comity_inbox_oldest_waiting_seconds", Gauge, ["agency", "jurisdiction"],
        "How long the oldest of them has waited since it was recorded, 0 if it is idle.";
    /// Pushes to witnesses.
    WITNESS_PUSHES = "comity_witness_pushes_total", Counter, ["outcome"],
        "Heads that were pushed to a witness: cosigned, behind, failed, or refused or ahead, which is an alarm.";
    /// Entries that no quorum has cosigned.
    WITNESS_LAG = "comity_witness_lag_entries", Gauge, ["jurisdiction", "log"],
        "Entries of a log that no quorum of its witnesses had cosigned when it was last pushed.";
    /// Requests to a witness.
    WITNESS_REQUESTS = "comity_witness_requests_total", Counter, ["outcome"],
        "Heads that this witness was asked to cosign, by its answer.";
    /// Forks that a witness found.
    WITNESS_FORKS = "comity_witness_forks_total", Counter, [],
        "Signed heads that do not extend what this witness had cosigned, each counted once.";
    /// Memory of the process.
    RESIDENT_MEMORY = "process_resident_memory_bytes", Gauge, [],
        "Memory of the process that is resident.";
    /// Open files of the process.
    OPEN_FILES = "process_open_fds", Gauge, [],
        "File descriptors that the process has open, sockets among them.";
    /// Most open files.
    OPEN_FILES_MAX = "process_max_fds", Gauge, [],
        "Most file descriptors that the process may have open.";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// <https://prometheus.io/docs/practices/naming/>
    #[test]
    fn names_follow_the_conventions() {
        for metric in ALL {
            let Metric { name, kind, help, labels } = metric;
            let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            // Those of the process have the names that every client library gives them.
            assert!((name.starts_with("comity_") || name.starts_with("process_")) && plain(name), "{name}");
            assert!(labels.iter().all(|label| plain(label)), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(*kind != Kind::Durations || name.ends_with("_seconds"), "{name}");
            assert!(help.ends_with('.') && !help.contains(['\n', '\\', '"']), "{name}");
            assert_eq!(ALL.iter().filter(|other| other.name == *name).count(), 1, "{name}");
        }
    }

    /// The manual lists every metric with its type, unit and labels, and no other.
    #[test]
    fn the_manual_lists_every_metric() {
        let manual = include_str!("../../docs/metrics.md");
        let rows = manual.lines().filter(|line| line.starts_with("| `comity_") || line.starts_with("| `process_"));
        let listed: Vec<Vec<&str>> = rows.map(|row| row.split(" | ").take(4).collect()).collect();
        let row = |metric: &Metric| {
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
            [format!("| `{}`", metric.name), metric.kind.word().to_owned(), metric.unit().to_owned(), labels]
        };
        let known: Vec<_> = ALL.iter().map(|metric| row(metric)).collect();
        assert_eq!(listed, known);
    }
}
