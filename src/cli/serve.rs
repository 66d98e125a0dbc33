//! `comity serve`: serves a gateway from its configuration until it is told to stop.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::audit::AuditFile;
use crate::cli::output::print_line;
use crate::cli::paths::base_directory;
use crate::cli::service_manager::{self, Watchdog};
use crate::config::{Config, Secrets};
use crate::ledger::NoteError;
use crate::server::{AgainstError, Environment, Gateway, check_against};

/// Arguments of `comity serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The configuration. Relative paths in it start at its directory.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// A checkpoint kept elsewhere, which its log must have grown from: else the store was restored from an older backup,
    /// and is not served. May be given several times.
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
}

pub(super) fn run(args: &ServeArgs, audit: Option<&Arc<AuditFile>>) -> Result<StopSignal> {
    let config = Config::read(&args.config)?;
    let base = base_directory(&args.config)?;
    if !args.against.is_empty() {
        // The start checks everything else.
        let secrets = Secrets::read(&config.keys, &base)?;
        let read = |path: &PathBuf| {
            let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let text = String::from_utf8(bytes)
                .map_err(|_| AgainstError::NotOfTheKey(NoteError::Malformed("it is not UTF-8").into()));
            text.map_err(|error| anyhow::Error::new(error).context(path.display().to_string()))
        };
        let kept: Vec<String> = args.against.iter().map(read).collect::<Result<_>>()?;
        check_against(&config, &base, &secrets, &kept)?;
    }
    serve(&config, &base, Some(&args.config), audit)
}

/// A task that runs beside a gateway for as long as it serves.
pub(super) type Beside<'a> = Pin<Box<dyn Future<Output = Infallible> + 'a>>;

/// Serves until SIGTERM or SIGINT, then drains. SIGHUP reloads the configuration and the policies, and reopens the audit file. Prints a line on standard output when it is ready.
pub(super) fn serve(
    config: &Config,
    base: &Path,
    file: Option<&Path>,
    audit: Option<&Arc<AuditFile>>,
) -> Result<StopSignal> {
    serve_beside(config, base, file, audit, |_| Ok(Box::pin(std::future::pending())))
}

/// Like `serve`, with a task beside the gateway. The task starts before the gateway is reported ready.
pub(super) fn serve_beside(
    config: &Config,
    base: &Path,
    file: Option<&Path>,
    audit: Option<&Arc<AuditFile>>,
    begin: impl for<'a> FnOnce(&'a Gateway) -> Result<Beside<'a>>,
) -> Result<StopSignal> {
    // Install the signal handlers before reporting ready: otherwise an immediate signal would end the process without a
    // drain.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt, mut hangup) = {
        let _context = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?)
    };
    // Report ready last: everything that can fail comes before.
    let dir = base.canonicalize().context("the directory has no absolute path")?;
    let gateway = Gateway::start(
        config,
        base,
        Environment { audit: audit.cloned(), config_file: file.map(Path::to_owned), ..Environment::default() },
    )?;
    let mut beside = begin(&gateway)?;
    let ready = serde_json::json!({
        "ready": true,
        "grpc": gateway.grpc().to_string(),
        "ops": gateway.ops().to_string(),
        "dir": dir,
    });
    print_line(&ready.to_string())?;
    service_manager::ready();
    let signal_received = runtime.block_on(async {
        let mut watchdog = Watchdog::as_asked();
        loop {
            tokio::select! {
                // In this order: once the writer has ended, nobody is told that the gateway is alive.
                biased;
                () = gateway.writer_ended() => return None,
                () = gateway.end_asked() => return Some(StopSignal::Terminated),
                _ = terminate.recv() => return Some(StopSignal::Terminated),
                _ = interrupt.recv() => return Some(StopSignal::Interrupted),
                _ = hangup.recv() => reload(&gateway, audit),
                never = &mut beside => match never {},
                () = watchdog.due() => service_manager::alive(),
            }
        }
    });
    service_manager::stopping();
    drop(beside);
    gateway.stop()?;
    // `stop` has returned the cause. Without one, the writer ended for no known reason.
    signal_received.context("the writer ended on its own")
}

/// Reads again what can be read again. What fails changes nothing and does not prevent the others: the old configuration or
/// policies stay in force.
fn reload(gateway: &Gateway, audit: Option<&Arc<AuditFile>>) {
    service_manager::reloading();
    // Both log their own errors.
    let (_said, _said_too) = (gateway.reload(), gateway.reload_policies());
    if let Some(Err(error)) = audit.map(|audit| audit.reopen()) {
        tracing::error!(%error, "the file of audit lines was not opened again");
    }
    service_manager::ready();
}

/// The signal that ended it.
#[derive(Debug, Clone, Copy)]
pub(super) enum StopSignal {
    /// SIGTERM.
    Terminated,
    /// SIGINT, as of Ctrl-C.
    Interrupted,
}
