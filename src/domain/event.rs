//! What happened, and for whom it may be known. Events are never edited: a change of meaning is a new variant.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::appeal::{Appeal, AppealAnswer, Bars, Filter};
use crate::domain::charge::Charge;
use crate::domain::claim::{Claim, ClaimOutcome, Side};
use crate::domain::clocks::Firing;
use crate::domain::correction::Correction;
pub use crate::domain::counts::Counts;
use crate::domain::custody::{ActualRelease, Closing, Custody, Identity, Movement, OtherGround, ScheduledRelease};
use crate::domain::detainer::{Acknowledgement, Answer, Detainer, LiftReason};
use crate::domain::determination::{Determination, FieldClass, FieldClasses, LawAction};
use crate::domain::facts::CaseFacts;
use crate::domain::hand_over::HandedTo;
use crate::domain::ids::{AgencyId, CaseName, LogKind};
use crate::domain::obligation::OwedObligation;
use crate::domain::review::Review;
use crate::domain::service::ServiceOfCopy;
use crate::domain::subject::Subject;
use crate::domain::transfer::{Transfer, TransferName};
use crate::domain::warrant::VerifiedWarrant;

/// Whether the issuer may know of an event. It decides which log the event is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// The issuer may know.
    ToIssuer,
    /// It stays within the jurisdiction.
    Internal,
    /// The issuer may know that what it was told of this no longer stands, and not what does.
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
    /// The issuer put a new version in place of what it had asked: the detainer as if it were lodged so.
    DetainerAmended(Box<Detainer>),
    /// An officer of the custodian looked into the warrant.
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
    CustodyOpened(Box<Custody>),
    /// Charges were replaced.
    ChargesUpdated {
        /// Of which custody.
        custody: CaseName,
        /// All of them.
        charges: Vec<Charge>,
        /// The person is held on these now, whatever a detainer asks.
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
    /// The person was moved.
    CustodyMoved {
        /// In which custody.
        custody: CaseName,
        /// Where to.
        movement: Movement,
    },
    /// Another release is expected in place of the one before.
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
        /// What the person is held on now.
        other_ground: Option<OtherGround>,
    },
    /// The custody ended without a release, and with it every detainer on it.
    CustodyClosed {
        /// Which custody.
        custody: CaseName,
        /// How.
        closing: Closing,
        /// What says that the person has left, where neither death nor escape does.
        other_ground: Option<OtherGround>,
    },
    /// A release or closing did not take place: detainers stand as before.
    CustodyReopened {
        /// Which custody.
        custody: CaseName,
        /// Why.
        correction: Correction,
    },
    /// A release was scheduled.
    ReleaseScheduled {
        /// Of which custody.
        custody: CaseName,
        /// When, and what the date rests on.
        release: ScheduledRelease,
    },
    /// A person was released, and with it every detainer on the custody ended.
    ReleaseRecorded {
        /// From which custody.
        custody: CaseName,
        /// When, why, to whom.
        release: ActualRelease,
        /// It corrects an earlier record of the release.
        correction: Option<Correction>,
        /// Where the person was handed to a requester: to which, and why.
        to: HandedTo,
    },
    /// The person was handed to a requester, and the law did not allow it: said by the gateway itself.
    UnlawfulHandOver {
        /// From which custody.
        custody: CaseName,
        /// In which transfer, where one was confirmed.
        transfer: Option<TransferName>,
        /// Of which detainers the law did not allow it. Empty: none asks for the person.
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
        /// For the first time, or better than before.
        revision: Revision,
    },
    /// The issuer is told of a change of the custody that its detainer stands on.
    CustodyNoticed {
        /// By which detainer.
        detainer: CaseName,
        /// What changed.
        change: Change,
        /// Told of it, or only that what it was told before no longer stands.
        disclosure: Disclosure,
    },
    /// The issuer is told that the release it was told to expect is off.
    NoticeCancelled {
        /// By which detainer.
        detainer: CaseName,
    },
    /// The issuer is told that the release or closing it was told of did not take place.
    DetainerReopened {
        /// By which detainer.
        detainer: CaseName,
    },
    /// The law no longer allows what was promised: it waits for a person.
    PromiseSuspended {
        /// Upon which detainer.
        detainer: CaseName,
    },
    /// Something is left to a person, or on other grounds than before.
    ReviewOpened {
        /// Upon which detainer.
        detainer: CaseName,
        /// As it now stands.
        review: Box<Review>,
    },
    /// What was left to a person was decided, or there is nothing to decide any more.
    ReviewResolved {
        /// Upon which detainer.
        detainer: CaseName,
        /// As it now stands.
        review: Box<Review>,
    },
    /// What the law asks besides was done.
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
        /// What they were chosen by, where they were not listed.
        filter: Option<Filter>,
    },
    /// The custodian answered an appeal, of one detainer. That does not change.
    AppealAnswered {
        /// Which appeal.
        appeal: CaseName,
        /// Which detainer.
        detainer: CaseName,
        /// The answer.
        answer: AppealAnswer,
        /// The class that it tells of.
        revealed_class: FieldClass,
        /// First, or in place of another that the issuer was told.
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

/// Whether an issuer is told for the first time, or told better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revision {
    /// For the first time.
    First,
    /// What it was told before is corrected.
    Corrected,
}

impl Revision {
    /// What is told by a command that may be a correction, to an issuer that may have been told before.
    pub fn of_command<T>(correction: Option<&Correction>, before: Option<&T>) -> Self {
        if correction.is_some() && before.is_some() { Self::Corrected } else { Self::First }
    }

    /// What is told in the place of whatever was told before.
    pub fn after<T>(before: Option<&T>) -> Self {
        if before.is_some() { Self::Corrected } else { Self::First }
    }
}

/// A change of a custody that an issuer may be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The person is held on these charges now.
    Charges(Vec<Charge>),
    /// The person is this one.
    Identity(Box<Subject>),
    /// The person was moved.
    Movement(Movement),
    /// The custody ended without a release.
    Closing(Closing),
}

/// Who may see an entry.
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

/// A determination that an event rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedDetermination {
    /// Of which detainer.
    pub detainer: CaseName,
    /// Which act.
    pub action: LawAction,
    /// What the law says.
    pub determination: Arc<Determination>,
    /// The facts that it was asked on.
    pub facts: Arc<CaseFacts>,
    /// When it was asked.
    pub judged_at: Timestamp,
}

/// An event, and everything an entry says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// In which log of the jurisdiction.
    pub log: LogKind,
    /// The case it is about.
    pub resource: CaseName,
    /// Who may see it, and which classes. An upper bound for every later delivery.
    pub audience: Vec<(Party, FieldClasses)>,
    /// The facts for counting.
    pub counts: Counts,
    /// What the law was found to say.
    pub determinations: Vec<RecordedDetermination>,
    /// Digest of the policy set that was asked, where one was.
    pub policy_digest: Option<[u8; 32]>,
}

impl Record {
    /// Whether all that an issuer learns is that something it was told no longer stands.
    pub fn is_retraction(&self) -> bool {
        self.log == LogKind::Exchange && self.audience.iter().any(|(_, classes)| *classes == retraction())
    }
}

/// What a retraction shows: that there is one.
pub(super) fn retraction() -> FieldClasses {
    [FieldClass::Count].into_iter().collect()
}
