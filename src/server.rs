//! Assembles a gateway: reads the keys, recovers the store, checks the policies, binds the listeners, and reports ready
//! last.
//!
//! One thread accepts connections. Each core has a worker thread that serves connections on its own runtime
//! ([`worker`]). The recorder writes on a thread of its own. No SQL runs on a network thread.

mod admin;
mod audited;
mod buffered;
mod call_metrics;
mod call_span;
mod certificates;
mod check;
mod condition;
mod console;
mod console_over_tls;
mod error;
mod health;
mod in_flight;
mod layers;
mod listeners;
mod live_gauges;
mod ops;
mod policies;
mod process;
mod protocol;
mod readiness;
mod reload;
mod sampling;
mod signatures;
mod start_check;
mod store_check;
mod ticking;
mod tiles;
mod worker;
mod writer;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use check::{CheckedConfig, check};
pub use condition::Phase;
pub use error::{AgainstError, ServerError};
pub use policies::{ReloadError, Reloaded, UnfitSet};
pub use signatures::{SIGNATURES, UnsignedSet, signed_text};
pub use start_check::{StartFindings, check_addresses, check_against, check_content, check_heads, check_start};
pub use store_check::check_location;

use crate::accept::{self, TlsState};
use crate::api::{Api, ApiKeys, BulkLimits, ConcurrencyLimits, ParkedConsumers};
use crate::audit::{Act, AuditFile, Keeper, Terms, host_name, origin_of};
use crate::config::{Config, Secrets};
use crate::domain::agency::Caller;
use crate::feed::{ActiveAttempts, Outstanding};
use crate::identity::clock::WallClock;
use crate::identity::registry::Registry;
use crate::ledger::VerifierKey;
use crate::metrics::Metrics;
use crate::policy::engine::Engine;
use crate::policy::in_force::GateInForce;
use crate::recorder::{Clock, Entropy, Handle, Heads, RecorderError, SubmitError};
use crate::server::admin::Controls;
use crate::server::certificates::ExpiryWatch;
use crate::server::condition::{Condition, Late, advance};
use crate::server::layers::Layers;
use crate::server::listeners::Listeners;
use crate::server::live_gauges::LiveGauges;
use crate::server::policies::PolicyReloader;
use crate::server::readiness::ProbeSources;
use crate::server::reload::{Adopters, FilesSeen, Reloader, as_caller};
use crate::server::sampling::{SAMPLE_EVERY, Sampler};
use crate::server::worker::{ConnectionLimits, Worker};
use crate::server::writer::{RunningWriters, WriterInputs};
use crate::store::Reader;
use crate::witness::push::Pusher;

/// How many accepted sockets may wait for one worker.
const SOCKETS_WAITING_MAX: usize = 64;

/// What a gateway takes from its surroundings. Tests and demos replace the clock and the source of randomness.
#[derive(Debug)]
pub struct Environment {
    /// The clock that entries are recorded by.
    pub clock: Clock,
    /// The source of blinding values, salts and ids.
    pub entropy: Entropy,
    /// The clock that certificates and tokens are checked against.
    pub wall: WallClock,
    /// The audit log, in which each call has a line. Without one, denied calls are logged.
    pub audit: Option<Arc<AuditFile>>,
    /// The file that the configuration was read from. With it, a changed configuration is taken up while the gateway runs.
    pub config_file: Option<PathBuf>,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            clock: Clock::System,
            entropy: Entropy::System,
            wall: WallClock::system(),
            audit: None,
            config_file: None,
        }
    }
}

/// A running gateway. If it is dropped without [`Gateway::stop`], it drains by itself and nobody waits for it. Nothing
/// that was acknowledged is lost either way.
#[derive(Debug)]
pub struct Gateway {
    grpc: SocketAddr,
    ops: SocketAddr,
    console: Option<SocketAddr>,
    verifier: VerifierKey,
    phase: watch::Sender<Phase>,
    recorder: Handle,
    reloader: Arc<Reloader>,
    policies: Arc<PolicyReloader>,
    sampler: Arc<Sampler>,
    drain: DropGuard,
    stop_ops: DropGuard,
    end_asked: CancellationToken,
    watcher: Option<JoinHandle<()>>,
    files: Option<JoinHandle<()>>,
    pusher: Option<JoinHandle<()>>,
    sampling: JoinHandle<()>,
    workers: Vec<JoinHandle<()>>,
    listeners: JoinHandle<Result<(), ServerError>>,
    writers: Vec<JoinHandle<Result<(), RecorderError>>>,
    audit: Option<RunningAudit>,
}

