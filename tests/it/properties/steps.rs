//! Random steps of agencies that keep to what the gate lets them do, and their way to commands.

use std::collections::BTreeMap;

use comity::domain::case::StoredCase;
use comity::domain::charge::{Charge, ChargeStatus};
use comity::domain::claim::{ClaimOutcome, Side};
use comity::domain::command::CaseCommand;
use comity::domain::custody::{
    Custody, Identity, Intake, MoveAcceptance, MoveDeclineReason, MovementKind, ReleaseEligibility, ScheduledRelease,
};
use comity::domain::detainer::{
    Acknowledgement, Addressee, AnswerKind, Detainer, DetainerState, Finding, LiftReason, Request, Warrant, WarrantKind,
};
use comity::domain::determination::Obligation;
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::{AgencyId, CaseName};
use comity::domain::interview::InterviewOutcome;
use comity::domain::obligation::ObligationName;
use comity::domain::review::{ReviewDecision, ReviewMatter, ReviewName};
use comity::domain::subject::Flags;
use comity::domain::transfer::{TransferFailureCause, TransferName, TransferWindow, WindowDeclineReason};
use comity::domain::warrant::{VerificationOutcome, WarrantVerification};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::properties::any;
use crate::sample;

/// One step. Cases are picked from those that there are when it is taken.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Lodge { issuer: &'static str, addressee: Option<&'static str> },
    Open { custodian: &'static str, juvenile: bool },
    Acknowledge { detainer: Index, custody: Index, finding: Finding, corrects: bool },
    Answer { detainer: Index, kind: AnswerKind, corrects: bool },
    Say { detainer: Index, what: Said },
    Enter { custody: Index, what: Entered },
    Decide { detainer: Index, matter: ReviewMatter, decision: ReviewDecision },
    Meet { detainer: Index, obligation: Obligation },
    PickUp { detainer: Index, what: PickUp },
}

/// What either side says of a detainer.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Amend { juvenile: bool },
    Verify(VerificationOutcome),
    Serve { corrects: bool },
    Raise(Side),
    Resolve(Side, ClaimOutcome),
    AskToSpeak,
    Speak(InterviewOutcome),
    AskNoMore,
    Withdraw,
}

/// What a custodian enters of a custody.
#[derive(Debug, Clone)]
pub(crate) enum Entered {
    Charges,
    Identity {
        juvenile: bool,
    },
    /// To another agency, an offer.
    Movement(MovementKind),
    /// By the agency that the person is offered to.
    TakeOver {
        booked: bool,
    },
    TurnDown(MoveDeclineReason),
    CallBack,
    Schedule,
    Reschedule,
    /// To an earlier time.
    Advance,
    /// Another day, of the same kind.
    Eligibility(i8),
    Cancel,
    Release {
        corrects: bool,
    },
    Close,
    Reopen,
}

/// What either side says of a pick-up: the last of the detainer.
#[derive(Debug, Clone)]
pub(crate) enum PickUp {
    Offer { open_mins: i64 },
    Accept,
    Decline,
    Revise(Side, i64),
    Withdraw(Side),
    Confirm(Side),
    Fail(Side, TransferFailureCause),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    let custodian = || select(vec!["doccs", "nassau"]);
    let addressee = proptest::option::of(custodian());
    let corrects = || prop::bool::weighted(0.3);
    prop_oneof![
        2 => (select(vec!["ice", "cbp"]), addressee).prop_map(|(issuer, addressee)| Step::Lodge { issuer, addressee }),
        1 => (custodian(), prop::bool::weighted(0.2)).prop_map(|(custodian, juvenile)| Step::Open { custodian, juvenile }),
        10 => (index(), index(), prop_oneof![4 => Just(Finding::MatchedCustody), 1 => any::word()], corrects())
            .prop_map(|(detainer, custody, finding, corrects)| Step::Acknowledge { detainer, custody, finding, corrects }),
        9 => (index(), any::word(), corrects())
            .prop_map(|(detainer, kind, corrects)| Step::Answer { detainer, kind, corrects }),
        8 => (index(), said()).prop_map(|(detainer, what)| Step::Say { detainer, what }),
        10 => (index(), entered()).prop_map(|(custody, what)| Step::Enter { custody, what }),
        5 => (index(), matter(), any::word()).prop_map(|(detainer, matter, decision)| Step::Decide {
            detainer,
            matter,
            decision
        }),
        1 => (index(), any::word()).prop_map(|(detainer, obligation)| Step::Meet { detainer, obligation }),
        6 => (index(), pick_up()).prop_map(|(detainer, what)| Step::PickUp { detainer, what }),
    ]
}

