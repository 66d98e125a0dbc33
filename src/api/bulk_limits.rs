//! How much of the writer one agency's bulk streams may take.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::api::status;
use crate::domain::ids::AgencyId;
use crate::identity::rate;

/// Items of one agency that wait for their answers at a time, over all of its streams: about as many as one batch takes.
const WAITING_MAX: usize = 512;

/// How much of the writer one agency's streams may take.
pub struct BulkLimits {
    rate: DefaultKeyedRateLimiter<AgencyId>,
    // INVARIANT: there are no more keys than agencies, since only authenticated callers have one.
    waiting: Mutex<HashMap<AgencyId, Arc<Semaphore>>>,
}

impl BulkLimits {
    /// Limits by the configured rate.
    pub fn new(config: &rate::Config) -> Self {
        let quota = Quota::per_second(config.bulk_items_per_s).allow_burst(config.bulk_items_per_s);
        Self { rate: RateLimiter::keyed(quota), waiting: Mutex::default() }
    }

    /// Waits for an agency's next turn. It lasts until it is dropped.
    pub(super) async fn turn(&self, agency: &AgencyId) -> Result<OwnedSemaphorePermit, Status> {
        let waiting = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let own = waiting.entry(agency.clone()).or_insert_with(|| Arc::new(Semaphore::new(WAITING_MAX)));
            Arc::clone(own)
        };
        let turn = waiting.acquire_owned().await.map_err(|_| status::unavailable())?;
        while let Err(until) = self.rate.check_key(agency) {
            tokio::time::sleep(until.wait_time_from(DefaultClock::default().now())).await;
        }
        Ok(turn)
    }
}

impl fmt::Debug for BulkLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BulkLimits")
    }
}