impl Gateway {
    /// Starts a gateway and returns when it is ready. Relative paths in the configuration start at `base`.
    #[expect(clippy::too_many_lines, reason = "the order of a start, to be read from top to bottom")]
    pub fn start(config: &Config, base: &Path, environment: Environment) -> Result<Self, ServerError> {
        let (phase, phase_seen) = watch::channel(Phase::Starting);
        let seen = FilesSeen::now(environment.config_file, config, base);
        let checked = check(config, base, &environment.wall)?;
        let in_force = GateInForce::new(Arc::new(checked.gate()));
        let CheckedConfig { secrets, registry, engine, verifier, verifiers, tls, witnesses, .. } = checked;
        let metrics = Metrics::new();
        let audit = environment.audit.map(|audit| RunningAudit::begin(config, &secrets, audit)).transpose()?;
        let audit_file = audit.as_ref().map(|audit| Arc::clone(&audit.file));
        let layers = Layers::of(config, &secrets, &registry, &environment.wall, &in_force, &metrics);
        let expiry = Arc::new(ExpiryWatch::of(&tls, &environment.wall, &metrics));
        let drain = CancellationToken::new();
        let keys = ApiKeys::new(&secrets.request_digest, &secrets.cursor);
        let timetable = writer::timetable(config, &registry, in_force.gate().zones());
        let answer_within = timetable.answer_within();
        let inputs = WriterInputs {
            clock: environment.clock.clone(),
            entropy: environment.entropy,
            timetable,
            metrics: Arc::clone(&metrics),
        };
        let RunningWriters { handle, reader, heads, writer_statuses, threads: writers } =
            writer::start(config, base, &secrets, &in_force, inputs)?;
        let reported = (Arc::clone(&metrics), audit_file.clone());
        let policies = Arc::new(PolicyReloader::of(config, base, in_force.clone(), handle.clone(), reported)?);
        // Activate before anybody is served: a restart with another policy set is an activation too.
        handle.activate(&engine).map_err(ReloadError::from)?;
        let verifiers = Arc::new(ArcSwap::from_pointee(verifiers));
        let pusher = Pusher::new(
            witnesses,
            heads.clone(),
            Arc::clone(&reader),
            Arc::clone(&verifiers),
            config.log.origin.clone(),
            Arc::clone(&metrics),
        );
        let cosignatures = pusher.cosignatures();
        let parked = watch::Sender::default();
        let looked_at = (&reader, &heads, &parked);
        let sampler = Arc::new(sampler(config, base, &registry, looked_at, &environment.clock, &metrics)?);
        let agencies = watch::Sender::new(registry.agencies());
        let (late, uncosigned) = (sampler.late.subscribe(), pusher.uncosigned());
        let away = audit_file.as_ref().map_or_else(|| watch::channel(None).1, |audit| audit.watch());
        let maintenance = watch::Sender::default();
        let states = (phase_seen, away, maintenance.subscribe());
        let condition = Condition::new(states, late, uncosigned, agencies.subscribe());
        let live = LiveGauges {
            condition: condition.clone(),
            tls: Arc::clone(&tls),
            recorder: handle.clone(),
            heads: heads.clone(),
            audit: audit_file.clone(),
            metrics: Arc::clone(&metrics),
        };
        let bulk = Arc::new(BulkLimits::new(&config.rate));
        let adopters = Adopters {
            tls: Arc::clone(&tls),
            layers: layers.clone(),
            bulk: Arc::clone(&bulk),
            recorder: handle.clone(),
            reader: Arc::clone(&reader),
            sampler: Arc::clone(&sampler),
            expiry: Arc::clone(&expiry),
            audit: audit_file.clone(),
            agencies,
            verifiers,
            zones: in_force.gate().zones().clone(),
            metrics: Arc::clone(&metrics),
        };
        let reloader = Arc::new(Reloader::of(config, base, seen, adopters));
        let ticks_by_itself = matches!(environment.clock, Clock::System);
        let end_asked = CancellationToken::new();
        let controls = Arc::new(Controls {
            started: environment.wall.now(),
            jurisdictions: config.jurisdictions.iter().cloned().collect(),
            condition: condition.clone(),
            tls: Arc::clone(&tls),
            reloader: Arc::clone(&reloader),
            wall: environment.wall.clone(),
            end_asked: end_asked.clone(),
            maintenance,
            parked,
        });
        let api = Arc::new(Api {
            recorder: handle.clone(),
            reader,
            heads,
            cosignatures,
            in_force,
            clock: environment.clock,
            keys,
            inbox: config.inbox,
            appeals: config.appeals,
            answer_within,
            rosters: config.roster,
            wall: environment.wall.clone(),
            attempts: ActiveAttempts::default(),
            concurrency: ConcurrencyLimits::default(),
            bulk,
            metrics,
            maintenance: controls.maintenance.subscribe(),
            parked: controls.parked.subscribe(),
            drain: drain.clone(),
        });
        // Bind before spawning any thread, so that whoever learns the address gets an answer there.
        let (grpc_listener, grpc) = bind("gRPC", "listen", config.server.listen)?;
        let (ops_listener, ops) = bind("ops", "ops_listen", config.server.ops_listen)?;
        let (console_listener, console) =
            config.server.console_listen.map(|address| bind("console", "console_listen", address)).transpose()?.unzip();
        let limits = ConnectionLimits::of(config);
        let worker = || Worker {
            api: Arc::clone(&api),
            controls: Arc::clone(&controls),
            layers: layers.clone(),
            limits,
            condition: condition.clone(),
            drain: drain.clone(),
            audit: audit_file.clone(),
        };
        if let Some(audit) = &audit {
            audit.started(grpc, &secrets, &engine)?;
        }
        let (sockets, workers) = spawn_workers(config.server.worker_count(), worker, &tls)?;
        let stop_ops = CancellationToken::new();
        let tick = Duration::from_millis(config.clocks.tick_ms);
        let tick = Some(tick).filter(|tick| !tick.is_zero() && ticks_by_itself);
        let listeners = Listeners {
            grpc_listener,
            ops_listener,
            console_listener,
            wall: environment.wall,
            limits,
            sockets,
            tls,
            probed: ProbeSources {
                policies: policies.detail.subscribe(),
                configuration: reloader.detail.subscribe(),
                certificates: expiry.detail.subscribe(),
                live,
            },
            expiry,
            drain: drain.clone(),
            stop_ops: stop_ops.clone(),
            tick,
            writer_statuses,
        };
        let (recording, set_phase) = (handle.clone(), phase.clone());
        let listeners = spawn("front", move |runtime| runtime.block_on(listeners.run(recording, set_phase)))?;
        // The policies that are built in never change.
        let looks_at_policies = if policies.are_built_in() { 0 } else { config.policy.look_every_ms };
        let (law, configuration) = (Arc::clone(&policies), Arc::clone(&reloader));
        let watcher = watch_files("policies", looks_at_policies, &drain, move || law.check_files())?;
        let files = watch_files("files", config.server.look_every_ms, &drain, move || configuration.look())?;
        let pusher = push_to_witnesses(pusher, &drain)?;
        let store = Arc::clone(&sampler);
        let sampling = look_regularly("sampling", SAMPLE_EVERY, &drain, move || store.sample())?;
        // Only from Starting: a gateway whose writer has already failed must not become ready.
        advance(&phase, &[Phase::Starting], Phase::Serving);
        tracing::info!(%grpc, %ops, "ready");
        if let Some(console) = console {
            tracing::info!(%console, "the console is open to operators");
        }
        let (drain, stop_ops) = (drain.drop_guard(), stop_ops.drop_guard());
        let recorder = handle;
        Ok(Self {
            grpc,
            ops,
            console,
            verifier,
            phase,
            recorder,
            reloader,
            policies,
            sampler,
            drain,
            stop_ops,
            end_asked,
            watcher,
            files,
            pusher,
            sampling,
            workers,
            listeners,
            writers,
            audit,
        })
    }

