//! The one writer per shard: receives what was admitted, drains what is there, makes one batch durable, then answers.
//!
//! Open [`queue`] to see how a write comes in, [`writer`] for the loop and what becomes of a batch, [`plan`] for what a
//! batch is made of.

pub mod plan;
mod queue;
pub mod sources;
mod writer;

pub use plan::attempts::{Attempt, Delivering};
pub use plan::clocks::{ClocksConfig, Ticked};
pub use plan::rules::Duties;
pub use queue::error::SubmitError;
pub use queue::handle::{Handle, WhenFull};
pub use queue::job::Activated;
pub use queue::recorded::Recorded;
pub use sources::{Cause, Clock, Entropy, Purpose};
pub use writer::config::RecorderConfig;
pub use writer::error::RecorderError;
pub use writer::head::{check_signed, origin};
pub use writer::published::Heads;
pub use writer::state::Recorder;
pub use writer::status::WriterStatus;
pub use writer::{Parts, Running};
