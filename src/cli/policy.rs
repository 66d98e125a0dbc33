//! `comity policy`: `check` reads a policy set, `test` runs its cases, `prove` proves properties that hold in every
//! case, `explain` explains an answer, and `replay` shows what another set would have changed.

mod explain;
mod json;
mod prove;
mod replay;
mod set;
mod sign;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;

use crate::cli::output::{error_text, print_line};
use crate::cli::policy::set::{AlreadyReported, read};
use crate::domain::ids::JurisdictionId;
use crate::policy::cases::{self, Report};
use crate::policy::load::PolicySet;
use crate::policy::switches::SwitchPosition;

/// Arguments of `comity policy`.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// Prints one JSON object, with the same exit code; of `replay --each`, before it one for each change.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Reads a policy set as a gateway would, and says what it holds. Exit code 1: it would be refused.
    Check(SetArgs),
    /// Holds each pack against its table of cases. Exit code 1: a case fails, or a condition is tried on one side only.
    Test(SetArgs),
    /// Proves what each pack must hold to in every possible case, with cvc5 as the solver. Exit code 1: not proved.
    Prove(prove::ProveArgs),
    /// Says what a law answers in a case, why, and which single fact would change the answer.
    Explain(explain::ExplainArgs),
    /// Signs a policy set for the gateways that demand it (`policy.signers`), beside those who have signed it already.
    Sign(sign::SignArgs),
    /// Judges the determinations of a store's log again under another set, and says which change and by which rule.
    Replay(replay::ReplayArgs),
}

/// Which policy set.
#[derive(Debug, Args)]
struct SetArgs {
    /// A directory laid out as `policies/` of the source. Default: the set built in.
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl PolicyArgs {
    /// The words of a command that says under which law gateways stand, or reads a store.
    pub(super) fn audited(&self) -> Option<&'static str> {
        match &self.command {
            PolicyCommand::Sign(_) => Some("policy sign"),
            PolicyCommand::Replay(_) => Some("policy replay"),
            PolicyCommand::Check(_) | PolicyCommand::Test(_) | PolicyCommand::Prove(_) | PolicyCommand::Explain(_) => {
                None
            }
        }
    }
}

pub(super) fn run(args: &PolicyArgs) -> Result<()> {
    let json = args.json;
    let done = match &args.command {
        PolicyCommand::Check(set) => read(set.directory.as_deref()).and_then(|set| check(&set, json)),
        PolicyCommand::Test(set) => read(set.directory.as_deref()).and_then(|set| test(&set, json)),
        PolicyCommand::Prove(args) => prove::run(args, json),
        PolicyCommand::Explain(args) => explain::run(args, json),
        PolicyCommand::Sign(args) => sign::run(args, json),
        PolicyCommand::Replay(args) => replay::run(args, json),
    };
    if let Err(error) = &done
        && json
        && !error.is::<AlreadyReported>()
    {
        print_line(&serde_json::json!({ "good": false, "message": error_text(error) }).to_string())?;
    }
    done
}

fn check(set: &PolicySet, json: bool) -> Result<()> {
    if json {
        return Ok(print_line(&json::set(set).to_string())?);
    }
    print_line(&format!("policy set {}", hex::encode(set.digest())))?;
    for jurisdiction in set.jurisdictions() {
        let policies = set.policies_of(jurisdiction);
        print_line(&format!("  {:<12}{policies:>3} policies   {}", jurisdiction.as_str(), dates(set, jurisdiction)))?;
    }
    print_line("switches")?;
    for (name, switch) in set.switches().iter() {
        let is = match switch.is {
            SwitchPosition::On => "on",
            SwitchPosition::Off => "off",
        };
        print_line(&format!("  {name:<40}{is}"))?;
    }
    Ok(())
}

/// The dates on which the law of a pack changes, in the time zone of its cases.
fn dates(set: &PolicySet, jurisdiction: &JurisdictionId) -> String {
    let zone = cases::zone_of(set, jurisdiction).unwrap_or(TimeZone::UTC);
    match set.effective_dates(jurisdiction) {
        None => "reads the time itself".to_owned(),
        Some(dates) if dates.is_empty() => "no effective dates".to_owned(),
        Some(dates) => {
            let shown = |date: &jiff::Timestamp| date.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string();
            format!("changes {}", dates.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
    }
}

fn test(set: &PolicySet, json: bool) -> Result<()> {
    let report = cases::run(set);
    if json {
        print_line(&json::report(&report).to_string())?;
    } else {
        print_report(&report)?;
    }
    if !report.is_complete() {
        let (failed, untried) = (report.failures.len(), report.gaps.len());
        bail!(AlreadyReported(format!("{failed} failed, {untried} tried on one side only")));
    }
    Ok(())
}

fn print_report(report: &Report) -> Result<()> {
    for failure in &report.failures {
        print_line(&format!("FAILED  {failure}\n"))?;
    }
    for gap in &report.gaps {
        print_line(&format!("UNTRIED {gap}"))?;
    }
    for pack in &report.packs {
        print_line(&format!(
            "{:<12}{:>3} policies {:>4} cases {:>5} with a safeguard laid over",
            pack.jurisdiction.as_str(),
            pack.policies,
            pack.cases,
            pack.guarded
        ))?;
    }
    if report.is_complete() {
        print_line("every case holds, and every condition was tried on both sides")?;
    }
    Ok(())
}
