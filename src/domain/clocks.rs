//! The legal clocks: what must have happened by when. Pure: each is computed from the case as it stands.
//!
//! The clock of a hold runs from the **moment of otherwise-release**, when the custodian expected to release the person:
//! see `hold.rs`.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::agenda::{Item, ItemKind};
use crate::domain::custody::{Custody, CustodyState};
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::determination::{HoldClock, Ruling};
pub use crate::domain::hold::hold_ends_at;
use crate::domain::hold::{HoldLatch, bounding};
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId};
use crate::domain::review::ReviewMatter;
use crate::domain::timetable::Timetable;
use crate::domain::transfer::TransferState;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What a clock counts down to.
    pub enum ClockKind {
        /// The custodian should have answered.
        AnswerDue = "answer-due",
        /// The issuer should be told of an expected release.
        NoticeDue = "notice-due",
        /// A window that was offered or accepted has closed, and nobody says that the person changed hands.
        WindowClosed = "window-closed",
        /// A claim to citizenship should have been reviewed.
        CitizenshipReviewDue = "citizenship-review-due",
        /// The longest that the law lets the person be held has passed: they are to be released. Repeats until they are.
        OverHold = "over-hold",
        /// What the law leaves to a person should have been decided.
        ReviewDue = "review-due",
    }
}

impl ClockKind {
    /// What its entry names in place of a method.
    pub fn rpc(self) -> &'static str {
        match self {
            Self::AnswerDue => "Clock/AnswerDue",
            Self::NoticeDue => "Clock/NoticeDue",
            Self::WindowClosed => "Clock/WindowClosed",
            Self::CitizenshipReviewDue => "Clock/CitizenshipReviewDue",
            Self::OverHold => "Clock/OverHold",
            Self::ReviewDue => "Clock/ReviewDue",
        }
    }
}

/// A clock that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// The detainer or custody it is of.
    pub case: CaseName,
    /// What it counted down to.
    pub clock: ClockKind,
    /// Which of this kind in its case: a version, a transfer, a time.
    pub about: String,
    /// When it was due.
    pub due_at: Timestamp,
    /// How many times it has fired, this one included.
    pub times: u32,
    /// Which clock bounded the hold.
    pub hold_clock: Option<HoldClock>,
}

/// What a case remembers of a clock that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// Which clock: its key in the agenda.
    pub key: String,
    /// When it was first due.
    pub first_due_at: Timestamp,
    /// How many times it fired.
    pub times: u32,
    /// When it last did, by our clock.
    pub recorded_at: Timestamp,
    /// Which clock bounded the hold.
    pub hold_clock: Option<HoldClock>,
}

/// Clocks of a case that fired, the newest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FiredClocks(Vec<Fired>);

/// Clocks remembered as fired, beside those that still run. Only a handful run at once; the log has them all.
const FIRED_MAX: usize = 64;

impl FiredClocks {
    fn find(&self, key: &str) -> Option<&Fired> {
        self.0.iter().find(|fired| fired.key == key)
    }

    /// Whether none has fired.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Remembers a firing. INVARIANT: a clock that runs is not forgotten, else it would fire again; `running` says
    /// which do.
    pub fn record(&mut self, firing: &Firing, recorded_at: Timestamp, running: impl FnOnce() -> Vec<Running>) {
        let Firing { clock, about, due_at, times, hold_clock, .. } = firing;
        let key = key(*clock, about);
        if let Some(known) = self.0.iter_mut().find(|fired| fired.key == key) {
            (known.times, known.recorded_at) = (*times, recorded_at);
            return;
        }
        if self.0.len() >= FIRED_MAX {
            let running: Vec<String> = running().iter().map(Running::key).collect();
            let oldest = self.0.iter().position(|fired| !running.contains(&fired.key));
            oldest.map(|oldest| self.0.remove(oldest));
        }
        let (first_due_at, times, hold_clock) = (*due_at, *times, *hold_clock);
        self.0.push(Fired { key, first_due_at, times, recorded_at, hold_clock });
    }
}

/// What a detainer keeps for its clocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetainerClocks {
    /// When the request was amended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amended_at: Option<Timestamp>,
    /// When its issuer raised the claim to citizenship that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// What the law was last found to say of telling the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Ruling>,
    /// Which clock it was last found to bound a hold by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_clock: Option<HoldClock>,
    /// When a promise to hold last lapsed, of the custody that it is matched to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_lapsed_at: Option<Timestamp>,
    /// Clocks that fired.
    #[serde(default, skip_serializing_if = "FiredClocks::is_empty")]
    pub fired: FiredClocks,
}

