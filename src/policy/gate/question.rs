//! What a command asks of the law: whose case it is, which facts hold, and for which detainers.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::agency::{AgencyClass, Caller};
use crate::domain::calendar::day_of_record;
use crate::domain::case::Case;
use crate::domain::charge::Charge;
use crate::domain::command::CaseCommand;
use crate::domain::custody::{ClosingReason, Custody, Intake};
use crate::domain::detainer::{Acknowledgement, Addressee, Detainer, Finding, Request};
use crate::domain::determination::LawView;
use crate::domain::facts::{AsOf, CaseFacts, Stage};
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId};
use crate::domain::matching;
use crate::domain::permit::Admitted;
use crate::domain::review::{ReviewDecision, ReviewMatter};
use crate::domain::safeguards::Safeguards;
use crate::domain::warrant::WarrantVerification;
use crate::policy::gate::appeal::check_appeal_answer;
use crate::policy::gate::denial::Denial;
use crate::policy::gate::facts::{facts_of, facts_of_detainer};
use crate::policy::gate::within::{
    by_officer, check_answer, check_decision, check_interview, check_offer, match_borne_out,
};
use crate::policy::gate::{Gate, is_addressed_to};

/// A command on a case at a moment.
pub(super) struct CommandQuestion<'a> {
    pub(super) gate: &'a Gate,
    pub(super) admitted: &'a Admitted<Arc<CaseCommand>>,
    pub(super) case: &'a Case,
    pub(super) now: Timestamp,
}

/// What the law says of each detainer that a command affects.
pub(super) type Laws = BTreeMap<CaseName, LawView>;

