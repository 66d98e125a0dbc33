//! The methods of `TransferService`, each once answered and once refused.

use comity::wire::v1;
use comity::wire::v1::{TransferFailureCause, TransferState};
use tonic::Code;

use crate::harness::changes::{
    acceptance_of, declining_of, failure_of, handover_in, revision_of, take_off_of, window_under,
};
use crate::harness::{Refused, World};
use crate::methods::{at_fault, denied, too_soon_or_late};

pub(super) async fn accepted(world: &World, verb: &str) {
    let (ice, doccs) = (world.ice(), world.doccs());
    let transfer = match verb {
        "OfferWindow" => {
            let matched = world.matched("us-ny-doccs").await;
            world.answers("us-ny-doccs", &matched.detainer, v1::AnswerKind::NotifyOnly).await.accepted();
            let offer = doccs.offer(window_under(&matched.detainer)).await.accepted();
            assert!(!offer.determinations.is_empty(), "what the offer was held against");
            let offered = offer.transfer.unwrap();
            assert!(offered.name.starts_with(&format!("{}/transfers/", matched.detainer)) && offered.etag == "t1");
            // Both parties find it under the detainer.
            for (party, expected) in [(&ice, &[v1::FieldClass::Medical][..]), (&doccs, &[])] {
                let mut found = party.detainer(&matched.detainer).await.accepted().transfers;
                let withheld = found.iter_mut().flat_map(|transfer| std::mem::take(&mut transfer.withheld));
                let classes: Vec<_> = withheld.map(|one| one.field_class()).collect();
                assert_eq!((found.as_slice(), classes.as_slice()), (std::slice::from_ref(&offered), expected));
            }
            offered
        }
        "AcceptWindow" => {
            let offered = world.offered().await;
            let stale = v1::AcceptWindowRequest { etag: "t0".to_owned(), ..acceptance_of(&offered.transfer) };
            ice.accept(stale).await.refused(Code::Aborted, "ETAG_MISMATCH");
            let seen = v1::AcceptWindowRequest { etag: "t1".to_owned(), ..acceptance_of(&offered.transfer) };
            ice.accept(seen).await.accepted().transfer.unwrap()
        }
        "DeclineWindow" => {
            let declined =
                ice.decline(declining_of(&world.offered().await.transfer)).await.accepted().transfer.unwrap();
            assert_eq!(declined.decline_reason(), v1::WindowDeclineReason::Resources);
            declined
        }
        "ReviseWindow" => revised(world).await,
        "WithdrawWindow" => withdrawn(world).await,
        "ConfirmTransfer" => {
            let agreed = world.agreed().await;
            let half = doccs.confirm_transfer(handover_in(&agreed.transfer)).await.accepted().transfer.unwrap();
            assert_eq!((half.state(), half.taken_over_at), (TransferState::HandedOver, None));
            let whole = ice.confirm_transfer(handover_in(&agreed.transfer)).await.accepted().transfer.unwrap();
            assert_eq!(whole.taken_over_at, handover_in(&agreed.transfer).occurred_at);
            whole
        }
        "ReportFailure" => {
            let agreed = world.agreed().await;
            let failure = failure_of(&agreed.transfer, TransferFailureCause::Refused);
            ice.report_failure(failure).await.accepted().transfer.unwrap()
        }
        unknown => panic!("no call of {unknown} is shown to be answered"),
    };
    let expected = match verb {
        "OfferWindow" => TransferState::Offered,
        "AcceptWindow" | "ReviseWindow" => TransferState::Accepted,
        "WithdrawWindow" => TransferState::Withdrawn,
        "DeclineWindow" => TransferState::Declined,
        "ConfirmTransfer" => TransferState::Completed,
        _ => TransferState::Failed,
    };
    assert_eq!(transfer.state(), expected);
}

/// Each side names another window, and the custodian agrees to the requester's.
async fn revised(world: &World) -> v1::Transfer {
    let (ice, doccs) = (world.ice(), world.doccs());
    let name = world.agreed().await.transfer;
    let moved = doccs.revise(revision_of(&name, 1)).await.accepted();
    assert!(!moved.determinations.is_empty(), "what the revision was held against");
    assert_eq!(moved.transfer.unwrap().state(), TransferState::Offered);
    let proposed = ice.revise(revision_of(&name, 2)).await.accepted();
    assert_eq!((proposed.determinations.len(), proposed.transfer.unwrap().state()), (0, TransferState::Proposed));
    let stale = v1::ReviseWindowRequest { etag: "t3".to_owned(), ..revision_of(&name, 2) };
    doccs.revise(stale).await.refused(Code::Aborted, "ETAG_MISMATCH");
    let agreed = doccs.revise(revision_of(&name, 2)).await.accepted().transfer.unwrap();
    assert_eq!(agreed.window, revision_of(&name, 2).window);
    agreed
}

