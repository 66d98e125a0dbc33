//! A detainer as it is stored: the request, the custodian's finding and answer, and what its issuer may see of them.

mod answer;
mod clocks;
mod description;
mod finding;
mod issuer_view;
mod obligations;
pub(in crate::domain) mod promise;
mod redaction;
mod release_view;
mod request;
mod reviews;
mod state;

use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use answer::{Answer, AnswerKind, DeclineGround};
pub use clocks::DetainerClocks;
pub use finding::{Acknowledgement, Finding, MistakenMatch};
pub use issuer_view::{IssuerView, Viewpoint};
pub use release_view::{ClosingTold, ReleaseNotice, ReleaseNoticeKind, ReleaseTold, ReleaseView};
pub use request::{Addressee, DetainerBasis, DetainerForm, Request};
pub use state::DetainerState;

use crate::domain::charge::Charge;
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::interview::Interview;
use crate::domain::obligation::OwedObligation;
use crate::domain::review::Review;
use crate::domain::service::ServiceOfCopy;
use crate::domain::transfer::Transfer;
use crate::domain::vocabulary::vocabulary;
pub use crate::domain::warrant::{IssuingAuthority, Warrant, WarrantKind};
use crate::domain::warrant::{VerifiedWarrant, WarrantVerification};

vocabulary! {
    /// Why a detainer was lifted (`im:DetainerLiftReason`).
    pub enum LiftReason {
        /// Booked into detention.
        BookedIntoDetention = "booked-into-detention",
        /// Declined by the law enforcement agency.
        DeclinedByLea = "declined-by-lea",
        /// Case closed.
        CaseClosed = "case-closed",
        /// A duplicate of another.
        Duplicate = "duplicate",
        /// Released early.
        EarlyRelease = "early-release",
        /// Temporary resource constraint.
        TemporaryResourceConstraint = "temporary-resource-constraint",
        /// Insufficient notice to ICE.
        InsufficientNotice = "insufficient-notice",
        /// No longer in custody.
        NoLongerInCustody = "no-longer-in-custody",
        /// Not amenable to removal.
        NotAmenableToRemoval = "not-amenable-to-removal",
        /// Prosecutorial discretion.
        ProsecutorialDiscretion = "prosecutorial-discretion",
        /// Judicial review.
        JudicialReview = "judicial-review",
        /// Superseded by a new form.
        SupersededByNewForm = "superseded-by-new-form",
        /// A citizen of the United States, or a presumptive claim to be one.
        CitizenshipClaim = "citizenship-claim",
    }
}

/// A detainer as its custodian knows it. Everybody else sees a view of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detainer {
    /// Its name.
    pub name: CaseName,
    /// Who asked.
    pub issuer: AgencyId,
    /// The request, as last amended. Shared: a detainer is copied wherever it is shown, and its request is most of it.
    pub request: Arc<Request>,
    /// The version of the request: 1 as lodged, one more with each amendment.
    pub request_version: u32,
    /// The custodian: the addressee, or the first agency of the jurisdiction to acknowledge.
    pub custodian: Option<AgencyId>,
    /// What was found.
    pub acknowledgement: Option<Acknowledgement>,
    /// How often the request or the custody changed its description of the person.
    #[serde(default)]
    pub described: u32,
    /// Since the match was made, the request or the custody changed to describe somebody else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redescribed: bool,
    /// How often a new safeguard for the person came up. A decision made before the last one answered another question.
    #[serde(default)]
    pub guarded: u32,
    /// The value of `described` when an officer vouched for the match. The officer did not see a later description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched: Option<u32>,
    /// What was answered.
    pub answer: Option<Answer>,
    /// When and how a copy was served.
    pub service: Option<ServiceOfCopy>,
    /// What its custodian found when it looked into the warrant. Never shown to the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<VerifiedWarrant>,
    /// The interview that its issuer last asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interview: Option<Interview>,
    /// Pick-ups, oldest first. Both parties know them from the offer on.
    pub transfers: Vec<Transfer>,
    /// What the law left to a person, at most one review of each matter. Never shown to the issuer.
    #[serde(default)]
    pub reviews: Vec<Review>,
    /// What the custodian owes under the law. Never shown to the issuer.
    #[serde(default)]
    pub obligations: Vec<OwedObligation>,
    /// Its state.
    pub state: DetainerState,
    /// The detainer as disclosed to its issuer.
    #[serde(rename = "shown")]
    pub issuer_view: IssuerView,
    /// Index in the exchange log of the first notice of release. None: no notice stands.
    pub notice_index: Option<u64>,
    /// Custodies that it was matched to by mistake, oldest first.
    #[serde(default, rename = "parted")]
    pub mistaken_matches: Vec<MistakenMatch>,
    /// Why it was lifted.
    pub lift_reason: Option<LiftReason>,
    /// Its state just before the custody ended.
    pub ended_from: Option<DetainerState>,
    /// What its clocks need besides the rest.
    #[serde(default)]
    pub clocks: DetainerClocks,
    /// When it was lodged, by our clock.
    pub lodged_at: Timestamp,
    /// When it last changed, by our clock.
    pub updated_at: Timestamp,
    /// Counts every change.
    pub version: u64,
}

