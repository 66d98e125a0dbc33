//! What a clock that fired is recorded as, and who receives it.

use comity::domain::agency::{ActorKind, GATEWAY};
use comity::wire::entry::{merge, read_leaf};
use comity::wire::v1;
use comity::wire::v1::event::Event;
use jiff::SignedDuration;

use crate::harness::process::Served;
use crate::harness::requests::{
    NY, NY_CUSTODY, NY_EXCHANGE, detainer_for, reasoned_answer_to, release_of, schedule_of,
};
use crate::harness::{Party, World};

/// Clocks that a party is sent, and in which log.
async fn received(party: &Party) -> Vec<(String, v1::ClockFired)> {
    let deliveries = party.receive(NY, "").await.accepted().deliveries;
    let fired = deliveries.into_iter().filter_map(|delivery| {
        let entry = delivery.entry.unwrap();
        let Some(Event::ClockFired(fired)) = merge(&entry).unwrap().event else { return None };
        Some((entry.name.split("/entries/").next().unwrap().to_owned(), fired))
    });
    fired.collect()
}

async fn kinds(party: &Party) -> Vec<v1::ClockKind> {
    received(party).await.into_iter().map(|(_, fired)| fired.clock()).collect()
}

#[tokio::test]
async fn an_answer_that_is_late_is_known_within_the_jurisdiction_alone() {
    let mut world = World::start();
    let detainer = world.lodged("us-ny-doccs").await;
    let due_at = world.pass(SignedDuration::from_hours(48));
    world.pass(SignedDuration::from_secs(-1));
    assert_eq!(world.gateway().tick().await, Ok(0), "not before its time");
    world.pass(SignedDuration::from_hours(3));
    assert_eq!(world.gateway().tick().await, Ok(1));
    assert_eq!(world.gateway().tick().await, Ok(0), "once");
    world.restart().await;
    assert_eq!(world.gateway().tick().await, Ok(0), "and once after a restart");

    let (log, fired) = received(&world.doccs()).await.pop().unwrap();
    assert_eq!((log.as_str(), fired.clock(), fired.times), (NY_CUSTODY, v1::ClockKind::AnswerDue, 1));
    assert_eq!((fired.detainer.as_str(), fired.due_at.unwrap().seconds), (detainer.as_str(), due_at.as_second()));
    assert_eq!(kinds(&world.ice()).await, []);
    assert_eq!(kinds(&world.erie()).await, [], "nor to another custodian");

    let entry = world.oversight().entries(NY_CUSTODY).await.accepted().pop().unwrap();
    let leaf = read_leaf(&entry.leaf).unwrap();
    assert_eq!((leaf.method.as_str(), leaf.resource.as_str()), ("Clock/AnswerDue", detainer.as_str()));
    for said in [GATEWAY, "0".repeat(32).as_str()] {
        assert!(
            entry.leaf.windows(said.len()).any(|bytes| bytes == said.as_bytes()),
            "the gateway itself, and nobody of it"
        );
    }
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn a_detainer_for_whoever_holds_the_person_is_overdue_with_every_custodian() {
    let world = World::start();
    let mut lodging = detainer_for("us-ny-doccs");
    lodging.detainer.as_mut().unwrap().custodian.clear();
    world.ice().lodge(lodging).await.accepted();
    world.pass(SignedDuration::from_hours(49));
    assert_eq!(world.gateway().tick().await, Ok(1));
    for party in [world.doccs(), world.erie()] {
        assert_eq!(kinds(&party).await, [v1::ClockKind::AnswerDue]);
    }
    assert_eq!(kinds(&world.ice()).await, []);
}

#[tokio::test]
async fn that_a_window_closed_both_sides_are_told() {
    let world = World::start();
    let agreed = world.agreed().await;
    let before = world.ice().detainer(&agreed.detainer).await.accepted();
    world.pass(SignedDuration::from_hours(24 * 60));
    assert_eq!(world.gateway().tick().await, Ok(1));
    for party in [world.ice(), world.doccs()] {
        let (log, fired) = received(&party).await.pop().unwrap();
        assert_eq!((log.as_str(), fired.clock()), (NY_EXCHANGE, v1::ClockKind::WindowClosed));
        assert_eq!(fired.transfer, agreed.transfer);
    }
    let after = world.ice().detainer(&agreed.detainer).await.accepted();
    assert_eq!(after, before, "whether anybody came is for the two to say");
}

#[tokio::test]
async fn a_person_held_too_long_is_an_alarm_within_the_jurisdiction_until_the_release_is_recorded() {
    let world = World::start();
    let matched = world.matched_with_judicial_warrant("us-ny-doccs").await;
    let held = reasoned_answer_to(&matched.detainer, v1::AnswerKind::HonorHold);
    world.officer("us-ny-doccs").answer(held).await.accepted();
    world.doccs().schedule(schedule_of(&matched.custody)).await.accepted();
    let exchange = world.oversight().entries(NY_EXCHANGE).await.accepted();
    // The release is expected on 1 March.
    world.pass(SignedDuration::from_hours(24 * 30 + 1));
    assert_eq!(world.gateway().tick().await, Ok(1));
    for _ in 0..2 {
        world.pass(SignedDuration::from_mins(59));
        assert_eq!(world.gateway().tick().await, Ok(0));
        world.pass(SignedDuration::from_mins(1));
        assert_eq!(world.gateway().tick().await, Ok(1));
    }
    world.doccs().release(release_of(&matched.custody)).await.accepted();
    world.pass(SignedDuration::from_hours(24));
    assert_eq!(world.gateway().tick().await, Ok(0));

    let fired = received(&world.doccs()).await;
    let times: Vec<_> = fired.iter().map(|(_, fired)| (fired.clock(), fired.times)).collect();
    assert_eq!(times, [1, 2, 3].map(|times| (v1::ClockKind::OverHold, times)));
    assert!(fired.iter().all(|(log, fired)| log == NY_CUSTODY && fired.custody == matched.custody));
    assert_eq!(fired[0].1.hold_clock(), v1::HoldClock::Flat48h);
    assert_eq!(kinds(&world.ice()).await, []);
    let told = world.oversight().entries(NY_EXCHANGE).await.accepted().split_off(exchange.len());
    assert!(!told.iter().any(|entry| matches!(merge(entry).unwrap().event, Some(Event::ClockFired(_)))));
    let alarms = world.journal.lines_with("held past the end of the hold");
    assert_eq!(alarms.len(), 3);
    for alarm in alarms {
        let about: Vec<_> = alarm.spans.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(about, [("case", matched.custody.as_str()), ("clock", "over-hold")], "of a clock, and of no call");
    }
}

#[tokio::test]
async fn a_gateway_on_the_clock_of_its_machine_fires_by_itself() {
    let served = Served::start("warn", |config| {
        // Due at once.
        config.clocks.answer_hours = 0;
        config.clocks.tick_ms = 10;
        config.inbox.heartbeat_ms = 50;
    });
    let (ice, doccs) = (served.party("us-ice", ActorKind::System), served.party("us-ny-doccs", ActorKind::System));
    ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    // A heartbeat ends each look into the inbox, so that it is not looked into all the time.
    let mut fired = kinds(&doccs).await;
    for _ in 0..200 {
        if !fired.is_empty() {
            break;
        }
        fired = kinds(&doccs).await;
    }
    assert_eq!(fired, [v1::ClockKind::AnswerDue]);
    served.stop();
}
