//! What is durable, read behind the gateway's back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use comity::domain::determination::FieldClasses;
use comity::domain::ids::LogName;
use comity::store::sqlite::open_read_only;
use comity::store::{Reader as _, StoredEntry};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

/// Rows by table.
pub(crate) type Rows = BTreeMap<&'static str, u64>;

const TABLES: [&str; 9] =
    ["entries", "checkpoints", "cases", "requests", "deliveries", "consumers", "attempts", "disclosures", "tiles"];

/// A request as the store remembers it.
pub(crate) struct KeptRequest {
    pub(crate) id: String,
    pub(crate) log: String,
    pub(crate) index: i64,
}

/// The store of a directory.
pub(crate) struct Kept {
    directory: PathBuf,
}

impl Kept {
    pub(crate) fn of(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    fn database(&self) -> PathBuf {
        self.directory.join("comity.db")
    }

    fn connection(&self) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(self.database(), flags).unwrap()
    }

    /// How often each entry was sent that is not settled.
    pub(crate) fn tries(&self) -> Vec<u32> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT tries FROM attempts ORDER BY consumer, position").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// What was accounted for, in order: method, resources and classes.
    pub(crate) fn disclosures(&self) -> Vec<(String, String, FieldClasses)> {
        let connection = self.connection();
        let mut statement =
            connection.prepare("SELECT method, resources, classes FROM disclosures ORDER BY id").unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, FieldClasses::from_bits(row.get(2)?)));
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    }

    /// Every request that is remembered.
    pub(crate) fn requests(&self) -> Vec<KeptRequest> {
        let connection = self.connection();
        // A position is a log's number and an index in it (schema.sql).
        let sql = "SELECT request_id, name, position & ((1 << 40) - 1) FROM requests JOIN names ON id = position >> 40";
        let mut statement = connection.prepare(sql).unwrap();
        let requests = statement.query_map([], |row| {
            let id = Uuid::from_slice(&row.get::<_, Vec<u8>>(0)?).unwrap().to_string();
            Ok(KeptRequest { id, log: row.get(1)?, index: row.get(2)? })
        });
        requests.unwrap().map(Result::unwrap).collect()
    }

    /// How many entries have the answer to a write.
    pub(crate) fn answers(&self) -> usize {
        let sql = "SELECT count(*) FROM entries WHERE answer IS NOT NULL";
        let count: i64 = self.connection().query_row(sql, [], |row| row.get(0)).unwrap();
        usize::try_from(count).unwrap()
    }

    /// How many rows each table has. Where nothing was recorded, remembered or disclosed, none has changed.
    pub(crate) fn rows(&self) -> Rows {
        let connection = self.connection();
        let count = |table: &str| {
            let count: i64 =
                connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
            u64::try_from(count).unwrap()
        };
        TABLES.into_iter().map(|table| (table, count(table))).collect()
    }

    /// Every entry of a log, sealed content left sealed.
    pub(crate) fn entries(&self, log: &LogName) -> Vec<StoredEntry> {
        open_read_only(&self.database(), None).unwrap().entries(log, 0, 100_000).unwrap()
    }

    pub(crate) fn logs(&self) -> Vec<LogName> {
        open_read_only(&self.database(), None).unwrap().logs().unwrap()
    }
}
