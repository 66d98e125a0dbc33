//! Commands on claims to citizenship. Each side raises and resolves its own claim, in every state but withdrawn: a
//! refusal would reveal to one side what was not disclosed to it.

use crate::domain::case::Case;
use crate::domain::claim::{Claim, ClaimOutcome, Side};
use crate::domain::command::CaseCommand;
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::determination::FieldClass;
use crate::domain::event::{Counts, Disclosure, Event, Party, Record, Revision};
use crate::domain::ids::LogKind;
use crate::domain::permit::Permitted;
use crate::domain::record::{about_detainer, disclosed_classes, disclosure_of, from_issuer, side_of};
use crate::domain::refusal::Refusal;

pub(super) fn raise(case: &Case, permitted: &Permitted<CaseCommand>, claim: &Claim) -> Result<Vec<Record>, Refusal> {
    let detainer = not_withdrawn(case)?;
    let side = side_of(detainer, permitted.caller());
    if is_open(case, detainer, side)? {
        return Err(Refusal::AlreadyRaised);
    }
    claim_records(case, permitted, side, |detainer, disclosure| Event::CitizenshipClaimRaised {
        detainer: detainer.name.clone(),
        side,
        claim: claim.clone(),
        disclosure,
    })
}

pub(super) fn resolve(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    outcome: ClaimOutcome,
    reason: &str,
) -> Result<Vec<Record>, Refusal> {
    let detainer = not_withdrawn(case)?;
    let side = side_of(detainer, permitted.caller());
    if !is_open(case, detainer, side)? {
        return Err(Refusal::NoOpenClaim);
    }
    claim_records(case, permitted, side, |detainer, disclosure| Event::CitizenshipClaimResolved {
        detainer: detainer.name.clone(),
        side,
        outcome,
        reason: reason.to_owned(),
        disclosure,
    })
}

fn not_withdrawn(case: &Case) -> Result<&Detainer, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    if detainer.state == DetainerState::Withdrawn { Err(Refusal::NoLongerStands) } else { Ok(detainer) }
}

/// Whether a side's own claim is open. The custodian's claim is kept on the custody, so it needs to hold the person.
fn is_open(case: &Case, detainer: &Detainer, side: Side) -> Result<bool, Refusal> {
    match side {
        Side::Issuer => Ok(detainer.request.flags.citizenship_claim),
        Side::Custodian => Ok(case.custody.as_ref().ok_or(Refusal::NotMatched)?.intake.flags.citizenship_claim),
    }
}

/// Records a side's claim. The custodian learns of the issuer's claim. The custodian's claim concerns every detainer on
/// the custody, and each issuer learns of it if the law lets it know of safeguards.
fn claim_records(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    side: Side,
    event: impl Fn(&Detainer, Disclosure) -> Event,
) -> Result<Vec<Record>, Refusal> {
    let named = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    match side {
        Side::Issuer => Ok(vec![from_issuer(named, None, event(named, Disclosure::ToIssuer))]),
        Side::Custodian => {
            let custodian = Party::Agency(permitted.caller().agency.id.clone());
            let record = |detainer: &Detainer| {
                let law = permitted.law(&detainer.name)?;
                let disclosed = disclosed_classes(detainer, law, FieldClass::Safeguard, Revision::First);
                let disclosure = disclosure_of(disclosed, FieldClass::Safeguard);
                let counts = Counts::of_request(detainer);
                Some(about_detainer(detainer, &custodian, law, disclosed, counts, event(detainer, disclosure)))
            };
            let first = record(named).ok_or(Refusal::NoSuchCase)?;
            let others = case.active().filter(|detainer| detainer.name != named.name).filter_map(record);
            let disclosed = others.filter(|record| record.log == LogKind::Exchange);
            Ok(std::iter::once(first).chain(disclosed).collect())
        }
    }
}
