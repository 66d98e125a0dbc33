//! Reviews: opened by the command that leaves a matter to a person, decided by an officer, moot once there is nothing
//! to decide. Their entries stay within the jurisdiction. What goes out after a decision looks as if nobody had to
//! decide it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::agency::{ActorKind, Caller};
use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::custody::Custody;
use crate::domain::decide::eligibility;
use crate::domain::decide::notice::{belated_notice, may_notify};
use crate::domain::detainer::promise::suspend;
use crate::domain::detainer::{Answer, AnswerKind, Detainer, DetainerState};
use crate::domain::determination::{Determination, FieldClass, LawView, Ruling};
use crate::domain::disclosure::release_left_to_officer;
use crate::domain::event::{Event, Record};
use crate::domain::ids::CaseName;
use crate::domain::permit::Permitted;
use crate::domain::record::{holding_and_notice, internal_about_detainer};
use crate::domain::refusal::Refusal;
use crate::domain::review::{Basis, Ground, Review, ReviewDecision, ReviewMatter, ReviewState};
use crate::domain::timetable::{ReviewTimes, Timetable};

/// An officer decides a review. A notice that waited for the decision goes out with it.
pub(super) fn resolve(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    matter: ReviewMatter,
    decision: ReviewDecision,
    ground: &Ground,
    now: Timestamp,
) -> Result<Vec<Record>, Refusal> {
    let detainer = case.detainer.as_ref().ok_or(Refusal::NoSuchCase)?;
    let review = detainer.review(matter).ok_or(Refusal::NoSuchCase)?;
    if !review.is_open() {
        return Err(Refusal::NothingLeftOpen);
    }
    if matter == ReviewMatter::CitizenshipClaim {
        return Err(Refusal::ClaimStands);
    }
    let decided = Review {
        state: decision.state(),
        ground: Some(ground.clone()),
        updated_at: now,
        version: review.version.saturating_add(1),
        ..review.clone()
    };
    let mut after = detainer.clone();
    after.put_review(&decided);
    let mut records = vec![recorded(detainer, permitted.law(&detainer.name), decided)];
    records.extend(belated_notice(&after, case, permitted));
    records.extend(eligibility::belated(&after, case, permitted));
    Ok(records)
}

/// The reviews that an officer decides by an answer with a reason, or that a pending-review answer reopens.
pub(super) fn decided_by_answer(
    detainer: &Detainer,
    caller: &Caller,
    law: &LawView,
    answer: &Answer,
    now: Timestamp,
) -> Vec<Review> {
    let (hold, notify) = match answer.kind {
        AnswerKind::HonorHold => (ReviewDecision::Permit, ReviewDecision::Permit),
        AnswerKind::NotifyOnly => (ReviewDecision::Refuse, ReviewDecision::Permit),
        AnswerKind::Decline => (ReviewDecision::Refuse, ReviewDecision::Refuse),
        AnswerKind::PendingReview => return permissions_revoked(detainer, now),
    };
    let citation = Some(answer.legal_basis.clone());
    let ground = answer.reason.clone().map(|reason| Ground { reason, citation });
    let Some(ground) = ground.filter(|_| is_officer(caller)) else { return Vec::new() };
    let asked_for = detainer.request.form.asks_for_hold();
    let hold = (ReviewMatter::Hold, &law.hold, hold);
    let notify = (ReviewMatter::Notify, &law.notify, notify);
    let decided = [Some(hold).filter(|_| asked_for), Some(notify)].into_iter().flatten();
    decided
        .filter_map(|(matter, asked, decision)| decided_review(detainer, (matter, asked), decision, &ground, now))
        .collect()
}

/// An answer that a person must decide first takes back what an officer permitted.
fn permissions_revoked(detainer: &Detainer, now: Timestamp) -> Vec<Review> {
    let permitted = [ReviewMatter::Hold, ReviewMatter::Notify].into_iter().filter_map(|matter| detainer.review(matter));
    let permitted = permitted.filter(|review| review.state == ReviewState::Permitted);
    permitted
        .map(|review| Review {
            state: ReviewState::Moot,
            updated_at: now,
            version: review.version.saturating_add(1),
            ..review.clone()
        })
        .collect()
}

/// The review that an officer decides by offering a window with a reason.
pub(super) fn decided_by_offer(
    detainer: &Detainer,
    permitted: &Permitted<CaseCommand>,
    reason: Option<&String>,
    now: Timestamp,
) -> Option<Review> {
    let law = permitted.law(&detainer.name)?;
    let reason = reason.filter(|_| is_officer(permitted.caller()))?;
    let ground = Ground { reason: reason.clone(), citation: None };
    decided_review(detainer, (ReviewMatter::Transfer, &law.transfer), ReviewDecision::Permit, &ground, now)
}

