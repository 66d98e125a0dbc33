//! A gateway that was restored from an older copy and took other writes: each of the three clients, told by nobody,
//! notices with the first heartbeat that it reads.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use comity::client::{Client, Error, EvidenceError, Inbox, InboxConfig};
use comity::domain::agency::ActorKind;
use comity::server::{Environment, Gateway};
use comity::wire::v1;
use tempfile::TempDir;

use crate::clients::{installed, limited, python_stubs, typescript_package};
use crate::harness::requests::{NY, detainer_for};
use crate::harness::{Party, World, copy};

/// A client reads the proofs that it needs, and waits a moment for a gateway that may be behind. A heartbeat comes at once
/// to whoever has caught up, and every second in these tests; every fifteen as gateways are configured.
const ONE_HEARTBEAT: Duration = Duration::from_secs(15);

/// How the log of the restored copy compares with what the clients have seen.
#[derive(Debug, Clone, Copy)]
enum Fork {
    Shorter,
    AsLong,
    Longer,
}

impl Fork {
    fn writes(self) -> usize {
        match self {
            Self::Shorter => 1,
            Self::AsLong => 4,
            Self::Longer => 7,
        }
    }
}

/// An exchange at an address that stays, whose gateway is replaced by one on an older copy of its store.
struct Exchange {
    world: World,
    older: TempDir,
    forked: Option<Gateway>,
}

impl Exchange {
    /// With four entries that the copy lacks.
    async fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut world = World::with(|_, config| config.server.listen = address);
        lodge(&world.ice(), 3).await;
        world.stop().await;
        let older = tempfile::tempdir().unwrap();
        copy(world.directory(), older.path());
        world.open_again();
        lodge(&world.ice(), 4).await;
        Self { world, older, forked: None }
    }

    /// From here on the copy answers at the same address, with other writes.
    async fn fork(&mut self, how: Fork) {
        self.world.stop().await;
        let gateway = Gateway::start(
            self.world.config(),
            self.older.path(),
            Environment { clock: self.world.clock.clone(), ..Environment::default() },
        )
        .unwrap();
        let (credentials, token) =
            (self.world.sandbox.credentials("us-ice"), self.world.sandbox.token("us-ice", ActorKind::System));
        let ice = Party::new(gateway.grpc(), credentials.unwrap(), token.unwrap());
        lodge(&ice, how.writes()).await;
        self.forked = Some(gateway);
    }

    async fn end(self) {
        let Self { forked, .. } = self;
        tokio::task::spawn_blocking(|| forked.map(Gateway::stop)).await.unwrap().unwrap().unwrap();
    }

    fn address(&self) -> String {
        self.world.config().server.listen.to_string()
    }
}

async fn lodge(ice: &Party, count: usize) {
    for _ in 0..count {
        ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    }
}

#[tokio::test]
async fn the_client_in_rust_notices_a_fork_with_the_first_heartbeat() {
    for how in [Fork::Shorter, Fork::AsLong, Fork::Longer] {
        let mut exchange = Exchange::start().await;
        let listen = exchange.world.config().server.listen;
        let config = exchange.world.sandbox.client(listen, "us-ny-doccs", ActorKind::System);
        let client = Client::connect(config.clone()).await.unwrap();
        let took = |_: v1::Delivery| async { Ok::<_, std::io::Error>(()) };
        Inbox::new(&client, NY).of_consumer("first").catch_up(took).await.unwrap();
        // Kept over a restart of the client.
        let kept = client.checkpoints();
        assert!(kept.iter().any(|note| note.contains("/us-ny/logs/exchange")), "{kept:?}");
        drop(client);
        exchange.fork(how).await;

        let client = Client::connect(config.grown_from(kept)).await.unwrap();
        let begun = Instant::now();
        let mut inbox = Inbox::new(&client, NY).of_consumer("second").with(InboxConfig::default());
        let noticed = inbox.catch_up(took).await.unwrap_err();
        assert!(begun.elapsed() < ONE_HEARTBEAT, "{how:?}: {:?}", begun.elapsed());
        assert!(matches!(&noticed, Error::Evidence(EvidenceError::Forked { .. })), "{how:?}: {noticed:?}");
        // And nothing more is asked of it.
        let again = client.detainers().list_detainers(v1::ListDetainersRequest::default()).await.unwrap_err();
        assert!(matches!(Error::from(again), Error::Evidence(EvidenceError::Forked { .. })), "{how:?}");
        drop(client);
        exchange.end().await;
    }
}

