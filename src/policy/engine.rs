//! Answers the two questions of policy: may this kind of caller call this method, and what does the law say of this
//! case?

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cedar_policy as cedar;
use jiff::Timestamp;

use crate::domain::agency::{ActorKind, AgencyClass, AgencyKind, Caller};
use crate::domain::determination::LawView;
use crate::domain::facts::CaseFacts;
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::domain::statute::Statutes;
use crate::policy::decision_cache::{DECISIONS_MAX, DecisionCache};
use crate::policy::jurisdiction_law::JurisdictionLaw;
use crate::policy::listing::PolicyListing;
use crate::policy::load::PolicySet;
use crate::policy::vocabulary::{Vocabulary, milliseconds};

/// Replaces a method name that the contract lacks: such a name is the caller's text, and MUST NOT be logged.
const UNKNOWN_METHOD: &str = "unknown";

/// Why a call was not admitted. For the audit log: the caller learns only that it was denied, or that it sent no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// No layer proved the caller: it is missing, or stands behind this one.
    #[error("no caller was proven")]
    NoCaller,
    /// No rule admits the agency to this method without a token, but a rule does with one.
    #[error("{agency} may not call {method} without a token")]
    TokenMissing {
        /// Who called.
        agency: AgencyId,
        /// The method as policies name it.
        method: String,
    },
    /// No rule admits this kind of caller to this method.
    #[error("{agency} may not call {method}")]
    Denied {
        /// Who called.
        agency: AgencyId,
        /// The method as policies name it, or `unknown`.
        method: String,
    },
}

/// A policy set ready to be asked, with a cache of its answers.
#[derive(Debug)]
pub struct Engine {
    vocabulary: Vocabulary,
    access: cedar::PolicySet,
    /// Bounded by the contract: one value for each kind, class, actor and method.
    admissions: Mutex<HashMap<Admission, bool>>,
    laws: BTreeMap<JurisdictionId, JurisdictionLaw>,
    statutes: BTreeMap<JurisdictionId, Statutes>,
    /// Used where no table is written.
    no_statutes: Statutes,
    /// Used where no law is written: the safeguards alone, which allow nothing.
    unwritten: JurisdictionLaw,
    decisions: DecisionCache,
    digest: [u8; 32],
    files: BTreeMap<String, [u8; 32]>,
    texts: BTreeMap<String, String>,
    listing: PolicyListing,
}

/// What a call is admitted on. INVARIANT: everything that the schema lets an access rule read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Admission {
    kind: AgencyKind,
    class: Option<AgencyClass>,
    actor: Option<ActorKind>,
    method: usize,
}

impl Engine {
    /// Takes a set that is loaded and checked.
    pub fn new(set: PolicySet) -> Self {
        let listing = set.listing();
        let unwritten = JurisdictionLaw::new(0, set.safeguards);
        let laws = set
            .laws
            .into_iter()
            .zip(1..)
            .map(|((jurisdiction, law), number)| (jurisdiction, JurisdictionLaw::new(number, law)));
        Self {
            vocabulary: set.vocabulary,
            access: set.access,
            admissions: Mutex::default(),
            laws: laws.collect(),
            statutes: set.statutes,
            no_statutes: Statutes::default(),
            unwritten,
            decisions: DecisionCache::new(DECISIONS_MAX),
            digest: set.digest,
            files: set.files,
            texts: set.texts,
            listing,
        }
    }

    /// Whether this kind of caller may call this method at all. `method` is `DetainerService/LodgeDetainer` for our own
    /// package and the full name, `grpc.health.v1.Health/Check`, for any other.
    pub fn admit(&self, caller: &Caller, method: &str) -> Result<(), AdmitError> {
        let denied = |method: &str| AdmitError::Denied { agency: caller.agency.id.clone(), method: method.to_owned() };
        let Some(number) = self.vocabulary.method_number(method) else { return Err(denied(UNKNOWN_METHOD)) };
        let admission =
            |actor| Admission { kind: caller.agency.kind, class: caller.agency.class, actor, method: number };
        let actor = caller.actor.as_ref().map(|actor| actor.kind);
        if self.admitted(admission(actor), method) {
            return Ok(());
        }
        let by_token = || ActorKind::ALL.iter().any(|kind| self.admitted(admission(Some(*kind)), method));
        if actor.is_none() && by_token() {
            return Err(AdmitError::TokenMissing { agency: caller.agency.id.clone(), method: method.to_owned() });
        }
        Err(denied(method))
    }

