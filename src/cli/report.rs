//! `comity report`: figures, from a gateway, from an export of its entries, or from a book of claims.

mod diff;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::claims::Claims;
use crate::cli::caller::CallerArgs;
use crate::cli::output::{ignore_closed, print_line};
use crate::cli::report::source::{Asked, AskedArgs, of_claims_alone, published, recomputed};
use crate::client::Client;
use crate::domain::ids::JurisdictionId;
use crate::export::Export;
use crate::reports::{self, Report, Table, add_claims, from_wire_form};
use crate::wire::{show, v1};

/// Arguments of `comity report`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        comity report --as us-ice --jurisdiction us-ny --from 2026-01-01 --to 2026-04-01\n  \
        comity report --recompute EXPORT --jurisdiction us-ny --from 2026-01-01 --to 2026-04-01 --json report.json\n  \
        comity report --claims claims-us-ny-us-ice.jsonl --html report.html\n  \
        comity report diff OURS THEIRS\n\n\
        A report names the trees that it was computed from, with their roots, and for whom. From an export of the same entries, made \
        for the same agency with all it may see, --recompute gives the same bytes."
)]
pub(super) struct ReportArgs {
    #[command(subcommand)]
    command: Option<ReportCommand>,
    #[command(flatten)]
    asked: AskedArgs,
    #[command(flatten)]
    caller: CallerArgs,
    /// Computes it from an export of entries (comity export), and asks no gateway.
    #[arg(long, value_name = "EXPORT")]
    recompute: Option<PathBuf>,
    /// With --recompute: for anybody, by calendar quarter, with small cells suppressed.
    #[arg(long, requires = "recompute", conflicts_with_all = ["from", "to", "as_of", "claims"])]
    publish: bool,
    /// Writes the figures as JSON. The same entries give the same bytes.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes them as one HTML page with plots, which needs no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ReportCommand {
    /// Says by which entries two exports differ, or by which claims two books do, and in which figures. Names nobody.
    Diff(diff::DiffArgs),
}

pub(super) fn run(args: &ReportArgs) -> Result<()> {
    if let Some(ReportCommand::Diff(args)) = &args.command {
        return diff::run(args);
    }
    let asked = args.asked.asked()?;
    let mut report = match &args.recompute {
        Some(export) if args.publish => published(&Export::open(export)?, &asked)?,
        Some(export) => recomputed(&Export::open(export)?, &asked)?,
        None if args.caller.is_given() => from_gateway(&args.caller, &asked)?,
        None if !args.asked.claims.is_empty() => of_claims_alone(&asked),
        None => bail!(
            "from where? A gateway (--as, or --certificate), an export (--recompute), or a book of claims (--claims)"
        ),
    };
    for book in &args.asked.claims {
        add_book(&mut report, book, asked.jurisdiction.as_ref())?;
    }
    let json = report.to_json()?;
    if let Some(path) = &args.json {
        std::fs::write(path, &json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.html {
        let page = reports::html(&report, &json)?;
        std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    ignore_closed(print(&report))
}

fn from_gateway(caller: &CallerArgs, asked: &Asked) -> Result<Report> {
    let config = caller.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let parent = asked.jurisdiction.as_ref().map_or("-", |jurisdiction| jurisdiction.as_str());
    let request = v1::GetReportRequest {
        parent: format!("jurisdictions/{parent}"),
        start_time: asked.from.map(show::timestamp),
        end_time: asked.to.map(show::timestamp),
        as_of_time: asked.as_of.map(show::timestamp),
    };
    let answer = runtime.block_on(async {
        let client = Client::connect(config).await?;
        let answer = client.reports().get_report(request).await;
        answer.map_err(|status| anyhow::Error::from(crate::client::Error::from(status)))
    })?;
    let report = answer.into_inner().report.and_then(from_wire_form);
    report.context("the answer is not a report")
}

fn add_book(report: &mut Report, path: &Path, jurisdiction: Option<&JurisdictionId>) -> Result<()> {
    let book = Claims::read(path).with_context(|| format!("cannot use {}", path.display()))?;
    let is_asked = jurisdiction.is_none_or(|asked| *asked == book.head.jurisdiction);
    ensure!(is_asked, "{} holds claims about {}", path.display(), book.head.jurisdiction);
    add_claims(report, &book);
    Ok(())
}

fn print(report: &Report) -> std::io::Result<()> {
    print_line(&format!("{}, for {}", report.jurisdiction, report.audience))?;
    for tree in &report.trees {
        print_line(&format!("  {} size {} root {}: {} counted", tree.origin, tree.size, tree.root, tree.counted))?;
    }
    let moment = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    print_line(&format!("  window {} to {}, as of {}", moment(report.from), moment(report.to), moment(report.as_of)))?;
    for Table { title, of, rows, .. } in &report.tables {
        print_line(&format!("\n{title}\n  of {of}"))?;
        for row in rows {
            let count = row.count.map_or_else(|| "hidden".to_owned(), |count| count.to_string());
            print_line(&format!("  {count:>9}  {}", row.key.join(" / ")))?;
        }
    }
    print_line("")?;
    report.notes.iter().try_for_each(|note| print_line(&format!("* {note}")))
}
