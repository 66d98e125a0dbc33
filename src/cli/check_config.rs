//! `comity check-config`: what holds, before anything is served.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::cli::say;
use crate::config::Config;
use crate::server;

/// Arguments of `comity check-config`.
#[derive(Debug, Args)]
pub(super) struct CheckConfigArgs {
    /// The configuration. Relative paths in it start at its directory.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(args: &CheckConfigArgs) -> Result<()> {
    let config = Config::read(&args.config)?;
    let base = args.config.parent().unwrap_or_else(|| Path::new("."));
    let checked = server::check(&config, base)?;
    // What holds, defaults included. Secrets are files and not in it.
    say(&toml::to_string_pretty(&config)?)?;
    say(&format!("# checkpoints are signed by {}", checked.verifier))?;
    say(&format!("# policy set {}", hex::encode(checked.policy_digest)))?;
    Ok(say(&format!("# good: {} agencies, {} jurisdictions", checked.agencies, config.jurisdictions.len()))?)
}
