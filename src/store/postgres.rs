//! The store for more than one machine: PostgreSQL, any number of gateways on one database.
//!
//! A batch locks the heads of its logs, so that gateways take turns and each sees what the others wrote. What a commit
//! answers is durable where the server says so: on the standby too, if it has one. Where nobody knows, the connection is
//! given up, and what the next one reads tells.

mod address;
mod agenda;
mod appeals;
mod connection;
mod copy;
mod fault;
mod follower;
mod inbox;
mod io;
mod load;
mod names;
mod pool;
mod read;
mod schema;
mod session;
mod statement;
mod tls;
mod write;
mod writer;

pub use address::Address;
pub(in crate::store) use copy::{Duplicate, Original};
pub use read::{PostgresReader, open_read_only};
pub use writer::PostgresStore;
