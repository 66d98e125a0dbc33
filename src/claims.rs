//! Claims: what a requester published about its detainers, kept apart from the exchange.
//!
//! A claim opens no custody, records no release and starts no clock: it is a line in a file of its own, a [`Book`]. The file is
//! append-only, its lines are the leaves of a Merkle tree, and a report that counts from it names the root. Why it is not in a
//! log of the exchange: docs/decisions/0027-claims-have-a-book-of-their-own.md.

mod book;
mod claim;
mod error;
mod ice_detainers;
mod import;

pub use book::{Book, Claims, Head, Reconciliation, SourceFile};
pub use claim::{ChargeAsClaimed, Claim, ClaimedOutcome, Criminality, Fault};
pub use error::ClaimsError;
pub use ice_detainers::COLUMNS;
pub use import::{Imported, import};
