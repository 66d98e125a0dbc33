//! What commands say: on standard output what was asked for, on standard error what went wrong.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;

/// A line on standard output.
pub(super) fn print_line(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

/// What became of something that was written to standard output. Whoever closed it, as `head` does, has read enough, and that is
/// no failure.
pub(super) fn ignore_closed(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write"),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn report_failure(error: &anyhow::Error) -> ExitCode {
    // Nobody left to tell when standard error is closed.
    let _ignored = writeln!(std::io::stderr(), "comity: {}", error_text(error));
    ExitCode::FAILURE
}

/// An error and its causes, without those that the one before has said already.
pub(super) fn error_text(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if !said.contains(&cause) {
            let joint = if said.is_empty() { "" } else { ": " };
            said = format!("{said}{joint}{cause}");
        }
    }
    said
}
