//! Figures of detainers, and how both sides can recompute them.
//!
//! A [`Fold`] takes the entries that an audience may read, in order, and makes a [`Report`] of them. The gateway folds what it would
//! show the caller; `comity report --recompute` folds an export of the same entries and gets the same bytes. Nothing here asks who
//! somebody is: what an audience may not see is not among the entries and openings that it hands in.

mod claimed;
mod counted_entry;
mod detainer;
mod difference;
mod figures;
mod fold;
mod merged;
mod page;
mod plots;
mod publication;
mod report;
mod statutory;
mod suppression;
mod tally;
mod wire_form;

pub use claimed::add_claims;
pub use counted_entry::CountedEntry;
pub use difference::{ClaimsDifference, Difference, LogDifference, OneSided, claims_difference, difference};
pub use fold::Fold;
pub use merged::Merged;
pub use page::html;
pub use plots::PlotError;
pub use publication::{Publication, Quarter};
pub use report::{CountedTree, Question, Report, Row, Table};
pub use suppression::{Protected, SMALLEST_SHOWN, protect};
pub use wire_form::{from_wire_form, to_wire_form};
