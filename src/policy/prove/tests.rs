//! The packs have the properties, and a law without one is found.

mod mutants;
mod reading;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use cedar_policy as cedar;

use crate::policy::cases;
use crate::policy::load::{PolicySet, SWITCHES};
use crate::policy::prove::solver::Solver;
use crate::policy::prove::{Finding, Outcome, Property, Request, prove};

/// Read once: it takes as long as a hundred cases.
pub(super) fn embedded() -> &'static PolicySet {
    static SET: LazyLock<PolicySet> = LazyLock::new(|| PolicySet::embedded().unwrap());
    &SET
}

/// The solver's executable, if this machine has one. CI must have it.
pub(super) fn program_if_any() -> Option<PathBuf> {
    let program: PathBuf = std::env::var_os("CVC5").unwrap_or_else(|| "cvc5".into()).into();
    if let Err(error) = std::process::Command::new(&program).arg("--version").output() {
        assert!(std::env::var_os("CI").is_none(), "{}: {error}", program.display());
        println!("LEFT OUT: proofs of law ({}: {error})", program.display());
        return None;
    }
    Some(program)
}

pub(super) fn solver_of(set: &PolicySet, program: PathBuf) -> Solver {
    Solver::new(program, &set.texts["comity.cedarschema"]).unwrap()
}

pub(super) fn schema_of(set: &PolicySet) -> cedar::Schema {
    cedar::Schema::from_cedarschema_str(&set.texts["comity.cedarschema"]).unwrap().0
}

/// A set of this law alone, with its table.
fn set_of(law: &str, head: &str) -> PolicySet {
    let mut files = PolicySet::embedded_files();
    files.retain(|name, _| !name.starts_with("law/us-") && name != SWITCHES);
    files.insert("law/us-zz.cedar".to_owned(), law.to_owned());
    let table =
        format!("zone = \"America/New_York\"\n{head}\n[ordinary]\non = \"2026-03-01\"\ncustodian = \"county-jail\"\n");
    files.insert("law/us-zz.cases.toml".to_owned(), table);
    PolicySet::from_files(&files).unwrap()
}

/// What every pack shows.
const OPEN: &str = r#"
    @id("us-zz.always") @cite("c") permit (principal, action == Action::"disclose", resource)
    when { [FieldClass::"request", FieldClass::"answer", FieldClass::"count", FieldClass::"contact"].contains(resource) };
"#;

async fn findings(set: &PolicySet, against: Option<&PolicySet>, every_setting: bool) -> Option<Vec<Finding>> {
    let solver = program_if_any()?;
    let request = Request { set, against, solver: &solver, every_setting, solvers: 2 };
    Some(prove(&request).await.unwrap())
}

#[tokio::test]
async fn the_packs_hold_to_every_property() {
    let set = embedded();
    let Some(findings) = findings(set, Some(set), false).await else { return };
    let bad: Vec<&Finding> = findings.iter().filter(|finding| !finding.is_good()).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(
        findings.len(),
        9 * 8 + 1,
        "six properties and two against the law in force, and one pack within another"
    );
    assert!(findings.iter().all(|finding| finding.outcome == Outcome::Holds), "a set does not differ from itself");
}

/// What is found wrong with a law, by property. Checks that every printed case can be read, and fails.
async fn wrong(law: &str, against: Option<&PolicySet>) -> Option<BTreeMap<String, Vec<String>>> {
    let set = set_of(&format!("{OPEN}{law}"), "");
    let mut wrong = BTreeMap::new();
    for finding in findings(&set, against, false).await? {
        let Outcome::Fails(examples) = finding.outcome else {
            assert_eq!(finding.outcome, Outcome::Holds, "{}", finding.property);
            continue;
        };
        for example in &examples {
            let head = "zone = \"America/New_York\"\n[ordinary]\non = \"2026-03-01\"\ncustodian = \"county-jail\"\n";
            let mut files = set.texts.clone();
            files.insert("law/us-zz.cases.toml".to_owned(), format!("{head}{}", example.case));
            let failures = cases::run(&PolicySet::from_files(&files).unwrap()).failures;
            let fails = failures.iter().any(|failure| failure.said.is_some());
            // A difference is reported as it is. Where a law would accept a claim, the gateway does not.
            let is_wrong = ![Property::Differs, Property::ClaimsOpenNothing].contains(&finding.property);
            assert_eq!(fails, is_wrong, "{}", example.case);
            assert!(failures.iter().all(|failure| failure.said.is_some()), "it can be read: {failures:?}");
        }
        let given = examples.into_iter().map(|example| format!("{} | {}", example.given, example.said.join("; ")));
        wrong.insert(finding.property.to_string(), given.collect());
    }
    Some(wrong)
}

