//! Why a command is refused: one sentence of the rule book each.

/// Why a command changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such case, or none that the caller may know of.
    #[error("there is no such case")]
    NoSuchCase,
    /// Acknowledged before.
    #[error("the detainer was already acknowledged")]
    AlreadyAcknowledged,
    /// Answered before.
    #[error("the detainer was already answered")]
    AlreadyAnswered,
    /// Hold, notice and service need a matched custody.
    #[error("the detainer is not matched to a custody")]
    NotMatched,
    /// Released, withdrawn, or nobody was found.
    #[error("the detainer no longer stands")]
    NoLongerStands,
    /// Lifted before.
    #[error("the detainer was already withdrawn")]
    AlreadyWithdrawn,
    /// An issuer may have one active detainer on a custody.
    #[error("a detainer of the same issuer already stands on this custody")]
    AlreadyLodged,
    /// A stay is opened once.
    #[error("an open custody of the same agency has this booking number")]
    AlreadyBooked,
    /// The person has left.
    #[error("the person was already released from this custody")]
    AlreadyReleased,
    /// A date was entered before.
    #[error("a release is already scheduled")]
    AlreadyScheduled,
    /// One custodian cannot answer for the whole jurisdiction.
    #[error("a detainer addressed to the jurisdiction waits for the custodian that holds the person")]
    AwaitsHolder,
    /// What is to be corrected was never recorded.
    #[error("there is nothing to correct")]
    NothingToCorrect,
    /// A mistaken match is corrected before another is made.
    #[error("the detainer is matched: correct that finding first")]
    MatchedAlready,
    /// Only a warrant that counts can cease to count.
    #[error("no warrant was verified or received")]
    NothingVerified,
    /// A duplicate is of another detainer of the same issuer.
    #[error("the detainer named is not another one of the same issuer that stands")]
    NotADuplicate,
    /// Served before.
    #[error("a copy was already served")]
    AlreadyServed,
    /// Each side has at most one open claim.
    #[error("a citizenship claim is already open")]
    AlreadyRaised,
    /// The caller has no open claim.
    #[error("no citizenship claim of the caller's is open")]
    NoOpenClaim,
    /// One interview is asked for at a time.
    #[error("an interview is already asked for")]
    InterviewOpen,
    /// There is none to answer or to withdraw.
    #[error("no interview is asked for")]
    NoInterview,
    /// No date was entered.
    #[error("no release is scheduled")]
    NotScheduled,
    /// The custody has not ended.
    #[error("the person is still held")]
    StillHeld,
    /// Ended without a release.
    #[error("the custody was already closed")]
    AlreadyClosed,
    /// A pick-up needs a promise of hold or notice.
    #[error("neither hold nor notice was promised")]
    NotPromised,
    /// Only one transfer is open at a time.
    #[error("a transfer is already open")]
    TransferOpen,
    /// The window is over.
    #[error("the window has closed")]
    WindowClosed,
    /// The window is not over yet.
    #[error("the window is still open")]
    WindowOpen,
    /// The window was accepted or declined before.
    #[error("the window is not on offer")]
    NotOffered,
    /// The requester has not accepted the window.
    #[error("the window was not accepted")]
    NotAccepted,
    /// The caller has confirmed it before.
    #[error("the caller already confirmed the transfer")]
    AlreadyConfirmed,
    /// One offer to hand the person on is open at a time.
    #[error("the person is already offered to another agency")]
    MoveOpen,
    /// Answered or withdrawn before, or never made.
    #[error("the person is not offered to another agency")]
    MoveNotOpen,
    /// Declined, complete or failed.
    #[error("the transfer is over")]
    TransferOver,
    /// Only the custodian reports that nobody came; only the requester reports that nobody was brought.
    #[error("the cause is for the other side to report")]
    NotYours,
    /// The detainer does not support the answer to the appeal.
    #[error("the detainer itself does not say so: acknowledge or answer that first")]
    NotBorneOut,
    /// Nothing is chosen.
    #[error("no detainer is chosen")]
    NothingChosen,
    /// More than one appeal takes.
    #[error("more detainers are chosen than one appeal takes")]
    AppealTooLarge,
    /// The caller has reached its limit of open appeals.
    #[error("the caller has as many appeals that are not due yet as it may have")]
    TooManyAppeals,
    /// The due date has passed.
    #[error("the due date is not to come")]
    DueAlready,
    /// Nothing to record.
    #[error("the law bars none of what is still open")]
    NothingBarred,
    /// The appeal was answered by law after this answer was prepared.
    #[error("the appeal was answered meanwhile: ask again")]
    AnsweredMeanwhile,
    /// The review was decided before, or is moot.
    #[error("nothing is left to a person of it")]
    NothingLeftOpen,
    /// The side that raised the claim resolves it.
    #[error("a claim is resolved by resolving the claim")]
    ClaimStands,
    /// Met before.
    #[error("the obligation was already met")]
    AlreadyMet,
}
