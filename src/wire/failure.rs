//! Builds the form of every error on the wire: a status with exactly one `google.rpc.ErrorInfo`.
//!
//! `api/status.rs` decides which error becomes which status. Here it is only encoded.

use std::time::Duration;

use prost::Message as _;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::wire::Violations;
use crate::wire::v1::ErrorReason;

/// The domain of each of our `ErrorInfo`.
pub const ERROR_DOMAIN: &str = "comity";

/// After how many milliseconds a client may send again, or -1 for not at all (gRFC A6).
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// What an error says beyond its code. No personal data: the message is ours, never the caller's text.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    reason: ErrorReason,
    message: String,
    details: ErrorDetails,
}

impl Failure {
    /// A failure with a reason that clients may act on.
    pub fn new(code: Code, reason: ErrorReason, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: ErrorDetails::new() }
    }

    /// Names the fields at fault.
    #[must_use]
    pub fn fields(mut self, violations: &Violations) -> Self {
        for violation in violations {
            self.details.add_bad_request_violation(violation.field.clone(), violation.description.clone());
        }
        self
    }

    /// Says when a retry may help.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.details.set_retry_info(Some(delay));
        self
    }

    /// Names the state that prevented the call.
    #[must_use]
    pub fn precondition(mut self, kind: &str, subject: &str, description: &str) -> Self {
        self.details.add_precondition_failure_violation(kind, subject, description);
        self
    }

    /// What a stock gRPC client does about its next attempt (gRFC A6): waits for as long as `RetryInfo` says, or makes none. Told
    /// where clients send again by the code alone.
    fn pushback(&self) -> Option<AsciiMetadataValue> {
        let delay = self.details.retry_info().and_then(|retry| retry.retry_delay);
        match (delay, self.code) {
            // Rounded up: an attempt that comes a moment too early is refused again.
            (Some(delay), _) => Some(delay.as_micros().div_ceil(1_000).to_string().parse().ok()?),
            (None, Code::ResourceExhausted | Code::Unavailable) => Some(AsciiMetadataValue::from_static("-1")),
            (None, _) => None,
        }
    }

    /// The status, ready to be sent. The caller sees `metadata`: it MUST hold ids and citations only.
    pub fn into_status<'a>(mut self, metadata: impl IntoIterator<Item = (&'a str, String)>) -> Status {
        let metadata: std::collections::HashMap<_, _> =
            metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        self.details.set_error_info(reason_word(self.reason), ERROR_DOMAIN, metadata);
        let pushback = self.pushback();
        let mut status = Status::with_error_details(self.code, self.message, self.details);
        if let Some(pushback) = pushback {
            status.metadata_mut().insert(PUSHBACK, pushback);
        }
        status
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        failure.into_status([])
    }
}

/// A status as a message, with its details.
pub fn message(status: &Status) -> tonic_types::Status {
    let details = tonic_types::Status::decode(status.details()).map(|known| known.details).unwrap_or_default();
    tonic_types::Status { code: status.code().into(), message: status.message().to_owned(), details }
}

/// A message as the status that it tells, as a call would have ended with it.
pub fn status(message: tonic_types::Status) -> Status {
    let details = message.encode_to_vec();
    Status::with_details(Code::from(message.code), message.message, details.into())
}

/// The reason in `ErrorInfo`: the enum's name without its prefix.
pub fn reason_word(reason: ErrorReason) -> &'static str {
    reason.as_str_name().trim_start_matches("ERROR_REASON_")
}

/// The reason of a received error, if it is one of ours.
pub fn reason_of(status: &Status) -> Option<ErrorReason> {
    let details = status.get_error_details();
    let info = details.error_info()?;
    (info.domain == ERROR_DOMAIN).then(|| ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason)))?
}
