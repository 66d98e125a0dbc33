//! Follows what other gateways write to a store, over a connection of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::LogName;
use crate::store::postgres::address::Address;
use crate::store::postgres::connection::{Connection, Role};
use crate::store::postgres::io::Io;
use crate::store::postgres::schema;
use crate::store::postgres::session::Statement;
use crate::store::{HeadFollower, StoreError, rows};

/// How long to wait for further announcements after one.
const GATHER: Duration = Duration::from_millis(10);

const HEADS: &str = "SELECT names.name, heads.size FROM heads JOIN names ON names.id = heads.log";

/// Follows the heads of a store over its own connection.
#[derive(Debug)]
pub(super) struct Follower {
    connection: Option<Connection>,
    address: Address,
    tag: String,
    /// The sizes reported last.
    sizes: BTreeMap<LogName, u64>,
    // After the connection, which says goodbye over it.
    io: Option<Arc<Io>>,
}

impl HeadFollower for Follower {
    fn sizes(&mut self, at_most: Duration) -> Result<BTreeMap<LogName, u64>, StoreError> {
        let sizes = self.wait_for_growth(at_most);
        if sizes.is_err() {
            self.connection = None;
        }
        sizes
    }
}

impl Follower {
    pub(super) fn new(address: Address, tag: String) -> Self {
        Self { connection: None, address, tag, sizes: BTreeMap::new(), io: None }
    }

    fn wait_for_growth(&mut self, at_most: Duration) -> Result<BTreeMap<LogName, u64>, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => {
                connection.listen(at_most, GATHER)?;
                connection
            }
            // Announcements without a listener are lost: look at once.
            None => self.connect()?,
        };
        let [heads] = connection.run([Statement::new(HEADS)])?;
        let head = |row: &tokio_postgres::Row| {
            let log: &str = row.try_get(0)?;
            let log = log.parse().map_err(|_| StoreError::Broken("a head is no log's"))?;
            Ok((log, rows::size(row.try_get(1)?)?))
        };
        let sizes: BTreeMap<LogName, u64> = heads.rows.iter().map(head).collect::<Result<_, StoreError>>()?;
        if sizes != self.sizes {
            // The standby may not have it yet, and nothing that could be lost may be published.
            connection.confirm()?;
            self.sizes.clone_from(&sizes);
        }
        self.connection = Some(connection);
        Ok(sizes)
    }

    fn connect(&mut self) -> Result<Connection, StoreError> {
        let io = match &self.io {
            Some(io) => Arc::clone(io),
            None => Arc::clone(self.io.insert(Arc::new(Io::start("comity-listen")?))),
        };
        schema::connect(&io, &self.address, Role::Listener, &self.tag)
    }
}
