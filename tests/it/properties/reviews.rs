//! What is left to a person, under random commands and random law.

use comity::domain::command::CaseCommand;
use comity::domain::detainer::{Detainer, DetainerState};
use comity::domain::determination::{LawView, Ruling};
use comity::domain::event::{Event, Record};
use comity::domain::ids::LogKind;
use comity::domain::review::{Review, ReviewDecision, ReviewMatter, ReviewName, ReviewState};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::any::{self, events};
use crate::properties::decide::{exchanged, issuer_in, take, view};
use crate::properties::steps::{self, Step, step, story};
use crate::properties::tries;
use crate::sample;
use crate::world::World;

proptest! {
    #![proptest_config(tries(512))]

    /// That an officer has refused, and that none has decided yet, is one and the same to whoever asked.
    #[test]
    fn a_refusal_looks_like_a_review_that_waits(steps in story(30), after in vec(step(), 1..12), law in any::law()) {
        let law = LawView { notify: events::determination(Ruling::Review, vec!["sample.notify".to_owned()]), ..law };
        let mut waiting = World::new();
        for step in &steps {
            take(&mut waiting, step, &law);
        }
        let mut refused = waiting.clone();
        for detainer in waiting.detainers() {
            for review in detainer.reviews.iter().filter(|review| review.is_open()) {
                let custodian = steps::nickname(&review.basis.custodian);
                let review = ReviewName { detainer: detainer.name.clone(), matter: review.matter };
                let (decision, ground) = (ReviewDecision::Refuse, sample::ground());
                let resolve = CaseCommand::ResolveReview { review, decision, ground };
                prop_assert_eq!(refused.give(custodian, resolve, &law).map(exchanged).unwrap_or_default(), vec![]);
            }
        }
        waiting.in_step_with(&refused);
        for step in after.iter().filter(|step| !matches!(step, Step::Decide { .. })) {
            let seen = [&mut waiting, &mut refused].map(|world| take(world, step, &law).map(exchanged));
            prop_assert_eq!(&seen[0], &seen[1], "{:?}", step);
            let views = [&waiting, &refused].map(|world| world.detainers().map(view).collect::<Vec<_>>());
            prop_assert_eq!(&views[0], &views[1]);
        }
    }
}

/// What its custodian decides and owes, and when, stands in a log that its issuer does not know of.
pub(super) fn what_a_custodian_decides_and_owes_is_internal(record: &Record) {
    let duty = matches!(
        record.event,
        Event::PromiseSuspended { .. }
            | Event::ReviewOpened { .. }
            | Event::ReviewResolved { .. }
            | Event::ObligationMet { .. }
    );
    assert!(!duty || (record.log == LogKind::Custody && issuer_in(record).is_none()), "{:?}", record.event);
}

/// A notice that the law leaves to a person is with one, or was decided on these very grounds; and nothing waits of a
/// detainer that does not stand.
pub(super) fn what_is_left_to_a_person_waits_for_one(record: &Record, law: &LawView, after: &World) {
    let Some(detainer) = after.detainer(&record.resource) else { return };
    let stands = after.custodies().any(|custody| steps::is_active_on(detainer, custody));
    let state = |matter| detainer.review(matter).map(|review: &Review| review.state);
    if stands && law.notify.ruling == Ruling::Review {
        let review = detainer.review(ReviewMatter::Notify).expect("nobody is asked");
        assert_ne!(review.state, ReviewState::Moot, "nobody is asked any more");
        assert!(law.notify.policies.iter().all(|policy| review.basis.policies.contains(policy)));
        assert_eq!(Some(&review.basis.custodian), detainer.custodian.as_ref());
    } else if stands && law.notify.ruling == Ruling::MustNot && is_suspended(detainer) {
        // What was promised and is forbidden now is for an officer to answer anew.
        assert!(matches!(state(ReviewMatter::Notify), Some(ReviewState::Open | ReviewState::Refused)));
    } else {
        assert_ne!(state(ReviewMatter::Notify), Some(ReviewState::Open), "there is nothing to decide");
    }
    assert!(stands || detainer.reviews.iter().all(|review| !review.is_open()), "it no longer stands");
    if stands && matches!(detainer.state, DetainerState::HoldHonored | DetainerState::NotifyOnly) {
        let permitted = detainer.permits(ReviewMatter::Notify, &law.notify.policies);
        let may = law.notify.ruling != Ruling::Review || permitted;
        assert!(law.notify.ruling != Ruling::MustNot && may, "the law does not allow what is promised");
    }
}

fn is_suspended(detainer: &Detainer) -> bool {
    let promised = detainer.answer.as_ref().is_some_and(|answer| answer.kind.promises());
    promised && detainer.state == DetainerState::UnderReview
}
