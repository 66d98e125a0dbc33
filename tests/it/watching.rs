//! What operators watch a gateway with: its metrics, the alarms and the dashboard over them, and its health by dependency.

mod alarms;
mod backlogs;
mod dashboard;
mod health;
mod listed;
mod queries;
pub(crate) mod scrape;
mod server;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file of the source.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What Prometheus itself says of a file of rules. `None` where its tool is not installed, and that is said.
fn promtool(arguments: &[&str], directory: &Path) -> Option<Output> {
    let tool = std::env::var_os("COMITY_PROMTOOL").unwrap_or_else(|| "promtool".into());
    let said = Command::new(tool).args(arguments).current_dir(directory).output().ok();
    if said.is_none() {
        // Written past the test runner, which keeps to itself what a passing test prints.
        writeln!(std::io::stderr(), "LEFT OUT: promtool {arguments:?} (run tests/run)").unwrap();
    }
    said
}
