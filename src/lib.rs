//! Comity: a gateway on which sovereigns exchange detainer and release messages, each under its own law.

pub mod api;
pub mod domain;
pub mod feed;
pub mod identity;
pub mod ledger;
pub mod policy;
pub mod recorder;
pub mod store;
pub mod wire;
