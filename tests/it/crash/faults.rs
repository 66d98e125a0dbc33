//! Every kind of write and sync that a gateway makes on its store fails once (EIO) or from then on (ENOSPC). It goes
//! on or it stops loudly; either way nothing that it acknowledged is lost.
//!
//! A counting run finds the points. One of each distinct place is tried, and of the rest `COMITY_CRASH_FAULTS` more of
//! each phase and kind of error (4), spread evenly; a large number is every one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::crash::client::{Order, STEPS};
use crate::crash::gateway::Gateway;
use crate::crash::trace::{self, Attached, Event};
use crate::crash::{Trial, number};

/// Frames after which SQLite carries its write-ahead log over into the file.
const CHECKPOINT_FRAMES: u64 = 1_000;
const FRAME_LEN: u64 = 8_192 + 24;
/// Played while the disk fails; the log is carried over in the first.
const STORIES: usize = 2;

/// What a gateway is doing when its disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Making its file.
    FirstStart,
    /// Recovering what a kill left.
    Recovery,
    /// Committing writes and disclosures, carrying the log over, and stopping.
    Service,
}

/// The n-th call of a kind upon the store's files.
#[derive(Debug, Clone)]
struct Point {
    call: String,
    nth: usize,
    /// What the call was upon.
    file: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    WentOn,
    DidNotStart,
    Stopped,
}

#[test]
fn a_disk_that_fails_once_costs_nothing_that_was_acknowledged() {
    check("EIO", "");
}

#[test]
fn a_disk_that_is_full_from_then_on_costs_nothing_that_was_acknowledged() {
    check("ENOSPC", "+");
}

fn check(error: &str, onwards: &str) {
    if !trace::is_possible("I/O faults") {
        return;
    }
    let begun = Instant::now();
    let more = usize::try_from(number("COMITY_CRASH_FAULTS", 4)).unwrap();
    let (empty, killed) = (Trial::new(), killed_before_a_checkpoint());
    let mut fates: BTreeMap<String, usize> = BTreeMap::new();
    for phase in [Phase::FirstStart, Phase::Recovery, Phase::Service] {
        let from = if phase == Phase::FirstStart { &empty } else { &killed };
        let all = points(&counted(from, phase));
        let tried = spread(&all, more);
        println!("{error} in {phase:?}: {} of {} points", tried.len(), all.len());
        for point in tried {
            let place = format!("{error} {phase:?} {} {}", point.call, point.file);
            let fate = fail_near(from, phase, point, error, onwards);
            *fates.entry(format!("{place}: {fate:?}")).or_default() += 1;
        }
    }
    for (what, times) in &fates {
        println!("{times:4} {what}");
    }
    println!("{} faults of {error} in {:?}; nothing acknowledged lost", fates.values().sum::<usize>(), begun.elapsed());
}

/// An exchange killed so that its next writes carry the write-ahead log over.
fn killed_before_a_checkpoint() -> Trial {
    let trial = Trial::new();
    let gateway = trial.start();
    let wal = trial.directory().join("comity.db-wal");
    let frames = || std::fs::metadata(&wal).unwrap().len() / FRAME_LEN;
    // Another story still fits, and two do not.
    let (mut before, mut story) = (frames(), 0);
    while before + story + story / 2 < CHECKPOINT_FRAMES {
        trial.client(&gateway, Order { lanes: 1, stories: 1, again: 0, patience_s: 0 }).done();
        let after = frames();
        (before, story) = (after, story.max(after - before));
    }
    assert!(frames() < CHECKPOINT_FRAMES, "the log was carried over already");
    gateway.kill();
    trial
}

/// The calls of a run in which nothing fails.
fn counted(from: &Trial, phase: Phase) -> Vec<Event> {
    let trial = from.again();
    let log = trace::log_in(trial.kept.path());
    let words = trace::recording(trial.directory(), &log, &[]);
    assert_eq!(play(&trial, phase, &words), Fate::WentOn, "without a fault");
    let events = trace::read(&log);
    let start = events.first().map(|event| event.thread);
    // Calls are counted thread by thread: a start is the first thread's, service is the writer's.
    let of_phase = |event: &&Event| phase == Phase::Service || Some(event.thread) == start;
    events.iter().filter(|event| event.begins).filter(of_phase).cloned().collect()
}

fn points(events: &[Event]) -> Vec<Point> {
    let mut counts: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    let point = |event: &Event, nth| Point { call: event.call.clone(), nth, file: event.file.clone() };
    let mut points = Vec::new();
    for event in events {
        let nth = counts.entry((event.thread, &event.call)).or_default();
        *nth += 1;
        points.push(point(event, *nth));
    }
    points
}

