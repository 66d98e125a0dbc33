//! Which clocks run, of cases as they come to stand.

use comity::domain::apply::apply;
use comity::domain::case::Case;
use comity::domain::claim::ClaimOutcome;
use comity::domain::clocks::{self, ClockKind, Running};
use comity::domain::command::CaseCommand;
use comity::domain::custody::{ActualRelease, MovementKind, OtherGround, ScheduledRelease};
use comity::domain::detainer::{AnswerKind, Finding, LiftReason};
use comity::domain::determination::{FieldClasses, HoldClock, LawView, Ruling};
use comity::domain::firing;
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::CaseName;
use comity::domain::subject::Flags;
use comity::domain::timetable::Timetable;
use comity::domain::transfer::TransferName;
use jiff::{SignedDuration, Timestamp};

use crate::sample;
use crate::world::World;

fn law(notify: Ruling) -> LawView {
    sample::law(Ruling::Must, notify, FieldClasses::all())
}

/// Allows everything, and shows nothing of it.
fn silent() -> LawView {
    sample::law(Ruling::Must, Ruling::May, FieldClasses::NONE)
}

fn hours_after(at: Timestamp, hours: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(hours)).unwrap()
}

/// Detainer and custody, a world and its commands.
struct Story {
    world: World,
    detainer: CaseName,
    custody: CaseName,
}

impl Story {
    fn begin(law: &LawView) -> Self {
        let mut world = World::new();
        let custody = world.pass("doccs", CaseCommand::OpenCustody(sample::intake()), law);
        let detainer = world.pass("ice", CaseCommand::LodgeDetainer(sample::request(Some("doccs"))), law);
        Self { world, detainer, custody }
    }

    fn matched(law: &LawView) -> Self {
        let mut story = Self::begin(law);
        let acknowledgement = sample::found(Finding::MatchedCustody, Some(&story.custody));
        let detainer = story.detainer.clone();
        story.does(CaseCommand::AcknowledgeDetainer { detainer, acknowledgement, correction: None }, law);
        story
    }

    fn answered(kind: AnswerKind, law: &LawView) -> Self {
        let mut story = Self::matched(law);
        story.answers(kind, law);
        story
    }

    /// Held under a promise past an expected release that was reached.
    fn held() -> Self {
        let mut story = Self::answered(AnswerKind::HonorHold, &silent());
        story.schedules(hours_after(story.world.now, 1));
        story
    }

    fn does(&mut self, command: CaseCommand, law: &LawView) {
        self.world.pass("doccs", command, law);
    }

    fn answers(&mut self, kind: AnswerKind, law: &LawView) {
        let (detainer, answer) = (self.detainer.clone(), sample::answer(kind));
        self.does(CaseCommand::AnswerDetainer { detainer, answer, correction: None }, law);
    }

    fn schedules(&mut self, expected_at: Timestamp) {
        self.schedules_under(expected_at, &silent());
    }

    fn schedules_under(&mut self, expected_at: Timestamp, law: &LawView) {
        let release = ScheduledRelease { expected_at, ..sample::scheduled() };
        self.does(CaseCommand::ScheduleRelease { custody: self.custody.clone(), release }, law);
    }

    fn puts_off(&mut self, expected_at: Timestamp) {
        let release = ScheduledRelease { expected_at, ..sample::scheduled() };
        self.does(CaseCommand::RescheduleRelease { custody: self.custody.clone(), release }, &silent());
    }

    fn clocks(&self) -> Vec<Running> {
        let (detainer, custody) = (self.world.detainer(&self.detainer).unwrap(), self.world.custody(&self.custody));
        let standing: Vec<_> = self.world.detainers().cloned().collect();
        let timetable = Timetable::default();
        let mut running = clocks::of_detainer(detainer, custody, &timetable);
        running.extend(clocks::of_custody(custody.unwrap(), &standing, &timetable));
        running
    }

    fn of(&self, clock: ClockKind) -> Option<Running> {
        self.clocks().into_iter().find(|running| running.clock == clock)
    }

    fn due(&self, clock: ClockKind) -> Option<Timestamp> {
        self.of(clock).map(|running| running.due_at)
    }

    /// Fires a clock at a time.
    fn fires(&mut self, clock: ClockKind, now: Timestamp) {
        let running = self.of(clock).unwrap();
        let detainer = self.world.detainer(&self.detainer).cloned();
        let custody = self.world.custody(&self.custody).cloned();
        let mut case = Case { detainer, custody, ..Case::default() };
        let of_custody = clock == ClockKind::OverHold;
        let name = if of_custody { self.custody.clone() } else { self.detainer.clone() };
        let record = firing::record(&case, running.firing(name)).unwrap();
        apply(&mut case, &record, 0, now);
        self.world.keep(case);
    }
}

