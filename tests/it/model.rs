//! The recorder and the store against a plain model of both: whatever is written, retried, confirmed and interrupted,
//! by whichever clock, both come to the same answers, the same errors, the same state and the same roots.
//!
//! `COMITY_MODEL` says how many sequences (1,000), `COMITY_DIFFERENTIAL` how many of them in either store (200; under `CI`
//! 400), `COMITY_MODEL_SEED` from which seed. A sequence that fails is made shorter and printed with a seed of its own: with it
//! and `COMITY_MODEL=1` it comes again.

mod disk;
mod dying;
mod end;
mod moves;
mod plain;
mod play;
mod real;
mod shown;
mod ticking;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use comity::domain::command::Method;
use comity::domain::ids::{JurisdictionId, LogName};
use proptest::prop_assert_eq;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::flood::told;
use crate::model::disk::On;
use crate::model::play::{Tally, play};

/// They take a minute or two.
const SEQUENCES: u64 = 1_000;
/// On both engines.
const BOTH: u64 = 200;

/// How long a sequence that failed is made shorter.
const SHRINKING_MS_MAX: u32 = 15_000;

/// What must have happened if so many sequences have been played.
const SEQUENCES_TELLING: u64 = 2_000;
const HAPPENS: [&str; 20] = [
    "again: OtherAgency",
    "again: OtherCommand",
    "again: Same",
    "away: AfterCommit",
    "away: BeforeCommit",
    "away: Loading",
    "another key: Signing refused",
    "another key: Wrapping refused",
    "clock: back",
    "crash: AfterCommit",
    "crash: Answered",
    "crash: BeforeCommit",
    "crash: Loading",
    "crash: WithinCommit",
    "fired: Clock/AnswerDue",
    "fired: Clock/OverHold",
    "fired: Judgement",
    "policy set changed",
    "replayed: its outcome was unknown",
    "replayed: was answered",
];

fn places() -> [JurisdictionId; 2] {
    ["us-ny", "us-tx"].map(|place| place.parse().unwrap())
}

fn logs() -> impl Iterator<Item = LogName> {
    places().into_iter().flat_map(|place| plain::KINDS.map(|kind| plain::log(&place, kind)))
}

/// Plays the sequence of a seed on each engine, and compares what was left. If it fails, tells the shortest that still does.
fn sequence(seed: u64, engines: &[On], tally: &Mutex<Tally>) -> Result<(), String> {
    let bytes = (u128::from(seed) << 64 | 1).to_be_bytes();
    let (cases, failure_persistence, max_shrink_time) = (1, None, SHRINKING_MS_MAX);
    let config = Config { cases, failure_persistence, max_shrink_time, ..Config::default() };
    let random = TestRng::from_seed(RngAlgorithm::XorShift, &bytes);
    let played = TestRunner::new_with_rng(config, random).run(&moves::moves(), |moves| {
        let mut first = None;
        for engine in engines {
            let (counted, left) = play(&moves, seed, *engine)?;
            let mut tally = tally.lock().unwrap();
            for (what, count) in counted {
                *tally.entry(what).or_default() += count;
            }
            drop(tally);
            match &first {
                None => first = Some(left),
                Some(due) => prop_assert_eq!(due, &left, "{:?} left something else", engine),
            }
        }
        Ok(())
    });
    played.map_err(|error| format!("COMITY_MODEL=1 COMITY_MODEL_SEED={seed}\n{error}"))
}

/// Plays so many sequences, two at a time.
fn play_all(count: u64, seed: u64, engines: &[On]) -> Tally {
    let (next, tally, failed) = (AtomicU64::new(0), Mutex::new(Tally::new()), Mutex::new(None));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= count {
                        return;
                    }
                    if let Err(error) = sequence(seed.wrapping_add(nth), engines, &tally) {
                        next.store(count, Ordering::Relaxed);
                        failed.lock().unwrap().get_or_insert(error);
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    for (what, count) in &tally {
        println!("{count:>9} {what}");
    }
    println!("{count} sequences on {engines:?} in {:.1?}", begun.elapsed());
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_none(), "{}", failed.unwrap_or_default());
    tally
}

/// The same commands, with the same deaths and interruptions, on both engines.
#[test]
fn the_same_commands_leave_the_same_bytes_in_either_store() {
    if !crate::harness::postgres::is_there() {
        return;
    }
    let count = told("COMITY_DIFFERENTIAL").unwrap_or(BOTH);
    let seed = told("COMITY_MODEL_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{count} sequences, COMITY_MODEL_SEED={seed}");
    let tally = play_all(count, seed, &[On::File, On::Server]);
    for what in HAPPENS {
        assert!(count < SEQUENCES_TELLING || tally.contains_key(what), "never: {what}");
    }
}

#[test]
fn the_store_and_its_model_come_to_the_same() {
    let count = told("COMITY_MODEL").unwrap_or(SEQUENCES);
    let seed = told("COMITY_MODEL_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{count} sequences, COMITY_MODEL_SEED={seed}");
    let tally = play_all(count, seed, &[On::File]);
    // Nothing is sent here, so nothing is parked; and of appeals the model knows nothing yet.
    let left_out = [Method::AcknowledgeParked, Method::IssueAppeal, Method::AnswerAppeal];
    let recorded = Method::ALL
        .iter()
        .filter(|method| !left_out.contains(method))
        .map(|method| format!("recorded: {}", method.rpc()));
    for what in HAPPENS.map(str::to_owned).into_iter().chain(recorded) {
        assert!(count < SEQUENCES_TELLING || tally.contains_key(&what), "never: {what}");
    }
}
