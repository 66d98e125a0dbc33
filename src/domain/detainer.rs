//! A detainer: the request itself, its answer, and where it stands.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::charge::Charge;
use crate::domain::clocks::DetainerClocks;
use crate::domain::custody::Custody;
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::matching;
use crate::domain::obligation::Owed;
use crate::domain::review::Review;
use crate::domain::service::ServiceOfCopy;
pub use crate::domain::shown::{Parted, Shown, Viewpoint};
use crate::domain::subject::{Flags, MatchMethod, Subject};
use crate::domain::transfer::Transfer;
use crate::domain::vocabulary::vocabulary;
pub use crate::domain::warrant::{IssuingAuthority, Warrant, WarrantKind};
use crate::domain::warrant::{VerifiedWarrant, WarrantVerification};

vocabulary! {
    /// The form the request is made on.
    pub enum DetainerForm {
        /// I-247A (02/17): notify and hold.
        I247a = "i-247a",
        /// I-247G: notify only.
        I247g = "i-247g",
        /// I-247D, legacy: hold.
        I247d = "i-247d",
        /// I-247N, legacy: notify.
        I247n = "i-247n",
        /// I-247X, legacy: hold, outside the priorities of its day.
        I247x = "i-247x",
    }
}

impl DetainerForm {
    /// Whether the form asks to keep the person past release, or only to be told.
    pub fn asks_for_hold(self) -> bool {
        match self {
            Self::I247a | Self::I247d | Self::I247x => true,
            Self::I247g | Self::I247n => false,
        }
    }
}

vocabulary! {
    /// Why the issuer says it may ask: probable cause in one of four ways, or custody lent.
    pub enum DetainerBasis {
        /// A final order of removal.
        FinalOrder = "final-order",
        /// Removal proceedings are pending.
        PendingProceedings = "pending-proceedings",
        /// Biometric match and database check.
        BiometricMatch = "biometric-match",
        /// Statements or other reliable evidence.
        Statements = "statements",
        /// The department lent the person for a proceeding and wants them back.
        CustodyLent = "custody-lent",
    }
}

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

vocabulary! {
    /// What the custodian found when it looked for the person.
    pub enum Finding {
        /// Found: the person is in a custody of ours.
        MatchedCustody = "matched-custody",
        /// Nobody of that description.
        NoSuchPerson = "no-such-person",
        /// Somebody, but not the person meant.
        IdentityMismatch = "identity-mismatch",
    }
}

vocabulary! {
    /// What the custodian will do.
    pub enum AnswerKind {
        /// Hold as asked, and notify.
        HonorHold = "honor-hold",
        /// Notify of release, without a hold.
        NotifyOnly = "notify-only",
        /// Neither.
        Decline = "decline",
        /// A person must decide first.
        PendingReview = "pending-review",
    }
}

vocabulary! {
    /// Why a custodian declined.
    pub enum DeclineGround {
        /// No judge signed.
        NeedsJudicialWarrant = "needs-judicial-warrant",
        /// No offence that the law names.
        NoQualifyingOffence = "no-qualifying-offence",
        /// The law forbids it whatever the offence.
        ProhibitedByLaw = "prohibited-by-law",
        /// The record is sealed and nothing may be disclosed.
        Sealed = "sealed",
        /// Another ground, cited in the legal basis.
        OtherCited = "other-cited",
    }
}

vocabulary! {
    /// Where a detainer stands. Its life cycle is the table in docs/lifecycle.md.
    pub enum DetainerState {
        /// Received, not yet looked into.
        Lodged = "lodged",
        /// The custodian holds the person.
        Matched = "matched",
        /// The custodian holds nobody of that description.
        NoSuchPerson = "no-such-person",
        /// The custodian holds somebody else of that description.
        IdentityMismatch = "identity-mismatch",
        /// A person must decide before it is answered.
        UnderReview = "under-review",
        /// Will be held and notified.
        HoldHonored = "hold-honored",
        /// Will be notified.
        NotifyOnly = "notify-only",
        /// Declined.
        Declined = "declined",
        /// The person was released.
        Released = "released",
        /// Lifted by its issuer.
        Withdrawn = "withdrawn",
        /// The custody ended without a release.
        Closed = "closed",
    }
}

