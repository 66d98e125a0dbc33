//! What was told of a release is told again only while the law lets the requester be notified: over the wire, by every
//! method that reads it.

use comity::wire::{entry, v1};

use crate::harness::World;
use crate::harness::appeals::appeal_over;
use crate::harness::changes::{acceptance_of, claim_on, handover_in, lawful_status_in, window_under};
use crate::harness::duties::decision_on;
use crate::harness::requests::{TX, answer_to, release_of, schedule_of};
use crate::harness::story::Matched;

use v1::AnswerKind::HonorHold;
use v1::DetainerState::{HoldHonored, Released};
use v1::FieldClass::{Custody, ReleaseDate, ReleaseDetail, ReleasePlace};

const HARRIS: &str = "us-tx-harris-jail";
const TX_EXCHANGE: &str = "jurisdictions/us-tx/logs/exchange";
/// Where the release takes place.
const PLACE: &str = "the sally port";

/// A person in Texas whose hold was honored.
async fn honored(world: &World) -> Matched {
    let matched = world.matched(HARRIS).await;
    world.harris().answer(answer_to(&matched.detainer, HonorHold)).await.accepted();
    matched
}

fn scheduled_at_a_place(custody: &str) -> v1::ScheduleReleaseRequest {
    let mut request = schedule_of(custody);
    request.release.as_mut().unwrap().place = PLACE.to_owned();
    request
}

/// The release classes that ICE is shown of anything in Texas: by `ListEntries`, `GetEntry` and `Receive`, which must agree.
async fn release_classes(world: &World) -> Vec<v1::FieldClass> {
    let ice = world.ice();
    let listed = ice.entries(TX_EXCHANGE).await.accepted();
    let received = ice.receive(TX, "").await.accepted();
    let received: Vec<_> = received.deliveries.into_iter().map(|delivery| delivery.entry.unwrap()).collect();
    for entry in &listed {
        let got = ice.get_entry(v1::GetEntryRequest { name: entry.name.clone() }).await.accepted();
        assert_eq!(got.entry.as_ref(), Some(entry));
    }
    for entry in &received {
        assert!(listed.contains(entry), "received otherwise than listed: {entry:?}");
    }
    let openings = listed.iter().flat_map(|entry| &entry.openings);
    let shown = openings.filter(|opening| !opening.content.is_empty()).map(v1::Opening::field_class);
    let mut shown: Vec<_> = shown.filter(|class| [ReleaseDate, ReleaseDetail, ReleasePlace].contains(class)).collect();
    shown.sort_unstable();
    shown.dedup();
    shown
}

/// How ICE sees that a detainer stands: by `GetDetainer` and `ListDetainers`, which must agree.
async fn state(world: &World, detainer: &str) -> v1::DetainerState {
    let got = world.ice().detainer(detainer).await.accepted();
    assert!(world.ice().detainers(TX).await.accepted().contains(&got));
    got.state()
}

#[tokio::test]
async fn a_scheduled_release_is_kept_back_once_notice_is_left_to_a_person() {
    let world = World::under_plain_law();
    let matched = honored(&world).await;
    world.harris().schedule(scheduled_at_a_place(&matched.custody)).await.accepted();
    assert_eq!(release_classes(&world).await, [ReleaseDate, ReleasePlace]);
    world.officer(HARRIS).correct_identity(lawful_status_in(&matched.custody)).await.accepted();
    assert_eq!(release_classes(&world).await, [], "the law leaves notice to a person");

    // An officer decides it, and then what was told is told again.
    world.officer(HARRIS).decide(decision_on(&matched.detainer, "notify", v1::ReviewDecision::Permit)).await.accepted();
    assert_eq!(release_classes(&world).await, [ReleaseDate, ReleasePlace]);
    // A claim is another question than the one that was decided.
    world.harris().claim(claim_on(&matched.detainer)).await.accepted();
    assert_eq!(release_classes(&world).await, []);
}

#[tokio::test]
async fn that_a_person_was_released_is_kept_back_once_notice_is_left_to_a_person() {
    let world = World::under_plain_law();
    let matched = honored(&world).await;
    world.harris().release(release_of(&matched.custody)).await.accepted();
    assert_eq!(state(&world, &matched.detainer).await, Released);
    assert_eq!(release_classes(&world).await, [ReleaseDate, ReleaseDetail]);
    let parent = TX.to_owned();
    let appeal = v1::IssueAppealRequest { parent, ..appeal_over(&[&matched.detainer]) };
    let appeal = world.ice().issue_appeal(appeal).await.accepted().appeal.unwrap().name;
    let standing = || async {
        let request = v1::ListAppealItemsRequest { parent: appeal.clone(), ..Default::default() };
        world.ice().list_appeal_items(request).await.accepted().items[0].standing()
    };
    assert_eq!(standing().await, v1::AppealStanding::AlreadyReleased);

    world.officer(HARRIS).correct_identity(lawful_status_in(&matched.custody)).await.accepted();
    assert_eq!(state(&world, &matched.detainer).await, HoldHonored);
    assert_eq!(release_classes(&world).await, []);
    assert_eq!(standing().await, v1::AppealStanding::Open);
    // Nor does the answer to a write of its own say so.
    let answered = world.ice().claim(claim_on(&matched.detainer)).await.accepted().detainer.unwrap();
    assert_ne!(answered.state(), Released);
}

#[tokio::test]
async fn a_pick_up_is_kept_back_once_the_law_forbids_handing_over() {
    let world = World::under_plain_law();
    let matched = honored(&world).await;
    let offered = world.harris().offer(window_under(&matched.detainer)).await.accepted().transfer.unwrap().name;
    let windows = |seen: v1::Detainer| seen.transfers.iter().filter(|one| one.window.is_some()).count();
    let told_in_entries = || async {
        let entries = world.ice().entries(TX_EXCHANGE).await.accepted();
        let transfers = entries.iter().filter_map(|entry| {
            let event = entry::merge(entry).unwrap().event?;
            if let v1::event::Event::TransferRecorded(told) = event { told.transfer?.window } else { None }
        });
        transfers.count()
    };
    assert_eq!(windows(world.ice().detainer(&matched.detainer).await.accepted()), 1);
    assert_eq!(told_in_entries().await, 1);
    world.officer(HARRIS).correct_identity(lawful_status_in(&matched.custody)).await.accepted();
    let seen = world.ice().detainer(&matched.detainer).await.accepted();
    // Custody itself may still be shown: Texas discloses it.
    assert!(seen.acknowledgement.is_some());
    assert!(seen.withheld.iter().any(|one| one.field_class() == Custody), "that it became less shows");
    assert_eq!(windows(seen), 0);
    assert_eq!(told_in_entries().await, 0);
    let accepted = world.ice().accept(acceptance_of(&offered)).await.accepted().transfer.unwrap();
    assert_eq!((accepted.name.as_str(), accepted.window), (offered.as_str(), None));
    let confirmed = world.ice().confirm_transfer(handover_in(&offered)).await.accepted().transfer.unwrap();
    assert_eq!(confirmed.window, None);
}
