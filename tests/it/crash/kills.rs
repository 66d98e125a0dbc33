//! A gateway that is killed at any moment has lost nothing that it acknowledged, and doubled nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::crash::client::Order;
use crate::crash::gateway::Starting;
use crate::crash::{Trial, number};

/// Kills of one exchange, before another is begun: what is verified after each grows with it.
const KILLS_PER_TRIAL: u64 = 10;

/// Until the first is asked; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// What it was doing when it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Recovering,
    Serving,
    Draining,
}

#[test]
fn killed_at_any_moment_it_has_lost_nothing_and_doubled_nothing() {
    let kills = number("COMITY_CRASH_KILLS", 100);
    let seed = number("COMITY_CRASH_SEED", fastrand::u64(..u64::from(u32::MAX)));
    let mut moments = fastrand::Rng::with_seed(seed);
    let begun = Instant::now();
    let (mut asked, mut acknowledged, mut unknown, mut at) = (0, 0, 0, BTreeMap::<_, u64>::new());
    let mut trial = Trial::new();
    for kill in 0..kills {
        let moment = kill_once(&trial, &mut moments);
        *at.entry(moment).or_default() += 1;
        let found = trial.audit();
        unknown += found.asked - found.acknowledged;
        if (kill + 1) % KILLS_PER_TRIAL == 0 || kill + 1 == kills {
            let settled = trial.settle();
            asked += settled.asked;
            acknowledged += settled.acknowledged;
            trial = Trial::new();
        }
    }
    println!(
        "{kills} kills (COMITY_CRASH_SEED={seed}) in {:?}, when it was {at:?}; {asked} asked, \
         {acknowledged} acknowledged, {unknown} of unknown outcome at a kill; 0 lost, 0 doubled, {kills} times verified",
        begun.elapsed(),
    );
    assert_eq!(asked, acknowledged, "everything asked was settled in the end");
    assert!(acknowledged > usize::try_from(kills).unwrap(), "the load was no load");
}

/// One life of a gateway under load, to its kill.
fn kill_once(trial: &Trial, moments: &mut fastrand::Rng) -> Moment {
    let mut within = |ms: u64| Duration::from_micros(moments.u64(..ms * 1_000));
    let (which, delay, drained) = (within(10), within(300), within(20));
    if which < Duration::from_millis(1) {
        let starting = Starting::new(trial.directory(), &[]);
        std::thread::sleep(delay / 2);
        starting.kill();
        return Moment::Recovering;
    }
    let gateway = trial.start();
    let len = || std::fs::metadata(trial.journal_file()).map_or(0, |journal| journal.len());
    let before = len();
    let client = trial.client(&gateway, Order::default());
    // Most are killed while they are asked something, however long a busy machine takes to get there; the rest at any
    // moment since their start.
    if which < Duration::from_millis(9) {
        let begun = Instant::now();
        while len() == before && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    std::thread::sleep(delay);
    let moment = if which < Duration::from_millis(3) {
        gateway.signal("-TERM");
        std::thread::sleep(drained);
        Moment::Draining
    } else {
        Moment::Serving
    };
    gateway.kill();
    client.done();
    moment
}
