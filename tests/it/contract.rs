//! The contract in proto/, held to buf's STANDARD rules.

use std::io::Write as _;
use std::process::Command;

/// Needs buf, which `tests/run` installs and names in `COMITY_BUF`. Without it nothing is checked, and that is said.
#[test]
fn buf_lint_passes() {
    let Some(buf) = std::env::var_os("COMITY_BUF") else {
        // Written past the test runner, which keeps to itself what a passing test prints.
        writeln!(std::io::stderr(), "LEFT OUT: buf lint (run tests/run)").unwrap();
        return;
    };
    let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let linted = Command::new(buf).arg("lint").current_dir(proto).output().unwrap();
    let (told, failed) = (String::from_utf8_lossy(&linted.stdout), String::from_utf8_lossy(&linted.stderr));
    assert!(linted.status.success(), "buf lint:\n{told}{failed}");
}
