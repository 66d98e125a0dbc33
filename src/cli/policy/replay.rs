//! `comity policy replay`: what another policy set would have decided in the cases of a log, offline.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent, presets};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cli::output::print_line;
use crate::cli::paths::{STORE_ENV, store_location};
use crate::cli::policy::json;
use crate::cli::policy::set::read;
use crate::config::{read_key, secret_files};
use crate::demo::number;
use crate::domain::determination::{Determination, FieldClass, FieldClasses};
use crate::domain::ids::JurisdictionId;
use crate::domain::moment;
use crate::feed::{judge_again, recorded_within};
use crate::policy::engine::Engine;
use crate::policy::load::PolicySet;
use crate::policy::replay::{Change, DeterminationShift, Replay, Totals};
use crate::store::Reader;

/// Entries read at once.
const PAGE_LEN: usize = 1_024;
const WIDTH: u16 = 140;

/// Arguments of `comity policy replay`.
#[derive(Debug, Args)]
#[command(
    after_help = "A judgment is one asking of the law about one detainer; it gives a determination for each act that \
                        its entry records. Each is judged again on the facts of that moment, which the log keeps with it. \
                        Determinations without their facts are counted and never guessed."
)]
pub(super) struct ReplayArgs {
    /// A data directory: of `comity dev`, of `comity demo --out`, or a copy of one.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Where its logs are, if not in DIR/comity.db: another file, or a database as `postgres://...?sslrootcert=FILE`.
    #[arg(long, value_name = "PLACE", env = STORE_ENV, hide_env_values = true)]
    logs: Option<String>,
    /// The candidate: a directory laid out as `policies/` of the source. Default: the set that the log was written under.
    #[arg(long, value_name = "DIR")]
    candidate: Option<PathBuf>,
    /// Puts a jurisdiction of the candidate under another's law: us-ny=us-tx. May be given several times.
    #[arg(long, value_name = "WHOSE=BY", value_parser = swap)]
    swap: Vec<(JurisdictionId, JurisdictionId)>,
    /// A set that the log was written under: it tells which fields a recorded disclosure covered. May be given several
    /// times. Default: the set built in.
    #[arg(long, value_name = "DIR")]
    under: Vec<PathBuf>,
    /// From this moment on, as 2026-01-01 (its first moment, UTC) or 2026-01-01T05:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Before this moment.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// Only the logs of this jurisdiction.
    #[arg(long, value_name = "ID")]
    jurisdiction: Option<JurisdictionId>,
    /// Lists each determination that changes, and not only how many.
    #[arg(long)]
    each: bool,
    /// The key that opens sealed content. Default: keys/wrapping.key in the data directory.
    #[arg(long, value_name = "FILE")]
    wrapping_key: Option<PathBuf>,
}

/// The part of the logs that is replayed.
#[derive(Debug)]
pub(super) struct Period {
    /// The start of the period.
    pub from: Option<Timestamp>,
    /// The end of the period, exclusive.
    pub to: Option<Timestamp>,
    /// The only jurisdiction; `None` for all.
    pub jurisdiction: Option<JurisdictionId>,
}

pub(super) fn run(args: &ReplayArgs, json: bool) -> Result<()> {
    let begun = Instant::now();
    let under = match args.under.as_slice() {
        [] => vec![read(None)?],
        given => given.iter().map(|directory| read(Some(directory))).collect::<Result<_>>()?,
    };
    let mut candidate = match (&args.candidate, args.under.first()) {
        (Some(directory), _) | (None, Some(directory)) => read(Some(directory))?,
        (None, None) => read(None)?,
    };
    if args.candidate.is_none() && args.swap.is_empty() {
        bail!("nothing to compare with: give --candidate or --swap");
    }
    for (whose, by) in &args.swap {
        candidate = candidate
            .swapped(whose, by)
            .with_context(|| format!("--swap {whose}={by}: the candidate has no law of one of them"))?;
    }
    let key = args.wrapping_key.clone().unwrap_or_else(|| args.store.join("keys").join(secret_files::WRAPPING));
    let reader = store_location(args.logs.as_deref(), &args.store)?.read(Some(&*read_key(&key)?))?;
    let engine = |set: PolicySet| Arc::new(Engine::new(set));
    let mut replay = Replay::new(engine(candidate), under.into_iter().map(engine));
    let period = Period { from: args.from, to: args.to, jurisdiction: args.jurisdiction.clone() };
    let entries = over_store(&*reader, &period, &mut replay, |name, changes| {
        let each = if args.each { changes } else { &[] };
        each.iter().try_for_each(|change| {
            Ok(print_line(&if json { json::change(name, change) } else { listed(name, change) })?)
        })
    })?;
    if json {
        return Ok(print_line(&json::replay(&replay, entries).to_string())?);
    }
    report(&replay, entries, begun.elapsed())
}

