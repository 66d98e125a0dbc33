//! `comity audit`: the audit log of a gateway, verified offline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use crate::audit::{AuditFault, Verified, note_in, verify};
use crate::cli::output::{error_text, print_line, report_failure};
use crate::cli::verify::{BROKEN, NO_CHECKPOINT, UNREADABLE, Unreadable, keys_given};
use crate::ledger::{Checkpoint, VerifierKey};
use crate::verify::NotEvidence;

/// Arguments of `comity audit`.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verifies the files of an audit log offline: that no line was taken out, put in, moved or changed.
    Verify(VerifyArgs),
}

/// Arguments of `comity audit verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Files may be named in any order: all that a gateway rotated, or from one of them on. A tail cut off together \
                        with its heads leaves a log that is whole in itself: --against a head kept elsewhere finds it. Exit \
                        codes, as of `comity verify`: 0 whole; 1 broken; 2 wrong usage; 3 something cannot be read; 4 it is no \
                        audit log, or what was kept is no head of one by this key."
)]
struct VerifyArgs {
    /// The files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The pinned public key of the heads, as name+hash+base64, or a file with keys, one a line. Without it heads are held
    /// against the lines and their signatures are not looked at.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// A head kept elsewhere, which the log must still contain: its note, or its line. May be given several times.
    #[arg(long, value_name = "FILE", requires = "key")]
    against: Vec<PathBuf>,
    /// Prints one JSON object: what was found whole, or what is broken and where first.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &AuditArgs) -> ExitCode {
    let Command::Verify(args) = &args.command;
    let Err(error) = verify_files(args) else { return ExitCode::SUCCESS };
    let (class, code) = class(&error);
    if args.json {
        let at = match error.downcast_ref() {
            Some(AuditFault::Broken { file, line, .. }) => Some((file.display().to_string(), *line)),
            Some(_) | None => None,
        };
        let (file, line) = at.unzip();
        let message = error_text(&error);
        let found = serde_json::json!({
            "whole": false, "class": class, "file": file, "line": line, "message": message,
        });
        // The error is on standard error as well.
        let _ignored = print_line(&found.to_string());
    }
    let _code_of_any_failure = report_failure(&error);
    ExitCode::from(code)
}

/// The class of a failure, and its exit code.
fn class(error: &anyhow::Error) -> (&'static str, u8) {
    match error.downcast_ref::<AuditFault>() {
        Some(AuditFault::Broken { .. } | AuditFault::NotAsKept { .. }) => ("broken", BROKEN),
        Some(AuditFault::NotAnAuditLog(_) | AuditFault::NoHead(_) | AuditFault::BeforeTheFirst(_)) => {
            ("not-evidence", NO_CHECKPOINT)
        }
        None if error.is::<NotEvidence>() => ("not-evidence", NO_CHECKPOINT),
        Some(AuditFault::Unreadable { .. }) | None => ("unreadable", UNREADABLE),
    }
}

fn verify_files(args: &VerifyArgs) -> Result<()> {
    let keys = args.key.as_deref().map(keys_given).transpose()?;
    let kept = args.against.iter().map(|file| head_in(file, keys.as_deref().unwrap_or_default()));
    let kept: Vec<Checkpoint> = kept.collect::<Result<_>>()?;
    let Verified { files, lines, first, heads, unsigned, kept } = verify(&args.files, keys.as_deref(), &kept)?;
    if args.json {
        let found = serde_json::json!({
            "whole": true,
            "files": files,
            "lines": lines,
            "first": first,
            "heads": heads,
            "unsigned": unsigned,
            "kept": kept,
            "signatures": keys.is_some(),
        });
        return Ok(print_line(&found.to_string())?);
    }
    print_line(&format!(
        "whole: {files} files, {lines} lines from number {first} on, {heads} heads, {unsigned} lines after the last head, \
         {kept} kept heads contained"
    ))?;
    if keys.is_none() {
        print_line("signatures were not looked at: no key")?;
    }
    Ok(())
}

/// A head that was kept, whose signature holds.
fn head_in(file: &Path, keys: &[VerifierKey]) -> Result<Checkpoint> {
    let text = std::fs::read(file).with_context(|| Unreadable(file.display().to_string()))?;
    let note = note_in(&text).ok_or_else(|| NotEvidence::checkpoint(format!("{} is no text", file.display())))?;
    let of = |error: crate::ledger::CheckpointError| NotEvidence::checkpoint(error.to_string());
    let said = Checkpoint::unverified(&note).map_err(of)?;
    Ok(Checkpoint::open_received(&note, said.origin(), keys).map_err(of)?)
}
