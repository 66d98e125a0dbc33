//! Assembly: reads keys, recovers the store, checks the policies, binds the listeners, and says ready last.
//!
//! One thread accepts, one thread a core serves connections on a runtime of its own, and the recorder writes on its
//! own thread; SQL never runs on a network thread. [`worker`] is what a connection meets.

pub mod accept;
mod health;
mod layers;
mod ops;
mod protocol;
mod ticking;
mod worker;
mod writer;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::limit::GlobalConcurrencyLimitLayer;

pub use health::Phase;

use crate::api::{Api, ApiKeys, LISTS_MAX};
use crate::config::{Config, ConfigError, Secrets};
use crate::domain::zone::Zones;
use crate::feed::Trying;
use crate::identity::authenticate::Authenticator;
use crate::identity::clock::WallClock;
use crate::identity::pseudonym::PseudonymKey;
use crate::identity::rate::RateLimitLayer;
use crate::identity::registry::Registry;
use crate::ledger::VerifierKey;
use crate::policy::engine::Engine;
use crate::policy::gate::Gate;
use crate::policy::load::PolicySet;
use crate::recorder::{Clock, Entropy, Handle, RecorderError, Running, SubmitError};
use crate::server::accept::{Material, TlsState};
use crate::server::layers::Layers;
use crate::server::worker::Worker;

/// Accepted sockets that may wait for one worker.
const SOCKETS_WAITING_MAX: usize = 64;

