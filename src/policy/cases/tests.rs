//! What a table may contain, what a run finds, and that the embedded packs and docs/policy.md agree with their tables.

use super::*;
use crate::domain::zone::Zones;

const ZZ: &str = "law/us-zz.cedar";
const ZZ_CASES: &str = "law/us-zz.cases.toml";

/// A law whose condition is tested both ways.
const LAW: &str = r#"
    @id("us-zz.hold") @cite("Act 1") @clock("same-day") @obligation("serve-copy, tell-counsel")
    permit (principal, action == Action::"hold", resource) when { context.judicial_warrant };
    @id("us-zz.no-hold") @cite("Act 2")
    forbid (principal, action == Action::"hold", resource) unless { context.judicial_warrant };
    @id("us-zz.always") @cite("Act 3")
    permit (principal, action == Action::"disclose", resource)
    when { [FieldClass::"request", FieldClass::"answer", FieldClass::"count", FieldClass::"contact"].contains(resource) };
"#;
const CASES_OF_LAW: &str = r#"
zone = "America/New_York"

[ordinary]
on = "2026-03-01"

[[case]]
name = "a judge"
given = { warrant = "judicial" }
expect = { hold = "may", notify = "review", transfer = "review" }
cites = { hold = "Act 1" }
obligations = { hold = ["tell-counsel", "serve-copy"] }
clock = "same-day"
shown = []
review = ["identity", "identifiers", "citizenship", "charges", "custody", "release-date", "release-detail",
          "release-place", "address", "medical"]

[[case]]
name = "no judge"
given = {}
expect = { hold = "must not", notify = "review", transfer = "review" }
cites = { hold = ["Act 2"] }
"#;

/// A set of one pack and its table.
fn set_of(law: &str, cases: Option<&str>) -> PolicySet {
    let mut files = PolicySet::embedded_files();
    files.retain(|name, _| !name.starts_with("law/us-") && name != SWITCHES);
    files.insert(ZZ.to_owned(), law.to_owned());
    files.extend(cases.map(|cases| (ZZ_CASES.to_owned(), cases.to_owned())));
    PolicySet::from_files(&files).unwrap()
}

fn report_on(law: &str, cases: Option<&str>) -> Report {
    run(&set_of(law, cases))
}

