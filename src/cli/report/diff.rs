//! `comity report diff`: because of which entries two sides' figures differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::claims::Claims;
use crate::cli::output::{ignore_closed, print_line};
use crate::cli::report::source::{AskedArgs, of_claims_alone, recomputed};
use crate::export::Export;
use crate::reports::{ClaimsDifference, Difference, OneSided, Report, add_claims, claims_difference, difference};

/// Arguments of `comity report diff`.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// An export of entries, or a book of claims.
    first: PathBuf,
    /// The other side's, of the same kind.
    second: PathBuf,
    #[command(flatten)]
    asked: AskedArgs,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DiffArgs) -> Result<()> {
    match (args.first.is_dir(), args.second.is_dir()) {
        (true, true) => exports(args),
        (false, false) => books(args),
        (true, false) | (false, true) => {
            bail!("an export can be compared with an export, and a book of claims with another")
        }
    }
}

fn exports(args: &DiffArgs) -> Result<()> {
    let asked = args.asked.asked()?;
    let read = |path: &Path| -> Result<(Export, Report)> {
        let export = Export::open(path).with_context(|| format!("cannot use {}", path.display()))?;
        let report = recomputed(&export, &asked)?;
        Ok((export, report))
    };
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    let found = difference((&first.0, &first.1), (&second.0, &second.1))?;
    if args.json {
        return ignore_closed(print_line(&serde_json::to_string(&found)?));
    }
    ignore_closed(print_difference(&found))
}

fn books(args: &DiffArgs) -> Result<()> {
    let asked = args.asked.asked()?;
    let read = |path: &Path| -> Result<(Claims, Report)> {
        let book = Claims::read(path).with_context(|| format!("cannot use {}", path.display()))?;
        let mut report = of_claims_alone(&asked);
        add_claims(&mut report, &book);
        Ok((book, report))
    };
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    let found = claims_difference((&first.0, &first.1), (&second.0, &second.1));
    if args.json {
        return ignore_closed(print_line(&serde_json::to_string(&found)?));
    }
    ignore_closed(print_claims_difference(&found))
}

fn print_difference(found: &Difference) -> std::io::Result<()> {
    for (log, found) in &found.logs {
        print_line(log)?;
        print_one_sided("only in the first", &found.only_in_first)?;
        print_one_sided("only in the second", &found.only_in_second)?;
        for index in &found.forked_at {
            print_line(&format!("  FORKED: the two show different leaves at {index}"))?;
        }
        for (what, at) in &found.opened_differently {
            let at: Vec<String> = at.iter().map(ToString::to_string).collect();
            print_line(&format!("  {what}: {}", at.join(" ")))?;
        }
    }
    if found.logs.is_empty() {
        print_line("the same entries, opened alike")?;
    }
    print_figures(&found.figures)
}

fn print_one_sided(where_: &str, entries: &[OneSided]) -> std::io::Result<()> {
    entries.iter().try_for_each(|OneSided { index, leaf, method }| {
        print_line(&format!("  {where_}: entry {index}, leaf {leaf}, {method}"))
    })
}

fn print_claims_difference(found: &ClaimsDifference) -> std::io::Result<()> {
    for (side, claims) in [("first", &found.only_in_first), ("second", &found.only_in_second)] {
        for (id, counts_as) in claims {
            print_line(&format!("only in the {side}: claim {id}, which counts as {counts_as}"))?;
        }
    }
    if found.only_in_first.is_empty() && found.only_in_second.is_empty() {
        print_line("the same claims")?;
    }
    print_figures(&found.figures)
}

fn print_figures(figures: &[(String, Option<u64>, Option<u64>)]) -> std::io::Result<()> {
    let by_name: BTreeMap<&str, _> = figures.iter().map(|(name, own, other)| (name.as_str(), (own, other))).collect();
    by_name.into_iter().try_for_each(|(name, (own, other))| {
        let count = |count: &Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        print_line(&format!("figure {name}: {} against {}", count(own), count(other)))
    })
}
