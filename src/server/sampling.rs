//! Metrics and health that need a look at the store. The store is looked at every few seconds, on a thread of its own, by
//! reads that an index answers: probes and scrapes are told what was found, and wait for nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::api::ParkedConsumersNow;
use crate::domain::agency::Caller;
use crate::domain::agenda::ItemKind;
use crate::domain::ids::{JurisdictionId, LogName};
use crate::feed::Outstanding;
use crate::metrics::{Label, Metrics, table};
use crate::recorder::{Clock, Heads};
use crate::server::condition::Late;
use crate::store::{AgendaFilter, ListedItem, Reader, StoreError};

/// How often the store is looked at.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// Most open items of a kind and jurisdiction that are counted.
const COUNTED_MAX: usize = 1_000;
/// A clock fires within a tick. One that is due for longer than this is late.
const CLOCK_LATE_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// An agency for which something waits for longer than this cannot be delivered to.
pub(super) const DELIVERY_LATE_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// Looks at the store.
#[derive(Debug)]
pub(super) struct Sampler {
    pub(super) reader: Arc<dyn Reader>,
    pub(super) heads: Heads,
    pub(super) clock: Clock,
    /// Files of stores, whose file systems may fill.
    pub(super) files: Vec<PathBuf>,
    pub(super) outstanding: Mutex<Outstanding>,
    /// Consumers that nothing waits for.
    pub(super) parked: ParkedConsumersNow,
    /// What was found to be late.
    pub(super) late: watch::Sender<Late>,
    pub(super) metrics: Arc<Metrics>,
}

impl Sampler {
    /// Looks for these agencies from now on.
    pub(super) fn set_agencies(&self, agencies: &[Caller]) {
        self.outstanding.lock().unwrap_or_else(PoisonError::into_inner).set_agencies(agencies);
    }

    /// Looks at the store once. Blocks.
    pub(super) fn sample(&self) {
        self.sample_disks();
        match self.sample_store() {
            Ok(late) => {
                self.metrics.set_timestamp(&table::SAMPLED, &[], self.clock.now());
                self.late.send_if_modified(|known| {
                    let news = *known != late;
                    *known = late;
                    news
                });
            }
            // The writer says that the database is away.
            Err(StoreError::Interrupted(_)) => {}
            Err(error) => tracing::error!(%error, "the store cannot be looked at for metrics"),
        }
    }

    fn sample_disks(&self) {
        let room = |path: &PathBuf| {
            let disk = rustix::fs::statvfs(path).ok()?;
            Some((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
        };
        if let Some((available, size)) = self.files.iter().filter_map(room).min() {
            self.metrics.set_gauge(&table::DISK_AVAILABLE, &[], available);
            self.metrics.set_gauge(&table::DISK_SIZE, &[], size);
        }
    }

    fn sample_store(&self) -> Result<Late, StoreError> {
        let now = self.clock.now();
        let sizes: BTreeMap<LogName, u64> =
            self.heads.iter().map(|(log, head)| (log.clone(), *head.borrow())).collect();
        for (log, size) in &sizes {
            self.sample_head(log, *size)?;
        }
        let mut late = Late::default();
        let mut jurisdictions: Vec<&JurisdictionId> = sizes.keys().map(|log| &log.jurisdiction).collect();
        jurisdictions.dedup();
        for jurisdiction in jurisdictions {
            late.clocks |= self.sample_agenda(jurisdiction, now)?;
        }
        let mut outstanding = self.outstanding.lock().unwrap_or_else(PoisonError::into_inner);
        let parked = Arc::clone(&self.parked.borrow());
        let is_parked = |agency: &_, consumer: &_| parked.keys().any(|(of, name)| of == agency && name == consumer);
        outstanding.follow(&*self.reader, &sizes, &is_parked)?;
        for ((agency, jurisdiction), waiting) in outstanding.waiting() {
            let age = waiting.oldest.map_or(SignedDuration::ZERO, |oldest| now.duration_since(oldest));
            let labels = [(&agency).into(), (&jurisdiction).into()];
            self.metrics.set_gauge(&table::INBOX_WAITING, &labels, waiting.count);
            self.metrics.set_duration(
                &table::INBOX_OLDEST_WAITING,
                &labels,
                Duration::try_from(age).unwrap_or_default(),
            );
            if age > DELIVERY_LATE_AFTER {
                late.agencies.insert(agency);
            }
        }
        Ok(late)
    }

    /// When the newest entry of a log was recorded.
    fn sample_head(&self, log: &LogName, size: u64) -> Result<(), StoreError> {
        let Some(newest) = size.checked_sub(1) else { return Ok(()) };
        let Some(header) = self.reader.headers(log, newest, 1)?.pop() else { return Ok(()) };
        let leaf = header.read_leaf()?;
        let labels = [Label::from(&log.jurisdiction), log.kind.word().into()];
        self.metrics.set_timestamp(&table::LOG_HEAD, &labels, leaf.recorded_at);
        Ok(())
    }

    /// Counts what is open in a jurisdiction. Returns whether its clocks are late.
    fn sample_agenda(&self, jurisdiction: &JurisdictionId, now: Timestamp) -> Result<bool, StoreError> {
        let open = |kind| {
            let of = jurisdiction.clone();
            let everybodys = AgendaFilter {
                jurisdiction: of,
                kind,
                holder: None,
                unassigned: true,
                after: None,
                limit: COUNTED_MAX,
            };
            self.reader.agenda(&everybodys)
        };
        let due = |items: &[ListedItem], since: SignedDuration| {
            items.iter().filter(|listed| now.duration_since(listed.item.due_at) > since).count()
        };
        let set = |metric, counted: usize| {
            self.metrics.set_gauge(metric, &[jurisdiction.into()], u64::try_from(counted).unwrap_or(u64::MAX));
        };
        let (clocks, reviews, obligations) =
            (open(ItemKind::Clock)?, open(ItemKind::Review)?, open(ItemKind::Obligation)?);
        let clocks_late = due(&clocks, CLOCK_LATE_AFTER);
        set(&table::CLOCKS_OVERDUE, clocks_late);
        set(&table::REVIEWS_WAITING, reviews.len());
        set(&table::REVIEWS_OVERDUE, due(&reviews, SignedDuration::ZERO));
        set(&table::OBLIGATIONS_OVERDUE, due(&obligations, SignedDuration::ZERO));
        Ok(clocks_late > 0)
    }
}
