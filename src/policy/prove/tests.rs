//! That the solver's reading of a ruling is the engine's, that what is called impossible is, and that what fails is found.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use cedar_policy as cedar;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use toml::{Table, Value};

use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::domain::charge::{ChargeStatus, OffenceCategory, Severity};
use crate::domain::detainer::{DetainerBasis, DetainerForm, IssuingAuthority, WarrantKind};
use crate::domain::determination::{FieldClass, LawAction};
use crate::domain::facts::{CaseFacts, Stage};
use crate::domain::vocabulary::Vocabulary;
use crate::policy::cases;
use crate::policy::load::{PolicySet, SWITCHES};
use crate::policy::prove::law::{Asked, Law};
use crate::policy::prove::question::{Claims, Level, Reaches};
use crate::policy::prove::rewrite::{permit, reached};
use crate::policy::prove::solver::{POSSIBLE, Solver};
use crate::policy::prove::written::{given_of, moment_of};
use crate::policy::prove::{Finding, Outcome, Property, Request, prove};
use crate::policy::samples::any_facts;
use crate::policy::switches::Settings;
use crate::policy::vocabulary::milliseconds;

/// Read once: it takes as long as a hundred cases.
fn embedded() -> &'static PolicySet {
    static SET: LazyLock<PolicySet> = LazyLock::new(|| PolicySet::embedded().unwrap());
    &SET
}

/// The solver's executable, unless this machine has none. In CI that is a failure.
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

/// One pack of this law, and its table.
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

