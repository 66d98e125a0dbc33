//! What every handler works with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::api::concurrency::ConcurrencyLimits;
use crate::api::config::InboxConfig;
use crate::api::status;
use crate::domain::agency::Caller;
use crate::domain::appeal;
use crate::domain::determination::FieldClasses;
use crate::feed::{ActiveAttempts, CursorKey, DisclosureFilter};
use crate::identity::clock::WallClock;
use crate::policy::gate::Gate;
use crate::policy::in_force::InForce;
use crate::recorder::{Clock, Handle, Heads};
use crate::store::{NewDisclosure, Reader, StoreError};

/// How long a call waits for its turn.
const SLOT_TIMEOUT: Duration = Duration::from_secs(5);

/// What every handler works with.
#[derive(Debug)]
pub struct Api {
    /// To submit writes.
    pub recorder: Handle,
    /// To read.
    pub reader: Arc<dyn Reader>,
    /// To wait for entries.
    pub heads: Heads,
    /// To ask who may see what: take the gate once, and ask it everything.
    pub in_force: InForce,
    /// The time of record.
    pub clock: Clock,
    /// Keys of digests and cursors.
    pub keys: ApiKeys,
    /// Limits of subscriptions.
    pub inbox: InboxConfig,
    /// Limits of appeals.
    pub appeals: appeal::Limits,
    /// The time that certificates and tokens are held against.
    pub wall: WallClock,
    /// What open subscriptions are trying.
    pub attempts: ActiveAttempts,
    /// What is done a few at a time, over all callers.
    pub concurrency: ConcurrencyLimits,
    /// Ends every subscription when the gateway drains.
    pub drain: CancellationToken,
}

/// Keys that never leave the gateway.
#[derive(Clone)]
pub struct ApiKeys {
    /// Of request digests: an unsalted digest of a name could be guessed.
    pub(super) digests: hmac::Key,
    /// Of cursors.
    pub(super) cursors: CursorKey,
}

impl ApiKeys {
    /// From two secrets of 32 bytes.
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
    /// The caller that the layers have proven. Without them nobody is anybody.
    pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
        request.extensions().get::<Caller>().cloned().ok_or_else(status::no_caller)
    }

    /// Waits for a turn. Give it to the work itself: a caller that goes away does not end what was begun for it.
    pub(super) async fn slot(&self, concurrency: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
        let slot = tokio::time::timeout(SLOT_TIMEOUT, Arc::clone(concurrency).acquire_owned()).await;
        slot.map_err(|_| status::overloaded(SLOT_TIMEOUT))?.map_err(|_| status::unavailable())
    }

    /// Works something out on a blocking thread, a few at a time.
    pub(super) async fn evaluate_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Status> {
        let slot = self.slot(&self.concurrency.evaluations).await?;
        let work = move || {
            let _slot = slot;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| status::internal("a question of law was given up"))
    }

    /// Reads from the store on a blocking thread.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Status> {
        let reader = Arc::clone(&self.reader);
        match tokio::task::spawn_blocking(move || read(&*reader)).await {
            Ok(read) => read.map_err(|error| status::store(&error)),
            Err(_) => Err(status::internal("a read was given up")),
        }
    }

    /// Accounts for personal data about to leave (5 USC 552a(c)). Only when this has returned may it leave. Where no
    /// resource is named, nothing leaves.
    pub(super) async fn disclose(
        &self,
        caller: &Caller,
        method: &'static str,
        names: &[&str],
        classes: FieldClasses,
    ) -> Result<(), Status> {
        if names.is_empty() {
            return Ok(());
        }
        let disclosure = self.disclosure(caller, method, names, classes);
        self.recorder.disclose(disclosure).await.map_err(|error| status::submit(&error))
    }

    /// The account of what is about to leave.
    pub(super) fn disclosure(
        &self,
        caller: &Caller,
        method: &'static str,
        names: &[&str],
        classes: FieldClasses,
    ) -> NewDisclosure {
        NewDisclosure {
            recorded_at: self.clock.now(),
            recipient: caller.agency.id.clone(),
            officer: caller.actor.as_ref().map(|actor| actor.pseudonym.clone()),
            method,
            resources: names.join("\n"),
            classes,
        }
    }

    /// The gate under the set of this moment, to ask who is who.
    pub(super) fn gate(&self) -> Arc<Gate> {
        self.in_force.gate()
    }

    /// The gate to answer a call by, or a page of a stream: under one set, which also lets this caller call the method.
    /// The door may have asked another.
    pub(super) fn gate_for(&self, caller: &Caller, method: &'static str) -> Result<Arc<Gate>, Status> {
        let gate = self.gate();
        gate.admit(caller, method).map_err(|_| status::not_admitted())?;
        Ok(gate)
    }

    /// Reads from the store as one caller of a method may be shown it now, by one policy set.
    pub(super) async fn read_for<T: Send + 'static>(
        &self,
        caller: &Caller,
        method: &'static str,
        read: impl FnOnce(&dyn Reader, &mut DisclosureFilter<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Status> {
        let (gate, caller, now) = (self.gate_for(caller, method)?, caller.clone(), self.clock.now());
        self.read(move |reader| read(reader, &mut DisclosureFilter::new(reader, &gate, &caller, now))).await
    }
}
