//! The contract in proto/, held to buf's STANDARD rules, and to what was promised before.

use std::io::Write as _;
use std::process::Command;

use crate::harness::descriptor::POOL;

#[test]
fn buf_lint_passes() {
    buf("lint", &["lint"]);
}

/// Against the image of the last contract that was given out. An addition passes; `tests/run baseline` takes it up.
#[test]
fn nothing_that_was_promised_is_taken_back() {
    buf("breaking", &["breaking", "--against", "baseline.binpb"]);
}

/// So that stubs of two systems have the same names: docs/decisions/0021.
#[test]
fn every_file_names_its_package_in_each_language() {
    let own = POOL.files().filter(|file| file.package_name() == "comity.v1");
    let mut seen = 0;
    for file in own {
        let proto = file.file_descriptor_proto();
        let (name, options) = (file.name(), proto.options.clone().unwrap_or_default());
        let stem = name.trim_start_matches("comity/v1/").trim_end_matches(".proto");
        let outer: String = stem.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        assert_eq!(options.csharp_namespace(), "Comity.V1", "{name}");
        assert_eq!(options.go_package(), "comity.example/comity/v1;comityv1", "{name}");
        assert_eq!(options.java_package(), "example.comity.v1", "{name}");
        assert_eq!(options.java_outer_classname(), format!("{outer}Proto"), "{name}");
        assert!(options.java_multiple_files(), "{name}");
        assert_eq!(options.php_namespace(), "Comity\\V1", "{name}");
        assert_eq!(options.ruby_package(), "Comity::V1", "{name}");
        seen += 1;
    }
    assert_eq!(seen, 27);
}

/// What an error holds is vendored whole, so that stubs need no network; and nothing imports what is not there.
#[test]
fn the_contract_needs_no_file_from_elsewhere() {
    let names: Vec<String> = POOL.files().map(|file| file.name().to_owned()).collect();
    for file in ["google/rpc/code.proto", "google/rpc/error_details.proto", "google/rpc/status.proto"] {
        assert!(names.iter().any(|name| name == file), "{file}: {names:?}");
    }
    let proto = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/proto"));
    for name in names.iter().filter(|name| !name.starts_with("google/protobuf/")) {
        assert!(proto.join(name).is_file(), "{name}");
    }
    assert!(proto.join("google/rpc/LICENSE").is_file());
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
