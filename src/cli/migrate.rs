//! `comity migrate`: copies a store unchanged to another engine.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;

use crate::cli::output::print_line;
use crate::cli::paths::store_location;
use crate::cli::verify;
use crate::demo::number;
use crate::store::{Copied, copy, digest};

/// Arguments of `comity migrate`.
#[derive(Debug, Args)]
#[command(
    after_help = "A place is a file, or a database as `postgres://...?sslrootcert=FILE`. What is copied must not be served \
                        meanwhile; where it goes to must be empty. Every row is the same on both sides, sealed content too: \
                        the keys of the one are the keys of the other, and receipts stay good. What is there afterwards is \
                        read again, and verified as `comity verify` does."
)]
pub(super) struct MigrateArgs {
    /// The data directory: keys, and receipts if there are any.
    dir: PathBuf,
    /// Where the store is now. Default: DIR/comity.db.
    #[arg(long, value_name = "PLACE", env = "COMITY_FROM", hide_env_values = true)]
    from: Option<String>,
    /// Where it is to be. Default: DIR/comity.db.
    #[arg(long, value_name = "PLACE", env = "COMITY_TO", hide_env_values = true)]
    to: Option<String>,
    /// Before the name of a log, gives the origin of its checkpoints.
    #[arg(long, default_value = "comity.example")]
    origin: String,
}

pub(super) fn run(args: &MigrateArgs) -> Result<()> {
    ensure!(args.from.is_some() || args.to.is_some(), "from where, or to where? Give --from or --to");
    let (from, to) = (store_location(args.from.as_deref(), &args.dir)?, store_location(args.to.as_deref(), &args.dir)?);
    let begun = Instant::now();
    let Copied { rows, .. } = copy(&from, &to, &mut |table, rows| tracing::debug!(table, rows, "copied"))?;
    for (table, rows) in &rows {
        print_line(&format!("{table:>16}  {:>12} rows", number(*rows)))?;
    }
    let copied = begun.elapsed();
    print_line(&format!("copied from {from} to {to} in {:.1} s", copied.as_secs_f64()))?;
    let (before, after) = (digest(&from)?, digest(&to)?);
    for (table, digest) in &before {
        ensure!(after.get(table) == Some(digest), "{table} differs: do not use what is in {to}");
    }
    ensure!(before.len() == after.len(), "a table is missing: do not use what is in {to}");
    print_line(&format!("read again: {} tables, the same on both sides", before.len()))?;
    verify::print_verified(&verify::claim_in(&args.dir, to, (None, None), &args.origin)?)
}
