//! The audit line of a denied call, or of a denied item of a bulk stream: who called, which method, and the outcome. Never its
//! content. Where calls have a line each, a denied call has no other.

use tonic::{Code, Status};

use crate::audit::call;
use crate::metrics::{Metrics, table};
use crate::wire::failure::{reason_of, reason_word};
use crate::wire::v1::ErrorReason;

/// Whether a status denies what was asked.
pub fn is_denial(status: &Status) -> bool {
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
    // The law also denies a duty that was left without a reason, though the status code differs.
    denied || reason_of(status) == Some(ErrorReason::ReasonRequired)
}

/// Writes one line if the status denies. `cause` is our own text and holds no personal data.
pub fn audit(agency: &str, method: &str, status: &Status, cause: &str, metrics: &Metrics) {
    if is_denial(status) {
        let reason = reason_of(status).map_or("UNKNOWN", reason_word);
        metrics.increment(&table::CALLS_DENIED, &[reason.into()]);
        if call::is_due() {
            return call::note(|notes| notes.cause = Some(cause.to_owned()).filter(|cause| !cause.is_empty()));
        }
        let code = i32::from(status.code());
        tracing::info!(target: "audit", event = "call_denied", agency, method, code, reason, cause);
    }
}