    /// The address where gRPC is served over mutual TLS.
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// The address where probes are answered.
    pub fn ops(&self) -> SocketAddr {
        self.ops
    }

    /// The address where operators open the console over mutual TLS, if there is one.
    pub fn console(&self) -> Option<SocketAddr> {
        self.console
    }

    /// The public key that verifies this gateway's checkpoints.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Reads the configuration again, if it came from a file, and the registry, certificates and revocation lists that it
    /// names, and cuts the connections that would now be refused. Returns how many were cut. On an error nothing has changed.
    /// Blocks: call it off the network threads.
    pub fn reload(&self) -> Result<usize, ServerError> {
        self.reloader.reload()
    }

    /// Fires every clock that is due and returns how many fired. A gateway on the system clock does this by itself; one
    /// on a simulated clock only when this is called.
    pub async fn tick(&self) -> Result<usize, SubmitError> {
        ticking::fire_all(&self.recorder).await
    }

    /// Looks at the store for the metrics and the health that need it, as a gateway does every few seconds by itself.
    /// Blocks: call it off the network threads.
    pub fn sample(&self) {
        self.sampler.sample();
    }

    /// Reloads the policies and activates them if they are valid and differ from those in force. On an error nothing
    /// has changed, and the readiness probe reports the reason. Blocks: call it off the network threads.
    pub fn reload_policies(&self) -> Result<Reloaded, ReloadError> {
        self.policies.reload()
    }

