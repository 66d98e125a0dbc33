//! The vocabulary of the exchange and its rules: pure, without network, storage, wire format or system clock.
//!
//! Read in this order: [`ids`], [`subject`], [`charge`], [`detainer`], [`custody`], [`transfer`], [`appeal`], then [`case`],
//! [`command`], [`event`], [`decide`], which is the rule book itself, and [`apply`], which is what follows of it.

pub mod agency;
pub mod agenda;
pub mod appeal;
pub mod apply;
pub mod calendar;
pub mod case;
pub mod charge;
pub mod claim;
pub mod clocks;
pub mod command;
pub mod correction;
pub mod counts;
pub mod custody;
pub mod decide;
pub mod detainer;
pub mod determination;
pub mod disclosure;
pub mod event;
pub mod facts;
pub mod firing;
pub mod hand_over;
pub mod hold;
pub mod ids;
pub mod inbox;
pub mod matching;
pub mod method;
pub mod moment;
pub mod obligation;
pub mod partial_date;
pub mod permit;
pub mod range;
pub mod reassessment;
mod record;
pub mod refusal;
pub mod review;
pub mod safeguards;
pub mod service;
mod spelling;
pub mod statute;
pub mod subject;
pub mod text;
pub mod times;
pub mod timetable;
pub mod transfer;
pub mod vocabulary;
pub mod warrant;
pub mod zone;
