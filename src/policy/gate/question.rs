//! The question that a command puts to the law: whose case it is, which facts hold, and of which detainers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use crate::domain::agency::{AgencyClass, AgencyKind, Caller};
use crate::domain::calendar::day_of_record;
use crate::domain::case::Case;
use crate::domain::charge::Charge;
use crate::domain::command::CaseCommand;
use crate::domain::custody::{ClosingReason, Custody, Destination, Intake, Movement};
use crate::domain::detainer::{Addressee, Detainer, Finding, Request};
use crate::domain::determination::LawView;
use crate::domain::facts::{AsOf, Assertions, CaseFacts, Judge, Offence, Stage};
use crate::domain::ids::{CaseName, JurisdictionId};
use crate::domain::permit::Admitted;
use crate::domain::review::{ReviewDecision, ReviewMatter};
use crate::domain::safeguards::Safeguards;
use crate::domain::subject::{Flags, Subject};
use crate::domain::warrant::{VerifiedWarrant, Warrant, WarrantKind, WarrantVerification};
use crate::policy::gate::appeal::appeal_answer_stands_within;
use crate::policy::gate::within::{
    answer_stands_within, by_officer, decision_stands_within, match_borne_out, offer_stands_within,
};
use crate::policy::gate::{Denial, Gate, is_addressed_to};

/// A command upon a case at a moment.
pub(super) struct Question<'a> {
    pub(super) gate: &'a Gate,
    pub(super) admitted: &'a Admitted<CaseCommand>,
    pub(super) case: &'a Case,
    pub(super) now: Timestamp,
}

/// What the law says of each detainer that a command touches.
pub(super) type Laws = BTreeMap<CaseName, LawView>;

