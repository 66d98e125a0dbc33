//! Obligations: owed from the act that they follow from, until they are met.

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::detainer::Detainer;
use crate::domain::determination::Obligation;
use crate::domain::event::{Event, Record};
use crate::domain::obligation::{Evidence, OwedObligation};
use crate::domain::permit::Permitted;
use crate::domain::record::internal_about_detainer;
use crate::domain::refusal::Refusal;

/// The agency that owes it says that it was met. It may do so late, and whatever became of the detainer.
pub(super) fn meet(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    obligation: Obligation,
    evidence: &Evidence,
) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    let owed = detainer.owed(obligation).ok_or(Refusal::NoSuchCase)?;
    if owed.custodian != permitted.caller().agency.id {
        return Err(Refusal::NoSuchCase);
    }
    if !owed.is_open() {
        return Err(Refusal::AlreadyMet);
    }
    Ok(vec![met(detainer, owed, evidence.clone())])
}

/// Obligations that an earlier record meets, whichever came first.
pub fn met_by_record(case: &Case) -> Vec<Record> {
    let mut records = Vec::new();
    for detainer in case.concerned() {
        let open = detainer.obligations.iter().filter(|owed| owed.is_open());
        records.extend(open.filter_map(|owed| {
            let evidence = detainer.recorded_evidence(owed.obligation)?;
            Some(met(detainer, owed, evidence))
        }));
    }
    records
}

fn met(detainer: &Detainer, owed: &OwedObligation, evidence: Evidence) -> Record {
    let version = owed.version.saturating_add(1);
    let owed = Box::new(OwedObligation { evidence: Some(evidence), version, ..owed.clone() });
    let custodian = owed.custodian.clone();
    internal_about_detainer(detainer, custodian, None, Event::ObligationMet { detainer: detainer.name.clone(), owed })
}
