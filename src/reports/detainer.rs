//! What is known of one detainer, and what is counted of it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::agency::AgencyClass;
use crate::domain::charge::{ChargeStatus, OffenceCategory};
use crate::domain::custody::{ClosingReason, ReleaseEligibilityKind, ReleaseReason, ReleaseRecipient};
use crate::domain::detainer::{AnswerKind, DeclineGround, DetainerForm, Finding, LiftReason, WarrantKind};
use crate::domain::determination::Ruling;
use crate::domain::interview::InterviewOutcome;
use crate::domain::transfer::{TransferFailureCause, TransferState, WindowChange};
use crate::domain::warrant::VerificationOutcome;

/// Notice in time to pick somebody up: 48 hours.
const IN_TIME_S: i64 = 48 * 3_600;

/// What the law said of an act, for counting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    /// These policies decided.
    Named {
        /// What they say.
        ruling: Option<Ruling>,
        /// Their ids.
        policies: Vec<String>,
        /// Their citations.
        citations: Vec<String>,
    },
    /// A safeguard of the person had a part in it. Which one is never named.
    Unnamed,
}

/// Who says what a person is charged with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SaidBy {
    /// The requester, in its request.
    #[default]
    Requester,
    /// The custodian, in its record.
    Custodian,
}

impl SaidBy {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Requester => "requester",
            Self::Custodian => "custodian",
        }
    }
}

/// The leading charge.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Leading {
    pub(super) offence: Option<OffenceCategory>,
    pub(super) status: Option<ChargeStatus>,
    pub(super) said_by: SaidBy,
}

/// A release, as far as the audience knows of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Released {
    /// By the gateway's clock.
    pub(super) recorded_at: Timestamp,
    /// As the custodian says.
    pub(super) said_at: Option<Timestamp>,
    pub(super) reason: Option<ReleaseReason>,
    pub(super) recipient: Option<ReleaseRecipient>,
    /// By whose order is said.
    pub(super) is_order_said: bool,
    pub(super) lead_s: Option<i64>,
    /// The leading charge on that day.
    pub(super) leading: Leading,
}

/// What the custodian's record says of safeguards. Counted for the jurisdiction and oversight alone.
#[expect(clippy::struct_excessive_bools, reason = "four facts, each by itself")]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Safeguards {
    pub(super) citizenship_claim: bool,
    pub(super) citizen: bool,
    pub(super) juvenile: bool,
    pub(super) sealed: bool,
}

/// The last pick-up under a detainer, as far as the audience knows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PickUp {
    pub(super) state: Option<TransferState>,
    pub(super) cause: Option<TransferFailureCause>,
    /// Why the window that stood before no longer holds.
    pub(super) window_change: Option<WindowChange>,
}

/// Where the interview stands that was last asked for, as far as the audience knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InterviewStanding {
    /// Nothing was answered.
    Asked,
    /// This was answered.
    Answered(InterviewOutcome),
    /// It is no longer asked for.
    Withdrawn,
}

impl InterviewStanding {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Answered(outcome) => outcome.word(),
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// One detainer.
#[derive(Debug, Clone, Default)]
pub(super) struct DetainerFacts {
    pub(super) lodged_at: Option<Timestamp>,
    /// When it came to the audience with a person whom another custodian handed on, where the audience cannot see its lodging.
    pub(super) came_at: Option<Timestamp>,
    /// The index of the entry that lodged it.
    pub(super) index: u64,
    pub(super) issuer: String,
    /// The custodian that it is addressed to. Empty: whoever holds the person.
    pub(super) addressee: String,
    /// The custodian that found or answered last. Empty: none did, as far as the audience knows.
    pub(super) respondent: String,
    pub(super) form: Option<DetainerForm>,
    pub(super) warrant: Option<WarrantKind>,
    pub(super) leading: Leading,
    /// Charges in the request.
    pub(super) charges: u64,
    pub(super) class: Option<AgencyClass>,
    pub(super) found: Option<(Finding, Timestamp)>,
    pub(super) custody: Option<String>,
    pub(super) answer: Option<AnswerKind>,
    pub(super) ground: Option<DeclineGround>,
    /// The person went to another custodian since it was answered, who has not answered yet.
    pub(super) is_to_be_answered_anew: bool,
    pub(super) verified: Option<VerificationOutcome>,
    pub(super) delivered_at: Option<Timestamp>,
    /// For which releases the issuer was told a date of eligibility. `None`: this audience is not shown which.
    pub(super) eligibilities: BTreeSet<Option<ReleaseEligibilityKind>>,
    /// Notice of a release was given.
    pub(super) is_noticed: bool,
    /// How a copy was served, where that is recorded.
    pub(super) served: Option<&'static str>,
    pub(super) released: Option<Released>,
    pub(super) lifted: Option<(LiftReason, Timestamp)>,
    pub(super) closed: Option<(Option<ClosingReason>, Timestamp)>,
    pub(super) interview: Option<InterviewStanding>,
    pub(super) pick_up: Option<PickUp>,
    pub(super) hold: Option<Rule>,
    pub(super) notify: Option<Rule>,
    /// A review of the notice was open when the person was released.
    pub(super) is_undecided: bool,
    pub(super) safeguards: Safeguards,
}

/// What became of a detainer, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) word: &'static str,
    pub(super) cause: &'static str,
}

