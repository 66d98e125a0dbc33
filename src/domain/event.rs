//! What happened, and who may know of it. An event is never edited: a change of meaning is a new variant.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::appeal::{Appeal, AppealAnswer, Bars, Filter};
use crate::domain::charge::Charge;
use crate::domain::claim::{Claim, ClaimOutcome, Side};
use crate::domain::clocks::Firing;
use crate::domain::correction::Correction;
pub use crate::domain::counts::Counts;
use crate::domain::custody::{
    ActualRelease, Closing, Custody, Identity, MoveOffer, Movement, OtherGround, ReleaseEligibility, ScheduledRelease,
};
use crate::domain::detainer::{Acknowledgement, Answer, Detainer, LiftReason};
use crate::domain::determination::{Determination, FieldClass, FieldClasses, LawAction};
use crate::domain::expungement::ExpungementOrder;
use crate::domain::facts::CaseFacts;
use crate::domain::hand_over::HandedTo;
use crate::domain::ids::{AgencyId, BookingNumber, CaseName, LogKind};
use crate::domain::interview::{Interview, InterviewAnswer};
use crate::domain::obligation::OwedObligation;
use crate::domain::review::Review;
use crate::domain::service::ServiceOfCopy;
use crate::domain::subject::Subject;
use crate::domain::transfer::{Transfer, TransferName};
use crate::domain::warrant::VerifiedWarrant;

