//! Facts, callers and policy sets for the policy tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::btree_set;
use proptest::prelude::*;
use proptest::sample::select;

use crate::domain::agency::{Actor, ActorKind, Agency, AgencyClass, AgencyKind, Caller};
use crate::domain::charge::{ChargeStatus, ConvictionAge, OffenceCategory, Severity};
use crate::domain::detainer::{DetainerBasis, DetainerForm, WarrantKind};
use crate::domain::facts::{Assertions, CaseFacts, Judge, Offence, Stage};
use crate::domain::statute::{Paragraph, Reading};
use crate::policy::load::{PolicyError, PolicySet, SWITCHES};

/// An ordinary I-247A with an administrative warrant, before the custodian is known.
pub(crate) fn facts() -> CaseFacts {
    CaseFacts {
        stage: Stage::Answer,
        requester_kind: AgencyKind::Federal,
        custodian_class: None,
        form: DetainerForm::I247a,
        asks_for_hold: true,
        basis: [DetainerBasis::BiometricMatch].into(),
        warrant: WarrantKind::I200,
        final_order: false,
        date_public: false,
        match_disputed: false,
        record: Assertions {
            offences: [offence(OffenceCategory::Assault, ChargeStatus::Pending, ConvictionAge::None)].into(),
            ..Assertions::default()
        },
        asserted: Assertions::default(),
    }
}

/// A felony.
pub(crate) fn offence(category: OffenceCategory, status: ChargeStatus, age: ConvictionAge) -> Offence {
    Offence {
        category,
        status,
        severity: Some(Severity::Felony),
        age,
        listed: BTreeSet::new(),
        reading: Reading::Unlisted,
    }
}

/// Paragraphs that the laws of tests may name.
pub(crate) const PARAGRAPHS: [&str; 3] = ["1(a)", "1(b)", "2"];

fn any_offence() -> impl Strategy<Value = Offence> {
    let severity = proptest::option::of(select(Severity::ALL));
    let paragraphs: Vec<Paragraph> = PARAGRAPHS.iter().map(|text| text.parse().unwrap()).collect();
    let listed = (select(Reading::ALL), btree_set(select(paragraphs), 0..3));
    (select(OffenceCategory::ALL), select(ChargeStatus::ALL), severity, select(ConvictionAge::ALL), listed).prop_map(
        |(category, status, severity, age, (reading, listed))| {
            let listed = if reading == Reading::Unlisted { BTreeSet::new() } else { listed };
            Offence { category, status, severity, age, listed, reading }
        },
    )
}

pub(crate) fn caller(kind: AgencyKind, class: Option<AgencyClass>, actor: Option<ActorKind>) -> Caller {
    let pseudonym = "0123456789abcdef0123456789abcdef";
    Caller {
        agency: Arc::new(Agency { id: "us-agency".parse().unwrap(), kind, class, jurisdictions: [].into() }),
        actor: actor.map(|kind| Actor { pseudonym: pseudonym.parse().unwrap(), kind }),
    }
}

/// The embedded files with only the packs of New York and Texas, since reading all nine takes long.
pub(crate) fn two_packs() -> BTreeMap<String, String> {
    let mut files = PolicySet::embedded_files();
    files.retain(|name, _| !name.starts_with("law/us-") || ["law/us-ny.cedar", "law/us-tx.cedar"].contains(&&**name));
    let mut switches: toml::Table = files[SWITCHES].parse().unwrap();
    switches.retain(|name, _| name.starts_with("us-ny.") || name.starts_with("us-tx."));
    files.insert(SWITCHES.to_owned(), switches.to_string());
    files
}

/// The same with one more law.
pub(crate) fn with_law(jurisdiction: &str, law: &str) -> Result<PolicySet, PolicyError> {
    let mut files = two_packs();
    files.insert(format!("law/{jurisdiction}.cedar"), law.to_owned());
    PolicySet::from_files(&files)
}

/// Any assertions of one side.
pub(crate) fn any_assertions() -> impl Strategy<Value = Assertions> {
    (select(Judge::ALL), btree_set(any_offence(), 0..4), any::<[bool; 8]>()).prop_map(|(judge, offences, flags)| {
        let [
            criminal_warrant,
            terrorist_list_match,
            citizenship_claim,
            citizen,
            lawful_status,
            juvenile,
            sealed,
            protected,
        ] = flags;
        Assertions {
            judge,
            criminal_warrant,
            terrorist_list_match,
            offences,
            citizenship_claim,
            citizen,
            lawful_status,
            juvenile,
            sealed,
            protected,
        }
    })
}

/// Any facts.
pub(crate) fn any_facts() -> impl Strategy<Value = CaseFacts> {
    let who = (
        select(Stage::ALL),
        select(AgencyKind::ALL),
        proptest::option::of(select(AgencyClass::ALL)),
        select(DetainerForm::ALL),
    );
    let officers = select(&[WarrantKind::None, WarrantKind::I200, WarrantKind::I205][..]);
    let asked = (btree_set(select(DetainerBasis::ALL), 0..3), officers);
    let claims = prop_oneof![Just(Assertions::default()), any_assertions()];
    (who, asked, any_assertions(), claims, any::<[bool; 4]>()).prop_map(|(who, asked, record, asserted, flags)| {
        let [asks_for_hold, final_order, date_public, match_disputed] = flags;
        CaseFacts {
            stage: who.0,
            requester_kind: who.1,
            custodian_class: who.2,
            form: who.3,
            asks_for_hold,
            basis: asked.0,
            warrant: asked.1,
            final_order,
            date_public,
            match_disputed,
            record,
            asserted,
        }
    })
}

/// Two cases that differ in at most one fact.
pub(crate) fn like_cases() -> impl Strategy<Value = [CaseFacts; 2]> {
    const MOVE: [fn(&mut CaseFacts, &CaseFacts); 10] = [
        |to, from| to.stage = from.stage,
        |to, from| to.requester_kind = from.requester_kind,
        |to, from| to.custodian_class = from.custodian_class,
        |to, from| to.form = from.form,
        |to, from| to.asks_for_hold = from.asks_for_hold,
        |to, from| to.basis.clone_from(&from.basis),
        |to, from| to.warrant = from.warrant,
        |to, from| to.final_order = from.final_order,
        |to, from| to.date_public = from.date_public,
        |to, from| to.match_disputed = from.match_disputed,
    ];
    const SAY: [fn(&mut Assertions, &Assertions); 10] = [
        |to, from| to.judge = from.judge,
        |to, from| to.criminal_warrant = from.criminal_warrant,
        |to, from| to.terrorist_list_match = from.terrorist_list_match,
        |to, from| to.offences.clone_from(&from.offences),
        |to, from| to.citizenship_claim = from.citizenship_claim,
        |to, from| to.citizen = from.citizen,
        |to, from| to.lawful_status = from.lawful_status,
        |to, from| to.juvenile = from.juvenile,
        |to, from| to.sealed = from.sealed,
        |to, from| to.protected = from.protected,
    ];
    (any_facts(), any_facts(), 0..MOVE.len() + 2 * SAY.len()).prop_map(|(one, from, which)| {
        let mut other = one.clone();
        match which.checked_sub(MOVE.len()) {
            None => MOVE[which](&mut other, &from),
            Some(said) if said < SAY.len() => SAY[said](&mut other.record, &from.record),
            Some(said) => SAY[said - SAY.len()](&mut other.asserted, &from.asserted),
        }
        [one, other]
    })
}
