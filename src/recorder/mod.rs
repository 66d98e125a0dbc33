//! The one writer per shard: receives what was admitted, drains what is there, makes one batch durable, then answers.
//!
//! Open [`handle`] to see how a write comes in, [`batch`] for the loop, [`plan`] for what a batch is made of.

mod activate;
mod answer;
mod appeals;
mod batch;
mod confirm;
mod durable;
mod follow;
pub mod handle;
mod head;
mod jobs;
mod naming;
mod outcome;
pub mod plan;
pub mod seams;
mod ticks;
mod tries;

pub use activate::Activated;
pub use batch::{Heads, Parts, Recorder, RecorderConfig, RecorderError, Running, origin};
pub use follow::Duties;
pub use handle::{Handle, Recorded, SubmitError};
pub use seams::{Clock, Entropy};
pub use ticks::{ClocksConfig, Ticked};
pub use tries::{Attempt, Delivering};
