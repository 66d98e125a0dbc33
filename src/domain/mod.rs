//! The vocabulary of the exchange and its rules: pure, without network, storage, wire format or system clock.
//!
//! Read in this order: [`ids`], [`subject`], [`charge`], [`detainer`], [`custody`], then [`case`], [`command`],
//! [`event`] and [`decide`], which is the rule book itself.

pub mod agency;
pub mod case;
pub mod charge;
pub mod command;
pub mod custody;
pub mod decide;
pub mod detainer;
pub mod determination;
pub mod event;
pub mod facts;
pub mod ids;
pub mod inbox;
pub mod permit;
mod record;
pub mod subject;
mod told;
pub mod vocabulary;
