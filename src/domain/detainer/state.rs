//! The state of a detainer.

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The state of a detainer. Its life cycle is the table in docs/lifecycle.md.
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
        /// Another detainer of the same issuer asks for the same.
        Duplicate = "duplicate",
        /// The custodian does not hold the person now, and is asked again when it takes somebody in.
        NotInCustody = "not-in-custody",
        /// The custodian did not have the person by the day that it gave.
        NotFoundInTime = "not-found-in-time",
    }
}

impl DetainerState {
    /// Whether the detainer still has effect: it was not lifted, ended or answered with nobody found.
    pub fn is_active(self) -> bool {
        match self {
            Self::Lodged
            | Self::Matched
            | Self::UnderReview
            | Self::HoldHonored
            | Self::NotifyOnly
            | Self::Declined
            | Self::NotInCustody => true,
            Self::NoSuchPerson
            | Self::IdentityMismatch
            | Self::Duplicate
            | Self::NotFoundInTime
            | Self::Released
            | Self::Withdrawn
            | Self::Closed => false,
        }
    }
}
