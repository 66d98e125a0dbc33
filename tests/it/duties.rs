//! What is left to a person and what the law asks besides, over the wire: who is asked, what goes out, and that ICE can see
//! nothing of it.

use comity::wire::{entry, v1};
use jiff::SignedDuration;
use tonic::Code;

use crate::harness::World;
use crate::harness::changes::{claim_on, dismissal_in, resolution_of, service_on};
use crate::harness::duties::{decision_on, meeting_of, obligations_of, reviews_of};
use crate::harness::requests::{NY, NY_CUSTODY, NY_EXCHANGE, answer_to, match_of, reasoned_answer_to, schedule_of};
use crate::law::{all_that_ice_sees, confirm};

use v1::AnswerKind::{Decline, HonorHold, NotifyOnly};
use v1::ReviewDecision::{Permit, Refuse};

const ERIE: &str = "us-ny-erie-jail";
const DOCCS: &str = "us-ny-doccs";

/// What waits for an agency: the last part of the name of each detainer's review, and whether it is overdue.
async fn waiting(world: &World, agency: &str) -> Vec<(String, bool)> {
    let reviews = world.officer(agency).list_reviews(reviews_of(NY)).await.accepted().reviews;
    assert!(reviews.is_sorted_by_key(|review| review.due_time.map(|time| time.seconds)));
    reviews
        .iter()
        .map(|review| (review.name.rsplit('/').next().unwrap_or_default().to_owned(), review.overdue))
        .collect()
}

