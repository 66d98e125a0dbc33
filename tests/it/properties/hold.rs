//! A person held too long, whatever is said around the moment of otherwise-release: random histories against an oracle that
//! looks back, minute by minute, on what was said and not corrected, and knows nothing of latches.
//!
//! `COMITY_HOLDS` says how many histories (200; under `CI` a tenth).

use std::collections::BTreeSet;

use comity::domain::apply::apply;
use comity::domain::case::Case;
use comity::domain::clocks::{self, ClockKind};
use comity::domain::command::CaseCommand;
use comity::domain::custody::{ActualRelease, Closing, ClosingReason, MovementKind, OtherGround, ScheduledRelease};
use comity::domain::detainer::{AnswerKind, Finding, LiftReason};
use comity::domain::determination::{Determination, FieldClasses, HoldClock, LawView, Ruling};
use comity::domain::firing;
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::CaseName;
use comity::domain::timetable::Timetable;
use comity::domain::zone;
use jiff::{SignedDuration, Timestamp};

use crate::flood::told;
use crate::sample;
use crate::world::World;

const HISTORIES: u64 = 200;
const HISTORIES_IN_CI: u64 = 20;
/// Minutes that a history lasts.
const LASTS: i64 = 9 * 24 * 60;
const TICK: i64 = 30;
const ALARM_EVERY: i64 = 60;
const ISSUERS: [&str; 2] = ["ice", "cbp"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Honor {
        by: usize,
        corrects: bool,
    },
    Answer {
        by: usize,
        kind: AnswerKind,
    },
    Amend(usize),
    Withdraw(usize),
    Claim {
        by: usize,
        custodian: bool,
    },
    Offer,
    /// By the agency that the person is offered to.
    TakeOver,
    Part(usize),
    Match(usize),
    Forbid,
    Schedule(i64),
    Reschedule(i64),
    Cancel {
        ground: bool,
    },
    Charges {
        ground: bool,
    },
    Release {
        at: i64,
        corrects: bool,
    },
    Close {
        reason: ClosingReason,
        at: i64,
        ground: bool,
    },
    Reopen,
}

/// What was said and taken, in order.
#[derive(Debug, Clone, Copy)]
struct Said {
    at: i64,
    act: Act,
    /// Whether the custody was taken to have ended.
    ended: bool,
}

/// A hold past its end, from then until the person has left or is held on another ground.
#[derive(Debug, PartialEq, Eq)]
struct Overrun {
    from: i64,
    until: Option<i64>,
}

