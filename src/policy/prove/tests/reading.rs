//! A ruling rewritten as a condition is the engine's ruling; what is called impossible cannot be written; facts are
//! written as they are.

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
use crate::policy::load::PolicySet;
use crate::policy::prove::law::{CaseAtMoment, Claims, Law};
use crate::policy::prove::question::{Level, ReachesLevel};
use crate::policy::prove::rewrite::{permit, reached};
use crate::policy::prove::solver::POSSIBLE;
use crate::policy::prove::tests::embedded;
use crate::policy::prove::written::{given_of, moment_of};
use crate::policy::switches::Settings;
use crate::policy::tests::samples::any_facts;
use crate::policy::vocabulary::milliseconds;

/// The context of a case with the record that only proofs know.
fn context_of(set: &PolicySet, facts: &CaseFacts, now: Timestamp) -> cedar::Context {
    let json = |facts: &CaseFacts| set.vocabulary.facts(facts, milliseconds(now)).unwrap().to_json_value().unwrap();
    let mut context = json(facts);
    context["silent"] = json(&facts.without_claims())["asserted"].clone();
    cedar::Context::from_json_value(context, None).unwrap()
}

fn word<T: Vocabulary + std::fmt::Debug>() -> impl Strategy<Value = Value> {
    select(T::VARIANTS).prop_map(|word| word.plain_word().into())
}

/// Some of the paragraphs by which the table of offences of `LISTING` lists sections.
const PARAGRAPHS: &[&str] = &["7282.5(a)(1)", "7282.5(a)(3)", "7282.5(a)(6)"];
const LISTING: &str = "us-ca";

/// Facts written as `given`, as the pack with that table reads them.
fn facts_of(given: &Table, zone: &TimeZone) -> (CaseFacts, Timestamp) {
    cases::facts_of(embedded(), &LISTING.parse().unwrap(), &given.to_string(), zone).unwrap()
}

/// A charge as a table of cases would say it.
fn any_row() -> impl Strategy<Value = Value> {
    // A conviction may be dated in the future: it counts as undated.
    let day = option::of((-1_i16..22, 1_i8..13, 1_i8..29));
    let listed = option::of(subsequence(PARAGRAPHS, 0..=PARAGRAPHS.len()));
    let listed = listed.prop_map(|listed| listed.map(Value::from));
    (word::<OffenceCategory>(), word::<ChargeStatus>(), option::of(word::<Severity>()), day, listed).prop_map(
        |(offence, status, severity, day, listed)| {
            let day = day.map(|(years, month, day)| format!("{}-{month:02}-{day:02}", 2026 - years).into());
            let row = [
                ("offence", Some(offence)),
                ("status", Some(status)),
                ("severity", severity),
                ("convicted_on", day),
                ("listed", listed),
            ];
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
            let pairs = [("signed_by", signed_by), ("criminal_warrant", criminal.into()), ("charges", charges.into())];
            let flags = flags.into_iter().map(|flag| (flag, true.into()));
            pairs.into_iter().chain(flags).map(|(key, value)| (key.to_owned(), value)).collect()
        },
    )
}

/// Any facts that a table of cases can express.
fn any_given() -> impl Strategy<Value = Table> {
    let words = (
        word::<AgencyKind>(),
        option::of(word::<AgencyClass>()),
        word::<Stage>(),
        word::<DetainerForm>(),
        subsequence(DetainerBasis::ALL, 0..=DetainerBasis::ALL.len()),
        word::<WarrantKind>(),
        any::<[bool; 3]>(),
    );
    let on = (2010_i16..2030, 1_i8..13, 1_i8..29, 0_i8..24)
        .prop_map(|(year, month, day, hour)| format!("{year}-{month:02}-{day:02}T{hour:02}:00:00"));
    (on, words, any_said(), any_said()).prop_map(|(on, words, record, asserted)| {
        let (asked_by, custodian, stage, form, basis, warrant, [final_order, date_public, match_disputed]) = words;
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
            ("match_disputed", match_disputed.into()),
            ("asserted", asserted.into()),
        ];
        record.into_iter().chain(pairs.map(|(key, value)| (key.to_owned(), value))).collect()
    })
}

/// A law that reads claims in every allowed way, and has duties too.
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
        agree(set, &facts, &ReachesLevel { law: &law, act: LawAction::Notify, level, claims }, FieldClass::Count)?;
    }
}

/// The condition and the engine agree on a case.
fn agree(
    set: &PolicySet,
    facts: &CaseFacts,
    reaches: &ReachesLevel<'_>,
    class: FieldClass,
) -> Result<(), TestCaseError> {
    let asked =
        CaseAtMoment { vocabulary: &set.vocabulary, facts, now: Timestamp::from_second(1_779_854_400).unwrap() };
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

    /// Otherwise the proofs would leave out a case that can happen.
    #[test]
    fn what_is_called_impossible_cannot_be_said(given in any_given()) {
        let set = embedded();
        let (facts, now) = facts_of(&given, &TimeZone::UTC);
        let context = context_of(set, &facts, now);
        let request = set.vocabulary.disclosure(facts.requester_kind, FieldClass::Count, &context).unwrap();
        for invariant in POSSIBLE.parse::<cedar::PolicySet>().unwrap().policies() {
            let alone = cedar::PolicySet::from_policies([invariant.clone()]).unwrap();
            let answer = cedar::Authorizer::new().is_authorized(&request, &alone, &cedar::Entities::empty());
            prop_assert_eq!(answer.decision(), cedar::Decision::Allow, "{}", invariant);
        }
    }

    /// The solver finds a context. What is printed for it means the same to the law.
    #[test]
    fn facts_are_written_down_as_they_are(given in any_given()) {
        let set = embedded();
        let zone = TimeZone::get("America/New_York").unwrap();
        let (facts, now) = facts_of(&given, &zone);
        let context = context_of(set, &facts, now);
        let request = set.vocabulary.disclosure(facts.requester_kind, FieldClass::Count, &context).unwrap();
        let written = given_of(&request, moment_of(&request, &zone).unwrap()).unwrap();
        let (again, moment) = facts_of(&written, &zone);
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
        agree(set, &facts, &ReachesLevel { law: &law, act, level, claims }, class)?;
    }
}