/// What is found wrong with a law, by property; and each case that is printed can be read, and fails.
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
            // A difference is told as it is; and where a law would hear a claim, the gateway does not.
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
    let set = embedded();
    let mut texts = set.texts.clone();
    texts.retain(|name, _| !name.starts_with("law/us-") || name.starts_with("law/us-il."));
    let switches = |name: &str| format!("[\"us-il.{name}\"]\nis = \"on\"\nbecause = \"as built in\"\n");
    texts.insert(SWITCHES.to_owned(), switches("no-notice-unless-public") + &switches("counsel-reads-public-date"));
    let Some(findings) = findings(&PolicySet::from_files(&texts).unwrap(), None, true).await else { return };
    let mut settings: Vec<Option<&str>> = findings.iter().map(|finding| finding.setting.as_deref()).collect();
    settings.dedup();
    assert_eq!(
        settings,
        [
            None,
            Some("us-il.counsel-reads-public-date off"),
            Some("us-il.no-notice-unless-public off"),
            Some("us-il.counsel-reads-public-date off, us-il.no-notice-unless-public off"),
        ]
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

/// The context of a case with the record that proofs alone know.
fn context_of(set: &PolicySet, facts: &CaseFacts, now: Timestamp) -> cedar::Context {
    let json = |facts: &CaseFacts| set.vocabulary.facts(facts, milliseconds(now)).unwrap().to_json_value().unwrap();
    let mut context = json(facts);
    context["silent"] = json(&facts.without_claims())["asserted"].clone();
    cedar::Context::from_json_value(context, None).unwrap()
}

fn word<T: Vocabulary + std::fmt::Debug>() -> impl Strategy<Value = Value> {
    select(T::VARIANTS).prop_map(|word| word.plain_word().into())
}

/// A charge as a table of cases would say it.
fn any_row() -> impl Strategy<Value = Value> {
    // A conviction may be of a day to come: it counts as one without a date.
    let day = option::of((-1_i16..22, 1_i8..13, 1_i8..29));
    (word::<OffenceCategory>(), word::<ChargeStatus>(), option::of(word::<Severity>()), day).prop_map(
        |(offence, status, severity, day)| {
            let day = day.map(|(years, month, day)| format!("{}-{month:02}-{day:02}", 2026 - years).into());
            let row =
                [("offence", Some(offence)), ("status", Some(status)), ("severity", severity), ("convicted_on", day)];
            Value::Table(row.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
        },
    )
}

const CLAIMS: &[&str] =
    &["terrorist_list_match", "citizenship_claim", "citizen", "lawful_status", "juvenile", "protected"];

/// What one side says, as a table of cases would.
fn any_said() -> impl Strategy<Value = Table> {
    let flags = subsequence(CLAIMS, 0..=CLAIMS.len());
    (word::<IssuingAuthority>(), any::<bool>(), flags, vec(any_row(), 0..6)).prop_map(
        |(signed_by, criminal, flags, charges)| {
            let judge = signed_by.as_str().is_some_and(|signer| signer.ends_with("judge"));
            let pairs = [
                ("signed_by", signed_by),
                ("criminal_warrant", (judge && criminal).into()),
                ("charges", charges.into()),
            ];
            let flags = flags.into_iter().map(|flag| (flag, true.into()));
            pairs.into_iter().chain(flags).map(|(key, value)| (key.to_owned(), value)).collect()
        },
    )
}

/// Facts as a table of cases can say them, of every kind.
fn any_given() -> impl Strategy<Value = Table> {
    let words = (
        word::<AgencyKind>(),
        option::of(word::<AgencyClass>()),
        word::<Stage>(),
        word::<DetainerForm>(),
        subsequence(DetainerBasis::ALL, 0..=DetainerBasis::ALL.len()),
        word::<WarrantKind>(),
        any::<[bool; 2]>(),
    );
    let on = (2010_i16..2030, 1_i8..13, 1_i8..29, 0_i8..24)
        .prop_map(|(year, month, day, hour)| format!("{year}-{month:02}-{day:02}T{hour:02}:00:00"));
    (on, words, any_said(), any_said()).prop_map(|(on, words, record, asserted)| {
        let (asked_by, custodian, stage, form, basis, warrant, [final_order, date_public]) = words;
        let basis: Vec<Value> = basis.iter().map(|word| word.word().into()).collect();
        let pairs = [
            ("on", on.into()),
            ("asked_by", asked_by),
            ("custodian", custodian.unwrap_or_else(|| "unknown".into())),
            ("stage", stage),
            ("form", form),
            ("basis", basis.into()),
            ("warrant", warrant),
            ("final_order", final_order.into()),
            ("date_public", date_public.into()),
            ("asserted", asserted.into()),
        ];
        record.into_iter().chain(pairs.map(|(key, value)| (key.to_owned(), value))).collect()
    })
}

/// A law that reads claims in every way that a law may, and duties with them.
const CLAIMED: &str = r#"
    @id("us-zz.a") @cite("c") @duty("must") permit (principal, action, resource)
    when { context.asserted.judicial_warrant || context.judicial_warrant };
    @id("us-zz.b") @cite("c") permit (principal, action, resource) unless { context.asserted.juvenile };
    @id("us-zz.c") @cite("c") @duty("must") permit (principal, action, resource)
    when { context.asserted.charges.isEmpty() && context.date_public };
    @id("us-zz.d") @cite("c") forbid (principal, action, resource)
    unless { context.asserted.convictions.containsAny([Offence::"drugs", Offence::"other"]) || context.citizen };
    @id("us-zz.e") @cite("c") @review("r") forbid (principal == AgencyKind::"city", action, resource)
    when { context.asserted.sealed || context.asserted.protected };
    @id("us-zz.f") @cite("c") permit (principal is AgencyKind, action, resource) when { context.asserted.citizen };
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn a_ruling_on_claims_as_a_condition_is_the_engines_ruling(
        facts in any_facts(),
        left_out in subsequence(vec![0_usize, 1, 2, 3, 4, 5], 0..5),
        level in select(&[Level::Review, Level::May, Level::Must][..]),
        claims in select(&[Claims::Heard, Claims::TakenForFacts, Claims::Unheard][..]),
    ) {
        let set = embedded();
        let all: cedar::PolicySet = CLAIMED.replace("action,", "action == Action::\"notify\",").parse().unwrap();
        let named = |policy: &cedar::Policy| policy.new_id(cedar::PolicyId::new(policy.annotation("id").unwrap()));
        let mut pack: Vec<cedar::Policy> = all.policies().map(named).collect();
        pack.sort_by_key(|policy| policy.id().clone());
        let mut place = 0..;
        pack.retain(|_| !left_out.contains(&place.next().unwrap()));
        let law = Law::new(set, &"us-zz".parse().unwrap(), &pack, &Settings::new()).unwrap();
        agree(set, &facts, &Reaches { law: &law, act: LawAction::Notify, level, claims }, FieldClass::Count)?;
    }
}

/// The condition and the engine say the same of a case.
fn agree(set: &PolicySet, facts: &CaseFacts, reaches: &Reaches<'_>, class: FieldClass) -> Result<(), TestCaseError> {
    let asked = Asked { vocabulary: &set.vocabulary, facts, now: Timestamp::from_second(1_779_854_400).unwrap() };
    let condition = cedar::PolicySet::from_policies([permit("c", &reached(reaches).unwrap()).unwrap()]).unwrap();
    let context = context_of(set, facts, asked.now);
    let request = set.vocabulary.disclosure(facts.requester_kind, class, &context).unwrap();
    let answer = cedar::Authorizer::new().is_authorized(&request, &condition, &cedar::Entities::empty());
    prop_assert_eq!(answer.diagnostics().errors().count(), 0);
    let said = reaches.law.says(&asked, reaches.act, class, reaches.claims);
    prop_assert_eq!(answer.decision() == cedar::Decision::Allow, reaches.level.reached_by(&said), "{:?}", said);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever else a proof leaves out of account would be a case that nobody proved.
    #[test]
    fn what_is_called_impossible_cannot_be_said(given in any_given()) {
        let set = embedded();
        let (facts, now) = cases::facts_of(&given.to_string(), &TimeZone::UTC).unwrap();
        let context = context_of(set, &facts, now);
        let request = set.vocabulary.disclosure(facts.requester_kind, FieldClass::Count, &context).unwrap();
        for invariant in POSSIBLE.parse::<cedar::PolicySet>().unwrap().policies() {
            let alone = cedar::PolicySet::from_policies([invariant.clone()]).unwrap();
            let answer = cedar::Authorizer::new().is_authorized(&request, &alone, &cedar::Entities::empty());
            prop_assert_eq!(answer.decision(), cedar::Decision::Allow, "{}", invariant);
        }
    }

    /// What the solver finds is a context; what is printed says the same to the law.
    #[test]
    fn facts_are_written_down_as_they_are(given in any_given()) {
        let set = embedded();
        let zone = TimeZone::get("America/New_York").unwrap();
        let (facts, now) = cases::facts_of(&given.to_string(), &zone).unwrap();
        let context = context_of(set, &facts, now);
        let request = set.vocabulary.disclosure(facts.requester_kind, FieldClass::Count, &context).unwrap();
        let written = given_of(&request, moment_of(&request, &zone).unwrap()).unwrap();
        let (again, moment) = cases::facts_of(&written.to_string(), &zone).unwrap();
        prop_assert_eq!(moment, now);
        let json = |context: cedar::Context| context.to_json_value().unwrap();
        prop_assert_eq!(json(context_of(set, &again, moment)), json(context), "{}", written);
    }

    #[test]
    fn a_ruling_as_a_condition_is_the_engines_ruling(
        facts in any_facts(),
        pack in select(&["us-ca", "us-nj", "us-ny-nyc", "us-tx", "us-fl"][..]),
        act in select(LawAction::ALL),
        level in select(&[Level::Judged, Level::Review, Level::May, Level::Must][..]),
        class in select(FieldClass::ALL),
        claims in select(&[Claims::Heard, Claims::TakenForFacts, Claims::Unheard][..]),
    ) {
        let set = embedded();
        let jurisdiction = pack.parse().unwrap();
        let law = Law::new(set, &jurisdiction, &set.written[&jurisdiction], &set.switches.settings()).unwrap();
        agree(set, &facts, &Reaches { law: &law, act, level, claims }, class)?;
    }
}