impl<'a> CommandQuestion<'a> {
    /// What the law says, or why the caller may not do this to this case. `id` is for the case that the command would
    /// create.
    #[expect(clippy::too_many_lines, reason = "one arm a command, and each a line or few: the list is the function")]
    pub(super) fn laws(&self, id: Uuid) -> Result<Laws, Denial> {
        let linked = self.case.custody.as_ref();
        match &*self.admitted.value {
            CaseCommand::LodgeDetainer(request) => {
                let name = CaseName::detainer(self.jurisdiction().clone(), id);
                Ok(BTreeMap::from([(name, self.law_on_request(request)?)]))
            }
            CaseCommand::AmendDetainer { request, .. } => self.laws_on_amendment(request),
            CaseCommand::AcknowledgeDetainer { acknowledgement, .. } => {
                let detainer = self.as_custodian()?;
                let custody = match acknowledgement.finding {
                    Finding::MatchedCustody => {
                        let custody = self.as_holder()?;
                        match_borne_out(acknowledgement, self.caller(), detainer, custody)?;
                        // A mismatch was recorded before. Whoever reverses it must give a reason.
                        let mut mistaken = detainer.mistaken_matches.iter();
                        let was_mistaken = mistaken.any(|mistaken| mistaken.custody.as_ref() == Some(&custody.name))
                            || custody.not_of.contains(&detainer.issuer);
                        if was_mistaken && !(by_officer(self.caller()) && acknowledgement.reason.is_some()) {
                            return Err(Denial::OfficerRequired);
                        }
                        let heir = detainer.with_earlier_refusal(&self.case.linked);
                        return Ok(self.laws_on_one(Stage::Acknowledge, &heir, Some(custody)));
                    }
                    // Only the holder of the person may separate the match.
                    Finding::NoSuchPerson
                    | Finding::IdentityMismatch
                    | Finding::Duplicate
                    | Finding::NotInCustody
                    | Finding::NotFoundInTime => {
                        // The custody that it is matched to next would lack the safeguards of this one.
                        let guarded = linked.is_some_and(|custody| self.is_guarded(custody, Some(detainer)));
                        linked.map(|_| self.require_officer_if(guarded)).transpose()?;
                        self.check_duplicate(detainer, acknowledgement)?;
                        None
                    }
                };
                Ok(self.laws_on_one(Stage::Acknowledge, detainer, custody))
            }
            CaseCommand::AnswerDetainer { answer, .. } => {
                let detainer = self.as_custodian()?;
                let laws = self.laws_on_one(Stage::Answer, detainer, linked);
                laws.values().try_for_each(|law| check_answer(answer, self.caller(), detainer, law))?;
                Ok(laws)
            }
            CaseCommand::OfferWindow { reason, .. } => self.laws_on_offer(reason.as_ref()),
            CaseCommand::ReviseWindow { reason, .. } => self.laws_on_revision(reason.as_ref()),
            CaseCommand::VerifyWarrant { verification, .. } => self.laws_on_verification(verification),
            CaseCommand::RecordServiceOfCopy { .. } => Ok(self.laws_on_one(Stage::Serve, self.as_custodian()?, linked)),
            CaseCommand::RaiseCitizenshipClaim { .. } => self.laws_on_claim(),
            CaseCommand::ResolveCitizenshipClaim { .. } => {
                let laws = self.laws_on_claim()?;
                if by_officer(self.caller()) { Ok(laws) } else { Err(Denial::OfficerRequired) }
            }
            CaseCommand::IssueAppeal(_) | CaseCommand::BarAppeal { .. } => self.check_appeal().map(|()| Laws::new()),
            CaseCommand::AnswerAppeal { answer, .. } => {
                self.check_appeal()?;
                let detainer = self.as_custodian()?;
                let laws = self.laws_on_one(Stage::Answer, detainer, linked);
                laws.values().try_for_each(|law| check_appeal_answer(answer, self.caller(), detainer, law))?;
                Ok(laws)
            }
            CaseCommand::ResolveReview { review, decision, .. } => self.laws_on_decision(review.matter, *decision),
            CaseCommand::MeetObligation { .. } => self.as_custodian().map(|_| Laws::new()),
            CaseCommand::AnswerInterview { answer, .. } => {
                let detainer = self.as_custodian()?;
                let laws = self.laws_on_one(Stage::Answer, detainer, linked);
                laws.values().try_for_each(|law| check_interview(answer, self.caller(), detainer, law))?;
                Ok(laws)
            }
            CaseCommand::RequestInterview { .. }
            | CaseCommand::WithdrawInterview { .. }
            | CaseCommand::WithdrawDetainer { .. }
            | CaseCommand::AcceptWindow { .. }
            | CaseCommand::DeclineWindow { .. } => self.as_issuer().map(|_| Laws::new()),
            CaseCommand::ConfirmTransfer { reason, .. } => self.laws_on_confirmation(reason.as_ref()),
            CaseCommand::ReportFailure { .. } | CaseCommand::WithdrawWindow { .. } => {
                self.as_issuer().or_else(|_| self.as_custodian()).map(|_| Laws::new())
            }
            CaseCommand::OpenCustody(_) => Ok(Laws::new()),
            CaseCommand::UpdateCharges { charges, other_ground, .. } => {
                let sealed = |custody: &Custody| custody.intake.charges.iter().any(Charge::sealed);
                let unseals = linked.is_some_and(sealed) && !charges.iter().any(Charge::sealed);
                self.require_officer_if(unseals || other_ground.is_some())?;
                self.laws_for_holder(Stage::Change, self.case.active())
            }
            CaseCommand::CancelRelease { other_ground: Some(_), .. } => {
                self.require_officer_if(true)?;
                self.laws_for_holder(Stage::Change, self.case.active())
            }
            CaseCommand::CloseCustody { other_ground: Some(_), .. } => {
                self.require_officer_if(true)?;
                self.laws_for_holder(Stage::Release, self.case.active())
            }
            CaseCommand::CancelRelease { .. } | CaseCommand::ReopenCustody { .. } | CaseCommand::MoveCustody { .. } => {
                self.laws_for_holder(Stage::Change, self.case.active())
            }
            CaseCommand::OfferMove { proposal, .. } => self.check_next(&proposal.to).map(|()| Laws::new()),
            CaseCommand::AcceptMove { .. } => {
                Ok(self.laws_as_left(Stage::Change, self.as_taker()?, self.case.active()))
            }
            CaseCommand::DeclineMove { .. } => self.as_taker().map(|_| Laws::new()),
            CaseCommand::WithdrawMove { .. } => self.as_holder().map(|_| Laws::new()),
            CaseCommand::ExpungeCustody { .. } => self.require_officer_if(true).map(|()| Laws::new()),
            CaseCommand::CorrectIdentity { identity, .. } => {
                let today = self.as_of().today;
                let lifts = |Intake { flags, subject, .. }: &Intake| {
                    // A birth date that makes somebody a minor is a safeguard, as the flag is.
                    let grown_up = subject.is_minor(today) && !identity.subject.is_minor(today);
                    let foreign = subject.is_called_citizen() && !identity.subject.is_called_citizen();
                    flags.lifted_by(identity.flags) || grown_up || foreign
                };
                self.require_officer_if(linked.is_some_and(|custody| lifts(&custody.intake)))?;
                self.laws_for_holder(Stage::Change, self.case.linked.iter())
            }
            CaseCommand::ScheduleRelease { .. } | CaseCommand::RescheduleRelease { .. } => {
                self.laws_for_holder(Stage::Schedule, self.case.active())
            }
            CaseCommand::RecordReleaseEligibility { .. } => self.laws_on_eligibility(),
            CaseCommand::RecordRelease { release, correction, to, .. } => {
                self.laws_on_release(release, correction.as_ref(), to)
            }
            CaseCommand::CloseCustody { closing, .. } => {
                // Closed as opened in error or entered twice: the person's safeguards would be lost with the custody.
                let otherwise = !matches!(closing.reason, ClosingReason::Death | ClosingReason::Escape);
                let guarded = linked.is_some_and(|custody| self.is_guarded(custody, None));
                self.require_officer_if(otherwise && guarded)?;
                self.laws_for_holder(Stage::Release, self.case.active())
            }
        }
    }

