//! `comity man`: writes a manual page for each command, for whoever packs them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Command};

/// Arguments of `comity man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The directory to write them to. It is made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(args: &ManArgs, command: Command) -> Result<()> {
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    clap_mangen::generate_to(command, &args.out).with_context(|| format!("cannot write to {}", args.out.display()))
}
