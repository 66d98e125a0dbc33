//! The audit line of a denied call, or of a denied item of a bulk stream: who called, which method, and the outcome. Never its
//! content.

use tonic::{Code, Status};

use crate::metrics::{Metrics, table};
use crate::wire::failure::{reason_of, reason_word};
use crate::wire::v1::ErrorReason;

/// Writes one line if the status denies. `cause` is our own text and holds no personal data.
pub fn audit(agency: &str, method: &str, status: &Status, cause: &str, metrics: &Metrics) {
    let denied = match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::NotFound => true,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => false,
    };
    let reason = reason_of(status);
    // The law also denies a duty that was left without a reason, though the status code differs.
    if denied || reason == Some(ErrorReason::ReasonRequired) {
        let reason = reason.map_or("UNKNOWN", reason_word);
        metrics.increment(&table::CALLS_DENIED, &[reason.into()]);
        let code = i32::from(status.code());
        tracing::info!(target: "audit", event = "call_denied", agency, method, code, reason, cause);
    }
}