/// The decided review, if the law leaves the matter to a person and it was not decided in the same way before.
fn decided_review(
    detainer: &Detainer,
    (matter, asked): (ReviewMatter, &Determination),
    decision: ReviewDecision,
    ground: &Ground,
    now: Timestamp,
) -> Option<Review> {
    let refuses = decision == ReviewDecision::Refuse && detainer.review(matter).is_some_and(Review::is_open);
    match asked.ruling {
        Ruling::Review => {}
        // A promise that the law came to forbid was put before an officer as a review.
        Ruling::MustNot if refuses => {}
        Ruling::MustNot | Ruling::May | Ruling::Must => return None,
    }
    let basis = detainer.basis(&asked.policies)?;
    let state = decision.state();
    let before = detainer.review(matter);
    if before.is_some_and(|before| before.state == state && before.basis == basis) {
        return None;
    }
    let question = Question { basis, grounds: asked.reviews.clone(), citations: asked.citations.clone() };
    let ground = Some(ground.clone());
    Some(Review { state, ground, ..opened(matter, question, before, (now, now)) })
}

fn is_officer(caller: &Caller) -> bool {
    caller.actor.as_ref().is_some_and(|actor| actor.kind == ActorKind::Officer)
}

/// What the law leaves to a person in one matter of a detainer.
struct Question {
    basis: Basis,
    grounds: Vec<String>,
    citations: Vec<String>,
}

impl Question {
    /// Whether an officer permitted what the law now forbids.
    fn is_permitted_in_vain(&self, before: &Review) -> bool {
        let forbidden = self.grounds.iter().any(|ground| ground == NO_LONGER_ALLOWED);
        forbidden && before.state == ReviewState::Permitted
    }
}

/// Whether anything about a detainer can be left to a person: it is active and matched to this custody under its
/// present custodian.
pub fn is_active_on(detainer: &Detainer, custody: &Custody) -> bool {
    let matched = detainer
        .basis(&[])
        .is_some_and(|basis| (&basis.custody, &basis.custodian) == (&custody.name, &custody.custodian));
    matched && detainer.state.is_active()
}

/// The reviews that a command opens or makes moot: for every detainer as the command leaves it, by the present law.
pub fn follow(
    case: &Case,
    laws: &BTreeMap<CaseName, LawView>,
    (times, timetable): (&ReviewTimes, &Timetable),
    now: Timestamp,
) -> Vec<Record> {
    let mut records = Vec::new();
    for before in case.concerned() {
        let law = laws.get(&before.name);
        let suspended = law.filter(|law| !promise_is_lawful(before, law)).map(|law| suspending(before, law));
        let detainer = &after(before, suspended.as_ref());
        records.extend(suspended);
        for matter in ReviewMatter::ALL {
            let custody = case.custody.as_ref().filter(|custody| is_active_on(detainer, custody));
            let asked = custody.zip(law).and_then(|(custody, law)| question(*matter, detainer, custody, law));
            let due_at = custody.map_or(now, |custody| times.due(*matter, custody, timetable, now));
            let due = (now, due_at);
            let next = next(*matter, detainer, asked, due);
            records.extend(next.map(|review| recorded(detainer, law, review)));
        }
    }
    records
}

/// The ground of a review of a promise that the law came to forbid.
const NO_LONGER_ALLOWED: &str = "what was promised is no longer allowed";

/// Whether the law still allows what a detainer promises, or an officer permitted it on these very grounds.
fn promise_is_lawful(detainer: &Detainer, law: &LawView) -> bool {
    let allowed = |matter: ReviewMatter, asked: &Determination| match asked.ruling {
        Ruling::Must | Ruling::May => true,
        Ruling::Review => detainer.permits(matter, &asked.policies),
        Ruling::MustNot => false,
    };
    let unasked = !detainer.request.form.asks_for_hold() && law.hold.ruling == Ruling::Review;
    match detainer.state {
        DetainerState::HoldHonored => {
            (unasked || allowed(ReviewMatter::Hold, &law.hold)) && allowed(ReviewMatter::Notify, &law.notify)
        }
        DetainerState::NotifyOnly => allowed(ReviewMatter::Notify, &law.notify),
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
        | DetainerState::Withdrawn => true,
    }
}

/// Records that a promise is suspended. Its issuer does not learn of it: the law narrows what it sees.
fn suspending(detainer: &Detainer, law: &LawView) -> Record {
    let custodian = detainer.custodian.clone().unwrap_or_else(|| detainer.issuer.clone());
    let event = Event::PromiseSuspended { detainer: detainer.name.clone() };
    let record = internal_about_detainer(detainer, custodian, Some(law.policy_digest), event);
    Record { determinations: holding_and_notice(&detainer.name, law), ..record }
}

/// The detainer, with its promise suspended if it is.
fn after(detainer: &Detainer, suspended: Option<&Record>) -> Detainer {
    let mut after = detainer.clone();
    if suspended.is_some() {
        suspend(&mut after);
    }
    after
}

