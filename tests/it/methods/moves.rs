//! The methods by which a person is moved, and handed on.

use comity::wire::v1;

use crate::harness::changes::{calling_back, movement_to, movement_to_hospital, taking_over, turning_down};
use crate::harness::requests::release_of;
use crate::harness::{Refused, World};
use crate::methods::{at_fault, done, too_soon_or_late};

pub(super) async fn accepted(world: &World, verb: &str, held: &str) {
    let doccs = world.doccs();
    match verb {
        "MoveCustody" => {
            let moved = doccs.relocate(movement_to_hospital(held)).await.accepted().custody.unwrap();
            assert_eq!(moved.movement, movement_to_hospital(held).movement);
            let offered = doccs.relocate(movement_to(held, "us-ny-erie-jail")).await.accepted().custody.unwrap();
            assert_eq!(offered.custodian, "agencies/us-ny-doccs");
            assert_eq!(offered.move_offer.unwrap().state(), v1::MoveOfferState::Offered);
        }
        "AcceptMove" => {
            doccs.relocate(movement_to(held, "us-ny-erie-jail")).await.accepted();
            let request = v1::AcceptMoveRequest { booking_number: "E-7".to_owned(), ..taking_over(held) };
            let moved = world.erie().accept_move(request).await.accepted().custody.unwrap();
            assert_eq!((moved.custodian.as_str(), moved.facility.as_str()), ("agencies/us-ny-erie-jail", "NY015"));
            assert_eq!(moved.subject.unwrap().identifiers.unwrap().booking_number, "E-7");
            done(world.erie().relocate(movement_to_hospital(held)).await);
        }
        "DeclineMove" => {
            doccs.relocate(movement_to(held, "us-ny-erie-jail")).await.accepted();
            let declined = world.erie().decline_move(turning_down(held)).await.accepted().move_offer.unwrap();
            assert_eq!(declined.state(), v1::MoveOfferState::Declined);
            assert_eq!(declined.decline_reason(), v1::MoveDeclineReason::NoCapacity);
        }
        "WithdrawMove" => {
            doccs.relocate(movement_to(held, "us-ny-erie-jail")).await.accepted();
            let custody = doccs.withdraw_move(calling_back(held)).await.accepted().custody.unwrap();
            assert_eq!(custody.move_offer.unwrap().state(), v1::MoveOfferState::Withdrawn);
        }
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

pub(super) async fn refused(world: &World, verb: &str, held: &str) -> Refused {
    let (doccs, erie) = (world.doccs(), world.erie());
    match verb {
        "MoveCustody" => {
            erie.relocate(movement_to_hospital(held)).await.not_found();
            // Out of the jurisdiction, to nobody who holds people, and to oneself.
            for agency in ["us-tx-harris-jail", "us-ice", "us-ny-doccs"] {
                at_fault(doccs.relocate(movement_to(held, agency)).await);
            }
            doccs.relocate(movement_to(held, "us-ny-erie-jail")).await.accepted();
            too_soon_or_late(doccs.relocate(movement_to(held, "us-ny-erie-jail")).await);
            doccs.release(release_of(held)).await.accepted();
            too_soon_or_late(doccs.relocate(movement_to_hospital(held)).await)
        }
        "AcceptMove" => {
            // Nobody but the agency that the person is offered to.
            erie.accept_move(taking_over(held)).await.not_found();
            doccs.relocate(movement_to(held, "us-ny-erie-jail")).await.accepted();
            too_soon_or_late(doccs.accept_move(taking_over(held)).await);
            at_fault(erie.accept_move(v1::AcceptMoveRequest { occurred_at: None, ..taking_over(held) }).await);
            doccs.release(release_of(held)).await.accepted();
            erie.accept_move(taking_over(held)).await.not_found()
        }
        "DeclineMove" => {
            erie.decline_move(turning_down(held)).await.not_found();
            doccs.relocate(movement_to(held, "us-ny-erie-jail")).await.accepted();
            too_soon_or_late(doccs.decline_move(turning_down(held)).await);
            at_fault(erie.decline_move(v1::DeclineMoveRequest { reason: 0, ..turning_down(held) }).await)
        }
        "WithdrawMove" => {
            erie.withdraw_move(calling_back(held)).await.not_found();
            too_soon_or_late(doccs.withdraw_move(calling_back(held)).await)
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
}
