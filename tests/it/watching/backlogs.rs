//! Sampled metrics: an agency that is idle is told apart from one that is behind, and what is late is seen.

use comity::wire::v1;
use jiff::SignedDuration;

use crate::harness::World;
use crate::harness::requests::{NY, detainer_for, receipt_of};
use crate::watching::scrape::Scrape;

/// More than are read at a time.
const OTHERS: usize = 510;
const AT_A_TIME: usize = 30;

async fn sampled(world: &World) -> Scrape {
    world.gateway().sample();
    Scrape::of(world).await
}

/// How many entries wait for an agency in New York, and for how long.
fn waiting(scrape: &Scrape, agency: &str) -> (f64, f64) {
    let of = |metric: &str| scrape.value(&format!("{metric}{{agency=\"{agency}\",jurisdiction=\"us-ny\"}}"));
    (of("comity_inbox_waiting_entries"), of("comity_inbox_oldest_waiting_seconds"))
}

fn is(found: (f64, f64), count: f64, seconds: f64) {
    assert!((found.0 - count).abs() < 0.5 && (found.1 - seconds).abs() < 0.5, "{found:?}, not {count} for {seconds}");
}

#[tokio::test]
async fn an_agency_is_idle_or_behind_whatever_is_recorded_for_others() {
    let world = World::start();
    let doccs = world.doccs();
    world.lodged("us-ny-doccs").await;
    world.pass(SignedDuration::from_hours(2));
    let ice = world.ice();
    for _ in 0..OTHERS / AT_A_TIME {
        let lodgings = (0..AT_A_TIME).map(|_| ice.lodge(detainer_for("us-ny-erie-jail")));
        futures_util::future::join_all(lodgings).await.into_iter().for_each(|lodged| drop(lodged.accepted()));
    }
    world.lodged("us-ny-doccs").await;
    let scrape = sampled(&world).await;
    is(waiting(&scrape, "us-ny-doccs"), 2.0, 7_200.0);
    is(waiting(&scrape, "us-ny-erie-jail"), 510.0, 0.0);
    is(waiting(&scrape, "us-ny-suffolk-jail"), 0.0, 0.0);
    assert!(!scrape.values.keys().any(|series| series.contains("waiting") && series.contains("oversight")));
    // One of two is confirmed, then the other; the log grows on for others.
    let received = doccs.receive(NY, "").await.accepted();
    doccs.confirm(receipt_of(NY, &received.deliveries[0].cursor)).await.accepted();
    is(waiting(&sampled(&world).await, "us-ny-doccs"), 1.0, 0.0);
    doccs.confirm(receipt_of(NY, &received.heartbeat.cursor)).await.accepted();
    world.lodged("us-ny-erie-jail").await;
    world.pass(SignedDuration::from_hours(1));
    let scrape = sampled(&world).await;
    is(waiting(&scrape, "us-ny-doccs"), 0.0, 0.0);
    is(waiting(&scrape, "us-ny-erie-jail"), 511.0, 3_600.0);
    // Another of its systems begins: the agency is as far behind as that one is.
    let theirs = doccs.receive_as("statistics", NY, "").await.accepted();
    let receipt = receipt_of(NY, &theirs.deliveries[0].cursor);
    doccs.confirm(v1::AcknowledgeRequest { consumer: "statistics".to_owned(), ..receipt }).await.accepted();
    is(waiting(&sampled(&world).await, "us-ny-doccs"), 1.0, 3_600.0);
}

#[tokio::test]
async fn logs_rulings_partners_and_clocks_are_seen() {
    let world = World::start();
    let begun = world.clock.now().as_second();
    world.matched("us-ny-doccs").await;
    world.pass(SignedDuration::from_hours(1));
    world.lodged("us-ny-doccs").await;
    let scrape = sampled(&world).await;
    let of_log = |metric: &str, log: &str| scrape.value(&format!("{metric}{{jurisdiction=\"us-ny\",log=\"{log}\"}}"));
    let recorded = of_log("comity_entries_recorded_total", "exchange");
    assert!(recorded >= 3.0 && (of_log("comity_log_entries", "exchange") - recorded).abs() < 0.5);
    let age = |log: &str| of_log("comity_log_head_timestamp_seconds", log) - f64::from(u32::try_from(begun).unwrap());
    assert!((age("exchange") - 3_600.0).abs() < 0.5 && age("custody") < 3_600.5, "{scrape:#?}");
    let rulings = scrape.values.iter().filter(|(series, _)| series.starts_with("comity_determinations_total{"));
    assert!(rulings.map(|(_, count)| count).sum::<f64>() > 3.0);
    assert!(scrape.value("comity_partner_certificate_expiry_timestamp_seconds{agency=\"us-ice\"}") > 1.7e9);
    assert!(scrape.value("comity_connections{agency=\"us-ice\"}") > 0.5);
    assert!(scrape.value("comity_connections{agency=\"us-tx-prison\"}") < 0.5);
    assert!(scrape.value("comity_disk_available_bytes") <= scrape.value("comity_disk_size_bytes"));
    let overdue = "comity_clocks_overdue{jurisdiction=\"us-ny\"}";
    assert!(scrape.value(overdue) < 0.5);
    world.pass(SignedDuration::from_hours(30 * 24));
    assert!(sampled(&world).await.value(overdue) > 0.5, "nobody looked at the clocks");
    world.gateway().tick().await.unwrap();
    assert!(sampled(&world).await.value(overdue) < 0.5);
}

#[tokio::test]
async fn a_subscription_is_seen_while_it_is_open() {
    let world = World::start();
    let open = async || Scrape::of(&world).await.values.get("comity_inbox_streams{agency=\"us-ice\"}").copied();
    assert_eq!(open().await, None);
    let request = v1::ReceiveRequest { parent: NY.to_owned(), ..v1::ReceiveRequest::default() };
    let mut stream = world.ice().client().await.inbox().receive(request).await.unwrap().into_inner();
    stream.message().await.unwrap();
    assert_eq!(open().await, Some(1.0));
    drop(stream);
    let closed = async { while open().await != Some(0.0) {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), closed).await.expect("it is counted as open");
}
