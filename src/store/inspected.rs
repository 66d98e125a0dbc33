//! What a look at a store finds that changes nothing, not even for a moment.

use std::sync::Arc;

use crate::domain::ids::LogName;
use crate::store::reader::Reader;

/// A store as it stands.
#[derive(Debug)]
pub struct Inspected {
    /// The version of its layout.
    pub version: i32,
    /// Logs that were restored from a backup and not held against anything since.
    pub restored: Vec<LogName>,
    /// Whether it is served, and how it is read.
    pub state: StoreState,
}

/// Whether a store is served, and how it is read.
#[derive(Debug)]
pub enum StoreState {
    /// A process of this number has its lock.
    Served(u32, Arc<dyn Reader>),
    /// Nobody has the lock.
    AtRest(Arc<dyn Reader>),
    /// A database, which any number of gateways may serve.
    Shared(Arc<dyn Reader>),
    /// Nobody has the lock, and so many bytes of a write-ahead log wait for the next start. Without them the file is not
    /// whole, and they are not read here.
    Interrupted(u64),
    /// Of an earlier layout. The next start brings it to this one.
    Earlier,
}
