//! Proves properties of packs for every possible case, with a solver. The tables of cases only try some.
//!
//! For the command line and CI. INVARIANT: nothing that serves calls uses this; tests/architecture.rs checks it.
//!
//! A question to the solver consists of Cedar policies only ([`rewrite`], [`question`], [`solver`]). A counterexample
//! is written in the words of the tables ([`written`]) and judged again by the engine ([`example`]), so that a mistake
//! in the rewriting or in the solver is noticed.

mod example;
mod law;
mod property;
mod question;
mod rewrite;
mod solver;
mod written;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::tz::TimeZone;

use crate::domain::ids::JurisdictionId;
use crate::policy::cases;
use crate::policy::load::PolicySet;
use crate::policy::prove::example::CounterexampleWriter;
pub use crate::policy::prove::example::Example;
use crate::policy::prove::law::Law;
pub use crate::policy::prove::property::Property;
use crate::policy::prove::property::{Subject, Task};
use crate::policy::prove::solver::Solver;
use crate::policy::switches::Settings;

/// What to prove, and with which solver.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The set that must have the properties.
    pub set: &'a PolicySet,
    /// The set in force, if the set is a candidate to replace it.
    pub against: Option<&'a PolicySet>,
    /// The solver's executable.
    pub solver: &'a Path,
    /// Proves each pack under every combination of its switch settings, not only under its own.
    pub every_setting: bool,
    /// How many solvers run in parallel. At least one.
    pub solvers: usize,
}

/// The result of one proof about one pack.
#[derive(Debug)]
pub struct Finding {
    /// The pack's jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// The switch settings, if they differ from the pack's own.
    pub setting: Option<String>,
    /// The property to prove.
    pub property: Property,
    /// The result.
    pub outcome: Outcome,
    /// How many questions the solver was asked.
    pub questions: usize,
    /// How long they took.
    pub took: Duration,
}

/// The result of a proof.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds in every possible case.
    Holds,
    /// Cases in which it does not hold.
    Fails(Vec<Example>),
    /// Undecided: the solver gave up, the question could not be put, or the engine disagrees with the solver.
    Unknown(String),
}

impl Finding {
    /// Whether this is no failure. A difference that is only reported is none.
    pub fn is_good(&self) -> bool {
        match &self.outcome {
            Outcome::Holds => true,
            Outcome::Fails(_) => self.property.is_report_only(),
            Outcome::Unknown(_) => false,
        }
    }
}

/// Why no proof could be started.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The solver, the schema or a pack cannot be used.
    #[error("{0}")]
    NotReady(String),
}

/// Proves every property of every pack. Returns the findings pack by pack.
pub async fn prove(request: &Request<'_>) -> Result<Vec<Finding>, ProveError> {
    let subjects = subjects(request).map_err(ProveError::NotReady)?;
    let mut tasks: Vec<Task<'_>> = subjects.iter().flat_map(Subject::tasks).collect();
    tasks.iter_mut().zip(0..).for_each(|(task, number)| task.number = number);
    let next = Cell::new(0_usize);
    let workers = (0..request.solvers.max(1)).map(|_| work(request, &tasks, &next));
    let mut findings: Vec<(usize, Finding)> = Vec::new();
    for done in join_all(workers).await {
        findings.extend(done?);
    }
    findings.sort_by_key(|(number, _)| *number);
    Ok(findings.into_iter().map(|(_, finding)| finding).collect())
}

