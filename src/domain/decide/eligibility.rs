//! When a person becomes eligible for a release, and who is told.

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::custody::{CustodyState, ReleaseEligibility};
use crate::domain::decide::custody::held;
use crate::domain::decide::notice::may_notify;
use crate::domain::detainer::Detainer;
use crate::domain::determination::FieldClass;
use crate::domain::disclosure::visible_to_issuer;
use crate::domain::event::{Counts, Disclosure, Event, Party, Record};
use crate::domain::permit::Permitted;
use crate::domain::record::{about_custody, about_detainer, counts, retraction_record, rulings_on_all};
use crate::domain::refusal::Refusal;

pub(super) fn record(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    eligibility: &ReleaseEligibility,
) -> Result<Vec<Record>, Refusal> {
    let custody = held(case)?;
    let (determinations, digest) = rulings_on_all(case, permitted);
    let event = Event::EligibilityRecorded { custody: custody.name.clone(), eligibility: eligibility.clone() };
    let mut records = vec![about_custody(custody, Counts::default(), determinations, digest, event)];
    records.extend(case.active().filter(|detainer| !knows(detainer, eligibility)).filter_map(|detainer| {
        notice(detainer, case, permitted, eligibility).or_else(|| retracted(detainer, eligibility))
    }));
    Ok(records)
}

/// Notice of what was recorded before this command allowed notice of it. `after` is the detainer as the command leaves
/// it. Where the date of a release is public, the law may have been asked of that date, so nothing is told of another.
pub(super) fn belated(after: &Detainer, case: &Case, permitted: &Permitted<CaseCommand>) -> Vec<Record> {
    let held = |state| matches!(state, CustodyState::Held | CustodyState::ReleaseScheduled);
    let custody = case.custody.as_ref().filter(|custody| held(custody.state));
    let custody = custody.filter(|custody| !custody.scheduled.as_ref().is_some_and(|release| release.date_public));
    let recorded = custody.map_or(&[][..], |custody| &custody.eligibilities);
    let news = recorded.iter().filter(|eligibility| !knows(after, eligibility));
    news.filter_map(|eligibility| notice(after, case, permitted, eligibility)).collect()
}

/// Whether the issuer was told this very date.
fn knows(detainer: &Detainer, eligibility: &ReleaseEligibility) -> bool {
    let same = |told: &ReleaseEligibility| told.kind == eligibility.kind && told.eligible_on == eligibility.eligible_on;
    detainer.issuer_view.eligibilities.iter().any(same)
}

/// Notice of an eligibility, if the law allows notice of a release and shows its date.
fn notice(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    eligibility: &ReleaseEligibility,
) -> Option<Record> {
    let law = permitted.law(&detainer.name)?;
    let disclosed = visible_to_issuer(detainer, law).classes;
    if !may_notify(detainer, law) || !disclosed.contains(FieldClass::ReleaseDate) {
        return None;
    }
    let event = noticed(detainer, eligibility, Disclosure::ToIssuer);
    let custodian = Party::Agency(permitted.caller().agency.id.clone());
    let counts = counts(detainer, case, permitted, disclosed);
    Some(about_detainer(detainer, &custodian, law, disclosed, counts, event))
}

/// An issuer that was told another date learns that it no longer stands.
fn retracted(detainer: &Detainer, eligibility: &ReleaseEligibility) -> Option<Record> {
    let told = detainer.issuer_view.eligibilities.iter().any(|told| told.kind == eligibility.kind);
    told.then(|| retraction_record(detainer, noticed(detainer, eligibility, Disclosure::Retraction)))
}

fn noticed(detainer: &Detainer, eligibility: &ReleaseEligibility, disclosure: Disclosure) -> Event {
    Event::EligibilityNoticed { detainer: detainer.name.clone(), eligibility: eligibility.clone(), disclosure }
}
