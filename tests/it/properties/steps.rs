//! Random steps of agencies that keep to what the gate lets them do, and their way to commands.

use std::collections::BTreeMap;

use comity::domain::case::StoredCase;
use comity::domain::charge::{Charge, ChargeStatus};
use comity::domain::command::CaseCommand;
use comity::domain::custody::{Custody, Intake};
use comity::domain::detainer::{Addressee, AnswerKind, Detainer, DetainerState, Finding, LiftReason};
use comity::domain::ids::{AgencyId, CaseName};
use comity::domain::subject::Flags;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::properties::any;
use crate::sample;

/// One step. Cases are picked from those that there are when it is taken.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Lodge { issuer: &'static str, addressee: Option<&'static str> },
    Open { custodian: &'static str, juvenile: bool },
    Acknowledge { detainer: Index, custody: Index, finding: Finding },
    Answer { detainer: Index, kind: AnswerKind },
    Withdraw { detainer: Index },
    Schedule { custody: Index },
    Release { custody: Index },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    let custodian = || select(vec!["doccs", "nassau"]);
    let addressee = proptest::option::of(custodian());
    prop_oneof![
        3 => (select(vec!["ice", "cbp"]), addressee).prop_map(|(issuer, addressee)| Step::Lodge { issuer, addressee }),
        2 => (custodian(), prop::bool::weighted(0.2)).prop_map(|(custodian, juvenile)| Step::Open { custodian, juvenile }),
        5 => (index(), index(), prop_oneof![4 => Just(Finding::MatchedCustody), 1 => any::word()])
            .prop_map(|(detainer, custody, finding)| Step::Acknowledge { detainer, custody, finding }),
        4 => (index(), any::word()).prop_map(|(detainer, kind)| Step::Answer { detainer, kind }),
        1 => index().prop_map(|detainer| Step::Withdraw { detainer }),
        2 => index().prop_map(|custody| Step::Schedule { custody }),
        1 => index().prop_map(|custody| Step::Release { custody }),
    ]
}

impl Step {
    /// Who gives which command, if there is a case to give it upon.
    pub(super) fn command(&self, cases: &BTreeMap<CaseName, StoredCase>) -> Option<(&'static str, CaseCommand)> {
        let detainer = |at: &Index| pick(cases, *at, StoredCase::detainer);
        let custody = |at: &Index| pick(cases, *at, StoredCase::custody);
        match self {
            Self::Lodge { issuer, addressee } => {
                Some((*issuer, CaseCommand::LodgeDetainer(sample::request(*addressee))))
            }
            Self::Open { custodian, juvenile } => {
                let flags = Flags { juvenile: *juvenile, ..Flags::default() };
                // Another charge than the request speaks of, so that it shows where it is counted.
                let charge = Charge { status: ChargeStatus::Convicted, ncic: None, ..sample::charge() };
                let intake = Intake { flags, charges: vec![charge], ..sample::intake() };
                Some((*custodian, CaseCommand::OpenCustody(intake)))
            }
            Self::Acknowledge { detainer: at, custody: held, finding } => {
                let detainer = detainer(at)?;
                let caller = custodian_of(detainer).unwrap_or("doccs");
                // A custodian matches to a custody of its own.
                let own =
                    |case: &'_ StoredCase| case.custody().is_some_and(|custody| nickname(&custody.custodian) == caller);
                let own: Vec<_> = cases.values().filter(|case| own(case)).collect();
                let custody = match finding {
                    Finding::MatchedCustody if own.is_empty() => return None,
                    Finding::MatchedCustody => Some(held.get(&own).name()),
                    Finding::NoSuchPerson | Finding::IdentityMismatch => None,
                };
                let acknowledgement = sample::found(*finding, custody);
                Some((caller, CaseCommand::AcknowledgeDetainer { detainer: detainer.name.clone(), acknowledgement }))
            }
            Self::Answer { detainer: at, kind } => {
                let detainer = detainer(at)?;
                let answer =
                    CaseCommand::AnswerDetainer { detainer: detainer.name.clone(), answer: sample::answer(*kind) };
                Some((custodian_of(detainer).unwrap_or("nassau"), answer))
            }
            Self::Withdraw { detainer: at } => {
                let detainer = detainer(at)?;
                let command =
                    CaseCommand::WithdrawDetainer { detainer: detainer.name.clone(), reason: LiftReason::CaseClosed };
                Some((nickname(&detainer.issuer), command))
            }
            Self::Schedule { custody: at } => {
                let custody = custody(at)?;
                let command =
                    CaseCommand::ScheduleRelease { custody: custody.name.clone(), release: sample::scheduled() };
                Some((nickname(&custody.custodian), command))
            }
            Self::Release { custody: at } => {
                let custody = custody(at)?;
                let command = CaseCommand::RecordRelease { custody: custody.name.clone(), release: sample::released() };
                Some((nickname(&custody.custodian), command))
            }
        }
    }
}

/// Whether a detainer stands on a custody: it was matched, and has not ended.
pub(super) fn stands_on(detainer: &Detainer, custody: &Custody) -> bool {
    custody.detainers.contains(&detainer.name) && detainer.state.is_active()
}

/// Whether it was declined; then a duty to notify is departed from, with a reason.
pub(super) fn is_declined(detainer: &Detainer) -> bool {
    detainer.state == DetainerState::Declined
}

pub(super) fn nickname(agency: &AgencyId) -> &'static str {
    sample::AGENCIES.into_iter().find(|name| sample::officer(name).agency.id == *agency).unwrap()
}

fn custodian_of(detainer: &Detainer) -> Option<&'static str> {
    match (&detainer.custodian, &detainer.request.addressee) {
        (Some(agency), _) | (None, Addressee::Agency(agency)) => Some(nickname(agency)),
        (None, Addressee::Jurisdiction) => None,
    }
}

fn pick<'a, T>(
    cases: &'a BTreeMap<CaseName, StoredCase>,
    at: Index,
    which: impl Fn(&'a StoredCase) -> Option<&'a T>,
) -> Option<&'a T> {
    let found: Vec<&T> = cases.values().filter_map(which).collect();
    if found.is_empty() { None } else { Some(*at.get(&found)) }
}
