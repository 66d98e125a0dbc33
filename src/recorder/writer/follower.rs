//! Follows what other gateways record in the same logs, once for the whole gateway, however many subscriptions there are.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::recorder::writer::published::{Published, raise};
use crate::store::{HeadFollower, StoreError};

/// How often the logs are checked if no notification comes.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Publishes how far the logs have grown, for as long as somebody listens.
pub(in crate::recorder) fn follow(
    mut others: Box<dyn HeadFollower>,
    published: &Arc<Published>,
) -> std::io::Result<JoinHandle<()>> {
    let published = Arc::downgrade(published);
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    std::thread::Builder::new().name("others".to_owned()).spawn(move || {
        tracing::dispatcher::with_default(&dispatch, || {
            while published.strong_count() > 0 {
                look(&mut *others, &published);
            }
        });
    })
}

fn look(others: &mut dyn HeadFollower, published: &Weak<Published>) {
    let sizes = match others.sizes(LOOK_EVERY) {
        Ok(sizes) => sizes,
        // The writer reports that the database is unreachable.
        Err(StoreError::Interrupted(_)) => return std::thread::sleep(LOOK_EVERY),
        Err(error) => {
            tracing::error!(%error, "what other gateways record cannot be followed");
            return std::thread::sleep(LOOK_EVERY);
        }
    };
    let Some(published) = published.upgrade() else { return };
    for (log, size) in sizes {
        if let Some(sender) = published.get(&log) {
            raise(sender, size);
        }
    }
}
