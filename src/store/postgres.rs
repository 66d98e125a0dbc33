//! The PostgreSQL store, for several gateways on one database.
//!
//! A batch locks the heads of its logs, so that gateways take turns and each sees what the others wrote. A commit is
//! durable when the server acknowledges it, on the standby too if there is one. If the outcome is unknown, the
//! connection is given up, and the next connection reads the truth.

mod address;
mod agenda;
mod appeals;
mod connection;
mod copy;
mod fault;
mod follower;
mod in_place;
mod inbox;
mod io;
mod load;
mod names;
mod pool;
mod read;
mod restored;
mod schema;
mod search;
mod session;
mod statement;
mod table;
mod tls;
mod write;
mod writer;

pub use address::Address;
pub(in crate::store) use copy::{Duplicate, Original};
pub(in crate::store) use in_place::InPlace;
pub use read::{PostgresReader, open_read_only};
pub(in crate::store) use restored::{release_restored, restored};
pub use writer::PostgresStore;
