//! A claim to be a citizen of the United States. While it is open, nothing happens automatically.

use std::fmt;

use jiff::Timestamp;

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What became of a claim.
    pub enum ClaimOutcome {
        /// The person is a citizen. Counts as proof of status from now on.
        Confirmed = "confirmed",
        /// Citizenship was not shown.
        NotConfirmed = "not-confirmed",
    }
}

/// A side of a detainer. Each side has its own claim: if one side's claim were refused because the other had raised
/// one, the refusal would reveal what the law may withhold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The agency that lodged it.
    Issuer,
    /// The agency that holds the person.
    Custodian,
}

/// A claim as raised.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// When it was made, as the caller says.
    pub occurred_at: Option<Timestamp>,
    /// Its grounds. May be personal.
    pub grounds: Option<String>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(withheld)")
    }
}