/// What a custody keeps for its clocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustodyClocks {
    /// When the custodian raised the claim to citizenship that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// An expected release that was reached before it was put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached_at: Option<Timestamp>,
    /// The hold that outlasted the moment of otherwise-release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latch: Option<HoldLatch>,
    /// When the expected release was entered as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// When an officer last cited another ground to hold the person on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_ground_at: Option<Timestamp>,
    /// Clocks that fired.
    #[serde(default, skip_serializing_if = "FiredClocks::is_empty")]
    pub fired: FiredClocks,
}

/// A clock that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Down to what.
    pub clock: ClockKind,
    /// Which of this kind in its case.
    pub about: String,
    /// When it fires next.
    pub due_at: Timestamp,
    /// How many times it will then have fired.
    pub times: u32,
    /// Which clock bounds the hold.
    pub hold_clock: Option<HoldClock>,
}

impl CustodyClocks {
    /// Whether the alarm of a hold past a moment has fired.
    pub(in crate::domain) fn fired_over_hold(&self, moment: Timestamp) -> bool {
        self.fired.find(&key(ClockKind::OverHold, &minute(moment).to_string())).is_some()
    }
}

impl Running {
    fn once(clock: ClockKind, about: String, due_at: Timestamp) -> Self {
        Self { clock, about, due_at, times: 1, hold_clock: None }
    }

    /// Its key in the agenda.
    pub fn key(&self) -> String {
        key(self.clock, &self.about)
    }

    /// As it stands in the agenda, which is in the clear: to the minute, since the second of a release would be a mark of
    /// the person. Looked at up to a minute early, it fires when it is due.
    pub fn item(&self, holder: Option<AgencyId>) -> Item {
        let due_at = Timestamp::from_second(minute(self.due_at).saturating_mul(60)).unwrap_or(self.due_at);
        Item { kind: ItemKind::Clock, key: self.key(), due_at, holder }
    }

    /// As it fires.
    pub fn firing(self, case: CaseName) -> Firing {
        let Self { clock, about, due_at, times, hold_clock } = self;
        Firing { case, clock, about, due_at, times, hold_clock }
    }
}

/// Minutes since 1970.
fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

fn key(clock: ClockKind, about: &str) -> String {
    format!("{}/{about}", clock.word())
}

/// Clocks of a detainer, and of the custody that it stands on.
pub fn of_detainer(detainer: &Detainer, custody: Option<&Custody>, timetable: &Timetable) -> Vec<Running> {
    let clocks = all_of_detainer(detainer, custody, timetable).into_iter();
    clocks.filter(|running| detainer.clocks.fired.find(&running.key()).is_none()).collect()
}

/// Those that have fired among them.
pub(in crate::domain) fn all_of_detainer(
    detainer: &Detainer,
    custody: Option<&Custody>,
    timetable: &Timetable,
) -> Vec<Running> {
    let clocks = [
        answer_due(detainer, timetable),
        custody.and_then(|custody| notice_due(detainer, custody, timetable)),
        window_closed(detainer),
        claim_by_issuer(detainer, custody, timetable),
    ];
    clocks.into_iter().flatten().chain(reviews_due(detainer)).collect()
}

/// Clocks of a custody, and of the detainers that stand on it.
pub fn of_custody(custody: &Custody, standing: &[Detainer], timetable: &Timetable) -> Vec<Running> {
    let clocks = all_of_custody(custody, standing, timetable).into_iter();
    // An alarm is repeated, each time as another.
    let fired = |running: &Running| custody.clocks.fired.find(&running.key()).is_some();
    clocks.filter(|running| running.clock == ClockKind::OverHold || !fired(running)).collect()
}

/// Those that have fired among them.
pub(in crate::domain) fn all_of_custody(
    custody: &Custody,
    standing: &[Detainer],
    timetable: &Timetable,
) -> Vec<Running> {
    let review = claim_by_custodian(custody, standing, timetable);
    review.into_iter().chain(over_hold(custody, standing, timetable)).collect()
}

/// From the request, or its amendment, to an answer.
fn answer_due(detainer: &Detainer, timetable: &Timetable) -> Option<Running> {
    // Put under review it is answered so far: a review has a time of its own.
    if !matches!(detainer.state, DetainerState::Lodged | DetainerState::Matched) {
        return None;
    }
    let asked_at = detainer.clocks.amended_at.unwrap_or(detainer.lodged_at);
    let due_at = asked_at.checked_add(SignedDuration::from_hours(timetable.answer_hours)).ok()?;
    Some(Running::once(ClockKind::AnswerDue, detainer.request_version.to_string(), due_at))
}