impl AnswerKind {
    /// Where a detainer so answered stands.
    pub fn state(self) -> DetainerState {
        match self {
            Self::HonorHold => DetainerState::HoldHonored,
            Self::NotifyOnly => DetainerState::NotifyOnly,
            Self::Decline => DetainerState::Declined,
            Self::PendingReview => DetainerState::UnderReview,
        }
    }

    /// Whether it promises hold or notice.
    pub fn promises(self) -> bool {
        matches!(self, Self::HonorHold | Self::NotifyOnly)
    }
}

impl DetainerState {
    /// Whether the detainer still stands on a custody.
    pub fn is_active(self) -> bool {
        match self {
            Self::Lodged
            | Self::Matched
            | Self::UnderReview
            | Self::HoldHonored
            | Self::NotifyOnly
            | Self::Declined => true,
            Self::NoSuchPerson | Self::IdentityMismatch | Self::Released | Self::Withdrawn | Self::Closed => false,
        }
    }
}

/// Whom the request is addressed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Addressee {
    /// A named custodian.
    Agency(AgencyId),
    /// Whoever in the jurisdiction holds the person.
    Jurisdiction,
}

/// What the issuer asked, as lodged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Addressee.
    pub addressee: Addressee,
    /// The form.
    pub form: DetainerForm,
    /// The asserted basis; never empty.
    pub basis: Vec<DetainerBasis>,
    /// The warrant.
    pub warrant: Warrant,
    /// The person, as the issuer describes them.
    pub subject: Subject,
    /// Charges known to the issuer.
    pub charges: Vec<Charge>,
    /// The issuer says that the person was matched to the federal terrorist watch list.
    #[serde(default)]
    pub terrorist_list_match: bool,
    /// Safeguards known to the issuer.
    pub flags: Flags,
    /// Round-the-clock telephone of the issuer's duty officer.
    pub contact_phone: Option<String>,
    /// When the issuer says it made the request.
    pub occurred_at: Option<Timestamp>,
}

/// What the custodian found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The finding.
    pub finding: Finding,
    /// The custody, where the person was found.
    pub custody: Option<CaseName>,
    /// How the match was made.
    pub method: Option<MatchMethod>,
    /// How sure, in per cent.
    pub confidence_percent: Option<u32>,
    /// When, as the custodian says.
    pub occurred_at: Option<Timestamp>,
    /// Why, where an officer vouches for a match that the records do not bear out. May be personal: stays with the
    /// custodian.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What the custodian will do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Hold, notify, decline or review.
    pub kind: AnswerKind,
    /// Why, where declined.
    pub ground: Option<DeclineGround>,
    /// The law relied on, as a citation. Every answer has one.
    pub legal_basis: String,
    /// Why, where a person decided or a duty was departed from. May be personal: stays with the custodian.
    pub reason: Option<String>,
    /// When, as the custodian says.
    pub occurred_at: Option<Timestamp>,
}

