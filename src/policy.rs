//! What callers may do and what the law says. Both are Cedar policies: deny by default, and every evaluation error
//! denies.
//!
//! [`load`] reads and checks a [`load::PolicySet`]. An [`engine::Engine`] answers two questions from it: may this
//! caller call this method ([`admit`]), and what does the law say of this case ([`gate`])? [`cases`] checks a set
//! against its tables of cases. `vocabulary` translates the domain's words into Cedar's.

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
mod tests;
