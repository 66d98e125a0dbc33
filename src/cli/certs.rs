//! `comity certs`: makes development certificates, keys and tokens without serving.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::cli::output::print_line;
use crate::sandbox::{CONFIG_FILE, Sandbox};

/// Arguments of `comity certs`.
#[derive(Debug, Args)]
#[command(
    after_help = "Makes what `comity dev` makes: an authority for each sovereign, a certificate and a token key for \
                        each agency, revocation lists, tokens, the gateway's own keys, and a configuration. Run again, it \
                        renews revocation lists and tokens and leaves the rest alone. Certificates for production are \
                        described in certs/README.md."
)]
pub(super) struct CertsArgs {
    /// Where to make them.
    #[arg(long, default_value = "comity-dev")]
    dir: PathBuf,
}

pub(super) fn run(args: &CertsArgs) -> Result<()> {
    let sandbox = Sandbox::establish(&args.dir)?;
    Ok(print_line(&sandbox.directory().join(CONFIG_FILE).display().to_string())?)
}
