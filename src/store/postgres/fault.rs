//! Maps a failure to a store error. Its text holds the server's code and first sentence, never a detail or a value.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;

use crate::store::StoreError;

/// Error classes after which another connection may succeed (PostgreSQL, appendix A): the connection failed; the server
/// is short of resources, stopping, starting, or not the primary; or it gave way to another writer.
const PASSING_CLASSES: [&str; 3] = ["08", "53", "57P0"];
const PASSING: [&str; 7] = ["57014", "25006", "25P03", "40001", "40003", "40P01", "55P03"];

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        fault(&error)
    }
}

/// The store error for a failure.
pub(super) fn fault(error: &Error) -> StoreError {
    let said = describe(error);
    if passes(error) { StoreError::Interrupted(said) } else { StoreError::Server(said) }
}

/// Whether the connection is unusable: closed, or to a server that takes no writes.
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
    let Some(cause) = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) else {
        return error.is_closed();
    };
    match cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        // Somebody must repair the certificate, or is intercepting.
        Some(tls) => !matches!(tls, rustls::Error::InvalidCertificate(_)),
        None => !matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput),
    }
}

/// The text for a failure.
pub(super) fn describe(error: &Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(answered), _) => format!("{} {}", answered.code().code(), answered.message()),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}
