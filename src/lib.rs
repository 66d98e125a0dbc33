//! Comity: a gateway on which sovereigns exchange detainer and release messages, each under its own law.

pub mod domain;
pub mod identity;
pub mod ledger;
pub mod policy;
pub mod recorder;
pub mod store;
pub mod wire;
