//! `comity bench`: measures the write path against its limit. In each round the same calls go to a bare echo behind the
//! same mutual TLS and to a complete gateway, and then the same requests by bulk streams. A separate process makes the calls. Absolute figures vary with the
//! machine; compare the ratio.

mod check;
mod driver;
mod echo;
mod figures;
mod process;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::cli::bench::driver::{AllAcknowledged, Driver, Round};
use crate::cli::bench::echo::Echo;
use crate::cli::bench::figures::{Filled, Measured, Measurements, Run};
use crate::cli::bench::process::Usage;
use crate::cli::output::print_line;
use crate::cli::paths::STORE_ENV;
use crate::config::{Config, StoreConfig};
use crate::sandbox::Sandbox;
use crate::sandbox::files;
use crate::sandbox::private_postgres::{Durability, PrivateServer};
use crate::sandbox::witness::Witnesses;
use crate::server::{Environment, Gateway};

/// Arguments of `comity bench`.
#[derive(Debug, Args)]
#[command(
    after_help = "Client and server share this machine's cores. Every figure is the median of the rounds, with the lowest and \
                        the highest. It fails if anything that was acknowledged is not in the log."
)]
pub(crate) struct BenchArgs {
    /// How long a round takes, in seconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Rounds: in each, first the echo and then the gateway, by single calls and by bulk streams.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rounds: u16,
    /// Connections.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    connections: u16,
    /// Calls in flight on each.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    in_flight: u16,
    /// Lodges so many detainers first, by bulk streams: what does it cost then?
    #[arg(long, value_name = "DETAINERS", default_value_t = 0)]
    fill: u64,
    /// Lodges, too, on a second gateway whose heads so many witnesses cosign: what do they cost? In a file alone.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=16), conflicts_with_all = ["store", "postgres"])]
    witnesses: u16,
    /// On this database: an empty one, as `postgres://...?sslrootcert=FILE`. Default: a file.
    #[arg(long, value_name = "URL", env = STORE_ENV, hide_env_values = true, conflicts_with = "postgres")]
    store: Option<String>,
    /// On a server of its own, started from the machine's PostgreSQL as an ordinary user.
    #[arg(long)]
    postgres: bool,
    /// Writes the figures as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Makes the calls, in a sandbox: how the command starts its own other half.
    #[arg(long, hide = true, value_name = "DIR")]
    drive: Option<PathBuf>,
}

pub(super) fn run(args: &BenchArgs) -> Result<()> {
    match &args.drive {
        Some(directory) => driver::drive(directory, args.connections, args.in_flight),
        None => measure(args),
    }
}

