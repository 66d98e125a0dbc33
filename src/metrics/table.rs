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
    CALLS = "comity_calls_total", Counter, ["method", "code"],
        "Calls that ended, by method (unknown: none of the contract) and gRPC code.";
    /// How long calls took.
    CALL_DURATION = "comity_call_duration_seconds", Durations, ["method"],
        "From the head of a call to the end of its answer; of a stream, as long as it was open.";
    /// Calls under way.
    CALLS_IN_FLIGHT = "comity_calls_in_flight", Gauge, [],
        "Calls under way, open streams among them.";
    /// Calls denied.
    CALLS_DENIED = "comity_calls_denied_total", Counter, ["reason"],
        "Calls that left an audit line because they were denied, by the reason given.";
    /// Writes refused because the queue was full.
    QUEUE_FULL = "comity_queue_full_total", Counter, [],
        "Writes and deliveries refused because the queue of the writer was full.";
    /// Entries recorded.
    ENTRIES = "comity_entries_recorded_total", Counter, ["jurisdiction", "log"],
        "Entries made durable since the start, by jurisdiction and log.";
    /// Jobs in a batch.
    BATCH_JOBS = "comity_batch_jobs", Sizes, [],
        "Writes and deliveries that one batch took.";
    /// Databases that are unreachable.
    STORE_AWAY = "comity_store_away", Gauge, [],
        "Shards of the store whose database cannot be reached, or takes no writes: writes wait for it.";
    /// How often a database became unreachable.
    STORE_INTERRUPTIONS = "comity_store_interruptions_total", Counter, [],
        "Times a database went away under a writer, each until it was back.";
    /// How long commits took.
    COMMIT_DURATION = "comity_commit_duration_seconds", Durations, [],
        "How long the store took to make a batch durable.";
    /// The set in force.
    POLICY_SET = "comity_policy_set_info", Info, ["digest"],
        "The policy set that answers, by its digest.";
    /// Reloads of the policy set.
    POLICY_RELOADS = "comity_policy_reloads_total", Counter, ["outcome"],
        "Policy sets that were read anew: activated, unchanged, or failed and left aside.";
    /// When the policy set in force was activated here.
    POLICY_ACTIVATED = "comity_policy_activated_timestamp_seconds", Gauge, [],
        "When this process took up the policy set that answers.";
    /// Reloads of certificates.
    CERTIFICATE_RELOADS = "comity_certificate_reloads_total", Counter, ["outcome"],
        "Certificates and revocation lists that were read anew: activated, or failed and left aside.";
    /// End of the gateway's own certificate.
    CERTIFICATE_EXPIRY = "comity_certificate_expiry_timestamp_seconds", Gauge, [],
        "When the gateway's own certificate ends.";
    /// End of revocation lists.
    REVOCATION_LIST_EXPIRY = "comity_revocation_list_expiry_timestamp_seconds", Gauge, [],
        "When the first of the authorities' newest revocation lists ends: after that an authority's agencies are refused.";
    /// Audit lines lost.
    AUDIT_LINES_LOST = "comity_audit_lines_lost_total", Counter, [],
        "Audit lines that could not be written to their file.";
    /// Clocks fired.
    CLOCKS_FIRED = "comity_clocks_fired_total", Counter, ["clock"],
        "Legal clocks that fired, by what they counted down to; repetitions of an alarm among them.";
    /// Persons held too long.
    OVER_HOLDS = "comity_over_holds_total", Counter, [],
        "Persons whose hold ran out with no release recorded, each counted once.";
    /// Unlawful hand-overs.
    UNLAWFUL_HAND_OVERS = "comity_unlawful_hand_overs_total", Counter, [],
        "Hand-overs to a requester that were recorded and that the law did not allow.";
    /// Reviews that a release overtook.
    RELEASED_UNDECIDED = "comity_reviews_released_undecided_total", Counter, ["matter"],
        "Reviews that a release overtook before an officer had decided them, by what was left to one.";
    /// Promises suspended.
    PROMISES_SUSPENDED = "comity_promises_suspended_total", Counter, [],
        "Promises of hold or notice that the law came to forbid or to leave to a person.";
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
            assert!(name.starts_with("comity_") && plain(name), "{name}");
            assert!(labels.iter().all(|label| plain(label)), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(*kind != Kind::Durations || name.ends_with("_seconds"), "{name}");
            assert!(help.ends_with('.') && !help.contains(['\n', '\\', '"']), "{name}");
            assert_eq!(ALL.iter().filter(|other| other.name == *name).count(), 1, "{name}");
        }
    }

    /// The manual lists every metric, and no other.
    #[test]
    fn the_manual_lists_every_figure() {
        let manual = include_str!("../../docs/operations.md");
        let listed: Vec<&str> =
            manual.lines().filter_map(|line| line.strip_prefix("| `comity_")?.split('`').next()).collect();
        let known: Vec<&str> = ALL.iter().filter_map(|metric| metric.name.strip_prefix("comity_")).collect();
        assert_eq!(listed, known);
        for metric in ALL {
            let labels = metric.labels.join("`, `");
            let row = manual.lines().find(|line| line.starts_with(&format!("| `{}`", metric.name))).unwrap();
            assert!(labels.is_empty() || row.contains(&format!("`{labels}`")), "{row}");
        }
    }
}