impl<'a> Question<'a> {
    /// What the law says, or why the caller may not do this to this case. `id` is the id of the case it would make.
    #[expect(clippy::too_many_lines, reason = "one arm a command, and each a line or few: the list is the function")]
    pub(super) fn laws(&self, id: Uuid) -> Result<Laws, Denial> {
        let linked = self.case.custody.as_ref();
        match &self.admitted.value {
            CaseCommand::LodgeDetainer(request) => {
                let name = CaseName::detainer(self.jurisdiction().clone(), id);
                Ok(BTreeMap::from([(name, self.of_request(request)?)]))
            }
            CaseCommand::AmendDetainer { request, .. } => self.of_amendment(request),
            CaseCommand::AcknowledgeDetainer { acknowledgement, .. } => {
                let detainer = self.custodians()?;
                let custody = match acknowledgement.finding {
                    Finding::MatchedCustody => {
                        let custody = self.holders()?;
                        match_borne_out(acknowledgement, self.caller(), detainer, custody)?;
                        // That it was somebody else was said before: whoever takes that back says why.
                        let parted =
                            detainer.parted.iter().any(|parted| parted.custody.as_ref() == Some(&custody.name));
                        let parted = parted || custody.not_of.contains(&detainer.issuer);
                        if parted && !(by_officer(self.caller()) && acknowledgement.reason.is_some()) {
                            return Err(Denial::OfficerRequired);
                        }
                        let heir = detainer.with_earlier_refusal(&self.case.linked);
                        return Ok(self.of_one(Stage::Acknowledge, &heir, Some(custody)));
                    }
                    // A match is parted by whoever holds the person that it was made with.
                    Finding::NoSuchPerson | Finding::IdentityMismatch => {
                        // Whoever it is matched to next would be without what guards this one.
                        let guarded = linked.is_some_and(|custody| self.is_guarded(custody, Some(detainer)));
                        linked.map(|_| self.by_officer_if(guarded)).transpose()?;
                        None
                    }
                };
                Ok(self.of_one(Stage::Acknowledge, detainer, custody))
            }
            CaseCommand::AnswerDetainer { answer, .. } => {
                let detainer = self.custodians()?;
                let laws = self.of_one(Stage::Answer, detainer, linked);
                laws.values().try_for_each(|law| answer_stands_within(answer, self.caller(), detainer, law))?;
                Ok(laws)
            }
            CaseCommand::OfferWindow { reason, .. } => {
                let detainer = self.custodians()?;
                let laws = self.of_one(Stage::Transfer, detainer, linked);
                laws.values().try_for_each(|law| offer_stands_within(reason.as_ref(), self.caller(), detainer, law))?;
                Ok(laws)
            }
            CaseCommand::VerifyWarrant { verification, .. } => self.of_verification(verification),
            CaseCommand::RecordServiceOfCopy { .. } => Ok(self.of_one(Stage::Serve, self.custodians()?, linked)),
            CaseCommand::RaiseCitizenshipClaim { .. } => self.of_claim(),
            CaseCommand::ResolveCitizenshipClaim { .. } => {
                let laws = self.of_claim()?;
                if by_officer(self.caller()) { Ok(laws) } else { Err(Denial::OfficerRequired) }
            }
            CaseCommand::IssueAppeal(_) | CaseCommand::BarAppeal { .. } => self.appeals().map(|()| Laws::new()),
            CaseCommand::AnswerAppeal { answer, .. } => {
                self.appeals()?;
                let detainer = self.custodians()?;
                let laws = self.of_one(Stage::Answer, detainer, linked);
                laws.values().try_for_each(|law| appeal_answer_stands_within(answer, self.caller(), detainer, law))?;
                Ok(laws)
            }
            CaseCommand::ResolveReview { review, decision, .. } => self.of_decision(review.matter, *decision),
            CaseCommand::MeetObligation { .. } => self.custodians().map(|_| Laws::new()),
            CaseCommand::WithdrawDetainer { .. }
            | CaseCommand::AcceptWindow { .. }
            | CaseCommand::DeclineWindow { .. } => self.issuers().map(|_| Laws::new()),
            CaseCommand::ConfirmTransfer { reason, .. } => self.of_confirmation(reason.as_ref()),
            CaseCommand::ReportFailure { .. } => self.issuers().or_else(|_| self.custodians()).map(|_| Laws::new()),
            CaseCommand::OpenCustody(_) => Ok(Laws::new()),
            CaseCommand::UpdateCharges { charges, other_ground, .. } => {
                let sealed = |custody: &Custody| custody.intake.charges.iter().any(Charge::sealed);
                let unseals = linked.is_some_and(sealed) && !charges.iter().any(Charge::sealed);
                self.by_officer_if(unseals || other_ground.is_some())?;
                self.of_holder(Stage::Change, self.case.active())
            }
            CaseCommand::CancelRelease { other_ground: Some(_), .. } => {
                self.by_officer_if(true)?;
                self.of_holder(Stage::Change, self.case.active())
            }
            CaseCommand::CloseCustody { other_ground: Some(_), .. } => {
                self.by_officer_if(true)?;
                self.of_holder(Stage::Release, self.case.active())
            }
            CaseCommand::CancelRelease { .. } | CaseCommand::ReopenCustody { .. } | CaseCommand::MoveCustody { .. } => {
                self.of_holder(Stage::Change, self.case.active())
            }
            CaseCommand::CorrectIdentity { identity, .. } => {
                let today = self.as_of().today;
                let lifts = |Intake { flags, subject, .. }: &Intake| {
                    // A birth date that made somebody a minor guards as the flag does.
                    let grown_up = subject.is_minor(today) && !identity.subject.is_minor(today);
                    let foreign = subject.is_called_citizen() && !identity.subject.is_called_citizen();
                    flags.lifted_by(identity.flags) || grown_up || foreign
                };
                self.by_officer_if(linked.is_some_and(|custody| lifts(&custody.intake)))?;
                self.of_holder(Stage::Change, self.case.linked.iter())
            }
            CaseCommand::ScheduleRelease { .. } | CaseCommand::RescheduleRelease { .. } => {
                self.of_holder(Stage::Schedule, self.case.active())
            }
            CaseCommand::RecordRelease { release, correction, to, .. } => {
                self.of_release(release, correction.as_ref(), to)
            }
            CaseCommand::CloseCustody { closing, .. } => {
                // Opened in error, or entered twice: what guards the person would be gone with it.
                let otherwise = !matches!(closing.reason, ClosingReason::Death | ClosingReason::Escape);
                let guarded = linked.is_some_and(|custody| self.is_guarded(custody, None));
                self.by_officer_if(otherwise && guarded)?;
                self.of_holder(Stage::Release, self.case.active())
            }
        }
    }