    /// Resolves when an operator has asked the gateway to end (`AdminService/Drain`). Whoever runs it MUST then stop it.
    pub async fn end_asked(&self) {
        self.end_asked.cancelled().await;
    }

    /// Resolves when the writer has ended on its own. Nothing can be recorded any more, so the process should end.
    pub async fn writer_ended(&self) {
        self.recorder.ended().await;
    }

    /// Stops in order: not ready, no new connections, finish open calls within the limit, drain the writer, close the
    /// store.
    pub fn stop(self) -> Result<(), ServerError> {
        advance(&self.phase, &[Phase::Serving, Phase::StoreAway, Phase::OtherLaw], Phase::Draining);
        // Tell the recorder first: a writer may be waiting for a database that is unreachable.
        self.recorder.request_stop();
        tracing::info!("draining");
        drop(self.drain);
        for worker in self.workers {
            worker.join().map_err(|_| ServerError::Panicked("worker"))?;
        }
        if let Some(watcher) = self.watcher {
            watcher.join().map_err(|_| ServerError::Panicked("policies"))?;
        }
        if let Some(files) = self.files {
            files.join().map_err(|_| ServerError::Panicked("files"))?;
        }
        if let Some(pusher) = self.pusher {
            pusher.join().map_err(|_| ServerError::Panicked("witness"))?;
        }
        self.sampling.join().map_err(|_| ServerError::Panicked("sampling"))?;
        // They hold readers, and the writer MUST be the last to close the store.
        drop((self.sampler, self.reloader));
        // On its own thread: the caller may be on a runtime, where blocking is not allowed.
        let recorder = self.recorder;
        let stopped = spawn("stop", move |runtime| runtime.block_on(recorder.stop()))?;
        stopped.join().map_err(|_| ServerError::Panicked("stop"))?;
        let joined =
            self.writers.into_iter().map(|writer| writer.join().map_err(|_| ServerError::Panicked("recorder")));
        let written: Vec<_> = joined.collect::<Result<_, _>>()?;
        drop(self.stop_ops);
        self.listeners.join().map_err(|_| ServerError::Panicked("front"))??;
        self.audit.map(RunningAudit::end).transpose()?;
        tracing::info!("stopped");
        Ok(written.into_iter().collect::<Result<(), _>>()?)
    }
}

/// An audit log that is kept while the gateway runs.
#[derive(Debug)]
struct RunningAudit {
    file: Arc<AuditFile>,
    host: String,
    stop: DropGuard,
    keeper: JoinHandle<()>,
}

