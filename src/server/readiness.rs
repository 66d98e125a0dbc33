//! `/readyz`: whether calls are accepted, and with `?verbose` a line for each check, as Kubernetes prints them.

use axum::http::StatusCode;
use tokio::sync::watch;

use crate::audit::Away;
use crate::server::condition::Phase;
use crate::server::live_gauges::LiveGauges;

/// What probes report.
#[derive(Debug, Clone)]
pub(super) struct ProbeSources {
    /// Why the newest policies are not in force.
    pub(super) policies: watch::Receiver<Option<String>>,
    /// Why the newest configuration is not in force, or what of it waits for a restart.
    pub(super) configuration: watch::Receiver<Vec<String>>,
    /// Warnings about certificates and revocation lists.
    pub(super) certificates: watch::Receiver<Vec<String>>,
    /// The condition of the gateway, and its metrics.
    pub(super) live: LiveGauges,
}

/// Whether a gateway with a fault can accept calls all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// It cannot.
    Needed,
    /// It can: operators should look at it, and a load balancer should not mind.
    Advisory,
}

/// A check, and what is at fault. `None`: nothing is.
#[derive(Debug)]
pub(super) struct Check(pub(super) &'static str, pub(super) Weight, pub(super) Option<String>);

/// Ready or not, with what to look at below.
pub(super) fn answer(probed: &ProbeSources, query: Option<&str>) -> (StatusCode, String) {
    let phase = probed.live.condition.phase();
    let code = if phase == Phase::Serving { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let is_verbose = |query: &str| query.split('&').any(|part| part.split('=').next() == Some("verbose"));
    let lines = if query.is_some_and(is_verbose) { verbose(probed, phase) } else { brief(probed, phase) };
    (code, lines.join("\n") + "\n")
}

/// The first line says ready or not. The lines below are warnings.
fn brief(probed: &ProbeSources, phase: Phase) -> Vec<String> {
    let mut lines = vec![phase.word().to_owned()];
    lines.extend(probed.policies.borrow().as_ref().map(|reason| format!("policy set not taken up: {reason}")));
    lines.extend(probed.configuration.borrow().iter().map(|about| format!("configuration: {about}")));
    lines.extend(probed.certificates.borrow().iter().cloned());
    lines.extend(audit_fault(probed));
    lines
}

fn verbose(probed: &ProbeSources, phase: Phase) -> Vec<String> {
    let mut lines: Vec<String> = checks(probed, phase).into_iter().map(Check::line).collect();
    let outcome = if phase == Phase::Serving { "passed" } else { "failed" };
    lines.push(format!("readyz check {outcome}"));
    lines
}

/// Each check, as of now.
pub(super) fn checks(probed: &ProbeSources, phase: Phase) -> [Check; 11] {
    let condition = &probed.live.condition;
    let unless = |well: bool, fault: &str| (!well).then(|| fault.to_owned());
    let warnings = probed.certificates.borrow().join("; ");
    let configuration = probed.configuration.borrow().join("; ");
    [
        Check("startup", Weight::Needed, unless(phase != Phase::Starting, "it is starting")),
        Check("writer", Weight::Needed, unless(phase != Phase::WriterStopped, "it has stopped")),
        Check("store", Weight::Needed, unless(phase.has_store(), "it takes no writes")),
        Check("policy", Weight::Needed, unless(phase.has_law(), "another set is in force than the one here")),
        Check("audit", Weight::Needed, audit_fault(probed)),
        Check("maintenance", Weight::Needed, unless(phase != Phase::Maintenance, "an operator has begun maintenance")),
        Check("shutdown", Weight::Needed, unless(phase != Phase::Draining, "it is draining")),
        Check("clock", Weight::Advisory, unless(!condition.clocks_are_late(), "legal clocks are overdue")),
        Check("witness", Weight::Advisory, unless(!condition.is_uncosigned(), "a log is not cosigned by a quorum")),
        Check("configuration", Weight::Advisory, unless(configuration.is_empty(), &configuration)),
        Check("certificates", Weight::Advisory, unless(warnings.is_empty(), &warnings)),
    ]
}

fn audit_fault(probed: &ProbeSources) -> Option<String> {
    let lost = probed.live.audit.as_ref().map_or(0, |audit| audit.lost());
    Some(match probed.live.condition.audit_away()? {
        Away::Unwritable => format!("audit lines are lost: {lost} so far"),
        Away::NoRoom => format!("there is no room for audit lines: {lost} calls and lines lost so far"),
    })
}

impl Check {
    fn line(self) -> String {
        let Self(name, weight, fault) = self;
        match (fault, weight) {
            (None, _) => format!("[+]{name} ok"),
            (Some(fault), Weight::Needed) => format!("[-]{name} failed: {fault}"),
            (Some(fault), Weight::Advisory) => format!("[-]{name} failed, ready all the same: {fault}"),
        }
    }
}
