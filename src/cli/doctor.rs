//! `comity doctor`: looks at the machine and the configuration as a gateway would meet them, and says what to do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::cli::output::{ignore_closed, print_line};
use crate::cli::paths::base_directory;
use crate::doctor::{Finding, Verdict, examine};
use crate::identity::clock::WallClock;

/// Arguments of `comity doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The configuration. Relative paths in it start at its directory.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DoctorArgs, audit_log: Option<&Path>) -> Result<ExitCode> {
    let findings = examine(&args.config, &base_directory(&args.config)?, audit_log, &WallClock::system());
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok);
    let shown = if args.json {
        serde_json::json!({ "verdict": worst, "findings": findings }).to_string()
    } else {
        findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
    };
    ignore_closed(print_line(&shown))?;
    Ok(if worst == Verdict::Fail { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
