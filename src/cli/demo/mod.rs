//! `comity demo`: the main job in one command.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

/// Arguments of `comity demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where to keep database, keys, checkpoints, receipts and report.json.
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(super) fn run(_args: &DemoArgs) -> Result<()> {
    anyhow::bail!("not there yet")
}
