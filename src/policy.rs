//! What callers may do and what the law says, both as Cedar policies: deny by default, and every evaluation error denies.
//!
//! [`load`] reads and checks a [`load::PolicySet`]; an [`engine::Engine`] answers from it the method question
//! ([`admit`]) and the law's question; [`cases`] holds a set against its tables of cases; `vocabulary` says in Cedar what the
//! domain says in Rust.

pub mod admit;
pub mod candidate;
pub mod cases;
pub mod digest;
pub mod engine;
pub mod explain;
pub mod gate;
pub mod in_force;
pub mod listing;
pub mod load;
pub mod prove;
pub mod replay;
pub mod rulings;
pub mod switches;

mod claims;
mod decision_cache;
mod determination;
mod embedded;
mod fact_dependencies;
mod jurisdiction_law;
mod limits;
mod rules;
mod statutes;
mod vocabulary;
mod words;

#[cfg(test)]
mod access;
#[cfg(test)]
mod packs;
#[cfg(test)]
mod samples;
