//! `comity export`: writes what one audience may know of some logs, to be checked by public keys alone.

mod args;
mod gateway;
mod store;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

pub(super) use args::ExportArgs;

use crate::cli::export::args::Wanted;
use crate::cli::output::print_line;
use crate::cli::verify::{Unreadable, exit_code, pinned_keys};
use crate::demo::number;
use crate::export::{Checked, Export};
use crate::ledger::VerifierKey;

pub(super) fn run(args: &ExportArgs) -> ExitCode {
    match export(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit_code(&error),
    }
}

fn export(args: &ExportArgs) -> Result<()> {
    let read = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| Unreadable(path.display().to_string()));
    let grown_from = args.grown_from.iter().map(read).collect::<Result<_>>()?;
    let jurisdictions = args.jurisdiction.iter().cloned().collect();
    let wanted = Wanted { out: &args.out, jurisdictions, payloads: args.payloads, grown_from };
    let directory = args.data.as_deref().unwrap_or(args.caller.directory());
    let keys = pinned_keys(args.log_key.as_deref(), directory)?;
    match &args.data {
        Some(data) => store::export(args, data, &wanted)?,
        None => gateway::export(args, &wanted)?,
    }
    // Whoever is given the export checks it. So do we, before we say that there is one.
    print_checked(&args.out, &keys)
}

fn print_checked(out: &Path, keys: &[VerifierKey]) -> Result<()> {
    let Checked { logs, entries, commitments, .. } = Export::open(out)?.check(keys, &[], |_| ())?;
    let (entries, commitments) = (number(entries), number(commitments));
    Ok(print_line(&format!(
        "exported to {}: {logs} logs, {entries} entries, {commitments} commitments opened; read again and checked",
        out.display()
    ))?)
}