#[test]
fn an_answer_is_due_until_there_is_one() {
    let story = Story::begin(&silent());
    let lodged_at = story.world.detainer(&story.detainer).unwrap().lodged_at;
    assert_eq!(story.due(ClockKind::AnswerDue), Some(hours_after(lodged_at, 48)));
    assert!(Story::matched(&silent()).due(ClockKind::AnswerDue).is_some());
    for kind in AnswerKind::ALL {
        assert_eq!(Story::answered(*kind, &silent()).due(ClockKind::AnswerDue), None, "{kind:?}");
    }
    let mut fired = Story::begin(&silent());
    fired.fires(ClockKind::AnswerDue, hours_after(lodged_at, 50));
    assert_eq!(fired.due(ClockKind::AnswerDue), None, "once");
    let (detainer, request) = (fired.detainer.clone(), Box::new(sample::request(Some("doccs"))));
    fired.world.pass("ice", CaseCommand::AmendDetainer { detainer, request }, &silent());
    assert_eq!(fired.due(ClockKind::AnswerDue), Some(hours_after(fired.world.now, 48)), "and once a version");
}

#[test]
fn notice_is_due_only_where_the_law_lets_it_be_given_and_it_was_not() {
    let due_after = |rule: Ruling, answer: Option<AnswerKind>| {
        let law = law(rule);
        let mut story = answer.map_or_else(|| Story::matched(&law), |kind| Story::answered(kind, &law));
        let expected_at = hours_after(story.world.now, 100);
        story.schedules_under(expected_at, &law);
        let due = story.due(ClockKind::NoticeDue);
        assert!(due.is_none() || due == Some(hours_after(expected_at, -48)));
        due.is_some()
    };
    assert!(due_after(Ruling::May, None));
    assert!(due_after(Ruling::May, Some(AnswerKind::PendingReview)));
    assert!(!due_after(Ruling::MustNot, None));
    assert!(!due_after(Ruling::Review, None));
    assert!(!due_after(Ruling::May, Some(AnswerKind::Decline)));
    // Who was promised it, or has a right to it, was told when the release was scheduled.
    assert!(!due_after(Ruling::May, Some(AnswerKind::NotifyOnly)));
    assert!(!due_after(Ruling::May, Some(AnswerKind::HonorHold)));
    assert!(!due_after(Ruling::Must, None));
}

#[test]
fn a_window_runs_until_somebody_says_that_the_person_changed_hands() {
    let law = law(Ruling::Must);
    let mut story = Story::answered(AnswerKind::HonorHold, &law);
    let (detainer, window) = (story.detainer.clone(), sample::window(600));
    story.does(CaseCommand::OfferWindow { detainer, window: window.clone(), reason: None }, &law);
    assert_eq!(story.due(ClockKind::WindowClosed), Some(window.closes_at));
    let id = story.world.detainer(&story.detainer).unwrap().transfers[0].id;
    let transfer = TransferName { detainer: story.detainer.clone(), id };
    story.world.pass("ice", CaseCommand::AcceptWindow { transfer: transfer.clone() }, &law);
    assert_eq!(story.due(ClockKind::WindowClosed), Some(window.closes_at));
    story.does(CaseCommand::ConfirmTransfer { transfer, occurred_at: story.world.now, reason: None }, &law);
    assert_eq!(story.due(ClockKind::WindowClosed), None);
}

#[test]
fn a_claim_is_reviewed_within_a_business_day() {
    for side in ["ice", "doccs"] {
        let mut story = Story::matched(&silent());
        // Sunday, 1 February 2026, in New York.
        let (detainer, claim) = (story.detainer.clone(), sample::claim());
        story.world.pass(side, CaseCommand::RaiseCitizenshipClaim { detainer, claim }, &silent());
        let monday_ends = "2026-02-03T00:00-05:00".parse().unwrap();
        assert_eq!(story.due(ClockKind::CitizenshipReviewDue), Some(monday_ends), "{side}");
        let resolution = CaseCommand::ResolveCitizenshipClaim {
            detainer: story.detainer.clone(),
            outcome: ClaimOutcome::NotConfirmed,
            reason: "reviewed".to_owned(),
        };
        story.world.pass(side, resolution, &silent());
        assert_eq!(story.due(ClockKind::CitizenshipReviewDue), None, "{side}");
    }
    // A claim that the form itself carries counts from the form.
    let mut request = sample::request(Some("doccs"));
    request.flags = Flags::default().claimed();
    let mut story = Story::begin(&silent());
    story.detainer = story.world.pass("ice", CaseCommand::LodgeDetainer(request), &silent());
    assert!(story.due(ClockKind::CitizenshipReviewDue).is_some());
}

