//! The rows of a report, as they come.

use tonic::Status;

use crate::client::Error;
use crate::partner::report::{Check, Outcome};
use crate::wire::v1::ErrorReason;

/// The checks so far, in order.
#[derive(Debug, Default)]
pub(super) struct Rows(Vec<Check>);

impl Rows {
    pub(super) fn passed(&mut self, name: &str, seen: impl Into<String>) {
        self.add(name, Outcome::Passed, seen.into());
    }

    pub(super) fn failed(&mut self, name: &str, seen: impl Into<String>) {
        self.add(name, Outcome::Failed, seen.into());
    }

    pub(super) fn not_applicable(&mut self, name: &str, why: impl Into<String>) {
        self.add(name, Outcome::NotApplicable, why.into());
    }

    /// What was seen, whether or not it is what was wanted.
    pub(super) fn judge(&mut self, name: &str, came: Result<String, String>) {
        match came {
            Ok(seen) => self.passed(name, seen),
            Err(seen) => self.failed(name, seen),
        }
    }

    /// A call that MUST be refused for this reason.
    pub(super) fn refused<T>(&mut self, name: &str, came: Result<T, Status>, wanted: ErrorReason) {
        let word = wanted.as_str_name().trim_start_matches("ERROR_REASON_");
        self.judge(
            name,
            match came.map_err(Error::from) {
                Ok(_) => Err(format!("it was taken, and should be refused: {word}")),
                Err(error) if error.reason() == Some(wanted) => Ok(format!("refused: {word}")),
                Err(error) => Err(format!("refused, but not by {word}: {}", chain(error))),
            },
        );
    }

    pub(super) fn into_checks(self) -> Vec<Check> {
        self.0
    }

    fn add(&mut self, name: &str, outcome: Outcome, seen: String) {
        self.0.push(Check { name: name.to_owned(), outcome, seen });
    }
}

/// An error with its causes.
pub(super) fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}

/// A status as our client reads it, with its causes.
pub(super) fn told(status: Status) -> String {
    chain(Error::from(status))
}
