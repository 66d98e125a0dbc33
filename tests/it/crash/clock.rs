//! A clock that is set back a day, while the gateway runs and while it does not: what was recorded later never says
//! that it was earlier.

use comity::ledger::VerifierKey;
use comity::store::StoreLocation;
use comity::verify::{Claim, verify};
use comity::wire::{Timestamp, entry, v1};
use jiff::SignedDuration;

use crate::harness::World;
use crate::harness::requests::{
    NY, NY_CUSTODY, NY_EXCHANGE, answer_to, detainer_for, receipt_of, release_of, schedule_of,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A whole story, in the course of which the clock is set back twice: under way, and with a restart.
async fn play(world: &mut World) -> v1::LodgeDetainerResponse {
    let matched = world.matched("us-ny-doccs").await;
    world.pass(-DAY);
    let answer = answer_to(&matched.detainer, v1::AnswerKind::NotifyOnly);
    world.doccs().answer(answer).await.accepted();
    world.doccs().schedule(schedule_of(&matched.custody)).await.accepted();
    let cursor = world.ice().receive(NY, "").await.accepted().heartbeat.cursor;
    world.ice().confirm(receipt_of(NY, &cursor)).await.accepted();
    world.restart().await;
    world.pass(-DAY);
    let lodging = detainer_for("us-ny-erie-jail");
    let lodged = world.ice().lodge(lodging.clone()).await.accepted();
    world.doccs().release(release_of(&matched.custody)).await.accepted();
    world.restart().await;
    assert_eq!(world.ice().lodge(lodging).await.accepted(), lodged, "the same request, the same answer");
    lodged
}

#[tokio::test]
async fn a_clock_set_back_a_day_sets_no_entry_back() {
    let mut world = World::start();
    let begun = world.clock.now();
    Box::pin(play(&mut world)).await;
    assert!(world.clock.now() < begun - DAY, "the clock was set back");
    let mut lead_times = 0;
    for log in [NY_EXCHANGE, NY_CUSTODY] {
        let mut newest = begun;
        for stored in world.kept().entries(&log.parse().unwrap()) {
            let leaf = entry::read_leaf(&stored.leaf).unwrap();
            assert!(leaf.recorded_at >= newest, "entry {} of {log} is earlier than the one before", stored.index);
            newest = leaf.recorded_at;
        }
    }
    for entry in world.doccs().entries(NY_EXCHANGE).await.accepted() {
        let event = entry::merge(&entry).unwrap().event;
        if let Some(v1::event::Event::DetainerReleased(released)) = event {
            let lead = released.counts.and_then(|counts| counts.lead_time_seconds).expect("a notice was delivered");
            // From the first delivery as recorded to the release as asserted: the day that was lost is not in it.
            let released: Timestamp = release_of("").release.unwrap().released_at.unwrap();
            assert_eq!(lead, released.seconds - begun.as_second());
            lead_times += 1;
        }
    }
    assert_eq!(lead_times, 1);
    world.stop().await;
    let key = std::fs::read_to_string(world.directory().join("keys/log.vkey")).unwrap();
    let claim = Claim {
        store: StoreLocation::File(world.directory().join("comity.db")),
        directory: world.directory().to_owned(),
        keys: vec![VerifierKey::parse(key.trim_end()).unwrap()],
        wrapping_key: None,
        origin: "comity.example".to_owned(),
        against: Vec::new(),
    };
    assert!(verify(&claim).unwrap().entries > 5);
}