    /// A duplicate is of a detainer that the caller sees too. If the two do not describe one person, an officer must vouch
    /// for it with a reason.
    fn check_duplicate(&self, detainer: &Detainer, found: &Acknowledgement) -> Result<(), Denial> {
        if found.finding != Finding::Duplicate {
            return Ok(());
        }
        let other = self.case.other.as_ref().filter(|other| is_addressed_to(other, self.caller()));
        let other = other.ok_or(Denial::NotFound)?;
        let one_person = matching::of_one(&other.request.subject, &detainer.request.subject);
        let vouched = by_officer(self.caller()) && found.reason.is_some();
        if one_person || vouched { Ok(()) } else { Err(Denial::OfficerRequired) }
    }

    /// Whether the caller may act on the appeal: every appealed detainer is its own, or the appeal is addressed to it.
    /// A missing appeal reads the same as another agency's.
    fn check_appeal(&self) -> Result<(), Denial> {
        let Case { appeal, item, appealing, .. } = self.case;
        let own = &self.caller().agency.id;
        let may = if let CaseCommand::IssueAppeal(issue) = &*self.admitted.value {
            issue.members.iter().all(|member| appealing.issuers.get(&member.id) == Some(own))
        } else if let CaseCommand::BarAppeal { judged, .. } = &*self.admitted.value {
            let found = judged.open > 0 || !judged.bars.is_empty();
            appeal.as_ref().is_some_and(|appeal| found || appeal.addresses(own))
        } else {
            appeal.is_some() && item.is_some()
        };
        if may { Ok(()) } else { Err(Denial::NotFound) }
    }

    /// A custodian offers a window only within the law.
    fn laws_on_offer(&self, reason: Option<&String>) -> Result<Laws, Denial> {
        let detainer = self.as_custodian()?;
        let laws = self.laws_on_one(Stage::Transfer, detainer, self.case.custody.as_ref());
        laws.values().try_for_each(|law| check_offer(reason, self.caller(), detainer, law))?;
        Ok(laws)
    }

    /// Another window that the custodian names is an offer. One that the issuer names reveals nothing.
    fn laws_on_revision(&self, reason: Option<&String>) -> Result<Laws, Denial> {
        if self.as_issuer().is_ok() { Ok(Laws::new()) } else { self.laws_on_offer(reason) }
    }

