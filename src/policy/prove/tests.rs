//! That the solver's reading of a ruling is the engine's, that what is called impossible is, and that what fails is found.

use std::path::PathBuf;

use cedar_policy as cedar;

use crate::policy::load::PolicySet;
use crate::policy::prove::solver::Solver;

/// The solver, unless this machine has none. In CI that is a failure.
pub(super) fn solver_if_any(set: &PolicySet) -> Option<Solver> {
    let program: PathBuf = std::env::var_os("CVC5").unwrap_or_else(|| "cvc5".into()).into();
    if let Err(error) = std::process::Command::new(&program).arg("--version").output() {
        assert!(std::env::var_os("CI").is_none(), "{}: {error}", program.display());
        println!("LEFT OUT: proofs ({}: {error})", program.display());
        return None;
    }
    Some(Solver::new(program, &set.texts["comity.cedarschema"]).unwrap())
}

pub(super) fn schema_of(set: &PolicySet) -> cedar::Schema {
    cedar::Schema::from_cedarschema_str(&set.texts["comity.cedarschema"]).unwrap().0
}
