//! What is learnt about a call on its way inward, for the line that is written when it is answered. Whoever learns it notes
//! it here: the layers who acts, a handler which request it is and what it discloses.
//!
//! It is kept with the task, as the span of a call is. Where no line is due, a note goes nowhere.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::Either;
use tonic::Status;

use crate::domain::agency::Actor;

tokio::task_local! {
    static NOTED: Arc<Noted>;
}

/// The notes of one call.
#[derive(Debug, Default)]
pub struct Noted(Mutex<Notes>);

/// What was noted. No personal data: see [`crate::audit::CallRecord`].
#[derive(Debug, Default, Clone)]
pub struct Notes {
    /// Who acts for the agency.
    pub actor: Option<Actor>,
    /// The trace id.
    pub trace: Option<String>,
    /// The request id.
    pub request: Option<String>,
    /// The entry that was recorded, or the first resource that was disclosed.
    pub resource: Option<String>,
    /// How many resources with personal data were disclosed.
    pub disclosed: usize,
    /// Why a layer refused it, in its own words.
    pub cause: Option<String>,
    /// How it ended, where the answer does not say so in the terms of gRPC.
    pub status: Option<Status>,
}

impl Noted {
    /// What was noted until now.
    pub fn notes(&self) -> Notes {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        // The worst that a panicking thread leaves behind is a note that was not taken.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a call whose line is due.
pub async fn noting<F: Future>(noted: Arc<Noted>, call: F) -> F::Output {
    NOTED.scope(noted, call).await
}

/// Runs what a call goes on with in a task of its own, so that what is learnt there is noted for the same call.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    match NOTED.try_with(Arc::clone) {
        Ok(noted) => Either::Left(NOTED.scope(noted, work)),
        Err(_) => Either::Right(work),
    }
}

/// Whether a line of the call is due, that will say how it ended.
pub fn is_due() -> bool {
    NOTED.try_with(|_| ()).is_ok()
}

/// Notes something about the call that this task runs.
pub fn note(note: impl FnOnce(&mut Notes)) {
    // Of a call without a line there is nothing to note.
    let _of_no_call = NOTED.try_with(|noted| note(&mut noted.lock()));
}

/// Notes that a call is the write with this request id.
pub fn note_request(request: impl fmt::Display) {
    note(|notes| notes.request = Some(request.to_string()));
}

/// Notes the entry that a write was recorded as.
pub fn note_entry(log: impl fmt::Display, index: u64) {
    note(|notes| notes.resource = Some(format!("{log}/entries/{index}")));
}

/// Notes that so many resources with personal data are about to be disclosed, and the name of the first.
pub fn note_disclosed(count: usize, first: impl FnOnce() -> Option<String>) {
    note(|notes| {
        notes.disclosed = notes.disclosed.saturating_add(count);
        if notes.resource.is_none() {
            notes.resource = first();
        }
    });
}