    /// What a jurisdiction's law says of a case at a moment. If no law is written, a person decides everything and
    /// nothing is shown.
    pub fn law(&self, jurisdiction: &JurisdictionId, facts: &CaseFacts, now: Timestamp) -> LawView {
        let law = self.laws.get(jurisdiction).unwrap_or(&self.unwritten);
        let judge = || law.judge(&self.vocabulary, facts, now, self.digest);
        let Some(key) = law.cache_key(facts, milliseconds(now)) else { return judge() };
        if let Some(decision) = self.decisions.get(&key) {
            // The cache holds rulings. Facts and moment are those of this question, not of the one that was cached.
            return LawView { facts: Arc::new(facts.clone()), judged_at: now, ..LawView::clone(&decision) };
        }
        let decision = judge();
        self.decisions.insert(key, Arc::new(decision.clone()));
        decision
    }

    /// A jurisdiction's law, and the vocabulary to ask it in.
    pub(crate) fn jurisdiction_law(&self, jurisdiction: &JurisdictionId) -> (&JurisdictionLaw, &Vocabulary) {
        (self.laws.get(jurisdiction).unwrap_or(&self.unwritten), &self.vocabulary)
    }

    /// The table by which a jurisdiction's law reads charges. Empty if its pack has none.
    pub fn statutes(&self, jurisdiction: &JurisdictionId) -> &Statutes {
        self.statutes.get(jurisdiction).unwrap_or(&self.no_statutes)
    }

    /// Whether a jurisdiction's law is written.
    pub fn has_law(&self, jurisdiction: &JurisdictionId) -> bool {
        self.laws.contains_key(jurisdiction)
    }

    /// Digest of the policy set.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The contents of the set, for whoever asks what the law is.
    pub fn listing(&self) -> &PolicyListing {
        &self.listing
    }

    /// The text of each file, by its name within the directory.
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// The digest of each file, by its name within the directory.
    pub fn files(&self) -> &BTreeMap<String, [u8; 32]> {
        &self.files
    }

    fn admitted(&self, admission: Admission, method: &str) -> bool {
        if let Some(known) = self.admissions.lock().unwrap_or_else(PoisonError::into_inner).get(&admission) {
            return *known;
        }
        let admitted = self.decide_admission(admission, method);
        self.admissions.lock().unwrap_or_else(PoisonError::into_inner).insert(admission, admitted);
        admitted
    }

