//! Asks a gateway for the proofs that its logs only grew.

use std::time::Duration;

use tokio::time::sleep;

use crate::client::calls::Authorized;
use crate::client::error::Error;
use crate::ledger::Hash;
use crate::wire::v1;
use crate::wire::v1::ErrorReason;
use crate::wire::v1::ledger_service_client::LedgerServiceClient;

/// Another gateway of the same store may learn of a checkpoint a moment later than we do. So often it is asked again, and
/// so long is waited in between, before the log is said to have lost its end.
const LAG_TRIES: u32 = 8;
const LAG_PAUSE: Duration = Duration::from_millis(250);

impl Authorized {
    /// Checks a receipt, and now and then that its log only grew.
    pub(super) async fn check_receipt(&self, receipt: &v1::Receipt) -> Result<(), Error> {
        if !self.evidence.receipt(receipt)? {
            return Ok(());
        }
        match self.check_growth(&receipt.log).await {
            Err(error @ Error::Evidence(_)) => Err(error),
            Err(error) => {
                // The write is recorded and proven. Whether the log grew is asked with the next one.
                tracing::debug!(log = receipt.log, %error, "the growth of a log could not be checked");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Checks the checkpoint of a heartbeat, and that its log grew to it.
    pub(super) async fn check_heartbeat(&self, log: &str, checkpoint: &str) -> Result<(), Error> {
        self.evidence.heartbeat(log, checkpoint)?;
        self.check_growth(log).await
    }

    async fn check_growth(&self, log: &str) -> Result<(), Error> {
        let Some(growth) = self.evidence.question(log) else { return Ok(()) };
        match self.consistency(log, growth.sizes()).await {
            Ok(proof) => Ok(self.evidence.answered(log, growth, &proof)?),
            Err(error) if error.reason() == Some(ErrorReason::BeyondHead) => {
                Err(self.evidence.lost(log, &growth).into())
            }
            Err(error) => {
                self.evidence.unanswered(log, growth);
                Err(error)
            }
        }
    }

    /// A consistency proof. A gateway that has not so many entries yet is asked some more times.
    async fn consistency(&self, log: &str, (old_size, new_size): (u64, u64)) -> Result<Vec<Hash>, Error> {
        let wire = |size| i64::try_from(size).unwrap_or(i64::MAX);
        let request =
            v1::ProveConsistencyRequest { log: log.to_owned(), old_size: wire(old_size), new_size: wire(new_size) };
        let mut tries = 0u32;
        loop {
            let answer = LedgerServiceClient::new(self.clone()).prove_consistency(request.clone()).await;
            match answer.map_err(Error::from) {
                Err(error) if error.reason() == Some(ErrorReason::BeyondHead) && tries < LAG_TRIES => {
                    tries = tries.saturating_add(1);
                    sleep(LAG_PAUSE).await;
                }
                Err(error) => return Err(error),
                Ok(answer) => {
                    let hashes = answer.into_inner().hashes;
                    let read = hashes.iter().map(|bytes| Hash::try_from(bytes.as_slice()).ok());
                    // With something else in it, it is no proof: without hashes it does not verify.
                    return Ok(read.collect::<Option<Vec<Hash>>>().unwrap_or_default());
                }
            }
        }
    }
}
