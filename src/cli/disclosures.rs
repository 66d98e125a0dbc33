//! `comity disclosures`: lists what was disclosed to whom, from the account that is kept before anything leaves.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::output::print_line;
use crate::cli::paths::{STORE_ENV, store_location};
use crate::domain::determination::FieldClass;
use crate::domain::ids::{AgencyId, CaseName};
use crate::store::{Disclosed, EntrySubjects};

const PAGE_LEN: usize = 1_024;

/// Arguments of `comity disclosures`.
#[derive(Debug, Args)]
#[command(
    after_help = "The account that 5 USC 552a(c) asks for: date, recipient, purpose (the method), and what was disclosed, by name and \
                        by class. An entry is counted as the case that it is about. Officers are pseudonyms. A disclosure is \
                        counted before anything leaves: what then was lost on its way is counted all the same."
)]
pub(super) struct DisclosuresArgs {
    /// A data directory.
    dir: PathBuf,
    /// Where the store is, if it is not DIR/comity.db: another file, or a database as `postgres://...?sslrootcert=FILE`.
    #[arg(long, value_name = "PLACE", env = STORE_ENV, hide_env_values = true)]
    store: Option<String>,
    /// Of this case alone, by its name. May be given several times: a custody and the detainers on it are cases of their own.
    #[arg(long, value_name = "NAME")]
    of: Vec<CaseName>,
    /// To this agency alone.
    #[arg(long, value_name = "AGENCY")]
    to: Option<AgencyId>,
    /// From this moment on, as 2026-02-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Before this moment.
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,
    /// A JSON object a line.
    #[arg(long)]
    json: bool,
}

/// A line of the account.
#[derive(Debug, Serialize)]
struct AccountLine<'a> {
    recorded_at: String,
    recipient: &'a str,
    officer: &'a str,
    method: &'a str,
    cases: BTreeSet<String>,
    resources: &'a [String],
    classes: Vec<&'static str>,
}

pub(super) fn run(args: &DisclosuresArgs) -> Result<()> {
    let place = store_location(args.store.as_deref(), &args.dir)?;
    let reader = place.read(None)?;
    let wanted: Vec<String> = args.of.iter().map(ToString::to_string).collect();
    let mut subjects = EntrySubjects::new(&*reader);
    let (mut after, mut counted) = (0, 0u64);
    // The account is of the whole store, whichever of its jurisdictions is named. A store without logs has none.
    let jurisdiction = reader.logs()?.into_iter().next().map(|log| log.jurisdiction);
    while let Some(jurisdiction) = &jurisdiction {
        let page = reader.disclosures(jurisdiction, after, PAGE_LEN)?;
        let Some(last) = page.last() else { break };
        after = last.number;
        subjects.turn_page();
        for disclosed in &page {
            if !args.wants(disclosed) {
                continue;
            }
            let about: BTreeSet<String> =
                disclosed.resources.iter().map(|name| subjects.of(name)).collect::<Result<_, _>>()?;
            if wanted.is_empty() || wanted.iter().any(|name| about.contains(name)) {
                print_line(&line(disclosed, about, args.json)?)?;
                counted = counted.saturating_add(1);
            }
        }
    }
    if !args.json {
        print_line(&format!("{counted} disclosures"))?;
    }
    Ok(())
}

impl DisclosuresArgs {
    fn wants(&self, disclosed: &Disclosed) -> bool {
        self.to.as_ref().is_none_or(|agency| disclosed.recipient == *agency)
            && self.since.is_none_or(|since| disclosed.recorded_at >= since)
            && self.before.is_none_or(|before| disclosed.recorded_at < before)
    }
}

fn line(disclosed: &Disclosed, cases: BTreeSet<String>, json: bool) -> Result<String> {
    let line = AccountLine {
        recorded_at: disclosed.recorded_at.to_string(),
        recipient: disclosed.recipient.as_str(),
        officer: disclosed.officer.as_ref().map_or("", |officer| officer.as_str()),
        method: &disclosed.method,
        cases,
        resources: &disclosed.resources,
        classes: disclosed.classes.iter().map(FieldClass::word).collect(),
    };
    if json {
        return Ok(serde_json::to_string(&line)?);
    }
    let AccountLine { recorded_at, recipient, officer, method, cases, classes, .. } = line;
    let cases: Vec<String> = cases.into_iter().collect();
    Ok(format!("{recorded_at}  {recipient}  {officer}  {method}  {}  {}", classes.join(","), cases.join(" ")))
}
