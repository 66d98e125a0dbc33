//! A month in accelerated time, over restarts and deaths: every clock that runs out fires once, none early, and an alarm
//! repeats until its cause is gone.

mod gateway;

use std::collections::BTreeMap;

use comity::domain::calendar::business_hours_later;
use comity::domain::claim::ClaimOutcome;
use comity::domain::command::CaseCommand;
use comity::domain::custody::{ActualRelease, ScheduledRelease};
use comity::domain::detainer::{AnswerKind, Finding};
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::CaseName;
use comity::domain::transfer::{TransferName, TransferWindow};
use comity::domain::zone;
use comity::wire::entry::read_leaf;
use comity::wire::v1::event::Event;
use comity::wire::{Message as _, v1};
use jiff::{SignedDuration, Timestamp};

use crate::clocks::month::gateway::{Death, Gateway};
use crate::sample;

const DAYS: i64 = 30;
const CASES: usize = 150;
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
/// The last story is New York's, whose law lets notice be given and does not ask for it; the others are of Texas.
const NOTICE: usize = 4;

/// A clock that is to fire, unless what it waits for comes first.
#[derive(Debug, Clone, Copy)]
struct Expected {
    clock: v1::ClockKind,
    /// When it begins to run.
    from: Timestamp,
    due_at: Timestamp,
    /// When what it waits for comes.
    until: Option<Timestamp>,
    repeats: bool,
}

/// When a clock fired: when it was due, the how-manyth time, when it was recorded.
type Fired = (Timestamp, i32, Timestamp);

#[derive(Debug, Clone)]
enum Act {
    Open,
    Lodge,
    Match,
    Answer(AnswerKind),
    Schedule(Timestamp),
    Release,
    Offer(Timestamp),
    HandOver,
    Claim,
    Resolve,
}

/// What happens in one case, in order, and the clocks that it sets going.
struct Script {
    acts: Vec<(Timestamp, Act)>,
    expected: Vec<Expected>,
}

fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

/// One of five stories. What comes early enough comes in time, so that about half of the clocks never fire.
fn script(story: usize, begins: Timestamp, random: &mut fastrand::Rng) -> Script {
    let mut minutes = |range: std::ops::Range<i64>| after(begins, random.i64(range) * MINUTE);
    let minute = |count: i64| after(begins, count * MINUTE);
    let expect = |clock, due_at, until, repeats| Expected { clock, from: begins, due_at, until, repeats };
    let answer_due = |until| expect(v1::ClockKind::AnswerDue, after(begins, 48 * HOUR), until, false);
    let held = vec![(begins, Act::Open), (begins, Act::Lodge), (minute(2), Act::Match)];
    let (mut acts, expected) = match story {
        0 => {
            let answer = minutes(10..6_000);
            (vec![(answer, Act::Answer(AnswerKind::Decline))], vec![answer_due(Some(answer))])
        }
        1 => {
            let (expected_at, release) = (minutes(60..3_000), minutes(3_000..10_000));
            let promise = (minute(3), Act::Answer(AnswerKind::HonorHold));
            let lapse = after(expected_at, 48 * HOUR);
            let acts = vec![promise, (minute(4), Act::Schedule(expected_at)), (release, Act::Release)];
            (acts, vec![expect(v1::ClockKind::OverHold, lapse, Some(release), true)])
        }
        2 => {
            let (closes_at, handed) = (minutes(100..3_000), minutes(100..4_000));
            let promise = (minute(3), Act::Answer(AnswerKind::HonorHold));
            let acts = vec![promise, (minute(4), Act::Offer(closes_at)), (handed, Act::HandOver)];
            (acts, vec![expect(v1::ClockKind::WindowClosed, closes_at, Some(handed), false)])
        }
        3 => {
            let (claim, resolved) = (minutes(5..500), minutes(500..6_000));
            let due_at = business_hours_later(claim, 24, &zone::named("America/Chicago").unwrap()).unwrap();
            let review = expect(v1::ClockKind::CitizenshipReviewDue, due_at, Some(resolved), false);
            (vec![(claim, Act::Claim), (resolved, Act::Resolve)], vec![answer_due(None), review])
        }
        _ => {
            let (expected_at, answer) = (minutes(1_000..9_000), minutes(10..6_000));
            let notice = Expected {
                from: minute(4),
                ..expect(v1::ClockKind::NoticeDue, after(expected_at, -48 * HOUR), Some(answer), false)
            };
            let acts = vec![(minute(4), Act::Schedule(expected_at)), (answer, Act::Answer(AnswerKind::NotifyOnly))];
            (acts, vec![answer_due(Some(answer)), notice])
        }
    };
    let lodged = if matches!(story, 0 | 3) { vec![(begins, Act::Lodge)] } else { held };
    acts.splice(0..0, lodged);
    Script { acts, expected }
}

