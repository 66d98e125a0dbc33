//! Comity: a gateway on which sovereigns exchange detainer and release messages, each under its own law.

pub mod accept;
pub mod api;
pub mod claims;
pub mod cli;
pub mod client;
pub mod config;
pub mod demo;
pub mod domain;
pub mod ed25519;
pub mod export;
pub mod feed;
pub mod files;
pub mod identity;
pub mod ledger;
pub mod metrics;
pub mod policy;
pub mod quota;
pub mod random;
pub mod recorder;
pub mod reports;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod verify;
pub mod wire;
pub mod witness;