/// Each side takes a window off.
async fn withdrawn(world: &World) -> v1::Transfer {
    let (ice, doccs) = (world.ice(), world.doccs());
    let matched = world.agreed().await;
    let off = ice.take_off(take_off_of(&matched.transfer)).await.accepted().transfer.unwrap();
    assert_eq!(off.window_change(), v1::WindowChange::WithdrawnByRequester);
    let again = doccs.offer(window_under(&matched.detainer)).await.accepted().transfer.unwrap();
    let off = doccs.take_off(take_off_of(&again.name)).await.accepted().transfer.unwrap();
    assert_eq!(off.window_change(), v1::WindowChange::WithdrawnByCustodian);
    off
}

pub(super) async fn refused(world: &World, verb: &str) -> Refused {
    let (ice, doccs, erie) = (world.ice(), world.doccs(), world.erie());
    match verb {
        "OfferWindow" => {
            let matched = world.matched("us-ny-doccs").await;
            denied(ice.offer(window_under(&matched.detainer)).await);
            erie.offer(window_under(&matched.detainer)).await.not_found();
            // Nothing was promised yet.
            too_soon_or_late(doccs.offer(window_under(&matched.detainer)).await);
            let mut backwards = window_under(&matched.detainer);
            let window = backwards.window.as_mut().unwrap();
            std::mem::swap(&mut window.opens_at, &mut window.closes_at);
            at_fault(doccs.offer(backwards).await);
            // Of a jail the law leaves it to a person.
            let in_jail = world.matched("us-ny-erie-jail").await;
            erie.offer(window_under(&in_jail.detainer)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED")
        }
        "AcceptWindow" => {
            let agreed = world.agreed().await;
            denied(doccs.accept(acceptance_of(&agreed.transfer)).await);
            at_fault(ice.accept(acceptance_of(&agreed.detainer)).await);
            too_soon_or_late(ice.accept(acceptance_of(&agreed.transfer)).await)
        }
        "DeclineWindow" => too_soon_or_late(ice.decline(declining_of(&world.agreed().await.transfer)).await),
        "ReviseWindow" => {
            let offered = world.offered().await;
            erie.revise(revision_of(&offered.transfer, 1)).await.not_found();
            let mut backwards = revision_of(&offered.transfer, 1);
            let window = backwards.window.as_mut().unwrap();
            std::mem::swap(&mut window.opens_at, &mut window.closes_at);
            at_fault(ice.revise(backwards).await);
            ice.decline(declining_of(&offered.transfer)).await.accepted();
            too_soon_or_late(ice.revise(revision_of(&offered.transfer, 1)).await);
            too_soon_or_late(doccs.revise(revision_of(&offered.transfer, 1)).await)
        }
        "WithdrawWindow" => {
            let offered = world.offered().await;
            erie.take_off(take_off_of(&offered.transfer)).await.not_found();
            let mut sought = take_off_of(&offered.transfer);
            sought.reason = v1::WindowDeclineReason::NoLongerSought.into();
            too_soon_or_late(doccs.take_off(sought).await);
            ice.take_off(take_off_of(&offered.transfer)).await.accepted();
            too_soon_or_late(doccs.take_off(take_off_of(&offered.transfer)).await)
        }
        "ConfirmTransfer" => {
            let offered = world.offered().await;
            erie.confirm_transfer(handover_in(&offered.transfer)).await.not_found();
            too_soon_or_late(doccs.confirm_transfer(handover_in(&offered.transfer)).await)
        }
        "ReportFailure" => {
            let agreed = world.agreed().await;
            let nobody_came = || failure_of(&agreed.transfer, TransferFailureCause::NoShow);
            // That nobody came is for the custodian to say, and not while somebody may still come.
            too_soon_or_late(ice.report_failure(nobody_came()).await);
            too_soon_or_late(doccs.report_failure(nobody_came()).await)
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
}
