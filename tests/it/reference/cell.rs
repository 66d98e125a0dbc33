//! One cell of the cross product: who does what to which case under which law; in plain words for counsel, and as the
//! gate is asked it.

use std::collections::BTreeSet;

use comity::domain::agency::{Actor, ActorKind, Agency, AgencyClass, AgencyKind, Caller};
use comity::domain::case::Case;
use comity::domain::charge::{Charge, ChargeStatus, Severity};
use comity::domain::claim::ClaimOutcome;
use comity::domain::command::CaseCommand;
use comity::domain::custody::{
    ActualRelease, Custody, Identity, Intake, MoveDeclineReason, MoveOffer, MoveOfferState, MoveProposal, MovementKind,
    ReleaseRecipient, ScheduledRelease, Standing,
};
use comity::domain::detainer::{
    Acknowledgement, Addressee, AnswerKind, Detainer, DetainerBasis, DetainerForm, DetainerState, Finding,
    IssuingAuthority, LiftReason, Request, Warrant, WarrantKind,
};
use comity::domain::determination::Ruling;
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::{AgencyId, CaseName, JurisdictionId};
use comity::domain::subject::Flags;
use comity::domain::transfer::{TransferFailureCause, TransferName, WindowDeclineReason};
use comity::domain::warrant::WarrantVerification;
use jiff::{Span, Timestamp};
use uuid::Uuid;

use crate::reference::state::{self, Guard, State, Warranted};
use crate::sample;

/// Where a caller stands to the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It lodged the detainer.
    Issuer,
    /// It holds the person, and the detainer names it or was taken on by it.
    Custodian,
    /// Neither, in the same jurisdiction.
    Stranger,
    /// It takes no part in the jurisdiction.
    Outsider,
}

/// One cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) kind: AgencyKind,
    /// Of the caller, and of whoever holds the person.
    pub(super) class: Option<AgencyClass>,
    pub(super) actor: Option<ActorKind>,
    pub(super) role: Role,
    pub(super) jurisdiction: &'static str,
    /// The detainer names its custodian.
    pub(super) named: bool,
    /// The person was matched.
    pub(super) matched: bool,
    pub(super) method: &'a str,
    /// Which way of the method.
    pub(super) way: &'static str,
    /// A reason is given.
    pub(super) reasoned: bool,
    pub(super) state: &'a State,
}

/// What the gate answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    NotAdmitted,
    /// Nothing is asked of a case.
    Admitted,
    Denied(String),
    /// With the rulings on holding, notifying, handing over and telling of the custody, where the law is asked.
    Permitted(Option<[Ruling; 4]>),
}

pub(super) fn custodian_id(class: Option<AgencyClass>) -> AgencyId {
    format!("custodian-{}", class.map_or("other", AgencyClass::word)).parse().unwrap()
}

pub(super) fn agency(id: AgencyId, kind: AgencyKind, class: Option<AgencyClass>, within: &[&str]) -> Agency {
    let jurisdictions: BTreeSet<JurisdictionId> = within.iter().map(|id| id.parse().unwrap()).collect();
    Agency { id, kind, class, jurisdictions }
}

/// What a cell asks of a case, whoever asks.
#[derive(Debug)]
pub(super) struct Posed {
    pub(super) case: Case,
    /// None where the method reads.
    pub(super) command: Option<CaseCommand>,
    /// The detainer that the law is asked of.
    pub(super) name: CaseName,
    pub(super) now: Timestamp,
}