/// The next state of a review. `None`: it stays as it is.
fn next(
    matter: ReviewMatter,
    detainer: &Detainer,
    asked: Option<Question>,
    due: (Timestamp, Timestamp),
) -> Option<Review> {
    let (before, (now, due_at)) = (detainer.review(matter), due);
    let again =
        |before: &Review| Review { updated_at: now, version: before.version.saturating_add(1), ..before.clone() };
    // A release does not decide a review; it overtakes it.
    let end =
        if detainer.state == DetainerState::Released { ReviewState::ReleasedUndecided } else { ReviewState::Moot };
    match (before, asked) {
        (Some(before), None) if before.is_open() => Some(Review { state: end, ..again(before) }),
        (None | Some(_), None) => None,
        (Some(before), Some(asked)) if before.is_open() && before.basis == asked.basis => {
            // An earlier expected release moves the due time forward. Nothing postpones it.
            (due_at < before.due_at).then(|| Review { due_at, ..again(before) })
        }
        (Some(before), Some(asked)) if before.decides(&asked.basis) && !asked.is_permitted_in_vain(before) => None,
        (before, Some(asked)) => Some(opened(matter, asked, before, due)),
    }
}

/// A review as opened. If one is open already, the new one is due no later: new grounds do not postpone it.
fn opened(matter: ReviewMatter, asked: Question, before: Option<&Review>, due: (Timestamp, Timestamp)) -> Review {
    let waiting = before.filter(|before| before.is_open());
    let (opened_at, due_at) = waiting.map_or(due, |waiting| (waiting.opened_at, waiting.due_at.min(due.1)));
    let Question { basis, grounds, citations } = asked;
    Review {
        matter,
        state: ReviewState::Open,
        basis,
        grounds,
        citations,
        ground: None,
        opened_at,
        due_at,
        updated_at: due.0,
        version: before.map_or(0, |before| before.version).saturating_add(1),
    }
}

/// The question that the law leaves to a person in a matter, whatever was decided of it before.
fn question(matter: ReviewMatter, detainer: &Detainer, custody: &Custody, law: &LawView) -> Option<Question> {
    let asked_by = |determination: &Determination| {
        let left = determination.ruling == Ruling::Review;
        left.then(|| (determination.policies.clone(), determination.reviews.clone(), determination.citations.clone()))
    };
    let answered = detainer.answer.as_ref().map(|answer| answer.kind);
    // A promise that the law came to forbid must be answered anew by an officer.
    let asked_by = |asked: &Determination, kinds: &[AnswerKind]| {
        let promised =
            detainer.state == DetainerState::UnderReview && answered.is_some_and(|kind| kinds.contains(&kind));
        let forbidden = promised && asked.ruling == Ruling::MustNot;
        let broken = || (asked.policies.clone(), vec![NO_LONGER_ALLOWED.to_owned()], asked.citations.clone());
        asked_by(asked).or_else(|| forbidden.then(broken))
    };
    let (policies, grounds, citations) = match matter {
        ReviewMatter::Hold if detainer.request.form.asks_for_hold() => asked_by(&law.hold, &[AnswerKind::HonorHold]),
        ReviewMatter::Hold => None,
        ReviewMatter::Notify => asked_by(&law.notify, &[AnswerKind::HonorHold, AnswerKind::NotifyOnly]),
        ReviewMatter::Transfer => match detainer.state {
            DetainerState::HoldHonored | DetainerState::NotifyOnly => asked_by(&law.transfer, &[]),
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
            | DetainerState::Withdrawn => None,
        },
        ReviewMatter::Disclose => {
            let due = custody.scheduled.is_some() && may_notify(detainer, law);
            // If the notice itself is left to a person, this is decided with it.
            let apart = due && law.notify.ruling != Ruling::Review && law.review.contains(FieldClass::ReleaseDate);
            release_left_to_officer(law).filter(|_| apart).and_then(|open| asked_by(open, &[]))
        }
        ReviewMatter::CitizenshipClaim => claims(detainer, custody),
    }?;
    Some(Question { basis: detainer.basis(&policies)?, grounds, citations })
}

/// The open claims. Each side resolves its own.
fn claims(detainer: &Detainer, custody: &Custody) -> Option<(Vec<String>, Vec<String>, Vec<String>)> {
    let custodians = custody.intake.flags.citizenship_claim.then_some(("custodian", "the custodian raised a claim"));
    let issuers = detainer.request.flags.citizenship_claim.then_some(("issuer", "the requester raised a claim"));
    let open: Vec<_> = [custodians, issuers].into_iter().flatten().collect();
    let (sides, grounds): (Vec<&str>, Vec<&str>) = open.into_iter().unzip();
    let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
    (!sides.is_empty()).then(|| (owned(sides), owned(grounds), Vec::new()))
}

/// Records a review as it now stands.
pub(super) fn recorded(detainer: &Detainer, law: Option<&LawView>, review: Review) -> Record {
    let custodian = review.basis.custodian.clone();
    let (name, is_open) = (detainer.name.clone(), review.is_open());
    let review = Box::new(review);
    let event = if is_open {
        Event::ReviewOpened { detainer: name, review }
    } else {
        Event::ReviewResolved { detainer: name, review }
    };
    internal_about_detainer(detainer, custodian, law.map(|law| law.policy_digest), event)
}
