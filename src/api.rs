//! Thin gRPC handlers, one service a file: take the proven caller, parse, hand on, answer.

mod appeals;
mod backlog;
mod concurrency;
mod config;
mod context;
mod custodies;
mod detainers;
mod duties;
mod inbox;
mod ledger;
mod list;
mod policies;
pub mod status;
mod stream;
mod transfers;
mod write;

pub use appeals::Appeals;
pub use concurrency::ConcurrencyLimits;
pub use config::InboxConfig;
pub use context::{Api, ApiKeys};
pub use custodies::Custodies;
pub use detainers::Detainers;
pub use duties::{Obligations, Reviews};
pub use inbox::Inbox;
pub use ledger::Ledger;
pub use policies::Policies;
pub use transfers::Transfers;