fn failures(report: &Report) -> String {
    report.failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_case_of_the_embedded_set_holds_and_every_condition_is_tried_on_both_sides() {
    let report = run(&PolicySet::embedded().unwrap());
    let gaps: Vec<String> = report.gaps.iter().map(CoverageGap::to_string).collect();
    assert!(report.is_complete(), "{}{}", failures(&report), gaps.join("\n"));
    assert_eq!(report.packs.len(), 9);
    assert!(report.packs.iter().all(|pack| pack.cases >= 15 && pack.guarded == 12 * pack.cases));
}

#[test]
fn a_pack_and_its_table_count_days_alike() {
    let (set, zones) = (PolicySet::embedded().unwrap(), Zones::default());
    for jurisdiction in set.jurisdictions() {
        assert_eq!(zone_of(&set, jurisdiction), Some(zones.of(jurisdiction)), "{jurisdiction}");
    }
}

/// No policy of a pack can be left out without failing a case.
#[test]
fn no_policy_can_be_left_out_unnoticed() {
    let set = PolicySet::embedded().unwrap();
    let as_set = set.switches.settings();
    for (jurisdiction, pack) in &set.written {
        let statutes = set.statutes(jurisdiction).cloned().unwrap_or_default();
        let table = Table::read(&set.tables[&format!("law/{jurisdiction}{CASES}")], Kind::Pack, &statutes).unwrap();
        for left_out in pack {
            let others: Vec<_> = pack.iter().filter(|policy| policy.id() != left_out.id()).cloned().collect();
            let mut laws = BTreeMap::new();
            let fails = |case: &Case| {
                let settings = table.settings(case, &as_set);
                let law =
                    laws.entry(settings).or_insert_with_key(|settings| PackLaw::new(&set, &others, settings).unwrap());
                let (facts, now) = table.facts(case, None, &statutes).unwrap();
                !check(&case.expected, &law.ask(&facts, now)).is_empty()
            };
            assert!(table.cases.iter().any(fails), "no case needs {}", left_out.id());
        }
    }
}

/// A reload runs no table again whose outcome cannot differ from that of this build.
#[test]
fn a_pack_is_taken_as_tested_only_where_all_that_it_rests_on_is_built_in() {
    let files = PolicySet::embedded_files();
    let tested = |files: &BTreeMap<String, String>| {
        let set = PolicySet::from_files(files).unwrap();
        let packs = set.jurisdictions().filter(|jurisdiction| is_built_in(&set, jurisdiction));
        packs.map(|jurisdiction| jurisdiction.as_str().to_owned()).collect::<Vec<_>>()
    };
    let all = tested(&files);
    assert_eq!(all.len(), files.keys().filter(|name| name.ends_with(CASES)).count() - 1);
    assert!(first_failure(&PolicySet::from_files(&files).unwrap()).is_none());
    for (name, text) in files.iter().filter(|(name, _)| ![SCHEMA, SAFEGUARDS, "access.cedar"].contains(&name.as_str()))
    {
        let remark = if name.ends_with("toml") { "# Amended." } else { "// Amended." };
        let amended = BTreeMap::from([(name.clone(), format!("{text}\n{remark}\n"))]);
        let amended: BTreeMap<_, _> = files.clone().into_iter().chain(amended).collect();
        let pack = name.trim_start_matches("law/").split('.').next().unwrap();
        let due: Vec<_> = match name.as_str() {
            SHARED | SWITCHES => Vec::new(),
            _ => all.iter().filter(|tested| *tested != pack).cloned().collect(),
        };
        assert_eq!(tested(&amended), due, "{name}");
    }
    // A city stays within its state's law, so it is run again where the state has none.
    let mut without_state = PolicySet::embedded().unwrap();
    without_state.written.remove(&"us-ny".parse().unwrap());
    assert!(!is_built_in(&without_state, &"us-ny-nyc".parse().unwrap()));
    assert!(first_failure(&without_state).is_some());
}

#[test]
fn a_law_that_says_what_its_table_says_passes() {
    let report = report_on(LAW, Some(CASES_OF_LAW));
    assert!(report.holds(), "{}", failures(&report));
    let [pack] = report.packs.as_slice() else { panic!("one pack") };
    assert_eq!((pack.policies, pack.cases, pack.guarded), (3, 2, 24));
    assert_eq!(report.gaps, []);
}

#[test]
fn what_a_case_does_not_find_is_told_with_what_the_law_says() {
    fn check(from: &str, to: &str, expected: &str) {
        let told = failures(&report_on(LAW, Some(&CASES_OF_LAW.replace(from, to))));
        assert!(told.contains(expected), "{from} -> {to}: {told:?}");
    }
    check(
        "hold = \"may\"",
        "hold = \"must not\"",
        "law/us-zz.cases.toml, case \"a judge\": hold: expected must not\n    law says  may\n    policy    us-zz.hold\n    citing    Act 1",
    );
    check("hold = \"Act 1\"", "hold = \"Act 9\"", "hold: expected the citation \"Act 9\"");
    check("[\"tell-counsel\", \"serve-copy\"]", "[]", "expected the obligations []");
    check("clock = \"same-day\"", "clock = \"flat-48h\"", "hold: expected the clock flat-48h");
    check("shown = []", "shown = [\"identity\"]", "identity: expected to be shown");
    check("\"identity\", ", "", "identity: expected not to be left to a person");
    check(
        "shown = []",
        "withheld = [\"address\", \"medical\"]",
        "address, medical: expected that it must not be shown",
    );
    check("given = {}", "given = { warrant = \"judicial\" }", "case \"no judge\": hold: expected must not");
}

#[test]
fn an_unknown_key_or_word_is_named_with_its_file_and_case() {
    fn check(from: &str, to: &str, expected: &[&str]) {
        let told = failures(&report_on(LAW, Some(&CASES_OF_LAW.replace(from, to))));
        for part in expected.iter().chain(&[ZZ_CASES]) {
            assert!(told.contains(part), "{from} -> {to}: {told:?} says nothing of {part:?}");
        }
    }
    let given = |to: &str, expected: &[&str]| check("given = {}", &format!("given = {{ {to} }}"), expected);
    given("custodan = \"city-jail\"", &["\"no judge\"", "custodan"]);
    given("custodian = \"jail\"", &["\"no judge\"", "\"jail\"", "county-jail"]);
    given("warrant = \"I-2000\"", &["\"no judge\"", "\"i-2000\"", "i-200"]);
    given("warrant = 200", &["\"no judge\"", "200"]);
    given("signed_by = \"a judge\"", &["\"no judge\"", "signed_by", "a judge"]);
    given("basis = [\"hearsay\"]", &["\"no judge\"", "hearsay"]);
    given("form = \"I-247\"", &["\"no judge\"", "form"]);
    given("stage = \"later\"", &["\"no judge\"", "later"]);
    given("asked_by = \"ice\"", &["\"no judge\"", "ice"]);
    given("juvenile = \"yes\"", &["\"no judge\"", "yes"]);
    given("on = \"27 May 2026\"", &["\"no judge\"", "27 May 2026"]);
    given("charges = [{ offence = \"theft\", status = \"charged\" }]", &["\"no judge\"", "theft"]);
    given("charges = [{ offence = \"drugs\", status = \"guilty\" }]", &["\"no judge\"", "guilty"]);
    given("charges = [{ offence = \"drugs\", status = \"charged\", severity = \"grave\" }]", &["grave"]);
    given("charges = [{ offence = \"drugs\", status = \"convicted\", convicted_on = \"2021\" }]", &["2021"]);
    given("charges = [{ offence = \"drugs\", status = \"charged\", code = \"3599\" }]", &["\"no judge\"", "code"]);
    check("hold = \"may\"", "hold = \"maybe\"", &["\"a judge\"", "maybe"]);
    check("hold = \"may\", ", "", &["\"a judge\"", "does not say hold"]);
    check("{ hold = \"may\"", "{ keep = \"may\", hold = \"may\"", &["\"a judge\"", "keep"]);
    check("cites = { hold = \"Act 1\" }", "cites = { hald = \"Act 1\" }", &["\"a judge\"", "hald"]);
    check("cites = { hold = \"Act 1\" }", "cites = { hold = \"\" }", &["\"a judge\"", "empty"]);
    check("\"serve-copy\"", "\"serve\"", &["\"a judge\"", "\"serve\""]);
    check("\"same-day\"", "\"one-day\"", &["\"a judge\"", "one-day"]);
    check("\"identifiers\"", "\"numbers\"", &["\"a judge\"", "numbers"]);
    check("shown = []", "showm = []", &["\"a judge\"", "showm"]);
    check("name = \"no judge\"", "name = \"a judge\"", &["another case"]);
    check("name = \"no judge\"", "title = \"no judge\"", &["number 2", "no name"]);
    check("on = \"2026-03-01\"", "on = \"2026-13-01\"", &["\"a judge\"", "2026-13-01"]);
    check("[ordinary]", "[usual]", &["usual"]);
    check("zone = \"America/New_York\"", "", &["zone is missing"]);
    check("America/New_York", "New York", &["New York"]);
    check("given = {}", "switches = { \"us-zz.x\" = \"on\" }", &["us-zz.x", "no switch"]);
    check("given = {}", "switches = { \"us-zz.x\" = \"yes\" }", &["\"no judge\"", "yes"]);
}

#[test]
fn a_pack_without_a_table_and_a_table_without_a_pack_fail() {
    assert!(failures(&report_on(LAW, None)).contains("law/us-zz.cases.toml: is missing"));
    let mut set = set_of(LAW, Some(CASES_OF_LAW));
    set.tables.insert("law/us-aa.cases.toml".to_owned(), String::new());
    assert!(failures(&run(&set)).contains("law/us-aa.cases.toml: belongs to no pack"));
    set.tables.remove(SHARED);
    assert!(failures(&run(&set)).contains("law/_safeguards.cases.toml: is missing"));
}

#[test]
fn a_condition_that_is_tried_on_one_side_only_is_found() {
    let [first, second] = [0, 1].map(|keep| {
        let mut parts = CASES_OF_LAW.split("[[case]]");
        let head = parts.next().unwrap();
        format!("{head}[[case]]{}", parts.nth(keep).unwrap())
    });
    let gaps = |cases: &str| -> Vec<(String, GapKind)> {
        report_on(LAW, Some(cases)).gaps.into_iter().map(|gap| (gap.policy, gap.kind)).collect()
    };
    let gap = |policy: &str, side: GapKind| (policy.to_owned(), side);
    assert_eq!(gaps(&first), [gap("us-zz.hold", GapKind::AlwaysMet), gap("us-zz.no-hold", GapKind::NeverMet)]);
    // The second case expects nothing of fields, so the rule on them is not tested at all.
    let expected =
        [("us-zz.hold", GapKind::NeverMet), ("us-zz.no-hold", GapKind::AlwaysMet), ("us-zz.always", GapKind::NeverMet)];
    let mut found = gaps(&second);
    found.sort_by_key(|(policy, _)| expected.iter().position(|(known, _)| known == policy));
    assert_eq!(found, expected.map(|(policy, side)| gap(policy, side)));
}

#[test]
fn a_law_that_would_be_an_oracle_fails_whatever_its_table_says() {
    let telling = LAW.replace("FieldClass::\"count\", ", "");
    assert!(
        failures(&report_on(&telling, Some(CASES_OF_LAW))).contains("count: not shown, where it is in every other")
    );
}

#[test]
fn a_law_that_cannot_be_evaluated_fails() {
    let broken = LAW.replace(
        "unless { context.judicial_warrant }",
        "unless { context.judicial_warrant && context.now.offset(duration(\"9223372036854775807ms\")) < context.now }",
    );
    assert!(failures(&report_on(&broken, Some(CASES_OF_LAW))).contains("hold: cannot be judged"));
}

/// docs/policy.md, which tells counsel what a table may contain.
mod document {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::agency::{AgencyClass, AgencyKind};
    use crate::domain::charge::{ChargeStatus, OffenceCategory, Severity};
    use crate::domain::detainer::{DetainerBasis, DetainerForm, IssuingAuthority, WarrantKind};
    use crate::domain::determination::{HoldClock, Obligation};
    use crate::domain::facts::Stage;
    use crate::domain::vocabulary::Vocabulary;

    const DOCUMENT: &str = include_str!("../../../docs/policy.md");

    /// The rows of the table under a heading: the words in backticks of each cell.
    fn rows(heading: &str) -> Vec<Vec<Vec<String>>> {
        let table = DOCUMENT.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading}"));
        let rows = table.lines().skip(1).take_while(|line| line.starts_with('|')).skip(1);
        let cells = |row: &str| row.trim_matches('|').split('|').map(ticked).collect();
        rows.map(cells).collect()
    }

    fn ticked(text: &str) -> Vec<String> {
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// The words that the reader says it accepts instead of an unknown one.
    fn taken(from: &str, to: &str) -> BTreeSet<String> {
        let told = failures(&report_on(LAW, Some(&CASES_OF_LAW.replace(from, to))));
        let expected = told.split("expected").nth(1).unwrap_or_else(|| panic!("{told}"));
        // The rest of the message says where in the table it is, in backticks too.
        ticked(expected.split(" in `").next().unwrap()).into_iter().collect()
    }

    fn keys(rows: &[Vec<Vec<String>>]) -> BTreeSet<String> {
        rows.iter().map(|row| row[0][0].clone()).collect()
    }

    #[test]
    fn every_key_that_a_table_takes_is_in_the_document_and_no_other() {
        assert_eq!(keys(&rows("| word | what it says | otherwise |")), taken("given = {}", "given = { x = 1 }"));
        let charge = "given = { charges = [{ x = 1 }] }";
        assert_eq!(keys(&rows("| word of a charge | what it says | otherwise |")), taken("given = {}", charge));
        let mut of_case = taken("given = {}", "x = 1");
        of_case.insert("name".to_owned());
        assert_eq!(keys(&rows("| key of a case | what it says |")), of_case);
    }

    #[test]
    fn every_word_of_a_vocabulary_is_in_the_document_and_no_other() {
        fn check<T: Vocabulary>(heading: &str, key: &str) {
            let rows = rows(heading);
            let row = rows.iter().find(|row| row[0] == [key]).unwrap_or_else(|| panic!("no row for {key}"));
            let documented: BTreeSet<String> = row[1].iter().map(|word| word.to_lowercase()).collect();
            let mut known: BTreeSet<String> = T::VARIANTS.iter().map(|word| word.plain_word().to_owned()).collect();
            known.extend((key == "custodian").then(|| "unknown".to_owned()));
            assert_eq!(documented, known, "{key}");
        }
        let (facts, charges) =
            ("| word | what it says | otherwise |", "| word of a charge | what it says | otherwise |");
        check::<AgencyKind>(facts, "asked_by");
        check::<AgencyClass>(facts, "custodian");
        check::<Stage>(facts, "stage");
        check::<DetainerForm>(facts, "form");
        check::<DetainerBasis>(facts, "basis");
        check::<WarrantKind>(facts, "warrant");
        check::<IssuingAuthority>(facts, "signed_by");
        check::<OffenceCategory>(charges, "offence");
        check::<ChargeStatus>(charges, "status");
        check::<Severity>(charges, "severity");
        check::<Obligation>("| annotation | what it says |", "@obligation(\"..\")");
        check::<HoldClock>("| annotation | what it says |", "@clock(\"..\")");
    }

    #[test]
    fn every_pack_is_in_the_document() {
        let documented = keys(&rows("| pack | what it is about |"));
        let packs = PolicySet::embedded().unwrap().jurisdictions().map(ToString::to_string).collect();
        assert_eq!(documented, packs);
    }

    #[test]
    fn the_example_of_the_document_is_a_table_that_can_be_read() {
        let example = DOCUMENT.split("```toml\n").find(|block| block.starts_with("zone")).unwrap();
        let table = Table::read(example.split("```").next().unwrap(), Kind::Pack, &Statutes::default()).unwrap();
        assert_eq!(table.cases.len(), 1);
    }
}
