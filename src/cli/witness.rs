//! `comity witness`: cosigns the logs of others, so that nobody can be shown another history (C2SP tlog-witness).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::output::print_line;
use crate::cli::paths::base_directory;
use crate::cli::serve::StopSignal;
use crate::witness::daemon::Daemon;
use crate::witness::{WitnessConfig, establish};

/// Arguments of `comity witness`.
#[derive(Debug, Args)]
pub(super) struct WitnessArgs {
    #[command(subcommand)]
    command: WitnessCommand,
}

#[derive(Debug, Subcommand)]
enum WitnessCommand {
    /// Makes a witness: its keys, a directory for what it cosigns, and a configuration without logs.
    Init(InitArgs),
    /// Serves a witness from its configuration.
    Serve(ConfigArgs),
    /// Reads a configuration with everything it names, says what holds, and serves nothing.
    CheckConfig(ConfigArgs),
}

#[derive(Debug, Args)]
struct InitArgs {
    /// The directory to make. It MUST NOT exist.
    #[arg(long)]
    dir: PathBuf,
    /// The name under which it cosigns: a URL without its scheme, as `witness.example.gov/1`. It cannot be changed.
    #[arg(long)]
    name: String,
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration. Relative paths in it start at its directory.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// The name of the configuration that `init` writes.
const CONFIG_FILE: &str = "witness.toml";

impl WitnessArgs {
    /// Whether it serves until it is told to stop.
    pub(super) fn serves(&self) -> bool {
        matches!(self.command, WitnessCommand::Serve(_))
    }
}

/// Runs it. A signal is returned by one that served.
pub(super) fn run(args: &WitnessArgs) -> Result<Option<StopSignal>> {
    match &args.command {
        WitnessCommand::Init(args) => init(args).map(|()| None),
        WitnessCommand::CheckConfig(args) => check_config(&args.config).map(|()| None),
        WitnessCommand::Serve(args) => serve(&args.config).map(Some),
    }
}

fn init(args: &InitArgs) -> Result<()> {
    let cosigner = establish(&args.dir, &args.name)?;
    let config = WitnessConfig::begin(&args.name);
    let path = args.dir.join(CONFIG_FILE);
    fs::write(&path, toml::to_string(&config)?).with_context(|| format!("cannot write {}", path.display()))?;
    // For the policies of whoever is to count on this witness: either key does.
    for key in cosigner.keys() {
        print_line(&key.to_string())?;
    }
    Ok(())
}

fn opened(path: &Path) -> Result<(WitnessConfig, Daemon)> {
    let config = WitnessConfig::read(path)?;
    let daemon = Daemon::open(config.clone(), &base_directory(path)?)?;
    Ok((config, daemon))
}

fn check_config(path: &Path) -> Result<()> {
    let (config, daemon) = opened(path)?;
    print_line(&toml::to_string_pretty(&config)?)?;
    for key in daemon.keys() {
        print_line(&format!("# cosigns by {key}"))?;
    }
    Ok(print_line(&format!("# good: {} logs", daemon.logs()))?)
}

fn serve(path: &Path) -> Result<StopSignal> {
    let (_, daemon) = opened(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Before it says that it is ready: a signal would end the process at once otherwise.
    let (mut terminate, mut interrupt) = {
        let _context = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let bound = daemon.bind().context("a listener cannot be bound")?;
    let ready =
        serde_json::json!({ "ready": true, "witness": bound.witness.to_string(), "ops": bound.ops.to_string() });
    print_line(&ready.to_string())?;
    tracing::info!(witness = %bound.witness, ops = %bound.ops, logs = daemon.logs(), "witness ready");
    let stop = CancellationToken::new();
    runtime.block_on(async {
        let mut running = std::pin::pin!(daemon.run(bound, stop.clone()));
        let signal = tokio::select! {
            ended = running.as_mut() => {
                ended?;
                anyhow::bail!("the witness ended on its own")
            }
            _ = terminate.recv() => StopSignal::Terminated,
            _ = interrupt.recv() => StopSignal::Interrupted,
        };
        stop.cancel();
        running.await?;
        Ok(signal)
    })
}
