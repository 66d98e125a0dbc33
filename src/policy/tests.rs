//! Tests of the policy room as a whole, and the samples that its files' own tests share.

mod access;
mod packs;
pub(crate) mod samples;
