//! `comity completions`: writes shell completions for the commands.

use std::io::{self, Write as _};

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::cli::output::ignore_closed;

/// Arguments of `comity completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    comity completions bash > /etc/bash_completion.d/comity\n  \
    comity completions zsh > ~/.zfunc/_comity\n  \
    comity completions fish > ~/.config/fish/completions/comity.fish")]
pub(super) struct CompletionsArgs {
    /// Which shell.
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, mut command: Command) -> Result<()> {
    // Generate everything first: the generator panics when it cannot write.
    let mut script = Vec::new();
    generate(args.shell, &mut command, "comity", &mut script);
    ignore_closed(io::stdout().write_all(&script))
}