    /// Whether everything that is demanded is the issuer's own, or the appeal concerns whoever answers it. One that is
    /// not there reads the same as another's.
    fn appeals(&self) -> Result<(), Denial> {
        let Case { appeal, item, appealing, .. } = self.case;
        let own = &self.caller().agency.id;
        let may = if let CaseCommand::IssueAppeal(issue) = &self.admitted.value {
            issue.members.iter().all(|member| appealing.issuers.get(&member.id) == Some(own))
        } else if let CaseCommand::BarAppeal { judged, .. } = &self.admitted.value {
            let found = judged.open > 0 || !judged.bars.is_empty();
            appeal.as_ref().is_some_and(|appeal| found || appeal.addresses(own))
        } else {
            appeal.is_some() && item.is_some()
        };
        if may { Ok(()) } else { Err(Denial::NotFound) }
    }

    /// A review is decided by a person alone, and within what the law says now.
    fn of_decision(&self, matter: ReviewMatter, decision: ReviewDecision) -> Result<Laws, Denial> {
        let laws = self.of_one(Stage::Answer, self.custodians()?, self.case.custody.as_ref());
        if !by_officer(self.caller()) {
            return Err(Denial::OfficerRequired);
        }
        laws.values().try_for_each(|law| decision_stands_within(matter, decision, law))?;
        Ok(laws)
    }

    /// Whether something guards the person that would be gone with the custody, or with a detainer's standing on it: by the
    /// custodian's own record, by what requesters said of them, or since the warrant was refused.
    fn is_guarded(&self, custody: &Custody, detainer: Option<&Detainer>) -> bool {
        let today = self.as_of().today;
        let claimed = detainer
            .is_some_and(|detainer| detainer.refuses_warrant() || Safeguards::claimed(&detainer.request, today).any());
        let heard =
            || custody.reported_claims.safeguards_on(today).any() || !custody.reported_claims.refused.is_empty();
        custody.safeguards(today).any() || claimed || heard()
    }

    /// A safeguard is lifted by a person alone, and by whoever holds the person concerned.
    fn by_officer_if(&self, lifts_safeguard: bool) -> Result<(), Denial> {
        self.holders()?;
        if lifts_safeguard && !by_officer(self.caller()) { Err(Denial::OfficerRequired) } else { Ok(()) }
    }