/// Why the gateway did not start, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Configuration or keys.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Policies.
    #[error("the policies cannot be used: {0}")]
    Policy(#[from] crate::policy::load::PolicyError),
    /// Agencies.
    #[error("the registry of agencies cannot be used: {0}")]
    Registry(#[from] crate::identity::registry::RegistryError),
    /// Certificates.
    #[error("the certificates cannot be used: {0}")]
    Trust(#[from] accept::TrustError),
    /// A jurisdiction without a law: nothing there could ever be permitted.
    #[error("there is no policy pack for the jurisdiction {0}")]
    NoLaw(crate::domain::ids::JurisdictionId),
    /// A time zone that is none.
    #[error(transparent)]
    Zone(#[from] crate::domain::zone::UnknownZone),
    /// The store.
    #[error("the store cannot be opened: {0}")]
    Store(#[from] crate::store::StoreError),
    /// The writer.
    #[error("the writer failed: {0}")]
    Recorder(#[from] RecorderError),
    /// A listener or a thread.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A thread of ours ended in a panic.
    #[error("the thread {0} panicked")]
    Panicked(&'static str),
}

/// Time and randomness, as a test, a demo or the machine has them.
#[derive(Debug)]
pub struct Seams {
    /// The time of record.
    pub clock: Clock,
    /// Blinding, salts and ids.
    pub entropy: Entropy,
    /// The time that certificates and tokens are held against.
    pub wall: WallClock,
}

impl Default for Seams {
    fn default() -> Self {
        Self { clock: Clock::System, entropy: Entropy::System, wall: WallClock::system() }
    }
}

/// A gateway that runs. Dropped without [`Gateway::stop`], it drains by itself and nobody waits for it; nothing
/// acknowledged is lost by either.
#[derive(Debug)]
pub struct Gateway {
    grpc: SocketAddr,
    ops: SocketAddr,
    verifier: VerifierKey,
    phase: watch::Sender<Phase>,
    recorder: Handle,
    certificates: Certificates,
    drain: DropGuard,
    stop_ops: DropGuard,
    workers: Vec<JoinHandle<()>>,
    front: JoinHandle<Result<(), ServerError>>,
    writer: JoinHandle<Result<(), RecorderError>>,
}

impl Gateway {
    /// Starts a gateway and returns when it is ready. `base` is where relative paths of the configuration start.
    pub fn start(config: &Config, base: &Path, seams: Seams) -> Result<Self, ServerError> {
        let (phase, phase_seen) = watch::channel(Phase::Starting);
        let Checked { secrets, registry, engine, verifier, zones, .. } = check(config, base)?;
        let agencies = registry.members().map(|member| (member.agency.id.clone(), member.agency.clone())).collect();
        let gate = Arc::new(Gate::new(Arc::clone(&engine), Arc::new(agencies)).with_zones(zones));
        let authenticator = Authenticator::new(
            Arc::clone(&registry),
            config.token.clone(),
            PseudonymKey::new(&secrets.pseudonym),
            seams.wall.clone(),
        );
        let layers = Layers {
            request_timeout: Duration::from_millis(config.server.request_timeout_ms),
            in_flight: GlobalConcurrencyLimitLayer::new(config.server.in_flight_max),
            rate: RateLimitLayer::new(&config.rate),
            authenticator: Arc::new(authenticator),
            engine: Arc::new(ArcSwap::new(engine)),
        };
        let material = Material::read(&config.tls, base)?;
        let tls = TlsState::new(config.accept.clone(), material, Arc::clone(&registry), seams.wall.clone())?;
        let certificates =
            Certificates { files: config.tls.clone(), base: base.to_owned(), registry, state: Arc::clone(&tls) };
        let drain = CancellationToken::new();
        let keys = ApiKeys::new(&secrets.request_digest, &secrets.cursor);
        let timetable = writer::timetable(config, &certificates.registry, gate.zones());
        let running = writer::start(config, base, secrets, &gate, timetable, (seams.clock.clone(), seams.entropy))?;
        let Running { handle, reader, heads, thread: writer } = running;
        let ticks_by_itself = matches!(seams.clock, Clock::System);
        let api = Arc::new(Api {
            recorder: handle.clone(),
            reader,
            heads,
            gate,
            clock: seams.clock,
            keys,
            inbox: config.inbox,
            wall: seams.wall.clone(),
            trying: Trying::default(),
            lists: Semaphore::new(LISTS_MAX),
            drain: drain.clone(),
        });
        // Bound before anything is spawned: who asks for the address gets one that answers.
        let (grpc_listener, grpc) = bind(config.server.listen)?;
        let (ops_listener, ops) = bind(config.server.ops_listen)?;
        let worker = || Worker {
            api: Arc::clone(&api),
            layers: layers.clone(),
            limits: config.server,
            phase: phase_seen.clone(),
            drain: drain.clone(),
        };
        let (sockets, workers) = spawn_workers(config.server.worker_count(), worker, &tls)?;
        let stop_ops = CancellationToken::new();
        let tick = Duration::from_millis(config.clocks.tick_ms);
        let tick = Some(tick).filter(|tick| !tick.is_zero() && ticks_by_itself);
        let (drain_seen, stop_ops_seen) = (drain.clone(), stop_ops.clone());
        let front =
            Front { grpc_listener, ops_listener, sockets, tls, drain: drain_seen, stop_ops: stop_ops_seen, tick };
        let (watched, set_phase) = (handle.clone(), phase.clone());
        let front = spawn("front", move |runtime| runtime.block_on(front.run(phase_seen, watched, set_phase)))?;
        // Only from Starting: a writer that has already failed must not be called ready.
        advance(&phase, Phase::Starting, Phase::Serving);
        tracing::info!(%grpc, %ops, "ready");
        let (drain, stop_ops) = (drain.drop_guard(), stop_ops.drop_guard());
        Ok(Self { grpc, ops, verifier, phase, recorder: handle, certificates, drain, stop_ops, workers, front, writer })
    }

    /// Where gRPC is served, over mutual TLS.
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Where probes are answered.
    pub fn ops(&self) -> SocketAddr {
        self.ops
    }

    /// The public key that its checkpoints verify under.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Reads the gateway's certificate and the revocation lists again, and cuts the connections that would now be
    /// refused; says how many. On an error nothing has changed. Blocks: call it off the network threads.
    pub fn reload_certificates(&self) -> Result<usize, ServerError> {
        let Certificates { files, base, registry, state } = &self.certificates;
        let cut = state.reload(Material::read(files, base)?, Arc::clone(registry))?;
        tracing::info!(cut, "certificates and revocation lists reloaded");
        Ok(cut)
    }

    /// Fires every clock that is due. A gateway on the machine's clock does so by itself; one on a simulated clock when it
    /// is told to. Says how many fired.
    pub async fn tick(&self) -> Result<usize, SubmitError> {
        ticking::fire_all(&self.recorder).await
    }

    /// Resolves when the writer has ended on its own: nothing can be recorded any more, so the process should end.
    pub async fn writer_ended(&self) {
        self.recorder.ended().await;
    }

    /// Not ready, stop accepting, finish calls within the limit, drain the writer, close the store.
    pub fn stop(self) -> Result<(), ServerError> {
        advance(&self.phase, Phase::Serving, Phase::Draining);
        tracing::info!("draining");
        drop(self.drain);
        for worker in self.workers {
            worker.join().map_err(|_| ServerError::Panicked("worker"))?;
        }
        // From a thread of its own: the caller may itself be on a runtime, where blocking is not allowed.
        let recorder = self.recorder;
        let told = spawn("stop", move |runtime| runtime.block_on(recorder.stop()))?;
        told.join().map_err(|_| ServerError::Panicked("stop"))?;
        let written = self.writer.join().map_err(|_| ServerError::Panicked("recorder"))?;
        drop(self.stop_ops);
        self.front.join().map_err(|_| ServerError::Panicked("front"))??;
        tracing::info!("stopped");
        Ok(written?)
    }
}

/// Where certificates come from, to be read again.
#[derive(Debug)]
struct Certificates {
    files: accept::Files,
    base: PathBuf,
    registry: Arc<Registry>,
    state: Arc<TlsState>,
}

/// Accepts sockets and answers probes.
struct Front {
    grpc_listener: std::net::TcpListener,
    ops_listener: std::net::TcpListener,
    sockets: Vec<mpsc::Sender<accept::Accepted>>,
    tls: Arc<TlsState>,
    drain: CancellationToken,
    stop_ops: CancellationToken,
    /// How often clocks are looked at.
    tick: Option<Duration>,
}

impl Front {
    async fn run(
        self,
        phase: watch::Receiver<Phase>,
        recorder: Handle,
        set_phase: watch::Sender<Phase>,
    ) -> Result<(), ServerError> {
        let io = |what| move |source| ServerError::Io { what, source };
        let grpc = TcpListener::from_std(self.grpc_listener).map_err(io("the gRPC listener cannot be used"))?;
        let ops = TcpListener::from_std(self.ops_listener).map_err(io("the ops listener cannot be used"))?;
        let ticking = self.tick.map(|every| tokio::spawn(ticking::tick(recorder.clone(), every, self.drain.clone())));
        let accepting = tokio::spawn(accept::accept_loop(grpc, self.sockets, self.tls, self.drain));
        let watching = tokio::spawn(async move {
            recorder.ended().await;
            set_phase.send_replace(Phase::WriterStopped);
        });
        let served = ops::serve(ops, phase, self.stop_ops).await;
        watching.abort();
        if let Some(ticking) = ticking {
            ticking.abort();
        }
        accepting.abort();
        served.map_err(io("the ops listener failed"))
    }
}

/// What a configuration names, read and found good.
#[derive(Debug)]
pub struct Checked {
    secrets: Secrets,
    registry: Arc<Registry>,
    engine: Arc<Engine>,
    zones: Zones,
    /// The public key of the logs.
    pub verifier: VerifierKey,
    /// Digest of the policy set.
    pub policy_digest: [u8; 32],
    /// Agencies registered.
    pub agencies: usize,
}

/// Reads keys, registry and policies, and holds them to each other. Changes nothing.
pub fn check(config: &Config, base: &Path) -> Result<Checked, ServerError> {
    let secrets = Secrets::read(&config.keys, base)?;
    let registry = Arc::new(Registry::load(&config.registry, base, &config.jurisdictions)?);
    let built_in = PolicySet::embedded;
    let policies = config.policy.directory.as_ref();
    let policies = policies.map_or_else(built_in, |directory| PolicySet::load(&base.join(directory)))?;
    let engine = Arc::new(Engine::new(policies));
    if let Some(lawless) = config.jurisdictions.iter().find(|id| !engine.has_law(id)) {
        return Err(ServerError::NoLaw(lawless.clone()));
    }
    let zones = Zones::with(&config.time_zones)?;
    let verifier = secrets.signer.verifier().clone();
    let (policy_digest, agencies) = (engine.digest(), registry.members().count());
    Ok(Checked { secrets, registry, engine, zones, verifier, policy_digest, agencies })
}

type Workers = (Vec<mpsc::Sender<accept::Accepted>>, Vec<JoinHandle<()>>);

fn spawn_workers(count: usize, worker: impl Fn() -> Worker, tls: &Arc<TlsState>) -> Result<Workers, ServerError> {
    let (mut sockets, mut threads) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (sender, receiver) = mpsc::channel(SOCKETS_WAITING_MAX);
        let (worker, tls) = (worker(), Arc::clone(tls));
        threads.push(spawn("worker", move |runtime| runtime.block_on(worker.run(receiver, tls)))?);
        sockets.push(sender);
    }
    Ok((sockets, threads))
}

/// Moves the phase, if it is the one it should be moved from.
fn advance(phase: &watch::Sender<Phase>, from: Phase, to: Phase) {
    phase.send_if_modified(|phase| {
        let moves = *phase == from;
        if moves {
            *phase = to;
        }
        moves
    });
}

fn bind(address: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), ServerError> {
    let bound = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound().map_err(|source| ServerError::Io { what: "a listener cannot be bound", source })
}

/// A named thread with a runtime of its own, logging where its starter logs.
fn spawn<T: Send + 'static>(
    name: &'static str,
    run: impl FnOnce(&tokio::runtime::Runtime) -> T + Send + 'static,
) -> Result<JoinHandle<T>, ServerError> {
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    let started = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().thread_name(name).build()?;
        let body = move || tracing::dispatcher::with_default(&dispatch, || run(&runtime));
        std::thread::Builder::new().name(name.to_owned()).spawn(body)
    };
    started().map_err(|source| ServerError::Io { what: "a thread cannot be started", source })
}
