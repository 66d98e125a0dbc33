//! A witness of the demo's own, which cosigns the exchange logs while the year is played.

use std::fmt::Write as _;
use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::domain::ids::{LogKind, LogName};
use crate::recorder::origin;
use crate::sandbox::files;
use crate::witness::daemon::Daemon;
use crate::witness::{LogConfig, WitnessConfig, establish};

const NAME: &str = "witness.example/1";
/// In the workspace: the witness's keys and heads, and what the gateway is told of it.
const DIRECTORY: &str = "witness";
const POLICY: &str = "witnesses.policy";

/// A witness that runs. Ended when dropped.
#[derive(Debug)]
pub(super) struct Witness {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Witness {
    /// Starts one on a thread of its own, and names it in the configuration of a gateway that keeps `base`.
    pub(super) fn start(config: &mut Config, base: &Path, log_key: &str) -> Result<Self> {
        establish(&base.join(DIRECTORY), NAME)?;
        let logs = config.jurisdictions.iter().map(|jurisdiction| LogConfig {
            origin: origin(
                &config.log.origin,
                &LogName { jurisdiction: jurisdiction.clone(), kind: LogKind::Exchange },
            ),
            keys: vec![log_key.to_owned()],
            follow: None,
        });
        let any = ([127, 0, 0, 1], 0).into();
        let own = WitnessConfig {
            directory: DIRECTORY.into(),
            listen: any,
            ops_listen: any,
            logs: logs.collect(),
            ..WitnessConfig::begin(NAME)
        };
        let daemon = Daemon::open(own, base)?;
        let key = daemon.keys().first().context("a witness has a key")?.clone();
        let bound = daemon.bind()?;
        let mut policy = format!("log {log_key}\n");
        writeln!(policy, "witness demo {key} http://{}\nquorum demo", bound.witness)?;
        files::write_public(&base.join(POLICY), &policy)?;
        config.witness.policy = Some(POLICY.into());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = CancellationToken::new();
        let told = stop.clone();
        let thread = std::thread::Builder::new().name("witness".to_owned()).spawn(move || {
            if let Err(error) = runtime.block_on(daemon.run(bound, told)) {
                tracing::error!(%error, "the demo's witness ended");
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