/// Before an expected release that the issuer was not told of, though the law lets it be told.
fn notice_due(detainer: &Detainer, custody: &Custody, timetable: &Timetable) -> Option<Running> {
    let waits = match detainer.state {
        DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::HoldHonored
        | DetainerState::NotifyOnly => true,
        // Answered otherwise, not found, or over.
        DetainerState::Lodged
        | DetainerState::NoSuchPerson
        | DetainerState::IdentityMismatch
        | DetainerState::Declined
        | DetainerState::Released
        | DetainerState::Withdrawn
        | DetainerState::Closed => false,
    };
    let may = matches!(detainer.clocks.notify, Some(Ruling::Must | Ruling::May));
    let expected_at = custody.scheduled.as_ref()?.expected_at;
    let due_at = timetable.notice_due(custody)?;
    let runs = waits && may && detainer.notice_index.is_none() && custody.state == CustodyState::ReleaseScheduled;
    runs.then(|| Running::once(ClockKind::NoticeDue, minute(expected_at).to_string(), due_at))
}

/// At the end of a window that nobody has said anything of since.
fn window_closed(detainer: &Detainer) -> Option<Running> {
    let waits = |state| matches!(state, TransferState::Offered | TransferState::Accepted);
    let transfer = detainer.transfers.iter().find(|transfer| waits(transfer.state))?;
    Some(Running::once(ClockKind::WindowClosed, transfer.id.to_string(), transfer.window.closes_at))
}

/// The issuer's own claim. While a detainer stands.
fn claim_by_issuer(detainer: &Detainer, custody: Option<&Custody>, timetable: &Timetable) -> Option<Running> {
    let open = detainer.request.flags.citizenship_claim && detainer.state.is_active();
    let asked_at = detainer.clocks.amended_at.unwrap_or(detainer.lodged_at);
    let claimed_at = detainer.clocks.claimed_at.unwrap_or(asked_at);
    review_due(claimed_at, (custody, &detainer.name.jurisdiction), timetable).filter(|_| open)
}

/// The custodian's claim. It holds up every detainer that stands on the custody.
fn claim_by_custodian(custody: &Custody, standing: &[Detainer], timetable: &Timetable) -> Option<Running> {
    let held = matches!(custody.state, CustodyState::Held | CustodyState::ReleaseScheduled);
    let concerns = standing.iter().any(|detainer| detainer.state.is_active());
    let open = custody.intake.flags.citizenship_claim && held && concerns;
    let claimed_at = custody.clocks.claimed_at.unwrap_or(custody.opened_at);
    review_due(claimed_at, (Some(custody), &custody.name.jurisdiction), timetable).filter(|_| open)
}

/// Each time something is left to a person. A claim has a clock of its own.
fn reviews_due(detainer: &Detainer) -> impl Iterator<Item = Running> {
    let open = detainer.reviews.iter().filter(|review| review.is_open());
    let apart = open.filter(|review| review.matter != ReviewMatter::CitizenshipClaim);
    apart.map(|review| {
        let about = format!("{}/{}", review.matter.word(), review.opened_at);
        Running::once(ClockKind::ReviewDue, about, review.due_at)
    })
}

/// A claim is reviewed before its requester is owed notice of an expected release, too.
fn review_due(
    claimed_at: Timestamp,
    (custody, jurisdiction): (Option<&Custody>, &JurisdictionId),
    timetable: &Timetable,
) -> Option<Running> {
    let zone = custody.map_or_else(|| timetable.zones.of(jurisdiction), |custody| timetable.zone_of(custody));
    let notice_due = custody.and_then(|custody| timetable.notice_due(custody)).unwrap_or(Timestamp::MAX);
    let due_at = timetable.claim_due(claimed_at, &zone)?.min(notice_due);
    Some(Running::once(ClockKind::CitizenshipReviewDue, minute(claimed_at).to_string(), due_at))
}

/// When the last hold on the person has run out. From then on again and again, while the person is there.
fn over_hold(custody: &Custody, standing: &[Detainer], timetable: &Timetable) -> Option<Running> {
    let latch = bounding(custody, standing)?;
    let (clock, about) = (ClockKind::OverHold, minute(latch.moment).to_string());
    let running = if let Some(fired) = custody.clocks.fired.find(&key(clock, &about)) {
        let due_at = next_alarm(fired, timetable.over_hold_alarm_minutes)?;
        let times = fired.times.checked_add(1)?;
        Running { clock, about, due_at, times, hold_clock: fired.hold_clock }
    } else {
        let (due_at, hold_clock) = latch.ends_at(custody, timetable)?;
        Running { clock, about, due_at, times: 1, hold_clock: Some(hold_clock) }
    };
    Some(running).filter(|running| latch.held_at(running.due_at))
}

/// The first repetition after the last: those that passed while nothing could be recorded are not made up for.
fn next_alarm(fired: &Fired, every_minutes: i64) -> Option<Timestamp> {
    let every = SignedDuration::from_mins(every_minutes.max(1)).as_secs();
    let since = fired.recorded_at.duration_since(fired.first_due_at).as_secs().max(0);
    let passed = since.checked_div(every)?.checked_add(1)?;
    fired.first_due_at.checked_add(SignedDuration::from_secs(passed.checked_mul(every)?)).ok()
}
