//! How an agency joins an exchange: it asks (`request`), the operator checks and answers (`approve`), it takes up the answer
//! (`accept`) and shows by a self-test that everything works (`self_test`). No private key leaves the directory it was made in.
//!
//! docs/joining.md tells it to those who do it.

mod accept;
mod approval;
mod approve;
pub mod files;
mod plain;
mod report;
mod request;
mod self_test;
mod settings;
#[cfg(test)]
mod tests;

pub use accept::accept;
pub use approval::Approval;
pub use approve::{CertificateFrom, Gateway, Registered, Terms, approve, check};
pub use report::{Check, Outcome, SelfTestReport, verify};
pub use request::{CheckedRequest, Fingerprint, Statement, Wish, make};
pub use self_test::{Story, test};
pub use settings::Settings;
