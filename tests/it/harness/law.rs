//! The law that tests run under where the law is not what they are about: that of `policies/`, with the points on New York's
//! state prisons as counsel may have read them. So a prison's system may notify, hand over and show, and a jail's may not.

use std::fs;
use std::path::Path;

use comity::policy::load::PolicySet;
use comity::sandbox::{self, CounselReading};

use crate::harness::copy;

/// Where it is, beside the configuration.
pub(crate) const AS_READ: &str = "law-as-read";

/// The same, as a set, for tests without a gateway of their own.
pub(crate) fn set() -> PolicySet {
    let directory = tempfile::tempdir().unwrap();
    let within = directory.path().join(AS_READ);
    lay(&within);
    with_the_acts(&within);
    PolicySet::load(&within).unwrap()
}

/// Lays the law into a directory. A gateway of its own process goes by the clock on the wall, which is past the acts of 2026: they
/// are as read, too.
pub(super) fn lay(directory: &Path) {
    fs::create_dir(directory).unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), directory);
    for CounselReading { switch, shipped, read } in sandbox::COUNSEL_READINGS {
        turn(directory, switch, shipped, read);
    }
    // The cases hold by a test of their own, and a gateway would run them at each start.
    for entry in fs::read_dir(directory.join("law")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("us-") && name.ends_with(".cases.toml") {
            fs::write(&path, "zone = \"UTC\"\n").unwrap();
        }
    }
}

/// Turns the acts of 2026 back to where they are shipped, for a world, which has a clock of its own.
pub(super) fn with_the_acts(directory: &Path) {
    let CounselReading { switch, shipped, read } = sandbox::ACTS_OF_2026;
    turn(directory, switch, read, shipped);
}

fn turn(directory: &Path, name: &str, from: &str, to: &str) {
    let switches = directory.join("law/switches.toml");
    let mut table: toml::Table = fs::read_to_string(&switches).unwrap().parse().unwrap();
    let switch = table[name].as_table_mut().unwrap();
    assert_eq!(switch.insert("is".to_owned(), to.into()), Some(from.into()), "{name} stood otherwise");
    fs::write(&switches, table.to_string()).unwrap();
}
