//! What `comity export` is asked for, wherever the entries come from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use jiff::Timestamp;

use crate::cli::caller::CallerArgs;
use crate::cli::paths::STORE_ENV;
use crate::domain::ids::JurisdictionId;
use crate::export::{Audience, ExportWriter, Payloads};

/// Arguments of `comity export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    comity export june --as us-ice --jurisdiction us-ny --payloads all\n  \
    comity export june --data /var/lib/comity\n  \
    comity export june --data . --config comity.toml --audience jurisdictions/us-ny\n\n\
    Checked by `comity verify OUT --key VKEY`. The layout is in docs/export.md. Exit codes as of `comity verify`.")]
pub(in crate::cli) struct ExportArgs {
    /// The directory to make.
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) caller: CallerArgs,
    /// A data directory to export from, by whoever keeps it. Default: asks a gateway, as the calling agency.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["agency", "certificate"])]
    pub(super) data: Option<PathBuf>,
    /// Where the store is, if it is not DIR/comity.db: another file, or a database as `postgres://...?sslrootcert=FILE`.
    #[arg(long, value_name = "PLACE", env = STORE_ENV, hide_env_values = true)]
    pub(super) store: Option<String>,
    /// The configuration whose agencies and law say what an audience may see. Needed with --data and an --audience.
    #[arg(long, value_name = "FILE", requires = "data")]
    pub(super) config: Option<PathBuf>,
    /// For whom: `everything`, `agencies/us-ice` or `jurisdictions/us-ny`. Default: everything of a store; over the wire,
    /// the caller.
    #[arg(long, value_name = "AUDIENCE")]
    pub(super) audience: Option<Audience>,
    /// Logs of this jurisdiction. May be given several times. Default: every one in the store.
    #[arg(long, value_name = "JURISDICTION")]
    pub(super) jurisdiction: Vec<JurisdictionId>,
    /// By the law of which moment an audience's view is narrowed. Default: now.
    #[arg(long, value_name = "TIME", requires = "config")]
    pub(super) as_of: Option<Timestamp>,
    /// How much content: `all` that the audience may see, `counts`, which are never personal, or `none`.
    #[arg(long, value_name = "WHICH", default_value = "counts")]
    pub(super) payloads: Payloads,
    /// A checkpoint that was kept: the proof that its log grew from it is added. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(super) grown_from: Vec<PathBuf>,
    /// The pinned public key of the logs, by which the export is checked. Default: DIR/keys/log.vkey.
    #[arg(long, value_name = "FILE")]
    pub(super) log_key: Option<PathBuf>,
}

/// What to export, wherever it comes from.
pub(super) struct Wanted<'a> {
    pub(super) out: &'a Path,
    pub(super) jurisdictions: BTreeSet<JurisdictionId>,
    pub(super) payloads: Payloads,
    /// Checkpoints that were kept.
    pub(super) grown_from: Vec<String>,
}

impl Wanted<'_> {
    /// Checkpoints that were kept of a log, by the origin of its checkpoints.
    pub(super) fn kept_of(&self, origin: &str) -> impl Iterator<Item = &str> {
        let of = move |note: &&String| note.lines().next() == Some(origin);
        self.grown_from.iter().filter(of).map(String::as_str)
    }

    pub(super) fn begin(&self, origin: &str, audience: Audience) -> Result<ExportWriter> {
        Ok(ExportWriter::begin(self.out, origin, audience, self.payloads)?)
    }
}

/// The size that a checkpoint says. It is not checked here: the export is, once it is written.
pub(super) fn said_size(note: &str) -> Result<u64> {
    let size = note.lines().nth(1).and_then(|line| line.parse().ok());
    size.context("what was kept is no checkpoint")
}
