//! One agency as a client: mutual TLS, a bound token, a limited number of calls in flight, and every receipt verified.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;
use tonic::{Response, Status};
use uuid::Uuid;

use crate::client::Client;
use crate::demo::evidence::{PinnedKeys, ReceiptedEntry, Receipts, Verified};
use crate::domain::agency::ActorKind;
use crate::domain::ids::LogName;
use crate::sandbox::Sandbox;
use crate::wire::failure::reason_of;
use crate::wire::{HasReceipt, v1};

/// The most calls of one agency in flight.
pub(super) const IN_FLIGHT_MAX: usize = 64;

/// An agency's connections and the receipts it keeps.
#[derive(Debug)]
pub(super) struct AgencyClient {
    /// The id of the agency.
    pub(super) id: &'static str,
    /// Its unattended system.
    pub(super) system: Client,
    /// An officer of the agency, on the same connection.
    pub(super) officer: Client,
    /// A separate connection for streams.
    pub(super) streams: Client,
    /// The keys that it trusts.
    pub(super) pinned: PinnedKeys,
    receipts: Mutex<Receipts>,
    latencies: Mutex<Vec<Duration>>,
}

/// How to reach the demo's gateway.
#[derive(Debug)]
pub(super) struct GatewayAccess<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) address: SocketAddr,
    pub(super) pinned: PinnedKeys,
    /// The directory for receipts.
    pub(super) receipts: &'a Path,
}

/// What became of a write that the law may refuse.
#[derive(Debug)]
pub(super) enum Attempted<A> {
    /// It is recorded, with this answer.
    Recorded(A),
    /// It is refused.
    Refused(Status),
}

impl AgencyClient {
    /// Connects an agency.
    pub(super) async fn connect(access: &GatewayAccess<'_>, id: &'static str) -> Result<Arc<Self>> {
        let config = access.sandbox.client(access.address, id, ActorKind::System);
        let connect = async || Client::connect(config.clone()).await.with_context(|| format!("{id} cannot connect"));
        let system = connect().await?;
        let officer = system.with_token(access.sandbox.token_source(id, ActorKind::Officer));
        Ok(Arc::new(Self {
            id,
            system,
            officer,
            streams: connect().await?,
            pinned: access.pinned.clone(),
            receipts: Mutex::new(Receipts::create(&access.receipts.join(format!("{id}.jsonl")))?),
            latencies: Mutex::new(Vec::new()),
        }))
    }

    /// Makes a write: measures it, verifies its receipt and keeps the receipt.
    pub(super) async fn write<A: HasReceipt>(
        &self,
        what: &'static str,
        call: impl Future<Output = Result<Response<A>, Status>>,
    ) -> Result<A> {
        match self.attempt(what, call).await? {
            Attempted::Recorded(answer) => Ok(answer),
            Attempted::Refused(status) => Err(self.refused(what, &status)),
        }
    }

    /// Like `write`, for a write that the law may refuse.
    pub(super) async fn attempt<A: HasReceipt>(
        &self,
        what: &'static str,
        call: impl Future<Output = Result<Response<A>, Status>>,
    ) -> Result<Attempted<A>> {
        let begun = Instant::now();
        // Boxed: a call's future is large, and there are many.
        let answered = Box::pin(call).await;
        let took = begun.elapsed();
        let mut answer = match answered {
            Ok(answer) => answer.into_inner(),
            Err(status) => return Ok(Attempted::Refused(status)),
        };
        let receipt = answer.receipt_mut().take().with_context(|| format!("{}: {what}: no receipt", self.id))?;
        let verified = Verified::new(receipt, &self.pinned).with_context(|| format!("{}: {what}", self.id))?;
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner).keep(verified)?;
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        Ok(Attempted::Recorded(answer))
    }

    /// An error that names the gateway's reason.
    pub(super) fn refused(&self, what: &str, status: &Status) -> anyhow::Error {
        let reason = reason_of(status).map(|reason| format!("{reason:?}: ")).unwrap_or_default();
        anyhow::anyhow!("{}: {what}: {:?}: {reason}{}", self.id, status.code(), status.message())
    }

    /// The largest tree of a log that one of its own receipts was signed in.
    pub(super) fn proven(&self, log: &LogName) -> u64 {
        let receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        receipts.heads.get(log).copied().unwrap_or_default()
    }

    /// The size of a log at its newest checkpoint, which is verified.
    pub(super) async fn head(&self, log: &LogName) -> Result<u64> {
        let request = v1::GetCheckpointRequest { log: log.to_string() };
        let checkpoint = self.system.ledger().get_checkpoint(request).await;
        let note = checkpoint.map_err(|status| self.refused("GetCheckpoint", &status))?.into_inner().checkpoint;
        self.pinned.size(log, &note)
    }

    /// The entries that its receipts promise, and how long its writes took. After this all receipts are in their file.
    pub(super) fn finish(&self) -> Result<(Vec<ReceiptedEntry>, Vec<Duration>)> {
        let mut receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        receipts.flush()?;
        let latencies = std::mem::take(&mut *self.latencies.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((std::mem::take(&mut receipts.promised), latencies))
    }
}

/// A request id for a write (AIP-155).
pub(super) fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// Runs tasks, at most as many at a time as an agency may have calls in flight. The first failure ends them all.
pub(super) async fn bounded<F>(tasks: impl IntoIterator<Item = F>) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut running = JoinSet::new();
    for task in tasks {
        if running.len() >= IN_FLIGHT_MAX
            && let Some(done) = running.join_next().await
        {
            done??;
        }
        running.spawn(task);
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}
