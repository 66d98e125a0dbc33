//! `comity token`: mints a bound token, for sandboxes.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;

use crate::cli::output::print_line;
use crate::config::Config;
use crate::sandbox;

/// Arguments of `comity token`.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// The sandbox.
    #[arg(long, default_value = "comity-dev")]
    dir: PathBuf,
    /// Whose key and certificate, as us-ice.
    #[arg(long)]
    agency: String,
    /// Who acts. Default: AGENCY-ACTOR.
    #[arg(long)]
    subject: Option<String>,
    /// A person (officer) or an unattended system (system).
    #[arg(long, default_value = "system")]
    actor: String,
    /// How long it is good, in seconds.
    #[arg(long, default_value_t = 900)]
    lifetime: u32,
}

pub(super) fn run(args: &TokenArgs) -> Result<()> {
    let actor = args.actor.parse().map_err(|_| anyhow!("the actor is officer or system"))?;
    let config = Config::read(&args.dir.join(sandbox::CONFIG_FILE))?;
    let subject = args.subject.clone().unwrap_or_else(|| format!("{}-{}", args.agency, args.actor));
    let token = sandbox::mint_for(&args.dir, &config.token.audience, &args.agency, &subject, actor, args.lifetime)?;
    Ok(print_line(&token)?)
}
