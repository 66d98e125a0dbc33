//! `comity policy prove`: proves with a solver what each pack must satisfy in every possible case.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::output::print_line;
use crate::cli::policy::set::{AlreadyReported, read};
use crate::policy::prove::{Finding, Outcome, Request, prove};

/// Arguments of `comity policy prove`.
#[derive(Debug, Args)]
#[command(after_help = "The solver is cvc5 (Debian: apt-get install cvc5). What is proved, and of which cases: \
                        docs/policy.md. A case that is printed can be added to the table of the pack.")]
pub(super) struct ProveArgs {
    /// A directory laid out as `policies/` of the source. Default: the set built in.
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The law in force. Proves as well that the other set permits nothing that this does not, and lists what differs.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Proves each pack with its switches set every way, and not only as they are set.
    #[arg(long)]
    every_setting: bool,
    /// The solver.
    #[arg(long, value_name = "FILE", env = "CVC5", default_value = "cvc5")]
    solver: PathBuf,
}

pub(super) fn run(args: &ProveArgs, as_json: bool) -> Result<()> {
    let begun = Instant::now();
    let set = read(args.directory.as_deref())?;
    let against = args.against.as_deref().map(|directory| read(Some(directory))).transpose()?;
    let request = Request {
        set: &set,
        against: against.as_ref(),
        solver: &args.solver,
        every_setting: args.every_setting,
        solvers: thread::available_parallelism().map_or(1, usize::from),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(prove(&request)).context("nothing could be proved")?;
    if as_json {
        print_line(&in_json(&findings).to_string())?;
    } else {
        for finding in &findings {
            print_finding(finding)?;
        }
        let questions: usize = findings.iter().map(|finding| finding.questions).sum();
        print_line(&format!("{} proofs of {questions} questions in {}", findings.len(), seconds(begun.elapsed())))?;
    }
    match findings.iter().filter(|finding| !finding.is_good()).count() {
        0 if as_json => Ok(()),
        0 => Ok(print_line("every pack holds to all of it, in every possible case")?),
        bad => bail!(AlreadyReported(format!("{bad} of {} not proved", findings.len()))),
    }
}

/// The findings as JSON.
fn in_json(findings: &[Finding]) -> Value {
    let shown = findings.iter().map(|finding| {
        let (outcome, cases, problem) = match &finding.outcome {
            Outcome::Holds => ("holds", Vec::new(), None),
            Outcome::Fails(examples) => {
                let cases = examples.iter().map(|example| json!({ "said": example.said, "case": example.case }));
                (if finding.is_good() { "differs" } else { "fails" }, cases.collect(), None)
            }
            Outcome::Unknown(problem) => ("unknown", Vec::new(), Some(problem.clone())),
        };
        json!({
            "jurisdiction": finding.jurisdiction,
            "setting": finding.setting,
            "property": finding.property.to_string(),
            "outcome": outcome,
            "cases": cases,
            "problem": problem,
            "questions": finding.questions,
            "seconds": finding.took.as_secs_f64(),
        })
    });
    json!({ "good": findings.iter().all(Finding::is_good), "findings": shown.collect::<Vec<_>>() })
}

fn print_finding(finding: &Finding) -> Result<()> {
    let Finding { jurisdiction, setting, property, outcome, took, .. } = finding;
    let came = match outcome {
        Outcome::Holds => "holds",
        Outcome::Fails(_) if finding.is_good() => "differs",
        Outcome::Fails(_) => "FAILED",
        Outcome::Unknown(_) => "UNKNOWN",
    };
    let setting = setting.as_ref().map(|setting| format!("  with {setting}")).unwrap_or_default();
    print_line(&format!(
        "{:<12}{:<40}{came:<8}{:>8}{setting}",
        jurisdiction.as_str(),
        property.to_string(),
        seconds(*took)
    ))?;
    match outcome {
        Outcome::Holds => Ok(()),
        Outcome::Unknown(problem) => Ok(print_line(&format!("    {problem}"))?),
        Outcome::Fails(examples) => {
            for example in examples {
                print_line("")?;
                example.said.iter().try_for_each(|line| print_line(&format!("# {line}")))?;
                print_line(&example.case)?;
            }
            Ok(())
        }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.2} s", took.as_secs_f64())
}
