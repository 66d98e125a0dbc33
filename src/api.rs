//! Thin gRPC handlers, one file for each service. A handler takes the proven caller, parses the request, passes it on
//! and answers.

mod active_agencies;
mod appeals;
mod backlog;
mod bulk;
mod bulk_limits;
mod concurrency;
mod config;
mod context;
mod custodies;
pub mod denied;
mod detainers;
mod duties;
mod inbox;
mod ledger;
mod list;
mod maintenance;
mod parked_consumers;
mod policies;
mod reports;
mod rosters;
pub mod status;
mod stream;
mod tiles;
mod transfers;
mod write;

pub use appeals::Appeals;
pub use bulk_limits::BulkLimits;
pub use concurrency::ConcurrencyLimits;
pub use config::InboxConfig;
pub use context::{Api, ApiKeys};
pub use custodies::Custodies;
pub use detainers::Detainers;
pub use duties::{Obligations, Reviews};
pub use inbox::Inbox;
pub use ledger::Ledger;
pub use maintenance::{Maintenance, MaintenanceNow};
pub use parked_consumers::{ParkedConsumer, ParkedConsumers, ParkedConsumersNow};
pub use policies::Policies;
pub use reports::Reports;
pub use rosters::Rosters;
pub use transfers::Transfers;