/// The names of what one story made.
#[derive(Debug, Default, Clone)]
struct Names {
    story: usize,
    detainer: Option<CaseName>,
    custody: Option<CaseName>,
    transfer: Option<TransferName>,
}

impl Names {
    fn play(&mut self, gateway: &mut Gateway, at: Timestamp, act: &Act) {
        let detainer = || self.detainer.clone().unwrap();
        let custody = || self.custody.clone().unwrap();
        let (place, custodian) = if self.story == NOTICE { ("us-ny", "doccs") } else { ("us-tx", "erie") };
        let (caller, command) = match act {
            Act::Open => (custodian, CaseCommand::OpenCustody(sample::intake())),
            Act::Lodge => ("ice", CaseCommand::LodgeDetainer(sample::request(Some(custodian)))),
            Act::Match => {
                let acknowledgement = sample::found(Finding::MatchedCustody, self.custody.as_ref());
                (
                    custodian,
                    CaseCommand::AcknowledgeDetainer { detainer: detainer(), acknowledgement, correction: None },
                )
            }
            Act::Answer(kind) => {
                let answer = sample::answer(*kind);
                (custodian, CaseCommand::AnswerDetainer { detainer: detainer(), answer, correction: None })
            }
            Act::Schedule(expected_at) => {
                let release = ScheduledRelease { expected_at: *expected_at, ..sample::scheduled() };
                (custodian, CaseCommand::ScheduleRelease { custody: custody(), release })
            }
            Act::Release => {
                let release = ActualRelease { released_at: at, ..sample::released() };
                let to = HandedTo::default();
                (custodian, CaseCommand::RecordRelease { custody: custody(), release, correction: None, to })
            }
            Act::Offer(closes_at) => {
                let window = TransferWindow { opens_at: at, closes_at: *closes_at, facility: "NY029".parse().unwrap() };
                (custodian, CaseCommand::OfferWindow { detainer: detainer(), window, reason: None })
            }
            Act::HandOver => {
                let transfer = self.transfer.clone().unwrap();
                (custodian, CaseCommand::ConfirmTransfer { transfer, occurred_at: at, reason: None })
            }
            Act::Claim => ("ice", CaseCommand::RaiseCitizenshipClaim { detainer: detainer(), claim: sample::claim() }),
            Act::Resolve => {
                let (outcome, reason) = (ClaimOutcome::NotConfirmed, "reviewed".to_owned());
                ("ice", CaseCommand::ResolveCitizenshipClaim { detainer: detainer(), outcome, reason })
            }
        };
        let answer = gateway.gives(at, place, caller, command);
        match act {
            Act::Open => {
                let opened = v1::OpenCustodyResponse::decode(&*answer).unwrap();
                self.custody = Some(opened.custody.unwrap().name.parse().unwrap());
            }
            Act::Lodge => {
                let lodged = v1::LodgeDetainerResponse::decode(&*answer).unwrap();
                self.detainer = Some(lodged.detainer.unwrap().name.parse().unwrap());
            }
            Act::Offer(_) => {
                let offered = v1::OfferWindowResponse::decode(&*answer).unwrap();
                let transfer: TransferName = offered.transfer.unwrap().name.parse().unwrap();
                gateway.gives(at, place, "ice", CaseCommand::AcceptWindow { transfer: transfer.clone() });
                self.transfer = Some(transfer);
            }
            Act::Match
            | Act::Answer(_)
            | Act::Schedule(_)
            | Act::Release
            | Act::HandOver
            | Act::Claim
            | Act::Resolve => {}
        }
    }
}

/// Every firing in the logs, by what fired.
fn fired(gateway: &Gateway) -> BTreeMap<(String, i32), Vec<Fired>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in gateway.entries() {
        let content: Vec<u8> = entry.openings.iter().flat_map(|opening| opening.content.clone()).collect();
        let Some(Event::ClockFired(fired)) = v1::Event::decode(&*content).unwrap().event else { continue };
        let leaf = read_leaf(&entry.leaf).unwrap();
        let due_at = Timestamp::from_second(fired.due_at.unwrap().seconds).unwrap();
        all.entry((leaf.resource, fired.clock)).or_default().push((due_at, fired.times, leaf.recorded_at));
    }
    all
}

/// When a clock must have fired, of these times at which clocks were looked at.
fn due(expected: Expected, ticks: &[Timestamp]) -> Vec<Fired> {
    let Expected { from, due_at, until, repeats, .. } = expected;
    let (mut all, mut next, mut times) = (Vec::new(), due_at, 0);
    for tick in ticks.iter().filter(|tick| from <= **tick) {
        // That a person was held too long is said even if the release was recorded before anybody looked.
        let waits = until.is_none_or(|until| if repeats { next < until } else { *tick < until });
        if *tick < next || !waits || (times > 0 && !repeats) {
            continue;
        }
        times += 1;
        all.push((next, times, *tick));
        while next <= *tick {
            next = after(next, HOUR);
        }
    }
    all
}