impl DetainerFacts {
    /// Since when the audience knows of it: from its lodging, or from when it came with the person. None: it does not.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.lodged_at.or(self.came_at)
    }

    /// When it ended, as far as the audience knows.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        if let Some(released) = &self.released {
            return Some(released.recorded_at);
        }
        let found = self.found.filter(|(finding, _)| !finding.state().is_active()).map(|(_, at)| at);
        let ends = [found, self.lifted.map(|(_, at)| at), self.closed.map(|(_, at)| at)];
        ends.into_iter().flatten().min()
    }

    /// What became of it, and why. `sees_custody`: the audience reads the custody log.
    pub(super) fn outcome(&self, sees_custody: bool) -> Outcome {
        if let Some(released) = &self.released {
            return Outcome { word: "released", cause: self.cause(released, sees_custody) };
        }
        let ended = |word, cause| Outcome { word, cause };
        match (self.found.map(|(finding, _)| finding), self.lifted, self.closed) {
            (Some(Finding::NoSuchPerson), ..) => ended("not-here", "no-such-person"),
            (Some(Finding::IdentityMismatch), ..) => ended("not-here", "identity-mismatch"),
            (Some(Finding::Duplicate), ..) => ended("duplicate", "duplicate"),
            (Some(Finding::NotFoundInTime), ..) => ended("not-here", "not-found-in-time"),
            (Some(Finding::MatchedCustody | Finding::NotInCustody) | None, Some((reason, _)), _) => {
                ended("lifted", lifted(reason))
            }
            (Some(Finding::MatchedCustody | Finding::NotInCustody) | None, None, Some((reason, _))) => {
                ended("custody-closed", reason.map_or("not-said", ClosingReason::word))
            }
            (Some(Finding::MatchedCustody | Finding::NotInCustody) | None, None, None) => {
                ended("outstanding", self.standing())
            }
        }
    }

    fn standing(&self) -> &'static str {
        match self.answer.filter(|_| !self.is_to_be_answered_anew) {
            None if self.found.is_some_and(|(finding, _)| finding == Finding::NotInCustody) => "not-in-custody",
            None => "not-answered",
            Some(AnswerKind::HonorHold) => "hold-promised",
            Some(AnswerKind::NotifyOnly) => "notice-promised",
            Some(AnswerKind::Decline) => "declined",
            Some(AnswerKind::PendingReview) => "a-person-decides",
        }
    }

    /// Why a person was released without being taken over. The first that holds is the cause.
    fn cause(&self, released: &Released, sees_custody: bool) -> &'static str {
        let handed_over = released.recipient == Some(ReleaseRecipient::RequestingAgency);
        let taken_over = self.pick_up.is_some_and(|last| last.state == Some(TransferState::Completed));
        if handed_over || taken_over {
            return "taken-over-by-the-requester";
        }
        if released.said_at.zip(self.lodged_at).is_some_and(|(released, lodged)| released < lodged) {
            return "lodged-after-release";
        }
        if released.reason == Some(ReleaseReason::CourtOrder) && !self.is_noticed {
            return "court-order";
        }
        if self.is_noticed {
            return self.cause_after_notice(released);
        }
        if !sees_custody {
            return "no-notice-before-release";
        }
        match &self.notify {
            Some(Rule::Named { ruling: Some(Ruling::MustNot), .. }) => "law-forbade-notice",
            _ if self.is_undecided => "released-undecided",
            Some(Rule::Named { ruling: Some(Ruling::Review), .. } | Rule::Unnamed) => "left-to-a-person",
            Some(Rule::Named { ruling: Some(Ruling::Must), .. }) => "notice-owed-and-not-given",
            Some(Rule::Named { ruling: Some(Ruling::May) | None, .. }) => "notice-allowed-and-not-given",
            None => "no-ruling-recorded",
        }
    }

    fn cause_after_notice(&self, released: &Released) -> &'static str {
        let last = self.pick_up.unwrap_or_default();
        match last.cause {
            Some(TransferFailureCause::NoShow) => return "notice-given-and-nobody-came",
            Some(TransferFailureCause::Resources) => return "notice-given-and-no-resources",
            Some(TransferFailureCause::Refused | TransferFailureCause::NotProduced) => {
                return "notice-given-and-hand-over-refused";
            }
            Some(TransferFailureCause::Other) | None => {}
        }
        match (last.window_change, released.lead_s) {
            // Nobody was to come for a window that no longer holds.
            (Some(change), _) => no_window(change),
            (_, None) => "notice-not-delivered-before-release",
            (_, Some(lead)) if lead < IN_TIME_S && released.reason == Some(ReleaseReason::Bail) => {
                "notice-late-because-of-bail"
            }
            (_, Some(lead)) if lead < IN_TIME_S => "notice-late",
            (_, Some(_)) => "notice-given-and-nobody-came",
        }
    }

    /// How long before the release the notice was delivered.
    pub(super) fn lead(&self) -> &'static str {
        let Some(released) = &self.released else { return "no-release" };
        match (self.is_noticed, released.lead_s.map(|seconds| seconds.div_euclid(3_600))) {
            (false, None) => "no-notice",
            (true, None) => "notice-not-delivered",
            (_, Some(hours)) if hours < 2 => "00-02-hours",
            (_, Some(hours)) if hours < 12 => "02-12-hours",
            (_, Some(hours)) if hours < 24 => "12-24-hours",
            (_, Some(hours)) if hours < 48 => "24-48-hours",
            (_, Some(hours)) if hours < 96 => "48-96-hours",
            (_, Some(_)) => "96-hours-or-more",
        }
    }

    /// Whether the warrant was verified or is only asserted.
    pub(super) fn warrant_standing(&self) -> &'static str {
        match (self.warrant, self.verified) {
            (_, Some(outcome)) => outcome.word(),
            (None | Some(WarrantKind::None), None) => "no-warrant",
            (Some(WarrantKind::I200 | WarrantKind::I205 | WarrantKind::Judicial), None) => "only-asserted",
        }
    }
}