/// Whether the issuer may know of an event. This decides which log it is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// The issuer may know.
    ToIssuer,
    /// It stays within the jurisdiction.
    Internal,
    /// The issuer may know that what it was told no longer stands, but not what stands now.
    Retraction,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A detainer was lodged.
    DetainerLodged(Box<Detainer>),
    /// The custodian said what it found.
    DetainerAcknowledged {
        /// Which detainer.
        detainer: CaseName,
        /// By whom.
        custodian: AgencyId,
        /// The finding.
        acknowledgement: Acknowledgement,
        /// It corrects an earlier finding.
        correction: Option<Correction>,
        /// Whether the issuer may know.
        disclosure: Disclosure,
    },
    /// The custodian answered.
    DetainerAnswered {
        /// Which detainer.
        detainer: CaseName,
        /// By whom.
        custodian: AgencyId,
        /// The answer.
        answer: Answer,
        /// It corrects an earlier answer.
        correction: Option<Correction>,
        /// Whether the issuer may know.
        disclosure: Disclosure,
    },
    /// The issuer amended its request. The detainer is as if it had been lodged so.
    DetainerAmended(Box<Detainer>),
    /// An officer of the custodian verified the warrant.
    WarrantVerified {
        /// Of which detainer.
        detainer: CaseName,
        /// What was found.
        verified: Box<VerifiedWarrant>,
    },
    /// A copy was served.
    CopyServed {
        /// Of which detainer.
        detainer: CaseName,
        /// The evidence.
        service: ServiceOfCopy,
        /// It corrects an earlier service.
        correction: Option<Correction>,
        /// Whether the issuer may know.
        disclosure: Disclosure,
    },
    /// The issuer asks to speak with the person.
    InterviewRequested {
        /// Under which detainer.
        detainer: CaseName,
        /// As asked for.
        interview: Interview,
    },
    /// The person consents to the interview or refuses it, or the custodian declines.
    InterviewAnswered {
        /// Under which detainer.
        detainer: CaseName,
        /// What was said.
        answer: InterviewAnswer,
        /// The class that it reveals.
        revealed_class: FieldClass,
        /// Whether it is the first disclosed answer or replaces one.
        revision: Revision,
        /// Whether the issuer may know.
        disclosure: Disclosure,
    },
    /// The issuer no longer asks to speak with the person.
    InterviewWithdrawn {
        /// Under which detainer.
        detainer: CaseName,
    },
    /// A claim to citizenship was raised.
    CitizenshipClaimRaised {
        /// Upon which detainer.
        detainer: CaseName,
        /// By which side.
        side: Side,
        /// The claim.
        claim: Claim,
        /// Whether the issuer may know.
        disclosure: Disclosure,
    },
    /// A claim to citizenship was resolved.
    CitizenshipClaimResolved {
        /// Upon which detainer.
        detainer: CaseName,
        /// By which side.
        side: Side,
        /// What became of it.
        outcome: ClaimOutcome,
        /// Why.
        reason: String,
        /// Whether the issuer may know.
        disclosure: Disclosure,
    },
    /// A transfer was offered, accepted, declined, confirmed, or failed.
    TransferRecorded {
        /// Under which detainer.
        detainer: CaseName,
        /// As it now stands.
        transfer: Transfer,
        /// Why, where a person decided that it be offered, or the law did not allow the hand-over.
        reason: Option<String>,
    },
    /// The issuer lifted its detainer.
    DetainerWithdrawn {
        /// Which detainer.
        detainer: CaseName,
        /// Why.
        reason: LiftReason,
    },
    /// A custody was opened.
    CustodyOpened {
        /// As opened.
        custody: Box<Custody>,
        /// Detainers that waited for the person, and that the custodian is asked to acknowledge anew.
        asked_again: Vec<CaseName>,
    },
    /// Charges were replaced.
    ChargesUpdated {
        /// Of which custody.
        custody: CaseName,
        /// All of them.
        charges: Vec<Charge>,
        /// The person is now held on these charges, whatever a detainer asks.
        other_ground: Option<OtherGround>,
    },
    /// Who is held was corrected.
    IdentityCorrected {
        /// In which custody.
        custody: CaseName,
        /// Who it is.
        identity: Box<Identity>,
        /// Why.
        correction: Correction,
    },
    /// The person was moved, or taken over by another agency.
    CustodyMoved {
        /// In which custody.
        custody: CaseName,
        /// Where to.
        movement: Movement,
        /// The booking number of the agency that took the person over.
        booking_number: Option<BookingNumber>,
    },
    /// The person is offered to another agency.
    MoveOffered {
        /// As that agency is shown the custody.
        custody: Box<Custody>,
    },
    /// The offer was declined or withdrawn.
    MoveOfferEnded {
        /// Of which custody.
        custody: CaseName,
        /// As it now stands.
        offer: MoveOffer,
    },
    /// Another expected release replaces the one before.
    ReleaseRescheduled {
        /// Of which custody.
        custody: CaseName,
        /// When, and what the date rests on.
        release: ScheduledRelease,
    },
    /// No release is expected any more.
    ReleaseCancelled {
        /// Of which custody.
        custody: CaseName,
        /// Why.
        reason: Option<String>,
        /// What the person is now held on.
        other_ground: Option<OtherGround>,
    },
    /// The custody ended without a release. Every active detainer on it ended too.
    CustodyClosed {
        /// Which custody.
        custody: CaseName,
        /// How.
        closing: Closing,
        /// What proves that the person left, if neither death nor escape does.
        other_ground: Option<OtherGround>,
    },
    /// A release or closing did not take place. The detainers have their former state again.
    CustodyReopened {
        /// Which custody.
        custody: CaseName,
        /// Why.
        correction: Correction,
    },
    /// The record of a stay was destroyed.
    CustodyExpunged {
        /// Of which custody.
        custody: CaseName,
        /// By which order.
        order: ExpungementOrder,
        /// The detainers that were destroyed with it.
        detainers: Vec<CaseName>,
    },
    /// The issuer is told that what it was told of a custody was destroyed, and is to be destroyed.
    DetainerExpunged {
        /// By which detainer, which was destroyed too.
        detainer: CaseName,
    },
    /// A release was scheduled.
    ReleaseScheduled {
        /// Of which custody.
        custody: CaseName,
        /// When, and what the date rests on.
        release: ScheduledRelease,
    },
    /// The person becomes eligible for a release.
    EligibilityRecorded {
        /// In which custody.
        custody: CaseName,
        /// When, for which.
        eligibility: ReleaseEligibility,
    },
    /// The issuer is told when the person becomes eligible for a release, or that what it was told no longer stands.
    EligibilityNoticed {
        /// By which detainer.
        detainer: CaseName,
        /// When, for which.
        eligibility: ReleaseEligibility,
        /// Whether it learns of the date, or only that what it knew no longer stands.
        disclosure: Disclosure,
    },
    /// The person was released. Every active detainer on the custody ended.
    ReleaseRecorded {
        /// From which custody.
        custody: CaseName,
        /// When, why, to whom.
        release: ActualRelease,
        /// It corrects an earlier record of the release.
        correction: Option<Correction>,
        /// If the person was handed to a requester: to which one, and why.
        to: HandedTo,
    },
    /// The person was handed to a requester though the law did not allow it. The gateway itself records this.
    UnlawfulHandOver {
        /// From which custody.
        custody: CaseName,
        /// The confirmed transfer, if there is one.
        transfer: Option<TransferName>,
        /// The detainers for which the law did not allow it. Empty: no detainer asks for the person.
        detainers: Vec<CaseName>,
    },
    /// The issuer is told of an expected release.
    ReleaseNoticed {
        /// By which detainer.
        detainer: CaseName,
        /// The expected release.
        release: ScheduledRelease,
    },
    /// The issuer is told of a release.
    DetainerReleased {
        /// By which detainer.
        detainer: CaseName,
        /// The release.
        release: ActualRelease,
        /// Whether it is the first notice or a correction.
        revision: Revision,
    },
    /// The issuer is told of a change in its detainer's custody.
    CustodyNoticed {
        /// By which detainer.
        detainer: CaseName,
        /// What changed.
        change: Change,
        /// Whether it learns of the change, or only that what it knew no longer stands.
        disclosure: Disclosure,
    },
    /// The issuer is told that the expected release is off.
    NoticeCancelled {
        /// By which detainer.
        detainer: CaseName,
    },
    /// The issuer is told that the release or closing did not take place.
    DetainerReopened {
        /// By which detainer.
        detainer: CaseName,
    },
    /// The law no longer allows a promise, so a person must decide on it.
    PromiseSuspended {
        /// Upon which detainer.
        detainer: CaseName,
    },
    /// A matter was left to a person, or left on other grounds than before.
    ReviewOpened {
        /// Upon which detainer.
        detainer: CaseName,
        /// As it now stands.
        review: Box<Review>,
    },
    /// A review was decided, or became moot.
    ReviewResolved {
        /// Upon which detainer.
        detainer: CaseName,
        /// As it now stands.
        review: Box<Review>,
    },
    /// An obligation was met.
    ObligationMet {
        /// Upon which detainer.
        detainer: CaseName,
        /// As it now stands.
        owed: Box<OwedObligation>,
    },
    /// A legal clock ran out.
    ClockFired(Firing),
    /// An appeal was issued.
    AppealIssued {
        /// As issued.
        appeal: Box<Appeal>,
        /// Every detainer in it, in order.
        members: Vec<Uuid>,
        /// The filter that chose them, if they were not listed.
        filter: Option<Filter>,
    },
    /// The custodian answered an appeal for one detainer. The detainer does not change.
    AppealAnswered {
        /// Which appeal.
        appeal: CaseName,
        /// Which detainer.
        detainer: CaseName,
        /// The answer.
        answer: AppealAnswer,
        /// The class that it reveals.
        revealed_class: FieldClass,
        /// Whether it is the first disclosed answer or replaces one.
        revision: Revision,
        /// Whether the issuer may know.
        disclosure: Disclosure,
    },
    /// A custodian answered an appeal by law.
    AppealBarred {
        /// Which appeal.
        appeal: CaseName,
        /// By which custodian.
        custodian: AgencyId,
        /// What is barred, ground by ground.
        bars: Vec<Bars>,
    },
}

