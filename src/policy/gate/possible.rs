//! Every fact that the gate makes is one that the proofs take into account (`prove/possible.cedar`).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use cedar_policy as cedar;
use jiff::Timestamp;
use jiff::civil::Date;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use uuid::Uuid;

use crate::domain::agency::AgencyKind;
use crate::domain::charge::{Charge, ChargeStatus, OffenceCategory, Severity};
use crate::domain::custody::{Custody, Intake};
use crate::domain::detainer::{Addressee, DetainerBasis, DetainerForm, Request};
use crate::domain::determination::FieldClass;
use crate::domain::facts::{AsOf, Stage};
use crate::domain::ids::CaseName;
use crate::domain::subject::{Flags, Identifiers, PersonName, Subject};
use crate::domain::warrant::{
    IssuingAuthority, VerificationMethod, VerificationOutcome, VerifiedWarrant, Warrant, WarrantDocument, WarrantKind,
    WarrantVerification,
};
use crate::policy::gate::facts::facts_of;
use crate::policy::load::PolicySet;

const POSSIBLE: &str = include_str!("../prove/possible.cedar");

/// One code of each offence group.
const CODES: &[&str] = &["0999", "1199", "1299", "1399", "2299", "3599", "5299", "7099"];

/// Sections for the table of `us-ca`: listed and not listed, of one grade and of either, and one that the table lacks.
const CITED: &[&str] = &["PC 187", "PC 245(a)", "PC 459.5", "PC 484", "PC 487", "PC 99999"];

/// A day before or after the one on which the law is asked.
fn any_day() -> impl Strategy<Value = Date> {
    (2000_i16..2030, 1_i8..13, 1_i8..29).prop_map(|(year, month, day)| jiff::civil::date(year, month, day))
}

fn any_charge() -> impl Strategy<Value = Charge> {
    let cited = option::of(select(CITED).prop_map(str::to_owned));
    let severity = option::of(select(Severity::ALL));
    (cited, select(CODES), severity, select(ChargeStatus::ALL), option::of(any_day())).prop_map(
        |(statute, code, severity, status, convicted_on)| Charge {
            statute,
            ncic: code.parse().ok(),
            nibrs: None,
            severity,
            status,
            charged_on: None,
            convicted_on,
            sentence_days: None,
        },
    )
}

fn any_warrant() -> impl Strategy<Value = Warrant> {
    let document = any::<bool>()
        .prop_map(|there| there.then(|| WarrantDocument { sha256: [0; 32], media_type: "application/pdf".to_owned() }));
    let days = option::of(any_day());
    (select(WarrantKind::ALL), select(IssuingAuthority::ALL), any::<bool>(), days, document).prop_map(
        |(kind, issuing_authority, criminal, expires_on, document)| Warrant {
            kind,
            issuing_authority,
            criminal,
            expires_on,
            document,
            ..Warrant::NONE
        },
    )
}

fn any_flags() -> impl Strategy<Value = Flags> {
    any::<[bool; 9]>().prop_map(|flags| {
        let [citizenship_claim, proof_of_status, citizen, lawful_status, juvenile, victim_witness, rest @ ..] = flags;
        let [protected_program, terrorist_list_match, sealed] = rest;
        Flags {
            citizenship_claim,
            proof_of_status,
            citizen,
            lawful_status,
            juvenile,
            victim_witness,
            protected_program,
            terrorist_list_match,
            sealed,
        }
    })
}

fn somebody(birth_date: Option<Date>) -> Subject {
    Subject {
        name: PersonName { given: String::new(), family: "Quackenbush".to_owned() },
        aliases: Vec::new(),
        birth_date: birth_date.map(Into::into),
        sex: None,
        identifiers: Identifiers::default(),
        citizenship: None,
        home_address: None,
        work_address: None,
    }
}

fn any_request() -> impl Strategy<Value = Request> {
    let basis = subsequence(DetainerBasis::ALL, 1..=DetainerBasis::ALL.len());
    let subject = option::of(any_day()).prop_map(somebody);
    let said = (any_warrant(), vec(any_charge(), 0..6), any::<bool>(), any_flags());
    (select(DetainerForm::ALL), basis, subject, said).prop_map(|(form, basis, subject, said)| Request {
        addressee: Addressee::Jurisdiction,
        form,
        basis,
        warrant: said.0,
        subject,
        charges: said.1,
        terrorist_list_match: said.2,
        flags: said.3,
        contact_phone: None,
        occurred_at: None,
    })
}

fn any_custody() -> impl Strategy<Value = Custody> {
    let subject = option::of(any_day()).prop_map(somebody);
    (subject, vec(any_charge(), 0..6), any_flags()).prop_map(|(subject, charges, flags)| {
        let intake = Intake {
            facility: "ZZ001".parse().unwrap(),
            subject,
            charges,
            flags,
            occurred_at: None,
            medical_note: None,
            victim_contact: None,
        };
        let name = CaseName::custody("us-zz".parse().unwrap(), Uuid::from_u128(2));
        Custody::opened(name, "us-zz-jail".parse().unwrap(), intake, Timestamp::UNIX_EPOCH)
    })
}

fn any_verified() -> impl Strategy<Value = VerifiedWarrant> {
    (select(VerificationOutcome::ALL), any_warrant(), any::<bool>()).prop_map(|(outcome, seen, final_order_seen)| {
        VerifiedWarrant {
            verification: WarrantVerification {
                outcome,
                method: VerificationMethod::DocketChecked,
                compared: Vec::new(),
                seen,
                final_order_seen,
                reason: None,
                occurred_at: None,
            },
            custodian: "us-zz-jail".parse().unwrap(),
            asserted: Warrant::NONE,
            subject: None,
            recorded_at: Timestamp::UNIX_EPOCH,
        }
    })
}

#[test]
fn every_group_of_offences_has_a_code_here() {
    let charge = |code: &&str| Charge {
        statute: None,
        ncic: code.parse().ok(),
        nibrs: None,
        severity: None,
        status: ChargeStatus::Charged,
        charged_on: None,
        convicted_on: None,
        sentence_days: None,
    };
    let groups: BTreeSet<OffenceCategory> = CODES.iter().map(|code| charge(code).category()).collect();
    assert_eq!(groups.len(), OffenceCategory::ALL.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn every_fact_that_is_made_is_a_possible_one(
        stage in select(Stage::ALL),
        kind in select(AgencyKind::ALL),
        request in any_request(),
        verified in option::of(any_verified()),
        custody in option::of(any_custody()),
        today in any_day(),
    ) {
        static SET: LazyLock<PolicySet> = LazyLock::new(|| PolicySet::embedded().unwrap());
        let statutes = SET.statutes(&"us-ca".parse().unwrap()).unwrap();
        let facts = facts_of(stage, kind, &request, (verified.as_ref(), custody.as_ref()), AsOf { today, statutes });
        let vocabulary = &SET.vocabulary;
        let now = today.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        let context = vocabulary.facts(&facts, now.as_millisecond()).unwrap();
        let question = vocabulary.disclosure(kind, FieldClass::Count, &context).unwrap();
        for invariant in POSSIBLE.parse::<cedar::PolicySet>().unwrap().policies() {
            let alone = cedar::PolicySet::from_policies([invariant.clone()]).unwrap();
            let answer = cedar::Authorizer::new().is_authorized(&question, &alone, &cedar::Entities::empty());
            prop_assert_eq!(answer.decision(), cedar::Decision::Allow, "{}", invariant);
        }
    }
}