    /// Only an officer decides a review, and only within what the law says now.
    fn laws_on_decision(&self, matter: ReviewMatter, decision: ReviewDecision) -> Result<Laws, Denial> {
        let laws = self.laws_on_one(Stage::Answer, self.as_custodian()?, self.case.custody.as_ref());
        if !by_officer(self.caller()) {
            return Err(Denial::OfficerRequired);
        }
        laws.values().try_for_each(|law| check_decision(matter, decision, law))?;
        Ok(laws)
    }

    /// Whether a safeguard would be lost with the custody, or with the match of a detainer to it: one of the
    /// custodian's record, one that a requester claims, or a refused warrant.
    fn is_guarded(&self, custody: &Custody, detainer: Option<&Detainer>) -> bool {
        let today = self.as_of().today;
        let claimed = detainer
            .is_some_and(|detainer| detainer.refuses_warrant() || Safeguards::claimed(&detainer.request, today).any());
        let reported =
            || custody.reported_claims.safeguards_on(today).any() || !custody.reported_claims.refused.is_empty();
        custody.safeguards(today).any() || claimed || reported()
    }

    /// Only the holder of the person may lift a safeguard, and only through an officer.
    fn require_officer_if(&self, lifts_safeguard: bool) -> Result<(), Denial> {
        self.as_holder()?;
        if lifts_safeguard && !by_officer(self.caller()) { Err(Denial::OfficerRequired) } else { Ok(()) }
    }

