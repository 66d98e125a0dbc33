//! Mutated requests in the hundred thousands against a gateway of its own, over mutual TLS, while a real story runs
//! beside them: none is a fault of the gateway, none is answered without a reason, and none leaves a mark.
//!
//! `COMITY_FLOOD` says how many, `COMITY_FLOOD_SEED` from which seed; under `CI` there are 40,000.

mod attack;
mod beside;
mod pool;
mod tally;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use comity::domain::agency::ActorKind;
use comity::wire::Message as _;
use comity::wire::v1;
use comity::wire::v1::receive_response::Item;
use fastrand::Rng;
use tokio::task::JoinSet;

use crate::flood::attack::Attacker;
use crate::flood::pool::Pool;
use crate::flood::tally::Tally;
use crate::harness::process::{Served, assert_verified};
use crate::harness::{descriptor, raw};

/// They take a minute or two; the figures of before a release are ten times as many (`COMITY_FLOOD`).
const REQUESTS: usize = 20_000;
const MEMORY_MAX_KIB: u64 = 256 * 1_024;
const CONNECTIONS_PER_SEAT: u64 = 2;
const CALLS_PER_CONNECTION: u64 = 4;

/// Who attacks. Each holds a good certificate and a good token: nobody else gets as far.
const SEATS: [(&str, ActorKind); 7] = [
    ("us-ice", ActorKind::System),
    ("us-ny-doccs", ActorKind::System),
    ("us-ny-doccs", ActorKind::Officer),
    ("us-ny-erie-jail", ActorKind::System),
    ("us-tx-harris-jail", ActorKind::Officer),
    ("us-ny-oversight", ActorKind::System),
    (OPERATOR, ActorKind::System),
];

/// What an operator does to a gateway: it would take writes from everybody, or end. Others try, and are refused.
const ACTS_OF_OPERATORS: [&str; 4] =
    ["AdminService/BeginMaintenance", "AdminService/CloseSessions", "AdminService/ParkConsumer", "AdminService/Drain"];
const OPERATOR: &str = "comity-operator";

/// A number from the environment. This is the one place that a test is told how much to do.
pub(crate) fn told(name: &str) -> Option<u64> {
    std::env::var_os(name).map(|text| text.to_str().and_then(|text| text.parse().ok()).expect("a number"))
}

fn requests() -> usize {
    told("COMITY_FLOOD").map_or(REQUESTS, |count| usize::try_from(count).unwrap())
}

/// A heartbeat: nothing more for now.
pub(crate) fn is_heartbeat(message: &[u8]) -> bool {
    v1::ReceiveResponse::decode(message).is_ok_and(|answer| matches!(answer.item, Some(Item::Heartbeat(_))))
}

/// Sends until all have been sent.
async fn attack(served: &Served, pool: &Arc<Pool>, tally: &Arc<Tally>, seed: u64, count: usize) {
    let left = Arc::new(AtomicUsize::new(count));
    let mut attackers = JoinSet::new();
    for (seat, nth) in SEATS.iter().flat_map(|seat| (0..CONNECTIONS_PER_SEAT).map(move |at| (seat, at))) {
        let (agency, actor) = *seat;
        let opened = raw::open(served.grpc, &served.sandbox.credentials(agency).unwrap()).await;
        for at in 0..CALLS_PER_CONNECTION {
            let lane = nth * CALLS_PER_CONNECTION + at;
            let random = Rng::with_seed(seed ^ (lane << 32) ^ u64::try_from(attackers.len()).unwrap());
            let token = served.sandbox.token(agency, actor).unwrap();
            let mut attacker = Attacker::new(agency, token, Arc::clone(pool), random);
            let (left, tally, mut connection) = (Arc::clone(&left), Arc::clone(tally), opened.clone());
            attackers.spawn(async move {
                let take = |left| usize::checked_sub(left, 1);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                    let (target, call) = attacker.next();
                    let sent = call.clone();
                    let reply = raw::send(&mut connection, call, is_heartbeat).await;
                    attacker.learn(&target, &reply);
                    tally.note(&target, &sent, &reply);
                }
            });
        }
    }
    attackers.join_all().await;
}

/// Quarters of the flood that may follow it.
const ROUNDS_MORE: u64 = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_mutated_request_is_a_fault_of_the_gateway() {
    let (count, seed) = (requests(), told("COMITY_FLOOD_SEED").unwrap_or_else(|| fastrand::u64(..)));
    println!("{count} requests, COMITY_FLOOD_SEED={seed}");
    let mut served = Served::start("info", |config| {
        // Who may call how often is tested elsewhere, and would leave nothing to see here.
        config.rate.requests_per_s = 1_000_000.try_into().unwrap();
        config.rate.burst = 1_000_000.try_into().unwrap();
        // Something has to be parked before anybody can confirm it.
        config.inbox.park_after_tries = 2;
    });
    let (pool, tally) = (Arc::new(Pool::default()), Arc::new(Tally::default()));
    beside::plays_once(&served, &pool).await;
    let begun = Instant::now();
    let beside = tokio::spawn(beside::plays_on(beside::Cast::of(&served), Arc::clone(&pool)));
    attack(&served, &pool, &tally, seed, count).await;
    // Some methods are rarely answered well: what is not reached by then is given more time, on a slow machine too.
    let answered = || {
        let names = descriptor::methods().into_iter().map(|method| descriptor::name(&method));
        // A roster is three messages at least, and a call here is one.
        names.filter(|name| !ACTS_OF_OPERATORS.contains(&name.as_str()) && name != "RosterService/ReconcileRoster")
    };
    let reached = || answered().all(|name| tally.reached(&name));
    for more in 1..=ROUNDS_MORE {
        if reached() {
            break;
        }
        attack(&served, &pool, &tally, seed.wrapping_add(more), count / 4).await;
    }
    let took = begun.elapsed();
    assert!(!beside.is_finished(), "the story beside is told for as long as the attack lasts");
    beside.abort();
    println!("{tally}{count} in {took:.1?}, {} KiB at most", served.memory_max_kib());
    tally.assert_no_fault();
    for name in answered() {
        assert!(tally.reached(&name), "{name} was never answered well");
    }
    assert!(served.is_running(), "it ended by itself");
    beside::plays_once(&served, &pool).await;
    let memory = served.memory_max_kib();
    assert!(memory < MEMORY_MAX_KIB, "{memory} KiB");
    let ended = served.stop();
    assert!(ended.status.success(), "{:?}", ended.status);
    let log = String::from_utf8(ended.stderr).unwrap();
    for sign in ["panicked", "internal fault", "\"level\":\"ERROR\""] {
        let line = log.lines().find(|line| line.contains(sign));
        assert_eq!(line, None, "{sign}");
    }
    println!("{}", assert_verified(ended.directory.path()));
}
