//! What every handler works with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::SignedDuration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};
use tracing::Span;

use crate::api::bulk_limits::BulkLimits;
use crate::api::concurrency::ConcurrencyLimits;
use crate::api::config::InboxConfig;
use crate::api::maintenance::MaintenanceNow;
use crate::api::parked_consumers::ParkedConsumersNow;
use crate::api::status::{self, LimitOwner};
use crate::audit::call;
use crate::domain::agency::Caller;
use crate::domain::appeal;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::JurisdictionId;
use crate::domain::method::ReadMethod;
use crate::domain::roster;
use crate::feed::{ActiveAttempts, CursorKey, DisclosureFilter};
use crate::identity::clock::WallClock;
use crate::metrics::Metrics;
use crate::policy::gate::Gate;
use crate::policy::in_force::GateInForce;
use crate::recorder::{Clock, Handle, Heads};
use crate::store::{DisclosedResource, NewDisclosure, Reader, StoreError};
use crate::witness::Cosignatures;

/// How long a call waits for a slot.
const SLOT_TIMEOUT: Duration = Duration::from_secs(5);

/// What every handler works with.
#[derive(Debug)]
pub struct Api {
    /// Submits writes.
    pub recorder: Handle,
    /// Reads.
    pub reader: Arc<dyn Reader>,
    /// The published heads of the logs, to wait for entries.
    pub heads: Heads,
    /// What witnesses have cosigned.
    pub cosignatures: Arc<Cosignatures>,
    /// The policies in force. Take the gate once for a call and ask it everything.
    pub in_force: GateInForce,
    /// The clock that entries are recorded by.
    pub clock: Clock,
    /// Keys of digests and cursors.
    pub keys: ApiKeys,
    /// Limits of subscriptions.
    pub inbox: InboxConfig,
    /// Limits of appeals.
    pub appeals: appeal::Limits,
    /// How long a custodian has for an answer.
    pub answer_within: SignedDuration,
    /// Limits of rosters.
    pub rosters: roster::Limits,
    /// The clock that certificates and tokens are checked against.
    pub wall: WallClock,
    /// The delivery attempts of open subscriptions.
    pub attempts: ActiveAttempts,
    /// How much expensive work runs at a time.
    pub concurrency: ConcurrencyLimits,
    /// How much of the writer each agency's bulk streams may take.
    pub bulk: Arc<BulkLimits>,
    /// Where denials are counted.
    pub metrics: Arc<Metrics>,
    /// Whether writes are taken.
    pub maintenance: MaintenanceNow,
    /// Consumers that no stream is opened for.
    pub parked: ParkedConsumersNow,
    /// Ends every subscription when the gateway drains.
    pub drain: CancellationToken,
}

/// Keys that never leave the gateway.
#[derive(Clone)]
pub struct ApiKeys {
    /// The key of request digests: an unkeyed digest of a name could be guessed.
    pub(super) digests: hmac::Key,
    /// The key of cursors.
    pub(super) cursors: CursorKey,
}

impl ApiKeys {
    /// Makes the keys from two secrets of 32 bytes.
    pub fn new(digests: &[u8; 32], cursors: &[u8; 32]) -> Self {
        Self { digests: hmac::Key::new(hmac::HMAC_SHA256, digests), cursors: CursorKey::new(cursors) }
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeys(withheld)")
    }
}

impl Api {
    /// The caller that the layers have proven. Without the layers there is no caller.
    pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
        request.extensions().get::<Caller>().cloned().ok_or_else(status::no_caller)
    }

    /// Waits for a slot. Move the slot into the work itself: work that was started goes on when its caller goes away.
    pub(super) async fn slot(&self, concurrency: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
        let slot = tokio::time::timeout(SLOT_TIMEOUT, Arc::clone(concurrency).acquire_owned()).await;
        slot.map_err(|_| status::overloaded(LimitOwner::Gateway, SLOT_TIMEOUT))?.map_err(|_| status::unavailable())
    }

    /// Evaluates something on a blocking thread, a few at a time.
    pub(super) async fn evaluate_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Status> {
        let slot = self.slot(&self.concurrency.evaluations).await?;
        let work = move || {
            let _slot = slot;
            work()
        };
        on_blocking_thread(work).await.map_err(|_| status::internal("a question of law was given up"))
    }

    /// Reads from the store on a blocking thread.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Status> {
        let reader = Arc::clone(&self.reader);
        match on_blocking_thread(move || read(&*reader)).await {
            Ok(read) => read.map_err(|error| status::store(&error)),
            Err(_) => Err(status::internal("a read was given up")),
        }
    }

    /// Accounts for personal data before it leaves (5 USC 552a(c)). It MUST NOT leave before this has returned. Without
    /// resources nothing leaves, and nothing is recorded.
    pub(super) async fn disclose(
        &self,
        caller: &Caller,
        method: ReadMethod,
        jurisdiction: &JurisdictionId,
        resources: Vec<DisclosedResource>,
        classes: FieldClasses,
    ) -> Result<(), Status> {
        if resources.is_empty() {
            return Ok(());
        }
        let first = resources.first().copied();
        call::note_disclosed(resources.len(), || first.map(|resource| resource.name(jurisdiction.clone())));
        let disclosure = self.disclosure(caller, method, jurisdiction, resources, classes);
        self.recorder.disclose(disclosure).await.map_err(|error| status::submit(&error))
    }

    /// The line of the account for what is about to leave.
    pub(super) fn disclosure(
        &self,
        caller: &Caller,
        method: ReadMethod,
        jurisdiction: &JurisdictionId,
        resources: Vec<DisclosedResource>,
        classes: FieldClasses,
    ) -> NewDisclosure {
        NewDisclosure {
            recorded_at: self.clock.now(),
            recipient: caller.agency.id.clone(),
            officer: caller.actor.as_ref().map(|actor| actor.pseudonym.clone()),
            method,
            jurisdiction: jurisdiction.clone(),
            resources,
            classes,
        }
    }

    /// The gate of the policy set in force now, to ask who an agency is.
    pub(super) fn gate(&self) -> Arc<Gate> {
        self.in_force.gate()
    }

    /// The gate to answer a call or a page of a stream by: one policy set, which also admits this caller to the method.
    /// The admission layer may have asked an older set.
    pub(super) fn gate_for(&self, caller: &Caller, method: &'static str) -> Result<Arc<Gate>, Status> {
        let gate = self.gate();
        gate.admit(caller, method).map_err(|_| status::not_admitted())?;
        Ok(gate)
    }

    /// Reads from the store what a caller of a method may be shown now, by one policy set.
    pub(super) async fn read_for<T: Send + 'static>(
        &self,
        caller: &Caller,
        method: ReadMethod,
        read: impl FnOnce(&dyn Reader, &mut DisclosureFilter<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Status> {
        let (gate, caller, now) = (self.gate_for(caller, method.word())?, caller.clone(), self.clock.now());
        self.read(move |reader| read(reader, &mut DisclosureFilter::new(reader, &gate, &caller, now))).await
    }
}

/// Runs work on a blocking thread. What it logs is logged within the span of its call.
pub(super) fn on_blocking_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
}
