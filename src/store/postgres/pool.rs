//! A small pool of connections for reading.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::store::StoreError;
use crate::store::postgres::address::Address;
use crate::store::postgres::connection::{Connection, Role};
use crate::store::postgres::io::Io;
use crate::store::postgres::schema;

/// The most connections of a reader.
const CONNECTIONS_MAX: usize = 8;
/// How long a reader waits for a connection.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The pool of a reader.
pub(super) struct Pool {
    address: Address,
    role: Role,
    connections: Mutex<Connections>,
    returned: Condvar,
    // Declared last: connections say goodbye over it.
    io: Arc<Io>,
}

#[derive(Default)]
struct Connections {
    idle: Vec<Connection>,
    lent: usize,
}

impl Pool {
    pub(super) fn new(address: Address, role: Role) -> Result<Self, StoreError> {
        let io = Arc::new(Io::start("comity-read")?);
        Ok(Self { address, role, connections: Mutex::default(), returned: Condvar::new(), io })
    }

    /// Reads over a connection. If it turns out to be unusable, reads once more over a new one.
    pub(super) fn with<T>(&self, read: impl Fn(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let _lent = self.borrow()?;
        let connection = match self.idle() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let outcome = read(&connection);
        if connection.is_good() {
            self.keep(connection);
            return outcome;
        }
        // What ended this connection has ended the idle ones too.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).idle.clear();
        let connection = self.connect()?;
        let outcome = read(&connection);
        self.keep(connection);
        outcome
    }

    /// Waits for a connection.
    fn borrow(&self) -> Result<BorrowedConnection<'_>, StoreError> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let all_lent = |connections: &mut Connections| connections.lent >= CONNECTIONS_MAX;
        let waited = self.returned.wait_timeout_while(connections, WAIT_MAX, all_lent);
        let (mut connections, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return Err(StoreError::Interrupted("every connection for reading is busy".to_owned()));
        }
        connections.lent = connections.lent.saturating_add(1);
        Ok(BorrowedConnection(self))
    }

    fn idle(&self) -> Option<Connection> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.idle.retain(Connection::is_good);
        connections.idle.pop()
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        schema::connect(&self.io, &self.address, self.role, "")
    }

    fn keep(&self, connection: Connection) {
        if connection.is_good() {
            self.connections.lock().unwrap_or_else(PoisonError::into_inner).idle.push(connection);
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A borrowed connection, given back when dropped.
struct BorrowedConnection<'a>(&'a Pool);

impl Drop for BorrowedConnection<'_> {
    fn drop(&mut self) {
        let mut connections = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.lent = connections.lent.saturating_sub(1);
        drop(connections);
        self.0.returned.notify_one();
    }
}