/// A person whom somebody asks for is held, found and answered for; then anything may happen.
pub(super) fn story(steps_max: usize) -> impl Strategy<Value = Vec<Step>> {
    let begun = (any::<[Index; 2]>(), proptest::option::of(Just("doccs")), any::word(), vec(step(), 1..steps_max));
    begun.prop_map(|([detainer, custody], addressee, kind, rest)| {
        let finding = Finding::MatchedCustody;
        let beginning = [
            Step::Open { custodian: "doccs", juvenile: false },
            Step::Lodge { issuer: "ice", addressee },
            Step::Acknowledge { detainer, custody, finding, corrects: false },
            Step::Answer { detainer, kind, corrects: false },
        ];
        beginning.into_iter().chain(rest).collect()
    })
}

fn matter() -> impl Strategy<Value = ReviewMatter> {
    prop_oneof![2 => Just(ReviewMatter::Notify), 1 => any::word()]
}

fn side() -> impl Strategy<Value = Side> {
    select(vec![Side::Issuer, Side::Custodian])
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        2 => prop::bool::weighted(0.2).prop_map(|juvenile| Said::Amend { juvenile }),
        1 => any::word().prop_map(Said::Verify),
        2 => any::<bool>().prop_map(|corrects| Said::Serve { corrects }),
        2 => side().prop_map(Said::Raise),
        2 => (side(), any::word()).prop_map(|(side, outcome)| Said::Resolve(side, outcome)),
        2 => Just(Said::AskToSpeak),
        3 => any::word().prop_map(Said::Speak),
        1 => Just(Said::AskNoMore),
        1 => Just(Said::Withdraw),
    ]
}

fn entered() -> impl Strategy<Value = Entered> {
    prop_oneof![
        1 => Just(Entered::Charges),
        1 => prop::bool::weighted(0.2).prop_map(|juvenile| Entered::Identity { juvenile }),
        3 => prop_oneof![3 => Just(MovementKind::Agency), 1 => any::word()].prop_map(Entered::Movement),
        3 => prop::bool::weighted(0.2).prop_map(|booked| Entered::TakeOver { booked }),
        1 => any::word().prop_map(Entered::TurnDown),
        1 => Just(Entered::CallBack),
        3 => Just(Entered::Schedule),
        1 => Just(Entered::Reschedule),
        1 => Just(Entered::Advance),
        2 => (1_i8..4).prop_map(Entered::Eligibility),
        1 => Just(Entered::Cancel),
        3 => prop::bool::weighted(0.4).prop_map(|corrects| Entered::Release { corrects }),
        1 => Just(Entered::Close),
        3 => Just(Entered::Reopen),
    ]
}

fn pick_up() -> impl Strategy<Value = PickUp> {
    prop_oneof![
        3 => select(vec![10, 100_000]).prop_map(|open_mins| PickUp::Offer { open_mins }),
        2 => Just(PickUp::Accept),
        1 => Just(PickUp::Decline),
        2 => (side(), select(vec![20, 100_000])).prop_map(|(side, open_mins)| PickUp::Revise(side, open_mins)),
        1 => side().prop_map(PickUp::Withdraw),
        2 => side().prop_map(PickUp::Confirm),
        1 => (side(), any::word()).prop_map(|(side, cause)| PickUp::Fail(side, cause)),
    ]
}