impl RunningAudit {
    /// Keeps a log as it is configured.
    fn begin(config: &Config, secrets: &Secrets, file: Arc<AuditFile>) -> Result<Self, ServerError> {
        let host = host_name();
        let origin = origin_of(&config.log.origin, &host);
        let signer = secrets.audit_signer.clone();
        file.begin(Terms { config: config.audit.clone(), origin, host: host.clone(), signer });
        let mut keeper = Keeper::new(Arc::clone(&file), config.audit.clone());
        keeper.look(Instant::now());
        let stop = CancellationToken::new();
        let token = stop.clone();
        let keeper = spawn("audit", move |runtime| runtime.block_on(keeper.run(token)))?;
        Ok(Self { file, host, stop: stop.drop_guard(), keeper })
    }

    /// Writes that the gateway serves, and which keys and law are in force. It does not serve if that cannot be written.
    fn started(&self, grpc: SocketAddr, secrets: &Secrets, engine: &Engine) -> Result<(), ServerError> {
        let log_keys: Vec<String> = secrets.signer.verifiers().iter().map(ToString::to_string).collect();
        let started = Act::Started {
            version: env!("COMITY_VERSION"),
            host: &self.host,
            pid: std::process::id(),
            grpc: &grpc.to_string(),
            policies: &hex::encode(engine.digest()),
            audit_key: &secrets.audit_signer.verifier().to_string(),
            log_keys: &log_keys,
        };
        self.file.act(&started).map_err(|error| ServerError::Audit(io::Error::other(error)))
    }

    /// Writes that it stopped, and signs the chain.
    fn end(self) -> Result<(), ServerError> {
        drop(self.stop);
        self.keeper.join().map_err(|_| ServerError::Panicked("audit"))?;
        self.file.close().map_err(ServerError::Audit)
    }
}

/// Starts the thread that looks at something regularly until the gateway drains.
fn look_regularly(
    name: &'static str,
    every: Duration,
    drain: &CancellationToken,
    look: impl Fn() + Send + 'static,
) -> Result<JoinHandle<()>, ServerError> {
    let drain = drain.clone();
    let looks = async move {
        while drain.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            look();
        }
    };
    spawn(name, move |runtime| runtime.block_on(looks))
}

/// Starts the thread that looks whether files have changed. `None` if only SIGHUP lets them be read again.
fn watch_files(
    name: &'static str,
    every_ms: u64,
    drain: &CancellationToken,
    look: impl Fn() + Send + 'static,
) -> Result<Option<JoinHandle<()>>, ServerError> {
    let every = Some(Duration::from_millis(every_ms)).filter(|every| !every.is_zero());
    every.map(|every| look_regularly(name, every, drain, look)).transpose()
}

/// Starts the thread that pushes heads to witnesses: apart from the network threads and the writer, neither of which waits for it.
/// `None` if there is no witness.
fn push_to_witnesses(pusher: Pusher, drain: &CancellationToken) -> Result<Option<JoinHandle<()>>, ServerError> {
    if pusher.is_idle() {
        return Ok(None);
    }
    let drain = drain.clone();
    spawn("witness", move |runtime| runtime.block_on(pusher.run(drain))).map(Some)
}

/// What looks at the stores of a configuration.
fn sampler(
    config: &Config,
    base: &Path,
    registry: &Registry,
    (reader, heads, parked): (&Arc<dyn Reader>, &Heads, &watch::Sender<ParkedConsumers>),
    clock: &Clock,
    metrics: &Arc<Metrics>,
) -> Result<Sampler, ServerError> {
    let agencies: Vec<Caller> = registry.members().map(as_caller).collect();
    let places = config.store.locations(&config.jurisdictions, base)?;
    Ok(Sampler {
        reader: Arc::clone(reader),
        heads: heads.clone(),
        clock: clock.clone(),
        files: places.iter().filter_map(|(_, place)| place.file()).map(Path::to_owned).collect(),
        outstanding: Mutex::new(Outstanding::new(&agencies, heads.keys().cloned())),
        parked: parked.subscribe(),
        late: watch::Sender::new(Late::default()),
        metrics: Arc::clone(metrics),
    })
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

fn bind(
    listener: &'static str,
    key: &'static str,
    address: SocketAddr,
) -> Result<(std::net::TcpListener, SocketAddr), ServerError> {
    let bound = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound().map_err(|source| ServerError::Bind { listener, key, address, source })
}

/// Starts a named thread with its own runtime. It logs where its starter logs.
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