#[test]
fn a_hold_runs_out_and_the_alarm_repeats_until_the_release_is_recorded() {
    let mut story = Story::held();
    let moment = hours_after(story.world.now, 1).checked_sub(SignedDuration::from_mins(1)).unwrap();
    let lapse = hours_after(moment, 48);
    let alarm = |story: &Story| story.of(ClockKind::OverHold).map(|running| (running.due_at, running.times));
    assert_eq!(alarm(&story), Some((lapse, 1)));
    assert_eq!(story.of(ClockKind::OverHold).unwrap().hold_clock, Some(HoldClock::Flat48h));
    story.fires(ClockKind::OverHold, lapse);
    assert_eq!(alarm(&story), Some((hours_after(lapse, 1), 2)));
    // Ten hours in which nothing could be recorded are one alarm, and the beat goes on as before.
    let late = hours_after(lapse, 10).checked_add(SignedDuration::from_mins(20)).unwrap();
    story.fires(ClockKind::OverHold, late);
    assert_eq!(alarm(&story), Some((hours_after(lapse, 11), 3)));
    // Neither lifting the detainer nor putting the date off silences it.
    let lift = CaseCommand::WithdrawDetainer { detainer: story.detainer.clone(), reason: LiftReason::CaseClosed };
    story.world.pass("ice", lift, &silent());
    story.world.now = late;
    story.puts_off(hours_after(late, 500));
    assert_eq!(alarm(&story), Some((hours_after(lapse, 11), 3)));
    let release = ActualRelease { released_at: late, ..sample::released() };
    let (custody, to) = (story.custody.clone(), HandedTo::default());
    let record = CaseCommand::RecordRelease { custody, release, correction: None, to };
    story.does(record, &silent());
    assert_eq!(alarm(&story), None);
}

#[test]
fn the_moment_of_otherwise_release_stays_once_it_was_reached() {
    let due = |story: &Story| story.due(ClockKind::OverHold);
    let mut story = Story::held();
    let first = due(&story).unwrap();
    // Put off before it was reached, it moves.
    let expected_at = hours_after(story.world.now, 30);
    story.puts_off(expected_at);
    assert_eq!(due(&story), Some(hours_after(expected_at, 48)));
    assert_ne!(due(&story), Some(first));
    // Put off after it was reached, it does not, however often.
    story.world.now = hours_after(expected_at, 2);
    for days in [5, 10] {
        story.puts_off(hours_after(story.world.now, days * 24));
        assert_eq!(due(&story), Some(hours_after(expected_at, 48)));
    }
    // Called off, it stays: only another ground that is cited ends it.
    let calls_off = |story: &mut Story, other_ground| {
        let custody = story.custody.clone();
        story.does(CaseCommand::CancelRelease { custody, reason: None, other_ground }, &silent());
    };
    calls_off(&mut story, None);
    assert_eq!(due(&story), Some(hours_after(expected_at, 48)));
    story.schedules(hours_after(story.world.now, 1));
    calls_off(&mut story, Some(OtherGround { citation: "CPL 510.10".to_owned(), document_sha256: [7; 32] }));
    assert_eq!(due(&story), None);
    let again = hours_after(story.world.now, 3);
    story.schedules(again);
    assert_eq!(due(&story), Some(hours_after(again, 48)));
}

#[test]
fn a_hold_lifted_after_the_moment_still_bounds_the_stay_and_one_lifted_before_does_not() {
    for (hours, bounds) in [(0, false), (20, true)] {
        let mut story = Story::held();
        let due = story.due(ClockKind::OverHold);
        story.world.now = hours_after(story.world.now, hours);
        let lift = CaseCommand::WithdrawDetainer { detainer: story.detainer.clone(), reason: LiftReason::CaseClosed };
        story.world.pass("ice", lift, &silent());
        assert_eq!(story.due(ClockKind::OverHold), due.filter(|_| bounds), "{hours} h");
    }
}

#[test]
fn who_is_not_held_for_anybody_is_not_held_too_long() {
    for kind in [AnswerKind::NotifyOnly, AnswerKind::Decline, AnswerKind::PendingReview] {
        let mut story = Story::answered(kind, &silent());
        story.schedules(hours_after(story.world.now, 1));
        assert_eq!(story.due(ClockKind::OverHold), None, "{kind:?}");
    }
    let mut moved = Story::held();
    moved.does(sample::moving(moved.custody.clone(), MovementKind::Agency, "erie"), &silent());
    assert!(moved.due(ClockKind::OverHold).is_some(), "an offer takes nobody over");
    moved.world.pass("erie", sample::taking_over(moved.custody.clone()), &silent());
    assert_eq!(moved.due(ClockKind::OverHold), None, "a promise binds whoever gave it");
}
