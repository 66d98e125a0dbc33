//! Where the store of a sequence is: in a file, of which a death leaves what was on disk, or in a database, of which it
//! leaves what was committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use comity::store::postgres::PostgresStore;
use comity::store::sqlite::SqliteStore;
use comity::store::{Store, StoreError, StoreLocation};
use tempfile::TempDir;

use crate::harness::postgres::Database;
use crate::model::dying;
use crate::model::real::WRAPPING_KEY;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    File,
    Server,
}

/// A store with its logs, and nothing in them.
static EMPTY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&dying::database(directory.path()), &WRAPPING_KEY).unwrap();
    for log in crate::model::logs() {
        store.recover(&log).unwrap();
    }
    drop(store);
    fs::read(dying::database(directory.path())).unwrap()
});

thread_local! {
    /// Of this thread alone: whoever drops the connections to it drops nobody else's.
    static OWN: Arc<Database> = Arc::new(Database::whole().expect("there is a server"));
}

/// Empties every table of ours. Making them anew takes many times as long.
const EMPTY_TABLES: &str = "SET session_replication_role = replica; \
    DO $$ DECLARE it text; BEGIN \
        FOR it IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'comity' LOOP \
            EXECUTE 'DELETE FROM ' || it; \
        END LOOP; \
    END $$";

/// Where the store is, and a directory beside it.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    room: Arc<TempDir>,
    /// Of the file; receipts are kept in it too.
    pub(super) directory: PathBuf,
    lives: u64,
    database: Option<Arc<Database>>,
}

impl Disk {
    /// An empty store.
    pub(super) fn new(engine: On) -> Self {
        // Syncs cost nothing where there is no disk.
        let memory = Path::new("/dev/shm");
        let room = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let directory = room.path().join("0");
        fs::create_dir(&directory).unwrap();
        let database = match engine {
            On::File => {
                fs::write(dying::database(&directory), &*EMPTY).unwrap();
                None
            }
            On::Server => Some(OWN.with(|own| {
                own.run(EMPTY_TABLES);
                Arc::clone(own)
            })),
        };
        Self { room: Arc::new(room), directory, lives: 0, database }
    }

    pub(super) fn place(&self) -> StoreLocation {
        match &self.database {
            None => StoreLocation::File(dying::database(&self.directory)),
            Some(database) => StoreLocation::Server(database.address()),
        }
    }

    pub(super) fn open(&self, wrapping_key: &[u8; 32]) -> Result<Box<dyn Store>, StoreError> {
        match &self.database {
            None => Ok(Box::new(SqliteStore::open(&dying::database(&self.directory), wrapping_key)?)),
            Some(database) => Ok(Box::new(PostgresStore::open(&database.address(), wrapping_key)?)),
        }
    }

    pub(super) fn is_file(&self) -> bool {
        self.database.is_none()
    }

    /// As the server does when it ends, or when somebody tells it to. Of a file there are none.
    pub(super) fn drop_connections(&self) {
        if let Some(database) = &self.database {
            database.drop_connections();
        }
    }

    /// Where what a death leaves of a file is put.
    pub(super) fn image(&self) -> PathBuf {
        self.room.path().join((self.lives + 1).to_string())
    }

    /// Goes on with what a death left.
    pub(super) fn go_on(&mut self) {
        if self.is_file() {
            let image = self.image();
            fs::remove_dir_all(&self.directory).unwrap();
            self.lives += 1;
            self.directory = image;
        }
    }
}
