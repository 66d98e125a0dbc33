//! A claim to be a citizen of the United States: while it is open, nothing happens automatically.

use std::fmt;

use jiff::Timestamp;

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What became of a claim.
    pub enum ClaimOutcome {
        /// The person is a citizen: proof of status stands from now on.
        Confirmed = "confirmed",
        /// Nothing showed that the person is.
        NotConfirmed = "not-confirmed",
    }
}

/// Which side of a detainer speaks. Each side's claim is its own: were one side's refused because the other had raised
/// one before, the refusal would tell what the law may not let it be told.
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
    /// What it rests on. May be personal.
    pub grounds: Option<String>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(withheld)")
    }
}
