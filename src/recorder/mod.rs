//! The one writer per shard: receives what was admitted, drains what is there, makes one batch durable, then answers.
//!
//! Open [`handle`] to see how a write comes in, [`batch`] for the loop, [`record`] for one batch, [`plan`] for what a
//! batch is made of; [`standing`] and [`others`] for what is different where other gateways write to the same logs.

mod acknowledge;
mod activate;
mod alarm;
mod answer;
mod appeals;
mod batch;
mod confirm;
mod durable;
mod follow;
pub mod handle;
mod head;
mod jobs;
mod judge;
mod naming;
mod others;
mod outcome;
pub mod plan;
mod record;
pub mod seams;
mod standing;
mod sweep;
mod ticks;
mod tries;

pub use activate::Activated;
pub use batch::{Heads, Parts, Recorder, RecorderConfig, RecorderError, Running, origin};
pub use follow::Duties;
pub use handle::{Handle, Recorded, SubmitError};
pub use head::check_signed;
pub use seams::{Cause, Clock, Entropy, Purpose};
pub use standing::Hindrance;
pub use ticks::{ClocksConfig, Ticked};
pub use tries::{Attempt, Delivering};