    fn decide_admission(&self, admission: Admission, method: &str) -> bool {
        let Admission { kind, class, actor, method: _ } = admission;
        let Some(request) = self.vocabulary.call(kind, class, actor, method) else { return false };
        let response = cedar::Authorizer::new().is_authorized(&request, &self.access, &cedar::Entities::empty());
        // Cedar skips a forbid that cannot be evaluated, and would allow. We deny.
        let sound = response.diagnostics().errors().next().is_none();
        if !sound {
            tracing::error!(method, "an access rule could not be evaluated; the method is denied");
        }
        sound && response.decision() == cedar::Decision::Allow
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;
    use crate::domain::detainer::DetainerForm;
    use crate::domain::determination::{FieldClasses, Ruling};
    use crate::domain::disclosure::DisclosableClasses;
    use crate::policy::tests::samples::{caller, facts, like_cases, with_law};

    fn embedded() -> Engine {
        Engine::new(PolicySet::embedded().unwrap())
    }

    #[test]
    fn a_method_that_is_not_of_the_contract_is_denied_and_not_remembered() {
        let engine = embedded();
        let officer = caller(AgencyKind::Federal, None, Some(ActorKind::Officer));
        for method in [
            "DetainerService/DropAll",
            "hold",
            "disclose",
            "",
            "LodgeDetainer",
            "comity.v1.DetainerService/LodgeDetainer",
        ] {
            let denied = AdmitError::Denied { agency: officer.agency.id.clone(), method: UNKNOWN_METHOD.to_owned() };
            assert_eq!(engine.admit(&officer, method), Err(denied));
        }
        assert!(engine.admissions.lock().unwrap().is_empty());
    }

    /// A law whose forbid passes validation but fails when it is evaluated: the sum overflows.
    const BROKEN: &str = r#"
        @id("us-zz.permit") @cite("c")
        permit (principal, action in [Action::"hold", Action::"notify", Action::"disclose"], resource);
        @id("us-zz.broken") @cite("c")
        forbid (principal, action in [Action::"hold", Action::"disclose"], resource)
        when { context.now.offset(duration("9223372036854775807ms")) < context.now };
    "#;
    /// The same with a missing fact. No validated law gets this far.
    const MISSING: &str = r#"
        @id("us-zz.permit") @cite("c")
        permit (principal, action in [Action::"hold", Action::"notify", Action::"disclose"], resource);
        @id("us-zz.broken") @cite("c")
        forbid (principal, action in [Action::"hold", Action::"disclose"], resource) when { context.nothing };
    "#;

    #[test]
    fn a_law_that_cannot_be_evaluated_denies() {
        let jurisdiction: JurisdictionId = "us-zz".parse().unwrap();
        let mut missing = PolicySet::embedded().unwrap();
        missing.laws.insert(jurisdiction.clone(), MISSING.parse().unwrap());
        for set in [with_law("us-zz", BROKEN).unwrap(), missing] {
            let view = Engine::new(set).law(&jurisdiction, &facts(), Timestamp::from_second(1).unwrap());
            assert_eq!((view.hold.ruling, view.hold.failed), (Ruling::MustNot, true));
            assert!(view.hold.policies.is_empty());
            assert_eq!((view.notify.ruling, view.notify.failed), (Ruling::May, false), "no broken rule speaks to it");
            assert_eq!((view.disclosable, view.review), (DisclosableClasses::default(), FieldClasses::NONE));
            assert!(view.disclosure.iter().all(|ruled| ruled.failed && ruled.ruling == Ruling::MustNot));
        }
    }

    #[test]
    fn a_question_that_cannot_be_put_is_denied() {
        let view = embedded().law(&"us-tx".parse().unwrap(), &facts(), Timestamp::MIN);
        assert_eq!((view.hold.ruling, view.hold.failed), (Ruling::MustNot, true));
        assert_eq!((view.disclosable, view.review), (DisclosableClasses::default(), FieldClasses::NONE));
    }

    #[test]
    fn an_access_rule_that_cannot_be_evaluated_denies() {
        let mut set = PolicySet::embedded().unwrap();
        let broken =
            "permit (principal, action, resource); forbid (principal, action, resource) when { context.nothing };";
        set.access = broken.parse().unwrap();
        let engine = Engine::new(set);
        assert!(engine.admit(&caller(AgencyKind::Federal, None, None), "grpc.health.v1.Health/Check").is_err());
    }

    #[test]
    fn a_law_that_counts_with_the_time_is_asked_every_time() {
        let law = r#"
            @id("us-zz.later") @cite("c") permit (principal, action == Action::"hold", resource)
            when { context.now.offset(duration("1d")) > datetime("1970-01-02T00:00:00.005Z") };
        "#;
        let engine = Engine::new(with_law("us-zz", law).unwrap());
        let hold = |now_ms| {
            let now = Timestamp::from_millisecond(now_ms).unwrap();
            engine.law(&"us-zz".parse().unwrap(), &facts(), now).hold.ruling
        };
        assert_eq!([5, 6, 5].map(hold), [Ruling::Review, Ruling::May, Ruling::Review]);
        assert_eq!(engine.decisions.len(), 0);
    }

    /// Every comparison with a date, each with another date, and every fact, each in a rule that a ruling would name.
    const CONDITIONS: [&str; 35] = [
        r#"context.now < datetime("1970-01-01T00:00:00.010Z")"#,
        r#"context.now <= datetime("1970-01-01T00:00:00.020Z")"#,
        r#"datetime("1970-01-01T00:00:00.030Z") == context.now"#,
        r#"context.now != datetime("1970-01-01T00:00:00.040Z")"#,
        r#"context.now > datetime("1970-01-01T00:00:00.050Z")"#,
        r#"datetime("1970-01-01T00:00:00.060Z") <= context.now"#,
        r#"principal == AgencyKind::"federal""#,
        r#"context.stage == Stage::"lodge""#,
        "context has custodian_class",
        r#"context has custodian_class && context.custodian_class == AgencyClass::"city-jail""#,
        r#"context.form == Form::"i-247g""#,
        "context.asks_for_hold",
        r#"context.basis.contains(Basis::"statements")"#,
        r#"[Warrant::"none", Warrant::"i-205"].contains(context.warrant)"#,
        "context.federal_warrant || context.final_order",
        "context.judicial_warrant",
        r#"context.charges.contains(Offence::"other")"#,
        "context.felony_charges.isEmpty()",
        "context.held_to_answer.isEmpty()",
        "context.convictions.isEmpty()",
        "context.convictions_5y.isEmpty()",
        "context.convictions_15y.isEmpty()",
        r#"context.felony_convictions.containsAny([Offence::"homicide", Offence::"drugs"])"#,
        "context.felony_convictions_5y.isEmpty()",
        "context.felony_convictions_15y.isEmpty()",
        "context.undated_conviction",
        "context.criminal_warrant || context.terrorist_list_match",
        "context.date_public",
        "context.match_disputed",
        "context.citizen || context.lawful_status || context.citizenship_claim",
        "context.juvenile || context.sealed",
        "context.protected",
        "context.asserted.judicial_warrant",
        "!context.asserted.charges.isEmpty()",
        r#"context.asserted.felony_convictions.contains(Offence::"drugs") || context.asserted.juvenile"#,
    ];

    /// A law of some of these conditions.
    fn law_of(conditions: impl Iterator<Item = &'static str>) -> String {
        let policies: Vec<String> = conditions
            .enumerate()
            .map(|(number, condition)| {
                let scope = r#"(principal, action in [Action::"notify", Action::"disclose"], resource)"#;
                let asked = ["form", "asks_for_hold", "basis", "warrant"].map(|fact| format!("context.{fact}"));
                // Whole words only: a judge's warrant is no trigger.
                let triggered = asked.iter().any(|fact| condition.replace("context.w", " context.w").contains(fact));
                let trigger = if triggered { "@trigger(\"c\") " } else { "" };
                format!("@id(\"us-zz.{number}\") @cite(\"c\") {trigger}permit {scope} when {{ {condition} }};")
            })
            .collect();
        policies.concat()
    }

    /// Nanoseconds around the dates above, and around the date of New York's acts.
    fn moments() -> impl Strategy<Value = i128> {
        const NEW_YORK_NS: i128 = 1_779_854_400_000_000_000;
        let dated = (0_i128..=7, -2_i128..=2).prop_map(|(tens, steps)| tens * 10_000_000 + steps * 500_000);
        let new_york = (-3_i128..=3).prop_map(|steps| NEW_YORK_NS + steps * 500_000);
        prop_oneof![4 => dated, 1 => new_york]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_remembered_decision_is_the_one_that_would_be_made(
            conditions in subsequence(&CONDITIONS[..], 0..=CONDITIONS.len()),
            cases in like_cases(),
            asked in vec((0..2_usize, moments(), select(&["us-ny", "us-tx", "us-zz", "us-none"][..])), 1..40),
        ) {
            let engine = Engine::new(with_law("us-zz", &law_of(conditions.into_iter())).unwrap());
            for (case, now_ns, jurisdiction) in asked {
                let (case, now) = (&cases[case], Timestamp::from_nanosecond(now_ns).unwrap());
                let jurisdiction: JurisdictionId = jurisdiction.parse().unwrap();
                let law = engine.laws.get(&jurisdiction).unwrap_or(&engine.unwritten);
                let fresh = law.judge(&engine.vocabulary, case, now, engine.digest);
                prop_assert_eq!(engine.law(&jurisdiction, case, now), fresh);
            }
        }
    }

    #[test]
    fn a_remembered_ruling_comes_with_the_facts_and_the_moment_of_its_own_question() {
        let engine = embedded();
        let texas = "us-tx".parse().unwrap();
        for (form, now) in
            [(DetainerForm::I247a, "2026-01-01T00:00:00Z"), (DetainerForm::I247d, "2026-01-02T00:00:00Z")]
        {
            let (asked, now) = (CaseFacts { form, ..facts() }, now.parse().unwrap());
            let view = engine.law(&texas, &asked, now);
            assert_eq!((&*view.facts, view.judged_at), (&asked, now));
        }
        assert_eq!(engine.decisions.len(), 1, "no rule of Texas reads the form");
    }

    #[test]
    fn a_decision_is_made_once_in_an_era() {
        let engine = embedded();
        let ask = |law: &str, now: &str| engine.law(&law.parse().unwrap(), &facts(), now.parse().unwrap());
        let first = ask("us-ny", "2025-01-01T00:00:00Z");
        let same = |one: &LawView, other: &LawView| Arc::ptr_eq(&one.hold, &other.hold);
        assert!(same(&first, &ask("us-ny", "2026-05-27T03:59:59Z")));
        assert!(!same(&first, &ask("us-ny", "2026-05-27T04:00:00Z")));
        ask("us-tx", "2025-01-01T00:00:00Z");
        ask("us-tx", "2029-01-01T00:00:00Z");
        // Two jurisdictions without a law share one.
        assert!(same(&ask("us-aa", "2025-01-01T00:00:00Z"), &ask("us-bb", "2025-01-01T00:00:00Z")));
        assert_eq!(engine.decisions.len(), 4);
    }
}