fn measure(args: &BenchArgs) -> Result<()> {
    let scratch = Scratch::make()?;
    let sandbox = Sandbox::establish(&scratch.0)?;
    let mut config = sandbox.config.clone();
    // The rate limit is not what is measured.
    config.rate.requests_per_s = 1_000_000.try_into()?;
    config.rate.burst = 1_000_000.try_into()?;
    config.rate.bulk_items_per_s = 1_000_000.try_into()?;
    // Each stream that has caught up begins again as another consumer.
    config.inbox.consumers_max = 10_000;
    let server = args.postgres.then(|| {
        let tls = sandbox.server_certificate()?;
        PrivateServer::start(&scratch.0.join("postgres"), &tls, Durability::Synced)
    });
    let server = server.transpose()?;
    if let Some(url) = args.store.clone().or_else(|| server.as_ref().map(PrivateServer::url)) {
        config.store = StoreConfig::server(url);
    }
    let mut gateway = Gateway::start(&config, sandbox.directory(), Environment::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let first = runtime.block_on(driver::first_answers(&sandbox, gateway.grpc()))?;
    let echo = Echo::start(&config, sandbox.directory(), &first)?;
    let mut driver = Driver::start(sandbox.directory(), args.connections, args.in_flight)?;
    let mut filled = None;
    if args.fill > 0 {
        let fill = driver.fill(gateway.grpc(), args.fill)?;
        // How long a gateway takes to serve what it finds.
        gateway.stop()?;
        let begun = Instant::now();
        gateway = Gateway::start(&config, sandbox.directory(), Environment::default())?;
        filled = Some(Filled { detainers: fill.calls, seconds: fill.seconds, start: begun.elapsed() });
    }
    let witnessed = (args.witnesses > 0).then(|| Witnessed::start(&config, &sandbox, args.witnesses)).transpose()?;
    let rounds = rounds(args, &mut driver, &echo, &gateway, witnessed.as_ref())?;
    let AllAcknowledged { gateway: acknowledged, witnessed: by_witnessed } = driver.stop()?;
    let rss_kb = process::rss_kb()?;
    gateway.stop()?;
    echo.stop();
    let stored = check::all_is_there(&config, sandbox.directory(), &acknowledged)?;
    if let Some(Witnessed { config, gateway, .. }) = witnessed {
        gateway.stop()?;
        check::all_is_there(&config, sandbox.directory(), &by_witnessed)?;
    }
    drop(server);
    let run = Run {
        connections: args.connections,
        in_flight: args.in_flight,
        witnesses: args.witnesses,
        seconds: args.seconds,
        rounds,
        filled,
        rss_kb,
        acknowledged: acknowledged.len().saturating_add(by_witnessed.len()),
        stored_bytes: stored,
    };
    for line in run.lines() {
        print_line(&line)?;
    }
    if let Some(path) = &args.json {
        std::fs::write(path, format!("{:#}\n", run.json()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A second gateway in the same sandbox, whose heads are cosigned.
struct Witnessed {
    config: Config,
    gateway: Gateway,
    _witnesses: Witnesses,
}

impl Witnessed {
    fn start(config: &Config, sandbox: &Sandbox, count: u16) -> Result<Self> {
        let mut config = config.clone();
        config.store = StoreConfig::file("witnessed.db");
        let witnesses = Witnesses::start(&mut config, sandbox, count)?;
        let gateway = Gateway::start(&config, sandbox.directory(), Environment::default())?;
        Ok(Self { config, gateway, _witnesses: witnesses })
    }
}

/// Runs the echo and the gateways in turn. A first round of each warms up.
fn rounds(
    args: &BenchArgs,
    driver: &mut Driver,
    echo: &Echo,
    gateway: &Gateway,
    witnessed: Option<&Witnessed>,
) -> Result<Vec<Measurements>> {
    let length = Duration::from_secs(args.seconds);
    driver.round(echo.address(), Duration::from_secs(1), Round::Echo)?;
    driver.round(gateway.grpc(), Duration::from_secs(1), Round::Lodge)?;
    driver.round(gateway.grpc(), Duration::from_secs(1), Round::Bulk)?;
    if let Some(Witnessed { gateway, .. }) = witnessed {
        driver.round(gateway.grpc(), Duration::from_secs(1), Round::Witnessed)?;
    }
    let mut rounds = Vec::new();
    for _ in 0..args.rounds {
        rounds.push(Measurements {
            echo: measured(driver, echo.address(), gateway.ops(), length, Round::Echo)?,
            lodge: measured(driver, gateway.grpc(), gateway.ops(), length, Round::Lodge)?,
            witnessed: witnessed
                .map(|Witnessed { gateway, .. }| {
                    measured(driver, gateway.grpc(), gateway.ops(), length, Round::Witnessed)
                })
                .transpose()?,
            bulk: measured(driver, gateway.grpc(), gateway.ops(), length, Round::Bulk)?,
            get: measured(driver, gateway.grpc(), gateway.ops(), length, Round::Get)?,
            stream: measured(driver, echo.address(), gateway.ops(), length, Round::Receive)?,
            receive: measured(driver, gateway.grpc(), gateway.ops(), length, Round::Receive)?,
        });
    }
    Ok(rounds)
}

fn measured(
    driver: &mut Driver,
    address: SocketAddr,
    ops: SocketAddr,
    length: Duration,
    what: Round,
) -> Result<Measured> {
    let (before, begun) = (Usage::now(ops)?, Instant::now());
    let round = driver.round(address, length, what)?;
    let elapsed = begun.elapsed();
    Ok(Measured { driven: round, used: Usage::now(ops)?.since(&before), elapsed })
}

/// A temporary directory, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> Result<Self> {
        let name = format!("comity-bench-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = std::env::temp_dir().join(name);
        files::make_private_directory(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}
