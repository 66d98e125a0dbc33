//! The output of commands: results on standard output, errors on standard error.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;

/// Prints a line on standard output.
pub(super) fn print_line(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

/// Ignores a closed standard output: a reader such as `head` has read enough, which is not a failure.
pub(super) fn ignore_closed(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write"),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn report_failure(error: &anyhow::Error) -> ExitCode {
    // If standard error is closed, there is nowhere to report.
    let _ignored = writeln!(std::io::stderr(), "comity: {}", error_text(error));
    ExitCode::FAILURE
}

/// An error with its causes, leaving out causes that its text already contains.
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
