//! A custodian's roster, held against what is on record: which of its open detainers may be about whom, and which of its
//! open custodies is whose. Nothing is decided here: what is found is proposed to the custodian.
//!
//! Two records are compared only if they have something in common to begin with, so that a hundred thousand people are not
//! each compared with twenty thousand detainers ([`Index`]).

mod holdings;
mod index;
mod likeness;
mod limits;
mod name;

pub use holdings::{Candidate, Holdings, RosterFinding, is_open};
pub use index::Index;
pub use likeness::{BirthDateAgreement, Likeness, Person};
pub use limits::Limits;

#[cfg(test)]
mod tests;