#[tokio::test]
async fn what_does_not_hold_is_found_in_a_case_of_few_words() {
    async fn check(law: &str, property: &Property, example: &str) {
        let Some(wrong) = wrong(law, None).await else { return };
        let found = wrong.get(&property.to_string()).unwrap_or_else(|| panic!("{property}: {wrong:#?}"));
        assert!(found.iter().any(|found| found == example), "{property}: {found:#?}");
    }
    check(
        r#"@id("us-zz.count") @cite("c") forbid (principal, action == Action::"disclose", resource == FieldClass::"count")
           when { context.date_public };"#,
        &Property::AlwaysShown,
        "{ date_public = true } | us-zz: disclose count is must not (us-zz.count)",
    )
    .await;
    check(
        r#"@id("us-zz.claim") @cite("c") permit (principal, action == Action::"transfer", resource)
           when { context.asserted.convictions_15y.containsAny([Offence::"drugs", Offence::"other"]) };"#,
        &Property::ClaimsOpenNothing,
        "{ asserted = { charges = [{ convicted_on = \"2016-03-01\", offence = \"drugs\", status = \"convicted\" }] } } | \
         us-zz, with what is claimed taken for fact: transfer is may (us-zz.claim); \
         us-zz, with nothing claimed: transfer is review (no policy speaks to this)",
    )
    .await;
    check(
        r#"@id("us-zz.place") @cite("c")
           permit (principal == AgencyKind::"city", action == Action::"disclose", resource == FieldClass::"release-place");"#,
        &Property::ReleaseNeedsNotice,
        "{ asked_by = \"city\" } | us-zz: disclose release-place is may (us-zz.place); \
         us-zz: notify is review (no policy speaks to this)",
    )
    .await;
    check(
        r#"@id("us-zz.age") @cite("c") forbid (principal, action == Action::"notify", resource)
           when { context.now.offset(duration("9223372036854775807ms")) > context.now && context.date_public };"#,
        &Property::NoError,
        "{} | us-zz: notify is must not (a policy could not be evaluated)",
    )
    .await;
}

#[tokio::test]
async fn without_the_safeguards_they_do_not_stand() {
    let mut set = set_of(
        r#"@id("us-zz.all") @cite("c") permit (principal, action in [Action::"hold", Action::"interview"], resource);
           @id("us-zz.shown") @cite("c") permit (principal, action == Action::"disclose", resource);"#,
        "",
    );
    set.safeguards = cedar::PolicySet::new();
    let Some(findings) = findings(&set, None, false).await else { return };
    let failed = |property| {
        let finding = findings.iter().find(|finding| finding.property == property).unwrap();
        let Outcome::Fails(examples) = &finding.outcome else { panic!("{finding:?}") };
        examples.iter().map(|example| example.said.join("; ")).collect::<Vec<_>>()
    };
    let safeguards = failed(Property::Safeguards);
    for said in
        ["hold is may (us-zz.all)", "interview is may (us-zz.all)", "notify is review (no policy speaks to this)"]
    {
        assert!(safeguards.contains(&format!("us-zz: {said}")), "{safeguards:#?}");
    }
    assert!(safeguards.iter().any(|said| said.contains("disclose")), "{safeguards:#?}");
    assert_eq!(failed(Property::NeverShown).len(), 1);
}

