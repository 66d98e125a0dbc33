//! `comity demo`: plays a synthetic year on a throw-away exchange. The room `demo` does the work.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::cli::paths::STORE_ENV;
use crate::demo::{self, Options, SecondStore};

/// Arguments of `comity demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Everybody in it is made up, and the laws are examples for counsel to check. The same seed, size \
                        and mix give the same figures."
)]
pub(super) struct DemoArgs {
    /// People in New York who are still held at the end of the year. Default: as in the mix.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    detainers: Option<u64>,
    /// People in New York who are released during it. Default: as in the mix.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    released: Option<u64>,
    /// Draws the year.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the year is drawn from, instead of the mix that is built in (src/demo/mix.toml).
    #[arg(long, value_name = "FILE")]
    mix: Option<PathBuf>,
    /// An empty or new directory, to keep database, keys, checkpoints, receipts and report.json in.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Says where the gateway's console and metrics are, and keeps it up after the year until an interrupt.
    #[arg(long)]
    pub(super) watch: bool,
    /// Plays the year on this database too: an empty one, as `postgres://...?sslrootcert=FILE`.
    #[arg(long, value_name = "URL", env = STORE_ENV, hide_env_values = true, conflicts_with = "postgres")]
    store: Option<String>,
    /// The same on a server of its own, started from the machine's PostgreSQL as an ordinary user.
    #[arg(long)]
    postgres: bool,
}

pub(super) fn run(args: &DemoArgs) -> Result<()> {
    let url = args.store.clone().map(SecondStore::At);
    let options = Options {
        detainers: args.detainers,
        released: args.released,
        seed: args.seed,
        mix: args.mix.clone(),
        out: args.out.clone(),
        watch: args.watch,
        second: url.or(args.postgres.then_some(SecondStore::Private)),
    };
    demo::run(&options, &mut std::io::stdout())
}