/// A client that only writes: its receipt is of another history.
#[tokio::test]
async fn a_client_that_only_writes_notices_a_fork_by_its_receipts() {
    let mut exchange = Exchange::start().await;
    let listen = exchange.world.config().server.listen;
    let config = exchange.world.sandbox.client(listen, "us-ice", ActorKind::System);
    let client = Client::connect(config.clone()).await.unwrap();
    client.detainers().lodge_detainer(detainer_for("us-ny-doccs")).await.unwrap();
    let kept = client.checkpoints();
    assert_eq!(kept.len(), 1);
    drop(client);
    exchange.fork(Fork::Longer).await;
    let client = Client::connect(config.grown_from(kept)).await.unwrap();
    let refused = client.detainers().lodge_detainer(detainer_for("us-ny-doccs")).await.unwrap_err();
    assert!(matches!(Error::from(refused), Error::Evidence(EvidenceError::Forked { .. })));
    drop(client);
    exchange.end().await;
}

/// Runs a watcher before and after the fork.
async fn watched(how: Fork, program: impl Fn() -> std::process::Command + Send + Sync + 'static) {
    let mut exchange = Exchange::start().await;
    let kept = TempDir::new().unwrap();
    let (directory, address) = (exchange.world.directory().to_owned(), exchange.address());
    let file = kept.path().join("kept.json");
    let program = std::sync::Arc::new(program);
    let watch = async |directory: PathBuf, address: String, file: &Path| {
        let (program, file) = (std::sync::Arc::clone(&program), file.to_owned());
        tokio::task::spawn_blocking(move || {
            let mut command = program();
            command
                .arg(directory)
                .arg(address.replace("127.0.0.1", "localhost"))
                .args(["us-ny-doccs", "us-ny"])
                .arg(file);
            let begun = Instant::now();
            let run = command.output().unwrap();
            let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
            (run.status.code(), said, begun.elapsed())
        })
        .await
        .unwrap()
    };
    for _ in 0..2 {
        let (code, said, _) = watch(directory.clone(), address.clone(), &file).await;
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("entries, and the logs only grew"), "{said}");
    }
    exchange.fork(how).await;
    let (code, said, took) = watch(directory, address, &file).await;
    assert_eq!(code, Some(3), "{how:?}: {said}");
    assert!(said.contains("jurisdictions/us-ny/logs/exchange has forked"), "{how:?}: {said}");
    assert!(took < ONE_HEARTBEAT, "{how:?}: {took:?}");
    exchange.end().await;
}

#[tokio::test]
async fn the_client_in_python_notices_a_fork_with_the_first_heartbeat() {
    let Some(python) = installed("COMITY_PYTHON", "forks as the client in Python sees them") else { return };
    let stubs = python_stubs(&python, "python-forks");
    for how in [Fork::Shorter, Fork::AsLong, Fork::Longer] {
        let (python, stubs) = (python.clone(), stubs.clone());
        let program = move || {
            let mut watch = limited(&python);
            watch.arg(Path::new(super::ROOT).join("docs/clients/python/watch.py"));
            watch.env("PYTHONPATH", &stubs).env("PYTHONDONTWRITEBYTECODE", "1");
            watch
        };
        Box::pin(watched(how, program)).await;
    }
}

#[tokio::test]
async fn the_client_in_typescript_notices_a_fork_with_the_first_heartbeat() {
    let Some(modules) = installed("COMITY_NODE_MODULES", "forks as the client in TypeScript sees them") else { return };
    let package = typescript_package(&modules, "typescript-forks");
    for how in [Fork::Shorter, Fork::AsLong, Fork::Longer] {
        let package = package.clone();
        let program = move || {
            let mut watch = limited("node");
            watch.arg(package.join("dist/src/watch.js"));
            watch
        };
        Box::pin(watched(how, program)).await;
    }
}
