//! `comity import`: takes up what a requester published, as claims, apart from the exchange.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::claims::{Book, Claims, Head, Imported, import};
use crate::cli::output::print_line;
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
    let bar = bar(std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len());
    let done = import(&mut book, file, jurisdiction.as_str(), &mut |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    let Imported { source, sums, before } = done.with_context(|| format!("cannot import {}", file.display()))?;
    drop(book);
    // Read again from the disk: what is printed is what is there.
    let book = Claims::read(&into)?;
    let rejects = rejects.clone().unwrap_or_else(|| into.with_extension("rejects.csv"));
    write_rejects(&book, &source.sha256, &rejects).with_context(|| format!("cannot write {}", rejects.display()))?;
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
        print_line(&format!("what is wrong with those stands in {}", rejects.display()))?;
    }
    print_line(&format!("{}: {} lines, root {}", book.head.origin(), book.size, book.root.to_base64()))?;
    Ok(())
}

/// The rows of a file that are no claims. A reason never repeats what stands in the row.
fn write_rejects(book: &Claims, sha256: &str, path: &Path) -> Result<()> {
    let file = book.files.iter().position(|(source, _)| source.sha256 == sha256);
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record(["row", "column", "reason"])?;
    for (_, row, faults) in book.rejected.iter().filter(|(of, ..)| Some(*of) == file) {
        for fault in faults {
            lines.write_record([&row.to_string(), &fault.column, &fault.reason])?;
        }
    }
    let text = lines.into_inner().context("the rows cannot be written")?;
    let mut file = std::fs::File::create(path)?;
    file.write_all(&text)?;
    Ok(file.sync_data()?)
}

/// A progress bar on standard error, if that is a terminal.
fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    if let Ok(style) = ProgressStyle::with_template("importing {bar:40} {bytes}/{total_bytes} [{elapsed_precise}]") {
        bar.set_style(style);
    }
    bar
}