impl Detainer {
    /// A detainer as lodged: nothing found, answered or disclosed yet.
    pub fn lodged(name: CaseName, issuer: AgencyId, request: impl Into<Arc<Request>>, now: Timestamp) -> Self {
        Self {
            name,
            issuer,
            request: request.into(),
            request_version: 1,
            custodian: None,
            acknowledgement: None,
            described: 0,
            redescribed: false,
            guarded: 0,
            vouched: None,
            answer: None,
            service: None,
            verified: None,
            interview: None,
            transfers: Vec::new(),
            reviews: Vec::new(),
            obligations: Vec::new(),
            state: DetainerState::Lodged,
            issuer_view: IssuerView::lodged(now),
            notice_index: None,
            mistaken_matches: Vec::new(),
            lift_reason: None,
            ended_from: None,
            clocks: DetainerClocks::default(),
            lodged_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// The request after an amendment. The addressee stays. An amendment MUST NOT lift a safeguard by leaving it out:
    /// what a flag, a birth date or a charge claimed before still holds.
    #[must_use]
    pub fn amended_by(&self, request: &Request, today: Date) -> Request {
        let before = &self.request;
        let mut flags = request.flags.either(before.flags);
        flags.juvenile = flags.juvenile || before.subject.is_minor(today);
        flags.sealed = flags.sealed || before.charges.iter().any(Charge::sealed);
        flags.citizenship_claim = flags.citizenship_claim || before.subject.is_called_citizen();
        Request { addressee: before.addressee.clone(), flags, ..request.clone() }
    }

    /// The custody that it is linked to.
    pub fn linked_custody(&self) -> Option<&CaseName> {
        self.acknowledgement.as_ref()?.custody.as_ref()
    }

    /// From when on an answer is due, and what is owed from the receipt on: from the request or its amendment; if the
    /// custodian did not hold the person then, from when it did.
    pub fn received_at(&self) -> Timestamp {
        self.clocks.found_at.or(self.clocks.amended_at).unwrap_or(self.lodged_at)
    }

    /// When an answer is due that may be given within this time. `None`: none is owed, or that is outside the range of times.
    pub fn answer_due_at(&self, within: SignedDuration) -> Option<Timestamp> {
        // Put under review counts as answered: a review has a due time of its own.
        let is_owed = matches!(self.state, DetainerState::Lodged | DetainerState::Matched);
        self.received_at().checked_add(within).ok().filter(|_| is_owed)
    }

    /// Records that a new safeguard for the person came up.
    pub(in crate::domain) fn note_safeguard(&mut self) {
        self.guarded = self.guarded.saturating_add(1);
    }

    /// Whether its custodian refused the warrant of this request or of an earlier one.
    pub fn refuses_warrant(&self) -> bool {
        self.verified.as_ref().is_some_and(VerifiedWarrant::refused)
    }

    /// The detainer after it is linked to a custody. If the custodian refused a warrant under an earlier detainer of
    /// the same issuer, lifted or not, that refusal carries over: asking anew does not undo it.
    #[must_use]
    pub fn with_earlier_refusal(&self, linked: &[Self]) -> Self {
        let own = |before: &&Self| before.issuer == self.issuer && before.name != self.name && before.refuses_warrant();
        let refused = linked.iter().filter(own).filter_map(|before| before.verified.clone()).next_back();
        Self { verified: self.verified.clone().or(refused), ..self.clone() }
    }

    /// The agency that holds the person, or else the addressee if it is named.
    pub fn holder(&self) -> Option<&AgencyId> {
        match (&self.custodian, &self.request.addressee) {
            (Some(agency), _) | (None, Addressee::Agency(agency)) => Some(agency),
            (None, Addressee::Jurisdiction) => None,
        }
    }

    /// Whom an answer of this agency speaks for. One that answers in place of the addressee reveals that it holds the person, like
    /// one that answers for a jurisdiction.
    pub(in crate::domain) fn answered_for_by(&self, agency: &AgencyId) -> Addressee {
        let named = Addressee::Agency(agency.clone());
        if self.request.addressee == named { named } else { Addressee::Jurisdiction }
    }

    /// What the present custodian found of the warrant as it is asserted now.
    pub fn verified_now(&self) -> Option<&VerifiedWarrant> {
        self.verified.as_ref().filter(|verified| verified.speaks_for(&self.request, self.holder()))
    }

    /// A verification by a custodian, bound to the warrant and the person as the request describes them now.
    pub fn verified_by(&self, seen: &WarrantVerification, custodian: &AgencyId, now: Timestamp) -> VerifiedWarrant {
        VerifiedWarrant {
            verification: seen.clone(),
            custodian: custodian.clone(),
            asserted: self.request.warrant.clone(),
            subject: Some(Box::new(self.request.subject.clone())),
            recorded_at: now,
        }
    }
}
