//! Comity: a gateway on which sovereigns exchange detainer and release messages, each under its own law.

pub mod domain;
pub mod wire;