#[tokio::test]
async fn a_candidate_is_held_against_the_law_in_force() {
    const NOTICE: &str = r#"@id("us-zz.notice") @cite("c") permit (principal, action == Action::"notify", resource)
        when { context.felony_convictions_5y.contains(Offence::"robbery") };"#;
    let force = set_of(&format!("{OPEN}{NOTICE}"), "");
    let wider = NOTICE.replace("_5y", "_15y");
    let narrower = NOTICE
        .replace(".contains", ".containsAll")
        .replace("Offence::\"robbery\"", "[Offence::\"robbery\", Offence::\"drugs\"]");
    let Some(wider) = wrong(&wider, Some(&force)).await else { return };
    let found = &wider[&Property::PermitsNoMore.to_string()];
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("severity = \"felony\""), "{found:#?}");
    assert_eq!(wider.get(&Property::Differs.to_string()), None);
    let narrower = wrong(&narrower, Some(&force)).await.unwrap();
    assert_eq!(narrower.get(&Property::PermitsNoMore.to_string()), None);
    assert_eq!(narrower[&Property::Differs.to_string()].len(), 1);
}

#[tokio::test]
async fn a_pack_stays_within_the_law_that_its_table_names() {
    let outer = format!(
        "{OPEN}\n{}",
        r#"@id("us-yy.no") @cite("c") forbid (principal, action == Action::"notify", resource)
        unless { context.date_public };"#
    )
    .replace("us-zz", "us-yy");
    let inner = format!(
        "{OPEN}\n{}",
        r#"@id("us-zz.may") @cite("c") permit (principal, action == Action::"notify", resource)
        when { context.date_public };"#
    );
    let mut files = set_of(&inner, "within = \"us-yy\"").texts.clone();
    files.insert("law/us-yy.cedar".to_owned(), outer);
    files.insert("law/us-yy.cases.toml".to_owned(), "zone = \"America/New_York\"".to_owned());
    let Some(findings) = findings(&PolicySet::from_files(&files).unwrap(), None, false).await else { return };
    let within =
        findings.iter().find(|finding| finding.property == Property::Within("us-yy".parse().unwrap())).unwrap();
    let Outcome::Fails(examples) = &within.outcome else { panic!("{within:?}") };
    let said: Vec<&str> = examples.iter().flat_map(|example| &example.said).map(String::as_str).collect();
    assert_eq!(
        said,
        [
            "us-zz: notify is review (no policy speaks to this)",
            "us-yy: notify is must not (us-yy.no)",
            "us-zz: notify is may (us-zz.may)",
            "us-yy: notify is review (no policy speaks to this)",
        ]
    );
}

#[tokio::test]
async fn a_set_is_proved_with_its_switches_every_way() {
    const SWITCHED: &str = r#"
        @id("us-zz.notice") @cite("c") @switch("us-zz.notice") permit (principal, action == Action::"notify", resource);
        @id("us-zz.public") @cite("c") @review("r") @switch("us-zz.public")
        forbid (principal, action == Action::"notify", resource) when { context.date_public };
    "#;
    let mut texts = set_of(OPEN, "").texts;
    texts.insert("law/us-zz.cedar".to_owned(), format!("{OPEN}{SWITCHED}"));
    let switch = |name: &str| format!("[\"us-zz.{name}\"]\nis = \"on\"\nbecause = \"counsel says so\"\n");
    texts.insert(SWITCHES.to_owned(), switch("notice") + &switch("public"));
    let Some(findings) = findings(&PolicySet::from_files(&texts).unwrap(), None, true).await else { return };
    let mut settings: Vec<Option<&str>> = findings.iter().map(|finding| finding.setting.as_deref()).collect();
    settings.dedup();
    assert_eq!(
        settings,
        [None, Some("us-zz.notice off"), Some("us-zz.public off"), Some("us-zz.notice off, us-zz.public off"),]
    );
}

#[tokio::test]
async fn a_solver_that_is_not_there_proves_nothing() {
    let set = set_of(OPEN, "");
    let request =
        Request { set: &set, against: None, solver: "/nowhere/cvc5".as_ref(), every_setting: false, solvers: 1 };
    for finding in prove(&request).await.unwrap() {
        let Outcome::Unknown(problem) = &finding.outcome else { panic!("{finding:?}") };
        assert!(problem.starts_with("cannot start /nowhere/cvc5: "), "{problem}");
        assert!(!finding.is_good());
    }
}