/// Why no window was agreed when the person was released.
fn no_window(change: WindowChange) -> &'static str {
    match change {
        WindowChange::RevisedByCustodian | WindowChange::RevisedByRequester => {
            "notice-given-and-window-not-agreed-again"
        }
        WindowChange::ReleaseAdvanced => "notice-given-and-release-advanced",
        WindowChange::WithdrawnByCustodian => "notice-given-and-window-withdrawn-by-custodian",
        WindowChange::WithdrawnByRequester => "notice-given-and-window-withdrawn-by-requester",
    }
}

/// Why the requester lifted it. A reason that is a safeguard of the person is not named.
fn lifted(reason: LiftReason) -> &'static str {
    match reason {
        LiftReason::CitizenshipClaim => "another-reason",
        LiftReason::BookedIntoDetention
        | LiftReason::DeclinedByLea
        | LiftReason::CaseClosed
        | LiftReason::Duplicate
        | LiftReason::EarlyRelease
        | LiftReason::TemporaryResourceConstraint
        | LiftReason::InsufficientNotice
        | LiftReason::NoLongerInCustody
        | LiftReason::NotAmenableToRemoval
        | LiftReason::ProsecutorialDiscretion
        | LiftReason::JudicialReview
        | LiftReason::SupersededByNewForm => reason.word(),
    }
}

