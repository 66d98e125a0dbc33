//! Witnesses of a sandbox's own, which cosign its exchange logs.

use std::fmt::Write as _;
use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::domain::ids::{LogKind, LogName};
use crate::recorder::origin;
use crate::sandbox::Sandbox;
use crate::sandbox::files::write_public;
use crate::witness::daemon::{Bound, Daemon};
use crate::witness::{LogConfig, WitnessConfig, establish};

/// What the gateway is told of its witnesses.
const POLICY: &str = "witnesses.policy";

/// Witnesses that run on a thread of their own. Ended when dropped.
#[derive(Debug)]
pub struct Witnesses {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Witnesses {
    /// Starts so many, each with its keys and heads in a directory of the sandbox, and asks for all of them in the configuration
    /// of a gateway there.
    pub fn start(config: &mut Config, sandbox: &Sandbox, count: u16) -> Result<Self> {
        let (base, log_key) = (sandbox.directory(), &sandbox.log_key()?);
        let mut policy = format!("log {log_key}\n");
        let mut names = Vec::new();
        let mut daemons = Vec::new();
        for number in 0..count {
            let name = format!("w{number}");
            let (daemon, bound) = open(config, base, log_key, &name)?;
            let key = daemon.keys().first().context("a witness has a key")?;
            writeln!(policy, "witness {name} {key} http://{}", bound.witness)?;
            daemons.push((daemon, bound));
            names.push(name);
        }
        writeln!(policy, "group all all {}\nquorum all", names.join(" "))?;
        write_public(&base.join(POLICY), &policy)?;
        config.witness.policy = Some(POLICY.into());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = CancellationToken::new();
        let told = stop.clone();
        let thread = std::thread::Builder::new()
            .name("witness".to_owned())
            .spawn(move || runtime.block_on(run(daemons, told)))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Witnesses {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A witness of the exchange logs, with its listeners bound.
fn open(config: &Config, base: &Path, log_key: &str, name: &str) -> Result<(Daemon, Bound)> {
    let directory = format!("witness-{name}");
    let named = format!("{name}.witness.example/1");
    establish(&base.join(&directory), &named)?;
    let log = |jurisdiction| LogName { jurisdiction, kind: LogKind::Exchange };
    let logs = config.jurisdictions.iter().map(|jurisdiction| LogConfig {
        origin: origin(&config.log.origin, &log(jurisdiction.clone())),
        keys: vec![log_key.to_owned()],
        follow: None,
    });
    let any = ([127, 0, 0, 1], 0).into();
    let own = WitnessConfig {
        directory: directory.into(),
        listen: any,
        ops_listen: any,
        logs: logs.collect(),
        ..WitnessConfig::begin(&named)
    };
    let daemon = Daemon::open(own, base)?;
    let bound = daemon.bind()?;
    Ok((daemon, bound))
}

async fn run(daemons: Vec<(Daemon, Bound)>, stop: CancellationToken) {
    let mut running = tokio::task::JoinSet::new();
    for (daemon, bound) in daemons {
        running.spawn(daemon.run(bound, stop.clone()));
    }
    while let Some(ended) = running.join_next().await {
        if let Ok(Err(error)) = ended {
            tracing::error!(%error, "a witness ended");
        }
    }
}