    pub(super) fn caller(&self) -> &'a Caller {
        &self.admitted.caller
    }

    fn jurisdiction(&self) -> &'a JurisdictionId {
        &self.admitted.jurisdiction
    }

    /// The detainer, if it is addressed to the caller.
    pub(super) fn as_custodian(&self) -> Result<&'a Detainer, Denial> {
        let detainer = self.case.detainer.as_ref().filter(|detainer| is_addressed_to(detainer, self.caller()));
        detainer.ok_or(Denial::NotFound)
    }

    /// The detainer, if the caller lodged it.
    pub(super) fn as_issuer(&self) -> Result<&'a Detainer, Denial> {
        let detainer = self.case.detainer.as_ref().filter(|detainer| detainer.issuer == self.caller().agency.id);
        detainer.ok_or(Denial::NotFound)
    }

    /// The custody, if the caller holds the person.
    fn as_holder(&self) -> Result<&'a Custody, Denial> {
        let custody = self.case.custody.as_ref().filter(|custody| custody.custodian == self.caller().agency.id);
        custody.ok_or(Denial::NotFound)
    }

    /// The custody, if the person is offered to the caller, or if the caller holds them already.
    fn as_taker(&self) -> Result<&'a Custody, Denial> {
        let own = &self.caller().agency.id;
        let custody = self.case.custody.as_ref();
        custody.filter(|custody| custody.is_offered_to(own) || custody.custodian == *own).ok_or(Denial::NotFound)
    }

    /// Only from what the request carries, so that lodging reveals nothing about a custody.
    fn law_on_request(&self, request: &Request) -> Result<LawView, Denial> {
        let class = match &request.addressee {
            Addressee::Jurisdiction => None,
            Addressee::Agency(id) => {
                self.gate.custodian_of(self.jurisdiction(), id).ok_or(Denial::NotACustodian)?.class
            }
        };
        let facts = facts_of(Stage::Lodge, self.caller().agency.kind, request, (None, None), self.as_of());
        Ok(self.ask(&CaseFacts { custodian_class: class, ..facts }))
    }

    fn laws_on_amendment(&self, request: &Request) -> Result<Laws, Denial> {
        let detainer = self.as_issuer()?;
        let addressee = &detainer.request.addressee;
        if request.addressee != Addressee::Jurisdiction && request.addressee != *addressee {
            return Err(Denial::AddresseeFixed);
        }
        let amended = detainer.amended_by(request, day_of_record(self.now));
        Ok(BTreeMap::from([(detainer.name.clone(), self.law_on_request(&amended)?)]))
    }

    pub(super) fn laws_on_one(&self, stage: Stage, detainer: &Detainer, custody: Option<&Custody>) -> Laws {
        BTreeMap::from([self.law_on_detainer(stage, detainer, custody, self.caller().agency.class)])
    }

    /// Only an officer verifies a warrant. The law is asked about the facts as the verification leaves them.
    fn laws_on_verification(&self, verification: &WarrantVerification) -> Result<Laws, Denial> {
        let detainer = self.as_custodian()?;
        if !by_officer(self.caller()) {
            return Err(Denial::OfficerRequired);
        }
        let verified = detainer.verified_by(verification, &self.caller().agency.id, self.now);
        Ok(self.laws_on_one(
            Stage::Change,
            &Detainer { verified: Some(verified), ..detainer.clone() },
            self.case.custody.as_ref(),
        ))
    }

    /// Asks about each detainer that the custodian's claim affects, with the claim as the command leaves it. A claim
    /// that the issuer raises reveals nothing about a custody.
    fn laws_on_claim(&self) -> Result<Laws, Denial> {
        if self.as_issuer().is_ok() {
            return Ok(Laws::new());
        }
        let named = self.as_custodian()?;
        let custody = self.case.custody.as_ref().map(|custody| custody.after(&self.admitted.value));
        let class = self.caller().agency.class;
        let touched = self.case.active().chain([named]);
        Ok(touched.map(|detainer| self.law_on_detainer(Stage::Claim, detainer, custody.as_ref(), class)).collect())
    }

    /// Asks about each detainer whose issuer may have to learn what the holder enters. The custody is taken as the
    /// command leaves it, so that nothing is shown which this very command seals.
    pub(super) fn laws_for_holder(
        &self,
        stage: Stage,
        concerned: impl Iterator<Item = &'a Detainer>,
    ) -> Result<Laws, Denial> {
        Ok(self.laws_as_left(stage, self.as_holder()?, concerned))
    }

    /// The same, where the caller holds the person before the command, or does so by it.
    fn laws_as_left(&self, stage: Stage, held: &Custody, concerned: impl Iterator<Item = &'a Detainer>) -> Laws {
        let custody = held.after(&self.admitted.value);
        let class = self.caller().agency.class;
        // What the previous holder saw of a warrant, the next holder has not seen.
        let with_next = |detainer: &Detainer| {
            let described = detainer.described_anew(&held.intake.subject, &custody.intake.subject);
            Detainer { custodian: Some(custody.custodian.clone()), ..described }
        };
        concerned.map(|detainer| self.law_on_detainer(stage, &with_next(detainer), Some(&custody), class)).collect()
    }

    /// That the date of a release is public does not make the date of an eligibility so.
    fn laws_on_eligibility(&self) -> Result<Laws, Denial> {
        let mut custody = self.as_holder()?.clone();
        if let Some(scheduled) = &mut custody.scheduled {
            scheduled.date_public = false;
        }
        let class = self.caller().agency.class;
        let on_one = |detainer| self.law_on_detainer(Stage::Schedule, detainer, Some(&custody), class);
        Ok(self.case.active().map(on_one).collect())
    }

    /// A person is offered to another custodian of the jurisdiction, by whoever holds them.
    fn check_next(&self, next: &AgencyId) -> Result<(), Denial> {
        let held = self.as_holder()?;
        let next = self.gate.custodian_of(self.jurisdiction(), next).filter(|next| next.id != held.custodian);
        next.map(|_| ()).ok_or(Denial::NoSuchCustodian)
    }

    pub(super) fn law_on_detainer(
        &self,
        stage: Stage,
        detainer: &Detainer,
        custody: Option<&Custody>,
        custodian_class: Option<AgencyClass>,
    ) -> (CaseName, LawView) {
        let facts = facts_of_detainer(stage, self.gate.requester(detainer), detainer, custody, self.as_of());
        (detainer.name.clone(), self.ask(&CaseFacts { custodian_class, ..facts }))
    }

    fn ask(&self, facts: &CaseFacts) -> LawView {
        self.gate.engine.law(self.jurisdiction(), facts, self.now)
    }

    /// Today's date in the jurisdiction, and the table of offences by which its law reads charges.
    fn as_of(&self) -> AsOf<'a> {
        self.gate.as_of(self.jurisdiction(), self.now)
    }
}
