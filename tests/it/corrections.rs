//! What is told of a change, and what the trace of it tells whoever may not know.

use comity::wire::entry::{merge, read_leaf};
use comity::wire::v1::event::Event;
use comity::wire::{Message as _, v1};

use crate::harness::World;
use crate::harness::changes::{correction, movement_to, taking_over};
use crate::harness::requests::{NY_CUSTODY, NY_EXCHANGE, match_of};

#[tokio::test]
async fn a_retraction_does_not_say_why_not_even_by_the_method_that_made_it() {
    let world = World::start();
    let matched = world.matched("us-ny-doccs").await;
    world.answers("us-ny-doccs", &matched.detainer, v1::AnswerKind::NotifyOnly).await.accepted();
    // From a state prison the requester was told; of a county jail's custody it may not be.
    let doccs = world.officer("us-ny-doccs");
    doccs.relocate(movement_to(&matched.custody, "us-ny-erie-jail")).await.accepted();
    let before = world.ice().entries(NY_EXCHANGE).await.accepted();
    world.erie().accept_move(taking_over(&matched.custody)).await.accepted();

    let mut entries = world.ice().entries(NY_EXCHANGE).await.accepted();
    assert_eq!(entries.len(), before.len() + 1, "of the offer it learned nothing");
    let told = entries.pop().unwrap();
    let leaf = v1::Leaf::decode(&*told.leaf).unwrap();
    assert_eq!((leaf.method.as_str(), leaf.resource.as_str()), ("Retraction", matched.detainer.as_str()));
    // Nor may it learn by the leaf who took the person.
    let kept = world.oversight().entries(NY_CUSTODY).await.accepted();
    let kept: Vec<_> = kept.iter().map(|entry| v1::Leaf::decode(&*entry.leaf).unwrap()).collect();
    let offered = kept.into_iter().rfind(|of| of.method.ends_with("MoveCustody")).unwrap();
    assert_eq!((leaf.agency, leaf.officer), (offered.agency, offered.officer));
    let Some(Event::CustodyNoticed(noticed)) = merge(&told).unwrap().event else { panic!("{told:?}") };
    assert_eq!((noticed.movement, noticed.detainer), (None, matched.detainer));

    let kept = world.oversight().entries(NY_CUSTODY).await.accepted().pop().unwrap();
    assert_eq!(read_leaf(&kept.leaf).unwrap().method, "CustodyService/AcceptMove");
}

#[tokio::test]
async fn an_answer_that_was_told_is_taken_back_with_the_finding_that_was_not() {
    let world = World::start();
    // Of a county jail's custody the requester is not told; that it declined, it is.
    let matched = world.matched("us-ny-erie-jail").await;
    world.answers("us-ny-erie-jail", &matched.detainer, v1::AnswerKind::Decline).await.accepted();
    let before = world.ice().detainer(&matched.detainer).await.accepted();
    assert!(before.acknowledgement.is_none() && before.answer.is_some());

    let mut nobody = match_of(&matched.detainer, "");
    let found = nobody.acknowledgement.as_mut().unwrap();
    (found.finding, found.match_method) = (v1::Finding::NoSuchPerson.into(), v1::MatchMethod::Unspecified.into());
    found.confidence_percent = 0;
    nobody.correction = Some(correction());
    world.officer("us-ny-erie-jail").acknowledge(nobody).await.accepted();

    let after = world.ice().detainer(&matched.detainer).await.accepted();
    assert_eq!((after.answer, after.state), (None, v1::DetainerState::Lodged.into()));
    let told = world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap();
    assert_eq!(read_leaf(&told.leaf).unwrap().method, "Retraction");
}
