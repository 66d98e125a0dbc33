//! `comity config`: every key of the configuration files, and files to begin with.

use std::io::{self, Write as _};

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::cli::output::ignore_closed;
use crate::config::reference::tables;
use crate::config::{Config, example, page};
use crate::witness::WitnessConfig;

/// Arguments of `comity config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Every key with its type, default, range and meaning, of a gateway's file and of a witness', in Markdown.
    Reference,
    /// A file to begin with: what has to be said, with values to replace, and the rest as comments.
    Example(ExampleArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  comity config example > comity.toml && comity check-config --config comity.toml")]
struct ExampleArgs {
    /// The file of a witness, in place of a gateway's.
    #[arg(long)]
    witness: bool,
}

pub(super) fn run(args: &ConfigArgs) -> Result<()> {
    let text = match &args.command {
        ConfigCommand::Reference => page(&tables::<Config>(), &tables::<WitnessConfig>()),
        ConfigCommand::Example(ExampleArgs { witness: false }) => example(&tables::<Config>()),
        ConfigCommand::Example(ExampleArgs { witness: true }) => example(&tables::<WitnessConfig>()),
    };
    ignore_closed(io::stdout().write_all(text.as_bytes()))
}