/// Takes one task after another, with a solver of its own.
async fn work(
    request: &Request<'_>,
    tasks: &[Task<'_>],
    next: &Cell<usize>,
) -> Result<Vec<(usize, Finding)>, ProveError> {
    let mut solver = request.started()?;
    let mut done = Vec::new();
    while let Some(task) = tasks.get(next.get()) {
        next.set(next.get().saturating_add(1));
        let begun = Instant::now();
        let outcome = outcome(request.set, &mut solver, task).await;
        done.push((
            task.number,
            Finding {
                jurisdiction: task.law.jurisdiction.clone(),
                setting: task.setting.map(str::to_owned),
                property: task.property.clone(),
                outcome,
                questions: task.questions.len(),
                took: begun.elapsed(),
            },
        ));
    }
    Ok(done)
}

async fn outcome(set: &PolicySet, solver: &mut Solver, task: &Task<'_>) -> Outcome {
    let (ordinary, zone) = cases::ordinary(set, &task.law.jurisdiction).unwrap_or((toml::Table::new(), TimeZone::UTC));
    let writer = CounterexampleWriter { law: task.law, set, ordinary, zone };
    let mut examples = Vec::new();
    for question in &task.questions {
        let found = match solver.ask(task.law, question).await {
            Ok(None) => continue,
            Ok(Some(found)) => found,
            Err(error) => return Outcome::Unknown(error.to_string()),
        };
        match writer.example(&task.property, question, &found) {
            Ok(example) => examples.push(example),
            Err(problem) => return Outcome::Unknown(problem),
        }
    }
    if examples.is_empty() { Outcome::Holds } else { Outcome::Fails(examples) }
}

impl Request<'_> {
    fn started(&self) -> Result<Solver, ProveError> {
        let schema = self.set.texts.get("comity.cedarschema").map(String::as_str).unwrap_or_default();
        Solver::new(PathBuf::from(self.solver), schema).map_err(|error| ProveError::NotReady(error.to_string()))
    }
}

/// Each pack, under each switch setting that is asked for.
fn subjects(request: &Request<'_>) -> Result<Vec<Subject>, String> {
    let mut subjects = Vec::new();
    for (jurisdiction, pack) in &request.set.written {
        let as_set = request.set.switches.settings();
        let mut settings = vec![(None, as_set.clone())];
        if request.every_setting {
            let borne = pack.iter().filter_map(|policy| policy.annotation("switch"));
            settings.extend(other_settings(&as_set, borne));
        }
        for (named, settings) in settings {
            let law = Law::new(request.set, jurisdiction, pack, &settings)?;
            let within = cases::within(request.set, jurisdiction);
            let within = within.map(|outer| law_of(request.set, &outer, &settings)).transpose()?;
            let against = request.against.map(|force| law_of(force, jurisdiction, &force.switches.settings()));
            subjects.push(Subject { law, setting: named, within, against: against.transpose()? });
        }
    }
    Ok(subjects)
}

/// The law of a jurisdiction in a set. If none is written, the safeguards alone.
fn law_of(set: &PolicySet, jurisdiction: &JurisdictionId, settings: &Settings) -> Result<Law, String> {
    let pack = set.written.get(jurisdiction).map(Vec::as_slice).unwrap_or_default();
    Law::new(set, jurisdiction, pack, settings)
}

/// Every other combination of a pack's switch settings, each with its name.
fn other_settings<'a>(as_set: &Settings, borne: impl Iterator<Item = &'a str>) -> Vec<(Option<String>, Settings)> {
    let borne: std::collections::BTreeSet<&str> = borne.collect();
    let mut all = vec![as_set.clone()];
    for switch in borne {
        let turned = |settings: &Settings| {
            let mut settings = settings.clone();
            if let Some(is) = settings.get_mut(switch) {
                *is = !*is;
            }
            settings
        };
        let others: Vec<Settings> = all.iter().map(turned).collect();
        all.extend(others);
    }
    let named = |settings: Settings| {
        let turned = settings.iter().filter(|(name, is)| as_set.get(*name) != Some(*is));
        let words: Vec<String> =
            turned.map(|(name, is)| format!("{name} {}", if *is { "on" } else { "off" })).collect();
        (Some(words.join(", ")), settings)
    };
    all.into_iter().skip(1).map(named).collect()
}

#[cfg(test)]
mod tests;
