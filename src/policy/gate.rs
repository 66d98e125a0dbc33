//! The case question: may this caller do this to this case, and what does the law say of it?
//!
//! The only maker of [`Permitted`]. Asked once per command, inside the writer, with the case's facts of that moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::agency::{ActorKind, Agency, AgencyKind, Caller};
use crate::domain::case::Case;
use crate::domain::charge::Charge;
use crate::domain::command::CaseCommand;
use crate::domain::custody::Custody;
use crate::domain::decide::told;
use crate::domain::detainer::{Addressee, Answer, AnswerKind, Detainer, Finding, Request, Viewpoint};
use crate::domain::determination::{Determination, FieldClasses, LawAction, LawView, Ruling};
use crate::domain::facts::{self, CaseFacts, Stage};
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId};
use crate::domain::permit::{Admitted, Permitted};
use crate::policy::engine::Engine;

/// Why the gate does not let a command pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No such case, or none of the caller's. Both read the same from outside.
    #[error("there is no such case")]
    NotFound,
    /// The jurisdiction is not one the caller takes part in.
    #[error("there is no such jurisdiction")]
    NoSuchJurisdiction,
    /// Nobody in particular acts: a write needs a token.
    #[error("a write needs a token that names who acts")]
    Unattributed,
    /// The detainer is addressed to no custodian of the jurisdiction.
    #[error("the addressee is not a custodian of the jurisdiction")]
    NotACustodian,
    /// The law forbids it.
    #[error("the law of the jurisdiction forbids it")]
    Forbidden {
        /// What it forbids.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
    /// The law leaves it to a person, and none spoke, or without a reason.
    #[error("the law leaves it to a person: an officer must decide and give a reason")]
    ReviewRequired {
        /// What it leaves open.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
    /// The law makes it a duty, and no reason was given for departing from it.
    #[error("the law makes it a duty: departing from it needs a reason")]
    ReasonRequired {
        /// What it asks.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
}

/// Knows the agencies and asks the law.
#[derive(Debug)]
pub struct Gate {
    engine: Arc<Engine>,
    agencies: Arc<BTreeMap<AgencyId, Agency>>,
}

impl Gate {
    /// A gate over these agencies and policies.
    pub fn new(engine: Arc<Engine>, agencies: Arc<BTreeMap<AgencyId, Agency>>) -> Self {
        Self { engine, agencies }
    }

    /// Lets a command pass, or says why not. `id` is the id of the case that the command would make.
    pub fn permit(
        &self,
        admitted: Admitted<CaseCommand>,
        case: &Case,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Permitted<CaseCommand>, Denial> {
        let caller = &admitted.caller;
        let jurisdiction = &admitted.jurisdiction;
        if !caller.takes_part_in(jurisdiction) {
            return Err(Denial::NoSuchJurisdiction);
        }
        let mut laws = BTreeMap::new();
        match &admitted.value {
            CaseCommand::LodgeDetainer(request) => {
                let facts = self.lodging(jurisdiction, &caller.agency, request)?;
                laws.insert(CaseName::detainer(jurisdiction.clone(), id), self.ask(jurisdiction, &facts, now));
            }
            CaseCommand::AcknowledgeDetainer { acknowledgement, .. } => {
                let detainer = custodians(caller, case.detainer.as_ref())?;
                let custody = match acknowledgement.finding {
                    Finding::MatchedCustody => Some(holders(caller, case.custody.as_ref())?),
                    Finding::NoSuchPerson | Finding::IdentityMismatch => None,
                };
                let facts = self.facts(Stage::Acknowledge, detainer, custody, caller);
                laws.insert(detainer.name.clone(), self.ask(jurisdiction, &facts, now));
            }
            CaseCommand::AnswerDetainer { answer, .. } => {
                let detainer = custodians(caller, case.detainer.as_ref())?;
                let facts = self.facts(Stage::Answer, detainer, case.custody.as_ref(), caller);
                let law = self.ask(jurisdiction, &facts, now);
                stands_within(answer, caller, &law)?;
                laws.insert(detainer.name.clone(), law);
            }
            CaseCommand::WithdrawDetainer { .. } => {
                case.detainer
                    .as_ref()
                    .filter(|detainer| detainer.issuer == caller.agency.id)
                    .ok_or(Denial::NotFound)?;
            }
            CaseCommand::OpenCustody(_) => {}
            CaseCommand::ScheduleRelease { .. } => laws = self.of_standing(Stage::Schedule, &admitted, case, now)?,
            CaseCommand::RecordRelease { .. } => laws = self.of_standing(Stage::Release, &admitted, case, now)?,
        }
        Ok(Permitted::by_gate(admitted, laws))
    }

    /// An agency of the registry.
    pub fn agency(&self, id: &AgencyId) -> Option<&Agency> {
        self.agencies.get(id)
    }

    /// Classes that the issuer of a detainer may be shown of what its custodian did, by the facts and the law of now.
    /// What was committed to be shown is shown no further than this.
    pub fn disclosable(&self, detainer: &Detainer, custody: Option<&Custody>, now: Timestamp) -> FieldClasses {
        let addressee = match &detainer.request.addressee {
            Addressee::Agency(agency) => Some(agency),
            Addressee::Jurisdiction => None,
        };
        let custodian = detainer.custodian.as_ref().or(addressee).and_then(|id| self.agencies.get(id));
        let facts = CaseFacts {
            custodian_class: custodian.and_then(|agency| agency.class),
            ..of_request(Stage::Deliver, self.requester(detainer), &detainer.request, custody)
        };
        // Never by the law of before it was recorded, should the clock step back.
        told(detainer, &self.engine.law(&detainer.name.jurisdiction, &facts, now.max(detainer.updated_at)))
    }

    /// A case as its issuer may be told of it now. `None`: the caller is not its issuer, or was told nothing yet.
    pub fn as_told(&self, caller: &Caller, case: &Case, now: Timestamp) -> Option<Case> {
        let detainer = case.detainer.as_ref().filter(|detainer| detainer.issuer == caller.agency.id)?;
        let told =
            detainer.told_anything().then(|| detainer.as_told(self.disclosable(detainer, case.custody.as_ref(), now)));
        told.map(|detainer| Case { detainer: Some(detainer), custody: case.custody.clone(), ..Case::default() })
    }

    /// From where a caller may look at a detainer. `None`: for this caller it does not exist.
    pub fn viewpoint(&self, caller: &Caller, detainer: &Detainer) -> Option<Viewpoint> {
        if !caller.takes_part_in(&detainer.name.jurisdiction) {
            return None;
        }
        if detainer.issuer == caller.agency.id {
            return Some(Viewpoint::Issuer);
        }
        let overseen = caller.agency.kind == AgencyKind::Oversight;
        (overseen || is_addressed_to(detainer, caller)).then_some(Viewpoint::Custodian)
    }

    /// Whether a caller may see a custody: its own, or as oversight of the jurisdiction.
    pub fn may_see_custody(&self, caller: &Caller, custody: &Custody) -> bool {
        caller.takes_part_in(&custody.name.jurisdiction)
            && (custody.custodian == caller.agency.id || caller.agency.kind == AgencyKind::Oversight)
    }

    /// What the law says of each detainer that stands on the caller's custody.
    fn of_standing(
        &self,
        stage: Stage,
        admitted: &Admitted<CaseCommand>,
        case: &Case,
        now: Timestamp,
    ) -> Result<BTreeMap<CaseName, LawView>, Denial> {
        let custody = holders(&admitted.caller, case.custody.as_ref())?;
        let law = |detainer: &Detainer| {
            let facts = self.facts(stage, detainer, Some(custody), &admitted.caller);
            (detainer.name.clone(), self.ask(&admitted.jurisdiction, &facts, now))
        };
        Ok(case.active().map(law).collect())
    }

    fn ask(&self, jurisdiction: &JurisdictionId, facts: &CaseFacts, now: Timestamp) -> LawView {
        LawView::clone(&self.engine.law(jurisdiction, facts, now))
    }

    /// Facts from what the request carries, and nothing else: lodging reveals nothing about custody.
    fn lodging(&self, jurisdiction: &JurisdictionId, issuer: &Agency, request: &Request) -> Result<CaseFacts, Denial> {
        let class = match &request.addressee {
            Addressee::Jurisdiction => None,
            Addressee::Agency(id) => {
                let agency = self.agencies.get(id).ok_or(Denial::NotACustodian)?;
                if !agency.kind.holds_people() || !agency.jurisdictions.contains(jurisdiction) {
                    return Err(Denial::NotACustodian);
                }
                agency.class
            }
        };
        Ok(CaseFacts { custodian_class: class, ..of_request(Stage::Lodge, issuer.kind, request, None) })
    }

    fn facts(&self, stage: Stage, detainer: &Detainer, custody: Option<&Custody>, custodian: &Caller) -> CaseFacts {
        CaseFacts {
            custodian_class: custodian.agency.class,
            ..of_request(stage, self.requester(detainer), &detainer.request, custody)
        }
    }

    fn requester(&self, detainer: &Detainer) -> AgencyKind {
        self.agencies.get(&detainer.issuer).map_or(AgencyKind::Federal, |agency| agency.kind)
    }
}

/// Whether the caller is the one, or one of those, that a detainer waits for.
fn is_addressed_to(detainer: &Detainer, caller: &Caller) -> bool {
    match (&detainer.custodian, &detainer.request.addressee) {
        (Some(agency), _) | (None, Addressee::Agency(agency)) => *agency == caller.agency.id,
        (None, Addressee::Jurisdiction) => caller.agency.kind.holds_people(),
    }
}

/// The detainer, if the caller may speak to it as its custodian.
fn custodians<'a>(caller: &Caller, detainer: Option<&'a Detainer>) -> Result<&'a Detainer, Denial> {
    detainer.filter(|detainer| is_addressed_to(detainer, caller)).ok_or(Denial::NotFound)
}

/// The custody, if the caller holds the person.
fn holders<'a>(caller: &Caller, custody: Option<&'a Custody>) -> Result<&'a Custody, Denial> {
    custody.filter(|custody| custody.custodian == caller.agency.id).ok_or(Denial::NotFound)
}