impl Step {
    /// Who gives which command, if there is a case to give it upon.
    pub(crate) fn command(&self, cases: &BTreeMap<CaseName, StoredCase>) -> Option<(&'static str, CaseCommand)> {
        let detainer = |at: &Index| pick(cases, *at, StoredCase::detainer);
        let custody = |at: &Index| pick(cases, *at, StoredCase::custody);
        match self {
            Self::Lodge { issuer, addressee } => {
                Some((*issuer, CaseCommand::LodgeDetainer(sample::request(*addressee))))
            }
            Self::Open { custodian, juvenile } => {
                let flags = Flags { juvenile: *juvenile, ..Flags::default() };
                let intake = Intake { flags, charges: vec![held_on()], ..sample::intake() };
                Some((*custodian, CaseCommand::OpenCustody(intake)))
            }
            Self::Acknowledge { detainer: at, custody: held, finding, corrects } => {
                let detainer = detainer(at)?;
                let caller = custodian_of(detainer).unwrap_or("doccs");
                // A custodian matches to a custody of its own.
                let own =
                    |case: &'_ StoredCase| case.custody().is_some_and(|custody| nickname(&custody.custodian) == caller);
                let own: Vec<_> = cases.values().filter(|case| own(case)).collect();
                let custody = match finding {
                    Finding::MatchedCustody if own.is_empty() => return None,
                    Finding::MatchedCustody => Some(held.get(&own).name()),
                    Finding::NoSuchPerson
                    | Finding::IdentityMismatch
                    | Finding::Duplicate
                    | Finding::NotInCustody
                    | Finding::NotFoundInTime => None,
                };
                // Of any other detainer: the rules say of which it may be.
                let others =
                    cases.values().filter_map(StoredCase::detainer).filter(|other| other.name != detainer.name);
                let others: Vec<_> = others.map(|other| &other.name).collect();
                let is_duplicate = *finding == Finding::Duplicate;
                if is_duplicate && others.is_empty() {
                    return None;
                }
                let duplicate_of = is_duplicate.then(|| (*held.get(&others)).clone());
                let acknowledgement = Acknowledgement { duplicate_of, ..sample::found(*finding, custody) };
                let detainer = detainer.name.clone();
                let correction = corrects.then(sample::correction);
                Some((caller, CaseCommand::AcknowledgeDetainer { detainer, acknowledgement, correction }))
            }
            Self::Answer { detainer: at, kind, corrects } => {
                let detainer = detainer(at)?;
                let answer = CaseCommand::AnswerDetainer {
                    detainer: detainer.name.clone(),
                    answer: sample::answer(*kind),
                    correction: corrects.then(sample::correction),
                };
                Some((custodian_of(detainer).unwrap_or("nassau"), answer))
            }
            Self::Say { detainer: at, what } => Some(what.command(detainer(at)?)),
            Self::Enter { custody: at, what } => {
                let custody = custody(at)?;
                Some((what.caller(custody), what.command(custody)))
            }
            Self::Decide { detainer: at, matter, decision } => {
                let detainer = detainer(at)?;
                let review = ReviewName { detainer: detainer.name.clone(), matter: *matter };
                let (decision, ground) = (*decision, sample::ground());
                Some((custodian_of(detainer)?, CaseCommand::ResolveReview { review, decision, ground }))
            }
            Self::Meet { detainer: at, obligation } => {
                let detainer = detainer(at)?;
                let obligation = ObligationName { detainer: detainer.name.clone(), obligation: *obligation };
                let evidence = sample::evidence();
                Some((custodian_of(detainer)?, CaseCommand::MeetObligation { obligation, evidence }))
            }
            Self::PickUp { detainer: at, what } => what.command(detainer(at)?),
        }
    }
}

impl Said {
    fn command(&self, of: &Detainer) -> (&'static str, CaseCommand) {
        let detainer = of.name.clone();
        match self {
            Self::Amend { juvenile } => (nickname(&of.issuer), amendment(of, *juvenile)),
            Self::Verify(outcome) => {
                let verification = Box::new(WarrantVerification { outcome: *outcome, ..sample::verification() });
                (speaker(of, Side::Custodian), CaseCommand::VerifyWarrant { detainer, verification })
            }
            Self::Serve { corrects } => {
                let (service, correction) = (sample::service(), corrects.then(sample::correction));
                (speaker(of, Side::Custodian), CaseCommand::RecordServiceOfCopy { detainer, service, correction })
            }
            Self::Raise(side) => {
                (speaker(of, *side), CaseCommand::RaiseCitizenshipClaim { detainer, claim: sample::claim() })
            }
            Self::Resolve(side, outcome) => {
                let (outcome, reason) = (*outcome, "Quigley's papers".to_owned());
                (speaker(of, *side), CaseCommand::ResolveCitizenshipClaim { detainer, outcome, reason })
            }
            Self::AskToSpeak => {
                let request = sample::interview_request();
                (nickname(&of.issuer), CaseCommand::RequestInterview { detainer, request })
            }
            Self::Speak(outcome) => {
                let answer = Box::new(sample::interview_answer(*outcome));
                (speaker(of, Side::Custodian), CaseCommand::AnswerInterview { detainer, answer })
            }
            Self::AskNoMore => (nickname(&of.issuer), CaseCommand::WithdrawInterview { detainer }),
            Self::Withdraw => {
                let reason = LiftReason::CaseClosed;
                (nickname(&of.issuer), CaseCommand::WithdrawDetainer { detainer, reason })
            }
        }
    }
}

