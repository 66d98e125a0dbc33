//! What happens in a random history: agencies that keep to what the gate lets them do, each message of theirs with tokens
//! of its own.

use std::collections::BTreeMap;

use comity::domain::case::StoredCase;
use comity::domain::charge::Charge;
use comity::domain::command::CaseCommand;
use comity::domain::custody::{Custody, Identity, MovementKind};
use comity::domain::detainer::{Acknowledgement, AnswerKind, Detainer, Finding, LiftReason, Request};
use comity::domain::determination::FieldClass;
use comity::domain::facts::Stage;
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::CaseName;
use comity::domain::subject::Identifiers;
use comity::domain::transfer::{TransferName, WindowDeclineReason};

use crate::leak::mint::{Mint, Value};
use crate::properties::steps::{custodian_of, nickname};

pub(super) type Cases = BTreeMap<CaseName, StoredCase>;

/// The agencies that ask.
pub(super) const REQUESTERS: [&str; 2] = ["ice", "cbp"];

/// What somebody says.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) caller: &'static str,
    pub(super) command: CaseCommand,
    /// At which step the law is asked, if it is.
    pub(super) stage: Option<Stage>,
    /// What it carries that is looked for.
    pub(super) values: Vec<Value>,
}

impl Message {
    pub(super) fn by_requester(&self) -> bool {
        REQUESTERS.contains(&self.caller)
    }
}

/// The next message of a history; the first few bring about that somebody is held whom somebody asks for.
pub(super) fn next(mint: &mut Mint, cases: &Cases, number: usize) -> Option<Message> {
    let (caller, stage, command) = match number {
        0 => open(mint, "doccs"),
        1 => lodge(mint, "ice"),
        2 => acknowledge(mint, cases, Finding::MatchedCustody, false)?,
        3 => answer(mint, cases, false)?,
        // Much turns on whether a release was told of.
        4 if mint.odds(9) => scheduled(mint, cases)?,
        _ => any(mint, cases)?,
    };
    Some(Message { caller, command, stage, values: mint.take() })
}

type Spoken = (&'static str, Option<Stage>, CaseCommand);

fn any(mint: &mut Mint, cases: &Cases) -> Option<Spoken> {
    let corrects = mint.odds(3);
    let custodian = if mint.odds(6) { "doccs" } else { "nassau" };
    match mint.rng.u8(..52) {
        0..3 => {
            let issuer = REQUESTERS[mint.rng.usize(..2)];
            Some(lodge(mint, issuer))
        }
        3..5 => Some(open(mint, custodian)),
        5..13 => {
            let finding = if mint.odds(7) { Finding::MatchedCustody } else { mint.word() };
            acknowledge(mint, cases, finding, corrects)
        }
        13..20 => answer(mint, cases, corrects),
        20..29 => said(mint, cases, corrects),
        29..44 => entered(mint, cases, corrects),
        _ => pick_up(mint, cases),
    }
}

fn pick<'a, T>(mint: &mut Mint, cases: &'a Cases, which: impl Fn(&'a StoredCase) -> Option<&'a T>) -> Option<&'a T> {
    let found: Vec<&T> = cases.values().filter_map(which).collect();
    // Mostly the first, so that much happens to one person.
    let at = if mint.odds(6) { 0 } else { mint.rng.usize(..found.len().max(1)) };
    found.get(at).copied()
}

fn open(mint: &mut Mint, custodian: &'static str) -> Spoken {
    (custodian, None, CaseCommand::OpenCustody(mint.intake()))
}

fn lodge(mint: &mut Mint, issuer: &'static str) -> Spoken {
    let addressee = [Some("doccs"), Some("doccs"), Some("nassau"), None][mint.rng.usize(..4)];
    (issuer, Some(Stage::Lodge), CaseCommand::LodgeDetainer(mint.request(addressee)))
}