/// On which ground the custodian declined. One that is a safeguard of the person is not named.
pub(super) fn ground(ground: Option<DeclineGround>) -> &'static str {
    match ground {
        None => "none",
        Some(DeclineGround::Sealed) => "another-ground",
        Some(
            DeclineGround::NeedsJudicialWarrant
            | DeclineGround::NoQualifyingOffence
            | DeclineGround::ProhibitedByLaw
            | DeclineGround::OtherCited,
        ) => ground.map_or("none", DeclineGround::word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn named(ruling: Ruling) -> Rule {
        Rule::Named { ruling: Some(ruling), policies: vec!["us-ny.p".into()], citations: Vec::new() }
    }

    fn released(reason: ReleaseReason, lead_s: Option<i64>) -> Released {
        Released {
            recorded_at: at(10_000),
            said_at: Some(at(9_000)),
            reason: Some(reason),
            lead_s,
            ..Released::default()
        }
    }

    #[test]
    fn each_release_has_one_cause() {
        let lodged = || DetainerFacts { lodged_at: Some(at(1)), ..DetainerFacts::default() };
        let check = |facts: DetainerFacts, sees_custody, expected: &'static str| {
            assert_eq!(facts.outcome(sees_custody), Outcome { word: "released", cause: expected }, "{facts:?}");
        };
        let bail = |lead_s| Some(released(ReleaseReason::Bail, lead_s));
        let noticed = |lead_s| DetainerFacts { released: bail(lead_s), is_noticed: true, ..lodged() };
        check(noticed(Some(3_600)), true, "notice-late-because-of-bail");
        check(noticed(Some(IN_TIME_S)), true, "notice-given-and-nobody-came");
        check(noticed(None), false, "notice-not-delivered-before-release");
        let served = Some(released(ReleaseReason::SentenceServed, Some(60)));
        check(DetainerFacts { released: served, ..noticed(None) }, true, "notice-late");
        let silent = |ruling| DetainerFacts { released: bail(None), notify: Some(named(ruling)), ..lodged() };
        check(silent(Ruling::MustNot), true, "law-forbade-notice");
        check(silent(Ruling::Must), true, "notice-owed-and-not-given");
        check(silent(Ruling::May), true, "notice-allowed-and-not-given");
        check(silent(Ruling::Review), true, "left-to-a-person");
        check(DetainerFacts { is_undecided: true, ..silent(Ruling::Review) }, true, "released-undecided");
        check(DetainerFacts { notify: Some(Rule::Unnamed), ..silent(Ruling::Review) }, true, "left-to-a-person");
        // Whoever does not read the custody log learns of no rule.
        check(silent(Ruling::MustNot), false, "no-notice-before-release");
        let (state, cause) = (Some(TransferState::Failed), Some(TransferFailureCause::NoShow));
        let no_show = PickUp { state, cause, window_change: None };
        check(DetainerFacts { pick_up: Some(no_show), ..noticed(Some(60)) }, true, "notice-given-and-nobody-came");
        for change in WindowChange::ALL {
            // An audience that is shown none of the pick-up but what is for counting still learns that nobody was to come.
            let off = PickUp { window_change: Some(*change), ..PickUp::default() };
            let of_a_month = Some(30 * 86_400);
            check(DetainerFacts { pick_up: Some(off), ..noticed(of_a_month) }, true, no_window(*change));
            assert!(!no_window(*change).contains("nobody-came"));
        }
        let court = Some(released(ReleaseReason::CourtOrder, None));
        check(DetainerFacts { released: court, ..lodged() }, true, "court-order");
        check(DetainerFacts { lodged_at: Some(at(9_500)), ..silent(Ruling::May) }, true, "lodged-after-release");
        let handed =
            Released { recipient: Some(ReleaseRecipient::RequestingAgency), ..released(ReleaseReason::Parole, None) };
        check(DetainerFacts { released: Some(handed), ..lodged() }, true, "taken-over-by-the-requester");
    }

    #[test]
    fn a_duplicate_is_counted_by_its_finding_and_an_earlier_lifting_by_its_reason() {
        let found = |finding| DetainerFacts { found: Some((finding, at(2))), ..DetainerFacts::default() };
        let duplicate = || found(Finding::Duplicate);
        assert_eq!(duplicate().outcome(true), Outcome { word: "duplicate", cause: "duplicate" });
        assert_eq!(duplicate().ended_at(), Some(at(2)));
        let lifted = Some((LiftReason::Duplicate, at(3)));
        let tidied_up = DetainerFacts { lifted, ..duplicate() };
        assert_eq!(tidied_up.outcome(true), Outcome { word: "duplicate", cause: "duplicate" });
        let as_before = DetainerFacts { lifted, ..found(Finding::MatchedCustody) };
        assert_eq!(as_before.outcome(true), Outcome { word: "lifted", cause: "duplicate" });
    }

    #[test]
    fn no_cause_or_ground_names_a_safeguard() {
        for reason in LiftReason::ALL {
            assert!(!lifted(*reason).contains("citizen"));
        }
        for one in DeclineGround::ALL {
            assert!(!ground(Some(*one)).contains("sealed"));
        }
    }
}