impl Entered {
    /// Who holds the person, or is offered them.
    fn caller(&self, of: &Custody) -> &'static str {
        let offered_to = of.open_offer().map(|offer| &offer.proposal.to);
        let takes = matches!(self, Self::TakeOver { .. } | Self::TurnDown(_));
        nickname(offered_to.filter(|_| takes).unwrap_or(&of.custodian))
    }

    fn command(&self, of: &Custody) -> CaseCommand {
        let custody = of.name.clone();
        let correction = sample::correction();
        match self {
            Self::Charges => {
                CaseCommand::UpdateCharges { custody, charges: vec![sample::charge(), held_on()], other_ground: None }
            }
            Self::Identity { juvenile } => {
                let flags = Flags { juvenile: *juvenile, ..Flags::default() };
                let identity = Box::new(Identity { subject: sample::subject(), flags });
                CaseCommand::CorrectIdentity { custody, identity, correction }
            }
            Self::Movement(kind) => {
                let next = if nickname(&of.custodian) == "doccs" { "nassau" } else { "doccs" };
                sample::moving(custody, *kind, next)
            }
            Self::TakeOver { booked } => {
                let CaseCommand::AcceptMove { acceptance, .. } = sample::taking_over(custody.clone()) else { panic!() };
                let booking_number = booked.then(|| "2026-7".parse().unwrap());
                CaseCommand::AcceptMove { custody, acceptance: MoveAcceptance { booking_number, ..acceptance } }
            }
            Self::TurnDown(reason) => CaseCommand::DeclineMove { custody, reason: *reason },
            Self::CallBack => CaseCommand::WithdrawMove { custody },
            Self::Schedule => CaseCommand::ScheduleRelease { custody, release: sample::scheduled() },
            Self::Reschedule => CaseCommand::RescheduleRelease { custody, release: sample::scheduled() },
            Self::Advance => {
                let expected_at = "2026-02-20T12:00:00Z".parse().unwrap();
                let release = ScheduledRelease { expected_at, ..sample::scheduled() };
                CaseCommand::RescheduleRelease { custody, release }
            }
            Self::Eligibility(day) => {
                let eligible_on = sample::eligibility().eligible_on.with().day(*day).build().unwrap();
                let eligibility = ReleaseEligibility { eligible_on, ..sample::eligibility() };
                CaseCommand::RecordReleaseEligibility { custody, eligibility }
            }
            Self::Cancel => CaseCommand::CancelRelease { custody, reason: None, other_ground: None },
            Self::Release { corrects } => {
                let (release, correction) = (sample::released(), corrects.then_some(correction));
                CaseCommand::RecordRelease { custody, release, correction, to: HandedTo::default() }
            }
            Self::Close => CaseCommand::CloseCustody { custody, closing: sample::closing(), other_ground: None },
            Self::Reopen => CaseCommand::ReopenCustody { custody, correction },
        }
    }
}

impl PickUp {
    fn command(&self, of: &Detainer) -> Option<(&'static str, CaseCommand)> {
        if let Self::Offer { open_mins } = self {
            let window = sample::window(*open_mins);
            let (detainer, reason) = (of.name.clone(), Some("Quigley asked for it".to_owned()));
            let offer = CaseCommand::OfferWindow { detainer, window, reason };
            return Some((speaker(of, Side::Custodian), offer));
        }
        let last = of.transfers.last()?;
        let transfer = TransferName { detainer: of.name.clone(), id: last.id };
        let issuer = nickname(&of.issuer);
        Some(match self {
            Self::Offer { .. } => return None,
            Self::Accept => (issuer, CaseCommand::AcceptWindow { transfer }),
            Self::Decline => (issuer, CaseCommand::DeclineWindow { transfer, reason: WindowDeclineReason::Time }),
            Self::Revise(side, open_mins) => {
                // It opens after a release that is advanced, and before one that is not.
                let opens_at =
                    if *open_mins > 1_000 { "2026-02-25T12:00:00Z".parse().unwrap() } else { sample::start() };
                let window = TransferWindow { opens_at, ..sample::window(*open_mins) };
                let reason = Some("Quigley asked for it".to_owned());
                (speaker(of, *side), CaseCommand::ReviseWindow { transfer, window, reason })
            }
            Self::Withdraw(side) => (
                speaker(of, *side),
                CaseCommand::WithdrawWindow { transfer, reason: WindowDeclineReason::NoLongerSought },
            ),
            Self::Confirm(side) => (
                speaker(of, *side),
                CaseCommand::ConfirmTransfer { transfer, occurred_at: last.offered_at, reason: None },
            ),
            Self::Fail(side, cause) => (speaker(of, *side), CaseCommand::ReportFailure { transfer, cause: *cause }),
        })
    }
}

