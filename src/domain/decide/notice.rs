//! What an issuer is told of the custody that its detainer is linked to: class by class as the law allows, or nothing.

use jiff::Timestamp;

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::custody::{CustodyState, Destination, Movement, ScheduledRelease};
use crate::domain::detainer::{Addressee, Detainer, DetainerState, Finding};
use crate::domain::determination::{FieldClass, FieldClasses, LawView, Ruling};
use crate::domain::disclosure::{notice_permitted_by_officer, visible_to_issuer};
use crate::domain::event::{Change, Counts, Event, Party, Record, Revision, retraction};
use crate::domain::permit::Permitted;
use crate::domain::record::{about_detainer, counts, disclosed_classes, disclosure_of};

/// Notice of an expected release, if the law allows it.
pub(super) fn notice(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    release: &ScheduledRelease,
) -> Option<Record> {
    let law = permitted.law(&detainer.name)?;
    let disclosed = visible_to_issuer(detainer, law).classes;
    if !may_notify(detainer, law) || !disclosed.contains(FieldClass::ReleaseDate) {
        return None;
    }
    let event = Event::ReleaseNoticed { detainer: detainer.name.clone(), release: release.clone() };
    let counts = counts(detainer, case, permitted, disclosed);
    Some(about_detainer(detainer, &caller(permitted), law, disclosed, counts, event))
}

/// Notice of a release that was scheduled before this command allowed notice of it, unless notice was given already.
/// `after` is the detainer as the command leaves it.
pub(super) fn belated_notice(after: &Detainer, case: &Case, permitted: &Permitted<CaseCommand>) -> Option<Record> {
    // Once the person has left, an expected release is no longer disclosed.
    let custody = case.custody.as_ref().filter(|custody| custody.state == CustodyState::ReleaseScheduled)?;
    let scheduled = custody.scheduled.as_ref()?;
    let given = after.notice_index.is_some();
    notice(after, case, permitted, scheduled).filter(|_| !given)
}

/// Notice of the end of the custody, by a release or otherwise, if the law allows it.
pub(super) fn ending(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    event: Event,
    released_at: Option<Timestamp>,
) -> Option<Record> {
    let law = permitted.law(&detainer.name)?;
    let disclosed = visible_to_issuer(detainer, law).classes;
    // If neither the date nor the reason may be disclosed, there is no notice: an empty one would reveal the end.
    let reveals = disclosed.contains(FieldClass::ReleaseDate) || disclosed.contains(FieldClass::ReleaseDetail);
    if !may_notify(detainer, law) || !reveals {
        return None;
    }
    Some(about_detainer(
        detainer,
        &caller(permitted),
        law,
        disclosed,
        lead_time(detainer, case, permitted, disclosed, released_at),
        event,
    ))
}

/// Corrects a notice of release. If the release may no longer be disclosed to the issuer, it still learns that the earlier
/// notice no longer holds.
pub(super) fn release_corrected(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    event: Event,
    released_at: Timestamp,
) -> Option<Record> {
    let law = permitted.law(&detainer.name)?;
    let before = detainer.ended_from.map(|state| Detainer { state, ..detainer.clone() });
    let visible = before.filter(|before| may_notify(before, law)).map(|before| visible_to_issuer(&before, law).classes);
    let disclosed = visible.unwrap_or_default().union(retraction());
    let counts = lead_time(detainer, case, permitted, disclosed, Some(released_at));
    Some(about_detainer(detainer, &caller(permitted), law, disclosed, counts, event))
}

/// Whether the issuer knows from disclosures that the person is or was in a custody.
pub(super) fn knows_of_custody(detainer: &Detainer) -> bool {
    let view = &detainer.issuer_view;
    let holder_answered = view.answer.is_some() && detainer.request.addressee == Addressee::Jurisdiction;
    holder_answered
        || knows_of_promise(detainer)
        || view.finding == Some(Finding::MatchedCustody)
        || view.service.is_some()
        || detainer.interview.as_ref().is_some_and(|asked| asked.told_as == Some(FieldClass::Custody))
        || view.ended_from.is_some()
        || detainer.notice_index.is_some()
        || !view.eligibilities.is_empty()
        || detainer.transfers.iter().any(|transfer| transfer.state.is_open())
}

/// Whether the issuer knows of a promise of hold or notice.
pub(super) fn knows_of_promise(detainer: &Detainer) -> bool {
    detainer.issuer_view.answer.as_ref().is_some_and(|answer| answer.kind.promises())
}

/// Notice of a change of the custody to an issuer that knows of the custody, if the law allows it.
pub(super) fn change_notice(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    change: &Change,
) -> Option<Record> {
    let law = permitted.law(&detainer.name)?;
    let matched = detainer.state.is_active() && detainer.issuer_view.finding == Some(Finding::MatchedCustody);
    let (revealed_class, revision, concerned) = match change {
        Change::Charges(_) => (FieldClass::Charges, Revision::First, matched),
        // A corrected misidentification goes to every issuer that knows of the custody.
        Change::Identity(_) => (FieldClass::Identity, Revision::Corrected, knows_of_custody(detainer)),
        // An issuer with a promise learns that the next custodian must promise anew.
        Change::Movement(Movement { to: Destination::Agency(..), .. })
            if detainer.state.is_active() && knows_of_promise(detainer) =>
        {
            (FieldClass::Custody, Revision::Corrected, true)
        }
        Change::Movement(_) => (FieldClass::Custody, Revision::First, matched),
        Change::Closing(_) => return None,
    };
    let disclosed = disclosed_classes(detainer, law, revealed_class, revision);
    if !concerned || disclosed == FieldClasses::NONE {
        return None;
    }
    let disclosure = disclosure_of(disclosed, revealed_class);
    let event = Event::CustodyNoticed { detainer: detainer.name.clone(), change: change.clone(), disclosure };
    let counts = counts(detainer, case, permitted, disclosed);
    Some(about_detainer(detainer, &caller(permitted), law, disclosed, counts, event))
}

/// Facts for statistics. The lead time is among them only if the date of release is disclosed, because it would reveal that
/// date.
fn lead_time(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    disclosed: FieldClasses,
    released_at: Option<Timestamp>,
) -> Counts {
    let delivered = case.first_delivery.get(&detainer.name);
    let released_at = released_at.filter(|_| disclosed.contains(FieldClass::ReleaseDate));
    let lead = released_at.zip(delivered).map(|(released, at)| released.as_second().saturating_sub(at.as_second()));
    Counts { lead_time_seconds: lead, ..counts(detainer, case, permitted, disclosed) }
}

fn caller(permitted: &Permitted<CaseCommand>) -> Party {
    Party::Agency(permitted.caller().agency.id.clone())
}

/// Whether the issuer gets notice of a release. If notice is a duty: unless the custodian declined. If it is allowed:
/// only if the custodian promised it. If a person decides: only if an officer permitted it on these very grounds.
pub(super) fn may_notify(detainer: &Detainer, law: &LawView) -> bool {
    let promised = match detainer.state {
        DetainerState::HoldHonored | DetainerState::NotifyOnly => true,
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::Declined
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Duplicate
        | DetainerState::NotInCustody
        | DetainerState::NotFoundInTime
        | DetainerState::Released
        | DetainerState::Closed
        | DetainerState::Withdrawn => false,
    };
    match law.notify.ruling {
        Ruling::Must => detainer.state != DetainerState::Declined,
        Ruling::May => promised,
        Ruling::MustNot => false,
        Ruling::Review => detainer.state != DetainerState::Declined && notice_permitted_by_officer(detainer, law),
    }
}