    pub(super) fn caller(&self) -> &'a Caller {
        &self.admitted.caller
    }

    fn jurisdiction(&self) -> &'a JurisdictionId {
        &self.admitted.jurisdiction
    }

    /// The detainer, if the caller may speak to it as its custodian.
    pub(super) fn custodians(&self) -> Result<&'a Detainer, Denial> {
        let detainer = self.case.detainer.as_ref().filter(|detainer| is_addressed_to(detainer, self.caller()));
        detainer.ok_or(Denial::NotFound)
    }

    /// The detainer, if the caller lodged it.
    pub(super) fn issuers(&self) -> Result<&'a Detainer, Denial> {
        let detainer = self.case.detainer.as_ref().filter(|detainer| detainer.issuer == self.caller().agency.id);
        detainer.ok_or(Denial::NotFound)
    }

    /// The custody, if the caller holds the person.
    fn holders(&self) -> Result<&'a Custody, Denial> {
        let custody = self.case.custody.as_ref().filter(|custody| custody.custodian == self.caller().agency.id);
        custody.ok_or(Denial::NotFound)
    }

    /// From what the request carries, and nothing else: lodging reveals nothing about custody.
    fn of_request(&self, request: &Request) -> Result<LawView, Denial> {
        let class = match &request.addressee {
            Addressee::Jurisdiction => None,
            Addressee::Agency(id) => {
                self.gate.custodian_of(self.jurisdiction(), id).ok_or(Denial::NotACustodian)?.class
            }
        };
        let facts = facts_of(Stage::Lodge, self.caller().agency.kind, request, (None, None), self.as_of());
        Ok(self.ask(&CaseFacts { custodian_class: class, ..facts }))
    }

    fn of_amendment(&self, request: &Request) -> Result<Laws, Denial> {
        let detainer = self.issuers()?;
        let addressee = &detainer.request.addressee;
        if request.addressee != Addressee::Jurisdiction && request.addressee != *addressee {
            return Err(Denial::AddresseeFixed);
        }
        let amended = detainer.amended_by(request, day_of_record(self.now));
        Ok(BTreeMap::from([(detainer.name.clone(), self.of_request(&amended)?)]))
    }

    pub(super) fn of_one(&self, stage: Stage, detainer: &Detainer, custody: Option<&Custody>) -> Laws {
        BTreeMap::from([self.of_detainer(stage, detainer, custody, self.caller().agency.class)])
    }

    /// A warrant is verified by a person alone, and the law is asked of what that leaves.
    fn of_verification(&self, verification: &WarrantVerification) -> Result<Laws, Denial> {
        let detainer = self.custodians()?;
        if !by_officer(self.caller()) {
            return Err(Denial::OfficerRequired);
        }
        let verified = detainer.verified_by(verification, &self.caller().agency.id, self.now);
        Ok(self.of_one(
            Stage::Change,
            &Detainer { verified: Some(verified), ..detainer.clone() },
            self.case.custody.as_ref(),
        ))
    }

    /// Of each detainer that a claim of the custodian's touches, with the claim as the command leaves it. The issuer's own
    /// claim tells nobody anything of a custody.
    fn of_claim(&self) -> Result<Laws, Denial> {
        if self.issuers().is_ok() {
            return Ok(Laws::new());
        }
        let named = self.custodians()?;
        let custody = self.case.custody.as_ref().map(|custody| custody.after(&self.admitted.value));
        let class = self.caller().agency.class;
        let touched = self.case.active().chain([named]);
        Ok(touched.map(|detainer| self.of_detainer(Stage::Claim, detainer, custody.as_ref(), class)).collect())
    }

    /// Of each detainer whose issuer may have to be told of what the holder of the person enters, with the custody as the
    /// command leaves it: nothing is shown that was sealed by the very command.
    pub(super) fn of_holder(
        &self,
        stage: Stage,
        concerned: impl Iterator<Item = &'a Detainer>,
    ) -> Result<Laws, Denial> {
        let held = self.holders()?;
        let custody = held.after(&self.admitted.value);
        let class = self.class_after()?;
        // What the holder before saw of a warrant, the next has not seen.
        let with_next = |detainer: &Detainer| {
            let described = detainer.described_anew(&held.intake.subject, &custody.intake.subject);
            Detainer { custodian: Some(custody.custodian.clone()), ..described }
        };
        Ok(concerned.map(|detainer| self.of_detainer(stage, &with_next(detainer), Some(&custody), class)).collect())
    }

    /// What the custodian is, once the command is done.
    fn class_after(&self) -> Result<Option<AgencyClass>, Denial> {
        let own = &self.caller().agency;
        let CaseCommand::MoveCustody { movement: Movement { to: Destination::Agency(next, _), .. }, .. } =
            &self.admitted.value
        else {
            return Ok(own.class);
        };
        let next = self.gate.custodian_of(self.jurisdiction(), next).filter(|next| next.id != own.id);
        next.map(|next| next.class).ok_or(Denial::NoSuchCustodian)
    }

    pub(super) fn of_detainer(
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

    /// What day it is where the law is of, and by which table it reads charges.
    fn as_of(&self) -> AsOf<'a> {
        self.gate.as_of(self.jurisdiction(), self.now)
    }
}

/// Whether the date of the release is open to the public: of the one that took place, or else of the expected one.
fn date_public(custody: &Custody) -> bool {
    let actual = custody.released.as_ref().map(|release| release.date_public);
    actual.or(custody.scheduled.as_ref().map(|release| release.date_public)).unwrap_or(false)
}

/// Facts of a detainer where it stands. What the custodian saw of the warrant is its own record, as the custody is.
pub(super) fn facts_of_detainer(
    stage: Stage,
    requester_kind: AgencyKind,
    detainer: &Detainer,
    custody: Option<&Custody>,
    as_of: AsOf<'_>,
) -> CaseFacts {
    let known = (detainer.verified_now(), custody);
    let match_disputed = custody.is_some_and(|custody| detainer.match_disputed(custody));
    CaseFacts { match_disputed, ..facts_of(stage, requester_kind, &detainer.request, known, as_of) }
}

