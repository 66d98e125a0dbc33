//! The errors of a call, distinguished by what a caller can do about them.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::client::evidence::EvidenceError;
use crate::client::tls::TlsError;
use crate::wire::failure::ERROR_DOMAIN;
use crate::wire::v1::ErrorReason;
use crate::wire::{Violation, Violations};

/// An error of another library, which can be cloned.
pub type SharedError = Arc<dyn StdError + Send + Sync>;

/// Why a call has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The certificates, the key or the address cannot be used.
    #[error("the credentials cannot be used")]
    Credentials(#[source] Arc<TlsError>),
    /// The source has no token, or none that can be sent.
    #[error("there is no token to send")]
    Token(#[source] SharedError),
    /// The gateway cannot be reached or is not trusted, or the connection ended. The call may have taken effect.
    #[error("the gateway cannot be reached")]
    Unreachable(#[source] SharedError),
    /// The call's own deadline passed. It may have taken effect; it is safe to send it again with the same request id.
    #[error("no answer came in time")]
    OutOfTime,
    /// The gateway answered with an error.
    #[error(transparent)]
    Refused(Box<Refused>),
    /// What the gateway gave as evidence does not hold. If its log has forked, nothing more is sent to it.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The owner of an inbox could not handle a delivery.
    #[error("a delivery could not be handled")]
    Handler(#[source] SharedError),
}

/// An error that the gateway returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status code.
    pub code: Code,
    /// The reason in its `ErrorInfo`, such as `METHOD_DENIED`. Empty if the error is not from one of our gateways.
    pub reason: String,
    /// The message.
    pub message: String,
    /// The fields at fault.
    pub violations: Violations,
    /// When to retry.
    pub retry_after: Option<Duration>,
    /// Further details, such as citations of law.
    pub metadata: BTreeMap<String, String>,
}

impl Error {
    /// The gateway's reason, if this version of the contract knows it.
    pub fn reason(&self) -> Option<ErrorReason> {
        match self {
            Self::Refused(refused) => ErrorReason::from_str_name(&format!("ERROR_REASON_{}", refused.reason)),
            Self::Credentials(_)
            | Self::Token(_)
            | Self::Unreachable(_)
            | Self::OutOfTime
            | Self::Evidence(_)
            | Self::Handler(_) => None,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::OutOfTime => true,
            Self::Refused(refused) => refused.is_temporary(),
            Self::Credentials(_) | Self::Token(_) | Self::Evidence(_) | Self::Handler(_) => false,
        }
    }

    /// The status that a generated client returns. [`Error::from`] reverses it.
    pub(super) fn into_status(self) -> Status {
        let code = match &self {
            Self::Unreachable(_) => Code::Unavailable,
            Self::OutOfTime => Code::DeadlineExceeded,
            Self::Refused(refused) => refused.code,
            Self::Token(_) => Code::Unauthenticated,
            Self::Evidence(_) => Code::DataLoss,
            Self::Credentials(_) | Self::Handler(_) => Code::FailedPrecondition,
        };
        let mut status = Status::new(code, self.to_string());
        status.set_source(Arc::new(self));
        status
    }
}

impl Refused {
    /// What the contract allows to send again. That is a call that was unavailable or timed out, since the request id
    /// settles its outcome, and any refusal with a retry hint. An etag mismatch (ABORTED) has no hint, since the caller
    /// has to read first.
    fn is_temporary(&self) -> bool {
        match self.code {
            Code::Unavailable | Code::DeadlineExceeded => true,
            Code::ResourceExhausted | Code::Aborted => self.retry_after.is_some(),
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss
            | Code::Unauthenticated => false,
        }
    }
}

impl StdError for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused ({:?}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, ", {}", self.reason)?;
        }
        write!(f, "): {}", self.message)?;
        for Violation { field, description } in &self.violations {
            write!(f, "; {field} {description}")?;
        }
        Ok(())
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let source = status.source();
        if let Some(own) = source.and_then(|source| source.downcast_ref::<Self>()) {
            return own.clone();
        }
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == ERROR_DOMAIN);
        // The library's own connection errors have a source; statuses from the wire have none.
        if info.is_none() && source.is_some() {
            return Self::Unreachable(Arc::new(status));
        }
        let violations = details.bad_request().map(|fault| fault.field_violations.as_slice()).unwrap_or_default();
        Self::Refused(Box::new(Refused {
            code: status.code(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            message: status.message().to_owned(),
            violations: violations
                .iter()
                .map(|fault| Violation { field: fault.field.clone(), description: fault.description.clone() })
                .collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            metadata: info.map(|info| info.metadata.clone().into_iter().collect()).unwrap_or_default(),
        }))
    }
}

impl From<TlsError> for Error {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Connect(cause) => Self::Unreachable(Arc::new(cause)),
            TlsError::Handshake(cause) => Self::Unreachable(Arc::new(cause)),
            TlsError::Pem { .. }
            | TlsError::File { .. }
            | TlsError::Empty(_)
            | TlsError::Tls(_)
            | TlsError::ServerName(_)
            | TlsError::Address(_) => Self::Credentials(Arc::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::failure::Failure;

    #[test]
    fn a_status_is_decoded_as_the_gateway_made_it() {
        let violation = Violation { field: "detainer.form".to_owned(), description: "is required".to_owned() };
        let status = Failure::new(Code::InvalidArgument, ErrorReason::InvalidField, "one or more fields are at fault")
            .fields(&vec![violation.clone()])
            .retry_after(Duration::from_millis(1_500))
            .into_status([("action", "hold".to_owned())]);
        let error = Error::from(status);
        assert_eq!(error.reason(), Some(ErrorReason::InvalidField));
        assert!(error.to_string().ends_with("detainer.form is required"), "{error}");
        let Error::Refused(refused) = error else { panic!("{error:?}") };
        assert_eq!(refused.reason, "INVALID_FIELD");
        assert_eq!(refused.violations, [violation]);
        assert_eq!(refused.retry_after, Some(Duration::from_millis(1_500)));
        assert_eq!(refused.metadata.get("action").map(String::as_str), Some("hold"));
    }

    #[test]
    fn an_error_of_ours_comes_back_from_its_status() {
        let error = Error::from(Error::OutOfTime.into_status());
        assert!(matches!(error, Error::OutOfTime), "{error:?}");
        let lost = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let error = Error::from(Status::from_error(Box::new(lost)));
        assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
    }

    #[test]
    fn only_what_the_contract_calls_safe_is_temporary() {
        let check = |code, reason, hint: Option<u64>, expected| {
            let failure = Failure::new(code, reason, "");
            let failure = match hint {
                Some(millis) => failure.retry_after(Duration::from_millis(millis)),
                None => failure,
            };
            assert_eq!(Error::from(Status::from(failure)).is_temporary(), expected, "{code:?} {reason:?} {hint:?}");
        };
        check(Code::Unavailable, ErrorReason::Unavailable, None, true);
        check(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, None, true);
        check(Code::ResourceExhausted, ErrorReason::Overloaded, Some(5), true);
        check(Code::ResourceExhausted, ErrorReason::MessageTooLarge, None, false);
        check(Code::Aborted, ErrorReason::EtagMismatch, None, false);
        check(Code::Aborted, ErrorReason::Unavailable, Some(5), true);
        check(Code::PermissionDenied, ErrorReason::MethodDenied, Some(5), false);
        check(Code::Internal, ErrorReason::Internal, None, false);
        check(Code::AlreadyExists, ErrorReason::RequestIdReused, None, false);
    }
}
