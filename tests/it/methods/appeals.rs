//! The methods of `AppealService`, each once answered and once refused.

use comity::wire::v1;
use tonic::Code;

use crate::harness::appeals::{answered, answered_by_law, appeal_by, appeal_over};
use crate::harness::requests::{NY, TX};
use crate::harness::{Refused, World};
use crate::methods::{at_fault, denied, done, too_soon_or_late};

/// An appeal over one detainer of a prison's.
async fn issued(world: &World) -> (String, String) {
    let detainer = world.lodged("us-ny-doccs").await;
    let appeal = world.ice().issue_appeal(appeal_over(&[&detainer])).await.accepted().appeal.unwrap();
    (appeal.name, detainer)
}

fn list(parent: &str) -> v1::ListAppealsRequest {
    v1::ListAppealsRequest { parent: parent.to_owned(), ..Default::default() }
}

fn items(parent: &str) -> v1::ListAppealItemsRequest {
    v1::ListAppealItemsRequest { parent: parent.to_owned(), ..Default::default() }
}

pub(super) async fn accepted(world: &World, verb: &str) {
    let (appeal, detainer) = issued(world).await;
    let doccs = world.doccs();
    match verb {
        "IssueAppeal" => {
            let twice = appeal_over(&[&detainer, &detainer]);
            let again = world.ice().issue_appeal(twice).await.accepted().appeal.unwrap();
            assert_eq!(again.detainer_count, 1, "in several appeals, and once in each");
        }
        "AnswerAppeal" => {
            let barred = answered(&appeal, &detainer, v1::AppealAnswerKind::Barred);
            let item = doccs.answer_appeal(barred).await.accepted().item.unwrap();
            assert_eq!(
                (item.standing(), item.barred_by),
                (v1::AppealStanding::Barred, vec!["Correction Law 1".to_owned()])
            );
        }
        "GetAppeal" => done(doccs.get_appeal(v1::GetAppealRequest { name: appeal }).await),
        "ListAppeals" => {
            let listed = world.oversight().list_appeals(list(NY)).await.accepted().appeals;
            assert!(listed.iter().any(|listed| listed.name == appeal), "{listed:?}");
        }
        "ListAppealItems" => {
            let listed = doccs.list_appeal_items(items(&appeal)).await.accepted().items;
            assert_eq!(listed.iter().map(|item| item.detainer.as_str()).collect::<Vec<_>>(), [detainer]);
        }
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

pub(super) async fn refused(world: &World, verb: &str) -> Refused {
    let (appeal, detainer) = issued(world).await;
    let (ice, doccs, erie) = (world.ice(), world.doccs(), world.erie());
    match verb {
        "IssueAppeal" => {
            denied(doccs.issue_appeal(appeal_over(&[&detainer])).await);
            let nobodys = "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001";
            ice.issue_appeal(appeal_over(&[&detainer, nobodys])).await.not_found();
            at_fault(ice.issue_appeal(appeal_over(&[])).await);
            let both =
                v1::IssueAppealRequest { filter: Some(v1::AppealFilter::default()), ..appeal_over(&[&detainer]) };
            at_fault(ice.issue_appeal(both).await);
            let mut due = appeal_over(&[&detainer]);
            due.appeal.as_mut().unwrap().due_at.as_mut().unwrap().seconds = 1_700_000_000;
            at_fault(ice.issue_appeal(due).await);
            let released = v1::AppealFilter {
                states: vec![v1::DetainerState::Released.into()],
                custodian: "agencies/us-ny-erie-jail".to_owned(),
                ..Default::default()
            };
            too_soon_or_late(ice.issue_appeal(appeal_by(released)).await)
        }
        "AnswerAppeal" => {
            denied(ice.answer_appeal(answered_by_law(&appeal)).await);
            erie.answer_appeal(answered_by_law(&appeal)).await.not_found();
            let another = world.lodged("us-ny-doccs").await;
            let barred = |detainer: &str| answered(&appeal, detainer, v1::AppealAnswerKind::Barred);
            doccs.answer_appeal(barred(&another)).await.not_found();
            erie.answer_appeal(barred(&detainer)).await.not_found();
            let both = v1::AnswerAppealRequest { by_law: true, ..barred(&detainer) };
            at_fault(doccs.answer_appeal(both).await);
            doccs.answer_appeal(answered_by_law(&appeal)).await.accepted();
            too_soon_or_late(doccs.answer_appeal(answered_by_law(&appeal)).await);
            let promise = |kind| answered(&appeal, &detainer, kind);
            too_soon_or_late(doccs.answer_appeal(promise(v1::AppealAnswerKind::WillNotify)).await);
            doccs
                .answer_appeal(promise(v1::AppealAnswerKind::WillHold))
                .await
                .refused(Code::PermissionDenied, "FORBIDDEN_BY_LAW")
        }
        "GetAppeal" => erie.get_appeal(v1::GetAppealRequest { name: appeal }).await.not_found(),
        "ListAppeals" => doccs.list_appeals(list(TX)).await.not_found(),
        "ListAppealItems" => {
            let parent = items(&appeal);
            let wrong = v1::ListAppealItemsRequest { page_token: "x".to_owned(), ..parent.clone() };
            doccs.list_appeal_items(wrong).await.refused(Code::InvalidArgument, "INVALID_CURSOR");
            erie.list_appeal_items(parent).await.not_found()
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
}