/// Everything that its issuer may say of a detainer, the last of it that it lifts it.
pub(super) fn issuers_commands(of: &Detainer) -> Vec<CaseCommand> {
    let mut all: Vec<PickUp> = vec![PickUp::Accept, PickUp::Confirm(Side::Issuer), PickUp::Decline];
    all.extend([PickUp::Revise(Side::Issuer, 100_000), PickUp::Withdraw(Side::Issuer)]);
    all.extend(TransferFailureCause::ALL.iter().map(|cause| PickUp::Fail(Side::Issuer, *cause)));
    let pick_ups = all.iter().filter_map(|what| what.command(of));
    let said = [
        Said::Resolve(Side::Issuer, ClaimOutcome::Confirmed),
        Said::Raise(Side::Issuer),
        Said::Amend { juvenile: true },
        Said::Withdraw,
    ];
    pick_ups.chain(said.map(|what| what.command(of))).map(|(_, command)| command).collect()
}

/// A detainer as it would be if there were nothing of it but what its issuer asked and was told.
pub(super) fn redacted_for_issuer(detainer: &Detainer) -> Detainer {
    let shown = &detainer.issuer_view;
    Detainer {
        custodian: shown.custodian.clone(),
        acknowledgement: detainer.acknowledgement.clone().filter(|_| shown.finding.is_some()),
        answer: shown.answer.clone(),
        service: shown.service.clone(),
        state: shown.state,
        reviews: Vec::new(),
        obligations: Vec::new(),
        notice_index: None,
        ended_from: None,
        updated_at: shown.updated_at,
        version: shown.version,
        ..detainer.clone()
    }
}

/// The same addressee, another warrant.
fn amendment(of: &Detainer, juvenile: bool) -> CaseCommand {
    let warrant = Warrant { kind: WarrantKind::I200, ..of.request.warrant.clone() };
    let flags = Flags { juvenile, ..Flags::default() };
    let request = Box::new(Request { warrant, flags, ..(*of.request).clone() });
    CaseCommand::AmendDetainer { detainer: of.name.clone(), request }
}

/// Another charge than the request speaks of, so that it shows where it is counted.
fn held_on() -> Charge {
    Charge { status: ChargeStatus::Convicted, ncic: None, ..sample::charge() }
}

/// Who speaks for a side of a detainer.
fn speaker(detainer: &Detainer, side: Side) -> &'static str {
    match side {
        Side::Issuer => nickname(&detainer.issuer),
        Side::Custodian => custodian_of(detainer).unwrap_or("nassau"),
    }
}

/// Whether a detainer stands on a custody: it was matched, and has not ended.
pub(super) fn is_active_on(detainer: &Detainer, custody: &Custody) -> bool {
    custody.detainers.contains(&detainer.name) && detainer.state.is_active()
}

/// Whether it was declined; then a duty to notify is departed from, with a reason.
pub(super) fn is_declined(detainer: &Detainer) -> bool {
    detainer.state == DetainerState::Declined
}

pub(crate) fn nickname(agency: &AgencyId) -> &'static str {
    sample::AGENCIES.into_iter().find(|name| sample::officer(name).agency.id.clone() == *agency).unwrap()
}

pub(crate) fn custodian_of(detainer: &Detainer) -> Option<&'static str> {
    match (&detainer.custodian, &detainer.request.addressee) {
        (Some(agency), _) | (None, Addressee::Agency(agency)) => Some(nickname(agency)),
        (None, Addressee::Jurisdiction) => None,
    }
}

fn pick<'a, T>(
    cases: &'a BTreeMap<CaseName, StoredCase>,
    at: Index,
    which: impl Fn(&'a StoredCase) -> Option<&'a T>,
) -> Option<&'a T> {
    let found: Vec<&T> = cases.values().filter_map(which).collect();
    if found.is_empty() { None } else { Some(*at.get(&found)) }
}