impl Cell<'_> {
    pub(super) fn posed(&self) -> Posed {
        Posed { case: self.case(), command: self.command(), name: self.detainer_name(), now: self.now() }
    }

    fn now(&self) -> Timestamp {
        let now = if self.state.after_the_acts { "2026-06-01T18:00:00Z" } else { "2026-05-01T18:00:00Z" };
        now.parse().unwrap()
    }

    pub(super) fn caller(&self) -> Caller {
        let id = match self.role {
            Role::Issuer => "issuer".parse().unwrap(),
            Role::Custodian => custodian_id(self.class),
            Role::Stranger | Role::Outsider => "stranger".parse().unwrap(),
        };
        let within: &[&str] = if self.role == Role::Outsider { &["us-or"] } else { &[self.jurisdiction] };
        let pseudonym = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let actor = self.actor.map(|kind| Actor { pseudonym, kind });
        Caller { agency: agency(id, self.kind, self.class, within).into(), actor }
    }

    fn jurisdiction(&self) -> JurisdictionId {
        self.jurisdiction.parse().unwrap()
    }

    fn detainer_name(&self) -> CaseName {
        CaseName::detainer(self.jurisdiction(), Uuid::from_u128((7 << 76) | (2 << 62) | 1))
    }

    fn custody_name(&self) -> CaseName {
        CaseName::custody(self.jurisdiction(), Uuid::from_u128((7 << 76) | (2 << 62) | 2))
    }

    /// The case as the recorder assembles it for the command.
    fn case(&self) -> Case {
        let custody = self.custody();
        let detainer = self.detainer();
        let standing: Vec<Detainer> = if self.matched { vec![detainer.clone()] } else { Vec::new() };
        let names_custody = self.method.starts_with("CustodyService/") || self.way == "matched-custody";
        Case {
            detainer: (!self.method.starts_with("CustodyService/")).then_some(detainer),
            custody: (names_custody || self.matched).then_some(custody),
            linked: standing,
            ..Case::default()
        }
    }

    fn request(&self) -> Request {
        let state = self.state;
        let (kind, issuing_authority) = match state.warrant {
            Warranted::Not => (WarrantKind::None, IssuingAuthority::None),
            Warranted::ByOfficer => (WarrantKind::I200, IssuingAuthority::ImmigrationOfficer),
            Warranted::ByJudge | Warranted::OnCrime | Warranted::Claimed | Warranted::ClaimedOnCrime => {
                (WarrantKind::Judicial, IssuingAuthority::FederalJudge)
            }
        };
        let basis = match (state.final_order, state.lent) {
            (true, _) => DetainerBasis::FinalOrder,
            (false, true) => DetainerBasis::CustodyLent,
            (false, false) => DetainerBasis::PendingProceedings,
        };
        let addressee = if self.named { Addressee::Agency(custodian_id(self.class)) } else { Addressee::Jurisdiction };
        Request {
            addressee,
            form: if state.asks_for_hold { DetainerForm::I247a } else { DetainerForm::I247g },
            basis: vec![basis],
            warrant: Warrant {
                kind,
                issuing_authority,
                criminal: state.warrant == Warranted::OnCrime,
                document: sample::request(None).warrant.document.filter(|_| kind != WarrantKind::None),
                ..Warrant::NONE
            },
            charges: Vec::new(),
            terrorist_list_match: state.listed,
            ..sample::request(None)
        }
    }

    fn detainer(&self) -> Detainer {
        let lodged = Detainer::lodged(self.detainer_name(), "issuer".parse().unwrap(), self.request(), sample::start());
        if !self.matched {
            return lodged;
        }
        let holder = self.holder();
        Detainer {
            custodian: Some(holder.clone()),
            acknowledgement: Some(sample::found(Finding::MatchedCustody, Some(&self.custody_name()))),
            state: DetainerState::Matched,
            verified: Some(lodged.verified_by(&self.verification(), &holder, sample::start())),
            ..lodged
        }
    }

    /// Whoever holds the person has seen the warrant, and the final order.
    fn verification(&self) -> WarrantVerification {
        WarrantVerification {
            seen: self.request().warrant,
            final_order_seen: self.state.final_order,
            ..sample::verification()
        }
    }

    fn custody(&self) -> Custody {
        let intake = Intake { charges: self.charges(), flags: self.flags(), ..sample::intake() };
        let mut opened = Custody::opened(self.custody_name(), self.holder(), intake, sample::start());
        opened.offer = self.answers_an_offer().then(|| MoveOffer {
            state: MoveOfferState::Offered,
            proposal: MoveProposal { to: custodian_id(self.class), ..sample::proposal("erie") },
            decline_reason: None,
            standing: Standing::default(),
            offered_by: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            offered_at: sample::start(),
        });
        let detainers = if self.matched { vec![self.detainer_name()] } else { Vec::new() };
        Custody { detainers, scheduled: Some(self.scheduled()), ..opened }
    }

    fn answers_an_offer(&self) -> bool {
        matches!(self.method, "CustodyService/AcceptMove" | "CustodyService/DeclineMove")
    }

    /// Who holds the person. Whoever answers an offer does not do so yet.
    fn holder(&self) -> AgencyId {
        if self.answers_an_offer() { "next-jail".parse().unwrap() } else { custodian_id(self.class) }
    }

    fn flags(&self) -> Flags {
        Flags {
            citizenship_claim: self.state.guard == Guard::Claim,
            juvenile: self.state.guard == Guard::Juvenile,
            lawful_status: self.state.proof,
            terrorist_list_match: self.state.listed,
            ..Flags::default()
        }
    }

    fn charges(&self) -> Vec<Charge> {
        let crime = self.state.crime;
        let today = self.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let day = |(years, days)| today.checked_sub(Span::new().years(years).days(days)).unwrap();
        let status = match (crime.convicted, crime.held_to_answer) {
            (true, _) => ChargeStatus::Convicted,
            (false, true) => ChargeStatus::HeldToAnswer,
            (false, false) => ChargeStatus::Pending,
        };
        let severity = if crime.felony { Severity::Felony } else { Severity::Misdemeanor };
        let charge = Charge {
            statute: state::cited(self.jurisdiction, crime).map(str::to_owned),
            ncic: Some(state::code(crime.group).parse().unwrap()),
            severity: Some(severity),
            status,
            convicted_on: crime.since.map(day),
            ..sample::charge()
        };
        let sealed = Charge { status: ChargeStatus::Sealed, ..charge.clone() };
        let known = (crime.open || crime.convicted).then_some(charge);
        known.into_iter().chain((self.state.guard == Guard::Sealed).then_some(sealed)).collect()
    }

    fn scheduled(&self) -> ScheduledRelease {
        ScheduledRelease { date_public: self.state.public, ..sample::scheduled() }
    }

    /// What is submitted; none where the method reads.
    fn command(&self) -> Option<CaseCommand> {
        let (service, method) = self.method.split_once('/').unwrap();
        match service {
            "DetainerService" => self.upon_detainer(method),
            "TransferService" => self.upon_transfer(method),
            "CustodyService" => self.upon_custody(method),
            _ => None,
        }
    }

    fn upon_detainer(&self, method: &str) -> Option<CaseCommand> {
        let detainer = self.detainer_name();
        Some(match method {
            "LodgeDetainer" => CaseCommand::LodgeDetainer(self.request()),
            "AmendDetainer" => CaseCommand::AmendDetainer { detainer, request: Box::new(self.request()) },
            "WithdrawDetainer" => CaseCommand::WithdrawDetainer { detainer, reason: LiftReason::CaseClosed },
            "AcknowledgeDetainer" => {
                let finding: Finding = self.way.parse().unwrap();
                let custody = Some(self.custody_name()).filter(|_| finding == Finding::MatchedCustody);
                let acknowledgement = Acknowledgement { custody, ..sample::found(finding, None) };
                CaseCommand::AcknowledgeDetainer { detainer, acknowledgement, correction: None }
            }
            "AnswerDetainer" => {
                let kind: AnswerKind = self.way.parse().unwrap();
                let mut answer = sample::answer(kind);
                answer.reason = answer.reason.filter(|_| self.reasoned);
                CaseCommand::AnswerDetainer { detainer, answer, correction: None }
            }
            "RecordServiceOfCopy" => {
                CaseCommand::RecordServiceOfCopy { detainer, service: sample::service(), correction: None }
            }
            "RequestInterview" => CaseCommand::RequestInterview { detainer, request: sample::interview_request() },
            "AnswerInterview" => {
                let mut answer = Box::new(sample::interview_answer(self.way.parse().unwrap()));
                answer.reason = answer.reason.filter(|_| self.reasoned);
                CaseCommand::AnswerInterview { detainer, answer }
            }
            "WithdrawInterview" => CaseCommand::WithdrawInterview { detainer },
            "VerifyWarrant" => CaseCommand::VerifyWarrant { detainer, verification: Box::new(self.verification()) },
            "RaiseCitizenshipClaim" => CaseCommand::RaiseCitizenshipClaim { detainer, claim: sample::claim() },
            "ResolveCitizenshipClaim" => {
                let outcome: ClaimOutcome = self.way.parse().unwrap();
                CaseCommand::ResolveCitizenshipClaim { detainer, outcome, reason: "a passport".to_owned() }
            }
            _ => return None,
        })
    }

    fn upon_transfer(&self, method: &str) -> Option<CaseCommand> {
        let detainer = self.detainer_name();
        let transfer = TransferName { detainer: detainer.clone(), id: Uuid::from_u128(3) };
        Some(match method {
            "OfferWindow" => {
                let reason = self.reasoned.then(|| "a person decided".to_owned());
                // Open still, whenever it is asked.
                CaseCommand::OfferWindow { detainer, window: sample::window(300_000), reason }
            }
            "ReviseWindow" => {
                let reason = self.reasoned.then(|| "a person decided".to_owned());
                CaseCommand::ReviseWindow { transfer, window: sample::window(300_000), reason }
            }
            "WithdrawWindow" => CaseCommand::WithdrawWindow { transfer, reason: WindowDeclineReason::ALL[0] },
            "AcceptWindow" => CaseCommand::AcceptWindow { transfer },
            "DeclineWindow" => CaseCommand::DeclineWindow { transfer, reason: WindowDeclineReason::ALL[0] },
            "ConfirmTransfer" => {
                let reason = self.reasoned.then(|| "the door was open".to_owned());
                CaseCommand::ConfirmTransfer { transfer, occurred_at: sample::start(), reason }
            }
            "ReportFailure" => CaseCommand::ReportFailure { transfer, cause: TransferFailureCause::ALL[0] },
            _ => return None,
        })
    }

    fn upon_custody(&self, method: &str) -> Option<CaseCommand> {
        let custody = self.custody_name();
        let correction = sample::correction;
        Some(match method {
            "OpenCustody" => CaseCommand::OpenCustody(sample::intake()),
            "UpdateCharges" => CaseCommand::UpdateCharges { custody, charges: Vec::new(), other_ground: None },
            "CorrectIdentity" => {
                let identity = Box::new(Identity { subject: sample::subject(), flags: Flags::default() });
                CaseCommand::CorrectIdentity { custody, identity, correction: correction() }
            }
            "MoveCustody" if self.way == "agency" => {
                let proposal = MoveProposal { to: "next-jail".parse().unwrap(), ..sample::proposal("erie") };
                CaseCommand::OfferMove { custody, proposal }
            }
            "MoveCustody" => sample::moving(custody, MovementKind::Court, "erie"),
            "AcceptMove" => sample::taking_over(custody),
            "DeclineMove" => CaseCommand::DeclineMove { custody, reason: MoveDeclineReason::NoCapacity },
            "WithdrawMove" => CaseCommand::WithdrawMove { custody },
            "ScheduleRelease" => CaseCommand::ScheduleRelease { custody, release: self.scheduled() },
            "RescheduleRelease" => CaseCommand::RescheduleRelease { custody, release: self.scheduled() },
            "RecordReleaseEligibility" => {
                CaseCommand::RecordReleaseEligibility { custody, eligibility: sample::eligibility() }
            }
            "CancelRelease" => CaseCommand::CancelRelease { custody, reason: None, other_ground: None },
            "RecordRelease" => {
                let release = ActualRelease { date_public: self.state.public, ..sample::released() };
                let handed_over = self.way == "handed-over";
                let recipient =
                    if handed_over { ReleaseRecipient::RequestingAgency } else { ReleaseRecipient::Community };
                let reason = self.reasoned.then(|| "the door was open".to_owned());
                let to = HandedTo { detainer: None, reason };
                let release = ActualRelease { recipient, ..release };
                CaseCommand::RecordRelease { custody, release, correction: None, to }
            }
            "CloseCustody" => CaseCommand::CloseCustody { custody, closing: sample::closing(), other_ground: None },
            "ReopenCustody" => CaseCommand::ReopenCustody { custody, correction: correction() },
            "ExpungeCustody" => {
                CaseCommand::ExpungeCustody { custody, order: sample::expungement_order(), covers_undisclosed: false }
            }
            _ => return None,
        })
    }
}
