//! Why a write was not recorded.

use crate::domain::booking::Booked;
use crate::domain::decide::Refusal;
use crate::domain::inbox;
use crate::policy::gate::Denial;
use crate::recorder::plan::outcome::Rejection;

/// Why a write was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The gate did not let it pass.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The rules of the case do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An open custody of the caller's has the booking number.
    #[error("{}", Refusal::AlreadyBooked)]
    AlreadyBooked(Booked),
    /// The caller has seen an older state.
    #[error("the etag is not that of the resource")]
    EtagMismatch,
    /// The request id was used with another command.
    #[error("the request id was used with another command")]
    RequestIdReused,
    /// The positions of the caller's inbox do not allow it.
    #[error(transparent)]
    Inbox(#[from] inbox::Refusal),
    /// The queue is full; nothing was recorded.
    #[error("the queue of writes is full")]
    Overloaded,
    /// Another gateway has brought another policy set into force, and this gateway does not have it yet.
    #[error("another policy set came into force, which this gateway has yet to take up")]
    OtherLaw,
    /// The writer stopped. It is unknown whether the write is recorded. A retry with the same request id finds out.
    #[error("nothing can be recorded now")]
    Stopped,
}

impl From<Rejection> for SubmitError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Denied(denial) => Self::Denied(denial),
            Rejection::Refused(refusal) => Self::Refused(refusal),
            Rejection::AlreadyBooked(booked) => Self::AlreadyBooked(booked),
            Rejection::EtagMismatch => Self::EtagMismatch,
            Rejection::RequestIdReused => Self::RequestIdReused,
            Rejection::Inbox(refusal) => Self::Inbox(refusal),
        }
    }
}
