//! The audit log of a gateway: who did what, when, from where and with which outcome (CJIS Security Policy AU-2, AU-3),
//! in a file that shows whether it was changed (AU-9) and that the gateway does no work without (AU-5).
//!
//! Each line is one JSON object. It holds its number and the hash of the line before (`chain`), so that a line taken out,
//! put in, moved or changed is found. A line of its own signs the chain every minute (`head`). The file is opened, read on
//! and rotated in `file`; denials that come too fast become counts (`denials`); `handle` is what the rest of the gateway
//! writes to, `keeper` what is done by the clock, and `verify` checks it all offline. docs/audit.md is for operators.

pub mod call;
mod chain;
mod config;
mod denials;
mod file;
mod handle;
mod head;
mod host;
mod keeper;
mod record;
mod syslog;
mod tail;
mod verify;

pub use config::Config;
pub use handle::{AuditFile, AuditLines, Away, Terms, Unwritten};
pub use head::{note_in, origin_of};
pub use host::host_name;
pub use keeper::Keeper;
pub use record::{Act, CallEvent, CallRecord, Outcome};
pub use verify::{AuditFault, Verified, verify};