/// Seconds; acts fall on whole minutes.
fn time(seconds: i64) -> Timestamp {
    sample::start().checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

fn seconds(at: Timestamp) -> i64 {
    at.duration_since(sample::start()).as_secs()
}

/// What was said, without the ends that were corrected.
fn believed(said: &[Said]) -> Vec<Said> {
    let mut believed: Vec<Said> = Vec::new();
    let end = |one: &Said| matches!(one.act, Act::Release { .. } | Act::Close { .. });
    for one in said {
        if let Act::Reopen | Act::Release { corrects: true, .. } = one.act {
            let last = believed.iter().rposition(end).unwrap();
            if let Act::Release { at, .. } = one.act {
                believed[last].act = Act::Release { at, corrects: false };
            } else {
                believed.remove(last);
            }
        } else {
            believed.push(*one);
        }
    }
    believed
}

/// When the person was held past the end of a hold, looking back from what is believed now.
fn overruns(said: &[Said], same_day: bool) -> Vec<Overrun> {
    let believed = believed(said);
    let mut promised = BTreeSet::new();
    let (mut expected, mut reached, mut cited): (Option<i64>, Option<i64>, Option<i64>) = (None, None, None);
    let mut overruns: Vec<Overrun> = Vec::new();
    let (mut running, mut left) = (false, None::<(i64, i64)>);
    for minute in 0..=LASTS {
        let now = minute * 60;
        let moment = [expected, reached].into_iter().flatten().filter(|at| cited.is_none_or(|cited| cited < *at)).min();
        let moment = moment.filter(|moment| *moment <= now);
        if let Some(moment) = moment.filter(|_| !running && !promised.is_empty()) {
            overruns.push(Overrun { from: ends_at(moment, same_day), until: None });
            running = true;
        }
        for one in believed.iter().filter(|one| one.at == now) {
            match one.act {
                Act::Honor { by, .. } => _ = promised.insert(by),
                Act::Answer { by, .. }
                | Act::Amend(by)
                | Act::Withdraw(by)
                | Act::Part(by)
                | Act::Claim { by, custodian: false } => _ = promised.remove(&by),
                Act::Claim { custodian: true, .. } | Act::TakeOver => promised.clear(),
                Act::Forbid if !one.ended => promised.clear(),
                Act::Forbid | Act::Match(_) | Act::Offer | Act::Reopen | Act::Release { corrects: true, .. } => {}
                Act::Schedule(at) => (expected, reached) = (Some(at), None),
                Act::Reschedule(at) => (expected, reached) = (Some(at), moment),
                Act::Cancel { ground } | Act::Charges { ground } => {
                    if let Act::Cancel { .. } = one.act {
                        (expected, reached) = (None, None);
                    }
                    if ground && !one.ended {
                        (cited, reached) = (Some(now), None);
                        if std::mem::take(&mut running) {
                            overruns.last_mut().unwrap().until = Some(now);
                        }
                    }
                }
                Act::Release { at, .. } => left = Some((at, now)),
                Act::Close { reason, at, ground } => {
                    let certain = matches!(reason, ClosingReason::Death | ClosingReason::Escape);
                    if certain || ground {
                        left = Some((at, now));
                    } else {
                        // Nobody says that the person is gone; but nothing is promised any more.
                        return overruns;
                    }
                }
            }
        }
        if let Some((at, _)) = left.filter(|(at, said_at)| now >= *at.max(said_at)) {
            if running {
                overruns.last_mut().unwrap().until = Some(at);
            }
            return overruns;
        }
    }
    if let Some((at, _)) = left.filter(|_| running) {
        overruns.last_mut().unwrap().until = Some(at);
    }
    overruns
}

fn ends_at(moment: i64, same_day: bool) -> i64 {
    if !same_day {
        return moment + 48 * 3_600;
    }
    let zone = zone::named("America/New_York").unwrap();
    let day = zone.to_datetime(time(moment)).date();
    let last = day.at(23, 59, 59, 0).to_zoned(zone).unwrap().timestamp();
    seconds(last).max(moment)
}

fn is_over(overruns: &[Overrun], at: i64) -> bool {
    overruns.iter().any(|over| over.from <= at && over.until.is_none_or(|until| at < until))
}

fn law(hold: Ruling, clock: Option<HoldClock>) -> LawView {
    let law = sample::law(hold, Ruling::May, FieldClasses::NONE);
    let hold = Determination { clock, ..Determination::clone(&law.hold) };
    LawView { hold: hold.into(), ..law }
}

/// A history as it goes, and the alarms that it raised: when each was due and when it was recorded.
struct Story {
    world: World,
    custody: CaseName,
    detainers: Vec<CaseName>,
    /// Whether the law lets nobody be held past the day.
    same_day: bool,
    said: Vec<Said>,
    alarms: Vec<(i64, i64)>,
}

impl Story {
    fn begin(same_day: bool) -> Self {
        let (mut world, law) = (World::new(), law(Ruling::Must, None));
        let custody = world.pass("doccs", CaseCommand::OpenCustody(sample::intake()), &law);
        let detainers =
            ISSUERS.map(|issuer| world.pass(issuer, CaseCommand::LodgeDetainer(sample::request(Some("doccs"))), &law));
        let detainers = detainers.to_vec();
        Self { world, custody, detainers, same_day, said: Vec::new(), alarms: Vec::new() }
    }

    fn command(&self, act: Act) -> (&'static str, CaseCommand) {
        let custody = self.custody.clone();
        let detainer = |by: usize| self.detainers[by].clone();
        let cited =
            |ground: bool| ground.then(|| OtherGround { citation: "a statute".to_owned(), document_sha256: [7; 32] });
        let scheduled = |at| ScheduledRelease { expected_at: time(at), ..sample::scheduled() };
        let corrected = |corrects: bool| corrects.then(sample::correction);
        match act {
            Act::Honor { by, corrects, .. } => {
                let (answer, correction) = (sample::answer(AnswerKind::HonorHold), corrected(corrects));
                ("doccs", CaseCommand::AnswerDetainer { detainer: detainer(by), answer, correction })
            }
            Act::Answer { by, kind } => {
                let (answer, correction) = (sample::answer(kind), corrected(true));
                ("doccs", CaseCommand::AnswerDetainer { detainer: detainer(by), answer, correction })
            }
            Act::Amend(by) => {
                let request = Box::new(sample::request(Some("doccs")));
                (ISSUERS[by], CaseCommand::AmendDetainer { detainer: detainer(by), request })
            }
            Act::Withdraw(by) => {
                let reason = LiftReason::CaseClosed;
                (ISSUERS[by], CaseCommand::WithdrawDetainer { detainer: detainer(by), reason })
            }
            Act::Claim { by, custodian } => {
                let command = CaseCommand::RaiseCitizenshipClaim { detainer: detainer(by), claim: sample::claim() };
                (if custodian { "doccs" } else { ISSUERS[by] }, command)
            }
            Act::Offer => ("doccs", sample::moving(custody, MovementKind::Agency, "erie")),
            Act::TakeOver => ("erie", sample::taking_over(custody)),
            Act::Part(by) | Act::Match(by) => {
                let parts = matches!(act, Act::Part(_));
                let finding = if parts { Finding::IdentityMismatch } else { Finding::MatchedCustody };
                let found = self.world.detainer(&detainer(by)).unwrap().acknowledgement.is_some();
                let acknowledgement = sample::found(finding, Some(&custody).filter(|_| !parts));
                let correction = corrected(found);
                ("doccs", CaseCommand::AcknowledgeDetainer { detainer: detainer(by), acknowledgement, correction })
            }
            Act::Schedule(at) => ("doccs", CaseCommand::ScheduleRelease { custody, release: scheduled(at) }),
            Act::Reschedule(at) => ("doccs", CaseCommand::RescheduleRelease { custody, release: scheduled(at) }),
            Act::Cancel { ground } => {
                ("doccs", CaseCommand::CancelRelease { custody, reason: None, other_ground: cited(ground) })
            }
            Act::Charges { ground } => {
                let (charges, other_ground) = (vec![sample::charge()], cited(ground));
                ("doccs", CaseCommand::UpdateCharges { custody, charges, other_ground })
            }
            Act::Forbid => {
                let charges = vec![sample::charge()];
                ("doccs", CaseCommand::UpdateCharges { custody, charges, other_ground: None })
            }
            Act::Release { at, corrects } => {
                let release = ActualRelease { released_at: time(at), ..sample::released() };
                let (correction, to) = (corrected(corrects), HandedTo::default());
                ("doccs", CaseCommand::RecordRelease { custody, release, correction, to })
            }
            Act::Close { reason, at, ground } => {
                let closing = Closing { reason, occurred_at: time(at) };
                ("doccs", CaseCommand::CloseCustody { custody, closing, other_ground: cited(ground) })
            }
            Act::Reopen => ("doccs", CaseCommand::ReopenCustody { custody, correction: sample::correction() }),
        }
    }

    /// Says something, if it is taken.
    fn says(&mut self, at: i64, act: Act) {
        let law = if act == Act::Forbid {
            law(Ruling::MustNot, None)
        } else {
            law(Ruling::Must, self.same_day.then_some(HoldClock::SameDay))
        };
        let (caller, command) = self.command(act);
        let ended = self.world.custody(&self.custody).unwrap();
        let ended = ended.released.is_some() || ended.closing.is_some();
        self.world.now = time(at - 60);
        if self.world.give(caller, command, &law).is_ok() {
            self.said.push(Said { at, act, ended });
        }
    }

    /// Fires alarms that are due.
    fn ticks(&mut self, at: i64) {
        loop {
            let custody = self.world.custody(&self.custody).cloned().unwrap();
            let standing: Vec<_> =
                custody.detainers.iter().map(|name| self.world.detainer(name).cloned().unwrap()).collect();
            let running = clocks::of_custody(&custody, &standing, &Timetable::default());
            let due = running.into_iter().find(|one| one.clock == ClockKind::OverHold && seconds(one.due_at) <= at);
            let Some(due) = due else { return };
            self.alarms.push((seconds(due.due_at), at));
            let mut case = Case { custody: Some(custody), linked: standing, ..Case::default() };
            let record = firing::record(&case, due.firing(self.custody.clone())).unwrap();
            apply(&mut case, &record, 0, time(at));
            self.world.keep(case);
        }
    }
}

fn any_act(random: &mut fastrand::Rng, now: i64, moment: i64) -> Act {
    let by = random.usize(0..ISSUERS.len());
    let hours = |random: &mut fastrand::Rng, range: std::ops::Range<i64>| now + random.i64(range) * 3_600;
    match random.u32(0..24) {
        0..3 => Act::Honor { by, corrects: random.bool() },
        3 => Act::Answer { by, kind: [AnswerKind::NotifyOnly, AnswerKind::Decline][random.usize(0..2)] },
        4 => Act::Amend(by),
        5 => Act::Withdraw(by),
        6 => Act::Claim { by, custodian: random.bool() },
        7 => Act::Offer,
        8 => Act::Part(by),
        9 => Act::Match(by),
        10 => Act::Forbid,
        11 => Act::Schedule(hours(random, -2..30)),
        12 | 13 => Act::Reschedule(hours(random, -2..60)),
        14 => Act::Cancel { ground: random.bool() },
        15 => Act::Charges { ground: random.u32(0..3) == 0 },
        16 | 17 => {
            // Some are dated in the time to come, some before the moment.
            let at = [hours(random, -4..1), hours(random, 1..50), 2_208_988_800, moment][random.usize(0..4)];
            Act::Release { at, corrects: random.u32(0..4) == 0 }
        }
        18 => {
            let reason = ClosingReason::ALL[random.usize(0..ClosingReason::ALL.len())];
            Act::Close { reason, at: hours(random, -4..2), ground: random.u32(0..3) == 0 }
        }
        19 | 20 => Act::TakeOver,
        _ => Act::Reopen,
    }
}

/// Plays a history. Says how many alarms it raised.
fn play(seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut story = Story::begin(random.bool());
    let begins = 60 * 60;
    let moment = begins + random.i64(1..20) * 3_600;
    for by in 0..ISSUERS.len() {
        story.says(begins + 60 * i64::try_from(by).unwrap(), Act::Match(by));
    }
    story.says(begins + 180, Act::Honor { by: 0, corrects: false });
    story.says(begins + 240, Act::Schedule(moment));
    let mut acts: Vec<i64> = (0..random.usize(1..14))
        .map(|_| {
            let around = random.i64(-3 * 60..4 * 60) * 60;
            let late = random.i64(0..6 * 24 * 60) * 60;
            (moment + if random.bool() { around } else { late }).max(begins + 300)
        })
        .collect();
    acts.sort_unstable();
    acts.dedup();
    // While nobody looks at the clocks.
    let away = random.i64(0..LASTS) * 60;
    let away = away..away + random.i64(0..40) * 3_600;
    let mut acts = acts.into_iter().peekable();
    let (mut said, mut looked_back) = (0, Vec::new());
    for tick in (TICK..LASTS).step_by(usize::try_from(TICK).unwrap()) {
        let now = tick * 60;
        while let Some(at) = acts.next_if(|at| *at <= now) {
            let act = any_act(&mut random, at, moment);
            story.says(at, act);
        }
        if away.contains(&now) {
            continue;
        }
        let before = story.alarms.len();
        story.ticks(now);
        if said != story.said.len() {
            (said, looked_back) = (story.said.len(), overruns(&story.said, story.same_day));
        }
        let overruns = &looked_back;
        let tale = || format!("COMITY_HOLDS=1 COMITY_HOLDS_SEED={seed}, at {now}: {:#?} {overruns:?}", story.said);
        for (due, _) in &story.alarms[before..] {
            assert!(is_over(overruns, *due), "a false alarm, due at {due}: {}", tale());
        }
        let lately = story.alarms.iter().any(|(_, at)| *at > now - ALARM_EVERY * 60);
        assert!(lately || !is_over(overruns, now), "an alarm was silenced: {}", tale());
    }
    story.alarms.len()
}

#[test]
fn no_history_silences_the_alarm_of_a_hold_or_raises_a_false_one() {
    let default = if std::env::var_os("CI").is_some() { HISTORIES_IN_CI } else { HISTORIES };
    let count = told("COMITY_HOLDS").unwrap_or(default);
    let seed = told("COMITY_HOLDS_SEED").unwrap_or_else(|| fastrand::u64(..u64::MAX / 2));
    let (mut raised, mut quiet) = (0, 0);
    for nth in 0..count {
        match play(seed + nth) {
            0 => quiet += 1,
            _ => raised += 1,
        }
    }
    println!("{count} histories from seed {seed}: {raised} with alarms, {quiet} without, 0 silenced, 0 false");
    assert!(count < HISTORIES_IN_CI || (raised > 0 && quiet > 0));
}
