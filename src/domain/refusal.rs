//! Why a command changes nothing, in one sentence each.

/// Why a command changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such case, or none the caller may know of.
    #[error("there is no such case")]
    NoSuchCase,
    /// Acknowledged before.
    #[error("the detainer was already acknowledged")]
    AlreadyAcknowledged,
    /// Answered before.
    #[error("the detainer was already answered")]
    AlreadyAnswered,
    /// Hold, notice and service need a custody.
    #[error("the detainer is not matched to a custody")]
    NotMatched,
    /// Released, withdrawn, or nobody was found.
    #[error("the detainer no longer stands")]
    NoLongerStands,
    /// Lifted before.
    #[error("the detainer was already withdrawn")]
    AlreadyWithdrawn,
    /// One active detainer per issuer on one custody.
    #[error("a detainer of the same issuer already stands on this custody")]
    AlreadyLodged,
    /// Nobody is held any more.
    #[error("the person was already released from this custody")]
    AlreadyReleased,
    /// A date was entered before.
    #[error("a release is already scheduled")]
    AlreadyScheduled,
    /// One custodian cannot speak for all of a jurisdiction.
    #[error("a detainer addressed to the jurisdiction waits for the custodian that holds the person")]
    AwaitsHolder,
    /// A correction of what was never recorded.
    #[error("there is nothing to correct")]
    NothingToCorrect,
    /// A match is parted before another is made.
    #[error("the detainer is matched: correct that finding first")]
    MatchedAlready,
    /// Only what counts can cease to count.
    #[error("no warrant was verified or received")]
    NothingVerified,
    /// Served before.
    #[error("a copy was already served")]
    AlreadyServed,
    /// One open claim a side.
    #[error("a citizenship claim is already open")]
    AlreadyRaised,
    /// None of the caller's.
    #[error("no citizenship claim of the caller's is open")]
    NoOpenClaim,
    /// No date was entered.
    #[error("no release is scheduled")]
    NotScheduled,
    /// Nothing to reopen.
    #[error("the person is still held")]
    StillHeld,
    /// Ended without a release.
    #[error("the custody was already closed")]
    AlreadyClosed,
    /// A pick-up follows hold or notice.
    #[error("neither hold nor notice was promised")]
    NotPromised,
    /// One at a time.
    #[error("a transfer is already open")]
    TransferOpen,
    /// Too late.
    #[error("the window has closed")]
    WindowClosed,
    /// Too early.
    #[error("the window is still open")]
    WindowOpen,
    /// The window was accepted or declined before.
    #[error("the window is not on offer")]
    NotOffered,
    /// Nobody agreed to it yet.
    #[error("the window was not accepted")]
    NotAccepted,
    /// Said before.
    #[error("the caller already confirmed the transfer")]
    AlreadyConfirmed,
    /// Declined, complete or failed.
    #[error("the transfer is over")]
    TransferOver,
    /// Nobody came is for the custodian to say, nobody was brought for the requester.
    #[error("the cause is for the other side to report")]
    NotYours,
    /// The detainer itself does not say so.
    #[error("the detainer itself does not say so: acknowledge or answer that first")]
    NotBorneOut,
    /// Nothing is chosen.
    #[error("no detainer is chosen")]
    NothingChosen,
    /// More than one appeal takes.
    #[error("more detainers are chosen than one appeal takes")]
    AppealTooLarge,
    /// As many as may be.
    #[error("the caller has as many appeals that are not due yet as it may have")]
    TooManyAppeals,
    /// Nobody can answer by then.
    #[error("the due date is not to come")]
    DueAlready,
    /// Nothing to record.
    #[error("the law bars none of what is still open")]
    NothingBarred,
    /// Judged before somebody else answered.
    #[error("the appeal was answered meanwhile: ask again")]
    AnsweredMeanwhile,
    /// Decided before, or moot.
    #[error("nothing is left to a person of it")]
    NothingLeftOpen,
    /// Whoever raised the claim resolves it.
    #[error("a claim is resolved by resolving the claim")]
    ClaimStands,
    /// Met before.
    #[error("the obligation was already met")]
    AlreadyMet,
}
