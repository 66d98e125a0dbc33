//! A whole exchange in a temporary directory: a gateway in this process, a seat for every agency, a clock that stands
//! until it is moved, and everything the gateway logs.

pub(crate) mod appeals;
pub(crate) mod browser;
pub(crate) mod changes;
pub(crate) mod collector;
pub(crate) mod descriptor;
pub(crate) mod duties;
mod journal;
pub(crate) mod law;
mod outcome;
mod party;
mod plain_law;
pub(crate) mod postgres;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod requests;
pub(crate) mod rosters;
mod store;
pub(crate) mod story;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use comity::config::{Config, PolicyConfig};
use comity::domain::agency::ActorKind;
use comity::policy::load::PolicySet;
use comity::recorder::{Clock, Entropy};
use comity::sandbox::{CONFIG_FILE, Sandbox};
use comity::server::{Environment, Gateway};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

pub(crate) use journal::{Journal, Line};
pub(crate) use outcome::{Outcome, Refused, assert_nothing_personal};
pub(crate) use party::{Party, status_of};
pub(crate) use store::{Kept, Rows};

use crate::sample;

/// Keys and certificates take a while to make: made once a process, and copied.
static TEMPLATE: LazyLock<TempDir> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Sandbox::establish(directory.path()).unwrap().config;
    law::lay(&directory.path().join(law::AS_READ));
    config.policy = PolicyConfig { directory: Some(law::AS_READ.into()), look_every_ms: 0, ..PolicyConfig::default() };
    fs::write(directory.path().join(CONFIG_FILE), toml::to_string(&config).unwrap()).unwrap();
    directory
});

/// An exchange that runs.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    config: Config,
    seed: Option<u64>,
    gateway: Option<Gateway>,
    parties: Mutex<HashMap<(String, ActorKind), Party>>,
    // Last, so that it is removed when the gateway has gone.
    directory: TempDir,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::establish(None, |_, _| ())
    }

    /// With other files or another configuration than a sandbox has.
    pub(crate) fn with(change: impl FnOnce(&Path, &mut Config)) -> Self {
        Self::establish(None, change)
    }

    /// Under the law that is built in, switches as they are shipped.
    pub(crate) fn under_shipped_law() -> Self {
        Self::with(|_, config| config.policy = PolicyConfig::default())
    }

    /// With entries that are the same in every run, restarts or not.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self::establish(Some(seed), |_, _| ())
    }

    fn establish(seed: Option<u64>, change: impl FnOnce(&Path, &mut Config)) -> Self {
        let directory = sandbox_directory();
        law::with_the_acts(&directory.path().join(law::AS_READ));
        let sandbox = Sandbox::establish(directory.path()).unwrap();
        let mut config = sandbox.config.clone();
        // A stream at its end says so soon; nothing else waits for it.
        config.inbox.heartbeat_ms = 1_000;
        config.server.workers = 1;
        // A test that changes a file says when it is read again.
        config.server.look_every_ms = 0;
        change(directory.path(), &mut config);
        let mut world = Self {
            sandbox,
            clock: Clock::simulated(sample::start()),
            journal: Journal::default(),
            config,
            seed,
            gateway: None,
            parties: Mutex::default(),
            directory,
        };
        world.open();
        world
    }

    fn open(&mut self) {
        let entropy = self.seed.map_or(Entropy::System, Entropy::Seeded);
        let seams = Environment { clock: self.clock.clone(), entropy, ..Environment::default() };
        let start = || Gateway::start(&self.config, self.directory.path(), seams);
        self.gateway = Some(tracing::dispatcher::with_default(&self.journal.dispatch(), start).unwrap());
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Another configuration, for the next start.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
    }

    /// Starts once more after a stop.
    pub(crate) fn open_again(&mut self) {
        self.open();
    }

    /// Stops as SIGTERM does.
    pub(crate) async fn stop(&mut self) {
        self.parties.lock().unwrap().clear();
        let gateway = self.gateway.take().unwrap();
        // Not here: the clients' side of every connection runs on this thread.
        tokio::task::spawn_blocking(|| gateway.stop()).await.unwrap().unwrap();
    }

    /// Drops the gateway without a word.
    pub(crate) fn abandon(&mut self) {
        drop(self.gateway.take());
    }

    pub(crate) async fn restart(&mut self) {
        self.restart_after(|_| ()).await;
    }

    /// With something changed in its directory while it was down.
    pub(crate) async fn restart_after(&mut self, change: impl FnOnce(&Path)) {
        self.stop().await;
        change(self.directory.path());
        self.open();
    }

    /// The law that a world is under, where its test did not change it.
    pub(crate) fn law(&self) -> PolicySet {
        PolicySet::load(&self.directory().join(law::AS_READ)).unwrap()
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What is durable.
    pub(crate) fn kept(&self) -> Kept {
        Kept::of(self.directory.path())
    }

    pub(crate) fn pass(&self, time: SignedDuration) -> Timestamp {
        let now = self.clock.now().checked_add(time).unwrap();
        self.clock.set(now);
        now
    }

    /// An agency's unattended system.
    pub(crate) fn system(&self, agency: &str) -> Party {
        self.party(agency, ActorKind::System)
    }

    /// An officer of an agency.
    pub(crate) fn officer(&self, agency: &str) -> Party {
        self.party(agency, ActorKind::Officer)
    }

    pub(crate) fn ice(&self) -> Party {
        self.system("us-ice")
    }

    /// A state prison in New York.
    pub(crate) fn doccs(&self) -> Party {
        self.system("us-ny-doccs")
    }

    /// A county jail in New York.
    pub(crate) fn erie(&self) -> Party {
        self.system("us-ny-erie-jail")
    }

    /// A county jail in Texas.
    pub(crate) fn harris(&self) -> Party {
        self.system("us-tx-harris-jail")
    }

    /// Of New York.
    pub(crate) fn oversight(&self) -> Party {
        self.system("us-ny-oversight")
    }

    /// A party of whose certificate only: it sends no token.
    pub(crate) fn without_token(&self, agency: &str) -> Party {
        self.with_token(agency, "")
    }

    /// An agency's certificate with any token.
    pub(crate) fn with_token(&self, agency: &str, token: &str) -> Party {
        let credentials = self.sandbox.credentials(agency).unwrap();
        Party::new(self.gateway().grpc(), credentials, token.to_owned())
    }

    fn party(&self, agency: &str, actor: ActorKind) -> Party {
        let made = || self.with_token(agency, &self.sandbox.token(agency, actor).unwrap());
        self.parties.lock().unwrap().entry((agency.to_owned(), actor)).or_insert_with(made).clone()
    }
}

/// A sandbox of its own for each test, with the keys of the process.
pub(crate) fn sandbox_directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    copy(TEMPLATE.path(), directory.path());
    directory
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
