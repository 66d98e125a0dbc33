//! What an issuer is told of the custody that its detainer stands on: under the law, class by class, or not at all.

use jiff::Timestamp;

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::custody::{CustodyState, Destination, Movement, ScheduledRelease};
use crate::domain::detainer::{Addressee, Detainer, DetainerState, Finding};
use crate::domain::determination::{FieldClass, FieldClasses, LawView, Ruling};
use crate::domain::disclosure::{notice_permitted_by_officer, visible_to_issuer};
use crate::domain::event::{Change, Counts, Event, Party, Record, Revision, retraction};
use crate::domain::permit::Permitted;
use crate::domain::record::{about_detainer, classes_shown, counts, disclosure_of};

/// Tells the issuer of an expected release, where the law lets it be told.
pub(super) fn notice(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    release: &ScheduledRelease,
) -> Option<Record> {
    let law = permitted.law(&detainer.name)?;
    let shown = visible_to_issuer(detainer, law).classes;
    if !may_notify(detainer, law) || !shown.contains(FieldClass::ReleaseDate) {
        return None;
    }
    let event = Event::ReleaseNoticed { detainer: detainer.name.clone(), release: release.clone() };
    let counts = counts(detainer, case, permitted, shown);
    Some(about_detainer(detainer, &caller(permitted), law, shown, counts, event))
}

/// The notice of a release that was scheduled before this command let it be told, unless it was given before. The
/// detainer is as the command leaves it.
pub(super) fn belated_notice(after: &Detainer, case: &Case, permitted: &Permitted<CaseCommand>) -> Option<Record> {
    // Once the person has left, what was expected is told of no more.
    let custody = case.custody.as_ref().filter(|custody| custody.state == CustodyState::ReleaseScheduled)?;
    let scheduled = custody.scheduled.as_ref()?;
    let given = after.notice_index.is_some();
    notice(after, case, permitted, scheduled).filter(|_| !given)
}

/// Tells the issuer of the end of the custody, where the law lets it be told: of a release, or of another end.
pub(super) fn ending(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    event: Event,
    released_at: Option<Timestamp>,
) -> Option<Record> {
    let law = permitted.law(&detainer.name)?;
    let shown = visible_to_issuer(detainer, law).classes;
    // Where neither when nor why may be shown there is no notice: its mere trace in the issuer's view would be one.
    let speaks = shown.contains(FieldClass::ReleaseDate) || shown.contains(FieldClass::ReleaseDetail);
    if !may_notify(detainer, law) || !speaks {
        return None;
    }
    Some(about_detainer(
        detainer,
        &caller(permitted),
        law,
        shown,
        lead_time(detainer, case, permitted, shown, released_at),
        event,
    ))
}

/// Tells the issuer better what it was told of the release. Where it may no longer be told of it, it learns at least that
/// what it knows no longer stands.
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
    let shown = visible.unwrap_or_default().union(retraction());
    let counts = lead_time(detainer, case, permitted, shown, Some(released_at));
    Some(about_detainer(detainer, &caller(permitted), law, shown, counts, event))
}

/// Whether the issuer knows, from what it was told, that the person is or was in a custody.
pub(super) fn knows_of_custody(detainer: &Detainer) -> bool {
    let shown = &detainer.issuer_view;
    let holder_answered = shown.answer.is_some() && detainer.request.addressee == Addressee::Jurisdiction;
    holder_answered
        || knows_of_promise(detainer)
        || shown.finding == Some(Finding::MatchedCustody)
        || shown.service.is_some()
        || shown.ended_from.is_some()
        || detainer.notice_index.is_some()
        || detainer.transfers.iter().any(|transfer| transfer.state.is_open())
}

/// Whether the issuer was promised hold or notice.
pub(super) fn knows_of_promise(detainer: &Detainer) -> bool {
    detainer.issuer_view.answer.as_ref().is_some_and(|answer| answer.kind.promises())
}

/// Tells an issuer that was told of the custody what changed in it, where the law lets it see that.
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
        // The correction of a misidentification reaches everyone who was told.
        Change::Identity(_) => (FieldClass::Identity, Revision::Corrected, knows_of_custody(detainer)),
        // Whoever was promised something learns that it is to be promised anew.
        Change::Movement(Movement { to: Destination::Agency(..), .. })
            if detainer.state.is_active() && knows_of_promise(detainer) =>
        {
            (FieldClass::Custody, Revision::Corrected, true)
        }
        Change::Movement(_) => (FieldClass::Custody, Revision::First, matched),
        Change::Closing(_) => return None,
    };
    let shown = classes_shown(detainer, law, revealed_class, revision);
    if !concerned || shown == FieldClasses::NONE {
        return None;
    }
    let disclosure = disclosure_of(shown, revealed_class);
    let event = Event::CustodyNoticed { detainer: detainer.name.clone(), change: change.clone(), disclosure };
    let counts = counts(detainer, case, permitted, shown);
    Some(about_detainer(detainer, &caller(permitted), law, shown, counts, event))
}

/// The facts for counting, and the lead time where the date of the release is shown: it would tell it.
fn lead_time(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    shown: FieldClasses,
    released_at: Option<Timestamp>,
) -> Counts {
    let delivered = case.first_delivery.get(&detainer.name);
    let released_at = released_at.filter(|_| shown.contains(FieldClass::ReleaseDate));
    let lead = released_at.zip(delivered).map(|(released, at)| released.as_second().saturating_sub(at.as_second()));
    Counts { lead_time_seconds: lead, ..counts(detainer, case, permitted, shown) }
}

fn caller(permitted: &Permitted<CaseCommand>) -> Party {
    Party::Agency(permitted.caller().agency.id.clone())
}

/// Whether a release may be told: a duty, unless the custodian declined with a reason; where it is allowed, only if
/// the custodian said it would; where a person decides, only if one has decided this very question.
pub(super) fn may_notify(detainer: &Detainer, law: &LawView) -> bool {
    let promised = match detainer.state {
        DetainerState::HoldHonored | DetainerState::NotifyOnly => true,
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::Declined
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
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
