//! A witness that runs: its listeners, and the logs that it follows.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::files::read_secret;
use crate::ledger::CosignerKey;
use crate::metrics::{self, Metrics};
use crate::witness::config::{WatchedLog, WitnessConfig, WitnessError, log_of};
use crate::witness::follow::{Followed, follow};
use crate::witness::http::{ops_routes, serve, server_tls, witness_routes};
use crate::witness::keeper::Keeper;
use crate::witness::state::read_cosigner;

/// How long tasks may take to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// A witness whose configuration was read with everything it names, and whose heads are open.
#[derive(Debug)]
pub struct Daemon {
    config: WitnessConfig,
    base: Arc<Path>,
    keys: Vec<CosignerKey>,
    watched: Vec<WatchedLog>,
    keeper: Arc<Keeper>,
    metrics: Arc<Metrics>,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// Its listeners, bound.
#[derive(Debug)]
pub struct Bound {
    /// Where checkpoints are added.
    pub witness: SocketAddr,
    /// Where operators ask.
    pub ops: SocketAddr,
    listener: std::net::TcpListener,
    ops_listener: std::net::TcpListener,
}

impl Daemon {
    /// Reads everything that the configuration names. Blocks. Nothing is listened on yet.
    pub fn open(config: WitnessConfig, base: &Path) -> Result<Self, WitnessError> {
        let watched = config.watched()?;
        let read = |path: &Path| {
            let path = base.join(path);
            std::fs::read(&path).map_err(|source| WitnessError::Unreadable { path, source })
        };
        let tls = config.tls.as_ref().map(|tls| {
            let key = read_secret(&base.join(&tls.key))?;
            server_tls(&read(&tls.certificate)?, key.as_bytes())
        });
        let tls = tls.transpose()?;
        for follow in config.logs.iter().filter_map(|log| log.follow.as_ref()) {
            read(&follow.authorities)?;
            read(&follow.certificate)?;
            read_secret(&base.join(&follow.key))?;
        }
        let directory = base.join(&config.directory);
        let cosigner = read_cosigner(&directory, &config.name)?;
        let (keys, metrics) = (cosigner.keys().to_vec(), Metrics::new());
        let keeper = Arc::new(Keeper::open(&directory, cosigner, watched.clone(), Arc::clone(&metrics))?);
        Ok(Self { config, base: base.into(), keys, watched, keeper, metrics, tls })
    }

    /// The public keys, for policies.
    pub fn keys(&self) -> &[CosignerKey] {
        &self.keys
    }

    /// How many logs are watched.
    pub fn logs(&self) -> usize {
        self.watched.len()
    }

    /// Binds the listeners.
    pub fn bind(&self) -> Result<Bound, std::io::Error> {
        let bind = |address: SocketAddr| {
            let listener = std::net::TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok::<_, std::io::Error>((listener, address))
        };
        let (listener, witness) = bind(self.config.listen)?;
        let (ops_listener, ops) = bind(self.config.ops_listen)?;
        Ok(Bound { witness, ops, listener, ops_listener })
    }

    /// Serves and follows until it is told to stop.
    pub async fn run(self, bound: Bound, stop: CancellationToken) -> Result<(), std::io::Error> {
        let Bound { listener, ops_listener, .. } = bound;
        let (listener, ops_listener) = (TcpListener::from_std(listener)?, TcpListener::from_std(ops_listener)?);
        let mut tasks = JoinSet::new();
        for (log, watched) in self.config.logs.iter().zip(&self.watched) {
            let Some(config) = log.follow.clone() else { continue };
            let Some(name) = log_of(&log.origin) else { continue };
            let keys = watched.keys.clone();
            let followed = Followed { log: name, origin: log.origin.clone(), keys, config };
            let (base, keeper, metrics) = (Arc::clone(&self.base), Arc::clone(&self.keeper), Arc::clone(&self.metrics));
            tasks.spawn(follow(followed, base, keeper, metrics, stop.clone()));
        }
        tasks.spawn(serve("ops", ops_listener, None, ops_routes(Arc::clone(&self.metrics)), stop.clone()));
        tasks.spawn(serve("witness", listener, self.tls, witness_routes(Arc::clone(&self.keeper)), stop.clone()));
        let (kept, until) = (self.metrics, stop.clone());
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = until.cancelled() => return,
                    () = tokio::time::sleep(metrics::UPKEEP_EVERY) => kept.upkeep(),
                }
            }
        });
        stop.cancelled().await;
        let ended = async { while tasks.join_next().await.is_some() {} };
        // What is still open is dropped with the set.
        drop(tokio::time::timeout(SHUTDOWN_TIMEOUT, ended).await);
        Ok(())
    }
}
