//! `comity receipt`: shows the receipts of past writes, or verifies receipts offline.

mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::verify_receipt;

/// Arguments of `comity receipt`.
#[derive(Debug, Args)]
pub(super) struct ReceiptArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Asks a gateway what became of a write: accepted, delivered, acted upon. Each step with its proof, verified.
    Show(Box<show::ShowArgs>),
    /// Verifies a receipt offline, with the log's public key alone, and says what it proves. Exit codes as of `verify`.
    Verify(verify_receipt::VerifyReceiptArgs),
}

pub(super) fn run(args: &ReceiptArgs) -> ExitCode {
    match &args.command {
        Command::Show(args) => show::run(args),
        Command::Verify(args) => verify_receipt::run(args),
    }
}