/// One of each place in what the store does (a call, with the calls before and after it), and so many more, evenly.
fn spread(all: &[Point], more: usize) -> Vec<Point> {
    let upon = |at: Option<usize>| at.and_then(|at| all.get(at)).map(|point| (&point.call, &point.file));
    let mut places = BTreeSet::new();
    let (first, rest): (Vec<usize>, Vec<usize>) =
        (0..all.len()).partition(|at| places.insert((upon(at.checked_sub(1)), upon(Some(*at)), upon(Some(at + 1)))));
    let more = more.min(rest.len());
    let mut chosen: Vec<usize> =
        first.into_iter().chain((0..more).map(|part| rest[part * rest.len() / more])).collect();
    chosen.sort_unstable();
    chosen.into_iter().map(|at| all[at].clone()).collect()
}

/// Lets one call fail. How writes fall together differs from run to run: where this one makes fewer calls than the one
/// that was counted, its end is nearer.
fn fail_near(from: &Trial, phase: Phase, mut point: Point, error: &str, onwards: &str) -> Fate {
    loop {
        if let Some(fate) = fail_at(&from.again(), phase, &point, error, onwards) {
            return fate;
        }
        println!("{error} in {phase:?}: {point:?} was not reached");
        point.nth -= 1 + point.nth / 20;
        assert!(point.nth > 0, "no call of {} was reached", point.call);
    }
}

/// Lets one call fail, and holds what is left against the journal: as it lies there, and served again. Nothing if the
/// run made fewer calls.
fn fail_at(trial: &Trial, phase: Phase, point: &Point, error: &str, onwards: &str) -> Option<Fate> {
    let log = trace::log_in(trial.kept.path());
    let inject = format!("-einject={}:error={error}:when={}{onwards}", point.call, point.nth);
    let fate = play(trial, phase, &trace::recording(trial.directory(), &log, &[&inject]));
    let events = trace::read(&log);
    if !events.iter().any(Event::was_injected) {
        assert_eq!(fate, Fate::WentOn, "nothing failed");
        return None;
    }
    if fate == Fate::Stopped {
        assert_left_alone(&events, &log);
    }
    trial.audit();
    trial.settle();
    Some(fate)
}

/// The phase, under a tracer.
fn play(trial: &Trial, phase: Phase, words: &[String]) -> Fate {
    let started = if phase == Phase::Service { Ok(trial.start()) } else { Gateway::start(trial.directory(), words) };
    let gateway = match started {
        Ok(gateway) => gateway,
        Err(ended) => {
            assert!(ended.is_loud(), "{ended:?}");
            return Fate::DidNotStart;
        }
    };
    assert!(is_in_wal_mode(trial.directory()), "it serves without a write-ahead log: {words:?}");
    let attached = (phase == Phase::Service).then(|| Attached::to(gateway.pid, words));
    let before = trial.journal().acknowledged.len();
    trial.client(&gateway, Order { lanes: 1, stories: STORIES, again: 2, patience_s: 0 }).done();
    let finished = trial.journal().acknowledged.len() == before + STORIES * STEPS;
    let fate = if finished {
        // What fails after the last answer is met while it stops, and is as loud.
        gateway.signal("-TERM");
        let ended = gateway.ended();
        assert!(ended.status.success() || ended.is_loud(), "{ended:?}");
        if ended.status.success() { Fate::WentOn } else { Fate::Stopped }
    } else {
        gateway.await_failure();
        let until = Instant::now() + Duration::from_secs(5);
        while gateway.ready() == "serving" {
            assert!(Instant::now() < until, "it cannot write, and calls itself ready");
        }
        let ended = gateway.ended();
        assert!(ended.is_loud(), "{ended:?}");
        Fate::Stopped
    };
    if let Some(attached) = attached {
        attached.done();
    }
    fate
}

fn is_in_wal_mode(directory: &Path) -> bool {
    // Bytes 18 and 19 of the header: write and read version, 2 for a write-ahead log.
    let header = std::fs::read(directory.join("comity.db")).unwrap();
    directory.join("comity.db-wal").exists() && header.get(18..20).is_none_or(|versions| versions == [2, 2])
}

/// What could not be synced is not synced again as if it could be: a writer that failed leaves its files alone.
fn assert_left_alone(events: &[Event], log: &Path) {
    let failed = events.iter().rposition(Event::was_injected).unwrap();
    let writer = events[failed].thread;
    let after: Vec<&str> = events[failed + 1..]
        .iter()
        .filter(|event| event.thread == writer && event.is_sync() && event.result() == Some(0))
        .map(|event| event.text.as_str())
        .collect();
    assert!(after.is_empty(), "synced after a failure, see {}: {after:#?}", log.display());
}
