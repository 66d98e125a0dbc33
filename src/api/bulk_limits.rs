//! How much of the writer one agency's bulk streams may take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::api::status;
use crate::domain::ids::AgencyId;
use crate::identity::rate::{self, AgencyRate, RateExceeded};

/// Items of one agency that wait for their answers at a time, over all of its streams: about as many as one batch takes.
const WAITING_MAX: usize = 512;

/// How much of the writer one agency's streams may take.
#[derive(Debug)]
pub struct BulkLimits {
    rate: AgencyRate,
    // INVARIANT: there are no more keys than agencies, since only authenticated callers have one.
    waiting: Mutex<HashMap<AgencyId, Arc<Semaphore>>>,
}

impl BulkLimits {
    /// Limits by the configured rate.
    pub fn new(config: &rate::Config) -> Self {
        let rate = AgencyRate::new(config.bulk_items_per_s, config.bulk_items_per_s);
        Self { rate, waiting: Mutex::default() }
    }

    /// Limits by another configured rate from now on.
    pub fn allow(&self, config: &rate::Config) {
        self.rate.allow(config.bulk_items_per_s, config.bulk_items_per_s);
    }

    /// Waits for an agency's next turn. It lasts until it is dropped.
    pub(super) async fn turn(&self, agency: &AgencyId) -> Result<OwnedSemaphorePermit, Status> {
        let waiting = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let own = waiting.entry(agency.clone()).or_insert_with(|| Arc::new(Semaphore::new(WAITING_MAX)));
            Arc::clone(own)
        };
        let turn = waiting.acquire_owned().await.map_err(|_| status::unavailable())?;
        self.pace(agency).await;
        Ok(turn)
    }

    /// Waits until an agency may send its next item.
    pub(super) async fn pace(&self, agency: &AgencyId) {
        while let Err(RateExceeded { retry_after }) = self.rate.check(agency) {
            tokio::time::sleep(retry_after).await;
        }
    }
}
