//! `comity policy`, as counsel runs it: what it prints, and how it exits.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::harness::copy;

fn policy(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_comity")).arg("policy").args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The repository's policies.
fn copied() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), directory.path());
    directory
}

/// The same with a text of a file changed, wherever it stands.
fn changed(file: &str, from: &str, to: &str) -> tempfile::TempDir {
    let directory = copied();
    let path = directory.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    fs::write(&path, text.replace(from, to)).unwrap();
    directory
}

#[test]
fn check_says_which_law_is_in_force_from_when() {
    let built_in = policy(&["check"]);
    let said_of_built_in = said(&built_in);
    assert!(built_in.status.success(), "{said_of_built_in}");
    for expected in ["us-ny-nyc", "changes 2026-05-27 00:00 EDT", "us-ny.demarco-statewide"] {
        assert!(said_of_built_in.contains(expected), "{said_of_built_in}");
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    assert_eq!(said(&policy(&["check", directory.to_str().unwrap()])), said_of_built_in);
}

#[test]
fn check_refuses_what_a_gateway_would() {
    fn check(file: &str, from: &str, to: &str, expected: &str) {
        let directory = changed(file, from, to);
        let refused = policy(&["check", directory.path().to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains(expected), "{}", said(&refused));
    }
    check("law/us-wa.cedar", "context.judicial_warrant", "context.judical_warrant", "law/us-wa.cedar");
    check("law/us-wa.cedar", "@cite(", "@sight(", "has an annotation that means nothing here");
    check("law/us-co.cedar", "interview-advisal", "interview", "@obligation");
    check("law/switches.toml", "is = \"on\"", "is = \"perhaps\"", "law/switches.toml");
    check("law/switches.toml", "us-fl.counsel-reads-transfer", "us-fl.transfer", "us-fl.");
    check("law/us-ca.cedar", "\"7282.5(a)(1)\"", "\"7282.5(a)(9)\"", "names the paragraph \"7282.5(a)(9)\"");
    check("law/us-ca.offences.toml", "grade = \"felony\"", "grade = \"felon\"", "law/us-ca.offences.toml: offences");
    check("law/_safeguards.cedar", "context.juvenile", "false", "law/_safeguards.cedar differs");
}

#[test]
fn test_says_which_case_fails_what_was_expected_and_what_the_law_says() {
    let directory =
        changed("law/us-ca.cedar", "context.listed_felony_convictions_15y", "context.listed_felony_convictions");
    let failed = policy(&["test", directory.path().to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    let expected = "FAILED  law/us-ca.cases.toml, case \"grand theft as a felony, fifteen years and a day ago\": notify: \
                    expected must not\n    law says  may\n    policy    us-ca.notify-and-transfer-on-conviction\n    \
                    citing    Gov. Code 7282.5(a)";
    assert!(said(&failed).contains(expected), "{}", said(&failed));
    assert!(said(&failed).contains("us-tx"), "the packs that hold are told too");
}

#[test]
fn test_fails_on_a_condition_that_is_tried_on_one_side_only() {
    let directory = copied();
    let path = |name: &str| directory.path().join("law").join(name);
    fs::write(path("us-zz.cases.toml"), "zone = \"America/New_York\"\n").unwrap();
    let law = "@id(\"us-zz.hold\") @cite(\"c\")
        permit (principal, action == Action::\"hold\", resource) when { context.juvenile };";
    fs::write(path("us-zz.cedar"), law).unwrap();
    let failed = policy(&["test", directory.path().to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    let untried = "UNTRIED law/us-zz.cases.toml: us-zz.hold is tried on one side only: its condition holds in no case";
    assert!(said(&failed).contains(untried), "{}", said(&failed));
}