/// Whether an issuer is told of something for the first time, or is told a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revision {
    /// It is told for the first time.
    First,
    /// What it was told before is corrected.
    Corrected,
}

impl Revision {
    /// The revision that a command makes, which may be a correction, given what the issuer was told before.
    pub fn of_command<T>(correction: Option<&Correction>, before: Option<&T>) -> Self {
        if correction.is_some() && before.is_some() { Self::Corrected } else { Self::First }
    }

    /// The revision, given what the issuer was told before.
    pub fn after<T>(before: Option<&T>) -> Self {
        if before.is_some() { Self::Corrected } else { Self::First }
    }
}

/// A change of a custody that an issuer may learn of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The charges changed to these.
    Charges(Vec<Charge>),
    /// The person's description was corrected to this.
    Identity(Box<Subject>),
    /// The person was moved.
    Movement(Movement),
    /// The custody ended without a release.
    Closing(Closing),
}

/// A party that may see an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// One agency.
    Agency(AgencyId),
    /// Every custodian of the jurisdiction.
    Custodians,
    /// Every federal agency that takes part in the jurisdiction.
    Requesters,
    /// The jurisdiction's oversight.
    Oversight,
}

/// A determination that an event depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedDetermination {
    /// Of which detainer.
    pub detainer: CaseName,
    /// The act.
    pub action: LawAction,
    /// What the law says.
    pub determination: Arc<Determination>,
    /// The facts that were judged.
    pub facts: Arc<CaseFacts>,
    /// When they were judged.
    pub judged_at: Timestamp,
}

/// An event, with everything else that its entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// In which log of the jurisdiction.
    pub log: LogKind,
    /// The case it is about.
    pub resource: CaseName,
    /// Who may see which classes. It is an upper bound for every later delivery.
    pub audience: Vec<(Party, FieldClasses)>,
    /// Facts for statistics.
    pub counts: Counts,
    /// The determinations.
    pub determinations: Vec<RecordedDetermination>,
    /// Digest of the policy set that was asked, if any was.
    pub policy_digest: Option<[u8; 32]>,
}

impl Record {
    /// The classes that an agency was disclosed by this record.
    pub fn disclosed_to(&self, agency: &AgencyId) -> FieldClasses {
        let theirs = |party: &Party| matches!(party, Party::Agency(known) if known == agency);
        let own = self.audience.iter().find(|(party, _)| theirs(party));
        own.map_or(FieldClasses::NONE, |(_, classes)| *classes)
    }

    /// Whether the issuer learns only that something it was told no longer stands.
    pub fn is_retraction(&self) -> bool {
        self.log == LogKind::Exchange && self.audience.iter().any(|(_, classes)| *classes == retraction())
    }
}

/// The classes that a retraction shows: none but the facts for counting.
pub(super) fn retraction() -> FieldClasses {
    [FieldClass::Count].into_iter().collect()
}
