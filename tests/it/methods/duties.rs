//! The methods of `ReviewService` and `ObligationService`, each once answered and once refused.

use comity::wire::v1;
use tonic::Code;

use crate::harness::duties::{decision_on, meeting_of, obligations_of, reviews_of};
use crate::harness::requests::{NY, TX};
use crate::harness::{Refused, World};
use crate::methods::{at_fault, denied, done, too_soon_or_late};

use v1::ReviewDecision::{Permit, Refuse};

const ERIE: &str = "us-ny-erie-jail";

/// A detainer with a judge's warrant, whose hold New York allows: and asks that the person be told.
async fn held_on_a_warrant(world: &World) -> String {
    let detainer = world.matched_with_judicial_warrant(ERIE).await.detainer;
    world.answers(ERIE, &detainer, v1::AnswerKind::HonorHold).await.accepted();
    detainer
}

pub(super) async fn accepted(world: &World, verb: &str) {
    let (erie, officer) = (world.erie(), world.officer(ERIE));
    match verb {
        "ListReviews" => {
            let detainer = world.matched(ERIE).await.detainer;
            let reviews = erie.list_reviews(reviews_of(NY)).await.accepted().reviews;
            let review = reviews.iter().find(|review| review.name == format!("{detainer}/reviews/notify")).unwrap();
            // Before the acts of 2026 no rule speaks of what a jail tells.
            assert_eq!((review.state(), review.policies.len()), (v1::ReviewState::Open, 0));
            done(world.oversight().list_reviews(reviews_of(NY)).await);
        }
        "ResolveReview" => {
            let detainer = world.matched(ERIE).await.detainer;
            let review = officer.decide(decision_on(&detainer, "notify", Permit)).await.accepted().review.unwrap();
            assert_eq!(review.state(), v1::ReviewState::Permitted);
        }
        "ListObligations" => {
            let detainer = held_on_a_warrant(world).await;
            let owed = erie.list_obligations(obligations_of(NY)).await.accepted().obligations;
            assert!(owed.iter().any(|owed| owed.name == format!("{detainer}/obligations/tell-the-subject")));
        }
        "MeetObligation" => {
            let detainer = held_on_a_warrant(world).await;
            let meeting = meeting_of(&detainer, "tell-the-subject");
            let met = erie.meet(meeting.clone()).await.accepted().obligation.unwrap();
            assert_eq!(met.evidence, meeting.evidence);
        }
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

pub(super) async fn refused(world: &World, verb: &str) -> Refused {
    let (ice, doccs, erie, officer) = (world.ice(), world.doccs(), world.erie(), world.officer(ERIE));
    match verb {
        "ListReviews" => {
            denied(ice.list_reviews(reviews_of(NY)).await);
            let request = v1::ListReviewsRequest { page_token: "1.2.3".to_owned(), ..reviews_of(NY) };
            erie.list_reviews(request).await.refused(Code::InvalidArgument, "INVALID_CURSOR");
            erie.list_reviews(reviews_of(TX)).await.not_found()
        }
        "ResolveReview" => {
            let detainer = world.matched(ERIE).await.detainer;
            denied(ice.decide(decision_on(&detainer, "notify", Permit)).await);
            doccs.decide(decision_on(&detainer, "notify", Permit)).await.not_found();
            // A machine decides nothing, and an officer not without a ground.
            let machine = erie.decide(decision_on(&detainer, "notify", Permit)).await;
            machine.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
            let groundless = v1::ResolveReviewRequest { ground: None, ..decision_on(&detainer, "notify", Permit) };
            at_fault(officer.decide(groundless).await);
            let stale = v1::ResolveReviewRequest { etag: "r9".to_owned(), ..decision_on(&detainer, "notify", Permit) };
            officer.decide(stale).await.refused(Code::Aborted, "ETAG_MISMATCH");
            // New York forbids the hold: nothing is left of it to a person.
            officer
                .decide(decision_on(&detainer, "hold", Permit))
                .await
                .refused(Code::PermissionDenied, "FORBIDDEN_BY_LAW");
            officer.decide(decision_on(&detainer, "hold", Refuse)).await.not_found();
            officer.decide(decision_on(&detainer, "notify", Refuse)).await.accepted();
            too_soon_or_late(officer.decide(decision_on(&detainer, "notify", Permit)).await)
        }
        "ListObligations" => denied(ice.list_obligations(obligations_of(NY)).await),
        "MeetObligation" => {
            let detainer = held_on_a_warrant(world).await;
            denied(ice.meet(meeting_of(&detainer, "tell-the-subject")).await);
            doccs.meet(meeting_of(&detainer, "tell-the-subject")).await.not_found();
            erie.meet(meeting_of(&detainer, "annual-count")).await.not_found();
            erie.meet(meeting_of(&detainer, "tell-the-subject")).await.accepted();
            too_soon_or_late(erie.meet(meeting_of(&detainer, "tell-the-subject")).await)
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
}
