//! `comity import`: takes up what a requester published, as claims, apart from the exchange.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use crate::claims::{Book, Claims, Head, Imported, import};
use crate::cli::output::print_line;
use crate::cli::rejects;
use crate::domain::ids::{AgencyId, JurisdictionId};

/// Arguments of `comity import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(subcommand)]
    layout: Layout,
}

#[derive(Debug, Subcommand)]
enum Layout {
    /// The layout of the public ICE detainer releases.
    IceDetainers(IceDetainersArgs),
}

/// Arguments of `comity import ice-detainers`.
#[derive(Debug, Args)]
#[command(
    after_help = "A row is a claim of whoever published it. It opens no custody, records no release, starts no clock and \
                  reaches no inbox; `comity report --claims` counts it apart. An import that was cut off goes on where it \
                  stopped; of a file that is in the book already nothing is added."
)]
struct IceDetainersArgs {
    /// The file.
    file: PathBuf,
    /// The jurisdiction that its rows are about, as us-ny.
    #[arg(long, value_name = "JURISDICTION")]
    jurisdiction: JurisdictionId,
    /// The agency whose claims they are.
    #[arg(long, value_name = "AGENCY", default_value = "us-ice")]
    claimed_by: AgencyId,
    /// The book of claims to add to. Default: claims-JURISDICTION-AGENCY.jsonl.
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// Where the rows go that are no claims: row, column, reason. Default: beside the book, with .rejects.csv.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

pub(super) fn run(args: &ImportArgs) -> Result<()> {
    match &args.layout {
        Layout::IceDetainers(args) => ice_detainers(args),
    }
}

fn ice_detainers(args: &IceDetainersArgs) -> Result<()> {
    let IceDetainersArgs { file, jurisdiction, claimed_by, into, rejects } = args;
    let named = || PathBuf::from(format!("claims-{jurisdiction}-{claimed_by}.jsonl"));
    let into = into.clone().unwrap_or_else(named);
    let head = Head::new(jurisdiction.clone(), claimed_by.clone());
    let mut book = Book::open(&into, &head).with_context(|| format!("cannot use {}", into.display()))?;
    let bytes = std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
    let bar = rejects::bar(bytes, "importing {bar:40} {bytes}/{total_bytes} [{elapsed_precise}]");
    let done = import(&mut book, file, jurisdiction.as_str(), &mut |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    let Imported { source, sums, before } = done.with_context(|| format!("cannot import {}", file.display()))?;
    drop(book);
    // Read again from the disk: what is printed is what is there.
    let book = Claims::read(&into)?;
    let path = rejects.clone().unwrap_or_else(|| into.with_extension("rejects.csv"));
    let of = book.files.iter().position(|(of, _)| of.sha256 == source.sha256);
    let rejected = book.rejected.iter().filter(|(file, ..)| Some(*file) == of);
    let rejected = rejected.flat_map(|(_, row, faults)| faults.iter().map(|fault| (*row, fault)));
    rejects::write(&path, rejected).with_context(|| format!("cannot write {}", path.display()))?;
    print_line(&format!("claims of {claimed_by} about {jurisdiction}, from a file with SHA-256 {}", source.sha256))?;
    if before == sums.rows {
        print_line("every row of it was in the book already: nothing was added")?;
    } else if before > 0 {
        print_line(&format!("went on after row {before}, where an earlier import was cut off"))?;
    }
    print_line(&format!(
        "{} rows read = {} claims + {} repeated whole + {} rejected",
        sums.rows, sums.accepted, sums.duplicates, sums.rejected
    ))?;
    if sums.rejected > 0 {
        print_line(&format!("what is wrong with those stands in {}", path.display()))?;
    }
    print_line(&format!("{}: {} lines, root {}", book.head.origin(), book.size, book.root.to_base64()))?;
    Ok(())
}
