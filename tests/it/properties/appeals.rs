//! Appeals go over the wire and come back; and to an issuer nothing of them rests on what it was not told.

use comity::domain::appeal::{
    AppealAnswer, AppealAnswerKind, AppealItem, AppealItemView, AppealViewpoint, Bar, DisclosedAnswer, Issue, Selection,
};
use comity::domain::command::CaseCommand;
use comity::domain::determination::LawAction;
use comity::domain::disclosure::IssuerClasses;
use comity::domain::ids::CaseName;
use comity::wire::v1;
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use crate::harness::appeals::{DUE_AT, answered, answered_by_law, appeal_by, appeal_over};
use crate::harness::requests::REASON;
use crate::properties::requests::{REQUEST_ID, check, faults};
use crate::properties::steps::{redacted_for_issuer, step};
use crate::properties::{any, tries};
use crate::sample;
use crate::world::World;

fn answer() -> impl Strategy<Value = AppealAnswer> {
    (any::word(), option::of(any::reason())).prop_map(|(kind, reason)| AppealAnswer {
        kind,
        legal_basis: "a statute".to_owned(),
        reason,
        occurred_at: None,
    })
}

fn item() -> impl Strategy<Value = AppealItem> {
    let told = (answer(), any::word()).prop_map(|(answer, revealed_class)| DisclosedAnswer { answer, revealed_class });
    let bar = any::<bool>().prop_map(|barred| {
        barred.then(|| Bar {
            action: LawAction::Hold,
            also: vec![LawAction::Transfer],
            citations: vec!["a case".to_owned()],
        })
    });
    (option::of(answer()), option::of(told), bar).prop_map(|(given, disclosed, barred)| AppealItem {
        given,
        disclosed,
        barred,
    })
}

proptest! {
    #![proptest_config(tries(64))]

    /// Whatever happened to its detainers out of its sight, and whatever their custodian answered out of its sight.
    #[test]
    fn an_issuer_sees_of_an_appeal_what_it_was_told(
        steps in vec(step(), 1..30),
        law in any::law(),
        item in item(),
        classes in any::classes(),
    ) {
        let mut world = World::new();
        for step in steps {
            if let Some((caller, command)) = step.command(&world.cases) {
                let _refused = world.give(caller, command, &law);
            }
        }
        let untold = AppealItem { given: None, ..item.clone() };
        for detainer in world.detainers() {
            let tellable = IssuerClasses { classes, of_pick_ups: classes };
            let seen = AppealItemView::of(&detainer.redacted_for_issuer(tellable), &item, AppealViewpoint::Issuer(classes));
            let twin = AppealItemView::of(&redacted_for_issuer(detainer).redacted_for_issuer(tellable), &untold, AppealViewpoint::Issuer(classes));
            prop_assert_eq!(&seen, &twin);
            if let Some(told) = seen.answer {
                prop_assert!(classes.contains(item.disclosed.as_ref().unwrap().revealed_class));
                prop_assert_eq!(told, item.disclosed.as_ref().unwrap().answer.clone());
            }
        }
    }
}

/// Ids come as bytes, each once and in order; of a filter nothing is found yet.
#[test]
fn an_appeal_reads_back() {
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let name = |id| CaseName::detainer(sample::jurisdiction(), id).to_string();
    let (one_name, other_name) = (name(one), name(other));
    let mut request = appeal_over(&[&other_name, &one_name, &other_name]);
    REQUEST_ID.clone_into(&mut request.request_id);
    let due_at = Timestamp::from_second(DUE_AT).unwrap();
    let ground = request.appeal.as_ref().unwrap().ground.clone();
    let issue =
        |selection| CaseCommand::IssueAppeal(Box::new(Issue { selection, ground, due_at, members: Vec::new() }));
    check(&request, &issue(Selection::Listed([one, other].into())));
    let appeal = CaseName::appeal(sample::jurisdiction(), other);
    let mut request = answered(&appeal.to_string(), &one_name, v1::AppealAnswerKind::WillHold);
    REQUEST_ID.clone_into(&mut request.request_id);
    let answer = AppealAnswer {
        kind: AppealAnswerKind::WillHold,
        legal_basis: "Correction Law 1".to_owned(),
        reason: Some(REASON.to_owned()),
        occurred_at: None,
    };
    check(&request, &CaseCommand::AnswerAppeal { appeal, detainer: one_name.parse().unwrap(), answer });
}

/// Fields at fault.
#[test]
fn an_appeal_at_fault_is_told_in_which_field() {
    let name = |collection: &str| format!("jurisdictions/us-ny/{collection}/{REQUEST_ID}");
    let detainer = name("detainers");
    let appeal = name("appeals");
    let over = appeal_over(&[&detainer]);
    faults(&over, |bad| bad.detainer_ids[0].truncate(15), &["detainer_ids[0]"]);
    faults(&over, |bad| bad.filter = Some(v1::AppealFilter::default()), &["filter"]);
    faults(&over, |bad| bad.detainer_ids.clear(), &["filter"]);
    faults(&over, |bad| bad.appeal = None, &["appeal", "appeal.ground", "appeal.due_at"]);
    faults(&over, |bad| bad.appeal.as_mut().unwrap().ground = "x".repeat(2_001), &["appeal.ground"]);
    let by = appeal_by(v1::AppealFilter { lodged_from: over.appeal.as_ref().unwrap().due_at, ..Default::default() });
    let filter = |change: fn(&mut v1::AppealFilter)| {
        move |bad: &mut v1::IssueAppealRequest| change(bad.filter.as_mut().unwrap())
    };
    faults(&by, filter(|filter| filter.lodged_before = filter.lodged_from), &["filter.lodged_before"]);
    faults(&by, filter(|filter| filter.eligible_before = "2031".to_owned()), &["filter.eligible_before"]);
    faults(&by, filter(|filter| filter.states = vec![0]), &["filter.states[0]"]);
    faults(&by, filter(|filter| filter.offences = vec![1; 33]), &["filter.offences"]);
    faults(&by, filter(|filter| filter.custodian = "us-ny-doccs".to_owned()), &["filter.custodian"]);
    let of_one = answered(&appeal, &detainer, v1::AppealAnswerKind::Barred);
    faults(&of_one, |bad| bad.by_law = true, &["detainer", "answer"]);
    faults(&of_one, |bad| bad.answer = None, &["answer"]);
    faults(&of_one, |bad| bad.detainer = "jurisdictions/us-tx".to_owned() + &bad.detainer[19..], &["detainer"]);
    faults(&of_one, |bad| bad.name.clone_from(&bad.detainer), &["name"]);
    faults(&answered_by_law(&appeal), |bad| bad.by_law = false, &["detainer", "answer"]);
}
