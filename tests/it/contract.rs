//! The contract in proto/, held to buf's STANDARD rules, and to what was promised before.

use std::io::Write as _;
use std::process::Command;

#[test]
fn buf_lint_passes() {
    buf("lint", &["lint"]);
}

/// Against the image of the last contract that was given out. An addition passes; `tests/run baseline` takes it up.
#[test]
fn nothing_that_was_promised_is_taken_back() {
    buf("breaking", &["breaking", "--against", "baseline.binpb"]);
}

/// Needs buf, which `tests/run` installs and names in `COMITY_BUF`. Without it nothing is checked, and that is said.
fn buf(what: &str, arguments: &[&str]) {
    let Some(buf) = std::env::var_os("COMITY_BUF") else {
        // Written past the test runner, which keeps to itself what a passing test prints.
        writeln!(std::io::stderr(), "LEFT OUT: buf {what} (run tests/run)").unwrap();
        return;
    };
    let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let run = Command::new(buf).args(arguments).current_dir(proto).output().unwrap();
    let (told, failed) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "buf {what}:\n{told}{failed}");
}
