//! What the console shows at a moment, as its page reads it. It holds what `/metrics` and `/readyz` say and nothing else:
//! words of this program, agencies and jurisdictions, and no person.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::accept::Expiries;
use crate::metrics::table::{self, Metric};
use crate::server::condition::Phase;
use crate::server::console::figures::{self, Figure};
use crate::server::console::recent::{Recent, Totals, WINDOW};
use crate::server::readiness::{self, ProbeSources, Weight};
use crate::server::sampling::DELIVERY_LATE_AFTER;

/// What ends sooner than this is marked, where nothing is known of when it began.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The gateway at a moment.
#[derive(Debug, Serialize)]
pub(super) struct Snapshot {
    /// When it was taken.
    at: Timestamp,
    phase: &'static str,
    /// Whether calls are accepted.
    serving: bool,
    checks: Vec<Check>,
    /// An agency for which something has waited for longer than this is behind.
    behind_after_s: i64,
    denied: Denied,
    expiries: Vec<Expiry>,
    figures: Vec<Figure>,
}

/// A check of `/readyz?verbose`.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    /// Whether calls are refused while it fails.
    needed: bool,
    fault: Option<String>,
}

/// What was denied lately.
#[derive(Debug, Serialize)]
struct Denied {
    /// What is meant by lately, at most.
    window_s: u64,
    /// Over how long it was counted.
    over_s: u64,
    reasons: Vec<DeniedFor>,
}

#[derive(Debug, Serialize)]
struct DeniedFor {
    /// A call or a connection.
    what: &'static str,
    reason: String,
    count: f64,
}

/// Something that ends.
#[derive(Debug, Serialize)]
struct Expiry {
    what: &'static str,
    /// The end, among the figures.
    #[serde(flatten)]
    ends: Figure,
    /// Whether somebody should see to it.
    soon: bool,
}

impl Snapshot {
    /// Reads a snapshot from the text of the metrics. `now` is the time by which certificates are judged.
    pub(super) fn of(
        figures: Vec<Figure>,
        probed: &ProbeSources,
        now: Timestamp,
        (running, recent): (Duration, &Recent),
    ) -> Self {
        let phase = probed.live.condition.phase();
        let checks = readiness::checks(probed, phase).into_iter().map(|readiness::Check(name, weight, fault)| Check {
            name,
            needed: weight == Weight::Needed,
            fault,
        });
        let (over, grown) = recent.growth(running, &denials(&figures));
        let reasons = grown.into_iter().map(|((what, reason), count)| DeniedFor { what, reason, count }).collect();
        Self {
            at: now,
            phase: phase.word(),
            serving: phase == Phase::Serving,
            checks: checks.collect(),
            behind_after_s: DELIVERY_LATE_AFTER.as_secs(),
            denied: Denied { window_s: WINDOW.as_secs(), over_s: over.as_secs(), reasons },
            expiries: expiries(&figures, &probed.live.tls.expiries(), now),
            figures,
        }
    }
}

/// How much was denied since the start, by what and why.
pub(super) fn denials(figures: &[Figure]) -> Totals {
    [("call", &table::CALLS_DENIED), ("connection", &table::HANDSHAKES_REFUSED)]
        .into_iter()
        .flat_map(|(what, metric)| {
            let by_reason = move |figure: &Figure| Some(((what, figure.labels.get("reason")?.clone()), figure.value));
            figures::of_metric(figures, metric).filter_map(by_reason)
        })
        .collect()
}

/// What ends, the first to end first. The gateway's certificate and the lists are marked when their own warnings are.
fn expiries(figures: &[Figure], known: &Expiries, now: Timestamp) -> Vec<Expiry> {
    let seconds = |ends: &Figure| Duration::try_from_secs_f64(ends.value).unwrap_or_default();
    let end = |ends: &Figure| SignedDuration::try_from(seconds(ends)).unwrap_or(SignedDuration::MAX);
    let left = |ends: &Figure| end(ends).saturating_sub(now.duration_since(Timestamp::UNIX_EPOCH));
    let all: [(&'static str, &'static Metric, bool); 4] = [
        ("the gateway's certificate", &table::CERTIFICATE_EXPIRY, known.own_ends_soon(now)),
        ("the first revocation list", &table::REVOCATION_LIST_EXPIRY, known.a_list_ends_soon(now)),
        ("the first authority's certificate", &table::AUTHORITY_EXPIRY, false),
        ("certificate", &table::PARTNER_EXPIRY, false),
    ];
    let mut expiries: Vec<Expiry> = Vec::new();
    for (what, metric, warned) in all {
        let judged_by_term = metric.name == table::REVOCATION_LIST_EXPIRY.name;
        expiries.extend(figures::of_metric(figures, metric).map(|ends| Expiry {
            what,
            ends: ends.clone(),
            soon: warned || !judged_by_term && left(ends) < ENDS_SOON,
        }));
    }
    expiries.sort_by(|one, other| one.ends.value.total_cmp(&other.ends.value));
    expiries
}
