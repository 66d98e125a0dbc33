//! Runs the solver, cvc5, as another process. The only file that names the symbolic compiler.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cedar_policy as cedar;
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicySet};
use tokio::process::Command;

use crate::domain::facts::ListedSet;
use crate::domain::statute::Paragraph;
use crate::policy::prove::law::Law;
use crate::policy::prove::question::{Level, Question};
use crate::policy::prove::rewrite::{self, RewriteError, both, condition, not, only_where, permit, reached};
use crate::policy::vocabulary::ASSERTED;

/// The longest time for one question.
const QUESTION_MS_MAX: u64 = 30_000;
/// Conditions that hold in every possible case.
pub(super) const POSSIBLE: &str = include_str!("possible.cedar");

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// The question cannot be expressed.
    #[error("{0}")]
    Rewrite(#[from] RewriteError),
    /// Two policies of a question have the same id.
    #[error("{0}")]
    Set(#[from] Box<cedar::PolicySetError>),
    /// The solver cannot be started.
    #[error("cannot start {program}: {error}")]
    Start {
        /// The executable.
        program: String,
        /// The system's error.
        error: String,
    },
    /// The solver gave no answer, or the policies cannot be compiled for it.
    #[error("{0}")]
    Solver(String),
}

/// Asks questions about the laws of a policy set.
#[derive(Debug)]
pub(super) struct Solver {
    program: PathBuf,
    schema: cedar::Schema,
    kind: cedar::RequestEnv,
    possible: Vec<cedar::Policy>,
    running: Option<CedarSymCompiler<LocalSolver>>,
}

impl Solver {
    /// Starts no process yet. `schema` is the text of the set's schema.
    pub(super) fn new(program: PathBuf, schema: &str) -> Result<Self, AskError> {
        let (schema, nothing_claimed) = rewrite::schema_with_silence(schema)?;
        let mut possible = vec![only_where("possible.silence", &condition(&nothing_claimed)?)?];
        let invariants: cedar::PolicySet =
            POSSIBLE.parse().map_err(|error| RewriteError::Condition(Box::new(error)))?;
        for invariant in invariants.policies() {
            if let Some(holds) = rewrite::when_of(invariant)? {
                possible.push(only_where(invariant.annotation("id").unwrap_or("possible"), &holds)?);
            }
        }
        let named = |name: &str| name.parse().map_err(|error| RewriteError::Condition(Box::new(error)));
        let disclose = "Action::\"disclose\"".parse().map_err(|error| RewriteError::Condition(Box::new(error)))?;
        let kind = cedar::RequestEnv::new(named("AgencyKind")?, disclose, named("FieldClass")?);
        Ok(Self { program, schema, kind, possible, running: None })
    }

    /// A counterexample, as a Cedar request. None: it is proved that there is none. An offence may be listed by any
    /// paragraphs that the law's table has, whichever sections the table has so far.
    pub(super) async fn ask(&mut self, law: &Law, question: &Question<'_>) -> Result<Option<cedar::Request>, AskError> {
        let mut when = condition(&question.given)?;
        if let Some(reaches) = &question.reaches {
            when = both(when, reached(reaches)?);
        }
        let mut unless = Vec::new();
        match &question.unless {
            // A policy that cannot be evaluated makes the whole condition fail, so this one is a policy of its own.
            Some(reaches) if reaches.level == Level::Judged => unless.push(permit("unless", &reached(reaches)?)?),
            Some(reaches) => when = both(when, not(reached(reaches)?)),
            None => {}
        }
        let mut found = vec![permit("found", &when)?];
        found.extend(self.possible.iter().cloned());
        found.push(only_where("possible.paragraphs", &condition(&paragraphs_within(&law.paragraphs))?)?);
        let (found, unless) = (self.compiled(found)?, self.compiled(unless)?);
        let solver = match self.running.take() {
            Some(running) => self.running.insert(running),
            None => self.running.insert(start(&self.program)?),
        };
        match solver.check_implies_with_counterexample_opt(&found, &unless).await {
            Ok(found) => Ok(found.map(|case| case.request)),
            Err(error) => {
                // Its next output may belong to this question.
                self.running = None;
                Err(AskError::Solver(error.to_string()))
            }
        }
    }

    fn compiled(&self, policies: Vec<cedar::Policy>) -> Result<CompiledPolicySet, AskError> {
        let set = cedar::PolicySet::from_policies(policies).map_err(Box::new)?;
        CompiledPolicySet::compile(&set, &self.kind, &self.schema).map_err(|error| AskError::Solver(error.to_string()))
    }
}

/// The condition that no offence is listed by a paragraph that the table lacks.
fn paragraphs_within(known: &BTreeSet<Paragraph>) -> String {
    let known: Vec<String> = known.iter().map(|paragraph| format!("\"{paragraph}\"")).collect();
    let within = |side: &str, set: &ListedSet| match known.as_slice() {
        [] => format!("context.{side}{}.isEmpty()", set.word()),
        known => format!("[{}].containsAll(context.{side}{})", known.join(", "), set.word()),
    };
    let asserted = format!("{ASSERTED}.");
    let each = ListedSet::ALL.iter().flat_map(|set| [within("", set), within(&asserted, set)]);
    each.collect::<Vec<_>>().join(" && ")
}

fn start(program: &PathBuf) -> Result<CedarSymCompiler<LocalSolver>, AskError> {
    let failed = |error: &dyn std::fmt::Display| AskError::Start {
        program: program.display().to_string(),
        error: error.to_string(),
    };
    let mut command = Command::new(program);
    command.args(["--lang", "smt", &format!("--tlimit-per={QUESTION_MS_MAX}")]).kill_on_drop(true);
    let solver = LocalSolver::from_command(&mut command).map_err(|error| failed(&error))?;
    CedarSymCompiler::new(solver).map_err(|error| failed(&error))
}
