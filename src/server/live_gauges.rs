//! Metrics that are read when somebody scrapes. All of them are in memory already, so that nothing is counted twice and a
//! scrape costs the writer nothing.

use std::sync::Arc;

use crate::accept::TlsState;
use crate::audit::AuditFile;
use crate::metrics::{Label, Metrics, table};
use crate::recorder::{Handle, Heads};
use crate::server::condition::{Condition, Phase};
use crate::server::process::ProcessUse;

/// Where the metrics are read from.
#[derive(Debug, Clone)]
pub(super) struct LiveGauges {
    pub(super) condition: Condition,
    pub(super) tls: Arc<TlsState>,
    pub(super) recorder: Handle,
    pub(super) heads: Heads,
    pub(super) audit: Option<Arc<AuditFile>>,
    pub(super) metrics: Arc<Metrics>,
}

impl LiveGauges {
    /// All metrics as of now, in the text format of Prometheus.
    pub(super) fn render(&self) -> String {
        let Self { condition, recorder, heads, audit, metrics, .. } = self;
        metrics.set_counter(&table::AUDIT_LINES_LOST, &[], audit.as_ref().map_or(0, |audit| audit.lost()));
        let syslog_lost = audit.as_ref().map_or(0, |audit| audit.syslog_lost());
        metrics.set_counter(&table::AUDIT_SYSLOG_LOST, &[], syslog_lost);
        let now = condition.phase();
        for phase in Phase::ALL {
            metrics.set_gauge(&table::PHASE, &[phase.word().into()], u64::from(phase == now));
        }
        let queue = recorder.queue();
        metrics.set_gauge(&table::QUEUE_JOBS, &[], count(queue.jobs));
        metrics.set_gauge(&table::QUEUE_JOBS_MAX, &[], count(queue.max));
        for (log, head) in heads {
            let labels = [Label::from(&log.jurisdiction), log.kind.word().into()];
            metrics.set_gauge(&table::LOG_ENTRIES, &labels, *head.borrow());
        }
        self.connections();
        let process = ProcessUse::now();
        metrics.set_gauge(&table::RESIDENT_MEMORY, &[], process.resident_bytes);
        metrics.set_gauge(&table::OPEN_FILES, &[], process.open_files);
        metrics.set_gauge(&table::OPEN_FILES_MAX, &[], process.open_files_max);
        metrics.render()
    }

    fn connections(&self) {
        for (reason, total) in self.tls.refused() {
            self.metrics.set_counter(&table::HANDSHAKES_REFUSED, &[reason.into()], total);
        }
        for (agency, ends) in self.tls.certificate_ends() {
            self.metrics.set_timestamp(&table::PARTNER_EXPIRY, &[(&agency).into()], ends);
        }
        let connections = self.tls.connections_of_agencies();
        for agency in self.condition.agencies().keys() {
            let established = connections.get(agency).copied().unwrap_or(0);
            self.metrics.set_gauge(&table::CONNECTIONS, &[agency.into()], established);
        }
    }
}

fn count(level: usize) -> u64 {
    u64::try_from(level).unwrap_or(u64::MAX)
}
