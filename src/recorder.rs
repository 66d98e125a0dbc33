//! The writer of each shard: it receives admitted jobs, drains its queue, makes one batch durable, then answers.
//!
//! [`queue`] takes writes in, [`writer`] has the loop and the commit, and [`plan`] makes the entries of a batch.

pub mod plan;
mod queue;
pub mod sources;
mod writer;

pub use plan::attempts::{Attempt, Delivering};
pub use plan::clocks::{ClocksConfig, Ticked};
pub use plan::rules::Duties;
pub use queue::error::SubmitError;
pub use queue::handle::{Handle, QueueLevel, WhenFull};
pub use queue::job::{Activated, WriterSettings};
pub use queue::recorded::Recorded;
pub use sources::{Cause, Clock, Entropy, Purpose};
pub use writer::config::RecorderConfig;
pub use writer::error::RecorderError;
pub use writer::head::{check_signed, origin};
pub use writer::published::Heads;
pub use writer::state::Recorder;
pub use writer::status::WriterStatus;
pub use writer::{Parts, Running};