fn acknowledge(mint: &mut Mint, cases: &Cases, finding: Finding, corrects: bool) -> Option<Spoken> {
    let of = pick(mint, cases, StoredCase::detainer)?;
    let caller = custodian_of(of).unwrap_or("doccs");
    let own: Vec<&Custody> =
        cases.values().filter_map(StoredCase::custody).filter(|held| nickname(&held.custodian) == caller).collect();
    let custody = match finding {
        Finding::MatchedCustody if own.is_empty() => return None,
        Finding::MatchedCustody => Some(&own[mint.rng.usize(..own.len())].name),
        Finding::NoSuchPerson
        | Finding::IdentityMismatch
        | Finding::Duplicate
        | Finding::NotInCustody
        | Finding::NotFoundInTime => None,
    };
    let duplicate_of = if finding == Finding::Duplicate {
        let others: Vec<_> =
            cases.values().filter_map(StoredCase::detainer).filter(|other| other.name != of.name).collect();
        let own = others.iter().find(|other| other.issuer == of.issuer).or(others.first())?;
        Some(own.name.clone())
    } else {
        None
    };
    let acknowledgement = Acknowledgement { duplicate_of, ..mint.found(finding, custody) };
    let correction = corrects.then(|| mint.correction());
    let detainer = of.name.clone();
    Some((caller, Some(Stage::Acknowledge), CaseCommand::AcknowledgeDetainer { detainer, acknowledgement, correction }))
}

fn answer(mint: &mut Mint, cases: &Cases, corrects: bool) -> Option<Spoken> {
    let of = pick(mint, cases, StoredCase::detainer)?;
    let kind = if mint.odds(5) { AnswerKind::NotifyOnly } else { mint.word() };
    let (answer, correction) = (mint.answer(kind), corrects.then(|| mint.correction()));
    let command = CaseCommand::AnswerDetainer { detainer: of.name.clone(), answer, correction };
    Some((custodian_of(of).unwrap_or("nassau"), Some(Stage::Answer), command))
}

/// Who speaks for one side of a detainer, or the other.
fn either(mint: &mut Mint, of: &Detainer) -> &'static str {
    if mint.odds(5) { nickname(&of.issuer) } else { custodian_of(of).unwrap_or("nassau") }
}

fn said(mint: &mut Mint, cases: &Cases, corrects: bool) -> Option<Spoken> {
    let of = pick(mint, cases, StoredCase::detainer)?;
    let (detainer, issuer) = (of.name.clone(), nickname(&of.issuer));
    Some(match mint.rng.u8(..15) {
        0..3 => {
            let request = Request { addressee: of.request.addressee.clone(), ..mint.request(None) };
            (issuer, Some(Stage::Lodge), CaseCommand::AmendDetainer { detainer, request: Box::new(request) })
        }
        3..5 => {
            let (service, correction) = (mint.service(), corrects.then(|| mint.correction()));
            let command = CaseCommand::RecordServiceOfCopy { detainer, service, correction };
            (custodian_of(of).unwrap_or("nassau"), Some(Stage::Serve), command)
        }
        5..7 => {
            let claim = mint.claim();
            (either(mint, of), Some(Stage::Claim), CaseCommand::RaiseCitizenshipClaim { detainer, claim })
        }
        7..9 => {
            let (outcome, reason) = (mint.word(), mint.reason());
            (either(mint, of), Some(Stage::Claim), CaseCommand::ResolveCitizenshipClaim { detainer, outcome, reason })
        }
        9..11 => {
            let request = mint.interview_request();
            (issuer, None, CaseCommand::RequestInterview { detainer, request })
        }
        11..14 => {
            let answer = Box::new(mint.interview_answer());
            let custodian = custodian_of(of).unwrap_or("nassau");
            (custodian, Some(Stage::Answer), CaseCommand::AnswerInterview { detainer, answer })
        }
        _ => (issuer, None, CaseCommand::WithdrawDetainer { detainer, reason: LiftReason::CaseClosed }),
    })
}

fn scheduled(mint: &mut Mint, cases: &Cases) -> Option<Spoken> {
    let of = pick(mint, cases, StoredCase::custody)?;
    let command = CaseCommand::ScheduleRelease { custody: of.name.clone(), release: mint.scheduled() };
    Some((nickname(&of.custodian), Some(Stage::Schedule), command))
}