/// Facts known to the gateway: of the request, and of the custody where one is linked.
fn of_request(stage: Stage, requester_kind: AgencyKind, request: &Request, custody: Option<&Custody>) -> CaseFacts {
    let charges = || request.charges.iter().chain(custody.into_iter().flat_map(|custody| &custody.intake.charges));
    let held = custody.map(|custody| custody.intake.flags).unwrap_or_default();
    let asked = request.flags;
    CaseFacts {
        stage,
        requester_kind,
        custodian_class: None,
        form: request.form,
        asks_for_hold: request.form.asks_for_hold(),
        basis: request.basis.iter().copied().collect(),
        warrant: request.warrant.kind,
        issuing_authority: request.warrant.issuing_authority,
        judicial_warrant: request.warrant.issuing_authority.is_judge(),
        offences: facts::offences(charges()),
        citizenship_claim: asked.citizenship_claim || held.citizenship_claim,
        proof_of_status: asked.proof_of_status || held.proof_of_status,
        juvenile: asked.juvenile || held.juvenile,
        sealed: charges().any(Charge::sealed),
        protected: asked.victim_witness || asked.protected_program || held.victim_witness || held.protected_program,
    }
}

/// The answer an officer gives must stand within the law: nothing forbidden, nothing left to a person done by a
/// machine, no duty left without a reason.
fn stands_within(answer: &Answer, caller: &Caller, law: &LawView) -> Result<(), Denial> {
    let promised: &[(LawAction, &Arc<Determination>)] = match answer.kind {
        // Whoever honors a hold promises to notify too: there is nobody to hold for otherwise.
        AnswerKind::HonorHold => &[(LawAction::Hold, &law.hold), (LawAction::Notify, &law.notify)],
        AnswerKind::NotifyOnly => &[(LawAction::Notify, &law.notify)],
        AnswerKind::Decline | AnswerKind::PendingReview => &[],
    };
    let left: &[(LawAction, &Arc<Determination>)] = match answer.kind {
        AnswerKind::HonorHold => &[],
        AnswerKind::NotifyOnly => &[(LawAction::Hold, &law.hold)],
        AnswerKind::Decline | AnswerKind::PendingReview => {
            &[(LawAction::Hold, &law.hold), (LawAction::Notify, &law.notify)]
        }
    };
    let officer = caller.actor.as_ref().is_some_and(|actor| actor.kind == ActorKind::Officer);
    let reasoned = answer.reason.is_some();
    for (action, determination) in promised {
        let (action, determination) = (*action, Arc::clone(determination));
        match determination.ruling {
            Ruling::Must | Ruling::May => {}
            Ruling::Review if officer && reasoned => {}
            Ruling::Review => return Err(Denial::ReviewRequired { action, determination }),
            Ruling::MustNot => return Err(Denial::Forbidden { action, determination }),
        }
    }
    match left.iter().find(|(_, determination)| determination.ruling == Ruling::Must) {
        Some((action, determination)) if !reasoned => {
            Err(Denial::ReasonRequired { action: *action, determination: Arc::clone(determination) })
        }
        Some(_) | None => Ok(()),
    }
}
