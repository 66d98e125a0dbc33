//! What other gateways write to a store, heard over a connection of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::LogName;
use crate::store::postgres::address::Address;
use crate::store::postgres::io::Io;
use crate::store::postgres::link::{Link, Role};
use crate::store::postgres::schema;
use crate::store::postgres::session::Ask;
use crate::store::{StoreError, rows};

/// After an announcement, for those that come with it.
const GATHER: Duration = Duration::from_millis(10);

const HEADS: &str = "SELECT names.name, heads.size FROM heads JOIN names ON names.id = heads.log";

/// What others write to a store, as a connection of its own hears of it.
#[derive(Debug)]
pub struct Others {
    link: Option<Link>,
    address: Address,
    tag: String,
    /// As last told.
    sizes: BTreeMap<LogName, u64>,
    // After the link, which says goodbye over it.
    io: Option<Arc<Io>>,
}

impl Others {
    pub(super) fn new(address: Address, tag: String) -> Self {
        Self { link: None, address, tag, sizes: BTreeMap::new(), io: None }
    }

    /// Waits until something may have been written, at most so long; then says how far each log is of which that is
    /// durable.
    pub fn sizes(&mut self, at_most: Duration) -> Result<BTreeMap<LogName, u64>, StoreError> {
        let heard = self.hear(at_most);
        if heard.is_err() {
            self.link = None;
        }
        heard
    }

    fn hear(&mut self, at_most: Duration) -> Result<BTreeMap<LogName, u64>, StoreError> {
        let link = match self.link.take() {
            Some(link) => {
                link.listen(at_most, GATHER)?;
                link
            }
            // Whatever was announced while nobody listened was missed: look at once.
            None => self.connect()?,
        };
        let [heads] = link.ask([Ask::new(HEADS)])?;
        let head = |row: &tokio_postgres::Row| {
            let log: &str = row.try_get(0)?;
            let log = log.parse().map_err(|_| StoreError::Broken("a head is no log's"))?;
            Ok((log, rows::size(row.try_get(1)?)?))
        };
        let sizes: BTreeMap<LogName, u64> = heads.rows.iter().map(head).collect::<Result<_, StoreError>>()?;
        if sizes != self.sizes {
            // A standby may not have it yet, and nothing is published that could still be lost.
            link.confirm()?;
            self.sizes.clone_from(&sizes);
        }
        self.link = Some(link);
        Ok(sizes)
    }

    fn connect(&mut self) -> Result<Link, StoreError> {
        let io = match &self.io {
            Some(io) => Arc::clone(io),
            None => Arc::clone(self.io.insert(Arc::new(Io::start("comity-listen")?))),
        };
        schema::connect(&io, &self.address, Role::Listener, &self.tag)
    }
}
