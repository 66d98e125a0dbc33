//! The published sizes of the logs, for tasks that wait for entries.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::domain::ids::LogName;
use crate::metrics::{Metrics, table};

/// Sizes of the logs, published after each commit.
pub type Heads = BTreeMap<LogName, watch::Receiver<u64>>;
pub(in crate::recorder) type Published = BTreeMap<LogName, watch::Sender<u64>>;

/// Publishes how far the logs have grown, and counts the entries that were added.
pub(in crate::recorder) fn publish(
    published: &Published,
    metrics: &Metrics,
    sizes: &[(LogName, u64)],
    added: &[(LogName, u64)],
) {
    for (log, size) in sizes {
        if let Some(sender) = published.get(log) {
            raise(sender, *size);
        }
    }
    for (log, added) in added {
        let labels = [(&log.jurisdiction).into(), log.kind.word().into()];
        metrics.add(&table::ENTRIES, &labels, *added);
    }
}

/// Raises a published size, and never lowers it: both the writer and the follower publish.
pub(in crate::recorder) fn raise(sender: &watch::Sender<u64>, size: u64) {
    sender.send_if_modified(|known| {
        let grown = size > *known;
        *known = size.max(*known);
        grown
    });
}