/// Facts known to the gateway, each under whoever says it: what was asked, what the custodian's record holds where the
/// request stands on a custody of its, and what the requester says.
pub(super) fn facts_of(
    stage: Stage,
    requester_kind: AgencyKind,
    request: &Request,
    (verified, custody): (Option<&VerifiedWarrant>, Option<&Custody>),
    as_of: AsOf<'_>,
) -> CaseFacts {
    CaseFacts {
        stage,
        requester_kind,
        custodian_class: None,
        form: request.form,
        asks_for_hold: request.form.asks_for_hold(),
        basis: request.basis.iter().copied().collect(),
        warrant: officers_warrant(&request.warrant, (verified, custody), as_of.today),
        final_order: verified.is_some_and(VerifiedWarrant::final_order_seen),
        date_public: custody.is_some_and(date_public),
        match_disputed: false,
        record: record(verified, custody, as_of),
        asserted: heard(claims(request, as_of), custody, as_of.today),
    }
}

/// What the requester says, and what others said of the same person under detainers on the same custody.
fn heard(claims: Assertions, custody: Option<&Custody>, today: Date) -> Assertions {
    let guards = custody.map(|custody| custody.reported_claims.safeguards_on(today)).unwrap_or_default();
    Assertions {
        // Of what another says of citizenship, however sure, a person makes sure.
        citizenship_claim: claims.citizenship_claim || (guards.of_a_citizen() && !claims.citizen),
        lawful_status: claims.lawful_status || guards.lawful,
        juvenile: claims.juvenile || guards.juvenile,
        sealed: claims.sealed || guards.sealed,
        protected: claims.protected || guards.protected,
        ..claims
    }
}

/// An officer's warrant triggers by its document: attached, or received by the custodian. One that the custodian refused, or
/// read as expired, triggers nothing.
fn officers_warrant(
    warrant: &Warrant,
    (verified, custody): (Option<&VerifiedWarrant>, Option<&Custody>),
    today: Date,
) -> WarrantKind {
    if verified.is_none() && custody.is_some_and(|custody| custody.reported_claims.refuses(warrant)) {
        return WarrantKind::None;
    }
    if verified.is_some_and(|verified| verified.refused() || verified.expired(today)) {
        return WarrantKind::None;
    }
    let officers = matches!(warrant.kind, WarrantKind::I200 | WarrantKind::I205);
    let attached = officers && warrant.document.is_some() && !warrant.expired(today);
    let received = verified.and_then(|verified| verified.officers_warrant(today));
    if attached { warrant.kind } else { received.unwrap_or(WarrantKind::None) }
}

/// What the custodian's own record says.
fn record(verified: Option<&VerifiedWarrant>, custody: Option<&Custody>, as_of: AsOf<'_>) -> Assertions {
    let warrant = verified.and_then(|verified| verified.judges_warrant(as_of.today));
    let intake = custody.map(|custody| &custody.intake);
    let charges = intake.map(|intake| intake.charges.as_slice()).unwrap_or_default();
    let flags = intake.map(|intake| intake.flags).unwrap_or_default();
    let said = said(flags, charges, intake.map(|intake| &intake.subject), as_of);
    Assertions {
        judge: warrant.map_or(Judge::None, |warrant| warrant.issuing_authority.into()),
        criminal_warrant: warrant.is_some_and(|warrant| warrant.criminal),
        ..said
    }
}

/// What the requester says of the world.
fn claims(request: &Request, as_of: AsOf<'_>) -> Assertions {
    let said = said(request.flags, &request.charges, Some(&request.subject), as_of);
    let judge = Judge::from(request.warrant.issuing_authority);
    Assertions {
        judge,
        criminal_warrant: request.warrant.criminal && judge != Judge::None,
        terrorist_list_match: request.terrorist_list_match || said.terrorist_list_match,
        ..said
    }
}

/// What a record says of a person. Safeguards are derived as well as flagged.
fn said(flags: Flags, charges: &[Charge], subject: Option<&Subject>, as_of: AsOf<'_>) -> Assertions {
    let guards = subject.map(|subject| Safeguards::of(flags, subject, charges, as_of.today)).unwrap_or_default();
    Assertions {
        judge: Judge::None,
        criminal_warrant: false,
        terrorist_list_match: flags.terrorist_list_match,
        offences: charges.iter().map(|charge| Offence::of(charge, as_of)).collect(),
        // A record that calls somebody a citizen claims it for them, until an officer has looked.
        citizenship_claim: guards.claim || guards.called_citizen,
        citizen: guards.citizen,
        lawful_status: guards.lawful,
        juvenile: guards.juvenile,
        sealed: guards.sealed,
        protected: guards.protected,
    }
}