/// A detainer as its custodian knows it; what others see is a view of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detainer {
    /// Its name.
    pub name: CaseName,
    /// Who asked.
    pub issuer: AgencyId,
    /// What was asked, as last amended.
    pub request: Request,
    /// Which version of the request that is: 1 as lodged, and one more with each amendment.
    pub request_version: u32,
    /// Who took it on; the addressee, or the first of the jurisdiction to acknowledge.
    pub custodian: Option<AgencyId>,
    /// What was found.
    pub acknowledgement: Option<Acknowledgement>,
    /// How often either record has come to describe the person otherwise.
    #[serde(default)]
    pub described: u32,
    /// One of the records has come to describe somebody whom it did not describe when the match was made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redescribed: bool,
    /// How often something has come up that guards the person and did not before. What was decided before that was decided of
    /// another question.
    #[serde(default)]
    pub guarded: u32,
    /// Where an officer vouched for the match: as of which description. Another was not before them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched: Option<u32>,
    /// What was answered.
    pub answer: Option<Answer>,
    /// When and how a copy was served.
    pub service: Option<ServiceOfCopy>,
    /// What its custodian saw of the warrant. Never shown to the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<VerifiedWarrant>,
    /// Pick-ups, oldest first. Known to both parties from the offer on.
    pub transfers: Vec<Transfer>,
    /// What the law left to a person, one of each matter. Never shown to the issuer.
    #[serde(default)]
    pub reviews: Vec<Review>,
    /// What the law asks besides. Never shown to the issuer.
    #[serde(default)]
    pub obligations: Vec<Owed>,
    /// Where it stands.
    pub state: DetainerState,
    /// Where the issuer has been told that it stands.
    pub shown: Shown,
    /// When the release was first noticed to the issuer: position in the exchange log.
    pub notice_index: Option<u64>,
    /// Custodies that it was matched to by mistake, oldest first.
    #[serde(default)]
    pub parted: Vec<Parted>,
    /// Why it was lifted.
    pub lift_reason: Option<LiftReason>,
    /// Where it stood when the custody ended.
    pub ended_from: Option<DetainerState>,
    /// What its clocks turn on, beside the rest.
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
    /// As it stands when lodged: nothing found, nothing answered, nothing told but itself.
    pub fn lodged(name: CaseName, issuer: AgencyId, request: Request, now: Timestamp) -> Self {
        Self {
            name,
            issuer,
            request,
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
            transfers: Vec::new(),
            reviews: Vec::new(),
            obligations: Vec::new(),
            state: DetainerState::Lodged,
            shown: Shown::lodged(now),
            notice_index: None,
            parted: Vec::new(),
            lift_reason: None,
            ended_from: None,
            clocks: DetainerClocks::default(),
            lodged_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// What is asked once this is put in its place. The addressee stays, and no safeguard is lifted by leaving it out: what
    /// was claimed by a flag, by a birth date or by a charge stands.
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

    /// Whether the records do not bear out the match by which it stands on a custody, and no officer vouched for it as they
    /// are. Either side may have described the person anew since it was made.
    pub fn match_disputed(&self, custody: &Custody) -> bool {
        let matched = |found: &&Acknowledgement| found.custody.as_ref() == Some(&custody.name);
        let found = self.acknowledgement.as_ref().filter(matched);
        let (asked, held) = (&self.request.subject, &custody.intake.subject);
        let unlike = |found| {
            let of_prints = self.redescribed && matching::no_longer_of_prints(found, asked, held);
            of_prints || !matching::disputed(found, asked, held).is_empty()
        };
        self.vouched != Some(self.described) && found.is_some_and(unlike)
    }

    /// Once one of the two records describes the person so, who was described so before.
    pub(in crate::domain) fn describe(&mut self, before: &Subject, after: &Subject) {
        if !matching::alike(before, after) {
            self.described = self.described.saturating_add(1);
            self.redescribed = self.redescribed || !matching::of_one(before, after);
        }
    }

    /// The same, with what its custody says of the person corrected.
    #[must_use]
    pub fn described_anew(&self, before: &Subject, after: &Subject) -> Self {
        let mut detainer = self.clone();
        detainer.describe(before, after);
        detainer
    }

    /// Once something guards the person that did not before.
    pub(in crate::domain) fn guard(&mut self) {
        self.guarded = self.guarded.saturating_add(1);
    }

    /// Whether its custodian refused the warrant, of this request or of one before.
    pub fn refuses_warrant(&self) -> bool {
        self.verified.as_ref().is_some_and(VerifiedWarrant::refused)
    }

    /// As it stands on a custody beside others of its issuer's, lifted or not: what the custodian refused of its warrants is
    /// refused, though it asks anew.
    #[must_use]
    pub fn heir_of(&self, standing: &[Self]) -> Self {
        let own = |before: &&Self| before.issuer == self.issuer && before.name != self.name && before.refuses_warrant();
        let refused = standing.iter().filter(own).filter_map(|before| before.verified.clone()).next_back();
        Self { verified: self.verified.clone().or(refused), ..self.clone() }
    }

    /// Whoever holds the person, or is asked by name.
    pub fn holder(&self) -> Option<&AgencyId> {
        match (&self.custodian, &self.request.addressee) {
            (Some(agency), _) | (None, Addressee::Agency(agency)) => Some(agency),
            (None, Addressee::Jurisdiction) => None,
        }
    }

    /// What whoever holds the person now saw of the warrant as it is asserted now.
    pub fn verified_now(&self) -> Option<&VerifiedWarrant> {
        self.verified.as_ref().filter(|verified| verified.speaks_for(&self.request, self.holder()))
    }

    /// What a custodian saw of the warrant as it is asserted now.
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