fn entered(mint: &mut Mint, cases: &Cases, corrects: bool) -> Option<Spoken> {
    let of = pick(mint, cases, StoredCase::custody)?;
    let (custody, caller) = (of.name.clone(), nickname(&of.custodian));
    let (stage, command) = match mint.rng.u8(..17) {
        0..2 => (Stage::Change, CaseCommand::UpdateCharges { custody, charges: charges(mint), other_ground: None }),
        2..4 => {
            let mut subject = mint.subject();
            // At times it is the same person still, spelt otherwise: what corrects no more than that is told.
            if of.intake.subject.birth_date.is_none() && mint.odds(9) {
                subject.birth_date = None;
                let unnumbered = of.intake.subject.identifiers.is_empty();
                subject.identifiers = if unnumbered { mint.numbers() } else { Identifiers::default() };
                subject.name = mint.respelt(&of.intake.subject.name);
            }
            let identity = Box::new(Identity { subject, flags: mint.flags() });
            (Stage::Change, CaseCommand::CorrectIdentity { custody, identity, correction: mint.correction() })
        }
        4..7 => {
            if let Some(offer) = of.open_offer().filter(|_| mint.odds(7)) {
                let taker = nickname(&offer.proposal.to);
                return Some(match mint.rng.u8(..8) {
                    0 => (taker, None, CaseCommand::DeclineMove { custody, reason: mint.word() }),
                    1 => (caller, None, CaseCommand::WithdrawMove { custody }),
                    _ => {
                        let acceptance = mint.acceptance();
                        (taker, Some(Stage::Change), CaseCommand::AcceptMove { custody, acceptance })
                    }
                });
            }
            let kind = if mint.odds(5) { MovementKind::Agency } else { mint.word() };
            let next = if caller == "doccs" { "nassau" } else { "doccs" };
            let command = mint.moving(custody, kind, next);
            if kind == MovementKind::Agency {
                return Some((caller, None, command));
            }
            (Stage::Change, command)
        }
        7..9 => return scheduled(mint, cases),
        9 => (Stage::Schedule, CaseCommand::RescheduleRelease { custody, release: mint.scheduled() }),
        10 => (Stage::Change, CaseCommand::CancelRelease { custody, reason: Some(mint.reason()), other_ground: None }),
        11..13 => {
            let (release, correction) = (mint.released(), corrects.then(|| mint.correction()));
            let to = HandedTo { detainer: None, reason: mint.some(Mint::reason) };
            (Stage::Release, CaseCommand::RecordRelease { custody, release, correction, to })
        }
        13 => (Stage::Release, CaseCommand::CloseCustody { custody, closing: mint.closing(), other_ground: None }),
        14..16 => {
            let eligibility = mint.eligibility();
            (Stage::Schedule, CaseCommand::RecordReleaseEligibility { custody, eligibility })
        }
        _ => (Stage::Change, CaseCommand::ReopenCustody { custody, correction: mint.correction() }),
    };
    Some((caller, Some(stage), command))
}

/// At least one: an empty list tells little.
fn charges(mint: &mut Mint) -> Vec<Charge> {
    loop {
        let charges = mint.charges();
        if !charges.is_empty() {
            return charges;
        }
    }
}

fn pick_up(mint: &mut Mint, cases: &Cases) -> Option<Spoken> {
    let of = pick(mint, cases, StoredCase::detainer)?;
    let issuer = nickname(&of.issuer);
    let Some(open) = of.transfers.last().filter(|last| last.state.is_open()) else {
        let command =
            CaseCommand::OfferWindow { detainer: of.name.clone(), window: mint.window(), reason: Some(mint.reason()) };
        return Some((custodian_of(of).unwrap_or("nassau"), Some(Stage::Transfer), command));
    };
    let transfer = TransferName { detainer: of.name.clone(), id: open.id };
    Some(match mint.rng.u8(..11) {
        0..4 => (issuer, None, CaseCommand::AcceptWindow { transfer }),
        4 => (issuer, None, CaseCommand::DeclineWindow { transfer, reason: WindowDeclineReason::Time }),
        5..7 => {
            let occurred_at = mint.time(FieldClass::Custody);
            let reason = mint.some(Mint::reason);
            let command = CaseCommand::ConfirmTransfer { transfer, occurred_at, reason };
            (either(mint, of), Some(Stage::Transfer), command)
        }
        7..9 => {
            let window = if mint.odds(2) { mint.window() } else { open.window.clone() };
            let reason = Some(mint.reason());
            (either(mint, of), Some(Stage::Transfer), CaseCommand::ReviseWindow { transfer, window, reason })
        }
        9 => (either(mint, of), None, CaseCommand::WithdrawWindow { transfer, reason: WindowDeclineReason::Time }),
        _ => {
            let cause = mint.word();
            (either(mint, of), None, CaseCommand::ReportFailure { transfer, cause })
        }
    })
}