/// Judges the recorded determinations of a period again. Returns how many entries were read.
pub(super) fn over_store(
    reader: &dyn Reader,
    period: &Period,
    replay: &mut Replay,
    mut report_changes: impl FnMut(&str, &[Change]) -> Result<()>,
) -> Result<u64> {
    let mut read = 0_u64;
    for log in reader.logs()? {
        if period.jurisdiction.as_ref().is_some_and(|only| *only != log.jurisdiction) {
            continue;
        }
        let size = reader.head(&log)?.unwrap_or_default();
        let Range { start: mut next, end } = recorded_within(reader, &log, size, period.from, period.to)?;
        while next < end {
            let page = reader.entries(&log, next, PAGE_LEN)?;
            let Some(last) = page.last() else { break };
            next = last.index.saturating_add(1);
            for stored in page.iter().filter(|stored| stored.index < end) {
                read = read.saturating_add(1);
                let changes = judge_again(stored, replay)?;
                if !changes.is_empty() {
                    report_changes(&log.entry(stored.index), &changes)?;
                }
            }
        }
    }
    Ok(read)
}

fn report(replay: &Replay, entries: u64, took: Duration) -> Result<()> {
    let totals = replay.totals();
    print_line(&format!("candidate {}", hex::encode(replay.candidate())))?;
    print_line(&format!(
        "{} determinations of {} judgments in {} entries, judged again in {:.2} s: {} a second",
        number(totals.determinations),
        number(totals.judgments),
        number(entries),
        took.as_secs_f64(),
        number(per_second(totals.determinations, took)),
    ))?;
    print_line(&format!(
        "{} determinations of {} judgments change: {} to another ruling, {} in obligations or clock alone",
        number(totals.changed()),
        number(totals.judgments_changed),
        number(totals.rulings),
        number(totals.terms),
    ))?;
    print_line(&format!("{} say the same on the ground of other policies", number(totals.grounds)))?;
    for (count, what) in [
        (totals.without_facts, "could not be judged again: the log does not have their facts"),
        (
            totals.without_set,
            "disclosures could not be compared: the set they were made under is not at hand (--under)",
        ),
        (totals.unreproduced, "are not what the set they were made under says: the log or that set was changed"),
    ] {
        if count > 0 {
            print_line(&format!("{} {what}", number(count)))?;
        }
    }
    if totals.shifts.is_empty() {
        return Ok(());
    }
    print_line("")?;
    Ok(table(totals).lines().try_for_each(|line| print_line(line.trim_end()))?)
}

fn table(totals: &Totals) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_style(TableComponent::HeaderLines, '-').set_style(TableComponent::MiddleHeaderIntersections, ' ');
    table.set_header(["count", "act", "was", "becomes", "by the policies", "instead of"]);
    let mut shifts: Vec<(&DeterminationShift, u64)> =
        totals.shifts.iter().map(|(shift, count)| (shift, *count)).collect();
    shifts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (shift, count) in shifts {
        table.add_row([
            number(count),
            act(shift),
            ruling(&shift.from),
            ruling(&shift.to),
            policies(&shift.to),
            policies(&shift.from),
        ]);
    }
    if let Some(column) = table.column_mut(0) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn listed(name: &str, change: &Change) -> String {
    let shift = |shift: &DeterminationShift| {
        let (from, to) = (&shift.from, &shift.to);
        let why = if to.citations.is_empty() { &to.reviews } else { &to.citations };
        format!("{}: {} -> {} [{}] {}", act(shift), ruling(from), ruling(to), to.policies.join(", "), why.join("; "))
    };
    let shifts: Vec<String> = change.shifts.iter().map(shift).collect();
    format!("{name} {} {} {}", change.judged_at, change.detainer, shifts.join(" | "))
}

fn act(shift: &DeterminationShift) -> String {
    if shift.classes == FieldClasses::NONE {
        return shift.act.word().to_owned();
    }
    let classes: Vec<&str> = shift.classes.iter().map(FieldClass::word).collect();
    format!("{} {}", shift.act.word(), classes.join(", "))
}

fn ruling(said: &Determination) -> String {
    let mut text = said.ruling.word().replace('-', " ");
    if said.failed {
        text.push_str(" (failed)");
    }
    for word in said.clock.iter().map(|clock| clock.word()).chain(said.obligations.iter().map(|word| word.word())) {
        text.push_str(", ");
        text.push_str(word);
    }
    text
}

fn policies(said: &Determination) -> String {
    if said.policies.is_empty() { "no policy".to_owned() } else { said.policies.join(", ") }
}

fn per_second(count: u64, took: Duration) -> u64 {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1_000_000).checked_div(micros).unwrap_or_default()
}

fn swap(text: &str) -> Result<(JurisdictionId, JurisdictionId), String> {
    let (whose, by) = text.split_once('=').ok_or("not two jurisdictions such as us-ny=us-tx")?;
    let parse = |id: &str| id.parse().map_err(|_| format!("{id:?} is no jurisdiction such as us-ny"));
    Ok((parse(whose)?, parse(by)?))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let midnight = || Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let read = moment::moment(text).ok().or_else(midnight);
    read.ok_or_else(|| "neither 2026-01-01 nor 2026-01-01T05:00:00Z".to_owned())
}
