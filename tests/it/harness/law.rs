//! The law that tests run under where the law is not what they are about: that of `policies/`, with the points on New York's
//! state prisons as counsel may have read them. So a prison's system may notify, hand over and show, and a jail's may not.

use std::fs;
use std::path::Path;

use crate::harness::copy;

/// Where it is, beside the configuration.
pub(crate) const AS_READ: &str = "law-as-read";

/// Which switches stand otherwise than they are shipped. A gateway of its own process goes by the clock on the wall, which is
/// past the acts of 2026: they are as read, too. A world has a clock of its own, and its acts are as shipped.
const TURNED: [(&str, &str); 3] =
    [("us-ny.correction-law-147", "on"), ("us-ny.counsel-reads-order-170", "off"), (ACTS, "off")];
const ACTS: &str = "us-ny.counsel-reads-acts-of-2026";

/// Lays the law into a directory.
pub(super) fn lay(directory: &Path) {
    fs::create_dir(directory).unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), directory);
    for (name, is) in TURNED {
        turn(directory, name, is);
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

/// Turns the acts of 2026 back to where they are shipped.
pub(super) fn with_the_acts(directory: &Path) {
    turn(directory, ACTS, "on");
}

fn turn(directory: &Path, name: &str, is: &str) {
    let switches = directory.join("law/switches.toml");
    let mut table: toml::Table = fs::read_to_string(&switches).unwrap().parse().unwrap();
    let switch = table[name].as_table_mut().unwrap();
    assert_ne!(switch.insert("is".to_owned(), is.into()), Some(is.into()), "{name} stood otherwise");
    fs::write(&switches, table.to_string()).unwrap();
}
