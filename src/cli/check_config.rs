//! `comity check-config`: checks a configuration and shows the effective one, before anything is served.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::cli::output::print_line;
use crate::cli::paths::base_directory;
use crate::config::Config;
use crate::identity::clock::WallClock;
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
    let base = base_directory(&args.config)?;
    let checked = server::check(&config, &base, &WallClock::system())?;
    let met = server::check_start(&config, &base, &checked)?;
    // The effective configuration with its defaults. Secrets are files and not part of it.
    print_line(&toml::to_string_pretty(&config)?)?;
    for (at, key) in checked.verifiers.iter().enumerate() {
        let role = if at > config.keys.beside.len() { "were" } else { "are" };
        print_line(&format!("# checkpoints {role} signed by {key}"))?;
    }
    print_line(&format!("# an audit log is signed by {}", checked.audit_key()))?;
    print_line(&format!("# policy set {}", hex::encode(checked.policy_digest)))?;
    for warning in checked.warnings.iter().chain(&met.warnings) {
        print_line(&format!("# look at this: {warning}"))?;
    }
    for unchecked in &met.unchecked {
        print_line(&format!("# not checked: {unchecked}"))?;
    }
    Ok(print_line(&format!("# good: {} agencies, {} jurisdictions", checked.agencies, config.jurisdictions.len()))?)
}