/// A month as it was played.
struct Played {
    gateway: Gateway,
    names: Vec<Names>,
    /// When clocks were looked at.
    ticks: Vec<Timestamp>,
    restarts: usize,
    deaths: usize,
}

fn play(scripts: &[Script], begins: Timestamp, random: &mut fastrand::Rng) -> Played {
    let of_case =
        |(case, script): (usize, &Script)| script.acts.iter().map(move |(at, act)| (*at, case, act.clone())).collect();
    let mut acts: Vec<_> = scripts.iter().enumerate().flat_map(|script| -> Vec<_> { of_case(script) }).collect();
    acts.sort_by_key(|(at, case, _)| (*at, *case));
    let mut acts = acts.into_iter().peekable();
    let names = (0..CASES).map(|case| Names { story: case % 5, ..Names::default() }).collect();
    let mut played = Played { gateway: Gateway::new(begins), names, ticks: Vec::new(), restarts: 0, deaths: 0 };
    let mut now = begins;
    while now < after(begins, DAYS * 24 * HOUR) {
        // Mostly within the hour; at times nobody looks for a day.
        let step = if random.u8(..) < 20 { random.i64(HOUR..30 * HOUR) } else { random.i64(MINUTE..2 * HOUR) };
        now = after(now, step);
        while let Some((at, case, act)) = acts.next_if(|(at, ..)| *at <= now) {
            played.names[case].play(&mut played.gateway, at, &act);
        }
        let death = match random.u8(..) {
            0..50 => Some(Death::BeforeCommit),
            50..100 => Some(Death::AfterCommit),
            _ => None,
        };
        played.deaths += usize::from(played.gateway.ticks(now, death));
        played.ticks.push(now);
        if random.u8(..) < 25 {
            played.gateway.restart();
            played.restarts += 1;
        }
    }
    played
}

/// Every clock that must have fired.
fn all_due(scripts: &[Script], played: &Played) -> BTreeMap<(String, i32), Vec<Fired>> {
    let mut all = BTreeMap::new();
    for (script, names) in scripts.iter().zip(&played.names) {
        for clock in &script.expected {
            let of_custody = clock.clock == v1::ClockKind::OverHold;
            let name = if of_custody { &names.custody } else { &names.detainer };
            let due = due(*clock, &played.ticks);
            if let (Some(name), false) = (name, due.is_empty()) {
                all.insert((name.to_string(), i32::from(clock.clock)), due);
            }
        }
    }
    all
}

#[test]
fn a_month_of_clocks_over_restarts_fires_each_once_and_none_early() {
    // From Presidents' Day over the night on which clocks are set forward.
    let begins: Timestamp = "2026-02-13T06:00:00Z".parse().unwrap();
    let mut random = fastrand::Rng::with_seed(287);
    let scripts: Vec<Script> = (0..CASES)
        .map(|case| script(case % 5, after(begins, random.i64(0..(DAYS - 6) * 24 * 60) * MINUTE), &mut random))
        .collect();
    let played = play(&scripts, begins, &mut random);
    let (mut found, expected) = (fired(&played.gateway), all_due(&scripts, &played));
    // What a claim leaves to a person besides is due when no script says.
    found.retain(|(_, clock), _| *clock != i32::from(v1::ClockKind::ReviewDue));
    for ((case, clock), firings) in &found {
        for (due_at, _, recorded_at) in firings {
            assert!(due_at <= recorded_at, "{case} {clock} fired early");
        }
        assert!(expected.contains_key(&(case.clone(), *clock)), "{case} {clock} fired, and nothing was due");
    }
    for (which, firings) in &expected {
        assert_eq!(found.get(which), Some(firings), "{which:?}");
    }
    let Played { gateway, ticks, restarts, deaths, .. } = played;
    let entries: usize = found.values().map(Vec::len).sum();
    println!(
        "{CASES} cases, {} looks at the clocks, {restarts} restarts, {deaths} deaths: {} clocks fired in {entries} \
         entries; {} entries verified",
        ticks.len(),
        found.len(),
        gateway.verified().entries
    );
    for clock in [
        v1::ClockKind::AnswerDue,
        v1::ClockKind::NoticeDue,
        v1::ClockKind::WindowClosed,
        v1::ClockKind::CitizenshipReviewDue,
        v1::ClockKind::OverHold,
    ] {
        let of = found.iter().filter(|((_, kind), _)| *kind == i32::from(clock));
        let (clocks, entries) = of.fold((0, 0), |(clocks, entries), (_, all)| (clocks + 1, entries + all.len()));
        println!("{}: {clocks} in {entries} entries", clock.as_str_name());
        assert!(clocks > 5, "{clock:?}");
    }
    assert!(deaths > 20 && restarts > 20);
}