#[tokio::test]
async fn of_a_review_ice_learns_nothing_while_it_waits_nor_when_it_is_refused() {
    let world = World::start();
    let (erie, officer) = (world.erie(), world.officer(ERIE));
    let (custody, detainer) = (world.held(ERIE).await, world.lodged(ERIE).await);
    confirm(&erie).await;
    let before = all_that_ice_sees(&world, &detainer).await;
    erie.acknowledge(match_of(&detainer, &custody)).await.accepted();
    erie.schedule(schedule_of(&custody)).await.accepted();
    assert_eq!(waiting(&world, ERIE).await, [("notify".to_owned(), false)]);
    assert_eq!(waiting(&world, DOCCS).await, []);
    assert_eq!(world.oversight().list_reviews(reviews_of(NY)).await.accepted().reviews.len(), 1);
    confirm(&erie).await;
    assert_eq!(all_that_ice_sees(&world, &detainer).await, before, "of the review");

    let decided = officer.decide(decision_on(&detainer, "notify", Refuse)).await.accepted();
    assert_eq!(decided.receipt.unwrap().log, NY_CUSTODY);
    confirm(&erie).await;
    assert_eq!(all_that_ice_sees(&world, &detainer).await, before, "of the refusal");
    assert_eq!(waiting(&world, ERIE).await, []);
    // What an officer has refused a machine does not do; another officer may decide it anew, with a reason.
    erie.answer(answer_to(&detainer, NotifyOnly)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    officer.answer(reasoned_answer_to(&detainer, NotifyOnly)).await.accepted();
    assert_eq!(waiting(&world, ERIE).await, [("transfer".to_owned(), false)], "of handing over no rule speaks");
}

#[tokio::test]
async fn what_an_officer_permits_goes_out_as_if_nobody_had_to_decide_it() {
    let world = World::start();
    let (matched, prisoner) = (world.matched(ERIE).await, world.matched(DOCCS).await);
    let (erie, doccs) = (world.erie(), world.doccs());
    erie.schedule(schedule_of(&matched.custody)).await.accepted();
    let seen = world.ice().entries(NY_EXCHANGE).await.accepted().len();
    let permitted = world.officer(ERIE).decide(decision_on(&matched.detainer, "notify", Permit)).await.accepted();
    assert_eq!(permitted.review.unwrap().state(), v1::ReviewState::Permitted);
    world.answers(DOCCS, &prisoner.detainer, NotifyOnly).await.accepted();
    doccs.schedule(schedule_of(&prisoner.custody)).await.accepted();

    // One was decided by an officer, the other goes out by law: their leaves name the same.
    let told = world.ice().entries(NY_EXCHANGE).await.accepted().split_off(seen);
    let noticed: Vec<_> = told.iter().map(|told| entry::read_leaf(&told.leaf).unwrap().method).collect();
    assert_eq!(noticed, ["Notice", "DetainerService/AnswerDetainer", "Notice"]);
    for entry in &told {
        let read = format!("{entry:?}").to_lowercase();
        assert!(!read.contains("resolvereview") && !read.contains("review_"), "{read}");
    }
    // What an officer has permitted, a machine may answer.
    erie.answer(answer_to(&matched.detainer, NotifyOnly)).await.accepted();
}

#[tokio::test]
async fn a_decision_is_bound_to_the_law_that_left_it_to_a_person() {
    let world = World::start();
    let (matched, erie, officer) = (world.matched(ERIE).await, world.erie(), world.officer(ERIE));
    officer.decide(decision_on(&matched.detainer, "notify", Permit)).await.accepted();
    assert_eq!(waiting(&world, ERIE).await, []);
    // The statutes of 2026 take the place of the order.
    world.pass(SignedDuration::from_hours(180 * 24));
    erie.answer(answer_to(&matched.detainer, NotifyOnly)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    erie.update_charges(dismissal_in(&matched.custody)).await.accepted();
    let reviews = erie.list_reviews(reviews_of(NY)).await.accepted().reviews;
    assert_eq!(reviews[0].policies, ["us-ny.notify-under-acts-of-2026"]);
    officer.answer(reasoned_answer_to(&matched.detainer, Decline)).await.accepted();
    assert_eq!(waiting(&world, ERIE).await, []);
}

#[tokio::test]
async fn a_claim_waits_until_it_is_resolved_and_is_overdue_after_its_time() {
    let world = World::start();
    let (matched, officer) = (world.matched(DOCCS).await, world.officer(DOCCS));
    world.doccs().claim(claim_on(&matched.detainer)).await.accepted();
    let open = |overdue| ["notify", "citizenship-claim"].map(|matter| (matter.to_owned(), overdue));
    let mut listed = waiting(&world, DOCCS).await;
    listed.sort_by(|one, other| other.cmp(one));
    assert_eq!(listed, open(false));
    // An officer of the custodian's resolves its claim, not the review of it.
    let review = officer.decide(decision_on(&matched.detainer, "citizenship-claim", Permit)).await;
    review.refused(Code::FailedPrecondition, "WRONG_STATE");
    world.pass(SignedDuration::from_hours(4 * 24));
    let overdue = v1::ListReviewsRequest { overdue: true, ..reviews_of(NY) };
    assert_eq!(officer.list_reviews(overdue.clone()).await.accepted().reviews.len(), 2);
    officer.resolve(resolution_of(&matched.detainer, v1::ClaimOutcome::NotConfirmed)).await.accepted();
    assert_eq!(officer.list_reviews(overdue).await.accepted().reviews, []);
}

#[tokio::test]
async fn what_the_law_asks_besides_is_owed_until_it_is_met() {
    let world = World::start();
    let erie = world.erie();
    let owed = |overdue| {
        let request = v1::ListObligationsRequest { overdue, ..obligations_of(NY) };
        let erie = world.erie();
        async move { erie.list_obligations(request).await.accepted().obligations }
    };
    let mut detainers = Vec::new();
    for _ in 0..2 {
        let detainer = world.matched_with_judicial_warrant(ERIE).await.detainer;
        world.answers(ERIE, &detainer, HonorHold).await.accepted();
        detainers.push(detainer);
    }
    let before = all_that_ice_sees(&world, &detainers[1]).await;
    let found = owed(false).await;
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|owed| owed.kind() == v1::ObligationKind::TellTheSubject && !owed.overdue));
    assert_eq!(owed(true).await, []);
    world.pass(SignedDuration::from_hours(49));
    assert!(owed(true).await.iter().all(|owed| owed.overdue));
    assert_eq!(world.doccs().list_obligations(obligations_of(NY)).await.accepted().obligations, []);

    erie.meet(meeting_of(&detainers[1], "tell-the-subject")).await.accepted();
    assert_eq!(all_that_ice_sees(&world, &detainers[1]).await, before, "of what its custodian owed");
    erie.serve(service_on(&detainers[0])).await.accepted();
    assert_eq!(owed(false).await, []);
    let entries = world.oversight().entries(NY_CUSTODY).await.accepted();
    let methods: Vec<_> = entries.iter().map(|entry| entry::read_leaf(&entry.leaf).unwrap().method).collect();
    assert!(methods.contains(&"ObligationService/MeetObligation".to_owned()), "{methods:?}");
}

#[tokio::test]
async fn reviews_come_in_pages_in_the_order_they_are_due() {
    let world = World::start();
    for _ in 0..5 {
        world.matched(ERIE).await;
        world.pass(SignedDuration::from_mins(1));
    }
    let all = world.erie().list_reviews(reviews_of(NY)).await.accepted();
    assert_eq!((all.reviews.len(), all.next_page_token.as_str()), (5, ""));
    let (mut paged, mut token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListReviewsRequest { page_size: 2, page_token: token, ..reviews_of(NY) };
        let page = world.erie().list_reviews(request).await.accepted();
        paged.extend(page.reviews);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all.reviews);
}
