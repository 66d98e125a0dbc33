//! What a failure means, and what is said of it: the server's code and first sentence, never a detail or a value.

use std::error::Error as _;
use std::fmt;
use std::io;

use tokio_postgres::Error;

use crate::store::StoreError;

/// Codes after which the same may go well on another connection (PostgreSQL, appendix A): the connection failed, the
/// server is short of something, is going down, coming up, or not the one that writes, or gave way to another writer.
const PASSING_CLASSES: [&str; 3] = ["08", "53", "57P0"];
const PASSING: [&str; 7] = ["57014", "25006", "25P03", "40001", "40003", "40P01", "55P03"];

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        fault(&error)
    }
}

/// A failure as the store tells it.
pub(super) fn fault(error: &Error) -> StoreError {
    let said = Said(error).to_string();
    if passes(error) { StoreError::Interrupted(said) } else { StoreError::Server(said) }
}

/// Whether the connection is of no use any more: closed, or to a server that does not write.
pub(super) fn ends_connection(error: &Error) -> bool {
    match error.code() {
        Some(code) => code.code() == "25006" || code.code().starts_with("57P0") || code.code().starts_with("08"),
        None => true,
    }
}

fn passes(error: &Error) -> bool {
    if let Some(code) = error.code() {
        let code = code.code();
        return PASSING.contains(&code) || PASSING_CLASSES.iter().any(|class| code.starts_with(class));
    }
    match error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
        // Somebody must see to the certificate, or is in the way.
        Some(cause) if cause.get_ref().is_some_and(is_distrusted) => false,
        Some(cause) if cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => true,
        Some(cause) => !matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput),
        None => error.is_closed(),
    }
}

fn is_distrusted(inner: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(inner.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
}

struct Said<'a>(&'a Error);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.as_db_error(), self.0.source()) {
            (Some(answered), _) => write!(f, "{} {}", answered.code().code(), answered.message()),
            (None, Some(cause)) => write!(f, "{}: {cause}", self.0),
            (None, None) => write!(f, "{}", self.0),
        }
    }
}
