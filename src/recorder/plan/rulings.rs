//! How often the law ruled what, counted once the entries that record it are durable.

use std::collections::BTreeMap;

use crate::domain::determination::{LawAction, Ruling};
use crate::domain::event::Record;
use crate::domain::ids::JurisdictionId;
use crate::metrics::{Metrics, table};

/// The rulings that a batch records.
#[derive(Debug, Default)]
pub(in crate::recorder) struct Rulings(BTreeMap<(JurisdictionId, LawAction, Ruling), u64>);

impl Rulings {
    /// Adds those of a record.
    pub(in crate::recorder) fn add(&mut self, record: &Record) {
        for recorded in &record.determinations {
            let of = (recorded.detainer.jurisdiction.clone(), recorded.action, recorded.determination.ruling);
            let count = self.0.entry(of).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Counts them. When their entries are durable.
    pub(in crate::recorder) fn report(&self, metrics: &Metrics) {
        for ((jurisdiction, act, ruling), count) in &self.0 {
            let labels = [jurisdiction.into(), act.word().into(), ruling.word().into()];
            metrics.add(&table::DETERMINATIONS, &labels, *count);
        }
    }
}
